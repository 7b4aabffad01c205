//! Ops that join or contract tensors.

use std::sync::Arc;

use super::elementwise::{broadcast_index, element};
use super::layout::{coordinates, position};
use super::{Value, made};
use crate::data::{Scalar, TensorData};
use crate::numerics;
use crate::ops::composite::Build;
use crate::ops::einsum::{self, Equation};
use crate::ops::{Attrs, Op, shape};

type Result<T> = std::result::Result<T, String>;

pub(super) fn eval(op: Op, operands: &[Value], to: &[usize], attrs: &Attrs) -> Result<Value> {
    match op {
        Op::Concat | Op::Stack => joined(op, operands, to, attrs),
        Op::Outer => {
            let (a, b) = (operands[0].tensor()?, operands[1].tensor()?);
            let out: Vec<Scalar> = (0..a.len() * b.len())
                .map(|i| element(Op::Mul, &[a.get(i / b.len()), b.get(i % b.len())], None, None))
                .collect::<Result<_>>()?;
            Ok(made(a.dtype(), to, &out))
        }
        Op::Dot => {
            let (a, b) = (operands[0].tensor()?, operands[1].tensor()?);
            let products: Vec<Scalar> = (0..a.len())
                .map(|i| element(Op::Mul, &[a.get(i), b.get(i)], None, None))
                .collect::<Result<_>>()?;
            Ok(made(a.dtype(), to, &[super::reduce::sum(&products, a.dtype())]))
        }
        _ => matmul(operands[0].tensor()?, operands[1].tensor()?, to),
    }
}

fn joined(op: Op, operands: &[Value], to: &[usize], attrs: &Attrs) -> Result<Value> {
    let axis = shape::only_axis(attrs, to.len())?;
    let parts: Vec<&Arc<TensorData>> = operands
        .iter()
        .map(|v| if let Value::Tensor(t) = v { Ok(t) } else { Err("expected a tensor".to_string()) })
        .collect::<Result<_>>()?;
    let out: Vec<Scalar> = (0..to.iter().product())
        .map(|i| {
            let mut at = coordinates(i, to);
            let mut part = 0;
            if op == Op::Stack {
                part = at.remove(axis);
            } else {
                while at[axis] >= parts[part].shape[axis] {
                    at[axis] -= parts[part].shape[axis];
                    part += 1;
                }
            }
            parts[part].get(position(&at, &parts[part].shape))
        })
        .collect();
    Ok(made(parts[0].dtype(), to, &out))
}

type Apply<'a> = &'a dyn Fn(Op, &Attrs, &[Value]) -> Result<Value>;

struct Steps<'a>(Apply<'a>);

impl Build for Steps<'_> {
    type Value = Value;
    type Error = String;
    fn op(&mut self, op: Op, operands: &[&Value], attrs: Attrs) -> Result<Value> {
        (self.0)(op, &attrs, &operands.iter().map(|v| (*v).clone()).collect::<Vec<_>>())
    }
    fn scalar(&mut self, value: Scalar) -> Value {
        Value::Scalar(value)
    }
}

/// By the ops that its equation means.
pub(super) fn einsum(operands: &[Value], attrs: &Attrs, apply: Apply) -> Result<Value> {
    let equation = Equation::parse(attrs.text.as_deref().unwrap_or_default())?;
    let shapes: Vec<Vec<usize>> =
        operands.iter().map(|v| v.tensor().map(|t| t.shape.clone())).collect::<Result<_>>()?;
    einsum::build(&mut Steps(apply), &equation, &operands.iter().collect::<Vec<_>>(), &shapes)
}

/// By the ops that it means; with a mask row by row, each with what it sees.
pub(super) fn attention(operands: &[Value], to: &[usize], apply: Apply) -> Result<Value> {
    let [q, k, v, causal] = operands else { return Err("takes four operands".into()) };
    let d = q.tensor()?.shape.last().copied().unwrap_or(0);
    let root = Value::Scalar(Scalar::F64(d as f64).cast(q.tensor()?.dtype()));
    let root = apply(Op::Sqrt, &Attrs::default(), &[root])?;
    let q = apply(Op::Div, &Attrs::default(), &[q.clone(), root])?;
    let seen = |q: Value, k: Value, v: Value| {
        let keys = apply(Op::Transpose, &Attrs::axes([-2, -1]), &[k])?;
        let scores = apply(Op::Matmul, &Attrs::default(), &[q, keys])?;
        let weights = apply(Op::Softmax, &Attrs::axes([-1]), &[scores])?;
        apply(Op::Matmul, &Attrs::default(), &[weights, v])
    };
    let (rows, positions) = (to[to.len() - 2], k.tensor()?.shape.iter().rev().nth(1).copied().unwrap_or(0));
    if !matches!(causal, Value::Scalar(Scalar::Bool(true))) || rows == 0 {
        return seen(q, k.clone(), v.clone());
    }
    let part = |x: &Value, from: usize, to: usize| {
        let size = |n: usize| Value::Scalar(Scalar::Usize(n));
        apply(Op::SliceAxis, &Attrs::axes([-2]), &[x.clone(), size(from), size(to)])
    };
    let row = |i: usize| {
        let last = (i + 1).min(positions);
        seen(part(&q, i, i + 1)?, part(k, 0, last)?, part(v, 0, last)?)
    };
    let rows: Vec<Value> = (0..rows).map(row).collect::<Result<_>>()?;
    apply(Op::Concat, &Attrs::axes([-2]), &rows)
}

/// Every element is one chain of fused multiply-adds (integers: wrapping).
fn matmul(a: &TensorData, b: &TensorData, to: &[usize]) -> Result<Value> {
    let matrix = |x: &TensorData, row: bool| match x.shape.as_slice() {
        [n] => (vec![], if row { [1, *n] } else { [*n, 1] }),
        [batch @ .., m, n] => (batch.to_vec(), [*m, *n]),
        [] => (vec![], [1, 1]),
    };
    let (batch_a, [m, k]) = matrix(a, true);
    let (batch_b, [_, n]) = matrix(b, false);
    let batch = shape::broadcast(&known(&batch_a), &known(&batch_b))?.dims.unwrap_or_default();
    let batch: Vec<usize> =
        batch.iter().map(|d| if let crate::types::Dim::Known(n) = d { *n } else { 0 }).collect();
    let mut out = Vec::new();
    for i in 0..batch.iter().product() {
        let from_a = broadcast_index(i, &batch, &batch_a) * m * k;
        let from_b = broadcast_index(i, &batch, &batch_b) * k * n;
        for row in 0..m {
            for column in 0..n {
                let pairs: Vec<(Scalar, Scalar)> =
                    (0..k).map(|p| (a.get(from_a + row * k + p), b.get(from_b + p * n + column))).collect();
                out.push(dot(&pairs, Scalar::U8(0).cast(a.dtype())));
            }
        }
    }
    Ok(made(a.dtype(), to, &out))
}

fn known(shape: &[usize]) -> Vec<crate::types::Dim> {
    shape.iter().map(|n| crate::types::Dim::Known(*n)).collect()
}

pub(super) fn dot(pairs: &[(Scalar, Scalar)], zero: Scalar) -> Scalar {
    let apply = |op, args: &[Scalar]| element(op, args, None, None).unwrap_or(zero);
    let fma = |a: Scalar, b: Scalar, c: Scalar| match a {
        Scalar::F32(_) | Scalar::F64(_) => apply(Op::MulAdd, &[a, b, c]),
        _ => apply(Op::Add, &[c, apply(Op::Mul, &[a, b])]),
    };
    numerics::chain(pairs, zero, fma, |a, b| apply(Op::Add, &[a, b]))
}
