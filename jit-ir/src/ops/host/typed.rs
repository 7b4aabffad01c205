//! The value of each op on host scalars of one type, as inlinable code: where the op is a literal, its value is all that
//! is left.

use crate::data::{Prim, Scalar};
use crate::ops::Op;
use crate::ops::lanes::{self, Unary};

/// A type of host scalars.
pub trait Host: Prim {
    /// An op of one operand; `None` where it has no value, or not for this type.
    fn unary(op: Op, a: Self) -> Option<Scalar>;
    /// An op of two operands; `None` where it has no value, or not for this type.
    fn binary(op: Op, a: Self, b: Self) -> Option<Scalar>;
    /// A function by its name in std, of one or two operands; `None` where it has no value, or not for this type.
    fn function(name: &str, a: Self, b: Option<Self>) -> Option<Scalar>;
    /// A power; `None` where it has no value, or not for this type.
    fn power(a: Self, n: i32) -> Option<Scalar>;
    /// `a * b + c` with one rounding, of floats.
    fn fused(a: Self, b: Self, c: Self) -> Option<Scalar>;
}

#[inline(always)]
fn compare<T: PartialOrd>(op: Op, a: T, b: T) -> Option<Scalar> {
    compared(op, a, b).map(Scalar::Bool)
}

/// What a comparison of two values gives; `None` for other ops.
#[inline(always)]
pub(super) fn compared<T: PartialOrd>(op: Op, a: T, b: T) -> Option<bool> {
    Some(match op {
        Op::Gt => a > b,
        Op::Ge => a >= b,
        Op::Lt => a < b,
        Op::Le => a <= b,
        Op::Eq => a == b,
        Op::Ne => a != b,
        _ => return None,
    })
}

macro_rules! functions {
    (
        float { $($f1:ident)* } { $($f2:ident)* }
        int { $($i2:ident)* } divides { $($d2:ident)* }
    ) => {
        /// The functions of host scalars that have no row of their own, with the number of arguments
        /// after the receiver.
        pub const FUNCTIONS: &[(&str, usize)] = &[
            $((stringify!($f1), 0),)* $((stringify!($f2), 1),)*
            $((stringify!($i2), 1),)* $((stringify!($d2), 1),)*
        ];

        macro_rules! float_function {
            ($name:expr, $a:expr, $b:expr) => {
                match ($name, $b) {
                    $((stringify!($f1), None) => Some($a.$f1().to_scalar()),)*
                    $((stringify!($f2), Some(b)) => Some($a.$f2(b).to_scalar()),)*
                    _ => None,
                }
            };
        }

        macro_rules! int_function {
            ($name:expr, $a:expr, $b:expr) => {
                match ($name, $b) {
                    $((stringify!($i2), Some(b)) => Some($a.$i2(b).to_scalar()),)*
                    $((stringify!($d2), Some(b)) => (b != 0).then(|| $a.$d2(b).to_scalar()),)*
                    _ => None,
                }
            };
        }
    };
}
functions! {
    float { exp2 log10 cbrt fract to_degrees to_radians acosh asinh atanh } { hypot copysign log }
    int { wrapping_add wrapping_sub wrapping_mul saturating_add saturating_sub saturating_mul }
    divides { wrapping_div wrapping_rem }
}

macro_rules! host_unary {
    (
        unary_num { $($un:ident $un_name:ident $un_doc:literal $un_body:tt)* }
        unary_float {
            exact { $($ue:ident $ue_name:ident $ue_doc:literal |$uea:ident| $uef:expr)* }
            approx { $($ua:ident $ua_name:ident $ua_doc:literal |$uaa:ident| $uaf:expr)* }
        }
        test_float { $($ut:ident $ut_name:ident $ut_doc:literal |$uta:ident| $utf:expr)* }
        $($rest:tt)*
    ) => {
        macro_rules! float_unary {
            ($op:expr, $a:expr, $T:ident) => {
                match $op {
                    $(Op::$un => Some(<lanes::$un as Unary<$T>>::eval($a).to_scalar()),)*
                    $(Op::$ue => Some(<lanes::$ue as Unary<$T>>::eval($a).to_scalar()),)*
                    $(Op::$ua => Some(<lanes::$ua as Unary<$T>>::eval($a).to_scalar()),)*
                    $(Op::$ut => Some(<lanes::$ut as Unary<$T>>::eval($a).to_scalar()),)*
                    _ => None,
                }
            };
        }
    };
}
crate::elementwise_rows!(host_unary);

macro_rules! floats {
    ($($T:ident)*) => {$(
        impl Host for $T {
            #[inline(always)]
            fn unary(op: Op, a: $T) -> Option<Scalar> {
                float_unary!(op, a, $T)
            }
            #[inline(always)]
            fn binary(op: Op, a: $T, b: $T) -> Option<Scalar> {
                Some(match op {
                    Op::Add => a + b,
                    Op::Sub => a - b,
                    Op::Mul => a * b,
                    Op::Div => a / b,
                    Op::Rem => a % b,
                    Op::DivEuclid => a.div_euclid(b),
                    Op::RemEuclid => a.rem_euclid(b),
                    Op::Maximum => a.max(b),
                    Op::Minimum => a.min(b),
                    Op::Powf => a.powf(b),
                    Op::Atan2 => a.atan2(b),
                    _ => return compare(op, a, b),
                }
                .to_scalar())
            }
            #[inline(always)]
            fn function(name: &str, a: $T, b: Option<$T>) -> Option<Scalar> {
                float_function!(name, a, b)
            }
            #[inline(always)]
            fn power(a: $T, n: i32) -> Option<Scalar> {
                Some(a.powi(n).to_scalar())
            }
            #[inline(always)]
            fn fused(a: $T, b: $T, c: $T) -> Option<Scalar> {
                Some(a.mul_add(b, c).to_scalar())
            }
        }
    )*};
}
floats! { f32 f64 }

macro_rules! ints {
    ($($T:ident abs: $abs:expr, signum: $signum:expr;)*) => {$(
        impl Host for $T {
            #[inline(always)]
            fn unary(op: Op, a: $T) -> Option<Scalar> {
                match op {
                    Op::Abs => $abs(a),
                    Op::Neg => a.checked_neg(),
                    Op::Square => a.checked_mul(a),
                    Op::Signum => Some($signum(a)),
                    Op::Relu => Some(a.max(0)),
                    Op::Not => Some(!a),
                    _ => None,
                }
                .map(Prim::to_scalar)
            }
            #[inline(always)]
            fn binary(op: Op, a: $T, b: $T) -> Option<Scalar> {
                let by = u32::try_from(b).ok().filter(|by| *by < $T::BITS);
                match op {
                    Op::Add => a.checked_add(b),
                    Op::Sub => a.checked_sub(b),
                    Op::Mul => a.checked_mul(b),
                    Op::Div => a.checked_div(b),
                    Op::Rem => a.checked_rem(b),
                    Op::DivEuclid => a.checked_div_euclid(b),
                    Op::RemEuclid => a.checked_rem_euclid(b),
                    Op::Maximum => Some(a.max(b)),
                    Op::Minimum => Some(a.min(b)),
                    Op::And => Some(a & b),
                    Op::Or => Some(a | b),
                    Op::Xor => Some(a ^ b),
                    Op::Shl => by.map(|by| a << by),
                    Op::Shr => by.map(|by| a >> by),
                    _ => return compare(op, a, b),
                }
                .map(Prim::to_scalar)
            }
            #[inline(always)]
            fn function(name: &str, a: $T, b: Option<$T>) -> Option<Scalar> {
                int_function!(name, a, b)
            }
            #[inline(always)]
            fn power(a: $T, n: i32) -> Option<Scalar> {
                a.checked_pow(u32::try_from(n).ok()?).map(Prim::to_scalar)
            }
            #[inline(always)]
            fn fused(_: $T, _: $T, _: $T) -> Option<Scalar> {
                None
            }
        }
    )*};
}
ints! {
    u8 abs: Some, signum: |a: u8| a.min(1);
    usize abs: Some, signum: |a: usize| a.min(1);
    i32 abs: i32::checked_abs, signum: i32::signum;
    i64 abs: i64::checked_abs, signum: i64::signum;
}

impl Host for bool {
    #[inline(always)]
    fn unary(op: Op, a: bool) -> Option<Scalar> {
        (op == Op::Not).then_some(Scalar::Bool(!a))
    }
    #[inline(always)]
    fn binary(op: Op, a: bool, b: bool) -> Option<Scalar> {
        Some(Scalar::Bool(match op {
            Op::And => a & b,
            Op::Or => a | b,
            Op::Xor => a ^ b,
            _ => return compare(op, a, b),
        }))
    }
    #[inline(always)]
    fn function(_: &str, _: bool, _: Option<bool>) -> Option<Scalar> {
        None
    }
    #[inline(always)]
    fn power(_: bool, _: i32) -> Option<Scalar> {
        None
    }
    #[inline(always)]
    fn fused(_: bool, _: bool, _: bool) -> Option<Scalar> {
        None
    }
}
