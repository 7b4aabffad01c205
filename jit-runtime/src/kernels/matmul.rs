//! Matrix products. Every element is one chain of fused multiply-adds over ascending index in
//! blocks of `numerics::CHAIN` (integers: wrapping), whatever the layout, kernel or thread count.

use faer::{MatMut, MatRef};
use jit_ir::ops::lanes::Int;
use jit_ir::{DType, Prim};

use super::gemm::Source;
use super::sequential::sequential;
use super::vector_product::{self, Float, matrix_times_vector, row_times_matrix};
use crate::exec::threads;
use crate::tensor::raw::{RawTensor, Sizes, Strides, row_major};

/// Products of fewer multiply-adds than this stay on one thread: a tenth of a millisecond, many times what waking another takes.
pub(crate) const PARALLEL: usize = 4_000_000;

/// The product of two tensors of rank 1 or more whose shapes fit; `shape` is that of the result.
pub(crate) fn matmul(a: &RawTensor, b: &RawTensor, shape: &[usize]) -> RawTensor {
    if a.rank() > 2 && b.rank() == 2 && a.is_contiguous() && a.len() > 0 {
        // The rows of all of the batch as one matrix.
        let [k, n] = b.shape[..] else { unreachable!("it has two axes") };
        let rows = Sizes::from_slice(&[a.len() / k, k]);
        let all = matmul(&a.view(rows.clone(), row_major(&rows), a.offset), b, &[rows[0], n]);
        return all.view(shape.into(), row_major(shape), all.offset);
    }
    let mut out = RawTensor::uninit(a.dtype, shape);
    match a.dtype {
        DType::F32 => batches::<f32>(a, b, &mut out),
        DType::F64 => batches::<f64>(a, b, &mut out),
        DType::U8 => integers::<u8>(a, b, &mut out),
        DType::I32 => integers::<i32>(a, b, &mut out),
        _ => integers::<i64>(a, b, &mut out),
    }
    out
}

/// A matrix inside a tensor.
#[derive(Clone, Copy)]
struct Matrix {
    offset: isize,
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
}

/// The last two axes as a matrix (a vector is one row, or one column), the others as a batch.
fn split(x: &RawTensor, as_row: bool) -> (Matrix, Sizes, Strides) {
    let offset = x.offset as isize;
    let rank = x.rank();
    if rank == 2 {
        let matrix = Matrix {
            offset,
            rows: x.shape[0],
            columns: x.shape[1],
            row_stride: x.strides[0],
            column_stride: x.strides[1],
        };
        return (matrix, Sizes::new(), Strides::new());
    }
    if rank == 1 {
        let (n, s) = (x.shape[0], x.strides[0]);
        let matrix = if as_row {
            Matrix { offset, rows: 1, columns: n, row_stride: 0, column_stride: s }
        } else {
            Matrix { offset, rows: n, columns: 1, row_stride: s, column_stride: 0 }
        };
        return (matrix, Sizes::new(), Strides::new());
    }
    let matrix = Matrix {
        offset,
        rows: x.shape[rank - 2],
        columns: x.shape[rank - 1],
        row_stride: x.strides[rank - 2],
        column_stride: x.strides[rank - 1],
    };
    (matrix, x.shape[..rank - 2].into(), x.strides[..rank - 2].into())
}

/// Calls `each` with the two matrices of every batch entry, in row-major order of the result's batch.
fn for_batches(a: &RawTensor, b: &RawTensor, out: &RawTensor, mut each: impl FnMut(usize, Matrix, Matrix)) {
    let (first_a, shape_a, strides_a) = split(a, true);
    let (first_b, shape_b, strides_b) = split(b, false);
    let matrix_axes = usize::from(a.rank() > 1) + usize::from(b.rank() > 1);
    let batch = &out.shape[..out.rank() - matrix_axes];
    let step = |i: usize, shape: &Sizes, strides: &Strides| {
        let (mut rest, mut at) = (i, 0);
        for k in 0..batch.len() {
            let n = batch[batch.len() - 1 - k];
            if let Some(axis) = shape.len().checked_sub(k + 1)
                && shape[axis] != 1
            {
                at += (rest % n) as isize * strides[axis];
            }
            rest /= n;
        }
        at
    };
    for i in 0..batch.iter().product() {
        let at = |m: Matrix, by: isize| Matrix { offset: m.offset + by, ..m };
        each(i, at(first_a, step(i, &shape_a, &strides_a)), at(first_b, step(i, &shape_b, &strides_b)));
    }
}

/// Element types of matrix products.
pub(crate) trait Product: Prim {
    /// The product of row-major `a` `[m, k]` and `b` `[k, n]`; rows of the result are `stride` apart.
    ///
    /// # Safety
    /// `to` is aligned and valid for writing such rows, and nobody else uses them.
    unsafe fn product(a: &[Self], b: &[Self], to: *mut Self, stride: usize, size: [usize; 3]);
}

macro_rules! float_product {
    ($($T:ident)*) => {$(
        impl Product for $T {
            unsafe fn product(a: &[$T], b: &[$T], to: *mut $T, stride: usize, [m, k, n]: [usize; 3]) {
                if m > 1 && n > 1 {
                    // SAFETY: by the caller.
                    let to = unsafe { MatMut::from_raw_parts_mut(to, m, n, stride as isize, 1) };
                    let (a, b) = (MatRef::from_row_major_slice(a, m, k), MatRef::from_row_major_slice(b, k, n));
                    return sequential(to, a, b);
                }
                for row in 0..m {
                    // SAFETY: by the caller.
                    let out = unsafe { std::slice::from_raw_parts_mut(to.add(row * stride), n) };
                    row_times_matrix(&a[row * k..(row + 1) * k], b, out);
                }
            }
        }
    )*};
}
float_product!(f32 f64);

macro_rules! int_product {
    ($($T:ident)*) => {$(
        impl Product for $T {
            unsafe fn product(a: &[$T], b: &[$T], to: *mut $T, stride: usize, [m, k, n]: [usize; 3]) {
                for row in 0..m {
                    // SAFETY: by the caller.
                    let out = unsafe { std::slice::from_raw_parts_mut(to.add(row * stride), n) };
                    out.fill(0);
                    add_products(&a[row * k..(row + 1) * k], b, out);
                }
            }
        }
    )*};
}
int_product!(u8 i32 i64);

/// Adds a row times a matrix to `sums`, wrapping.
fn add_products<T: Int>(row: &[T], matrix: &[T], sums: &mut [T]) {
    let n = sums.len();
    for (p, factor) in row.iter().enumerate() {
        for (s, v) in sums.iter_mut().zip(&matrix[p * n..(p + 1) * n]) {
            *s = T::add(*s, T::mul(*factor, *v));
        }
    }
}

fn batches<T: Float>(a: &RawTensor, b: &RawTensor, out: &mut RawTensor) {
    if let ([1, _], [k, n], Some(row), Some(matrix)) =
        (&a.shape[..], &b.shape[..], a.as_slice::<T>(), b.as_slice::<T>())
        && *k > 0
        && *n >= vector_product::BESIDE
        && k * n < vector_product::PARALLEL
    {
        return row_times_matrix(row, matrix, out.fresh());
    }
    let (first_a, ..) = split(a, true);
    let (first_b, ..) = split(b, false);
    let (m, k, n) = (first_a.rows, first_a.columns, first_b.columns);
    if m == 0 || n == 0 || k == 0 || out.len() == 0 {
        out.fresh::<T>().fill(T::ZERO);
        return;
    }
    if m == 1 || n == 1 {
        return vectors::<T>(a, b, out);
    }
    let start = out.fresh::<T>().as_mut_ptr();
    let source = (a.buffer.start().cast::<T>().cast_const(), b.buffer.start().cast::<T>().cast_const());
    let product = |i: usize, x: Matrix, y: Matrix| {
        // SAFETY: the matrices lie in their tensors' buffers, each batch entry of the result is
        // written once, and the result is fresh.
        let (to, x, y) = unsafe {
            (
                MatMut::from_raw_parts_mut(start.add(i * m * n), m, n, n as isize, 1),
                MatRef::from_raw_parts(source.0.offset(x.offset), m, k, x.row_stride, x.column_stride),
                MatRef::from_raw_parts(source.1.offset(y.offset), k, n, y.row_stride, y.column_stride),
            )
        };
        panels(to, x, y);
    };
    if out.rank() == 2 {
        product(0, first_a, first_b);
    } else {
        for_batches(a, b, out, product);
    }
}

/// From so many multiply-adds on there is one piece for each thread, as waking takes no time beside it.
const LONG: usize = 1 << 27;

/// Splits the larger side of the result into panels for the threads.
fn panels<T: Float>(to: MatMut<'_, T>, x: MatRef<'_, T>, y: MatRef<'_, T>) {
    let (m, k, n) = (x.nrows(), x.ncols(), y.ncols());
    let threads = threads::count();
    if threads == 1 || m * k * n < PARALLEL {
        return sequential(to, x, y);
    }
    let by_rows = m >= n;
    let side = if by_rows { m } else { n };
    // Panels of fewer than two rows or columns would go another way through faer.
    let pieces = if m * k * n < LONG { threads * threads::PIECES } else { threads };
    let width = side.div_ceil(pieces).next_multiple_of(32);
    let mut all = Vec::new();
    let (mut to, mut x, mut y) = (to, x, y);
    for left in (0..side).step_by(width).map(|at| side - at) {
        let width = if left < width + 2 { left } else { width };
        let (first, rest);
        if by_rows {
            (first, rest) = to.split_at_row_mut(width);
            let (a, others) = x.split_at_row(width);
            all.push((first, a, y));
            x = others;
        } else {
            (first, rest) = to.split_at_col_mut(width);
            let (b, others) = y.split_at_col(width);
            all.push((first, x, b));
            y = others;
        }
        to = rest;
        if width == left {
            break;
        }
    }
    threads::one_each(all, &|_, (to, x, y)| sequential(to, x, y));
}

/// A row times a matrix, or a matrix times a column, by our own kernels: faer's order of additions
/// depends on the layout there.
fn vectors<T: Float>(a: &RawTensor, b: &RawTensor, out: &mut RawTensor) {
    let (first_a, ..) = split(a, true);
    let (first_b, ..) = split(b, false);
    let (row, k, n) = (first_a.rows == 1, first_a.columns, first_a.rows.max(first_b.columns));
    let start = |x: &RawTensor| x.buffer.start().cast::<T>().cast_const();
    // A vector is read element after element.
    let (a, b) = if row { (a.contiguous(), b.clone()) } else { (a.clone(), b.contiguous()) };
    let (from_a, from_b) = (start(&a), start(&b));
    let to = out.fresh::<T>().as_mut_ptr();
    for_batches(&a, &b, out, |i, x, y| {
        let (x_start, y_start) = (from_a.wrapping_offset(x.offset), from_b.wrapping_offset(y.offset));
        let (matrix, vector) = if row {
            (Source { start: y_start, row: y.column_stride, column: y.row_stride }, x_start)
        } else {
            (Source { start: x_start, row: x.row_stride, column: x.column_stride }, y_start)
        };
        // SAFETY: both lie in their tensors' buffers; each batch entry of the result is written once, and the result is
        // fresh.
        let (vector, out) = unsafe {
            (std::slice::from_raw_parts(vector, k), std::slice::from_raw_parts_mut(to.add(i * n), n))
        };
        // SAFETY: as above.
        unsafe { matrix_times_vector(matrix, vector, out) };
    });
}

fn integers<T: Int>(a: &RawTensor, b: &RawTensor, out: &mut RawTensor) {
    let (a, b) = (a.contiguous(), b.contiguous());
    let (av, bv) = (a.as_slice::<T>().unwrap_or(&[]), b.as_slice::<T>().unwrap_or(&[]));
    let (first_a, ..) = split(&a, true);
    let (first_b, ..) = split(&b, false);
    let (m, k, n) = (first_a.rows, first_a.columns, first_b.columns);
    if k == 0 || out.len() == 0 {
        out.fresh::<T>().fill(T::ZERO);
        return;
    }
    let mut jobs = Vec::new();
    for_batches(&a, &b, out, |i, x, y| {
        jobs.push((i, x.offset as usize - a.offset, y.offset as usize - b.offset))
    });
    let to = out.fresh::<T>();
    to.fill(T::ZERO);
    for (i, x, y) in jobs {
        for row in 0..m {
            add_products(&av[x + row * k..][..k], &bv[y..], &mut to[i * m * n + row * n..][..n]);
        }
    }
}

#[cfg(test)]
mod tests {
    use jit_ir::numerics::chain;

    use super::*;

    fn swap_last(x: &RawTensor) -> RawTensor {
        let rank = x.rank();
        let (mut shape, mut strides) = (x.shape.clone(), x.strides.clone());
        if rank > 1 {
            shape.swap(rank - 1, rank - 2);
            strides.swap(rank - 1, rank - 2);
        }
        x.view(shape, strides, x.offset)
    }

    /// A copy whose last two axes are exchanged in memory.
    fn transposed(x: &RawTensor) -> RawTensor {
        super::super::copy::contiguous_copy(&swap_last(x))
    }

    fn values(n: usize, seed: usize) -> Vec<f64> {
        (0..n).map(|i| (((i + seed) * 7919) % 1013) as f64 / 311.0 - 1.5).collect()
    }

    /// Products that are all -0: added to 0 they are 0, in every kernel.
    fn zeros<T: Float>(m: usize, k: usize, n: usize) {
        let ones = RawTensor::from_fn(&[m, k], |_| T::ONE);
        let zeros = RawTensor::from_fn(&[k, n], |_| T::from_scalar(jit_ir::Scalar::F64(-0.0)));
        let out = matmul(&ones, &zeros, &[m, n]).to_vec::<T>();
        let bits = |v: &T| v.canonical_bits();
        assert!(out.iter().all(|v| bits(v) == bits(&T::ZERO)), "[{m}, {k}] x [{k}, {n}]: {out:?}");
    }

    fn check<T: Float>(m: usize, k: usize, n: usize, transpose: (bool, bool), from: fn(f64) -> T) {
        let make = |rows: usize, columns: usize, seed, flip: bool| {
            let data: Vec<T> = values(rows * columns, seed).into_iter().map(from).collect();
            let x = RawTensor::from_slice(&data, &[rows, columns]);
            if flip { swap_last(&transposed(&x)) } else { x }
        };
        let (a, b) = (make(m, k, 0, transpose.0), make(k, n, 5, transpose.1));
        let out = matmul(&a, &b, &[m, n]).to_vec::<T>();
        let (av, bv) = (a.to_vec::<T>(), b.to_vec::<T>());
        for i in 0..m {
            for j in 0..n {
                let pairs: Vec<(T, T)> = (0..k).map(|p| (av[i * k + p], bv[p * n + j])).collect();
                let expected = chain(&pairs, T::ZERO, T::fma, T::plus);
                assert!(
                    out[i * n + j].canonical_bits() == expected.canonical_bits(),
                    "[{m}, {k}] x [{k}, {n}] {transpose:?} at {i}, {j}: {:?}, expected {expected:?}",
                    out[i * n + j]
                );
            }
        }
    }

    /// Tiles of all sizes, at every level: nothing is written beside the rows of the result.
    #[test]
    fn only_the_result_is_written() {
        fn one<T: Float + Product>(m: usize, k: usize, n: usize, from: fn(f64) -> T) {
            let all = |n, seed| values(n, seed).into_iter().map(from).collect::<Vec<T>>();
            let (a, b, other) = (all(m * k, 1), all(k * n, 2), from(7.5));
            let stride = n + 3;
            let mut to = vec![other; m * stride + 64];
            // SAFETY: so many rows of so many elements lie there.
            unsafe { T::product(&a, &b, to.as_mut_ptr(), stride, [m, k, n]) };
            for (at, v) in to.iter().enumerate() {
                let (i, j) = (at / stride, at % stride);
                if i >= m || j >= n {
                    assert!(*v == other, "[{m}, {k}] x [{k}, {n}] at {i}, {j}");
                    continue;
                }
                let pairs: Vec<(T, T)> = (0..k).map(|p| (a[i * k + p], b[p * n + j])).collect();
                let expected = chain(&pairs, T::ZERO, T::fma, T::plus);
                assert!(
                    v.canonical_bits() == expected.canonical_bits(),
                    "[{m}, {k}] x [{k}, {n}] at {i}, {j}"
                );
            }
        }
        for level in 0..super::super::levels().len() {
            super::super::choose_level(Some(level));
            for (m, n) in (1..=10).flat_map(|m| [1, 2, 7, 8, 9, 31, 48, 49, 65, 97, 130].map(|n| (m, n))) {
                for k in [1, 3, 520] {
                    one::<f32>(m, k, n, |v| v as f32);
                    one::<f64>(m, k, n, |v| v);
                }
            }
        }
        super::super::choose_level(None);
    }

    #[test]
    fn a_sum_of_nothing_is_zero() {
        let mut to = [7.0_f32; 6];
        // SAFETY: two rows of three.
        unsafe { f32::product(&[], &[], to.as_mut_ptr(), 3, [2, 0, 3]) };
        assert_eq!(to, [0.0; 6]);
    }

    /// Matrices that stand neither by rows nor by columns, and one too large for the cache: some elements of each.
    #[test]
    fn gaps_and_far_matrices() {
        let every = |m: usize, k: usize, n: usize, step: usize| {
            let wide = |rows: usize, columns: usize, seed| {
                let data: Vec<f32> = values(rows * columns * step, seed).iter().map(|v| *v as f32).collect();
                let all = RawTensor::from_slice(&data, &[rows, columns * step]);
                let strides = [all.strides[0], step as isize];
                all.view([rows, columns].as_slice().into(), strides.as_slice().into(), 0)
            };
            let (a, b) = (wide(m, k, 3), wide(k, n, 4));
            let out = matmul(&a, &b, &[m, n]).to_vec::<f32>();
            let (av, bv) = (a.to_vec::<f32>(), b.to_vec::<f32>());
            for (i, j) in (0..m).flat_map(|i| (0..n).step_by(1 + n / 40).map(move |j| (i, j))) {
                let pairs: Vec<(f32, f32)> = (0..k).map(|p| (av[i * k + p], bv[p * n + j])).collect();
                let expected = chain(&pairs, 0.0, f32::fma, f32::plus);
                assert_eq!(
                    out[i * n + j].to_bits(),
                    expected.to_bits(),
                    "[{m}, {k}] x [{k}, {n}] at {i}, {j}"
                );
            }
        };
        for level in 0..super::super::levels().len() {
            super::super::choose_level(Some(level));
            for (m, k, n) in [(1, 600, 70), (70, 600, 1), (3, 40, 5), (20, 530, 33)] {
                every(m, k, n, 3);
            }
            every(3, 1100, 2000, 1);
            every(70, 600, 1000, 1);
        }
        super::super::choose_level(None);
    }

    /// A batch of matrices, as it stands, turned and from its end, times vectors: each entry as it is by itself.
    #[test]
    fn batches_of_vectors() {
        let data: Vec<f32> = values(3 * 90 * 40, 3).iter().map(|v| *v as f32).collect();
        let all = RawTensor::from_slice(&data, &[3, 90, 40]);
        let (v, u) = (RawTensor::from_slice(&data[..40], &[40]), RawTensor::from_slice(&data[..90], &[90]));
        let backwards = all.view(all.shape.clone(), [3600, -40, 1].as_slice().into(), 89 * 40);
        for (a, b, n) in [
            (&all, &v, 90),
            (&swap_last(&all), &u, 40),
            (&backwards, &v, 90),
            (&u, &all, 40),
            (&v, &swap_last(&all), 90),
        ] {
            let out = matmul(a, b, &[3, n]).to_vec::<f32>();
            let (matrix, vector, row) = if a.rank() == 1 { (b, a, true) } else { (a, b, false) };
            let (numbers, vector) = (matrix.to_vec::<f32>(), vector.to_vec::<f32>());
            let k = vector.len();
            for (at, value) in out.iter().enumerate() {
                let (entry, i) = (at / n * n * k, at % n);
                let number = |p: usize| numbers[entry + if row { p * n + i } else { i * k + p }];
                let pairs: Vec<(f32, f32)> = (0..k).map(|p| (number(p), vector[p])).collect();
                assert_eq!(value.to_bits(), chain(&pairs, 0.0, f32::fma, f32::plus).to_bits(), "{n} at {at}");
            }
        }
    }

    /// Fails if an update of faer changes the order of additions. Our own kernels run at each instruction level;
    /// faer chooses for itself.
    #[test]
    fn every_element_is_one_chain() {
        let small =
            (2..9).flat_map(|m| (2..9).flat_map(move |n| [1, 2, 3, 7, 16, 17, 60].map(|k| (m, k, n))));
        for (m, k, n) in small.chain([
            (1, 5, 3),
            (1, 513, 200),
            (3, 5, 1),
            (200, 1030, 1),
            (1, 7, 1),
            (1, 3000, 1),
            (3, 1500, 1),
            (100, 40, 1),
            (700, 3, 1),
            (1, 700, 90),
            (1300, 900, 1),
            (1, 900, 1300),
            (8, 1025, 100),
            (2, 2, 2),
            (4, 4, 4),
            (7, 16, 9),
            (16, 16, 16),
            (17, 2, 2),
            (2, 700, 2),
            (2, 1000, 2),
            (2, 17, 2),
            (2, 2, 17),
            (16, 17, 16),
            (40, 1, 3),
            (3, 1, 40),
            (17, 33, 18),
            (2, 700, 3),
            (64, 784, 50),
            (33, 512, 33),
            (40, 1025, 40),
            (5, 2000, 70),
            (17, 40, 113),
            (20, 30, 250),
            (300, 500, 230),
            (17, 40, 7000),
        ]) {
            for transpose in [(false, false), (true, false), (false, true), (true, true)] {
                zeros::<f32>(m, k, n);
                zeros::<f64>(m, k, n);
                for level in 0..super::super::levels().len() {
                    super::super::choose_level(Some(level));
                    check::<f32>(m, k, n, transpose, |v| v as f32);
                    check::<f64>(m, k, n, transpose, |v| v);
                }
            }
        }
        super::super::choose_level(None);
    }
}
