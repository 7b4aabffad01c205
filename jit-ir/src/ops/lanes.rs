//! The value of every elementwise row for one element, as inlinable code.
//!
//! One marker type for each op implements [`Unary`], [`Binary`] or [`Checked`] for the element
//! types that the row accepts. The interpreter evaluates one element by them, the runtime's
//! kernels are loops over them.

#![allow(clippy::excessive_precision, reason = "one body for f32 and f64")]

use crate::data::Prim;

/// An op of one operand.
pub trait Unary<T> {
    /// Type of the result.
    type Out;
    /// The value.
    fn eval(a: T) -> Self::Out;
}

/// An op of two operands of one type.
pub trait Binary<T> {
    /// Type of the result.
    type Out;
    /// The value.
    fn eval(a: T, b: T) -> Self::Out;
}

/// An integer op that has no value for some operands.
pub trait Checked<T> {
    /// The value; `None` for a zero divisor.
    fn eval(a: T, b: T) -> Option<T>;
}

/// Wrapping integer arithmetic: what tensors of integers do.
pub trait Int: Prim + PartialOrd {
    /// Absolute value.
    fn abs(a: Self) -> Self;
    /// Negation.
    fn neg(a: Self) -> Self;
    /// -1, 0 or 1.
    fn signum(a: Self) -> Self;
    /// Sum.
    fn add(a: Self, b: Self) -> Self;
    /// Difference.
    fn sub(a: Self, b: Self) -> Self;
    /// Product.
    fn mul(a: Self, b: Self) -> Self;
    /// Quotient, `None` for a zero divisor.
    fn div(a: Self, b: Self) -> Option<Self>;
    /// Remainder, `None` for a zero divisor.
    fn rem(a: Self, b: Self) -> Option<Self>;
    /// Euclidean quotient, `None` for a zero divisor.
    fn div_euclid(a: Self, b: Self) -> Option<Self>;
    /// Euclidean remainder, `None` for a zero divisor.
    fn rem_euclid(a: Self, b: Self) -> Option<Self>;
}

macro_rules! ints {
    ($($T:ident abs: $abs:expr, signum: $signum:expr;)*) => {$(
        impl Int for $T {
            #[inline(always)]
            fn abs(a: Self) -> Self { $abs(a) }
            #[inline(always)]
            fn neg(a: Self) -> Self { a.wrapping_neg() }
            #[inline(always)]
            fn signum(a: Self) -> Self { $signum(a) }
            #[inline(always)]
            fn add(a: Self, b: Self) -> Self { a.wrapping_add(b) }
            #[inline(always)]
            fn sub(a: Self, b: Self) -> Self { a.wrapping_sub(b) }
            #[inline(always)]
            fn mul(a: Self, b: Self) -> Self { a.wrapping_mul(b) }
            #[inline(always)]
            fn div(a: Self, b: Self) -> Option<Self> { (b != 0).then(|| a.wrapping_div(b)) }
            #[inline(always)]
            fn rem(a: Self, b: Self) -> Option<Self> { (b != 0).then(|| a.wrapping_rem(b)) }
            #[inline(always)]
            fn div_euclid(a: Self, b: Self) -> Option<Self> { (b != 0).then(|| a.wrapping_div_euclid(b)) }
            #[inline(always)]
            fn rem_euclid(a: Self, b: Self) -> Option<Self> { (b != 0).then(|| a.wrapping_rem_euclid(b)) }
        }
    )*};
}

ints! {
    u8 abs: |a: u8| a, signum: |a: u8| a.min(1);
    i32 abs: i32::wrapping_abs, signum: i32::signum;
    i64 abs: i64::wrapping_abs, signum: i64::signum;
}

/// `impl $Trait<$T> for $V` for each listed type.
macro_rules! impls {
    (Unary $V:ident [$($T:ident)*] $Out:ty, |$a:ident| $e:expr) => {$(
        impl Unary<$T> for $V {
            type Out = $Out;
            #[inline(always)]
            fn eval($a: $T) -> $Out { $e }
        }
    )*};
    (UnarySame $V:ident [$($T:ident)*] |$a:ident| $e:expr) => {$(
        impl Unary<$T> for $V {
            type Out = $T;
            #[inline(always)]
            fn eval($a: $T) -> $T { $e }
        }
    )*};
    (BinarySame $V:ident [$($T:ident)*] |$a:ident, $b:ident| $e:expr) => {$(
        impl Binary<$T> for $V {
            type Out = $T;
            #[inline(always)]
            fn eval($a: $T, $b: $T) -> $T { $e }
        }
    )*};
    (Compare $V:ident [$($T:ident)*] |$a:ident, $b:ident| $e:expr) => {$(
        impl Binary<$T> for $V {
            type Out = bool;
            #[inline(always)]
            #[allow(clippy::bool_comparison, reason = "one body for all element types")]
            fn eval($a: $T, $b: $T) -> bool { $e }
        }
    )*};
    (Checked $V:ident [$($T:ident)*] |$a:ident, $b:ident| $e:expr) => {$(
        impl Checked<$T> for $V {
            #[inline(always)]
            fn eval($a: $T, $b: $T) -> Option<$T> { $e }
        }
    )*};
}

macro_rules! lanes {
    (
        unary_num { $($un:ident $un_name:ident $un_doc:literal { float: |$una:ident| $unf:expr, int: |$una2:ident| $uni:expr })* }
        unary_float {
            exact { $($ue:ident $ue_name:ident $ue_doc:literal |$uea:ident| $uef:expr)* }
            approx { $($ua:ident $ua_name:ident $ua_doc:literal |$uaa:ident| $uaf:expr)* }
        }
        test_float { $($ut:ident $ut_name:ident $ut_doc:literal |$uta:ident| $utf:expr)* }
        binary_num { $($bn:ident $bn_name:ident $bn_doc:literal { float: |$bna:ident, $bnb:ident| $bnf:expr, int: |$bna2:ident, $bnb2:ident| $bni:expr })* }
        binary_div { $($bd:ident $bd_name:ident $bd_doc:literal { float: |$bda:ident, $bdb:ident| $bdf:expr, int: |$bda2:ident, $bdb2:ident| $bdi:expr })* }
        binary_float { $($bf:ident $bf_name:ident $bf_doc:literal |$bfa:ident, $bfb:ident| $bff:expr)* }
        compare { $($co:ident $co_name:ident $co_doc:literal |$coa:ident, $cob:ident| $cof:expr)* }
        bits { $($bi:ident $bi_name:ident $bi_doc:literal |$bia:ident, $bib:ident| $bif:expr)* }
    ) => {
        $(#[doc = $un_doc] pub struct $un;
          impls!(UnarySame $un [f32 f64] |$una| $unf);
          impls!(UnarySame $un [u8 i32 i64] |$una2| $uni);)*
        $(#[doc = $ue_doc] pub struct $ue; impls!(UnarySame $ue [f32 f64] |$uea| $uef);)*
        $(#[doc = $ua_doc] pub struct $ua; impls!(UnarySame $ua [f32 f64] |$uaa| $uaf);)*
        $(#[doc = $ut_doc] pub struct $ut; impls!(Unary $ut [f32 f64] bool, |$uta| $utf);)*
        $(#[doc = $bn_doc] pub struct $bn;
          impls!(BinarySame $bn [f32 f64] |$bna, $bnb| $bnf);
          impls!(BinarySame $bn [u8 i32 i64] |$bna2, $bnb2| $bni);)*
        $(#[doc = $bd_doc] pub struct $bd;
          impls!(BinarySame $bd [f32 f64] |$bda, $bdb| $bdf);
          impls!(Checked $bd [u8 i32 i64] |$bda2, $bdb2| $bdi);)*
        $(#[doc = $bf_doc] pub struct $bf; impls!(BinarySame $bf [f32 f64] |$bfa, $bfb| $bff);)*
        $(#[doc = $co_doc] pub struct $co; impls!(Compare $co [bool u8 i32 i64 f32 f64] |$coa, $cob| $cof);)*
        $(#[doc = $bi_doc] pub struct $bi; impls!(BinarySame $bi [bool u8 i32 i64] |$bia, $bib| $bif);)*
    };
}
crate::elementwise_rows!(lanes);

/// `!`: logical or bitwise not.
pub struct Not;
impls!(UnarySame Not [bool u8 i32 i64] |a| !a);
