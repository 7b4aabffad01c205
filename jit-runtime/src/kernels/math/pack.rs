//! Numbers that go through the same steps in turns: what one step of a number waits for hides behind the same step of
//! the others.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// `N` numbers; as loops over elements become vector code, `N` vectors.
#[derive(Clone, Copy)]
pub struct Pack<T, const N: usize>(pub [T; N]);

impl<T: Copy, const N: usize> From<T> for Pack<T, N> {
    #[inline(always)]
    fn from(all: T) -> Self {
        Pack([all; N])
    }
}

impl<T: Copy, const N: usize> Pack<T, N> {
    /// The same of each number.
    #[inline(always)]
    pub fn map<U>(self, f: impl Fn(T) -> U) -> Pack<U, N> {
        Pack(self.0.map(f))
    }

    /// The same of each number with the one in the same place.
    #[inline(always)]
    pub fn zip<U: Copy, V>(self, other: Pack<U, N>, f: impl Fn(T, U) -> V) -> Pack<V, N> {
        Pack(std::array::from_fn(|k| f(self.0[k], other.0[k])))
    }
}

impl<const N: usize> Pack<bool, N> {
    /// For each number the one or the other.
    #[inline(always)]
    pub fn pick<T: Copy>(self, yes: impl Into<Pack<T, N>>, no: impl Into<Pack<T, N>>) -> Pack<T, N> {
        let (yes, no) = (yes.into(), no.into());
        Pack(std::array::from_fn(|k| if self.0[k] { yes.0[k] } else { no.0[k] }))
    }

    #[inline(always)]
    pub(super) fn or(self, other: Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    /// Whether one of them is true.
    #[inline(always)]
    pub fn any(self) -> bool {
        self.0.iter().fold(false, |any, v| any | v)
    }
}

macro_rules! operators {
    ($T:ident: $($Operator:ident $name:ident)*) => {$(
        impl<O: Into<Pack<$T, N>>, const N: usize> $Operator<O> for Pack<$T, N> {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: O) -> Self {
                self.zip(other.into(), |a, b| a.$name(b))
            }
        }
    )*};
}

macro_rules! floats {
    ($T:ident) => {
        operators!($T: Add add Sub sub Mul mul Div div);

        impl<const N: usize> Neg for Pack<$T, N> {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                self.map(|a| -a)
            }
        }

        impl<const N: usize> Pack<$T, N> {
            #[inline(always)]
            pub(super) fn mul_add(self, by: impl Into<Self>, and: impl Into<Self>) -> Self {
                let (by, and) = (by.into(), and.into());
                Pack(std::array::from_fn(|k| self.0[k].mul_add(by.0[k], and.0[k])))
            }

            #[inline(always)]
            pub(super) fn abs(self) -> Self {
                self.map($T::abs)
            }

            #[inline(always)]
            pub(super) fn copysign(self, sign: Self) -> Self {
                self.zip(sign, $T::copysign)
            }

            /// NaN becomes the bound.
            #[inline(always)]
            pub(super) fn min(self, bound: $T) -> Self {
                self.map(|a| a.min(bound))
            }

            /// NaN becomes the bound.
            #[inline(always)]
            pub(super) fn max(self, bound: $T) -> Self {
                self.map(|a| a.max(bound))
            }

            /// NaN stays.
            #[inline(always)]
            pub(super) fn clamp(self, low: $T, high: $T) -> Self {
                self.map(|a| a.clamp(low, high))
            }

            #[inline(always)]
            pub(super) fn lt(self, other: impl Into<Self>) -> Pack<bool, N> {
                self.zip(other.into(), |a, b| a < b)
            }

            #[inline(always)]
            pub(super) fn gt(self, bound: $T) -> Pack<bool, N> {
                Pack::from(bound).lt(self)
            }

            #[inline(always)]
            pub(super) fn is(self, other: $T) -> Pack<bool, N> {
                self.map(|a| a == other)
            }

            #[inline(always)]
            pub(super) fn is_nan(self) -> Pack<bool, N> {
                self.map($T::is_nan)
            }
        }
    };
}
floats!(f32);
floats!(f64);
