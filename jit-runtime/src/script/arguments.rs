//! Arguments to values, and values to results.

use std::panic::Location;

use jit_ir::{DType, Prim};

use crate::exec::run;
use crate::tensor::raw::Val;
use crate::tensor::{Any, Elem, Tensor};
use crate::trace;

/// A type that an annotated function takes: tensors, references to them, host scalars, tuples.
pub trait Argument {
    #[doc(hidden)]
    type Traced;
    /// Appends the values that it consists of.
    #[doc(hidden)]
    fn push_leaves(&self, out: &mut Leaves);
    /// The same argument for a recording, its tensors taken from `inputs`.
    #[doc(hidden)]
    fn traced(&self, inputs: &mut Inputs) -> Self::Traced;
    /// An argument made of concrete values.
    #[doc(hidden)]
    fn rebuild(values: &mut Outputs) -> Self::Traced;
}

/// A type that an annotated function gives: tensors, host scalars, tuples.
pub trait Returns: Sized {
    #[doc(hidden)]
    fn restore(values: &mut Outputs) -> Self;
    /// For each value that it consists of, whether it is a tensor, and its element type.
    #[doc(hidden)]
    fn expects(out: &mut Vec<(bool, DType)>);
    /// Appends the values that it consists of.
    #[doc(hidden)]
    fn collect(&self, out: &mut Results);
}

/// The values of the arguments of a call.
#[doc(hidden)]
pub struct Leaves(pub(crate) Vec<Val>);

impl Default for Leaves {
    fn default() -> Leaves {
        Leaves(run::slots())
    }
}

/// The tensors of a recording's arguments.
#[doc(hidden)]
pub struct Inputs(pub(crate) std::vec::IntoIter<Any>);

/// The values that a run gave, taken one after the other.
#[doc(hidden)]
pub struct Outputs {
    values: Vec<Val>,
    at: usize,
}

/// The values that a body gave.
#[doc(hidden)]
#[derive(Default)]
pub struct Results(pub(crate) Vec<Any>);

impl Outputs {
    pub(crate) fn new(values: Vec<Val>) -> Outputs {
        Outputs { values, at: 0 }
    }

    fn next(&mut self) -> Val {
        self.at += 1;
        self.values.get_mut(self.at - 1).map_or(Val::Undef, std::mem::take)
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        run::recycle(std::mem::take(&mut self.values));
    }
}

impl<T: Elem> Argument for Tensor<T> {
    type Traced = Tensor<T>;
    fn push_leaves(&self, out: &mut Leaves) {
        // A plan that runs on a traced tensor's values makes results that the recording does not
        // know; they are right only where the values are the same.
        trace::observe(&self.any, Location::caller());
        out.0.push(self.any.val.clone());
    }
    fn traced(&self, inputs: &mut Inputs) -> Tensor<T> {
        Tensor::from_any(inputs.0.next().unwrap_or_else(|| self.any.clone()))
    }
    fn rebuild(values: &mut Outputs) -> Tensor<T> {
        <Tensor<T> as Returns>::restore(values)
    }
}

impl<A: Argument> Argument for &A {
    type Traced = A::Traced;
    fn push_leaves(&self, out: &mut Leaves) {
        (*self).push_leaves(out);
    }
    fn traced(&self, inputs: &mut Inputs) -> A::Traced {
        (*self).traced(inputs)
    }
    fn rebuild(values: &mut Outputs) -> A::Traced {
        A::rebuild(values)
    }
}

impl<T: Elem> Returns for Tensor<T> {
    fn restore(values: &mut Outputs) -> Tensor<T> {
        Tensor::from_any(Any { val: values.next(), tag: None })
    }
    fn expects(out: &mut Vec<(bool, DType)>) {
        out.push((true, T::DTYPE));
    }
    fn collect(&self, out: &mut Results) {
        out.0.push(self.any.clone());
    }
}

macro_rules! scalars {
    ($($T:ident)*) => {$(
        impl Argument for $T {
            type Traced = $T;
            fn push_leaves(&self, out: &mut Leaves) {
                out.0.push(Val::Scalar(self.to_scalar()));
            }
            fn traced(&self, _: &mut Inputs) -> $T {
                *self
            }
            fn rebuild(values: &mut Outputs) -> $T {
                <$T as Returns>::restore(values)
            }
        }
        impl Returns for $T {
            fn restore(values: &mut Outputs) -> $T {
                match values.next() {
                    Val::Scalar(s) => $T::from_scalar(s),
                    _ => unreachable!("the graph gives a host scalar here"),
                }
            }
            fn expects(out: &mut Vec<(bool, DType)>) {
                out.push((false, $T::DTYPE));
            }
            fn collect(&self, out: &mut Results) {
                out.0.push(self.to_scalar().into());
            }
        }
    )*};
}
scalars!(bool u8 i32 i64 usize f32 f64);

macro_rules! tuples {
    ($(($($T:ident $i:tt)*))*) => {$(
        impl<$($T: Argument),*> Argument for ($($T,)*) {
            type Traced = ($($T::Traced,)*);
            fn push_leaves(&self, _out: &mut Leaves) {
                $(self.$i.push_leaves(_out);)*
            }
            #[allow(clippy::unused_unit, reason = "one body for all lengths")]
            fn traced(&self, _inputs: &mut Inputs) -> Self::Traced {
                ($(self.$i.traced(_inputs),)*)
            }
            #[allow(clippy::unused_unit, reason = "one body for all lengths")]
            fn rebuild(_values: &mut Outputs) -> Self::Traced {
                ($($T::rebuild(_values),)*)
            }
        }
        impl<$($T: Returns),*> Returns for ($($T,)*) {
            #[allow(clippy::unused_unit, reason = "one body for all lengths")]
            fn restore(_values: &mut Outputs) -> Self {
                ($($T::restore(_values),)*)
            }
            fn expects(_out: &mut Vec<(bool, DType)>) {
                $($T::expects(_out);)*
            }
            fn collect(&self, _out: &mut Results) {
                $(self.$i.collect(_out);)*
            }
        }
    )*};
}
tuples! {
    ()
    (A 0)
    (A 0 B 1)
    (A 0 B 1 C 2)
    (A 0 B 1 C 2 D 3)
    (A 0 B 1 C 2 D 3 E 4)
    (A 0 B 1 C 2 D 3 E 4 F 5)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11)
}

/// Whether a value is a tensor rather than a static part of a trace's signature.
pub(crate) fn is_leaf(val: &Val) -> bool {
    matches!(val, Val::Tensor(_))
}

/// Whether values are what a result type consists of.
pub(crate) fn fits<R: Returns>(values: &[Val]) -> bool {
    let mut expected = Vec::new();
    R::expects(&mut expected);
    let kind = |v: &Val| match v {
        Val::Tensor(t) => Some((true, t.dtype)),
        Val::Scalar(s) => Some((false, s.dtype())),
        Val::Undef => None,
    };
    expected.len() == values.len() && expected.iter().zip(values).all(|(e, v)| kind(v) == Some(*e))
}
