//! Rows of exponentials with their sum, and softmax made of them in one go: what stands between its steps stays in
//! registers, and one row begins while the one before waits for its sum.

use jit_ir::numerics::{BLOCK, LANES};
use jit_ir::ops::lanes::Maximum;
use jit_ir::{DType, Prim};
use pulp::{Simd, WithSimd};

use super::launch::PARALLEL;
#[cfg(target_arch = "x86_64")]
use super::math::vectors::{Vectors, WIDTH};
use super::native::approximated;
use super::native::packs::{Eight, Four, One, Pack, Turns, approximate, put, take};
use super::{arch, reduce, wide};
use crate::exec::threads;

/// Floats, by rows that are no longer than a block of the tree of sums.
pub(crate) trait Exps: Prim {
    /// Writes e^(x - shift), and gives the sum.
    fn exps_summed<S: Simd>(simd: S, x: &[Self], shift: Self, to: &mut [Self]) -> Self;
    /// The largest element, if there is no NaN.
    fn largest<S: Simd>(simd: S, x: &[Self]) -> Self;
    /// Divides all by their sum.
    fn share<S: Simd>(simd: S, to: &mut [Self], sum: Self);
    /// The largest element as `max` has it: NaN if one is, and of zeros the one with the right sign.
    fn max(x: &[Self]) -> Self;
    fn is_infinite(self) -> bool;
    fn is_nan(self) -> bool;
}

macro_rules! exps {
    ($($T:ident $module:ident $lanes:ident $special:ident;)*) => {$(
        mod $module {
            use super::*;

            #[inline(always)]
            fn exps<P: Turns>(x: &[$T; LANES], shift: $T) -> [$T; LANES] {
                let mut values = [0.0; LANES];
                for j in 0..LANES / P::N {
                    let x: Pack<$T, P> = take(x, j);
                    put(&mut values, j, approximate::<approximated::Exp, $T, P>(x - shift));
                }
                values
            }

            #[inline(always)]
            pub(super) fn exps_summed<S: Simd, P: Turns>(simd: S, x: &[$T], shift: $T, to: &mut [$T]) -> $T {
                let (rows, tail) = x.as_chunks::<LANES>();
                let (to_rows, to_tail) = to.as_chunks_mut::<LANES>();
                let mut last = [-0.0; LANES];
                if !tail.is_empty() {
                    let mut padded = [shift; LANES];
                    padded[..tail.len()].copy_from_slice(tail);
                    last[..tail.len()].copy_from_slice(&exps::<P>(&padded, shift)[..tail.len()]);
                    to_tail.copy_from_slice(&last[..tail.len()]);
                }
                let row = |r: usize| {
                    let values = exps::<P>(&rows[r], shift);
                    to_rows[r].copy_from_slice(&values);
                    values
                };
                wide::$module::sum_of(simd, rows.len(), row, &last)
            }
        }

        impl Exps for $T {
            #[inline(always)]
            fn exps_summed<S: Simd>(simd: S, x: &[$T], shift: $T, to: &mut [$T]) -> $T {
                if let Some(sum) = $special::exps_summed(simd, x, shift, to) {
                    return sum;
                }
                match LANES / S::$lanes {
                    4 => $module::exps_summed::<S, Four>(simd, x, shift, to),
                    8 | 16 => $module::exps_summed::<S, Eight>(simd, x, shift, to),
                    _ => $module::exps_summed::<S, One>(simd, x, shift, to),
                }
            }
            #[inline(always)]
            fn largest<S: Simd>(simd: S, x: &[$T]) -> $T {
                let special = $special::largest(simd, x);
                special.unwrap_or_else(|| wide::$module::largest(simd, x).unwrap_or($T::NAN))
            }
            #[inline(always)]
            fn share<S: Simd>(simd: S, to: &mut [$T], sum: $T) {
                let share = 1.0 / sum;
                if !$special::scale(simd, to, share) {
                    to.iter_mut().for_each(|e| *e *= share);
                }
            }
            #[cold]
            fn max(x: &[$T]) -> $T {
                reduce::fold::<Maximum, $T>(x).unwrap_or($T::NEG_INFINITY)
            }
            #[inline(always)]
            fn is_infinite(self) -> bool {
                $T::is_infinite(self)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $T::is_nan(self)
            }
        }
    )*};
}
exps!(f32 single F32_LANES long; f64 double F64_LANES none;);

/// No vectors for which there is something better than loops.
mod none {
    #[inline(always)]
    pub(super) fn exps_summed<S, T>(_: S, _: &[T], _: T, _: &mut [T]) -> Option<T> {
        None
    }

    #[inline(always)]
    pub(super) fn largest<S, T>(_: S, _: &[T]) -> Option<T> {
        None
    }

    #[inline(always)]
    pub(super) fn scale<S, T>(_: S, _: &mut [T], _: T) -> bool {
        false
    }
}

#[cfg(not(target_arch = "x86_64"))]
use none as long;

/// Vectors of 512 bits.
#[cfg(target_arch = "x86_64")]
mod long {
    use super::*;

    /// Vectors that go through the steps of `exp` in turns.
    const TURNS: usize = 8;
    /// Vectors over which the lanes of a sum lie.
    const SUMS: usize = LANES / WIDTH;

    #[inline(always)]
    pub(super) fn exps_summed<S: Simd>(simd: S, x: &[f32], shift: f32, to: &mut [f32]) -> Option<f32> {
        let v = Vectors::of(simd)?;
        let shift = v.all(shift);
        let mut sums = [v.all(-0.0); SUMS];
        let (whole, tail) = x.as_chunks::<WIDTH>();
        let (to_whole, to_tail) = to.as_chunks_mut::<WIDTH>();
        let (blocks, rest) = whole.as_chunks::<TURNS>();
        let (to_blocks, to_rest) = to_whole.as_chunks_mut::<TURNS>();
        for (x, to) in blocks.iter().zip(to_blocks) {
            let mut values = [shift; TURNS];
            for k in 0..TURNS {
                values[k] = v.sub(v.load(&x[k]), shift);
            }
            values = v.exp(values);
            for k in 0..TURNS {
                v.store(&mut to[k], values[k]);
                sums[k % SUMS] = v.add(sums[k % SUMS], values[k]);
            }
        }
        for (k, (x, to)) in rest.iter().zip(to_rest).enumerate() {
            let [value] = v.exp([v.sub(v.load(x), shift)]);
            v.store(to, value);
            sums[k % SUMS] = v.add(sums[k % SUMS], value);
        }
        if !tail.is_empty() {
            let [value] = v.exp([v.sub(v.load_some(tail, 0.0), shift)]);
            v.store_some(&mut to_tail[..tail.len()], value);
            let sum = &mut sums[rest.len() % SUMS];
            *sum = v.add_some(*sum, value, tail.len());
        }
        let [a, b, c, d] = sums;
        Some(wide::single::tree(v.simd(), [a, b, c, d].map(pulp::cast)))
    }

    #[inline(always)]
    pub(super) fn largest<S: Simd>(simd: S, x: &[f32]) -> Option<f32> {
        let v = Vectors::of(simd)?;
        let least = v.all(f32::NEG_INFINITY);
        let mut most = [least; SUMS];
        let (whole, tail) = x.as_chunks::<WIDTH>();
        let (blocks, rest) = whole.as_chunks::<SUMS>();
        for block in blocks {
            for k in 0..SUMS {
                most[k] = v.max(most[k], v.load(&block[k]));
            }
        }
        for (k, x) in rest.iter().enumerate() {
            most[k] = v.max(most[k], v.load(x));
        }
        most[3] = v.max(most[3], v.load_some(tail, f32::NEG_INFINITY));
        let most = v.max(v.max(most[0], most[1]), v.max(most[2], most[3]));
        Some(v.simd().reduce_max_f32s(pulp::cast(most)))
    }

    #[inline(always)]
    pub(super) fn scale<S: Simd>(simd: S, to: &mut [f32], by: f32) -> bool {
        let Some(v) = Vectors::of(simd) else { return false };
        let by = v.all(by);
        let (whole, tail) = to.as_chunks_mut::<WIDTH>();
        for to in whole {
            v.store(to, v.mul(v.load(to), by));
        }
        if !tail.is_empty() {
            v.store_some(tail, v.mul(v.load_some(tail, 0.0), by));
        }
        true
    }
}

/// Rows of `n` elements.
struct Softmax<'a, T> {
    x: &'a [T],
    n: usize,
    to: &'a mut [T],
}

impl<T: Exps> WithSimd for Softmax<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Softmax { x, n, to } = self;
        let mut rows = x.chunks_exact(n);
        let mut next = rows.next().unwrap_or(&[]);
        let mut largest = T::largest(simd, next);
        for to in to.chunks_exact_mut(n) {
            // With a NaN the sum is one, and all of the row, whatever is subtracted.
            // Where the compiler sees what the row is a part of, it makes no vector code of it.
            let sum = T::exps_summed(simd, std::hint::black_box(next), largest, to);
            // Meanwhile the sum becomes known.
            next = rows.next().unwrap_or(&[]);
            largest = T::largest(simd, next);
            T::share(simd, to, sum);
        }
    }
}

/// Rows of `n` elements, with a place for what is subtracted from each and for each sum.
struct Shifted<'a, T> {
    x: &'a [T],
    n: usize,
    zero: Option<T>,
    exps: &'a mut [T],
    shifts: &'a mut [T],
    sums: &'a mut [T],
}

impl<T: Exps> WithSimd for Shifted<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Shifted { x, n, zero, exps, shifts, sums } = self;
        let rows = x.chunks_exact(n).zip(exps.chunks_exact_mut(n));
        for ((x, exps), (by, sum)) in rows.zip(shifts.iter_mut().zip(sums)) {
            let largest = T::largest(simd, x);
            let shift = zero.filter(|_| largest.is_infinite()).unwrap_or(largest);
            // As for softmax.
            *sum = T::exps_summed(simd, std::hint::black_box(x), shift, exps);
            *by = match zero {
                Some(_) if sum.is_nan() => *sum,
                None if sum.is_nan() || largest == T::ZERO => T::max(x),
                _ => shift,
            };
            if by.is_nan() {
                // The largest of the numbers was subtracted instead.
                exps.fill(*by);
            }
        }
    }
}

/// For each row of `n` elements its largest element as `shifts` (or `zero`, if there is one, where that is infinite); e to
/// the distances from it as `exps`, and their sum as `sums`.
pub(super) fn shifted<T: Exps>(
    x: &[T],
    n: usize,
    zero: Option<T>,
    exps: &mut [T],
    shifts: &mut [T],
    sums: &mut [T],
) {
    debug_assert!(x.len() == exps.len() && (1..=BLOCK).contains(&n));
    arch().dispatch(Shifted { x, n, zero, exps, shifts, sums });
}

/// Longer rows are done part by part, all by vectors of one kind, in less time where those are shorter than 512 bits.
const SHORT_ROW: usize = 384;

/// Whether rows of `n` elements are done in one go, and in less time than by blocks of rows.
pub(crate) fn takes<T: Exps>(n: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    if T::DTYPE == DType::F32 && matches!(arch(), pulp::Arch::V4(_)) {
        return (1..=BLOCK).contains(&n);
    }
    (1..SHORT_ROW).contains(&n) && n.is_multiple_of(LANES)
}

/// The softmax of rows of `n` elements. `cost` is that of an element, in additions.
pub(crate) fn softmax<T: Exps>(x: &[T], n: usize, to: &mut [T], cost: usize) {
    debug_assert!(x.len() == to.len() && (1..=BLOCK).contains(&n));
    let rows = x.len() / n;
    let threads = if x.len().saturating_mul(cost) < PARALLEL { 1 } else { threads::count() };
    threads::pieces(to, n, rows.div_ceil(threads) * n, &|first, to| {
        let x = &x[first..first + to.len()];
        arch().dispatch(Softmax { x, n, to });
    });
}

#[cfg(test)]
mod tests {
    use jit_ir::Prim;
    use jit_ir::numerics::{BLOCK, tree};
    use jit_ir::ops::lanes::Unary;

    use super::{Exps, approximated, shifted, softmax, takes};
    use crate::kernels::samples::{ROWS, at_every_level, element};

    macro_rules! rows {
        ($T:ident $n:ident) => {
            let x: Vec<$T> = (0..ROWS * $n).map(|i| element(i / $n, i % $n) as $T).collect();
            let expected = x.chunks_exact($n).flat_map(|x| {
                let largest = if x.iter().any(|v| v.is_nan()) {
                    $T::NAN
                } else {
                    x.iter().fold($T::NEG_INFINITY, |m, v| m.max(*v))
                };
                let exps: Vec<$T> = x.iter().map(|v| approximated::Exp::eval(v - largest)).collect();
                let share = 1.0 / tree(&exps, -0.0, |a, b| a + b).unwrap();
                exps.into_iter().map(move |e| e * share)
            });
            let expected: Vec<u64> = expected.map(Prim::canonical_bits).collect();
            at_every_level(|level| {
                let mut found = vec![7.0; x.len()];
                softmax(&x, $n, &mut found, 10);
                let found: Vec<u64> = found.into_iter().map(Prim::canonical_bits).collect();
                assert!(found == expected, "rows of {} {} at level {level}", $n, stringify!($T));
                let (mut exps, mut most, mut sums) = (x.clone(), vec![7.0; ROWS], vec![7.0; ROWS]);
                shifted(&x, $n, None, &mut exps, &mut most, &mut sums);
                for ((row, exps), most) in x.chunks_exact($n).zip(exps.chunks_exact($n)).zip(most) {
                    let max = <$T as Exps>::max(row);
                    assert!(most.to_scalar().same_bits(max.to_scalar()), "rows of {}: {most} {max}", $n);
                    let same = |(v, e): (&$T, &$T)| {
                        let exp: $T = approximated::Exp::eval(v - max);
                        e.to_scalar().same_bits(exp.to_scalar())
                    };
                    assert!(row.iter().zip(exps).all(same), "exponentials of rows of {}", $n);
                }
            });
        };
    }

    #[test]
    fn rows_are_the_steps_one_by_one() {
        for n in (1..150).chain([192, 256, 1000, 1024, BLOCK]) {
            rows!(f32 n);
            rows!(f64 n);
        }
        assert!(takes::<f32>(64) && takes::<f64>(128) && !takes::<f32>(BLOCK + 1));
    }
}
