//! Elementwise ops on host scalars: Rust's semantics, integers checked.

use super::lanes::{self, Unary};
use super::{Attrs, Op};
use crate::data::{Prim, Scalar};
use crate::types::DType;

/// Why a scalar op has no value.
pub type Fault = String;

fn overflow<T: std::fmt::Display>(a: T, sign: &str, b: T) -> Fault {
    format!("{a} {sign} {b} overflows")
}

macro_rules! int_binary {
    ($op:expr, $a:expr, $b:expr, $T:ident) => {{
        let (a, b): ($T, $T) = ($a, $b);
        let sign = sign($op);
        let checked = |r: Option<$T>| r.map(Prim::to_scalar).ok_or_else(|| overflow(a, sign, b));
        if $op.divides() && b == 0 {
            return Err(format!("{a} {sign} 0: division by zero"));
        }
        match $op {
            Op::Add => checked(a.checked_add(b)),
            Op::Sub => checked(a.checked_sub(b)),
            Op::Mul => checked(a.checked_mul(b)),
            Op::Div => checked(a.checked_div(b)),
            Op::Rem => checked(a.checked_rem(b)),
            Op::DivEuclid => checked(a.checked_div_euclid(b)),
            Op::RemEuclid => checked(a.checked_rem_euclid(b)),
            Op::Maximum => Ok(a.max(b).to_scalar()),
            Op::Minimum => Ok(a.min(b).to_scalar()),
            Op::And => Ok((a & b).to_scalar()),
            Op::Or => Ok((a | b).to_scalar()),
            Op::Xor => Ok((a ^ b).to_scalar()),
            Op::Shl | Op::Shr => {
                let by = u32::try_from(b).ok().filter(|by| *by < $T::BITS);
                let by = by.ok_or_else(|| overflow(a, sign, b))?;
                Ok((if $op == Op::Shl { a << by } else { a >> by }).to_scalar())
            }
            _ => compare($op, a, b),
        }
    }};
}

macro_rules! float_binary {
    ($op:expr, $a:expr, $b:expr, $T:ident) => {{
        let (a, b): ($T, $T) = ($a, $b);
        Ok(match $op {
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
            _ => return compare($op, a, b),
        }
        .to_scalar())
    }};
}

/// How Rust writes the op.
pub fn sign(op: Op) -> &'static str {
    match op {
        Op::Add => "+",
        Op::Sub | Op::Neg => "-",
        Op::Mul => "*",
        Op::Div => "/",
        Op::Rem => "%",
        Op::Shl => "<<",
        Op::Shr => ">>",
        Op::And => "&",
        Op::Or => "|",
        Op::Xor => "^",
        Op::Gt => ">",
        Op::Ge => ">=",
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Eq => "==",
        Op::Ne => "!=",
        _ => op.name(),
    }
}

fn compare<T: PartialOrd>(op: Op, a: T, b: T) -> Result<Scalar, Fault> {
    Ok(Scalar::Bool(match op {
        Op::Gt => a > b,
        Op::Ge => a >= b,
        Op::Lt => a < b,
        Op::Le => a <= b,
        Op::Eq => a == b,
        Op::Ne => a != b,
        _ => return Err(format!("`{}` is not defined for host scalars of this type", op.name())),
    }))
}

/// The value of an elementwise op on host scalars of one type.
///
/// # Errors
/// Overflow, division by zero, a shift too large: a message without location.
pub fn eval(op: Op, args: &[Scalar], to: Option<DType>) -> Result<Scalar, Fault> {
    match (op, args) {
        (Op::Cast, [a]) => Ok(a.cast(to.unwrap_or(a.dtype()))),
        (Op::Select, [Scalar::Bool(mask), a, b]) => Ok(if *mask { *a } else { *b }),
        (Op::MulAdd, [Scalar::F32(a), Scalar::F32(b), Scalar::F32(c)]) => Ok(Scalar::F32(a.mul_add(*b, *c))),
        (Op::MulAdd, [Scalar::F64(a), Scalar::F64(b), Scalar::F64(c)]) => Ok(Scalar::F64(a.mul_add(*b, *c))),
        (Op::Clamp, [x, lo, hi]) => clamp(*x, *lo, *hi),
        (_, [a]) => unary(op, *a),
        (_, [a, b]) => binary(op, *a, *b),
        _ => Err(format!("`{}` does not take {} operands", op.name(), args.len())),
    }
}

/// The value of any op on host scalars alone, its attributes included.
///
/// # Errors
/// As [`eval`].
pub fn call(op: Op, args: &[Scalar], attrs: &Attrs) -> Result<Scalar, Fault> {
    match (op, args) {
        (Op::Host, _) => function(attrs.text.as_deref().unwrap_or_default(), args),
        (Op::Powi, [x, n]) => power(*x, *n),
        _ => eval(op, args, attrs.dtype),
    }
}

/// A message with `{}`, `{:?}` and `{:.n}` replaced by values, as `format!` shows them.
pub fn message(template: &str, values: &[Scalar]) -> String {
    let mut out = String::new();
    let mut values = values.iter();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        let (spec, after) = after.split_once('}').unwrap_or((after, ""));
        let spec = spec.trim_start_matches(|c| c != ':').trim_start_matches(':');
        out.push_str(&values.next().map_or(String::new(), |v| shown(*v, spec)));
        rest = after;
    }
    out + rest
}

fn shown(value: Scalar, spec: &str) -> String {
    let digits = spec.strip_prefix('.').and_then(|n| n.trim_end_matches('?').parse::<usize>().ok());
    match (value, digits) {
        (Scalar::F32(v), Some(n)) => format!("{v:.n$}"),
        (Scalar::F64(v), Some(n)) => format!("{v:.n$}"),
        (Scalar::F32(v), None) if !spec.ends_with('?') => v.to_string(),
        (Scalar::F64(v), None) if !spec.ends_with('?') => v.to_string(),
        // A scalar's own text is that of `Debug`.
        _ => value.to_string(),
    }
}

fn power(x: Scalar, n: Scalar) -> Result<Scalar, Fault> {
    let exponent = n.as_i64();
    let by = u32::try_from(exponent).map_err(|_| format!("{x} to the power {exponent} is no integer"));
    let fault = || format!("{x} to the power {exponent} overflows");
    Ok(match x {
        Scalar::F32(x) => x.powi(exponent as i32).to_scalar(),
        Scalar::F64(x) => x.powi(exponent as i32).to_scalar(),
        Scalar::U8(x) => x.checked_pow(by?).ok_or_else(fault)?.to_scalar(),
        Scalar::I32(x) => x.checked_pow(by?).ok_or_else(fault)?.to_scalar(),
        Scalar::I64(x) => x.checked_pow(by?).ok_or_else(fault)?.to_scalar(),
        Scalar::Usize(x) => x.checked_pow(by?).ok_or_else(fault)?.to_scalar(),
        Scalar::Bool(_) => return Err("a bool has no powers".into()),
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

        /// A function of host scalars, by its name in std.
        fn function(name: &str, args: &[Scalar]) -> Result<Scalar, Fault> {
            macro_rules! floats {
                ($T:ident, $x:expr) => {
                    match (name, args.get(1)) {
                        $((stringify!($f1), None) => Ok($x.$f1().to_scalar()),)*
                        $((stringify!($f2), Some(Scalar::$T(y))) => Ok($x.$f2(*y).to_scalar()),)*
                        _ => Err(format!("`{name}` is not defined for {}", args[0].dtype())),
                    }
                };
            }
            macro_rules! ints {
                ($T:ident, $x:expr) => {
                    match (name, args.get(1)) {
                        $((stringify!($i2), Some(Scalar::$T(y))) => Ok($x.$i2(*y).to_scalar()),)*
                        $((stringify!($d2), Some(Scalar::$T(y))) if *y != 0 => Ok($x.$d2(*y).to_scalar()),)*
                        $((stringify!($d2), Some(Scalar::$T(_))) => Err(format!("{name}({}, 0): division by zero", $x)),)*
                        _ => Err(format!("`{name}` is not defined for {}", args[0].dtype())),
                    }
                };
            }
            match args.first() {
                Some(Scalar::F32(x)) => floats!(F32, x),
                Some(Scalar::F64(x)) => floats!(F64, x),
                Some(Scalar::U8(x)) => ints!(U8, x),
                Some(Scalar::I32(x)) => ints!(I32, x),
                Some(Scalar::I64(x)) => ints!(I64, x),
                Some(Scalar::Usize(x)) => ints!(Usize, x),
                _ => Err(format!("`{name}` is not defined for these values")),
            }
        }
    };
}
functions! {
    float { exp2 log10 cbrt fract to_degrees to_radians acosh asinh atanh } { hypot copysign log }
    int { wrapping_add wrapping_sub wrapping_mul saturating_add saturating_sub saturating_mul }
    divides { wrapping_div wrapping_rem }
}

fn binary(op: Op, a: Scalar, b: Scalar) -> Result<Scalar, Fault> {
    match (a, b) {
        (Scalar::Bool(a), Scalar::Bool(b)) => match op {
            Op::And => Ok(Scalar::Bool(a & b)),
            Op::Or => Ok(Scalar::Bool(a | b)),
            Op::Xor => Ok(Scalar::Bool(a ^ b)),
            _ => compare(op, a, b),
        },
        (Scalar::U8(a), Scalar::U8(b)) => int_binary!(op, a, b, u8),
        (Scalar::I32(a), Scalar::I32(b)) => int_binary!(op, a, b, i32),
        (Scalar::I64(a), Scalar::I64(b)) => int_binary!(op, a, b, i64),
        (Scalar::Usize(a), Scalar::Usize(b)) => int_binary!(op, a, b, usize),
        (Scalar::F32(a), Scalar::F32(b)) => float_binary!(op, a, b, f32),
        (Scalar::F64(a), Scalar::F64(b)) => float_binary!(op, a, b, f64),
        _ => Err(format!("`{}` of {} and {}", sign(op), a.dtype(), b.dtype())),
    }
}

fn clamp(x: Scalar, lo: Scalar, hi: Scalar) -> Result<Scalar, Fault> {
    if let Scalar::Bool(false) = binary(Op::Le, lo, hi)? {
        return Err(format!("clamp: the bounds {lo} and {hi} are not in order"));
    }
    let held = binary(Op::Lt, x, lo)?;
    if let Scalar::Bool(true) = held {
        return Ok(lo);
    }
    Ok(if let Scalar::Bool(true) = binary(Op::Gt, x, hi)? { hi } else { x })
}

macro_rules! float_unary {
    ($op:expr, $a:expr, $T:ident; $($V:ident)*) => {
        match $op {
            $(Op::$V => Ok(<lanes::$V as Unary<$T>>::eval($a).to_scalar()),)*
            _ => Err(format!("`{}` is not defined for {}", $op.name(), $T::DTYPE)),
        }
    };
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
        fn unary(op: Op, a: Scalar) -> Result<Scalar, Fault> {
            match a {
                Scalar::F32(v) => float_unary!(op, v, f32; $($un)* $($ue)* $($ua)* $($ut)*),
                Scalar::F64(v) => float_unary!(op, v, f64; $($un)* $($ue)* $($ua)* $($ut)*),
                Scalar::Bool(v) if op == Op::Not => Ok(Scalar::Bool(!v)),
                Scalar::Bool(_) => Err(format!("`{}` is not defined for bool", op.name())),
                Scalar::U8(v) => int_unary!(op, v, u8, |x: u8| Some(x), |x: u8| x.min(1), |x: u8| if x == 0 { Some(0) } else { None }),
                Scalar::Usize(v) => int_unary!(op, v, usize, |x: usize| Some(x), |x: usize| x.min(1), |x: usize| if x == 0 { Some(0) } else { None }),
                Scalar::I32(v) => int_unary!(op, v, i32, i32::checked_abs, i32::signum, i32::checked_neg),
                Scalar::I64(v) => int_unary!(op, v, i64, i64::checked_abs, i64::signum, i64::checked_neg),
            }
        }
    };
}

macro_rules! int_unary {
    ($op:expr, $a:expr, $T:ident, $abs:expr, $signum:expr, $neg:expr) => {{
        let fault = || format!("{}({}) overflows", $op.name(), $a);
        match $op {
            Op::Abs => $abs($a).map(Prim::to_scalar).ok_or_else(fault),
            Op::Neg => $neg($a).map(Prim::to_scalar).ok_or_else(fault),
            Op::Square => $a.checked_mul($a).map(Prim::to_scalar).ok_or_else(fault),
            Op::Signum => Ok($signum($a).to_scalar()),
            Op::Relu => Ok($a.max(0).to_scalar()),
            Op::Not => Ok((!$a).to_scalar()),
            _ => Err(format!("`{}` is not defined for {}", $op.name(), $T::DTYPE)),
        }
    }};
}
crate::elementwise_rows!(host_unary);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_checked() {
        let add = |a, b| eval(Op::Add, &[Scalar::I32(a), Scalar::I32(b)], None);
        assert!(matches!(add(1, 2), Ok(Scalar::I32(3))));
        assert_eq!(add(i32::MAX, 1).unwrap_err(), "2147483647 + 1 overflows");
        let sub = eval(Op::Sub, &[Scalar::Usize(0), Scalar::Usize(1)], None);
        assert_eq!(sub.unwrap_err(), "0 - 1 overflows");
        let div = eval(Op::Div, &[Scalar::I64(7), Scalar::I64(0)], None);
        assert_eq!(div.unwrap_err(), "7 / 0: division by zero");
        assert!(eval(Op::Shl, &[Scalar::I32(1), Scalar::I32(32)], None).is_err());
    }

    #[test]
    fn messages_show_values_as_format_does() {
        let values = [Scalar::F32(1.0), Scalar::I32(-2), Scalar::F64(0.125)];
        assert_eq!(message("a {} b {n:?} {{c}} {:.2}", &values), "a 1 b -2 {c} 0.13".replace("0.13", "0.12"));
    }

    #[test]
    fn float_max_is_that_of_std() {
        let max = eval(Op::Maximum, &[Scalar::F32(f32::NAN), Scalar::F32(1.0)], None);
        assert!(matches!(max, Ok(Scalar::F32(1.0))));
    }
}
