//! Reductions, and ops along an axis.

use jit_ir::ops::lanes::{Add, And, Binary, Maximum, Minimum, Mul, Or};
use jit_ir::ops::{Attrs, rows, shape};
use jit_ir::{DType, Op, Prim, Scalar};
use smallvec::SmallVec;

use super::ops::{apply, tensor};
use super::{threads, views};
use crate::kernels::copy::contiguous_copy;
use crate::kernels::launch;
use crate::kernels::reduce::{Fold, fold, fold_columns, fold_rows, share};
use crate::tensor::raw::{RawTensor, Val, row_major};

pub(super) fn eval(op: Op, attrs: &Attrs, x: &RawTensor, sizes: &[usize]) -> Result<RawTensor, String> {
    match op {
        Op::Mean => {
            let reduced = shape::reduced(&attrs.axes, x.rank())?;
            let n: usize = x.shape.iter().zip(&reduced).filter(|(_, r)| **r).map(|(n, _)| *n).product();
            let total = Val::Tensor(eval(Op::Sum, attrs, x, sizes)?);
            let count = Val::Scalar(Scalar::Usize(n).cast(x.dtype));
            tensor(apply(Op::Div, &Attrs::default(), &[&total, &count])?)
        }
        Op::Var | Op::Std => in_steps(op, attrs, x, sizes),
        Op::LogSumExp if x.len() == 0 => {
            Ok(launch::filled(Scalar::F64(f64::NEG_INFINITY).cast(x.dtype), sizes))
        }
        Op::LogSumExp => in_steps(op, attrs, x, sizes),
        _ => {
            let layout = Layout::new(x, attrs)?;
            Ok(match x.dtype {
                DType::F32 => layout.number::<f32>(op, sizes),
                DType::F64 => layout.number::<f64>(op, sizes),
                DType::U8 => layout.number::<u8>(op, sizes),
                DType::I32 => layout.number::<i32>(op, sizes),
                DType::I64 | DType::Usize => layout.number::<i64>(op, sizes),
                DType::Bool if op == Op::All => layout.fold::<And, bool>(true, sizes),
                DType::Bool => layout.fold::<Or, bool>(false, sizes),
            })
        }
    }
}

/// The sum, the largest or the smallest of all elements of a contiguous float tensor, of which there is at least one;
/// an `f32` as the `f64` that it is.
pub(super) fn all(op: Op, x: &RawTensor) -> Option<f64> {
    fn on<T: Prim + Into<f64>>(op: Op, values: &[T]) -> Option<f64>
    where
        Add: Fold<T>,
        Maximum: Fold<T>,
        Minimum: Fold<T>,
    {
        let value = match op {
            Op::Sum => fold::<Add, T>(values),
            Op::Max => fold::<Maximum, T>(values),
            _ => fold::<Minimum, T>(values),
        };
        value.map(Into::into)
    }
    match x.dtype {
        DType::F32 => on::<f32>(op, x.as_slice()?),
        DType::F64 => on::<f64>(op, x.as_slice()?),
        _ => None,
    }
}

/// The elements as `[outer, reduced, inner]`, contiguous.
struct Layout {
    x: RawTensor,
    outer: usize,
    reduced: usize,
    inner: usize,
}

impl Layout {
    fn new(x: &RawTensor, attrs: &Attrs) -> Result<Layout, String> {
        let flags = shape::reduced(&attrs.axes, x.rank())?;
        let first = flags.iter().position(|r| *r).unwrap_or(x.rank());
        let count = flags.iter().filter(|r| **r).count();
        let size = |axes: &[usize]| axes.iter().product::<usize>();
        if flags[first..].iter().take(count).all(|r| *r) {
            let end = first + count;
            return Ok(Layout {
                x: x.contiguous(),
                outer: size(&x.shape[..first]),
                reduced: size(&x.shape[first..end]),
                inner: size(&x.shape[end..]),
            });
        }
        let axes = 0..x.rank();
        let order: SmallVec<[usize; 6]> =
            axes.clone().filter(|a| !flags[*a]).chain(axes.filter(|a| flags[*a])).collect();
        let moved = contiguous_copy(&views::permuted(x, &order));
        let kept = moved.rank() - count;
        let (outer, reduced) = (size(&moved.shape[..kept]), size(&moved.shape[kept..]));
        Ok(Layout { x: moved, outer, reduced, inner: 1 })
    }

    fn number<T: Prim + PartialOrd>(&self, op: Op, sizes: &[usize]) -> RawTensor
    where
        Add: Fold<T>,
        Mul: Fold<T>,
        Maximum: Fold<T>,
        Minimum: Fold<T>,
    {
        match op {
            Op::Sum => self.fold::<Add, T>(T::ZERO, sizes),
            Op::Prod => self.fold::<Mul, T>(T::from_scalar(Scalar::U8(1)), sizes),
            Op::Max => self.fold::<Maximum, T>(T::ZERO, sizes),
            Op::Min => self.fold::<Minimum, T>(T::ZERO, sizes),
            Op::ArgMax => self.position::<T>(|a, b| a > b, sizes),
            _ => self.position::<T>(|a, b| a < b, sizes),
        }
    }

    /// Folds with `O`; `nothing` is the value of no elements.
    fn fold<O: Fold<T>, T: Prim>(&self, nothing: T, sizes: &[usize]) -> RawTensor {
        let mut out = RawTensor::uninit(T::DTYPE, sizes);
        let values = self.x.as_slice::<T>().unwrap_or(&[]);
        let to = out.fresh::<T>();
        if self.reduced == 0 {
            to.fill(nothing);
        } else if self.inner == 1 {
            fold_rows::<O, T>(values, self.reduced, to);
        } else if self.inner > 0 {
            fold_columns::<O, T>(values, self.reduced, self.inner, to);
        }
        out
    }

    /// The position of the first best element; a NaN is better than all.
    fn position<T: Prim>(&self, better: impl Fn(T, T) -> bool + Sync, sizes: &[usize]) -> RawTensor {
        let values = self.x.as_slice::<T>().unwrap_or(&[]);
        #[allow(clippy::eq_op, reason = "only a NaN differs from itself")]
        let nan = |v: T| v != v;
        let mut out = RawTensor::uninit(DType::I64, sizes);
        let best = |i: usize| {
            let start = i / self.inner * self.reduced * self.inner + i % self.inner;
            let at = |k: usize| values[start + k * self.inner];
            let mut best = 0;
            for k in 1..self.reduced {
                if !nan(at(best)) && (nan(at(k)) || better(at(k), at(best))) {
                    best = k;
                }
            }
            best as i64
        };
        let to = out.fresh::<i64>();
        let each = share(to.len(), values.len());
        threads::pieces(to, 1, each, &|first, to| {
            to.iter_mut().enumerate().for_each(|(i, o)| *o = best(first + i));
        });
        debug_assert_eq!(self.outer * self.inner, out.len());
        out
    }
}

/// An op that is made of others.
fn in_steps(op: Op, attrs: &Attrs, x: &RawTensor, sizes: &[usize]) -> Result<RawTensor, String> {
    let steps = rows::steps(op).ok_or("is not made of others")?;
    let last = x.rank().checked_sub(1);
    let along_last = shape::reduced(&attrs.axes, x.rank())?.iter().rposition(|r| *r) == last
        && (attrs.axes.as_ref().is_some_and(|a| a.len() == 1) || x.rank() == 1);
    let value = if along_last && last.is_some() {
        super::rows::along_last(op, steps, x)?
    } else {
        one_by_one(steps, attrs, x)?
    };
    let value = value.contiguous();
    Ok(value.view(sizes.into(), row_major(sizes), value.offset))
}

fn one_by_one(steps: &[rows::Step], attrs: &Attrs, x: &RawTensor) -> Result<RawTensor, String> {
    let x = Val::Tensor(x.clone());
    let zero = Val::Scalar(Scalar::U8(0).cast(x.tensor()?.dtype));
    let (reduction, none) = (Attrs { keep: true, ..attrs.clone() }, Attrs::default());
    let mut made: SmallVec<[Val; 12]> = SmallVec::new();
    for (op, parts) in steps {
        let value = {
            let args = parts.iter().map(|part| match part {
                rows::Part::X => &x,
                rows::Part::Zero => &zero,
                rows::Part::Step(k) => &made[*k],
            });
            let args: SmallVec<[&Val; 3]> = args.collect();
            let attrs = if rows::is_fold(*op) { &reduction } else { &none };
            apply(*op, attrs, &args)?
        };
        made.push(value);
    }
    tensor(made.pop().ok_or("has no steps")?)
}

/// `cumsum`, `softmax`, `log_softmax`.
pub(super) fn along(op: Op, attrs: &Attrs, x: &RawTensor) -> Result<RawTensor, String> {
    if x.len() == 0 {
        return Ok(x.contiguous());
    }
    match op {
        Op::Softmax | Op::LogSoftmax => in_steps(op, attrs, x, &x.shape),
        _ => {
            let layout = Layout::new(x, attrs)?;
            macro_rules! run {
                ($O:ident) => {
                    match x.dtype {
                        DType::F32 => running::<$O, f32>(&layout),
                        DType::F64 => running::<$O, f64>(&layout),
                        DType::U8 => running::<$O, u8>(&layout),
                        DType::I32 => running::<$O, i32>(&layout),
                        _ => running::<$O, i64>(&layout),
                    }
                };
            }
            Ok(if op == Op::CumSum { run!(Add) } else { run!(Mul) })
        }
    }
}

/// Running sums or products along the reduced axis.
fn running<O: Binary<T, Out = T>, T: Prim>(layout: &Layout) -> RawTensor {
    let mut out = contiguous_copy(&layout.x);
    let (row, whole) = (layout.inner, layout.reduced * layout.inner);
    let each = share(layout.outer, layout.x.len()) * whole;
    threads::pieces(out.fresh::<T>(), whole, each, &|_, blocks| {
        for block in blocks.chunks_mut(whole) {
            for i in row..block.len() {
                block[i] = O::eval(block[i - row], block[i]);
            }
        }
    });
    out
}
