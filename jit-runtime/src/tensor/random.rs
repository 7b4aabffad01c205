//! Random tensors from keys.

use std::borrow::Borrow;
use std::fmt;

use jit_ir::ops::Attrs;
use jit_ir::{Op, Scalar, Type, random};
use smallvec::SmallVec;

use super::convert::sizes;
use super::raw::{RawTensor, Val};
use super::{Any, Float, IntoShape, Tensor, call};
use crate::script::{Argument, Inputs, Leaves, Outputs, Results, Returns};
use crate::trace::{self, KeyTag};

/// The source of random numbers: the same key gives the same numbers, in every mode, layout and on any number of
/// threads. There is no hidden state; a key that was used is split for more.
///
/// Numbers come from Philox4x32-10 (see `jit_ir::random`): block `i` of a tensor's elements, in row-major order, from
/// the key and `i`.
///
/// ```
/// use jit_runtime::prelude::*;
/// # fn main() {
/// let keys = Key::new(7).split(2);
/// let x: Tensor = Tensor::uniform(keys[0], [2, 3]);
/// assert_eq!(x, Tensor::uniform(keys[0], [2, 3]));
/// assert_ne!(x, Tensor::uniform(keys[1], [2, 3]));
/// assert!(x.min() >= 0.0 && x.max() < 1.0);
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Key {
    bits: i64,
    tag: Option<KeyTag>,
}

impl Key {
    /// The key of a seed.
    pub fn new(seed: u64) -> Key {
        Key { bits: seed as i64, tag: None }
    }

    /// `n` keys, independent of each other and of what this key gives.
    #[track_caller]
    pub fn split(&self, n: usize) -> Vec<Key> {
        let one = |i: usize| {
            if self.tag.is_none() {
                return Key { bits: random::split(self.bits, i), tag: None };
            }
            Key::from_any(&call(Op::SplitKey, Attrs::default(), &[&self.any(), &Scalar::Usize(i).into()]))
        };
        (0..n).map(one).collect()
    }

    fn any(&self) -> Any {
        let val = Val::Tensor(RawTensor::scalar(Scalar::I64(self.bits)));
        Any { val, tag: self.tag.and_then(trace::tag_of_key) }
    }

    fn from_any(any: &Any) -> Key {
        let bits = match &any.val {
            Val::Tensor(t) => t.item().as_i64(),
            Val::Scalar(s) => s.as_i64(),
            _ => 0,
        };
        Key { bits, tag: any.tag.as_ref().map(trace::key_tag) }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.bits == other.bits
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:#x})", self.bits)
    }
}

impl<T: Float> Tensor<T> {
    /// Numbers in 0..1, of the given sizes.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let x = Tensor::<f64>::uniform(Key::new(1), [1000]);
    /// assert!((x.mean().item() - 0.5).abs() < 0.05);
    /// # }
    /// ```
    #[track_caller]
    pub fn uniform(key: impl Borrow<Key>, shape: impl IntoShape) -> Tensor<T> {
        drawn(Op::Uniform, key.borrow(), shape)
    }

    /// Numbers of mean 0 and variance 1, normally distributed.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let x = Tensor::<f32>::normal(Key::new(1), [50, 40]);
    /// assert!(x.mean().item().abs() < 0.1 && (x.var().item() - 1.0).abs() < 0.1);
    /// # }
    /// ```
    #[track_caller]
    pub fn normal(key: impl Borrow<Key>, shape: impl IntoShape) -> Tensor<T> {
        drawn(Op::Normal, key.borrow(), shape)
    }
}

#[track_caller]
fn drawn<T: Float>(op: Op, key: &Key, shape: impl IntoShape) -> Tensor<T> {
    let mut args = vec![key.any()];
    args.extend(sizes(shape.into_shape()));
    let refs: SmallVec<[&Any; 6]> = args.iter().collect();
    Tensor::from_any(call(op, Attrs::dtype(T::DTYPE), &refs))
}

impl Argument for Key {
    type Traced = Key;
    const FLAT: bool = true;
    fn tree() -> jit_ir::Tree<Type> {
        jit_ir::Tree::Leaf(Type::tensor(jit_ir::DType::I64))
    }
    fn push_leaves<'v>(&'v self, out: &mut Leaves<'v>) {
        out.push_own(self.any());
    }
    fn traced(&self, inputs: &mut Inputs) -> Key {
        inputs.0.next().map_or(*self, |any| Key::from_any(&any))
    }
    fn rebuild(values: &mut Outputs) -> Key {
        <Key as Returns>::restore(values)
    }
}

impl Returns for Key {
    const FLAT: bool = true;
    fn tree() -> jit_ir::Tree<Type> {
        <Key as Argument>::tree()
    }
    fn restore(values: &mut Outputs) -> Key {
        Key::from_any(&values.next_any())
    }
    fn collect(&self, out: &mut Results) {
        out.0.push(self.any());
    }
}
