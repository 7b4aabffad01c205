//! One product of matrices of floats on this thread: by tiles of registers of our own, or by faer where that is faster.

use faer::linalg::matmul::matmul as faer_matmul;
use faer::{Accum, MatMut, MatRef, Par};
use jit_ir::DType;

use super::arch;
use super::gemm::{FAR, Gemm, Source, gemm, gemm_turned};
use super::vector_product::Float;
use crate::tensor::raw::RawTensor;

/// Products of at most so many multiply-adds go another way through faer, which depends on the layout: they are all ours.
const SMALL: usize = 16 * 16 * 16;
/// Bytes of a right matrix that leaves the near caches, so that many rows gain from asking ahead.
const NEAR: usize = 2 << 20;
/// Rows that are so many: they read what one of them asked for.
const SOME: usize = 64;

/// Rows from which on packing, as faer does, takes little beside the product, where the right matrix is far away.
fn many() -> usize {
    match arch() {
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V4(_) => 256,
        _ => 64,
    }
}

/// Whether packing pays because rows of the right matrix are multiples of 4 KiB apart: what a panel reads then finds few
/// places of the cache, the fewer, the narrower it is.
fn conflicts(m: usize, stride: usize) -> bool {
    let apart = stride.is_multiple_of(4 << 10);
    match arch() {
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V4(_) => m >= 256 && apart,
        _ => m >= 8 && apart,
    }
}

/// Whether our own tiles are faster than faer for `y`, whose rows are `stride` bytes apart.
fn by_tiles([m, k, n]: [usize; 3], size: usize, stride: usize) -> bool {
    let far = k * n * size > FAR && m >= many();
    !far && (k == 1 || !conflicts(m, stride)) && !matches!(arch(), pulp::Arch::Scalar)
}

/// Whether they are for `y` that stands by columns, and is turned for them.
fn by_turned_tiles(m: usize) -> bool {
    m < many() && !matches!(arch(), pulp::Arch::Scalar)
}

/// Whether the product of so many rows with a matrix is made by tiles that read it where it is, near enough to be read again.
pub(crate) fn reads_in_place(matrix: &RawTensor, rows: usize) -> bool {
    let ([k, n], [by_row, by_column]) = (&matrix.shape[..], &matrix.strides[..]) else { return false };
    let size = matrix.dtype.size();
    let float = matches!(matrix.dtype, DType::F32 | DType::F64);
    let near = *k > 0 && *n > 0 && k * n * size <= FAR;
    float && near && *by_column == 1 && by_tiles([rows, *k, *n], size, by_row.unsigned_abs() * size)
}

/// By our own tiles, for `y` that stands by rows or by columns.
fn tiles<T: Float>(to: MatMut<'_, T>, x: MatRef<'_, T>, y: MatRef<'_, T>) {
    debug_assert!(to.col_stride() == 1 && (y.col_stride() == 1 || y.row_stride() == 1));
    let source = |m: MatRef<'_, T>| Source { start: m.as_ptr(), row: m.row_stride(), column: m.col_stride() };
    let size @ [m, k, n] = [x.nrows(), x.ncols(), y.ncols()];
    let (stride, bytes) = (to.row_stride(), k * n * size_of::<T>());
    let far = bytes > FAR || (m >= SOME && bytes > NEAR);
    let (by_rows, x, y) = (y.col_stride() == 1, source(x), source(y));
    let product = Gemm { x, y, to: to.as_ptr_mut(), stride, size, far, adds: false };
    // SAFETY: the views lie in memory, and nobody else uses that of the result.
    unsafe { if by_rows { gemm(&product) } else { gemm_turned(&product) } };
}

/// Bytes of a strip's rows: a multiple of what the kernels of all instruction levels take at once, and short enough that
/// the strip of `y` stays in the cache beside `x`.
const STRIP: usize = 96 * 4;
/// From so many elements of `x` on strips are twice as wide: `x` is packed for each.
const LARGE: usize = 1 << 17;
/// Columns that are no strip of their own.
const NARROW: usize = 16;
/// Multiply-adds from which on there are strips.
const STRIPED: usize = 1 << 22;

/// A product by strips of columns: up to a fifth faster than at once, and the same chains.
fn strips<T: Float>(mut to: MatMut<'_, T>, x: MatRef<'_, T>, mut y: MatRef<'_, T>) {
    let (m, k) = (x.nrows(), x.ncols());
    let width = STRIP / size_of::<T>() * if m * k < LARGE { 1 } else { 2 };
    // Each strip is more than a small product.
    let striped = m * k * y.ncols() >= STRIPED && m * k * NARROW > SMALL;
    while striped && y.ncols() > width + NARROW {
        let (left, right) = to.split_at_col_mut(width);
        let (first, others) = y.split_at_col(width);
        faer_matmul(left, Accum::Replace, x, first, T::ONE, Par::Seq);
        (to, y) = (right, others);
    }
    faer_matmul(to, Accum::Replace, x, y, T::ONE, Par::Seq);
}

/// One product on this thread.
pub(super) fn sequential<T: Float>(mut to: MatMut<'_, T>, x: MatRef<'_, T>, y: MatRef<'_, T>) {
    let size @ [m, k, n] = [x.nrows(), x.ncols(), y.ncols()];
    if k == 0 {
        return to.fill(T::ZERO);
    }
    let small = m * k * n <= SMALL;
    let stride = y.row_stride().unsigned_abs() * size_of::<T>();
    let tiled = match (y.row_stride(), y.col_stride()) {
        (_, 1) => small || by_tiles(size, size_of::<T>(), stride),
        (1, _) => by_turned_tiles(m),
        _ => false,
    };
    if tiled {
        return tiles(to, x, y);
    }
    if small {
        let rows: Vec<T> = (0..k).flat_map(|p| (0..n).map(move |j| y[(p, j)])).collect();
        return tiles(to, x, MatRef::from_row_major_slice(&rows, k, n));
    }
    strips(to, x, y);
}
