//! Blocks of floats reduced in vector registers: a lane for each of [`LANES`] elements in turn, then the tree over the
//! lanes.

use jit_ir::numerics::{LANES, fold_lanes};
use pulp::{MemMask, Simd};

/// Whether extremes of vectors are those of comparisons in every bit, and the lanes of one are joined by halves.
const EXACT: bool = cfg!(target_arch = "x86_64");

/// Calls for as many vectors as the lanes take.
macro_rules! by_lanes {
    ($S:ident $lanes:ident $f:ident($($arg:expr),*)) => {
        match LANES / $S::$lanes {
            4 => $f::<4, $S>($($arg),*),
            8 => $f::<8, $S>($($arg),*),
            16 => $f::<16, $S>($($arg),*),
            _ => $f::<64, $S>($($arg),*),
        }
    };
}

/// Declares, for an element type, sums and extremes of a block.
macro_rules! wide {
    ($module:ident $T:ident: $as_simd:ident $as_mut_simd:ident $splat:ident $lanes:ident
     $vectors:ident $less:ident $equal:ident $select:ident $and:ident
     $word:ident $between:ident $load:ident;
     $add:ident $sum:ident $max:ident $largest:ident $min:ident $smallest:ident) => {
        pub(super) mod $module {
            use super::*;

            /// The tree over the lanes: halves of them, then halves of a vector.
            #[inline(always)]
            fn join<const K: usize, S: Simd>(
                mut acc: [S::$vectors; K],
                step: impl Fn(S::$vectors, S::$vectors) -> S::$vectors,
                reduce: impl Fn(S::$vectors) -> $T,
                combine: impl Fn($T, $T) -> $T,
            ) -> $T {
                if !EXACT {
                    let mut lanes = [0.0; LANES];
                    S::$as_mut_simd(&mut lanes).0.copy_from_slice(&acc);
                    return fold_lanes(&mut lanes, combine);
                }
                let mut width = K / 2;
                while width > 0 {
                    for k in 0..width {
                        acc[k] = step(acc[k], acc[k + width]);
                    }
                    width /= 2;
                }
                reduce(acc[0])
            }

            #[inline(always)]
            fn summed<const K: usize, S: Simd>(
                simd: S,
                rows: usize,
                mut row: impl FnMut(usize) -> [$T; LANES],
                last: &[$T; LANES],
            ) -> $T {
                let mut acc = [simd.$splat(-0.0); K];
                for r in 0..rows {
                    let values = row(r);
                    let (vectors, _) = S::$as_simd(&values);
                    for k in 0..K {
                        acc[k] = simd.$add(acc[k], vectors[k]);
                    }
                }
                let (vectors, _) = S::$as_simd(last);
                for k in 0..K {
                    acc[k] = simd.$add(acc[k], vectors[k]);
                }
                tree(simd, acc)
            }

            /// The sum of the lanes' sums.
            #[inline(always)]
            pub(in super::super) fn tree<const K: usize, S: Simd>(simd: S, acc: [S::$vectors; K]) -> $T {
                join::<K, S>(acc, |a, v| simd.$add(a, v), |v| simd.$sum(v), |a, b| a + b)
            }

            /// The sum of rows that are computed one by one, and of a last one that may be filled up with -0.
            #[inline(always)]
            pub(in super::super) fn sum_of<S: Simd>(
                simd: S,
                rows: usize,
                row: impl FnMut(usize) -> [$T; LANES],
                last: &[$T; LANES],
            ) -> $T {
                by_lanes!(S $lanes summed(simd, rows, row, last))
            }

            /// Combines the lanes with what is left of a block, fewer elements than there are lanes; those of the lanes
            /// without one stay.
            #[inline(always)]
            fn finish<const K: usize, S: Simd>(
                simd: S,
                acc: &mut [S::$vectors; K],
                tail: &[$T],
                identity: $T,
                mut step: impl FnMut(S::$vectors, S::$vectors) -> S::$vectors,
            ) {
                let (whole, rest) = S::$as_simd(tail);
                for k in 0..K {
                    if let Some(v) = whole.get(k) {
                        acc[k] = step(acc[k], *v);
                    }
                }
                if !rest.is_empty() {
                    let those = simd.$between(0, rest.len() as $word).mask();
                    // SAFETY: only those elements are read.
                    let last = unsafe { simd.$load(MemMask::new(those), rest.as_ptr()) };
                    let last = simd.$select(those, last, simd.$splat(identity));
                    for k in 0..K {
                        if k == whole.len() {
                            acc[k] = step(acc[k], last);
                        }
                    }
                }
            }

            #[inline(always)]
            fn total<const K: usize, S: Simd>(simd: S, values: &[$T]) -> $T {
                let mut acc = [simd.$splat(-0.0); K];
                let (rows, tail) = values.as_chunks::<LANES>();
                for row in rows {
                    let (vectors, _) = S::$as_simd(row);
                    for k in 0..K {
                        acc[k] = simd.$add(acc[k], vectors[k]);
                    }
                }
                finish::<K, S>(simd, &mut acc, tail, -0.0, |a, v| simd.$add(a, v));
                tree(simd, acc)
            }

            /// The sum of a block.
            #[inline(always)]
            pub(in super::super) fn sum<S: Simd>(simd: S, values: &[$T]) -> Option<$T> {
                Some(by_lanes!(S $lanes total(simd, values)))
            }

            /// Each lane's extreme, and whether there is no NaN.
            #[inline(always)]
            fn extremes<const K: usize, S: Simd>(
                simd: S,
                values: &[$T],
                identity: $T,
                step: impl Fn(S::$vectors, S::$vectors) -> S::$vectors,
            ) -> ([S::$vectors; K], bool) {
                let mut acc = [simd.$splat(identity); K];
                let mut ordered = simd.$equal(acc[0], acc[0]);
                let (rows, tail) = values.as_chunks::<LANES>();
                let mut both = |a, v| {
                    ordered = simd.$and(ordered, simd.$equal(v, v));
                    step(a, v)
                };
                let (vectors, _) = S::$as_simd(rows.as_flattened());
                for row in vectors.as_chunks::<K>().0 {
                    for k in 0..K {
                        acc[k] = both(acc[k], row[k]);
                    }
                }
                finish::<K, S>(simd, &mut acc, tail, identity, both);
                let ordered = simd.$select(ordered, simd.$splat(1.0), simd.$splat(0.0));
                (acc, simd.$smallest(ordered) == 1.0)
            }

            #[inline(always)]
            fn max<const K: usize, S: Simd>(simd: S, values: &[$T]) -> Option<$T> {
                // As x86 has it, the second operand if they are equal.
                let step = |a, v| if EXACT && S::$lanes > 1 { simd.$max(a, v) } else { simd.$select(simd.$less(v, a), a, v) };
                let (acc, ordered) = extremes::<K, S>(simd, values, $T::NEG_INFINITY, step);
                let combine = |a, v| if a > v { a } else { v };
                ordered.then(|| join::<K, S>(acc, step, |v| simd.$largest(v), combine))
            }

            /// The largest number of a block, unless one of them is NaN.
            #[inline(always)]
            pub(in super::super) fn largest<S: Simd>(simd: S, values: &[$T]) -> Option<$T> {
                by_lanes!(S $lanes max(simd, values))
            }

            #[inline(always)]
            fn min<const K: usize, S: Simd>(simd: S, values: &[$T]) -> Option<$T> {
                let step = |a, v| if EXACT && S::$lanes > 1 { simd.$min(a, v) } else { simd.$select(simd.$less(a, v), a, v) };
                let (acc, ordered) = extremes::<K, S>(simd, values, $T::INFINITY, step);
                let combine = |a, v| if a < v { a } else { v };
                ordered.then(|| join::<K, S>(acc, step, |v| simd.$smallest(v), combine))
            }

            /// The smallest number of a block, unless one of them is NaN.
            #[inline(always)]
            pub(in super::super) fn smallest<S: Simd>(simd: S, values: &[$T]) -> Option<$T> {
                by_lanes!(S $lanes min(simd, values))
            }
        }
    };
}

wide!(single f32: as_simd_f32s as_mut_simd_f32s splat_f32s F32_LANES f32s less_than_f32s equal_f32s select_f32s and_m32s
    u32 mask_between_m32s mask_load_ptr_f32s;
    add_f32s reduce_sum_f32s max_f32s reduce_max_f32s min_f32s reduce_min_f32s);
wide!(double f64: as_simd_f64s as_mut_simd_f64s splat_f64s F64_LANES f64s less_than_f64s equal_f64s select_f64s and_m64s
    u64 mask_between_m64s mask_load_ptr_f64s;
    add_f64s reduce_sum_f64s max_f64s reduce_max_f64s min_f64s reduce_min_f64s);
