//! Products that a loop makes of slices by its counter (`x.index_axis(0, t).matmul(w)`): for many trips at once, as
//! larger products take less time for each element, and may be shared out between threads.

use jit_ir::ops::Attrs;
use jit_ir::{DType, Op};

use super::{ops, views};
use crate::kernels::matmul;
use crate::tensor::raw::{RawTensor, Sizes, Val};

/// Bytes that the products made at once take at most.
const AT_ONCE: usize = 1 << 20;

/// The products with `w` of the slices of `x` from `first` on, of no more than `left`; `None` where that is no more than
/// one, or they do not fit.
pub(super) fn products(x: &Val, w: &Val, first: usize, left: usize) -> Option<RawTensor> {
    let (Val::Tensor(x), Val::Tensor(w)) = (x, w) else { return None };
    let ([k, n], [slices, rows @ .., last]) = (&w.shape[..], &x.shape[..]) else { return None };
    let fit = k == last && x.dtype == w.dtype && matches!(x.dtype, DType::F32 | DType::F64) && w.len() > 0;
    let bytes = rows.iter().product::<usize>().saturating_mul(n * w.dtype.size());
    let trips = left.min(slices.saturating_sub(first)).min(AT_ONCE.checked_div(bytes)?);
    if !fit || trips < 2 {
        return None;
    }
    let mut sizes: Sizes = x.shape.as_slice().into();
    (sizes[0], sizes[x.rank() - 1]) = (trips, *n);
    Some(matmul::matmul(&views::part(x, 0, first, first + trips), w, &sizes))
}

/// One of them.
pub(super) fn slice(all: &RawTensor, i: usize) -> RawTensor {
    views::without(all, 0, i)
}

/// The product by itself.
pub(super) fn alone(x: &Val, i: &Val, w: &Val) -> Result<Val, String> {
    let slice = ops::apply(Op::IndexAxis, &Attrs::axes([0]), &[x, i])?;
    ops::apply(Op::Matmul, &Attrs::default(), &[&slice, w])
}
