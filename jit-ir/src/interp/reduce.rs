//! Reductions and ops along an axis, by the fixed tree of [`crate::numerics`].

use super::elementwise::element;
use super::{Approx, Value, made};
use crate::data::{Scalar, TensorData};
use crate::numerics;
use crate::ops::{Attrs, Op, shape};
use crate::types::DType;

type Result<T> = std::result::Result<T, String>;

fn zero(dtype: DType) -> Scalar {
    Scalar::I64(0).cast(dtype)
}

/// Combines two elements as tensors do; the rows of these ops do not fail.
fn with(op: Op) -> impl Fn(Scalar, Scalar) -> Scalar {
    move |a, b| element(op, &[a, b], None, None).unwrap_or(a)
}

/// The value with which lanes begin.
fn identity(op: Op, dtype: DType) -> Scalar {
    match (op, dtype) {
        (Op::Add, DType::F32) => Scalar::F32(-0.0),
        (Op::Add, DType::F64) => Scalar::F64(-0.0),
        (Op::Maximum, DType::F32) => Scalar::F32(f32::NEG_INFINITY),
        (Op::Maximum, DType::F64) => Scalar::F64(f64::NEG_INFINITY),
        (Op::Minimum, DType::F32) => Scalar::F32(f32::INFINITY),
        (Op::Minimum, DType::F64) => Scalar::F64(f64::INFINITY),
        (Op::Maximum, DType::I32) => Scalar::I32(i32::MIN),
        (Op::Maximum, DType::I64) => Scalar::I64(i64::MIN),
        (Op::Minimum, DType::I32) => Scalar::I32(i32::MAX),
        (Op::Minimum, DType::I64) => Scalar::I64(i64::MAX),
        (Op::Minimum, DType::U8) => Scalar::U8(u8::MAX),
        (Op::Mul, _) => Scalar::I64(1).cast(dtype),
        (Op::And, _) => Scalar::Bool(true),
        (Op::Or, _) => Scalar::Bool(false),
        _ => zero(dtype),
    }
}

fn tree(op: Op, values: &[Scalar], dtype: DType) -> Option<Scalar> {
    numerics::tree(values, identity(op, dtype), with(op))
}

pub(super) fn sum(values: &[Scalar], dtype: DType) -> Scalar {
    tree(Op::Add, values, dtype).unwrap_or(zero(dtype))
}

fn apply(op: Op, a: Scalar, b: Scalar) -> Result<Scalar> {
    element(op, &[a, b], None, None)
}

fn mean(values: &[Scalar], dtype: DType) -> Result<Scalar> {
    apply(Op::Div, sum(values, dtype), Scalar::Usize(values.len()).cast(dtype))
}

fn var(values: &[Scalar], dtype: DType) -> Result<Scalar> {
    let middle = mean(values, dtype)?;
    let squares: Vec<Scalar> = values
        .iter()
        .map(|v| apply(Op::Sub, *v, middle).and_then(|d| apply(Op::Mul, d, d)))
        .collect::<Result<_>>()?;
    mean(&squares, dtype)
}

fn position(op: Op, values: &[Scalar]) -> Scalar {
    let better = |a: Scalar, b: Scalar| matches!(apply(op, a, b), Ok(Scalar::Bool(true)));
    let nan = |v: Scalar| matches!(apply(Op::Ne, v, v), Ok(Scalar::Bool(true)));
    let mut best = 0;
    for (i, v) in values.iter().enumerate() {
        if !nan(values[best]) && (nan(*v) || better(*v, values[best])) {
            best = i;
        }
    }
    Scalar::I64(best as i64)
}

/// The distances from `shift`, and the sum of their exponentials.
struct Distances {
    distances: Vec<Scalar>,
    exps: Vec<Scalar>,
    total: Scalar,
}

impl Distances {
    fn new(values: &[Scalar], shift: Scalar, dtype: DType, approx: Option<Approx<'_>>) -> Result<Distances> {
        let distances: Vec<Scalar> =
            values.iter().map(|v| apply(Op::Sub, *v, shift)).collect::<Result<_>>()?;
        let exps: Vec<Scalar> =
            distances.iter().map(|d| element(Op::Exp, &[*d], None, approx)).collect::<Result<_>>()?;
        let total = sum(&exps, dtype);
        Ok(Distances { distances, exps, total })
    }
}

fn largest(values: &[Scalar], dtype: DType) -> Scalar {
    tree(Op::Maximum, values, dtype).unwrap_or(identity(Op::Maximum, dtype))
}

fn log_sum_exp(values: &[Scalar], dtype: DType, approx: Option<Approx<'_>>) -> Result<Scalar> {
    let max = largest(values, dtype);
    // The distance from an infinite element would be NaN.
    let infinite = matches!(element(Op::IsFinite, &[max], None, None)?, Scalar::Bool(false))
        && !matches!(element(Op::IsNan, &[max], None, None)?, Scalar::Bool(true));
    let shift = if infinite { zero(dtype) } else { max };
    let total = Distances::new(values, shift, dtype, approx)?.total;
    apply(Op::Add, element(Op::Ln, &[total], None, approx)?, shift)
}

fn one(op: Op, values: &[Scalar], dtype: DType, approx: Option<Approx<'_>>) -> Result<Scalar> {
    Ok(match op {
        Op::Sum => sum(values, dtype),
        Op::Mean => mean(values, dtype)?,
        Op::Var => var(values, dtype)?,
        Op::Std => element(Op::Sqrt, &[var(values, dtype)?], None, None)?,
        Op::Prod => tree(Op::Mul, values, dtype).unwrap_or(identity(Op::Mul, dtype)),
        Op::Max => tree(Op::Maximum, values, dtype).unwrap_or(zero(dtype)),
        Op::Min => tree(Op::Minimum, values, dtype).unwrap_or(zero(dtype)),
        Op::All => tree(Op::And, values, dtype).unwrap_or(Scalar::Bool(true)),
        Op::Any => tree(Op::Or, values, dtype).unwrap_or(Scalar::Bool(false)),
        Op::ArgMax => position(Op::Gt, values),
        Op::ArgMin => position(Op::Lt, values),
        _ => log_sum_exp(values, dtype, approx)?,
    })
}

/// For each output position the input positions in logical order of the reduced axes.
fn groups(shape: &[usize], reduced: &[bool]) -> Vec<Vec<usize>> {
    let outputs: usize = shape.iter().zip(reduced).filter(|(_, r)| !**r).map(|(n, _)| *n).product();
    let mut groups = vec![Vec::new(); outputs];
    for i in 0..shape.iter().product() {
        let (mut rest, mut at, mut stride) = (i, 0, 1);
        for k in (0..shape.len()).rev() {
            let coordinate = rest % shape[k];
            rest /= shape[k];
            if !reduced[k] {
                at += coordinate * stride;
                stride *= shape[k];
            }
        }
        groups[at].push(i);
    }
    groups
}

pub(super) fn eval(
    op: Op,
    x: &TensorData,
    to: &[usize],
    attrs: &Attrs,
    approx: Option<Approx<'_>>,
) -> Result<Value> {
    let reduced = shape::reduced(&attrs.axes, x.shape.len())?;
    let dtype = x.dtype();
    let mut out = Vec::new();
    for group in groups(&x.shape, &reduced) {
        let values: Vec<Scalar> = group.iter().map(|i| x.get(*i)).collect();
        out.push(one(op, &values, dtype, approx)?);
    }
    let dtype = if matches!(op, Op::ArgMax | Op::ArgMin) { DType::I64 } else { dtype };
    Ok(made(dtype, to, &out))
}

/// `cumsum`, `softmax`, `log_softmax`.
pub(super) fn along(op: Op, x: &TensorData, attrs: &Attrs, approx: Option<Approx<'_>>) -> Result<Value> {
    let reduced = shape::reduced(&attrs.axes, x.shape.len())?;
    let dtype = x.dtype();
    let mut out = vec![zero(dtype); x.len()];
    for group in groups(&x.shape, &reduced) {
        let values: Vec<Scalar> = group.iter().map(|i| x.get(*i)).collect();
        let results: Vec<Scalar> = match op {
            Op::CumSum | Op::CumProd => {
                let by = if op == Op::CumSum { Op::Add } else { Op::Mul };
                let mut total = None;
                let mut step = |v: &Scalar| {
                    let next = total.map_or(Ok(*v), |t| apply(by, t, *v));
                    total = next.clone().ok();
                    next
                };
                values.iter().map(&mut step).collect::<Result<_>>()?
            }
            _ => {
                let row = Distances::new(&values, largest(&values, dtype), dtype, approx)?;
                if op == Op::Softmax {
                    let share = element(Op::Recip, &[row.total], None, None)?;
                    row.exps.iter().map(|e| apply(Op::Mul, *e, share)).collect::<Result<_>>()?
                } else {
                    let total = element(Op::Ln, &[row.total], None, approx)?;
                    row.distances.iter().map(|d| apply(Op::Sub, *d, total)).collect::<Result<_>>()?
                }
            }
        };
        for (i, r) in group.into_iter().zip(results) {
            out[i] = r;
        }
    }
    Ok(made(dtype, &x.shape, &out))
}
