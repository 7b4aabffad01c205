//! The elementwise kernels: for each row and element type a loop over the row's value.

use std::marker::PhantomData;

use jit_ir::ops::lanes::{self, Binary, Int, Unary};
use jit_ir::{DType, Op, Prim};
use pulp::{Simd, WithSimd};

use super::arch;
use super::math::{Approx, Pack, Turns};
use super::native::blocks;

/// `dst[i] = f(a[i], b[i], c[i])` for `i < n`; unused operands are not read.
///
/// # Safety
/// The pointers are aligned and valid for `n` elements of the kernel's types, and `dst` overlaps
/// no operand.
pub(crate) type Kernel = unsafe fn(dst: *mut u8, a: *const u8, b: *const u8, c: *const u8, n: usize);

struct UnaryLoop<'a, O: Unary<T>, T> {
    dst: &'a mut [O::Out],
    a: &'a [T],
    op: PhantomData<O>,
}

impl<O: Unary<T>, T: Copy> WithSimd for UnaryLoop<'_, O, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (d, a) in self.dst.iter_mut().zip(self.a) {
            *d = O::eval(*a);
        }
    }
}

unsafe fn unary<O: Unary<T>, T: Copy>(dst: *mut u8, a: *const u8, _: *const u8, _: *const u8, n: usize) {
    // SAFETY: by the contract of `Kernel`.
    let (dst, a) = unsafe { (slice_mut(dst, n), slice(a, n)) };
    arch().dispatch(UnaryLoop::<O, T> { dst, a, op: PhantomData });
}

/// A row whose value is approximated, but for rare arguments.
pub(super) trait Approximated<T: Copy>: Unary<T, Out = T> {
    /// As std has it.
    type Exact: Unary<T, Out = T>;
    /// Whether the value is computed in f64.
    const WIDE: bool;
    /// The values of some elements in turns.
    fn in_turns<P: Turns>(a: Pack<T, P>) -> Pack<T, P>;
    fn is_rare(a: T) -> bool;
}

/// Elements after which rare arguments are looked for, while they are in the nearest cache.
const LOOKED_AT: usize = 1024;

unsafe fn approximated<O: Approximated<T>, T: Prim>(
    dst: *mut u8,
    a: *const u8,
    b: *const u8,
    c: *const u8,
    n: usize,
) {
    for start in (0..n).step_by(LOOKED_AT) {
        let count = LOOKED_AT.min(n - start);
        let at = start * size_of::<T>();
        let (to, from) = (dst.wrapping_add(at), a.wrapping_add(at));
        // SAFETY: by the contract of `Kernel`, for a part of the elements.
        let (to, from) = unsafe {
            if blocks::chosen() {
                blocks::alone::<O, T>(to, from, count);
            } else {
                unary::<O, T>(to, from, b, c, count);
            }
            (slice_mut::<T>(to, count), slice::<T>(from, count))
        };
        if from.iter().fold(false, |rare, v| rare | O::is_rare(*v)) {
            for (d, v) in to.iter_mut().zip(from).filter(|(_, v)| O::is_rare(**v)) {
                *d = O::Exact::eval(*v);
            }
        }
    }
}

struct BinaryLoop<'a, O: Binary<T>, T> {
    dst: &'a mut [O::Out],
    a: &'a [T],
    b: &'a [T],
    op: PhantomData<O>,
}

impl<O: Binary<T>, T: Copy> WithSimd for BinaryLoop<'_, O, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((d, a), b) in self.dst.iter_mut().zip(self.a).zip(self.b) {
            *d = O::eval(*a, *b);
        }
    }
}

unsafe fn binary<O: Binary<T>, T: Copy>(dst: *mut u8, a: *const u8, b: *const u8, _: *const u8, n: usize) {
    // SAFETY: by the contract of `Kernel`.
    let (dst, a, b) = unsafe { (slice_mut(dst, n), slice(a, n), slice(b, n)) };
    arch().dispatch(BinaryLoop::<O, T> { dst, a, b, op: PhantomData });
}

/// An op of three operands of which the first may be of another type.
pub(super) trait Ternary<A, T> {
    fn eval(a: A, b: T, c: T) -> T;
}

struct TernaryLoop<'a, O, A, T> {
    dst: &'a mut [T],
    a: &'a [A],
    b: &'a [T],
    c: &'a [T],
    op: PhantomData<O>,
}

impl<O: Ternary<A, T>, A: Copy, T: Copy> WithSimd for TernaryLoop<'_, O, A, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (((d, a), b), c) in self.dst.iter_mut().zip(self.a).zip(self.b).zip(self.c) {
            *d = O::eval(*a, *b, *c);
        }
    }
}

unsafe fn ternary<O: Ternary<A, T>, A: Copy, T: Copy>(
    dst: *mut u8,
    a: *const u8,
    b: *const u8,
    c: *const u8,
    n: usize,
) {
    // SAFETY: by the contract of `Kernel`.
    let (dst, a, b, c) = unsafe { (slice_mut(dst, n), slice(a, n), slice(b, n), slice(c, n)) };
    arch().dispatch(TernaryLoop::<O, A, T> { dst, a, b, c, op: PhantomData });
}

/// # Safety
/// `start` is valid for writing `n` elements, and nobody else uses them.
unsafe fn slice_mut<'a, T>(start: *mut u8, n: usize) -> &'a mut [T] {
    // SAFETY: by the caller.
    unsafe { std::slice::from_raw_parts_mut(start.cast(), n) }
}

/// # Safety
/// `start` is valid for reading `n` elements, and nobody writes them.
unsafe fn slice<'a, T>(start: *const u8, n: usize) -> &'a [T] {
    // SAFETY: by the caller.
    unsafe { std::slice::from_raw_parts(start.cast(), n) }
}

pub(super) struct Select;
impl<T> Ternary<bool, T> for Select {
    #[inline(always)]
    fn eval(mask: bool, a: T, b: T) -> T {
        if mask { a } else { b }
    }
}

pub(super) struct MulAdd;
pub(super) struct Clamp;
impl Ternary<f32, f32> for MulAdd {
    #[inline(always)]
    fn eval(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}
impl Ternary<f64, f64> for MulAdd {
    #[inline(always)]
    fn eval(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
}
impl<T: PartialOrd> Ternary<T, T> for Clamp {
    #[inline(always)]
    fn eval(x: T, low: T, high: T) -> T {
        if x < low {
            low
        } else if x > high {
            high
        } else {
            x
        }
    }
}

/// Conversion as Rust's `as`.
pub(super) struct Cast<U>(PhantomData<U>);
impl<T: Prim, U: Prim> Unary<T> for Cast<U> {
    type Out = U;
    #[inline(always)]
    fn eval(a: T) -> U {
        U::from_scalar(a.to_scalar())
    }
}

/// Integer `mul_add`: two wrapping steps.
struct IntMulAdd;
impl<T: Int> Ternary<T, T> for IntMulAdd {
    #[inline(always)]
    fn eval(a: T, b: T, c: T) -> T {
        T::add(T::mul(a, b), c)
    }
}

/// Two ops in one kernel: `second(first(a, b), c)`. Each rounds as it does alone.
struct Then<O1, O2>(PhantomData<(O1, O2)>);
impl<T, O1: Binary<T, Out = T>, O2: Binary<T, Out = T>> Ternary<T, T> for Then<O1, O2> {
    #[inline(always)]
    fn eval(a: T, b: T, c: T) -> T {
        O2::eval(O1::eval(a, b), c)
    }
}

/// Two ops in one kernel, the other way round: `second(c, first(a, b))`.
struct After<O1, O2>(PhantomData<(O1, O2)>);
impl<T, O1: Binary<T, Out = T>, O2: Binary<T, Out = T>> Ternary<T, T> for After<O1, O2> {
    #[inline(always)]
    fn eval(a: T, b: T, c: T) -> T {
        O2::eval(c, O1::eval(a, b))
    }
}

macro_rules! pairs {
    ($first:expr, $second:expr, $left:expr, $T:ident; $($A:ident)*) => {
        match $first {
            $(Op::$A => pairs!(@second $second, $left, $T, $A; Add Sub Mul Div),)*
            _ => return None,
        }
    };
    (@second $second:expr, $left:expr, $T:ident, $A:ident; $($B:ident)*) => {
        match ($second, $left) {
            $((Op::$B, true) => ternary::<Then<lanes::$A, lanes::$B>, $T, $T>,)*
            $((Op::$B, false) => ternary::<After<lanes::$A, lanes::$B>, $T, $T>,)*
            _ => return None,
        }
    };
}

/// The kernel that computes `second(first(a, b), c)`, or `second(c, first(a, b))` unless `left`.
pub(crate) fn pair(first: Op, second: Op, left: bool, dtype: DType) -> Option<Kernel> {
    Some(match dtype {
        DType::F32 => pairs!(first, second, left, f32; Add Sub Mul Div),
        DType::F64 => pairs!(first, second, left, f64; Add Sub Mul Div),
        _ => return None,
    })
}

macro_rules! kernels {
    (
        unary_num { $($un:ident $un_name:ident $un_doc:literal $un_body:tt)* }
        unary_float {
            exact { $($ue:ident $ue_name:ident $ue_doc:literal |$uea:ident| $uef:expr)* }
            approx { $($ua:ident $ua_name:ident $ua_doc:literal |$uaa:ident| $uaf:expr)* }
        }
        test_float { $($ut:ident $ut_name:ident $ut_doc:literal |$uta:ident| $utf:expr)* }
        binary_num { $($bn:ident $bn_name:ident $bn_doc:literal $bn_body:tt)* }
        binary_div { $($bd:ident $bd_name:ident $bd_doc:literal $bd_body:tt)* }
        binary_float { $($bf:ident $bf_name:ident $bf_doc:literal |$bfa:ident, $bfb:ident| $bff:expr)* }
        compare { $($co:ident $co_name:ident $co_doc:literal |$coa:ident, $cob:ident| $cof:expr)* }
        bits { $($bi:ident $bi_name:ident $bi_doc:literal |$bia:ident, $bib:ident| $bif:expr)* }
    ) => {
        /// The approximated rows, as the runtime computes them.
        pub mod approximated {
            use super::super::math;
            use super::{Approx, Approximated, Binary, Op, Pack, Turns, Unary, lanes};
            $(
                #[doc = $ua_doc]
                pub struct $ua;
                approximated!(Unary $ua $ua_name f32);
                approximated!(Unary $ua $ua_name f64);
            )*
            $(
                #[doc = $bf_doc]
                pub struct $bf;
                approximated!(Binary $bf $bf_name f32);
                approximated!(Binary $bf $bf_name f64);
            )*
        }

        macro_rules! float_kernel {
            ($op:expr, $T:ident) => { match $op {
                $(Op::$un => unary::<lanes::$un, $T>,)*
                $(Op::$ue => unary::<lanes::$ue, $T>,)*
                $(Op::$ua => approximated::<approximated::$ua, $T>,)*
                $(Op::$ut => unary::<lanes::$ut, $T>,)*
                $(Op::$bn => binary::<lanes::$bn, $T>,)*
                $(Op::$bd => binary::<lanes::$bd, $T>,)*
                $(Op::$bf => binary::<approximated::$bf, $T>,)*
                $(Op::$co => binary::<lanes::$co, $T>,)*
                Op::MulAdd => ternary::<MulAdd, $T, $T>,
                Op::Clamp => ternary::<Clamp, $T, $T>,
                Op::Select => ternary::<Select, bool, $T>,
                _ => return None,
            } };
        }
        macro_rules! int_kernel {
            ($op:expr, $T:ident) => { match $op {
                $(Op::$un => unary::<lanes::$un, $T>,)*
                $(Op::$bn => binary::<lanes::$bn, $T>,)*
                $(Op::$co => binary::<lanes::$co, $T>,)*
                $(Op::$bi => binary::<lanes::$bi, $T>,)*
                Op::Not => unary::<lanes::Not, $T>,
                Op::MulAdd => ternary::<IntMulAdd, $T, $T>,
                Op::Clamp => ternary::<Clamp, $T, $T>,
                Op::Select => ternary::<Select, bool, $T>,
                _ => return None,
            } };
        }

        /// The kernel of an op on elements of a type (of `select`: the type of its values).
        pub(crate) fn kernel(op: Op, dtype: DType, to: DType) -> Option<Kernel> {
            if op == Op::Cast {
                return cast(dtype, to);
            }
            Some(match dtype {
                DType::F32 => float_kernel!(op, f32),
                DType::F64 => float_kernel!(op, f64),
                DType::U8 => int_kernel!(op, u8),
                DType::I32 => int_kernel!(op, i32),
                DType::I64 => int_kernel!(op, i64),
                DType::Bool => match op {
                    $(Op::$co => binary::<lanes::$co, bool>,)*
                    $(Op::$bi => binary::<lanes::$bi, bool>,)*
                    Op::Not => unary::<lanes::Not, bool>,
                    Op::Select => ternary::<Select, bool, bool>,
                    _ => return None,
                },
                DType::Usize => return None,
            })
        }
    };
}

macro_rules! approximated {
    (Unary $V:ident $name:ident $T:ident) => {
        impl Unary<$T> for $V {
            type Out = $T;
            #[inline(always)]
            fn eval(a: $T) -> $T {
                <$T as Approx>::$name(Pack::one(a)).value()
            }
        }
        impl Approximated<$T> for $V {
            type Exact = lanes::$V;
            const WIDE: bool = size_of::<$T>() == 8 || !math::is_single(Op::$V);
            #[inline(always)]
            fn in_turns<P: Turns>(a: Pack<$T, P>) -> Pack<$T, P> {
                <$T as Approx>::$name(a)
            }
            #[inline(always)]
            fn is_rare(a: $T) -> bool {
                a.is_rare(Op::$V)
            }
        }
    };
    (Binary $V:ident $name:ident $T:ident) => {
        impl Binary<$T> for $V {
            type Out = $T;
            #[inline(always)]
            fn eval(a: $T, b: $T) -> $T {
                <$T as Approx>::$name(a, b)
            }
        }
    };
}
jit_ir::elementwise_rows!(kernels);

fn cast(from: DType, to: DType) -> Option<Kernel> {
    macro_rules! to {
        ($T:ident) => {
            match to {
                DType::Bool => unary::<Cast<bool>, $T>,
                DType::U8 => unary::<Cast<u8>, $T>,
                DType::I32 => unary::<Cast<i32>, $T>,
                DType::I64 => unary::<Cast<i64>, $T>,
                DType::F32 => unary::<Cast<f32>, $T>,
                DType::F64 => unary::<Cast<f64>, $T>,
                DType::Usize => return None,
            }
        };
    }
    Some(match from {
        DType::Bool => to!(bool),
        DType::U8 => to!(u8),
        DType::I32 => to!(i32),
        DType::I64 => to!(i64),
        DType::F32 => to!(f32),
        DType::F64 => to!(f64),
        DType::Usize => return None,
    })
}
