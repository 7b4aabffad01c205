//! What methods accept: shapes, axes, operands.

use std::ops::Deref;

use jit_ir::Scalar;
use smallvec::SmallVec;

use super::{Any, Elem, Tensor};

/// A shape: `[usize; N]`, `&[usize]` or `Vec<usize>`.
pub trait IntoShape {
    /// The sizes.
    fn into_shape(self) -> Vec<usize>;
}

impl<const N: usize> IntoShape for [usize; N] {
    fn into_shape(self) -> Vec<usize> {
        self.to_vec()
    }
}

impl IntoShape for &[usize] {
    fn into_shape(self) -> Vec<usize> {
        self.to_vec()
    }
}

impl IntoShape for Vec<usize> {
    fn into_shape(self) -> Vec<usize> {
        self
    }
}

/// A shape for `reshape`: as [`IntoShape`], arrays of signed integers in which one size may be -1, and tuples of up to
/// eight integers, each of its own type: `(x.dim(0), -1)`.
pub trait IntoReshape {
    /// The sizes.
    fn into_reshape(self) -> Vec<i64>;
}

impl<const N: usize> IntoReshape for [usize; N] {
    fn into_reshape(self) -> Vec<i64> {
        self.iter().map(|n| size(*n)).collect()
    }
}

impl IntoReshape for &[usize] {
    fn into_reshape(self) -> Vec<i64> {
        self.iter().map(|n| size(*n)).collect()
    }
}

impl IntoReshape for Vec<usize> {
    fn into_reshape(self) -> Vec<i64> {
        self.iter().map(|n| size(*n)).collect()
    }
}

/// A size too large for an `i64` is too large for anything.
fn size(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

macro_rules! signed_shapes {
    ($T:ident: $($N:literal)*) => {$(
        impl IntoReshape for [$T; $N] {
            fn into_reshape(self) -> Vec<i64> {
                self.iter().map(|n| *n as i64).collect()
            }
        }
    )*};
}
// One impl for each length: a generic one would make `reshape([])` ambiguous.
signed_shapes!(i32: 1 2 3 4 5 6 7 8);
signed_shapes!(i64: 1 2 3 4 5 6 7 8);
signed_shapes!(isize: 1 2 3 4 5 6 7 8);

/// A size in a tuple: the integer types that arrays of sizes have.
pub trait Extent: Copy {
    #[doc(hidden)]
    fn extent(self) -> i64;
}

impl Extent for usize {
    fn extent(self) -> i64 {
        size(self)
    }
}

macro_rules! extents {
    ($($T:ident)*) => {$(
        impl Extent for $T {
            fn extent(self) -> i64 {
                self as i64
            }
        }
    )*};
}
extents!(i32 i64 isize);

macro_rules! tuple_shapes {
    ($(($($N:ident $i:tt)*))*) => {$(
        impl<$($N: Extent),*> IntoReshape for ($($N,)*) {
            fn into_reshape(self) -> Vec<i64> {
                vec![$(self.$i.extent()),*]
            }
        }
    )*};
}
tuple_shapes! {
    (A 0)
    (A 0 B 1)
    (A 0 B 1 C 2)
    (A 0 B 1 C 2 D 3)
    (A 0 B 1 C 2 D 3 E 4)
    (A 0 B 1 C 2 D 3 E 4 F 5)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7)
}

/// An axis; negative ones count from the end.
pub trait Axis: Copy {
    /// The axis as given.
    fn axis(self) -> i64;
}

/// One axis or several.
pub trait Axes {
    /// The axes as given.
    fn axes(self) -> Vec<i64>;
}

macro_rules! axes {
    ($($T:ident)*) => {$(
        impl Axis for $T {
            fn axis(self) -> i64 {
                self as i64
            }
        }
        impl Axes for $T {
            fn axes(self) -> Vec<i64> {
                vec![self as i64]
            }
        }
    )*};
}
axes!(i32 i64 isize usize);

impl<A: Axis, const N: usize> Axes for [A; N] {
    fn axes(self) -> Vec<i64> {
        self.iter().map(|a| a.axis()).collect()
    }
}

impl<A: Axis> Axes for &[A] {
    fn axes(self) -> Vec<i64> {
        self.iter().map(|a| a.axis()).collect()
    }
}

/// A number for rows and columns: one for both, `[rows, columns]` or `(rows, columns)`.
pub trait Pair {
    /// The two numbers.
    fn pair(self) -> [usize; 2];
}

impl Pair for usize {
    fn pair(self) -> [usize; 2] {
        [self, self]
    }
}

impl Pair for [usize; 2] {
    fn pair(self) -> [usize; 2] {
        self
    }
}

impl Pair for (usize, usize) {
    fn pair(self) -> [usize; 2] {
        [self.0, self.1]
    }
}

/// A tensor, given away or by a reference of any kind: `Tensor<T>`, `&Tensor<T>`, `&&Tensor<T>`, `&mut Tensor<T>`,
/// `&Box<Tensor<T>>`, `&Arc<Tensor<T>>`.
///
/// ```
/// use jit_runtime::prelude::*;
/// # fn main() {
/// let (x, w) = (Tensor::from([[1.0, 2.0]]), Tensor::from([[3.0], [4.0]]));
/// assert_eq!(x.matmul(&w), x.matmul(w));
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "expected a tensor of `{T}`, found `{Self}`",
    label = "expected `Tensor<{T}>`, or a reference to one",
    note = "`Tensor::from([..])` makes a tensor of numbers, `.cast::<{T}>()` changes the element type"
)]
pub trait AsTensor<T: Elem> {
    /// The tensor.
    fn as_tensor(&self) -> &Tensor<T>;

    /// Is never called. A trait with such a method keeps clippy from calling the `&` of `x.matmul(&w.t())` needless, which
    /// programs that were written when it was needed are full of.
    #[doc(hidden)]
    fn unused(&mut self) {}
}

impl<T: Elem> AsTensor<T> for Tensor<T> {
    fn as_tensor(&self) -> &Tensor<T> {
        self
    }
}

// Whatever leads to a tensor, as a parameter of the type `&Tensor<T>` takes it.
impl<T: Elem, R: Deref> AsTensor<T> for R
where
    R::Target: AsTensor<T>,
{
    fn as_tensor(&self) -> &Tensor<T> {
        (**self).as_tensor()
    }
}

/// A second operand: a scalar, a tensor or a reference to one.
pub trait Operand<T: Elem> {
    #[doc(hidden)]
    fn given(&self) -> Given<'_>;
}

/// An operand's value.
#[doc(hidden)]
pub enum Given<'a> {
    #[allow(private_interfaces, reason = "opaque outside this crate")]
    Tensor(&'a Any),
    #[allow(private_interfaces, reason = "opaque outside this crate")]
    Scalar(Any),
}

impl Given<'_> {
    pub(crate) fn any(&self) -> &Any {
        match self {
            Given::Tensor(any) => any,
            Given::Scalar(any) => any,
        }
    }
}

impl<T: Elem> Operand<T> for T {
    #[inline]
    fn given(&self) -> Given<'_> {
        Given::Scalar(self.to_scalar().into())
    }
}

impl<T: Elem> Operand<T> for Tensor<T> {
    #[inline]
    fn given(&self) -> Given<'_> {
        Given::Tensor(&self.any)
    }
}

impl<T: Elem> Operand<T> for &Tensor<T> {
    #[inline]
    fn given(&self) -> Given<'_> {
        Given::Tensor(&self.any)
    }
}

/// Pairs of sizes as operands of an op.
pub(crate) fn pairs(counts: &[(usize, usize)]) -> SmallVec<[Any; 4]> {
    counts.iter().flat_map(|(a, b)| [*a, *b]).map(|n| Any::from(Scalar::Usize(n))).collect()
}

/// Sizes as operands of an op.
pub(crate) fn sizes(shape: Vec<usize>) -> SmallVec<[Any; 4]> {
    shape.into_iter().map(|n| Any::from(Scalar::Usize(n))).collect()
}

/// Sizes, one of which may be -1, as operands of an op.
pub(crate) fn signed_sizes(shape: Vec<i64>) -> SmallVec<[Any; 4]> {
    shape.into_iter().map(|n| Any::from(Scalar::I64(n))).collect()
}
