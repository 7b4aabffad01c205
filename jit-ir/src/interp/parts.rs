//! Ops that replace, repeat, surround, split, pick and sort.

use std::cmp::Ordering;

use super::elementwise::broadcast_index;
use super::layout::{coordinates, picked, position, with};
use super::{Value, made};
use crate::data::{Scalar, TensorData};
use crate::ops::{Attrs, Op, shape};
use crate::types::DType;

type Result<T> = std::result::Result<T, String>;

pub(super) fn eval(op: Op, operands: &[Value], to: &[usize], attrs: &Attrs) -> Result<Value> {
    let x = operands[0].tensor()?;
    let count = |i: usize| operands[i].scalar().map(|s| s.as_i64() as usize);
    let axis = |rank: usize| shape::only_axis(attrs, rank);
    Ok(match op {
        Op::SetAxis | Op::SetSlice => {
            let (axis, start, part) = (axis(x.shape.len())?, count(1)?, operands[2].tensor()?);
            let mut slot = x.shape.clone();
            slot[axis] = if op == Op::SetAxis { 1 } else { part.shape[axis] };
            // A row has no such axis.
            let mut shape = slot.clone();
            if op == Op::SetAxis {
                shape.remove(axis);
            }
            let mut all = x.scalars();
            for i in 0..slot.iter().product() {
                let at = coordinates(i, &slot);
                let to = position(&with(&at, axis, at[axis] + start), &x.shape);
                all[to] = part.get(broadcast_index(i, &shape, &part.shape));
            }
            made(x.dtype(), to, &all)
        }
        Op::Roll => {
            let (axis, by) = (axis(x.shape.len())?, operands[1].scalar()?.as_i64());
            picked(x, to, |at| {
                let n = x.shape[axis] as i64;
                with(at, axis, (at[axis] as i64 - by.rem_euclid(n)).rem_euclid(n) as usize)
            })
        }
        Op::Repeat => picked(x, to, |at| at.iter().zip(&x.shape).map(|(i, n)| i % n).collect()),
        Op::Pad => {
            let before: Vec<usize> = (0..x.shape.len()).map(|a| count(2 + 2 * a)).collect::<Result<_>>()?;
            let inside = |at: &[usize]| -> Option<Vec<usize>> {
                let from = at.iter().zip(&before).map(|(i, b)| i.checked_sub(*b));
                let from: Vec<usize> = from.collect::<Option<_>>()?;
                from.iter().zip(&x.shape).all(|(i, n)| i < n).then_some(from)
            };
            let value = operands[1].scalar()?.cast(x.dtype());
            let all: Vec<Scalar> = (0..to.iter().product())
                .map(|i| inside(&coordinates(i, to)).map_or(value, |from| x.get(position(&from, &x.shape))))
                .collect();
            made(x.dtype(), to, &all)
        }
        Op::PartOf => {
            let (axis, i) = (axis(x.shape.len())?, count(1)?);
            picked(x, to, |at| with(at, axis, at[axis] + i * to[axis]))
        }
        Op::PartSized => {
            let (axis, start) = (axis(x.shape.len())?, count(1)?);
            picked(x, to, |at| with(at, axis, at[axis] + start))
        }
        Op::SliceStep => {
            let (axis, start, step) = (axis(x.shape.len())?, count(1)?, count(3)?);
            picked(x, to, |at| with(at, axis, start + at[axis] * step))
        }
        Op::Gather | Op::ScatterAdd => by_index(op, operands, to, axis(x.shape.len())?)?,
        Op::Sort | Op::ArgSort | Op::TopK => sorted(op, x, to, axis(x.shape.len())?),
        _ => return Err("is unknown to the interpreter".into()),
    })
}

fn by_index(op: Op, operands: &[Value], to: &[usize], axis: usize) -> Result<Value> {
    let (x, index) = (operands[0].tensor()?, operands[1].tensor()?);
    let mut all = if op == Op::Gather { vec![Scalar::I64(0); index.len()] } else { x.scalars() };
    for i in 0..index.len() {
        let at = index.get(i).as_i64();
        if at < 0 || at as usize >= x.shape[axis] {
            return Err(format!("index {at} is out of range for size {}", x.shape[axis]));
        }
        let place = position(&with(&coordinates(i, &index.shape), axis, at as usize), &x.shape);
        if op == Op::Gather {
            all[i] = x.get(place);
        } else {
            let added = [Value::Scalar(all[place]), Value::Scalar(operands[2].tensor()?.get(i))];
            let tensors = added.map(|v| made(x.dtype(), &[], &[v.scalar().unwrap_or(Scalar::I64(0))]));
            let sum = super::elementwise::eval(Op::Add, &tensors, &[], &Attrs::default(), None)?;
            all[place] = sum.tensor()?.get(0);
        }
    }
    Ok(made(x.dtype(), to, &all))
}

fn sorted(op: Op, x: &TensorData, to: &[usize], axis: usize) -> Value {
    let n = x.shape[axis];
    let number = |s: Scalar| if let Scalar::F64(v) = s.cast(DType::F64) { v } else { 0.0 };
    let mut out = x.scalars();
    if op != Op::Sort {
        out = vec![Scalar::I64(0); to.iter().product()];
    }
    for i in 0..x.len() {
        let first = coordinates(i, &x.shape);
        if first[axis] > 0 {
            continue;
        }
        let place = |k: usize| position(&with(&first, axis, k), &x.shape);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| {
            let (a, b) = (x.get(place(*a)), x.get(place(*b)));
            let turned = |order: Ordering| if op == Op::TopK { order.reverse() } else { order };
            if a.dtype() == DType::I64 {
                return turned(a.as_i64().cmp(&b.as_i64()));
            }
            let (a, b) = (number(a), number(b));
            a.partial_cmp(&b).map_or_else(|| a.is_nan().cmp(&b.is_nan()), turned)
        });
        for (k, from) in order.into_iter().take(to[axis]).enumerate() {
            out[position(&with(&first, axis, k), to)] =
                if op == Op::Sort { x.get(place(from)) } else { Scalar::I64(from as i64) };
        }
    }
    made(if op == Op::Sort { x.dtype() } else { DType::I64 }, to, &out)
}
