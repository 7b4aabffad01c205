//! Ops that move elements, and those that make tensors.

use super::elementwise::broadcast_index;
use super::{Value, made, parts};
use crate::data::{Scalar, TensorData};
use crate::ops::{Attrs, Op, range, shape};
use crate::random;
use crate::types::DType;

type Result<T> = std::result::Result<T, String>;

pub(super) fn coordinates(mut i: usize, shape: &[usize]) -> Vec<usize> {
    let mut at = vec![0; shape.len()];
    for k in (0..shape.len()).rev() {
        at[k] = i % shape[k];
        i /= shape[k];
    }
    at
}

pub(super) fn position(at: &[usize], shape: &[usize]) -> usize {
    at.iter().zip(shape).fold(0, |p, (c, n)| p * n + c)
}

/// The element at each position of the result, found by `from`.
pub(super) fn picked(x: &TensorData, to: &[usize], from: impl Fn(&[usize]) -> Vec<usize>) -> Value {
    let out: Vec<Scalar> =
        (0..to.iter().product()).map(|i| x.get(position(&from(&coordinates(i, to)), &x.shape))).collect();
    made(x.dtype(), to, &out)
}

pub(super) fn eval(op: Op, operands: &[Value], to: &[usize], attrs: &Attrs) -> Result<Value> {
    if op.info().class == crate::ops::Class::Make {
        return make(op, operands, to, attrs);
    }
    let x = operands[0].tensor()?;
    let count = |i: usize| operands[i].scalar().map(|s| s.as_i64() as usize);
    let axis = |rank: usize| shape::only_axis(attrs, rank);
    Ok(match op {
        Op::Reshape | Op::Flatten | Op::Unsqueeze | Op::Squeeze => made(x.dtype(), to, &x.scalars()),
        Op::T | Op::Transpose | Op::Permute => {
            let order = shape::permutation(op, attrs, x.shape.len())?;
            picked(x, to, |at| {
                let mut from = vec![0; at.len()];
                order.iter().zip(at).for_each(|(axis, c)| from[*axis] = *c);
                from
            })
        }
        Op::BroadcastTo => {
            let out: Vec<Scalar> =
                (0..to.iter().product()).map(|i| x.get(broadcast_index(i, to, &x.shape))).collect();
            made(x.dtype(), to, &out)
        }
        Op::Flip => {
            let axis = axis(x.shape.len())?;
            picked(x, to, |at| with(at, axis, x.shape[axis] - 1 - at[axis]))
        }
        Op::IndexAxis => {
            let (axis, i) = (axis(x.shape.len())?, count(1)?);
            picked(x, to, |at| {
                let mut from = at.to_vec();
                from.insert(axis, i);
                from
            })
        }
        Op::SetIndex => {
            let places = operands.len() - 1;
            let at: Vec<usize> = (1..places).map(count).collect::<Result<_>>()?;
            let mut all = x.scalars();
            all[position(&at, &x.shape)] = operands[places].scalar()?;
            made(x.dtype(), to, &all)
        }
        Op::SliceAxis => {
            let (axis, start) = (axis(x.shape.len())?, count(1)?);
            picked(x, to, |at| with(at, axis, at[axis] + start))
        }
        Op::Take => {
            let (axis, indices) = (axis(x.shape.len())?, operands[1].tensor()?);
            let n = x.shape[axis];
            let bad = |i: &Scalar| i.as_i64() < 0 || i.as_i64() as usize >= n;
            if let Some(i) = indices.scalars().iter().find(|i| bad(i)) {
                return Err(format!("index {i} is out of range for size {n}"));
            }
            let rank = indices.shape.len();
            picked(x, to, |at| {
                let chosen = indices.get(position(&at[axis..axis + rank], &indices.shape)).as_i64();
                let mut from = at[..axis].to_vec();
                from.push(chosen as usize);
                from.extend_from_slice(&at[axis + rank..]);
                from
            })
        }
        Op::Triu | Op::Tril => triangle(op, x, operands[1].scalar()?.as_i64()),
        Op::OneHot => one_hot(x, to, count(1)?, attrs)?,
        Op::ZerosLike => made(x.dtype(), to, &vec![Scalar::U8(0).cast(x.dtype()); x.len()]),
        Op::OnesLike => made(x.dtype(), to, &vec![Scalar::U8(1).cast(x.dtype()); x.len()]),
        _ => return parts::eval(op, operands, to, attrs),
    })
}

pub(super) fn with(at: &[usize], axis: usize, value: usize) -> Vec<usize> {
    let mut from = at.to_vec();
    from[axis] = value;
    from
}

fn triangle(op: Op, x: &TensorData, k: i64) -> Value {
    let (rank, fill) = (x.shape.len(), Scalar::U8(0).cast(x.dtype()));
    let out: Vec<Scalar> = (0..x.len())
        .map(|i| {
            let at = coordinates(i, &x.shape);
            let diagonal = at[rank - 1] as i64 - at[rank - 2] as i64;
            let keep = if op == Op::Triu { diagonal >= k } else { diagonal <= k };
            if keep { x.get(i) } else { fill }
        })
        .collect();
    made(x.dtype(), &x.shape, &out)
}

fn one_hot(x: &TensorData, to: &[usize], n: usize, attrs: &Attrs) -> Result<Value> {
    let dtype = attrs.dtype.unwrap_or(DType::F32);
    let mut out = vec![Scalar::U8(0).cast(dtype); x.len() * n];
    for i in 0..x.len() {
        let class = x.get(i).as_i64();
        if class < 0 || class as usize >= n {
            return Err(format!("index {class} is out of range for size {n}"));
        }
        out[i * n + class as usize] = Scalar::U8(1).cast(dtype);
    }
    Ok(made(dtype, to, &out))
}

fn make(op: Op, operands: &[Value], to: &[usize], attrs: &Attrs) -> Result<Value> {
    let n: usize = to.iter().product();
    let scalar = |i: usize| operands[i].scalar();
    let dtype = |s: Scalar| attrs.dtype.unwrap_or(s.dtype());
    Ok(match op {
        Op::Zeros | Op::Ones => {
            let dtype = attrs.dtype.unwrap_or(DType::F32);
            made(dtype, to, &vec![Scalar::U8(u8::from(op == Op::Ones)).cast(dtype); n])
        }
        Op::Uniform | Op::Normal | Op::SplitKey => {
            let key = operands[0].tensor()?.get(0).as_i64();
            let dtype = attrs.dtype.unwrap_or(DType::F32);
            match op {
                Op::Uniform => made(dtype, to, &random::uniform(key, n, dtype).collect::<Vec<_>>()),
                Op::Normal => made(dtype, to, &random::normal(key, n, dtype).collect::<Vec<_>>()),
                _ => made(DType::I64, &[], &[Scalar::I64(random::split(key, scalar(1)?.as_i64() as usize))]),
            }
        }
        Op::Full => {
            let value = scalar(operands.len() - 1)?;
            made(dtype(value), to, &vec![value; n])
        }
        Op::ToTensor => made(dtype(scalar(0)?), &[], &[scalar(0)?]),
        Op::Eye => {
            let dtype = attrs.dtype.unwrap_or(DType::F32);
            let bit = |i: usize| Scalar::U8(u8::from(i / to[0] == i % to[0])).cast(dtype);
            made(dtype, to, &(0..n).map(bit).collect::<Vec<_>>())
        }
        Op::Arange => {
            let range = range::Range::new(scalar(0)?, scalar(1)?, scalar(2)?)?;
            let dtype = dtype(scalar(0)?);
            let at = |i: usize| range.at(i).cast(dtype);
            made(dtype, &[range.len()], &(0..range.len()).map(at).collect::<Vec<_>>())
        }
        _ => {
            let f = |s: Scalar| if let Scalar::F64(v) = s.cast(DType::F64) { v } else { 0.0 };
            let (start, end) = (f(scalar(0)?), f(scalar(1)?));
            let dtype = dtype(scalar(0)?);
            let range = range::Linspace::new(start, end, n);
            let at = |i: usize| Scalar::F64(range.at(i)).cast(dtype);
            made(dtype, to, &(0..n).map(at).collect::<Vec<_>>())
        }
    })
}
