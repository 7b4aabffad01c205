//! Ops that give the same elements in another order or shape, or some of them: views where strides
//! allow, copies elsewhere.

use jit_ir::ops::{Attrs, shape};
use jit_ir::{DType, Op, Prim, Scalar, with_dtype};

use crate::kernels::{copy, launch};
use crate::tensor::raw::{RawTensor, Sizes, Strides, Val, row_major};

pub(super) fn eval(op: Op, attrs: &Attrs, args: &[&Val], sizes: &[usize]) -> Result<RawTensor, String> {
    let x = args[0].tensor()?;
    let count = |i: usize| args[i].scalar().map(|s| s.as_i64() as usize);
    let axis = |rank: usize| shape::only_axis(attrs, rank);
    Ok(match op {
        Op::Reshape | Op::Flatten => {
            let x = x.contiguous();
            x.view(sizes.into(), row_major(sizes), x.offset)
        }
        Op::T | Op::Transpose | Op::Permute => {
            let order = shape::permutation(op, attrs, x.rank())?;
            permuted(x, &order)
        }
        Op::Unsqueeze => unsqueeze(x, axis(x.rank() + 1)?),
        Op::Squeeze => without(x, axis(x.rank())?, 0),
        Op::BroadcastTo => launch::broadcast_view(x, sizes),
        Op::Flip => flip(x, axis(x.rank())?),
        Op::Roll => roll(x, axis(x.rank())?, args[1].scalar()?.as_i64()),
        Op::Repeat => repeat(x, sizes),
        Op::Pad => pad(x, args, sizes)?,
        Op::SliceStep => {
            let (axis, start, step) = (axis(x.rank())?, count(1)?, count(3)?);
            let (mut shape, mut strides) = (x.shape.clone(), x.strides.clone());
            shape[axis] = sizes[axis];
            strides[axis] *= step as isize;
            let offset = if sizes[axis] == 0 || x.len() == 0 { x.offset } else { moved(x, axis, start) };
            x.view(shape, strides, offset)
        }
        Op::IndexAxis => without(x, axis(x.rank())?, count(1)?),
        Op::SliceAxis => {
            let (axis, start) = (axis(x.rank())?, count(1)?);
            part(x, axis, start, start + sizes[axis])
        }
        Op::PartOf => {
            let (axis, i) = (axis(x.rank())?, count(1)?);
            part(x, axis, i * sizes[axis], (i + 1) * sizes[axis])
        }
        Op::PartSized => {
            let (axis, start) = (axis(x.rank())?, count(1)?);
            part(x, axis, start, start + sizes[axis])
        }
        Op::Take => take(x, axis(x.rank())?, args[1].tensor()?, sizes)?,
        Op::OneHot => one_hot(x, count(1)?, attrs.dtype.unwrap_or(DType::F32), sizes)?,
        Op::Triu | Op::Tril => triangle(op, x, args[1].scalar()?.as_i64()),
        Op::ZerosLike => launch::filled(Scalar::U8(0).cast(x.dtype), sizes),
        Op::OnesLike => launch::filled(Scalar::U8(1).cast(x.dtype), sizes),
        _ => return Err("is not known to the runtime".into()),
    })
}

fn moved(x: &RawTensor, axis: usize, by: usize) -> usize {
    x.offset.wrapping_add_signed(x.strides[axis] * by as isize)
}

/// The axes in another order.
pub(super) fn permuted(x: &RawTensor, order: &[usize]) -> RawTensor {
    let shape: Sizes = order.iter().map(|a| x.shape[*a]).collect();
    let strides: Strides = order.iter().map(|a| x.strides[*a]).collect();
    x.view(shape, strides, x.offset)
}

/// A new axis of size 1.
pub(super) fn unsqueeze(x: &RawTensor, axis: usize) -> RawTensor {
    let (mut shape, mut strides) = (x.shape.clone(), x.strides.clone());
    shape.insert(axis, 1);
    strides.insert(axis, 0);
    x.view(shape, strides, x.offset)
}

/// Position `i` of an axis, which is dropped.
pub(super) fn without(x: &RawTensor, axis: usize, i: usize) -> RawTensor {
    let (mut shape, mut strides) = (x.shape.clone(), x.strides.clone());
    shape.remove(axis);
    strides.remove(axis);
    let offset = if x.len() == 0 { x.offset } else { moved(x, axis, i) };
    x.view(shape, strides, offset)
}

fn flip(x: &RawTensor, axis: usize) -> RawTensor {
    if x.len() == 0 {
        return x.clone();
    }
    let mut strides = x.strides.clone();
    strides[axis] = -strides[axis];
    x.view(x.shape.clone(), strides, moved(x, axis, x.shape[axis] - 1))
}

/// The positions `start..end` of an axis.
pub(super) fn part(x: &RawTensor, axis: usize, start: usize, end: usize) -> RawTensor {
    let mut shape = x.shape.clone();
    shape[axis] = end - start;
    let offset = if x.len() == 0 { x.offset } else { moved(x, axis, start) };
    x.view(shape, x.strides.clone(), offset)
}

fn roll(x: &RawTensor, axis: usize, by: i64) -> RawTensor {
    let n = x.shape[axis];
    if x.len() == 0 {
        return x.clone();
    }
    let at = n - by.rem_euclid(n as i64) as usize;
    copy::concat(&[&part(x, axis, at, n), &part(x, axis, 0, at)], axis, &x.shape)
}

fn repeat(x: &RawTensor, sizes: &[usize]) -> RawTensor {
    // Of nothing there may be more copies than fit into memory.
    if sizes.contains(&0) {
        return RawTensor::uninit(x.dtype, sizes);
    }
    let mut out = x.contiguous();
    for (axis, n) in sizes.iter().enumerate() {
        let mut shape = out.shape.clone();
        shape[axis] = *n;
        out = copy::concat(&vec![&out; n / x.shape[axis]], axis, &shape);
    }
    out
}

fn pad(x: &RawTensor, args: &[&Val], sizes: &[usize]) -> Result<RawTensor, String> {
    let value = args[1].scalar()?.cast(x.dtype);
    let mut out = x.clone();
    for (axis, n) in sizes.iter().enumerate() {
        let before = args[2 + 2 * axis].scalar()?.as_i64() as usize;
        let filled = |count: usize| {
            let mut shape = out.shape.clone();
            shape[axis] = count;
            launch::filled(value, &shape)
        };
        let (first, last) = (filled(before), filled(n - before - out.shape[axis]));
        let mut shape = out.shape.clone();
        shape[axis] = *n;
        out = copy::concat(&[&first, &out, &last], axis, &shape);
    }
    Ok(out)
}

fn take(x: &RawTensor, axis: usize, indices: &RawTensor, sizes: &[usize]) -> Result<RawTensor, String> {
    let n = x.shape[axis];
    let picked: Vec<i64> = indices.to_vec();
    if let Some(bad) = picked.iter().find(|i| **i < 0 || **i as usize >= n) {
        return Err(format!("index {bad} is out of range for size {n}"));
    }
    let x = x.contiguous();
    let inner: usize = x.shape[axis + 1..].iter().product();
    let outer: usize = x.shape[..axis].iter().product();
    let mut out = RawTensor::uninit(x.dtype, sizes);
    with_dtype!(x.dtype, T => {
        let from = x.as_slice::<T>().unwrap_or(&[]);
        let to = out.fresh::<T>();
        let mut rows = to.chunks_mut(inner.max(1));
        for o in 0..outer {
            for i in &picked {
                let start = (o * n + *i as usize) * inner;
                if let Some(row) = rows.next().filter(|_| inner > 0) {
                    row.copy_from_slice(&from[start..start + inner]);
                }
            }
        }
    });
    Ok(out)
}

fn one_hot(x: &RawTensor, n: usize, dtype: DType, sizes: &[usize]) -> Result<RawTensor, String> {
    let classes: Vec<i64> = x.to_vec();
    if let Some(bad) = classes.iter().find(|i| **i < 0 || **i as usize >= n) {
        return Err(format!("index {bad} is out of range for size {n}"));
    }
    let mut out = launch::filled(Scalar::U8(0).cast(dtype), sizes);
    with_dtype!(dtype, T => {
        let one = T::from_scalar(Scalar::U8(1));
        let to = out.fresh::<T>();
        for (row, class) in classes.iter().enumerate() {
            to[row * n + *class as usize] = one;
        }
    });
    Ok(out)
}

fn triangle(op: Op, x: &RawTensor, k: i64) -> RawTensor {
    let (x, mut out) = (x.contiguous(), RawTensor::uninit(x.dtype, &x.shape));
    let rank = x.rank();
    let (rows, columns) = (x.shape[rank - 2], x.shape[rank - 1]);
    if out.len() == 0 {
        return out;
    }
    with_dtype!(x.dtype, T => {
        let from = x.as_slice::<T>().unwrap_or(&[]);
        let lines = out.fresh::<T>().chunks_exact_mut(columns).zip(from.chunks_exact(columns));
        for (i, (to, from)) in lines.enumerate() {
            // Where the diagonal, or what is right of it, begins.
            let first = ((i % rows) as i64).saturating_add(k).saturating_add(i64::from(op == Op::Tril));
            let at = first.clamp(0, columns as i64) as usize;
            let (kept, filled) = if op == Op::Triu { (at..columns, 0..at) } else { (0..at, at..columns) };
            to[kept.clone()].copy_from_slice(&from[kept]);
            to[filled].fill(T::ZERO);
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_share_the_buffer() {
        let x = RawTensor::from_fn(&[2, 3], |i| i as f32);
        let y = permuted(&x, &[1, 0]);
        assert_eq!(y.to_vec::<f32>(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(y.buffer.start(), x.buffer.start());
        assert_eq!(flip(&x, 1).to_vec::<f32>(), [2.0, 1.0, 0.0, 5.0, 4.0, 3.0]);
        assert_eq!(without(&x, 0, 1).to_vec::<f32>(), [3.0, 4.0, 5.0]);
        assert_eq!(flip(&RawTensor::uninit(DType::F32, &[0, 3]), 0).to_vec::<f32>(), [0.0_f32; 0]);
    }
}
