//! A row times a matrix of floats, which no tile of registers is for.

use jit_ir::numerics::CHAIN;
use pulp::{Simd, WithSimd};

use super::arch;
use super::gemm::Element;

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

struct RowTimesMatrix<'a, T> {
    row: &'a [T],
    matrix: &'a [T],
    out: &'a mut [T],
}

impl<T: Float> RowTimesMatrix<'_, T> {
    /// Whole blocks of `W` results from `start` on, their sums over chain `part` in registers; gives where the rest begins.
    #[inline(always)]
    fn blocks<const W: usize>(&mut self, part: usize, mut start: usize) -> usize {
        let n = self.out.len();
        let row = &self.row[part * CHAIN..self.row.len().min((part + 1) * CHAIN)];
        while start + W <= n {
            let matrix = &self.matrix[part * CHAIN * n + start..];
            let mut sums = [T::ZERO; W];
            for (x, values) in row.iter().zip(matrix.chunks(n)) {
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
            let mut start = self.blocks::<128>(part, 0);
            start = self.blocks::<32>(part, start);
            start = self.blocks::<8>(part, start);
            self.blocks::<1>(part, start);
        }
    }
}

/// A row times a matrix that has as many columns as `out`; there are some of each.
pub(super) fn row_times_matrix<T: Float>(row: &[T], matrix: &[T], out: &mut [T]) {
    arch().dispatch(RowTimesMatrix { row, matrix, out });
}
