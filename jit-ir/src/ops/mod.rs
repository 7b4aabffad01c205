//! The op table: one row declares an op, everything else is derived.

pub mod composite;
pub mod einsum;
mod elementwise;
pub mod foreign;
pub mod host;
pub mod lanes;
pub mod methods;
mod parts;
pub mod range;
pub mod rows;
pub mod shape;
mod shown;
pub mod special;
mod table;
pub mod types;
pub mod window;

pub use table::{Class, Fails, Op, OpInfo};

use crate::data::Const;
use crate::types::{DType, Type};

/// What an op takes besides its operands. Each op uses the fields that its row names.
#[derive(Clone, Default, Debug)]
pub struct Attrs {
    /// Axes; negative ones count from the end. `None`: all of them.
    pub axes: Option<Vec<i64>>,
    /// Whether reduced axes stay, with size 1.
    pub keep: bool,
    /// An element type: of a cast's result, of a made tensor.
    pub dtype: Option<DType>,
    /// A name or a message.
    pub text: Option<String>,
    /// A constant: the value of `const`, the expected value of `guard`.
    pub value: Option<Const>,
    /// Whether the op may be contracted and reassociated with others that may (`fast_math`).
    pub fast: bool,
}

impl Attrs {
    /// Only axes.
    pub fn axes(axes: impl IntoIterator<Item = i64>) -> Attrs {
        Attrs { axes: Some(axes.into_iter().collect()), ..Attrs::default() }
    }

    /// Only an element type.
    pub fn dtype(dtype: DType) -> Attrs {
        Attrs { dtype: Some(dtype), ..Attrs::default() }
    }

    /// Equality, floats by bits.
    pub fn same(&self, other: &Attrs) -> bool {
        self.axes == other.axes
            && self.keep == other.keep
            && self.dtype == other.dtype
            && self.text == other.text
            && self.fast == other.fast
            && match (&self.value, &other.value) {
                (Some(a), Some(b)) => a.same_bits(b),
                (None, None) => true,
                _ => false,
            }
    }
}

/// In which way a node with these operand types can fail.
pub fn fails(op: Op, operands: &[Type], attrs: &Attrs) -> Fails {
    let info = op.info();
    if !matches!(info.class, Class::Elementwise) {
        return info.fails;
    }
    let int = operands.iter().any(|t| t.dtype().is_none_or(DType::is_int));
    let tensor = operands.iter().any(|t| !t.is_scalar());
    if int && op.divides() {
        return Fails::Value;
    }
    if !tensor {
        return if int && op.overflows() { Fails::Value } else { Fails::Never };
    }
    match shape::infer(op, operands, &[], attrs) {
        Ok(shape) if shape.sure => Fails::Never,
        _ => Fails::Shape,
    }
}

/// x to the power n as a chain of multiplications: the one order of multiplying that holds in
/// every mode.
pub fn powi<V: Clone>(
    x: V,
    n: i32,
    mut mul: impl FnMut(V, V) -> V,
    one: impl FnOnce(V) -> V,
    recip: impl FnOnce(V) -> V,
) -> V {
    let mut left = n.unsigned_abs();
    let mut base = x.clone();
    let mut product: Option<V> = None;
    while left > 0 {
        if left & 1 == 1 {
            product = Some(match product {
                Some(p) => mul(p, base.clone()),
                None => base.clone(),
            });
        }
        left >>= 1;
        if left > 0 {
            base = mul(base.clone(), base);
        }
    }
    match product {
        Some(p) if n < 0 => recip(p),
        Some(p) => p,
        None => one(x),
    }
}
