//! Products of a matrix and a vector of floats, which no tile of registers is for.

use std::mem::MaybeUninit;

use jit_ir::numerics::CHAIN;
use pulp::{Simd, WithSimd};

use super::arch;
use super::copy::stepped;
use super::gemm::{Element, FAR, Source};
use super::turn::{BLOCK, Turn};
use crate::exec::threads;

/// Float types.
pub(super) trait Float: Element + faer::traits::ComplexField {
    const ONE: Self;
    fn fma(a: Self, b: Self, c: Self) -> Self;
    fn plus(a: Self, b: Self) -> Self;
}

impl Float for f32 {
    const ONE: f32 = 1.0;
    #[inline(always)]
    fn fma(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    fn plus(a: f32, b: f32) -> f32 {
        a + b
    }
}

impl Float for f64 {
    const ONE: f64 = 1.0;
    #[inline(always)]
    fn fma(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    fn plus(a: f64, b: f64) -> f64 {
        a + b
    }
}

/// Results whose sums are in registers together.
const WIDEST: usize = 128;

/// A row times a matrix that stands row by row, `stride` elements apart.
struct RowTimesMatrix<'a, T> {
    row: &'a [T],
    matrix: &'a [T],
    stride: usize,
    out: &'a mut [T],
}

impl<T: Float> RowTimesMatrix<'_, T> {
    /// Whole blocks of `W` results from `start` on, their sums over chain `part` in registers; gives where the rest begins.
    #[inline(always)]
    fn blocks<const W: usize>(&mut self, part: usize, mut start: usize) -> usize {
        let row = &self.row[part * CHAIN..self.row.len().min((part + 1) * CHAIN)];
        while start + W <= self.out.len() {
            let matrix = &self.matrix[part * CHAIN * self.stride + start..];
            let mut sums = [T::ZERO; W];
            for (x, values) in row.iter().zip(matrix.chunks(self.stride)) {
                let Some(values) = values.first_chunk::<W>() else { break };
                for (s, v) in sums.iter_mut().zip(values) {
                    *s = T::fma(*x, *v, *s);
                }
            }
            for (o, s) in self.out[start..start + W].iter_mut().zip(&sums) {
                *o = if part == 0 { *s } else { T::plus(*o, *s) };
            }
            start += W;
        }
        start
    }
}

impl<T: Float> WithSimd for RowTimesMatrix<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        // Chain after chain, so that memory gives neighbours.
        for part in 0..self.row.len().div_ceil(CHAIN) {
            let mut start = self.blocks::<WIDEST>(part, 0);
            start = self.blocks::<32>(part, start);
            start = self.blocks::<8>(part, start);
            self.blocks::<1>(part, start);
        }
    }
}

/// A row times a matrix that has as many columns as `out`; there are some of each.
pub(super) fn row_times_matrix<T: Float>(row: &[T], matrix: &[T], out: &mut [T]) {
    let stride = out.len();
    arch().dispatch(RowTimesMatrix { row, matrix, stride, out });
}

/// Chains of multiply-adds that run beside each other where there are few, as each step waits for the one before.
pub(super) const BESIDE: usize = 8;
/// Elements of rows that are turned together: they stay in the nearest cache.
const ROOM: usize = 4096;
/// Rows that are turned together, and those that have fewer than `BLOCK` elements.
const ROWS: usize = 64;
const SHORT_ROWS: usize = ROOM / BLOCK;

/// A matrix that stands in any way times a vector.
struct RowsTimesVector<'a, T> {
    rows: Source<T>,
    vector: &'a [T],
    out: &'a mut [T],
}

impl<T: Float> RowsTimesVector<'_, T> {
    /// `W` rows from `first` on, whose elements are neighbours: some of them at a time are turned in `room`.
    #[inline(always)]
    fn turned<const W: usize>(&mut self, first: usize, room: &mut [MaybeUninit<T>; ROOM]) {
        let start = self.rows.start.wrapping_offset(self.rows.row * first as isize);
        let to = room.as_mut_ptr().cast::<T>();
        for (part, chain) in self.vector.chunks(CHAIN).enumerate() {
            let mut sums = [T::ZERO; W];
            for (k, some) in chain.chunks(ROOM / W).enumerate() {
                let src = start.wrapping_add(part * CHAIN + k * (ROOM / W));
                let step = self.rows.row;
                // SAFETY: whoever makes this says that the matrix lies in memory; there is room for as many.
                unsafe {
                    if some.len() < BLOCK {
                        let column = |p| stepped(src.add(p), step, to.add(p * W), W);
                        (0..some.len()).for_each(column);
                    } else {
                        Turn { src, step, dst: to, to: W as isize, size: [some.len(), W] }.run();
                    }
                }
                for (p, x) in some.iter().enumerate() {
                    // SAFETY: just written.
                    let values = unsafe { &*to.add(p * W).cast::<[T; W]>() };
                    for (s, v) in sums.iter_mut().zip(values) {
                        *s = T::fma(*x, *v, *s);
                    }
                }
            }
            for (o, s) in self.out[first..first + W].iter_mut().zip(&sums) {
                *o = if part == 0 { *s } else { T::plus(*o, *s) };
            }
        }
    }

    /// As many rows from `first` on as can be done `W` at a time; gives where the rest begins.
    #[inline(always)]
    fn all_turned<const W: usize>(&mut self, mut first: usize, room: &mut [MaybeUninit<T>; ROOM]) -> usize {
        while first + W <= self.out.len() {
            self.turned::<W>(first, room);
            first += W;
        }
        first
    }

    /// The sums of chains over `n` elements from `x` on, `step` apart, and from `y` on.
    ///
    /// # Safety
    /// They can be read.
    #[inline(always)]
    unsafe fn chains(x: [*const T; BESIDE], step: isize, y: [*const T; BESIDE], n: usize) -> [T; BESIDE] {
        let mut sums = [T::ZERO; BESIDE];
        for p in 0..n {
            for (s, (x, y)) in sums.iter_mut().zip(x.iter().zip(&y)) {
                // SAFETY: by the caller.
                let (x, y) = unsafe { (*x.offset(p as isize * step), *y.add(p)) };
                *s = T::fma(x, y, *s);
            }
        }
        sums
    }

    /// The sums of so many chains over `n` elements, at most [`BESIDE`], each a row and a chain's number.
    #[inline(always)]
    fn run(&mut self, count: usize, n: usize, which: impl Fn(usize) -> (usize, usize)) {
        let Source { start, row, column } = self.rows;
        // What there is too little of is done more than once.
        let chains: [(usize, usize); BESIDE] = std::array::from_fn(|i| which(i.min(count - 1)));
        let x = chains
            .map(|(i, part)| start.wrapping_offset(row * i as isize + column * (part * CHAIN) as isize));
        let y = chains.map(|(_, part)| self.vector[part * CHAIN..][..n].as_ptr());
        // SAFETY: whoever makes this says that the matrix lies in memory.
        let sums =
            unsafe { if column == 1 { Self::chains(x, 1, y, n) } else { Self::chains(x, column, y, n) } };
        for ((i, part), sum) in chains.iter().zip(&sums).take(count) {
            let out = &mut self.out[*i];
            *out = if *part == 0 { *sum } else { T::plus(*out, *sum) };
        }
    }
}

impl<T: Float> WithSimd for RowsTimesVector<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        let (rows, k) = (self.out.len(), self.vector.len());
        let mut done = 0;
        if self.rows.column == 1 {
            let mut room = [const { MaybeUninit::uninit() }; ROOM];
            if k < BLOCK {
                done = self.all_turned::<SHORT_ROWS>(done, &mut room);
            }
            // From far away longer parts of fewer rows come faster.
            if rows * k * size_of::<T>() <= FAR {
                done = self.all_turned::<ROWS>(done, &mut room);
            }
            done = self.all_turned::<BLOCK>(done, &mut room);
        }
        // A row's chains are added in their order.
        let (left, whole) = (rows - done, k / CHAIN);
        for first in (0..left * whole).step_by(BESIDE) {
            let at = |i: usize| (done + (first + i) % left, (first + i) / left);
            self.run(BESIDE.min(left * whole - first), CHAIN, at);
        }
        if !k.is_multiple_of(CHAIN) {
            for first in (done..rows).step_by(BESIDE) {
                self.run(BESIDE.min(rows - first), k % CHAIN, |i| (first + i, whole));
            }
        }
    }
}

/// From so many elements of a matrix on threads share its rows: a tenth of a millisecond.
pub(super) const PARALLEL: usize = 1 << 20;

/// A matrix with as many rows as `out`, which stands in any way, times a vector; there are some of each.
///
/// # Safety
/// The matrix lies in memory.
pub(super) unsafe fn matrix_times_vector<T: Float>(matrix: Source<T>, vector: &[T], out: &mut [T]) {
    let rows = out.len();
    let job = Job { matrix, vector, out: out.as_mut_ptr() };
    let threads = if rows * vector.len() < PARALLEL { 1 } else { threads::count() };
    if threads == 1 {
        // SAFETY: passed on.
        return unsafe { job.run(0, rows) };
    }
    let chunk = rows.div_ceil(threads * threads::PIECES).next_multiple_of(WIDEST);
    // SAFETY: passed on.
    threads::ranges(0, rows, chunk, &|from, to| unsafe { job.run(from, to) });
}

/// A product of which threads do some rows each.
#[derive(Clone, Copy)]
struct Job<'a, T> {
    matrix: Source<T>,
    vector: &'a [T],
    out: *mut T,
}

// SAFETY: the matrix is only read, and each thread writes results of its own.
unsafe impl<T: Sync> Send for Job<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Job<'_, T> {}

impl<T: Float> Job<'_, T> {
    /// # Safety
    /// The matrix lies in memory, and nobody else uses these rows of the result.
    unsafe fn run(self, from: usize, to: usize) {
        let Source { start, row, column } = self.matrix;
        let start = start.wrapping_offset(row * from as isize);
        let (rows, vector) = (to - from, self.vector);
        // SAFETY: by the caller.
        let out = unsafe { std::slice::from_raw_parts_mut(self.out.add(from), rows) };
        if rows < BESIDE || row != 1 || column < rows as isize {
            return arch().dispatch(RowsTimesVector { rows: Source { start, row, column }, vector, out });
        }
        // By columns: as rows of what is turned, of which `vector` is the row.
        let stride = column as usize;
        // SAFETY: by the caller; from the first element to the last.
        let turned = unsafe { std::slice::from_raw_parts(start, (vector.len() - 1) * stride + rows) };
        arch().dispatch(RowTimesMatrix { row: vector, matrix: turned, stride, out });
    }
}
