//! Layer normalisation of rows in one go: one row begins while the one before waits for its variance.

use jit_ir::Prim;
use jit_ir::numerics::{BLOCK, LANES};
use jit_ir::ops::lanes::{Rsqrt, Unary};
use pulp::{Simd, WithSimd};

use super::launch::PARALLEL;
use super::{arch, wide};
use crate::exec::threads;

/// Floats, by rows that are no longer than a block of the tree of sums.
pub(crate) trait Norm: Prim {
    fn mean<S: Simd>(simd: S, x: &[Self]) -> Self;
    /// 1 / sqrt(v + eps), for the mean `v` of the squares of the distances from the mean.
    fn scale<S: Simd>(simd: S, x: &[Self], mean: Self, eps: Self) -> Self;
    /// The row's distances from the mean, scaled, by `gamma` and with `beta`.
    fn affine(x: &[Self], mean: Self, scale: Self, by: [&[Self]; 2], to: &mut [Self]);
}

macro_rules! norms {
    ($($T:ident $module:ident;)*) => {$(
        impl Norm for $T {
            #[inline(always)]
            fn mean<S: Simd>(simd: S, x: &[$T]) -> $T {
                wide::$module::sum(simd, x).unwrap_or(0.0) / x.len() as $T
            }
            #[inline(always)]
            fn scale<S: Simd>(simd: S, x: &[$T], mean: $T, eps: $T) -> $T {
                let (rows, tail) = x.as_chunks::<LANES>();
                let mut last = [-0.0; LANES];
                for (to, x) in last.iter_mut().zip(tail) {
                    *to = (x - mean) * (x - mean);
                }
                let row = |r: usize| {
                    let mut squares = [0.0; LANES];
                    for (to, x) in squares.iter_mut().zip(&rows[r]) {
                        *to = (x - mean) * (x - mean);
                    }
                    squares
                };
                let total = wide::$module::sum_of(simd, rows.len(), row, &last);
                <Rsqrt as Unary<$T>>::eval(total / x.len() as $T + eps)
            }
            #[inline(always)]
            fn affine(x: &[$T], mean: $T, scale: $T, [gamma, beta]: [&[$T]; 2], to: &mut [$T]) {
                let n = to.len();
                let (x, gamma, beta) = (&x[..n], &gamma[..n], &beta[..n]);
                for j in 0..n {
                    to[j] = (x[j] - mean) * scale * gamma[j] + beta[j];
                }
            }
        }
    )*};
}
norms!(f32 single; f64 double;);

/// Rows, and what they have in common: factor, summand, and what is added to the variance.
struct Rows<'a, T> {
    x: &'a [T],
    by: [&'a [T]; 2],
    eps: T,
    to: &'a mut [T],
}

impl<T: Norm> WithSimd for Rows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Rows { x, by, eps, to } = self;
        let n = by[0].len();
        let mut rows = x.chunks_exact(n);
        let mut next = rows.next().unwrap_or(&[]);
        let mut mean = T::mean(simd, next);
        for to in to.chunks_exact_mut(n) {
            let (row, own) = (next, mean);
            let scale = T::scale(simd, row, own, eps);
            // Meanwhile the scale becomes known.
            next = rows.next().unwrap_or(&[]);
            mean = T::mean(simd, next);
            T::affine(row, own, scale, by, to);
        }
    }
}

/// Whether rows of `n` elements are done in one go.
pub(crate) fn takes(n: usize) -> bool {
    (LANES..=BLOCK).contains(&n)
}

/// Layer normalisation of rows as long as `gamma` and `beta`; `cost` is that of an element, in additions.
pub(crate) fn layer_norm<T: Norm>(x: &[T], by: [&[T]; 2], eps: T, to: &mut [T], cost: usize) {
    let n = by[0].len();
    debug_assert!(takes(n) && x.len() == to.len() && x.len().is_multiple_of(n) && by[1].len() == n);
    let threads = if x.len().saturating_mul(cost) < PARALLEL { 1 } else { threads::count() };
    threads::pieces(to, n, (x.len() / n).div_ceil(threads) * n, &|first, to| {
        let x = &x[first..first + to.len()];
        arch().dispatch(Rows { x, by, eps, to });
    });
}

#[cfg(test)]
mod tests {
    use jit_ir::Prim;
    use jit_ir::numerics::{BLOCK, LANES, tree};
    use jit_ir::ops::lanes::{Rsqrt, Unary};

    use super::{layer_norm, takes};
    use crate::kernels::samples::{ROWS, at_every_level, element};

    macro_rules! rows {
        ($T:ident $n:ident) => {
            let x: Vec<$T> = (0..ROWS * $n).map(|i| element(i / $n, i % $n) as $T).collect();
            let gamma: Vec<$T> = (0..$n).map(|i| 1.0 - i as $T * 0.01).collect();
            let beta: Vec<$T> = (0..$n).map(|i| i as $T * 0.1 - 3.0).collect();
            let mean = |x: &[$T]| tree(x, -0.0, |a, b| a + b).unwrap() / $n as $T;
            let expected = x.chunks_exact($n).flat_map(|x| {
                let middle = mean(x);
                let squares: Vec<$T> = x.iter().map(|v| (v - middle) * (v - middle)).collect();
                let scale = <Rsqrt as Unary<$T>>::eval(mean(&squares) + 1e-5);
                let rows = x.iter().zip(&gamma).zip(&beta);
                rows.map(move |((v, g), b)| (v - middle) * scale * g + b).collect::<Vec<_>>()
            });
            let expected: Vec<u64> = expected.map(Prim::canonical_bits).collect();
            at_every_level(|level| {
                let mut found = vec![7.0; x.len()];
                layer_norm(&x, [&gamma, &beta], 1e-5, &mut found, 10);
                let found: Vec<u64> = found.into_iter().map(Prim::canonical_bits).collect();
                assert!(found == expected, "rows of {} {} at level {level}", $n, stringify!($T));
            });
        };
    }

    #[test]
    fn rows_are_the_steps_one_by_one() {
        for n in (LANES..200).chain([768, 1000, BLOCK]) {
            rows!(f32 n);
            rows!(f64 n);
        }
        assert!(!takes(LANES - 1) && !takes(BLOCK + 1));
    }
}
