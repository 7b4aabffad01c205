//! Ops on the bits of scalars.

use jit_ir::ops::host::Host;
use jit_ir::{DType, Op, Prim, Scalar, with_dtype};

/// A value's bits, zero-extended.
pub(super) type Bits = u64;
/// An op on one register; `None` is a fault.
pub(crate) type Unary = fn(Bits) -> Option<Bits>;
/// An op on two registers; `None` is a fault.
pub(crate) type Binary = fn(Bits, Bits) -> Option<Bits>;

/// The bits of a scalar.
#[inline(always)]
pub(crate) fn bits(value: Scalar) -> Bits {
    match value {
        Scalar::Bool(v) => v as u64,
        Scalar::U8(v) => v.into(),
        Scalar::I32(v) => (v as u32).into(),
        Scalar::I64(v) => v as u64,
        Scalar::Usize(v) => v as u64,
        Scalar::F32(v) => v.to_bits().into(),
        Scalar::F64(v) => v.to_bits(),
    }
}

/// The scalar of a type with these bits.
pub(super) fn scalar(bits: Bits, dtype: DType) -> Scalar {
    with_dtype!(dtype, T => from_bits::<T>(bits).to_scalar())
}

#[inline(always)]
pub(super) fn to_bits<T: Prim>(value: T) -> Bits {
    bits(value.to_scalar())
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

/// The code of an op on two values of type `$T`, if it is one of those listed.
macro_rules! binary_code {
    ($op:expr, $T:ident: $($V:ident)*) => {
        match $op {
            $(Op::$V => |a, b| <$T as Host>::binary(Op::$V, from_bits(a), from_bits(b)).map(bits),)*
            _ => return None,
        }
    };
}

/// The code of an op on two values of a type, if it has one.
pub(crate) fn binary(op: Op, dtype: DType) -> Option<Binary> {
    macro_rules! int {
        ($T:ident) => {
            binary_code! {
                op, $T: Add Sub Mul Div Rem DivEuclid RemEuclid Maximum Minimum And Or Xor Shl Shr Lt Le Gt Ge Eq Ne
            }
        };
    }
    macro_rules! float {
        ($T:ident) => {
            binary_code! {
                op, $T: Add Sub Mul Div Rem Maximum Minimum Powf Atan2 Lt Le Gt Ge Eq Ne
            }
        };
    }
    let code: Binary = match dtype {
        DType::Bool => binary_code! { op, bool: And Or Xor Lt Le Gt Ge Eq Ne },
        DType::U8 => int!(u8),
        DType::I32 => int!(i32),
        DType::I64 => int!(i64),
        DType::Usize => int!(usize),
        DType::F32 => float!(f32),
        DType::F64 => float!(f64),
    };
    Some(code)
}

/// The code of a function of two integers of a type, by its name in std.
pub(crate) fn function(name: &str, dtype: DType) -> Option<Binary> {
    macro_rules! int {
        ($T:ident: $($f:ident)*) => {
            match name {
                $(stringify!($f) => |a, b| {
                    <$T as Host>::function(stringify!($f), from_bits(a), Some(from_bits(b))).map(bits)
                },)*
                _ => return None,
            }
        };
    }
    let code: Binary = match dtype {
        DType::U8 => int!(u8: wrapping_add wrapping_sub wrapping_mul saturating_sub),
        DType::I32 => int!(i32: wrapping_add wrapping_sub wrapping_mul saturating_sub),
        DType::I64 => int!(i64: wrapping_add wrapping_sub wrapping_mul saturating_sub),
        DType::Usize => int!(usize: wrapping_add wrapping_sub wrapping_mul saturating_sub),
        DType::Bool | DType::F32 | DType::F64 => return None,
    };
    Some(code)
}

/// The code of an op on one value, if it has one.
pub(crate) fn unary(op: Op, from: DType, to: DType) -> Option<Unary> {
    macro_rules! code {
        ($T:ident: $($V:ident)*) => {
            match op {
                $(Op::$V => |a| <$T as Host>::unary(Op::$V, from_bits(a)).map(bits),)*
                _ => return None,
            }
        };
    }
    if op == Op::Cast {
        return Some(with_dtype!(from, F => with_dtype!(to, T => {
            |a| Some(to_bits(T::from_scalar(from_bits::<F>(a).to_scalar())))
        })));
    }
    let code: Unary = match from {
        DType::Bool => code!(bool: Not),
        DType::U8 => code!(u8: Not),
        DType::I32 => code!(i32: Neg Abs Not),
        DType::I64 => code!(i64: Neg Abs Not),
        DType::Usize => code!(usize: Not),
        DType::F32 => code!(f32: Neg Abs Sqrt Exp Ln Sin Cos Tanh),
        DType::F64 => code!(f64: Neg Abs Sqrt Exp Ln Sin Cos Tanh),
    };
    Some(code)
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
