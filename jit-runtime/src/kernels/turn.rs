//! Turning matrices: rows become columns.

/// Rows and columns of the squares in which a matrix is turned: a line of the nearest cache.
pub(super) const BLOCK: usize = 16;

/// A matrix whose columns lie in memory as rows, and where its rows go.
#[derive(Clone, Copy)]
pub(super) struct Turn<T> {
    /// Element `(i, j)` lies at `i + j step`.
    pub(super) src: *const T,
    pub(super) step: isize,
    /// It goes to `i to + j`.
    pub(super) dst: *mut T,
    pub(super) to: isize,
    /// How many `i`, how many `j`.
    pub(super) size: [usize; 2],
}

impl<T: Copy> Turn<T> {
    /// Writes every element.
    ///
    /// # Safety
    /// Every element can be read and written so, and the two sides do not overlap.
    pub(super) unsafe fn run(self) {
        let [rows, columns] = self.size;
        #[cfg(target_arch = "x86_64")]
        let square = x86::of::<T>();
        for j in (0..columns).step_by(BLOCK) {
            for i in (0..rows).step_by(BLOCK) {
                let size = [BLOCK.min(rows - i), BLOCK.min(columns - j)];
                let src = self.src.wrapping_offset(i as isize + j as isize * self.step);
                let dst = self.dst.wrapping_offset(i as isize * self.to + j as isize);
                let part = Turn { src, dst, size, ..self };
                // SAFETY: a part of what the caller says; what the machine has was looked for.
                unsafe {
                    #[cfg(target_arch = "x86_64")]
                    if let Some(square) = square
                        && size == [BLOCK; 2]
                    {
                        square(part);
                        continue;
                    }
                    part.one_by_one();
                }
            }
        }
    }

    /// # Safety
    /// As [`Turn::run`].
    unsafe fn one_by_one(self) {
        let Turn { src, step, dst, to, size: [rows, columns] } = self;
        for i in 0..rows as isize {
            for j in 0..columns as isize {
                // SAFETY: by the caller.
                unsafe { *dst.offset(i * to + j) = *src.offset(i + j * step) };
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::super::arch;
    use super::{BLOCK, Turn};

    /// Turns a whole square in registers.
    type Square<T> = unsafe fn(Turn<T>);

    /// What the machine has for elements of this size: it is for [`BLOCK`] rows and columns, else as [`Turn::run`].
    pub(super) fn of<T>() -> Option<Square<T>> {
        match (arch(), size_of::<T>()) {
            (pulp::Arch::V4(_), 4) => Some(narrow),
            (pulp::Arch::V4(_), 8) => Some(wide),
            (pulp::Arch::V3(_), 4 | 8) => Some(square),
            _ => None,
        }
    }

    /// # Safety
    /// As [`of`] says, of elements of 4 bytes; the machine has AVX-512.
    #[target_feature(enable = "avx512f")]
    unsafe fn narrow<T>(turn: Turn<T>) {
        let (src, dst) = (turn.src.cast::<f32>(), turn.dst.cast::<f32>());
        // SAFETY: by the caller.
        let r: [__m512; BLOCK] =
            std::array::from_fn(|j| unsafe { _mm512_loadu_ps(src.offset(j as isize * turn.step)) });
        let pairs: [__m512d; BLOCK] = std::array::from_fn(|j| {
            let (a, b) = (r[j / 2 * 2], r[j / 2 * 2 + 1]);
            _mm512_castps_pd(if j % 2 == 0 { _mm512_unpacklo_ps(a, b) } else { _mm512_unpackhi_ps(a, b) })
        });
        // In each quarter of `fours[4 g + c]` column c of that quarter, of the rows from 4 g on.
        let fours: [__m512d; BLOCK] = std::array::from_fn(|j| {
            let first = j / 4 * 4 + j % 4 / 2;
            let (a, b) = (pairs[first], pairs[first + 2]);
            if j % 2 == 0 { _mm512_unpacklo_pd(a, b) } else { _mm512_unpackhi_pd(a, b) }
        });
        for c in 0..4 {
            let of = |g: usize| fours[4 * g + c];
            let columns = quarters([of(0), of(1), of(2), of(3)]);
            for (quarter, column) in columns.into_iter().enumerate() {
                let to = dst.wrapping_offset((4 * quarter + c) as isize * turn.to);
                // SAFETY: by the caller.
                unsafe { _mm512_storeu_ps(to, _mm512_castpd_ps(column)) };
            }
        }
    }

    /// # Safety
    /// As [`of`] says, of elements of 8 bytes; the machine has AVX-512.
    #[target_feature(enable = "avx512f")]
    unsafe fn wide<T>(turn: Turn<T>) {
        for (j, i) in [(0, 0), (0, 8), (8, 0), (8, 8)] {
            let src = turn.src.wrapping_offset(i + j * turn.step).cast::<f64>();
            let dst = turn.dst.wrapping_offset(i * turn.to + j).cast::<f64>();
            // SAFETY: by the caller.
            let r: [__m512d; 8] =
                std::array::from_fn(|j| unsafe { _mm512_loadu_pd(src.offset(j as isize * turn.step)) });
            for c in 0..2 {
                let of = |g: usize| {
                    let (a, b) = (r[2 * g], r[2 * g + 1]);
                    if c == 0 { _mm512_unpacklo_pd(a, b) } else { _mm512_unpackhi_pd(a, b) }
                };
                let columns = quarters([of(0), of(1), of(2), of(3)]);
                for (quarter, column) in columns.into_iter().enumerate() {
                    let to = dst.wrapping_offset((2 * quarter + c) as isize * turn.to);
                    // SAFETY: by the caller.
                    unsafe { _mm512_storeu_pd(to, column) };
                }
            }
        }
    }

    /// The first quarters of four vectors, then the second ones, and so on.
    #[target_feature(enable = "avx512f")]
    fn quarters([a, b, c, d]: [__m512d; 4]) -> [__m512d; 4] {
        let (even, odd) = (_mm512_shuffle_f64x2::<0x88>(a, b), _mm512_shuffle_f64x2::<0xdd>(a, b));
        let (others_even, others_odd) =
            (_mm512_shuffle_f64x2::<0x88>(c, d), _mm512_shuffle_f64x2::<0xdd>(c, d));
        [
            _mm512_shuffle_f64x2::<0x88>(even, others_even),
            _mm512_shuffle_f64x2::<0x88>(odd, others_odd),
            _mm512_shuffle_f64x2::<0xdd>(even, others_even),
            _mm512_shuffle_f64x2::<0xdd>(odd, others_odd),
        ]
    }

    /// # Safety
    /// As [`of`] says, of elements of 4 or 8 bytes; the machine has AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn square<T>(turn: Turn<T>) {
        let width = 32 / size_of::<T>();
        for j in (0..BLOCK).step_by(width) {
            for i in (0..BLOCK).step_by(width) {
                let src = turn.src.wrapping_offset(i as isize + j as isize * turn.step);
                let dst = turn.dst.wrapping_offset(i as isize * turn.to + j as isize);
                // SAFETY: a part of the square.
                unsafe {
                    if width == 8 {
                        eight(src.cast(), turn.step, dst.cast(), turn.to);
                    } else {
                        four(src.cast(), turn.step, dst.cast(), turn.to);
                    }
                }
            }
        }
    }

    /// # Safety
    /// 8 rows of 8 elements can be read and written.
    #[target_feature(enable = "avx2")]
    unsafe fn eight(src: *const f32, step: isize, dst: *mut f32, to: isize) {
        // SAFETY: by the caller.
        let row = |j: isize| unsafe { _mm256_loadu_ps(src.offset(j * step)) };
        let r = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
        let low = |a: usize| _mm256_unpacklo_ps(r[a], r[a + 1]);
        let high = |a: usize| _mm256_unpackhi_ps(r[a], r[a + 1]);
        let pairs = [low(0), high(0), low(2), high(2), low(4), high(4), low(6), high(6)];
        let first = |a: usize| _mm256_shuffle_ps::<0x44>(pairs[a], pairs[a + 2]);
        let second = |a: usize| _mm256_shuffle_ps::<0xee>(pairs[a], pairs[a + 2]);
        let fours = [first(0), second(0), first(1), second(1), first(4), second(4), first(5), second(5)];
        for k in 0..4 {
            let upper = _mm256_permute2f128_ps::<0x20>(fours[k], fours[k + 4]);
            let lower = _mm256_permute2f128_ps::<0x31>(fours[k], fours[k + 4]);
            // SAFETY: by the caller.
            unsafe {
                _mm256_storeu_ps(dst.offset(k as isize * to), upper);
                _mm256_storeu_ps(dst.offset((k as isize + 4) * to), lower);
            }
        }
    }

    /// # Safety
    /// 4 rows of 4 elements can be read and written.
    #[target_feature(enable = "avx2")]
    unsafe fn four(src: *const f64, step: isize, dst: *mut f64, to: isize) {
        // SAFETY: by the caller.
        let row = |j: isize| unsafe { _mm256_loadu_pd(src.offset(j * step)) };
        let r = [row(0), row(1), row(2), row(3)];
        let even = [_mm256_unpacklo_pd(r[0], r[1]), _mm256_unpacklo_pd(r[2], r[3])];
        let odd = [_mm256_unpackhi_pd(r[0], r[1]), _mm256_unpackhi_pd(r[2], r[3])];
        for (k, [a, b]) in [even, odd].into_iter().enumerate() {
            // SAFETY: by the caller.
            unsafe {
                _mm256_storeu_pd(dst.offset(k as isize * to), _mm256_permute2f128_pd::<0x20>(a, b));
                _mm256_storeu_pd(dst.offset((k as isize + 2) * to), _mm256_permute2f128_pd::<0x31>(a, b));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned<T: Copy + Default + PartialEq + std::fmt::Debug>(value: impl Fn(usize) -> T) {
        for (rows, columns) in [(1, 1), (3, 40), (16, 16), (17, 33), (48, 32), (50, 100)] {
            let (step, to) = (rows + 3, columns + 5);
            let src: Vec<T> = (0..columns * step).map(&value).collect();
            let mut dst = vec![T::default(); rows * to];
            let turn = Turn {
                src: src.as_ptr(),
                step: step as isize,
                dst: dst.as_mut_ptr(),
                to: to as isize,
                size: [rows, columns],
            };
            // SAFETY: both sides have room for all rows.
            unsafe { turn.run() };
            for i in 0..rows {
                for j in 0..to {
                    let expected = if j < columns { src[i + j * step] } else { T::default() };
                    assert_eq!(dst[i * to + j], expected, "({i}, {j}) of {rows} x {columns}");
                }
            }
        }
    }

    #[test]
    fn every_element_goes_to_its_place_and_no_other_is_written() {
        for level in 0..super::super::levels().len() {
            super::super::choose_level(Some(level));
            turned(|i| i as u32 + 1);
            turned(|i| i as u64 + 1);
            turned(|i| (i % 251) as u8 + 1);
        }
        super::super::choose_level(None);
    }
}
