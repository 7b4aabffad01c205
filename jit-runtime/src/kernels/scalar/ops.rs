//! Ops on the bits of scalars.

use jit_ir::{DType, Op, Prim, Scalar, with_dtype};

/// A value's bits, zero-extended.
pub(super) type Bits = u64;
/// An op on one register; `None` is a fault.
pub(crate) type Unary = fn(Bits) -> Option<Bits>;
/// An op on two registers; `None` is a fault.
pub(crate) type Binary = fn(Bits, Bits) -> Option<Bits>;

/// The bits of a scalar.
pub(crate) fn bits(value: Scalar) -> Bits {
    with_dtype!(value.dtype(), T => to_bits(T::from_scalar(value)))
}

/// The scalar of a type with these bits.
pub(super) fn scalar(bits: Bits, dtype: DType) -> Scalar {
    with_dtype!(dtype, T => from_bits::<T>(bits).to_scalar())
}

#[inline(always)]
pub(super) fn to_bits<T: Prim>(value: T) -> Bits {
    match value.to_scalar() {
        Scalar::Bool(v) => v as u64,
        Scalar::U8(v) => v.into(),
        Scalar::I32(v) => (v as u32).into(),
        Scalar::I64(v) => v as u64,
        Scalar::Usize(v) => v as u64,
        Scalar::F32(v) => v.to_bits().into(),
        Scalar::F64(v) => v.to_bits(),
    }
}

#[inline(always)]
pub(super) fn from_bits<T: Prim>(bits: Bits) -> T {
    T::from_scalar(match T::DTYPE {
        DType::Bool => Scalar::Bool(bits != 0),
        DType::U8 => Scalar::U8(bits as u8),
        DType::I32 => Scalar::I32(bits as u32 as i32),
        DType::I64 => Scalar::I64(bits as i64),
        DType::Usize => Scalar::Usize(bits as usize),
        DType::F32 => Scalar::F32(f32::from_bits(bits as u32)),
        DType::F64 => Scalar::F64(f64::from_bits(bits)),
    })
}

macro_rules! int_binary {
    ($op:expr, $T:ident) => {{
        macro_rules! checked {
            ($method:ident) => {
                |a, b| from_bits::<$T>(a).$method(from_bits::<$T>(b)).map(to_bits)
            };
        }
        let f: Binary = match $op {
            Op::Add => checked!(checked_add),
            Op::Sub => checked!(checked_sub),
            Op::Mul => checked!(checked_mul),
            Op::Div => checked!(checked_div),
            Op::Rem => checked!(checked_rem),
            Op::DivEuclid => checked!(checked_div_euclid),
            Op::RemEuclid => checked!(checked_rem_euclid),
            Op::Maximum => |a, b| Some(to_bits(from_bits::<$T>(a).max(from_bits::<$T>(b)))),
            Op::Minimum => |a, b| Some(to_bits(from_bits::<$T>(a).min(from_bits::<$T>(b)))),
            Op::And => |a, b| Some(a & b),
            Op::Or => |a, b| Some(a | b),
            Op::Xor => |a, b| Some(a ^ b),
            Op::Shl => |a, b| (b < u64::from($T::BITS)).then(|| to_bits(from_bits::<$T>(a) << b)),
            Op::Shr => |a, b| (b < u64::from($T::BITS)).then(|| to_bits(from_bits::<$T>(a) >> b)),
            op => return compare::<$T>(op),
        };
        f
    }};
}

macro_rules! float_binary {
    ($op:expr, $T:ident) => {{
        let f: Binary = match $op {
            Op::Add => |a, b| Some(to_bits(from_bits::<$T>(a) + from_bits::<$T>(b))),
            Op::Sub => |a, b| Some(to_bits(from_bits::<$T>(a) - from_bits::<$T>(b))),
            Op::Mul => |a, b| Some(to_bits(from_bits::<$T>(a) * from_bits::<$T>(b))),
            Op::Div => |a, b| Some(to_bits(from_bits::<$T>(a) / from_bits::<$T>(b))),
            Op::Maximum => |a, b| Some(to_bits(from_bits::<$T>(a).max(from_bits::<$T>(b)))),
            Op::Minimum => |a, b| Some(to_bits(from_bits::<$T>(a).min(from_bits::<$T>(b)))),
            op => return compare::<$T>(op),
        };
        f
    }};
}

fn compare<T: Prim + PartialOrd>(op: Op) -> Option<Binary> {
    let f: Binary = match op {
        Op::Lt => |a, b| Some((from_bits::<T>(a) < from_bits::<T>(b)) as u64),
        Op::Le => |a, b| Some((from_bits::<T>(a) <= from_bits::<T>(b)) as u64),
        Op::Gt => |a, b| Some((from_bits::<T>(a) > from_bits::<T>(b)) as u64),
        Op::Ge => |a, b| Some((from_bits::<T>(a) >= from_bits::<T>(b)) as u64),
        Op::Eq => |a, b| Some((from_bits::<T>(a) == from_bits::<T>(b)) as u64),
        Op::Ne => |a, b| Some((from_bits::<T>(a) != from_bits::<T>(b)) as u64),
        _ => return None,
    };
    Some(f)
}

/// The code of an op on two values of a type, if it has one.
pub(crate) fn binary(op: Op, dtype: DType) -> Option<Binary> {
    Some(match dtype {
        DType::Bool => match op {
            Op::And => |a, b| Some(a & b),
            Op::Or => |a, b| Some(a | b),
            Op::Xor => |a, b| Some(a ^ b),
            op => return compare::<bool>(op),
        },
        DType::U8 => int_binary!(op, u8),
        DType::I32 => int_binary!(op, i32),
        DType::I64 => int_binary!(op, i64),
        DType::Usize => int_binary!(op, usize),
        DType::F32 => float_binary!(op, f32),
        DType::F64 => float_binary!(op, f64),
    })
}

/// The code of a function of two integers of a type, by its name in std.
pub(crate) fn function(name: &str, dtype: DType) -> Option<Binary> {
    macro_rules! int {
        ($T:ident) => {{
            let f: Binary = match name {
                "wrapping_add" => |a, b| Some(to_bits(from_bits::<$T>(a).wrapping_add(from_bits(b)))),
                "wrapping_sub" => |a, b| Some(to_bits(from_bits::<$T>(a).wrapping_sub(from_bits(b)))),
                "wrapping_mul" => |a, b| Some(to_bits(from_bits::<$T>(a).wrapping_mul(from_bits(b)))),
                "saturating_sub" => |a, b| Some(to_bits(from_bits::<$T>(a).saturating_sub(from_bits(b)))),
                _ => return None,
            };
            Some(f)
        }};
    }
    match dtype {
        DType::U8 => int!(u8),
        DType::I32 => int!(i32),
        DType::I64 => int!(i64),
        DType::Usize => int!(usize),
        DType::Bool | DType::F32 | DType::F64 => None,
    }
}

/// The code of an op on one value, if it has one.
pub(crate) fn unary(op: Op, from: DType, to: DType) -> Option<Unary> {
    Some(match (op, from) {
        (Op::Cast, _) => with_dtype!(from, F => with_dtype!(to, T => {
            |a| Some(to_bits(T::from_scalar(from_bits::<F>(a).to_scalar())))
        })),
        (Op::Not, DType::Bool) => |a| Some(a ^ 1),
        (Op::Neg, DType::I32) => |a| from_bits::<i32>(a).checked_neg().map(to_bits),
        (Op::Neg, DType::I64) => |a| from_bits::<i64>(a).checked_neg().map(to_bits),
        (Op::Neg, DType::F32) => |a| Some(to_bits(-from_bits::<f32>(a))),
        (Op::Neg, DType::F64) => |a| Some(to_bits(-from_bits::<f64>(a))),
        (Op::Abs, DType::F32) => |a| Some(to_bits(from_bits::<f32>(a).abs())),
        (Op::Abs, DType::F64) => |a| Some(to_bits(from_bits::<f64>(a).abs())),
        (Op::Sqrt, DType::F32) => |a| Some(to_bits(from_bits::<f32>(a).sqrt())),
        (Op::Sqrt, DType::F64) => |a| Some(to_bits(from_bits::<f64>(a).sqrt())),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_end_the_program() {
        assert_eq!(binary(Op::Add, DType::I32).unwrap()(bits(Scalar::I32(i32::MAX)), 1), None);
        assert_eq!(binary(Op::Div, DType::I64).unwrap()(7, 0), None);
        assert_eq!(binary(Op::Shl, DType::U8).unwrap()(1, 8), None);
        let down = binary(Op::Sub, DType::I32).unwrap()(0, 1).map(|b| scalar(b, DType::I32));
        assert!(matches!(down, Some(Scalar::I32(-1))));
    }
}
