//! Elementwise ops on host scalars: Rust's semantics, integers checked.

mod typed;

use super::{Attrs, Op};
use crate::data::{Prim, Scalar};
use crate::types::DType;
use crate::with_dtype;
pub use typed::{FUNCTIONS, Host};

/// Why a scalar op has no value.
pub type Fault = String;

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

/// The value of an elementwise op on host scalars of one type.
///
/// # Errors
/// Overflow, division by zero, a shift too large: a message without location.
pub fn eval(op: Op, args: &[Scalar], to: Option<DType>) -> Result<Scalar, Fault> {
    match (op, args) {
        (Op::Cast, [a]) => Ok(a.cast(to.unwrap_or(a.dtype()))),
        (Op::Select, [Scalar::Bool(mask), a, b]) => Ok(if *mask { *a } else { *b }),
        (Op::MulAdd, [a, b, c]) if [b.dtype(), c.dtype()] == [a.dtype(); 2] => {
            with_dtype!(a.dtype(), T => T::fused(T::from_scalar(*a), T::from_scalar(*b), T::from_scalar(*c)))
                .ok_or_else(|| undefined(op, *a))
        }
        (Op::Clamp, [x, lo, hi]) => clamp(*x, *lo, *hi),
        (_, [a]) => unary(op, *a),
        (_, [a, b]) => binary(op, *a, *b),
        _ => Err(format!("`{}` does not take {} operands", op.name(), args.len())),
    }
}

/// What a comparison of two scalars of one type gives; `None` for other ops and types. It goes by references and through
/// no [`Scalar`]: where a condition takes a nanosecond, passing those on is what takes time.
pub fn compare(op: Op, a: &Scalar, b: &Scalar) -> Option<bool> {
    match (a, b) {
        (Scalar::Bool(a), Scalar::Bool(b)) => typed::compared(op, a, b),
        (Scalar::U8(a), Scalar::U8(b)) => typed::compared(op, a, b),
        (Scalar::I32(a), Scalar::I32(b)) => typed::compared(op, a, b),
        (Scalar::I64(a), Scalar::I64(b)) => typed::compared(op, a, b),
        (Scalar::Usize(a), Scalar::Usize(b)) => typed::compared(op, a, b),
        (Scalar::F32(a), Scalar::F32(b)) => typed::compared(op, a, b),
        (Scalar::F64(a), Scalar::F64(b)) => typed::compared(op, a, b),
        _ => None,
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
    let value = with_dtype!(x.dtype(), T => T::power(T::from_scalar(x), exponent as i32));
    value.ok_or_else(|| match x {
        Scalar::Bool(_) => "a bool has no powers".into(),
        _ if exponent < 0 => format!("{x} to the power {exponent} is no integer"),
        _ => format!("{x} to the power {exponent} overflows"),
    })
}

/// A function of host scalars, by its name in std.
fn function(name: &str, args: &[Scalar]) -> Result<Scalar, Fault> {
    let (a, b) = match args {
        [a] => (*a, None),
        [a, b] if a.dtype() == b.dtype() => (*a, Some(*b)),
        _ => return Err(format!("`{name}` is not defined for these values")),
    };
    let value = with_dtype!(a.dtype(), T => T::function(name, T::from_scalar(a), b.map(T::from_scalar)));
    value.ok_or_else(|| match b {
        Some(b) if a.dtype().is_int() && b.as_i64() == 0 => format!("{name}({a}, 0): division by zero"),
        _ => format!("`{name}` is not defined for {}", a.dtype()),
    })
}

fn undefined(op: Op, a: Scalar) -> Fault {
    format!("`{}` is not defined for host scalars of type {}", op.name(), a.dtype())
}

fn unary(op: Op, a: Scalar) -> Result<Scalar, Fault> {
    let value = with_dtype!(a.dtype(), T => T::unary(op, T::from_scalar(a)));
    value.ok_or_else(|| match op {
        Op::Abs | Op::Neg | Op::Square if a.dtype().is_int() => format!("{}({a}) overflows", op.name()),
        _ => undefined(op, a),
    })
}

fn binary(op: Op, a: Scalar, b: Scalar) -> Result<Scalar, Fault> {
    if a.dtype() != b.dtype() {
        return Err(format!("`{}` of {} and {}", sign(op), a.dtype(), b.dtype()));
    }
    let value = with_dtype!(a.dtype(), T => T::binary(op, T::from_scalar(a), T::from_scalar(b)));
    value.ok_or_else(|| match op {
        _ if !a.dtype().is_int() => undefined(op, a),
        _ if op.divides() && b.as_i64() == 0 => format!("{a} {} 0: division by zero", sign(op)),
        _ if op.divides() || op.overflows() => format!("{a} {} {b} overflows", sign(op)),
        _ => undefined(op, a),
    })
}

fn clamp(x: Scalar, low: Scalar, high: Scalar) -> Result<Scalar, Fault> {
    if low.dtype() != x.dtype() || high.dtype() != x.dtype() {
        return Err(format!("`clamp` of {}, {} and {}", x.dtype(), low.dtype(), high.dtype()));
    }
    let value = with_dtype!(x.dtype(), T => {
        clamped(T::from_scalar(x), T::from_scalar(low), T::from_scalar(high)).map(Prim::to_scalar)
    });
    value.ok_or_else(|| format!("the bounds {low} and {high} are not in order"))
}

/// `x` between two bounds; `None` if they are not in order.
#[inline(always)]
pub fn clamped<T: PartialOrd>(x: T, low: T, high: T) -> Option<T> {
    match () {
        () if low > high || low.partial_cmp(&high).is_none() => None,
        () if x < low => Some(low),
        () if x > high => Some(high),
        () => Some(x),
    }
}

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
    fn comparisons_are_those_of_any_op() {
        let values = [0.0, -1.0, f64::NAN, 2.0].map(Scalar::F64);
        let values =
            values.into_iter().chain([Scalar::I32(-1), Scalar::I32(3), Scalar::Bool(true), Scalar::U8(3)]);
        let values: Vec<Scalar> = values.collect();
        for op in [Op::Gt, Op::Ge, Op::Lt, Op::Le, Op::Eq, Op::Ne, Op::Add] {
            for (a, b) in values.iter().flat_map(|a| values.iter().map(move |b| (a, b))) {
                let same = a.dtype() == b.dtype() && op != Op::Add;
                let expected = eval(op, &[*a, *b], None).ok().filter(|_| same);
                let found = compare(op, a, b).map(Scalar::Bool);
                assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{op:?} {a} {b}");
            }
        }
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
