//! Numbers that go through the same steps in turns: what one step of a number waits for hides behind the same step of
//! the others.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// How many numbers go in turns. Written out for each: users' crates compile this for each of their kernels, loops and
/// functions of arrays would take twice as long.
pub trait Turns: Copy {
    /// So many values.
    type Of<T: Copy>: Copy;
    /// How many.
    const N: usize;
    /// The same value for each.
    fn all<T: Copy>(value: T) -> Self::Of<T>;
    /// Elements `j`, `j + W / N`, .. of a block.
    fn take<T: Copy, const W: usize>(block: &[T; W], j: usize) -> Self::Of<T>;
    /// Writes what `take` reads.
    fn put<T: Copy, const W: usize>(block: &mut [T; W], j: usize, a: Self::Of<T>);
    /// The same of each.
    fn map<T: Copy, U: Copy>(a: Self::Of<T>, f: impl Fn(T) -> U) -> Self::Of<U>;
    /// The same of each with the one in the same place.
    fn zip<T: Copy, U: Copy, V: Copy>(a: Self::Of<T>, b: Self::Of<U>, f: impl Fn(T, U) -> V) -> Self::Of<V>;
    /// The same of three in the same place.
    fn zip3<T: Copy, U: Copy, V: Copy>(
        a: Self::Of<T>,
        b: Self::Of<U>,
        c: Self::Of<U>,
        f: impl Fn(T, U, U) -> V,
    ) -> Self::Of<V>;
    /// Whether one of them is true.
    fn any(a: Self::Of<bool>) -> bool;
}

macro_rules! turns {
    ($($(#[$doc:meta])* $Name:ident $n:literal: $($k:literal)*;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $Name;
        impl Turns for $Name {
            type Of<T: Copy> = [T; $n];
            const N: usize = $n;
            #[inline(always)]
            fn all<T: Copy>(value: T) -> [T; $n] {
                [$({ let _ = $k; value }),*]
            }
            #[inline(always)]
            fn take<T: Copy, const W: usize>(block: &[T; W], j: usize) -> [T; $n] {
                [$(block[$k * (W / $n) + j]),*]
            }
            #[inline(always)]
            fn put<T: Copy, const W: usize>(block: &mut [T; W], j: usize, a: [T; $n]) {
                $(block[$k * (W / $n) + j] = a[$k];)*
            }
            #[inline(always)]
            fn map<T: Copy, U: Copy>(a: [T; $n], f: impl Fn(T) -> U) -> [U; $n] {
                [$(f(a[$k])),*]
            }
            #[inline(always)]
            fn zip<T: Copy, U: Copy, V: Copy>(a: [T; $n], b: [U; $n], f: impl Fn(T, U) -> V) -> [V; $n] {
                [$(f(a[$k], b[$k])),*]
            }
            #[inline(always)]
            fn zip3<T: Copy, U: Copy, V: Copy>(
                a: [T; $n],
                b: [U; $n],
                c: [U; $n],
                f: impl Fn(T, U, U) -> V,
            ) -> [V; $n] {
                [$(f(a[$k], b[$k], c[$k])),*]
            }
            #[inline(always)]
            fn any(a: [bool; $n]) -> bool {
                false $(| a[$k])*
            }
        }
    )*};
}
turns! {
    /// One by itself.
    One 1: 0;
    /// Four in turns.
    Four 4: 0 1 2 3;
    /// Eight in turns.
    Eight 8: 0 1 2 3 4 5 6 7;
}

/// Some numbers; as loops over elements become vector code, so many vectors.
#[derive(Clone, Copy)]
pub struct Pack<T: Copy, P: Turns>(pub P::Of<T>);

impl<T: Copy, P: Turns> From<T> for Pack<T, P> {
    #[inline(always)]
    fn from(all: T) -> Self {
        Pack(P::all(all))
    }
}

impl<T: Copy> Pack<T, One> {
    /// A number by itself.
    #[inline(always)]
    pub fn one(value: T) -> Self {
        Pack([value])
    }

    /// The number.
    #[inline(always)]
    pub fn value(self) -> T {
        self.0[0]
    }
}

impl<T: Copy, P: Turns> Pack<T, P> {
    /// The same of each number.
    #[inline(always)]
    pub fn map<U: Copy>(self, f: impl Fn(T) -> U) -> Pack<U, P> {
        Pack(P::map(self.0, f))
    }

    /// The same of each number with the one in the same place.
    #[inline(always)]
    pub fn zip<U: Copy, V: Copy>(self, other: Pack<U, P>, f: impl Fn(T, U) -> V) -> Pack<V, P> {
        Pack(P::zip(self.0, other.0, f))
    }

    /// The same of three numbers in the same place.
    #[inline(always)]
    pub(crate) fn zip3(self, b: Self, c: Self, f: impl Fn(T, T, T) -> T) -> Self {
        Pack(P::zip3(self.0, b.0, c.0, f))
    }
}

impl<P: Turns> Pack<bool, P> {
    /// For each number the one or the other.
    #[inline(always)]
    pub fn pick<T: Copy>(self, yes: impl Into<Pack<T, P>>, no: impl Into<Pack<T, P>>) -> Pack<T, P> {
        Pack(P::zip3(self.0, yes.into().0, no.into().0, |mask, yes, no| if mask { yes } else { no }))
    }

    #[inline(always)]
    pub(super) fn or(self, other: Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    /// Whether one of them is true.
    #[inline(always)]
    pub fn any(self) -> bool {
        P::any(self.0)
    }
}

macro_rules! operators {
    ($T:ident: $($Operator:ident $name:ident $sign:tt)*) => {$(
        impl<O: Into<Pack<$T, P>>, P: Turns> $Operator<O> for Pack<$T, P> {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: O) -> Self {
                Pack(P::zip(self.0, other.into().0, |a, b| a $sign b))
            }
        }
    )*};
}

macro_rules! floats {
    ($T:ident) => {
        operators!($T: Add add + Sub sub - Mul mul * Div div /);

        impl<P: Turns> Neg for Pack<$T, P> {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                self.map(|a| -a)
            }
        }

        impl<P: Turns> Pack<$T, P> {
            #[inline(always)]
            pub(super) fn mul_add(self, by: impl Into<Self>, and: impl Into<Self>) -> Self {
                Pack(P::zip3(self.0, by.into().0, and.into().0, $T::mul_add))
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
            pub(super) fn lt(self, other: impl Into<Self>) -> Pack<bool, P> {
                self.zip(other.into(), |a, b| a < b)
            }

            #[inline(always)]
            pub(super) fn is(self, other: $T) -> Pack<bool, P> {
                self.map(|a| a == other)
            }

            #[inline(always)]
            pub(super) fn is_nan(self) -> Pack<bool, P> {
                self.map($T::is_nan)
            }
        }
    };
}
floats!(f32);
floats!(f64);

impl<P: Turns> Pack<f64, P> {
    #[inline(always)]
    pub(super) fn gt(self, bound: f64) -> Pack<bool, P> {
        Pack::from(bound).lt(self)
    }
}
