//! A product of matrices by tiles of registers.
//!
//! The sums of a few rows and a few vectors of columns stay in registers for a chain of `CHAIN` multiply-adds, so that
//! every element is the chain that `jit_ir::numerics` says. Nothing is packed: the right matrix is read where it is, row
//! by row, by all tiles of a panel of columns, which find it in the cache. The panels of some rows come one after the
//! other, so that memory gives neighbours; the first tile of a panel asks for those of a later one.

use jit_ir::Prim;
use jit_ir::numerics::CHAIN;
use pulp::{MemMask, Simd, WithSimd};

use super::arch;
use super::turn::Turn;
use crate::tensor::raw::RawTensor;

/// Bytes of a matrix that does not stay in the cache beside the rest.
pub(super) const FAR: usize = 8 << 20;

/// A matrix in memory, by the steps between its rows and between its columns.
#[derive(Clone, Copy)]
pub(super) struct Source<T> {
    pub(super) start: *const T,
    pub(super) row: isize,
    pub(super) column: isize,
}

/// The product of `x` `[m, k]` and `y` `[k, n]`, whose columns are neighbours, as those of the result are.
pub(super) struct Gemm<T> {
    pub(super) x: Source<T>,
    pub(super) y: Source<T>,
    pub(super) to: *mut T,
    /// The step between rows of the result.
    pub(super) stride: isize,
    pub(super) size: [usize; 3],
    /// Whether `y` comes from far away, so that it is asked for ahead.
    pub(super) far: bool,
    /// Whether it is added to what is there.
    pub(super) adds: bool,
}

/// Element types, and their vectors.
pub(super) trait Element: Prim {
    type Vector<S: Simd>: Copy;
    /// Some elements of a vector.
    type Mask<S: Simd>: Copy;
    fn lanes<S: Simd>() -> usize;
    /// The first `n` elements.
    fn first<S: Simd>(simd: S, n: usize) -> Self::Mask<S>;
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
    /// `a * b + c`, rounded once.
    fn multiply_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    fn add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// Those elements, and 0.
    ///
    /// # Safety
    /// They can be read.
    unsafe fn load<S: Simd>(simd: S, those: Self::Mask<S>, from: *const Self) -> Self::Vector<S>;
    /// Writes those elements.
    ///
    /// # Safety
    /// They can be written.
    unsafe fn store<S: Simd>(simd: S, those: Self::Mask<S>, to: *mut Self, values: Self::Vector<S>);
}

macro_rules! elements {
    ($($T:ident $word:ident $vector:ident $mask:ident $lanes:ident $between:ident $splat:ident $fma:ident $add:ident
        $load:ident $store:ident;)*) => {$(
        impl Element for $T {
            type Vector<S: Simd> = S::$vector;
            type Mask<S: Simd> = MemMask<S::$mask>;
            #[inline(always)]
            fn lanes<S: Simd>() -> usize {
                S::$lanes
            }
            #[inline(always)]
            fn first<S: Simd>(simd: S, n: usize) -> MemMask<S::$mask> {
                // Without the calls that pulp keeps for loads and stores which are done once.
                MemMask::new(simd.$between(0, n as $word).mask())
            }
            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: $T) -> S::$vector {
                simd.$splat(value)
            }
            #[inline(always)]
            fn multiply_add<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                simd.$fma(a, b, c)
            }
            #[inline(always)]
            fn add<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }
            #[inline(always)]
            unsafe fn load<S: Simd>(simd: S, those: MemMask<S::$mask>, from: *const $T) -> S::$vector {
                // SAFETY: by the caller.
                unsafe { simd.$load(those, from) }
            }
            #[inline(always)]
            unsafe fn store<S: Simd>(simd: S, those: MemMask<S::$mask>, to: *mut $T, values: S::$vector) {
                // SAFETY: by the caller.
                unsafe { simd.$store(those, to, values) }
            }
        }
    )*};
}
elements! {
    f32 u32 f32s m32s F32_LANES mask_between_m32s splat_f32s mul_add_f32s add_f32s
        mask_load_ptr_f32s mask_store_ptr_f32s;
    f64 u64 f64s m64s F64_LANES mask_between_m64s splat_f64s mul_add_f64s add_f64s
        mask_load_ptr_f64s mask_store_ptr_f64s;
}

/// The rows of a tile at most, with so many registers: its sums, a row of vectors and one factor have to fit, and a mask
/// where masks are vectors. A sum that does not would take twice the time of all others.
const fn tall(registers: usize) -> usize {
    if registers >= 32 { 8 } else { 6 }
}

/// The vectors of a tile of so many rows at most: where there are few rows, enough sums for those that take the same steps
/// not to wait for each other.
const fn wide(registers: usize, rows: usize) -> usize {
    let few = 2 * rows <= tall(registers);
    match (registers >= 32, few) {
        (true, true) => 6,
        (true, false) | (false, true) => 3,
        (false, false) => 2,
    }
}

/// Whether there are tiles of this size.
const fn fits(registers: usize, rows: usize, vectors: usize) -> bool {
    rows <= tall(registers) && vectors <= wide(registers, rows)
}

/// The `i`th of so many parts of `n`, which differ by one at most.
fn part(n: usize, parts: usize, i: usize) -> std::ops::Range<usize> {
    n * i / parts..n * (i + 1) / parts
}

/// A tile's place: its first row and column, those of its last vector's elements that count, and of the products which it
/// adds.
#[derive(Clone, Copy)]
struct At<M> {
    row: usize,
    column: usize,
    last: M,
    from: usize,
    to: usize,
    /// Whether the columns that come later are asked for.
    ahead: bool,
}

/// How far ahead columns are asked for, in bytes: beyond the next panel, whose work is too little for memory to answer.
const AHEAD: usize = 384;

/// Asks for a line, if there is one.
#[inline(always)]
fn prefetch<T>(from: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: it reads nothing and never fails, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = from;
}

impl<T: Element> Gemm<T> {
    /// `M` rows and `V` vectors of the result: their sums over a chain.
    ///
    /// # Safety
    /// They lie in the result, and what is multiplied in the matrices.
    #[inline(always)]
    unsafe fn tile<S: Simd, const M: usize, const V: usize>(&self, simd: S, at: At<T::Mask<S>>) {
        let lanes = T::lanes::<S>();
        // SAFETY: called for vectors that lie in the matrices.
        let whole = |from: *const T| unsafe { from.cast::<T::Vector<S>>().read_unaligned() };
        let mut sums = [[T::splat(simd, T::ZERO); V]; M];
        let row = |i: usize| self.x.row * (at.row + i) as isize + self.x.column * at.from as isize;
        let mut x: [*const T; M] = std::array::from_fn(|i| self.x.start.wrapping_offset(row(i)));
        let mut y = self.y.start.wrapping_offset(self.y.row * at.from as isize).wrapping_add(at.column);
        for _ in at.from..at.to {
            let mut factors = [T::splat(simd, T::ZERO); V];
            for (v, factor) in factors.iter_mut().enumerate() {
                let from = y.wrapping_add(v * lanes);
                // SAFETY: by the caller.
                *factor = unsafe { if v + 1 < V { whole(from) } else { T::load(simd, at.last, from) } };
                if at.ahead {
                    prefetch(from.wrapping_byte_add(AHEAD));
                }
            }
            for (x, sums) in x.iter_mut().zip(&mut sums) {
                // SAFETY: by the caller.
                let other = T::splat(simd, unsafe { **x });
                for (sum, factor) in sums.iter_mut().zip(&factors) {
                    *sum = T::multiply_add(simd, other, *factor, *sum);
                }
                *x = x.wrapping_offset(self.x.column);
            }
            y = y.wrapping_offset(self.y.row);
        }
        for (i, sums) in sums.iter().enumerate() {
            let row = self.to.wrapping_offset(self.stride * (at.row + i) as isize);
            for (v, sum) in sums.iter().enumerate() {
                let to = row.wrapping_add(at.column + v * lanes);
                // SAFETY: by the caller.
                unsafe {
                    if v + 1 < V {
                        let sum =
                            if at.from == 0 && !self.adds { *sum } else { T::add(simd, whole(to), *sum) };
                        to.cast::<T::Vector<S>>().write_unaligned(sum);
                    } else {
                        let before = || T::load(simd, at.last, to);
                        let sum =
                            if at.from == 0 && !self.adds { *sum } else { T::add(simd, before(), *sum) };
                        T::store(simd, at.last, to, sum);
                    }
                }
            }
        }
    }

    /// A tile of any size.
    ///
    /// # Safety
    /// As [`Gemm::tile`].
    #[inline(always)]
    unsafe fn any_tile<S: Simd>(&self, simd: S, rows: usize, vectors: usize, at: At<T::Mask<S>>) {
        macro_rules! choose {
            ($($M:literal: $($V:literal)*;)*) => {
                match (rows, vectors) {
                    $($(($M, $V) => {
                        // A constant condition, so that only what is called is compiled.
                        if const { fits(S::REGISTER_COUNT, $M, $V) } {
                            // SAFETY: by the caller.
                            unsafe { self.tile::<S, $M, $V>(simd, at) }
                        }
                    })*)*
                    _ => unreachable!("there are tiles of all sizes that fit"),
                }
            };
        }
        choose! {
            1: 1 2 3 4 5 6;
            2: 1 2 3 4 5 6;
            3: 1 2 3 4 5 6;
            4: 1 2 3 4 5 6;
            5: 1 2 3;
            6: 1 2 3;
            7: 1 2 3;
            8: 1 2 3;
        }
    }
}

impl<T: Element> WithSimd for &Gemm<T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [m, k, n] = self.size;
        let (lanes, tall) = (T::lanes::<S>(), tall(S::REGISTER_COUNT));
        let vectors = n.div_ceil(lanes);
        let panels = vectors.div_ceil(wide(S::REGISTER_COUNT, m));
        let tiles = m.div_ceil(tall);
        for from in (0..k).step_by(CHAIN) {
            for panel in (0..panels).map(|i| part(vectors, panels, i)) {
                let column = panel.start * lanes;
                let last = T::first(simd, (n - (panel.end - 1) * lanes).min(lanes));
                for rows in (0..tiles).map(|i| part(m, tiles, i)) {
                    let (row, to) = (rows.start, k.min(from + CHAIN));
                    let at = At { row, column, last, from, to, ahead: self.far && row == 0 };
                    // SAFETY: whoever makes this says that the matrices lie in memory; the last vector of a panel ends with
                    // its row.
                    unsafe { self.any_tile(simd, rows.len(), panel.len(), at) };
                }
            }
        }
    }
}

/// Computes a product, of at least one product for each element.
///
/// # Safety
/// The matrices lie in memory, that of the result is valid for writing, and nobody else uses it.
pub(super) unsafe fn gemm<T: Element>(product: &Gemm<T>) {
    arch().dispatch(product);
}

/// Columns that are turned together.
const TURNED: usize = 48;

/// As [`gemm`], for `y` that stands by columns: some of them at a time are turned.
///
/// # Safety
/// As there.
pub(super) unsafe fn gemm_turned<T: Element>(product: &Gemm<T>) {
    let Gemm { x, y, to, stride, size: [m, k, n], .. } = *product;
    debug_assert!(y.row == 1);
    let mut room = RawTensor::uninit(T::DTYPE, &[CHAIN.min(k), TURNED]);
    let room = room.fresh::<T>().as_mut_ptr();
    for column in (0..n).step_by(TURNED) {
        let columns = TURNED.min(n - column);
        for from in (0..k).step_by(CHAIN) {
            let depth = CHAIN.min(k - from);
            let src = y.start.wrapping_add(from).wrapping_offset(y.column * column as isize);
            let turn = Turn { src, step: y.column, dst: room, to: TURNED as isize, size: [depth, columns] };
            let x = Source { start: x.start.wrapping_offset(x.column * from as isize), ..x };
            let y = Source { start: room.cast_const(), row: TURNED as isize, column: 1 };
            let (to, size) = (to.wrapping_add(column), [m, depth, columns]);
            // SAFETY: by the caller, for a part of the matrices; there is room for what is turned.
            unsafe {
                turn.run();
                gemm(&Gemm { x, y, to, stride, size, far: false, adds: from > 0 });
            }
        }
    }
}
