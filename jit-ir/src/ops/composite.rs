//! Methods that are made of several ops: one definition for eager tensors, recordings and scripts.
//!
//! Sizes stand in them through ops only (`sum(ones_like(x))`), so that a graph made at one size is right at any.

use super::methods::Arg;
use super::{Attrs, Op};
use crate::Scalar;

/// Where ops are applied: to tensors, or in a graph that grows.
pub trait Build {
    /// What ops take and give.
    type Value: Clone;
    /// Why an op cannot be applied.
    type Error;
    /// Applies an op.
    ///
    /// # Errors
    /// It does not fit.
    fn op(&mut self, op: Op, operands: &[&Self::Value], attrs: Attrs) -> Result<Self::Value, Self::Error>;
    /// The largest element along the last axis, which stays with size 1, and ln of the sum of e to the distances from it.
    /// Who can do these ops at once may, with the same bits.
    ///
    /// # Errors
    /// As [`Build::op`].
    fn log_total(&mut self, x: &Self::Value) -> Result<[Self::Value; 2], Self::Error> {
        log_total(self, x)
    }
    /// A host scalar.
    fn scalar(&mut self, value: Scalar) -> Self::Value;
    /// A host integer.
    fn int(&mut self, value: i64) -> Self::Value {
        self.scalar(Scalar::I64(value))
    }
}

/// A method made of ops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Composite {
    /// The square root of the sum of squares.
    Norm,
    /// `x·wᵀ + b`
    Linear,
    /// Along the last axis to mean 0 and variance 1, then scaled and shifted.
    LayerNorm,
    /// Along the last axis to a mean square of 1, then scaled.
    RmsNorm,
    /// The mean of what `log_softmax` has at the labels, negated.
    CrossEntropy,
    /// `softmax(q·kᵀ / sqrt(d))·v`
    Attention,
}

/// The methods, with their arguments after the receiver.
pub const METHODS: &[(&str, Composite, &[Arg])] = &[
    ("norm", Composite::Norm, &[]),
    ("linear", Composite::Linear, &[Arg::Operand, Arg::Operand]),
    ("layer_norm", Composite::LayerNorm, &[Arg::Operand, Arg::Operand, Arg::Operand]),
    ("cross_entropy", Composite::CrossEntropy, &[Arg::Indices]),
    ("rms_norm", Composite::RmsNorm, &[Arg::Operand, Arg::Operand]),
];

/// The functions `Tensor::name`, with their arguments.
pub const FUNCTIONS: &[(&str, Composite, &[Arg])] = &[(
    "scaled_dot_product_attention",
    Composite::Attention,
    &[Arg::Operand, Arg::Operand, Arg::Operand, Arg::Operand],
)];

/// The last axis, which reductions keep.
fn last() -> Attrs {
    Attrs { keep: true, ..Attrs::axes([-1]) }
}

impl Composite {
    /// Applies the ops to the receiver and the arguments, as many as the tables say.
    ///
    /// # Errors
    /// An op that does not fit.
    pub fn build<B: Build>(self, b: &mut B, args: &[B::Value]) -> Result<B::Value, B::Error> {
        let none = Attrs::default;
        match self {
            Composite::Norm => {
                let squares = b.op(Op::Square, &[&args[0]], none())?;
                let sum = b.op(Op::Sum, &[&squares], none())?;
                b.op(Op::Sqrt, &[&sum], none())
            }
            Composite::Linear => {
                let w = b.op(Op::Transpose, &[&args[1]], Attrs::axes([-2, -1]))?;
                let product = b.op(Op::Matmul, &[&args[0], &w], none())?;
                b.op(Op::Add, &[&product, &args[2]], none())
            }
            Composite::LayerNorm => {
                let mean = b.op(Op::Mean, &[&args[0]], last())?;
                let centred = b.op(Op::Sub, &[&args[0], &mean], none())?;
                let scaled = normalised(b, &centred, &args[3])?;
                let scaled = b.op(Op::Mul, &[&scaled, &args[1]], none())?;
                b.op(Op::Add, &[&scaled, &args[2]], none())
            }
            Composite::RmsNorm => {
                let scaled = normalised(b, &args[0], &args[2])?;
                b.op(Op::Mul, &[&scaled, &args[1]], none())
            }
            Composite::CrossEntropy => {
                // The distances from the largest logit, not the logits themselves: those may be so large that what
                // they differ by is lost in a sum with the logarithm.
                let [largest, total] = b.log_total(&args[0])?;
                let labels = b.op(Op::Unsqueeze, &[&args[1]], Attrs::axes([-1]))?;
                let chosen = b.op(Op::Gather, &[&args[0], &labels], Attrs::axes([-1]))?;
                let chosen = b.op(Op::Sub, &[&chosen, &largest], none())?;
                let losses = b.op(Op::Sub, &[&total, &chosen], none())?;
                b.op(Op::Mean, &[&losses], none())
            }
            Composite::Attention => b.op(Op::Attention, &[&args[0], &args[1], &args[2], &args[3]], none()),
        }
    }
}

/// [`Build::log_total`], op by op: what `log_softmax` subtracts from an element.
///
/// # Errors
/// As [`Build::op`].
pub fn log_total<B: Build + ?Sized>(b: &mut B, x: &B::Value) -> Result<[B::Value; 2], B::Error> {
    let largest = b.op(Op::Max, &[x], last())?;
    let distances = b.op(Op::Sub, &[x, &largest], Attrs::default())?;
    let exps = b.op(Op::Exp, &[&distances], Attrs::default())?;
    let sum = b.op(Op::Sum, &[&exps], last())?;
    let log = b.op(Op::Ln, &[&sum], Attrs::default())?;
    Ok([largest, log])
}

/// `x · rsqrt(mean(x²) + eps)` along the last axis.
fn normalised<B: Build>(b: &mut B, x: &B::Value, eps: &B::Value) -> Result<B::Value, B::Error> {
    let squares = b.op(Op::Square, &[x], Attrs::default())?;
    let mean = b.op(Op::Mean, &[&squares], last())?;
    let mean = b.op(Op::Add, &[&mean, eps], Attrs::default())?;
    let scale = b.op(Op::Rsqrt, &[&mean], Attrs::default())?;
    b.op(Op::Mul, &[x, &scale], Attrs::default())
}

/// The method of that name.
pub fn find(name: &str) -> Option<(Composite, &'static [Arg])> {
    METHODS.iter().find(|(known, ..)| *known == name).map(|(_, c, args)| (*c, *args))
}

/// The function of that name.
pub fn find_function(name: &str) -> Option<(Composite, &'static [Arg])> {
    FUNCTIONS.iter().find(|(known, ..)| *known == name).map(|(_, c, args)| (*c, *args))
}
