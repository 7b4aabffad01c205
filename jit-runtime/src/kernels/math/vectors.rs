//! Vectors of 512 bits, for what AVX-512 does in one step and loops over elements in six: scaling by a power of two.

use std::arch::x86_64::__m512;

use pulp::x86::V4;
use pulp::{Simd, cast};

use super::single::{EXP_BOUNDS, EXP_REST, LN_2, MAGIC};

/// Elements of a vector.
pub(in crate::kernels) const WIDTH: usize = 16;

/// Steps of vectors, written out: std's functions that take closures would not be compiled for them.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Vectors(V4);

impl Vectors {
    /// If those are the vectors of this level.
    #[inline(always)]
    pub(in crate::kernels) fn of<S: Simd>(simd: S) -> Option<Vectors> {
        (&simd as &dyn std::any::Any).downcast_ref().map(|v4| Vectors(*v4))
    }

    /// The level.
    #[inline(always)]
    pub(in crate::kernels) fn simd(self) -> V4 {
        self.0
    }

    #[inline(always)]
    pub(in crate::kernels) fn all(self, value: f32) -> __m512 {
        self.0.avx512f._mm512_set1_ps(value)
    }

    #[inline(always)]
    pub(in crate::kernels) fn load(self, x: &[f32; WIDTH]) -> __m512 {
        cast(*x)
    }

    #[inline(always)]
    pub(in crate::kernels) fn store(self, to: &mut [f32; WIDTH], values: __m512) {
        *to = cast(values);
    }

    /// Fewer elements than a vector has, and `rest` beside them.
    #[inline(always)]
    pub(in crate::kernels) fn load_some(self, x: &[f32], rest: f32) -> __m512 {
        // SAFETY: the mask has those elements only.
        unsafe { self.0.avx512f._mm512_mask_loadu_ps(self.all(rest), first(x.len()), x.as_ptr()) }
    }

    /// Writes fewer elements than a vector has.
    #[inline(always)]
    pub(in crate::kernels) fn store_some(self, to: &mut [f32], values: __m512) {
        // SAFETY: the mask has those elements only.
        unsafe { self.0.avx512f._mm512_mask_storeu_ps(to.as_mut_ptr(), first(to.len()), values) }
    }

    #[inline(always)]
    pub(in crate::kernels) fn add(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_add_ps(a, b)
    }

    /// Adds the first `count` elements, fewer than there are; the others stay.
    #[inline(always)]
    pub(in crate::kernels) fn add_some(self, a: __m512, b: __m512, count: usize) -> __m512 {
        self.0.avx512f._mm512_mask_add_ps(a, first(count), a, b)
    }

    #[inline(always)]
    pub(in crate::kernels) fn sub(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_sub_ps(a, b)
    }

    #[inline(always)]
    pub(in crate::kernels) fn mul(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_mul_ps(a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        self.0.avx512f._mm512_fmadd_ps(a, b, c)
    }

    /// The larger ones; those of `b` where they are equal or one is NaN.
    #[inline(always)]
    pub(in crate::kernels) fn max(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_max_ps(a, b)
    }

    /// The smaller ones; those of `b` where they are equal or one is NaN.
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_min_ps(a, b)
    }

    /// e^x of each, some vectors in turns: the bits of [`super::single::exp`], whose steps these are.
    #[inline(always)]
    pub(in crate::kernels) fn exp<const N: usize>(self, x: [__m512; N]) -> [__m512; N] {
        let (low, high) = (self.all(EXP_BOUNDS[0]), self.all(EXP_BOUNDS[1]));
        let (to_base_2, magic) = (self.all(std::f32::consts::LOG2_E), self.all(MAGIC));
        let (ln_2, ln_2_low) = (self.all(-LN_2[0]), self.all(-LN_2[1]));
        let (mut r, mut power, mut y) = (x, x, [self.all(EXP_REST[0]); N]);
        for k in 0..N {
            r[k] = self.min(high, self.max(low, x[k]));
            power[k] = self.sub(self.mul_add(r[k], to_base_2, magic), magic);
            r[k] = self.mul_add(power[k], ln_2, r[k]);
            r[k] = self.mul_add(power[k], ln_2_low, r[k]);
        }
        for c in EXP_REST[1..].iter().chain(&[1.0, 1.0]) {
            for k in 0..N {
                y[k] = self.mul_add(y[k], r[k], self.all(*c));
            }
        }
        for k in 0..N {
            // Rounded once where it is below the normal numbers, as the product with two factors is.
            y[k] = self.0.avx512f._mm512_scalef_ps(y[k], power[k]);
        }
        y
    }
}

/// The mask of the first elements of a vector.
#[inline(always)]
fn first(count: usize) -> u16 {
    assert!(count < WIDTH);
    (1 << count) - 1
}

#[cfg(test)]
mod tests {
    use pulp::cast;

    use super::super::{Pack, single};
    use super::{Vectors, WIDTH};

    /// Numbers of all sizes, those around where the result is infinite, below the normal numbers, or 0, and NaN.
    #[test]
    fn exp_has_the_bits_of_the_loop() {
        let Some(v) = pulp::x86::V4::try_new().and_then(Vectors::of) else { return };
        let near = |at: f32| (-2000..2000).map(move |i| at + i as f32 * 0.001);
        let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN, 1e-40];
        let mut x: Vec<f32> = special.into_iter().chain((-30_000..30_000).map(|i| i as f32 * 0.01)).collect();
        x.extend([0.0, 88.7, 89.4, -87.3, -103.3, -103.97, -117.0, -170.0].into_iter().flat_map(near));
        x.extend((0..1 << 16).map(|i| f32::from_bits(i << 16)));
        for x in x.as_chunks::<WIDTH>().0 {
            let found: [f32; WIDTH] = cast(v.exp([v.load(x)])[0]);
            for (x, found) in x.iter().zip(found) {
                let expected = single::exp(Pack::one(*x)).value();
                assert!(expected.to_bits() == found.to_bits() || expected.is_nan() && found.is_nan(), "{x}");
            }
        }
    }
}
