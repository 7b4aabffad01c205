//! Element types.

use std::fmt::{Debug, Display};
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use jit_ir::Prim;

use super::Tensor;
use crate::script::{Argument, Returns};

mod sealed {
    pub trait Sealed {}
}

/// A type that tensors can hold: `f32 f64 i32 i64 u8 bool`.
pub trait Elem:
    Prim + PartialOrd + Display + Debug + Default + Argument<Traced = Self> + Returns + sealed::Sealed
{
}

/// A number.
pub trait Num:
    Elem
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Rem<Output = Self>
    + Add<Tensor<Self>, Output = Tensor<Self>>
    + Sub<Tensor<Self>, Output = Tensor<Self>>
    + Mul<Tensor<Self>, Output = Tensor<Self>>
    + Div<Tensor<Self>, Output = Tensor<Self>>
    + for<'a> Add<&'a Tensor<Self>, Output = Tensor<Self>>
    + for<'a> Sub<&'a Tensor<Self>, Output = Tensor<Self>>
    + for<'a> Mul<&'a Tensor<Self>, Output = Tensor<Self>>
    + for<'a> Div<&'a Tensor<Self>, Output = Tensor<Self>>
{
    /// A constant of this type, as Rust's `as` converts it.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// assert_eq!(f64::of(2.5), 2.5);
    /// assert_eq!(i32::of(2.0), 2);
    /// # }
    /// ```
    fn of(value: f64) -> Self;
}

/// `f32` or `f64`.
pub trait Float: Num + Neg<Output = Self> {}

/// A type with bit operations: integers and `bool`.
pub trait Bits: Elem {}

macro_rules! elems {
    ($($T:ident)*) => {$(
        impl sealed::Sealed for $T {}
        impl Elem for $T {}
    )*};
}
elems!(bool u8 i32 i64 f32 f64);

macro_rules! nums {
    ($($T:ident)*) => {$(
        impl Num for $T {
            fn of(value: f64) -> $T {
                value as $T
            }
        }
    )*};
}
nums!(u8 i32 i64 f32 f64);

impl Float for f32 {}
impl Float for f64 {}
impl Bits for bool {}
impl Bits for u8 {}
impl Bits for i32 {}
impl Bits for i64 {}
