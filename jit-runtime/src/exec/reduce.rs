//! Reductions, and ops along an axis.

use jit_ir::ops::lanes::{Add, And, Binary, Maximum, Minimum, Mul, Or};
use jit_ir::ops::{Attrs, shape};
use jit_ir::{DType, Op, Prim, Scalar};
use smallvec::SmallVec;

use super::ops::{apply, tensor};
use super::views;
use crate::kernels::copy::contiguous_copy;
use crate::kernels::launch;
use crate::kernels::reduce::{Fold, fold, fold_columns};
use crate::tensor::raw::{RawTensor, Val};

pub(super) fn eval(op: Op, attrs: &Attrs, x: &RawTensor, sizes: &[usize]) -> Result<RawTensor, String> {
    match op {
        Op::Mean => {
            let reduced = shape::reduced(&attrs.axes, x.rank())?;
            let n: usize = x.shape.iter().zip(&reduced).filter(|(_, r)| **r).map(|(n, _)| *n).product();
            let total = Val::Tensor(eval(Op::Sum, attrs, x, sizes)?);
            let count = Val::Scalar(Scalar::Usize(n).cast(x.dtype));
            tensor(apply(Op::Div, &Attrs::default(), &[&total, &count])?)
        }
        Op::Var | Op::Std => var(op, attrs, x),
        Op::LogSumExp => logsumexp(attrs, x, sizes),
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

/// All elements of a contiguous float tensor, of which there is at least one.
pub(super) fn all(op: Op, x: &RawTensor) -> Option<RawTensor> {
    fn on<T: Prim>(op: Op, values: &[T]) -> Option<RawTensor>
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
        value.map(|v| RawTensor::from_slice(&[v], &[]))
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
            for (o, row) in to.iter_mut().zip(values.chunks(self.reduced)) {
                *o = fold::<O, T>(row).unwrap_or(nothing);
            }
        } else if self.inner > 0 {
            for (o, rows) in to.chunks_mut(self.inner).zip(values.chunks(self.reduced * self.inner)) {
                fold_columns::<O, T>(rows, self.reduced, self.inner, o);
            }
        }
        out
    }

    /// The position of the first best element; a NaN is better than all.
    fn position<T: Prim>(&self, better: impl Fn(T, T) -> bool, sizes: &[usize]) -> RawTensor {
        let values = self.x.as_slice::<T>().unwrap_or(&[]);
        #[allow(clippy::eq_op, reason = "only a NaN differs from itself")]
        let nan = |v: T| v != v;
        let mut out = RawTensor::uninit(DType::I64, sizes);
        for (i, o) in out.fresh::<i64>().iter_mut().enumerate() {
            let start = i / self.inner * self.reduced * self.inner + i % self.inner;
            let at = |k: usize| values[start + k * self.inner];
            let mut best = 0;
            for k in 1..self.reduced {
                if !nan(at(best)) && (nan(at(k)) || better(at(k), at(best))) {
                    best = k;
                }
            }
            *o = best as i64;
        }
        debug_assert_eq!(self.outer * self.inner, out.len());
        out
    }
}

fn none() -> Attrs {
    Attrs::default()
}

/// An op on tensors that fit.
fn on(op: Op, args: &[&RawTensor]) -> Result<RawTensor, String> {
    let values: SmallVec<[Val; 3]> = args.iter().map(|t| Val::Tensor((*t).clone())).collect();
    let refs: SmallVec<[&Val; 3]> = values.iter().collect();
    tensor(apply(op, &none(), &refs)?)
}

/// A reduction that keeps the reduced axes.
fn keeping(op: Op, attrs: &Attrs, x: &RawTensor) -> Result<RawTensor, String> {
    tensor(apply(op, &Attrs { keep: true, ..attrs.clone() }, &[&Val::Tensor(x.clone())])?)
}

fn var(op: Op, attrs: &Attrs, x: &RawTensor) -> Result<RawTensor, String> {
    let distance = on(Op::Sub, &[x, &keeping(Op::Mean, attrs, x)?])?;
    let squares = Val::Tensor(on(Op::Mul, &[&distance, &distance])?);
    let var = tensor(apply(Op::Mean, attrs, &[&squares])?)?;
    if op == Op::Var { Ok(var) } else { on(Op::Sqrt, &[&var]) }
}

/// What is subtracted before exp: the largest element, or 0 where that is infinite.
fn shift(attrs: &Attrs, x: &RawTensor) -> Result<RawTensor, String> {
    let max = keeping(Op::Max, attrs, x)?;
    let finite = on(Op::Or, &[&on(Op::IsFinite, &[&max])?, &on(Op::IsNan, &[&max])?])?;
    let zero = RawTensor::scalar(Scalar::U8(0).cast(x.dtype));
    on(Op::Select, &[&finite, &max, &zero])
}

fn logsumexp(attrs: &Attrs, x: &RawTensor, sizes: &[usize]) -> Result<RawTensor, String> {
    let flags = shape::reduced(&attrs.axes, x.rank())?;
    if x.shape.iter().zip(&flags).any(|(n, r)| *r && *n == 0) {
        return Ok(launch::filled(Scalar::F64(f64::NEG_INFINITY).cast(x.dtype), sizes));
    }
    let all = logsumexp_keeping(attrs, x)?;
    let x = all.contiguous();
    Ok(x.view(sizes.into(), crate::tensor::raw::row_major(sizes), x.offset))
}

fn logsumexp_keeping(attrs: &Attrs, x: &RawTensor) -> Result<RawTensor, String> {
    let shift = shift(attrs, x)?;
    let total = keeping(Op::Sum, attrs, &on(Op::Exp, &[&on(Op::Sub, &[x, &shift])?])?)?;
    on(Op::Add, &[&on(Op::Ln, &[&total])?, &shift])
}

/// `cumsum`, `softmax`, `log_softmax`.
pub(super) fn along(op: Op, attrs: &Attrs, x: &RawTensor) -> Result<RawTensor, String> {
    if x.len() == 0 {
        return Ok(x.contiguous());
    }
    match op {
        Op::Softmax => {
            let exps = on(Op::Exp, &[&on(Op::Sub, &[x, &shift(attrs, x)?])?])?;
            on(Op::Div, &[&exps, &keeping(Op::Sum, attrs, &exps)?])
        }
        Op::LogSoftmax => on(Op::Sub, &[x, &logsumexp_keeping(attrs, x)?]),
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
    let row = layout.inner;
    for block in out.fresh::<T>().chunks_mut(layout.reduced * row) {
        for i in row..block.len() {
            block[i] = O::eval(block[i - row], block[i]);
        }
    }
    out
}
