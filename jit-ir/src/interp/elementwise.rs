//! Elementwise ops on tensors: the rows' values for each element.

use super::{Approx, Value, made};
use crate::data::{Prim, Scalar};
use crate::ops::lanes::{self, Binary, Checked, Unary};
use crate::ops::{Attrs, Op};
use crate::types::DType;

pub(super) fn eval(
    op: Op,
    operands: &[Value],
    to: &[usize],
    attrs: &Attrs,
    approx: Option<Approx<'_>>,
) -> Result<Value, String> {
    let n: usize = to.iter().product();
    let mut out = Vec::with_capacity(n);
    let mut args = Vec::with_capacity(operands.len());
    for i in 0..n {
        args.clear();
        for v in operands {
            args.push(match v {
                Value::Scalar(s) => *s,
                Value::Tensor(t) => t.get(broadcast_index(i, to, &t.shape)),
                Value::List(_) => return Err("takes no list".into()),
                Value::Undef => return Err("reads a value that was never set".into()),
            });
        }
        out.push(element(op, &args, attrs.dtype, approx)?);
    }
    let operand = match op {
        Op::Select => operands[1].ty().dtype(),
        _ => operands[0].ty().dtype(),
    };
    let dtype = match op {
        Op::Cast => attrs.dtype,
        _ if op.is_test() => Some(DType::Bool),
        _ => operand,
    };
    Ok(made(dtype.unwrap_or(DType::F32), to, &out))
}

/// The position in a tensor of shape `from` that stands at position `i` of its broadcast `to`.
pub(super) fn broadcast_index(mut i: usize, to: &[usize], from: &[usize]) -> usize {
    let (mut at, mut stride) = (0, 1);
    for k in 0..to.len() {
        let n = to[to.len() - 1 - k];
        let coordinate = i % n;
        i /= n;
        if let Some(f) = from.len().checked_sub(k + 1) {
            if from[f] != 1 {
                at += coordinate * stride;
            }
            stride *= from[f];
        }
    }
    at
}

/// One element with the semantics of tensors.
pub(super) fn element(
    op: Op,
    args: &[Scalar],
    to: Option<DType>,
    approx: Option<Approx<'_>>,
) -> Result<Scalar, String> {
    if let Some(value) = approx.filter(|_| op.info().approx).and_then(|table| table(op, args)) {
        return Ok(value);
    }
    match (op, args) {
        (Op::Cast, [a]) => Ok(a.cast(to.unwrap_or(a.dtype()))),
        (Op::Select, [Scalar::Bool(mask), a, b]) => Ok(if *mask { *a } else { *b }),
        (Op::MulAdd, [Scalar::F32(a), Scalar::F32(b), Scalar::F32(c)]) => Ok(Scalar::F32(a.mul_add(*b, *c))),
        (Op::MulAdd, [Scalar::F64(a), Scalar::F64(b), Scalar::F64(c)]) => Ok(Scalar::F64(a.mul_add(*b, *c))),
        (Op::Clamp, [x, lo, hi]) => {
            let below = matches!(binary(Op::Lt, *x, *lo)?, Scalar::Bool(true));
            let above = matches!(binary(Op::Gt, *x, *hi)?, Scalar::Bool(true));
            Ok(if below {
                *lo
            } else if above {
                *hi
            } else {
                *x
            })
        }
        (_, [Scalar::F32(a)]) if op.info().approx => {
            unary(op, Scalar::F64(f64::from(*a))).map(|v| v.cast(DType::F32))
        }
        (_, [Scalar::F32(a), Scalar::F32(b)]) if op.info().approx => {
            binary(op, Scalar::F64(f64::from(*a)), Scalar::F64(f64::from(*b))).map(|v| v.cast(DType::F32))
        }
        (_, [a]) => unary(op, *a),
        (_, [a, b]) => binary(op, *a, *b),
        _ => Err(format!("takes {} operands", args.len())),
    }
}

macro_rules! evaluators {
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
        fn unary(op: Op, a: Scalar) -> Result<Scalar, String> {
            macro_rules! float {
                ($a:expr, $T:ident) => { match op {
                    $(Op::$un => Ok(<lanes::$un as Unary<$T>>::eval($a).to_scalar()),)*
                    $(Op::$ue => Ok(<lanes::$ue as Unary<$T>>::eval($a).to_scalar()),)*
                    $(Op::$ua => Ok(<lanes::$ua as Unary<$T>>::eval($a).to_scalar()),)*
                    $(Op::$ut => Ok(<lanes::$ut as Unary<$T>>::eval($a).to_scalar()),)*
                    _ => Err(format!("is not defined for {}", $T::DTYPE)),
                } };
            }
            macro_rules! int {
                ($a:expr, $T:ident) => { match op {
                    $(Op::$un => Ok(<lanes::$un as Unary<$T>>::eval($a).to_scalar()),)*
                    Op::Not => Ok((!$a).to_scalar()),
                    _ => Err(format!("is not defined for {}", $T::DTYPE)),
                } };
            }
            match a {
                Scalar::F32(a) => float!(a, f32),
                Scalar::F64(a) => float!(a, f64),
                Scalar::U8(a) => int!(a, u8),
                Scalar::I32(a) => int!(a, i32),
                Scalar::I64(a) => int!(a, i64),
                Scalar::Bool(a) if op == Op::Not => Ok(Scalar::Bool(!a)),
                _ => Err(format!("is not defined for {}", a.dtype())),
            }
        }

        fn binary(op: Op, a: Scalar, b: Scalar) -> Result<Scalar, String> {
            macro_rules! float {
                ($a:expr, $b:expr, $T:ident) => { match op {
                    $(Op::$bn => Ok(<lanes::$bn as Binary<$T>>::eval($a, $b).to_scalar()),)*
                    $(Op::$bd => Ok(<lanes::$bd as Binary<$T>>::eval($a, $b).to_scalar()),)*
                    $(Op::$bf => Ok(<lanes::$bf as Binary<$T>>::eval($a, $b).to_scalar()),)*
                    $(Op::$co => Ok(<lanes::$co as Binary<$T>>::eval($a, $b).to_scalar()),)*
                    _ => Err(format!("is not defined for {}", $T::DTYPE)),
                } };
            }
            macro_rules! int {
                ($a:expr, $b:expr, $T:ident) => { match op {
                    $(Op::$bn => Ok(<lanes::$bn as Binary<$T>>::eval($a, $b).to_scalar()),)*
                    $(Op::$bd => <lanes::$bd as Checked<$T>>::eval($a, $b).map(Prim::to_scalar).ok_or_else(|| "division by zero".into()),)*
                    $(Op::$co => Ok(<lanes::$co as Binary<$T>>::eval($a, $b).to_scalar()),)*
                    $(Op::$bi => Ok(<lanes::$bi as Binary<$T>>::eval($a, $b).to_scalar()),)*
                    _ => Err(format!("is not defined for {}", $T::DTYPE)),
                } };
            }
            match (a, b) {
                (Scalar::F32(a), Scalar::F32(b)) => float!(a, b, f32),
                (Scalar::F64(a), Scalar::F64(b)) => float!(a, b, f64),
                (Scalar::U8(a), Scalar::U8(b)) => int!(a, b, u8),
                (Scalar::I32(a), Scalar::I32(b)) => int!(a, b, i32),
                (Scalar::I64(a), Scalar::I64(b)) => int!(a, b, i64),
                (Scalar::Bool(a), Scalar::Bool(b)) => match op {
                    $(Op::$co => Ok(<lanes::$co as Binary<bool>>::eval(a, b).to_scalar()),)*
                    $(Op::$bi => Ok(<lanes::$bi as Binary<bool>>::eval(a, b).to_scalar()),)*
                    _ => Err("is not defined for bool".into()),
                },
                _ => Err(format!("element types differ: {} and {}", a.dtype(), b.dtype())),
            }
        }
    };
}
crate::elementwise_rows!(evaluators);
