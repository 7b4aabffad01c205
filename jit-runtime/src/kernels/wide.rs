//! The lanes of a block of floats in vector registers.

use jit_ir::numerics::LANES;
use pulp::Simd;

/// Declares, for an element type, sums and extremes of rows of [`LANES`] elements, lane by lane.
macro_rules! wide {
    ($module:ident $T:ident: $as_simd:ident $as_mut_simd:ident $splat:ident $lanes:ident
     $vectors:ident $add:ident $less:ident $equal:ident $select:ident) => {
        pub(super) mod $module {
            use super::*;

            /// Folds the rows; each lane begins with `identity`.
            #[inline(always)]
            fn fold<S: Simd>(
                simd: S,
                rows: &[[$T; LANES]],
                identity: $T,
                step: impl Fn(S::$vectors, S::$vectors) -> S::$vectors,
            ) -> [$T; LANES] {
                match LANES / S::$lanes {
                    4 => registers::<4, S>(simd, rows, identity, step),
                    8 => registers::<8, S>(simd, rows, identity, step),
                    16 => registers::<16, S>(simd, rows, identity, step),
                    _ => registers::<64, S>(simd, rows, identity, step),
                }
            }

            /// [`fold`] with as many vectors as the lanes take.
            #[inline(always)]
            fn registers<const K: usize, S: Simd>(
                simd: S,
                rows: &[[$T; LANES]],
                identity: $T,
                step: impl Fn(S::$vectors, S::$vectors) -> S::$vectors,
            ) -> [$T; LANES] {
                let mut acc = [simd.$splat(identity); K];
                let (vectors, _) = S::$as_simd(rows.as_flattened());
                for row in vectors.as_chunks::<K>().0 {
                    for k in 0..K {
                        acc[k] = step(acc[k], row[k]);
                    }
                }
                let mut lanes = [identity; LANES];
                S::$as_mut_simd(&mut lanes).0.copy_from_slice(&acc);
                lanes
            }

            /// As [`sum`], of rows that are computed one by one.
            #[inline(always)]
            pub(in super::super) fn sum_of<S: Simd>(
                simd: S,
                rows: usize,
                row: impl FnMut(usize) -> [$T; LANES],
            ) -> [$T; LANES] {
                match LANES / S::$lanes {
                    4 => computed::<4, S>(simd, rows, row),
                    8 => computed::<8, S>(simd, rows, row),
                    16 => computed::<16, S>(simd, rows, row),
                    _ => computed::<64, S>(simd, rows, row),
                }
            }

            #[inline(always)]
            fn computed<const K: usize, S: Simd>(
                simd: S,
                rows: usize,
                mut row: impl FnMut(usize) -> [$T; LANES],
            ) -> [$T; LANES] {
                let mut acc = [simd.$splat(-0.0); K];
                for r in 0..rows {
                    let values = row(r);
                    let (vectors, _) = S::$as_simd(&values);
                    for k in 0..K {
                        acc[k] = simd.$add(acc[k], vectors[k]);
                    }
                }
                let mut lanes = [-0.0; LANES];
                S::$as_mut_simd(&mut lanes).0.copy_from_slice(&acc);
                lanes
            }

            #[inline(always)]
            pub(in super::super) fn sum<S: Simd>(simd: S, rows: &[[$T; LANES]]) -> [$T; LANES] {
                fold(simd, rows, -0.0, |a, v| simd.$add(a, v))
            }

            /// As `if a > b || a.is_nan() { a } else { b }`.
            #[inline(always)]
            pub(in super::super) fn max<S: Simd>(simd: S, rows: &[[$T; LANES]]) -> [$T; LANES] {
                fold(simd, rows, $T::NEG_INFINITY, |a, v| {
                    simd.$select(simd.$equal(a, a), simd.$select(simd.$less(v, a), a, v), a)
                })
            }

            /// As `if a < b || a.is_nan() { a } else { b }`.
            #[inline(always)]
            pub(in super::super) fn min<S: Simd>(simd: S, rows: &[[$T; LANES]]) -> [$T; LANES] {
                fold(simd, rows, $T::INFINITY, |a, v| {
                    simd.$select(simd.$equal(a, a), simd.$select(simd.$less(a, v), a, v), a)
                })
            }
        }
    };
}

wide!(single f32: as_simd_f32s as_mut_simd_f32s splat_f32s F32_LANES f32s add_f32s less_than_f32s equal_f32s select_f32s);
wide!(double f64: as_simd_f64s as_mut_simd_f64s splat_f64s F64_LANES f64s add_f64s less_than_f64s equal_f64s select_f64s);
