//! Attention by blocks of rows: the scores of one block at a time, of which no more are made than the block sees.

use std::sync::{Mutex, PoisonError};

use jit_ir::ops::Attrs;
use jit_ir::{Op, Prim, Scalar};

use super::{ops, threads};
use crate::kernels::{launch, matmul};
use crate::tensor::raw::{RawTensor, Sizes, Strides, Val};

/// Rows of a block whose scores are masked: few, as what lies beside the diagonal is computed for nothing.
const MASKED_ROWS: usize = 64;
/// Rows of a block without a mask: as many as lie in the second-level cache with the scores of some hundred positions.
const ROWS: usize = 256;
/// Fewer multiply-adds than this stay on one thread.
const PARALLEL: usize = 2_000_000;

/// One matrix of each operand, `q` divided by the root of the size of its rows.
struct Entry {
    q: RawTensor,
    /// Its columns are the keys.
    k: RawTensor,
    v: RawTensor,
}

/// `softmax(q·kᵀ / sqrt(d))·v`; the shapes fit.
pub(super) fn eval(args: &[&Val], sizes: &[usize]) -> Result<RawTensor, String> {
    let (q, k, v) = (args[0].tensor()?, args[1].tensor()?, args[2].tensor()?);
    let causal = matches!(args[3].scalar()?, Scalar::Bool(true));
    if q.dtype == jit_ir::DType::F32 {
        blocks::<f32>([q, k, v], causal, sizes, f32::NEG_INFINITY)
    } else {
        blocks::<f64>([q, k, v], causal, sizes, f64::NEG_INFINITY)
    }
}

fn blocks<T: Prim>(
    [q, k, v]: [&RawTensor; 3],
    causal: bool,
    sizes: &[usize],
    hidden: T,
) -> Result<RawTensor, String> {
    let [batch @ .., rows, width] = sizes else { return Err("takes matrices".into()) };
    let (rows, width) = (*rows, *width);
    let entries = entries(q, k, v, batch)?;
    let positions = k.shape[k.rank() - 2];
    let block = if causal { MASKED_ROWS } else { ROWS };
    let (count, made) = (rows.div_ceil(block), Mutex::new(Vec::new()));
    let run = |from: usize, to: usize| {
        for job in from..to {
            let first = job % count * block;
            let last = (first + block).min(rows);
            let seen = if causal { last.min(positions) } else { positions };
            let part = one_block(&entries[job / count], [first, last, seen], causal.then_some(hidden));
            made.lock().unwrap_or_else(PoisonError::into_inner).push((job, part));
        }
    };
    let jobs = entries.len() * count;
    let work = entries.len() * rows * positions * (q.shape[q.rank() - 1] + width);
    if threads::count() == 1 || work < PARALLEL {
        run(0, jobs);
    } else {
        threads::ranges(0, jobs, 1, &run);
    }
    let mut out = RawTensor::uninit(T::DTYPE, sizes);
    let to = out.fresh::<T>();
    for (job, part) in made.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let part = part?;
        let from = (job / count * rows + job % count * block) * width;
        let elements = part.as_slice::<T>().unwrap_or(&[]);
        to[from..from + elements.len()].copy_from_slice(elements);
    }
    Ok(out)
}

/// The matrices of each entry of the batch.
fn entries(q: &RawTensor, k: &RawTensor, v: &RawTensor, batch: &[usize]) -> Result<Vec<Entry>, String> {
    let d = Scalar::F64(q.shape[q.rank() - 1] as f64).cast(q.dtype);
    let root = ops::apply(Op::Sqrt, &Attrs::default(), &[&Val::Scalar(d)])?;
    let q = ops::apply(Op::Div, &Attrs::default(), &[&Val::Tensor(q.clone()), &root])?;
    let k = ops::apply(Op::Transpose, &Attrs::axes([-2, -1]), &[&Val::Tensor(k.clone())])?;
    let (q, k) = (q.tensor()?, k.tensor()?);
    let whole = |x: &RawTensor| {
        let matrix = &x.shape[x.rank() - 2..];
        launch::broadcast_view(x, &[batch, matrix].concat())
    };
    let (q, k, v) = (whole(q), whole(k), whole(v));
    let entry = |i: usize| Entry { q: matrix(&q, i), k: matrix(&k, i), v: matrix(&v, i) };
    Ok((0..batch.iter().product()).map(entry).collect())
}

/// The matrix of an entry of the batch.
fn matrix(x: &RawTensor, mut entry: usize) -> RawTensor {
    let axes = x.rank() - 2;
    let mut offset = x.offset as isize;
    for axis in (0..axes).rev() {
        offset += (entry % x.shape[axis]) as isize * x.strides[axis];
        entry /= x.shape[axis];
    }
    x.view(x.shape[axes..].into(), x.strides[axes..].into(), offset as usize)
}

/// Positions `from..to` of an axis of a matrix.
fn part(x: &RawTensor, axis: usize, from: usize, to: usize) -> RawTensor {
    let mut shape: Sizes = x.shape.as_slice().into();
    shape[axis] = to - from;
    let strides: Strides = x.strides.as_slice().into();
    let offset = x.offset as isize + if to > from { from as isize * x.strides[axis] } else { 0 };
    x.view(shape, strides, offset as usize)
}

/// The result's rows `first..last`, from the first `seen` positions. With `hidden` for the scores of positions
/// that a row does not see.
fn one_block<T: Prim>(
    of: &Entry,
    [first, last, seen]: [usize; 3],
    hidden: Option<T>,
) -> Result<RawTensor, String> {
    // A weight of 0 hides numbers only.
    if hidden.is_some() && last - first > 1 && !are_numbers::<T>(&part(&of.v, 0, first.min(seen), seen)) {
        return row_by_row(of, [first, last, seen], hidden);
    }
    let (q, k) = (part(&of.q, 0, first, last), part(&of.k, 1, 0, seen));
    let mut scores = matmul::matmul(&q, &k, &[last - first, seen]);
    if let Some(hidden) = hidden {
        for (i, row) in scores.fresh::<T>().chunks_mut(seen.max(1)).enumerate() {
            row[(first + i + 1).min(seen)..].fill(hidden);
        }
    }
    let weights = ops::apply(Op::Softmax, &Attrs::axes([-1]), &[&Val::Tensor(scores)])?;
    let v = part(&of.v, 0, 0, seen);
    Ok(matmul::matmul(weights.tensor()?, &v, &[last - first, v.shape[1]]))
}

/// Whether no element is infinite or NaN.
fn are_numbers<T: Prim>(x: &RawTensor) -> bool {
    let x = x.contiguous();
    let is_number = |v: &T| match v.to_scalar() {
        Scalar::F32(v) => v.is_finite(),
        Scalar::F64(v) => v.is_finite(),
        _ => true,
    };
    // Without an early end it is vector code.
    x.as_slice::<T>().unwrap_or(&[]).iter().fold(true, |all, v| all & is_number(v))
}

/// As [`one_block`], each row from the positions that it sees alone.
fn row_by_row<T: Prim>(
    of: &Entry,
    [first, last, seen]: [usize; 3],
    hidden: Option<T>,
) -> Result<RawTensor, String> {
    let width = of.v.shape[1];
    let mut out = RawTensor::uninit(T::DTYPE, &[last - first, width]);
    let to = out.fresh::<T>();
    for i in first..last {
        let row = one_block(of, [i, i + 1, (i + 1).min(seen)], hidden)?;
        let at = (i - first) * width;
        to[at..at + width].copy_from_slice(row.as_slice::<T>().unwrap_or(&[]));
    }
    Ok(out)
}
