//! Reductions by the fixed tree of `jit_ir::numerics`, as vector code.

use jit_ir::Prim;
use jit_ir::numerics::{BLOCK, LANES, fold_lanes};
use jit_ir::ops::lanes::{Add, And, Binary, Maximum, Minimum, Mul, Or};
use pulp::{Simd, WithSimd};
use smallvec::{Array, SmallVec};
use std::marker::PhantomData;

use super::arch;
use super::launch::PARALLEL;
use super::wide::{double, single};
use crate::exec::threads;

/// A combining op with the value that its lanes begin with.
pub(crate) trait Fold<T>: Binary<T, Out = T> {
    /// Combined with any value it gives that value.
    const IDENTITY: T;

    /// All values of a block combined, if there is a faster way for these.
    #[inline(always)]
    fn quick<S: Simd>(_: S, _: &[T]) -> Option<T> {
        None
    }
}

macro_rules! folds {
    ($($V:ident $T:ident $identity:expr $(, $quick:path)?;)*) => {$(
        impl Fold<$T> for $V {
            const IDENTITY: $T = $identity;
            $(
                #[inline(always)]
                fn quick<S: Simd>(simd: S, values: &[$T]) -> Option<$T> {
                    $quick(simd, values)
                }
            )?
        }
    )*};
}

folds! {
    Add f32 -0.0, single::sum; Add f64 -0.0, double::sum; Add u8 0; Add i32 0; Add i64 0;
    Mul f32 1.0; Mul f64 1.0; Mul u8 1; Mul i32 1; Mul i64 1;
    Maximum f32 f32::NEG_INFINITY, single::largest;
    Maximum f64 f64::NEG_INFINITY, double::largest;
    Maximum u8 0; Maximum i32 i32::MIN; Maximum i64 i64::MIN;
    Minimum f32 f32::INFINITY, single::smallest;
    Minimum f64 f64::INFINITY, double::smallest;
    Minimum u8 u8::MAX; Minimum i32 i32::MAX; Minimum i64 i64::MAX;
    And bool true; Or bool false;
}

struct Block<'a, O, T> {
    values: &'a [T],
    op: PhantomData<O>,
}

impl<O: Fold<T>, T: Copy> WithSimd for Block<'_, O, T> {
    type Output = T;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> T {
        if let Some(value) = O::quick(simd, self.values) {
            return value;
        }
        let (rows, tail) = self.values.as_chunks::<LANES>();
        let mut lanes = [O::IDENTITY; LANES];
        for row in rows {
            for (lane, v) in lanes.iter_mut().zip(row) {
                *lane = O::eval(*lane, *v);
            }
        }
        for (lane, v) in lanes.iter_mut().zip(tail) {
            *lane = O::eval(*lane, *v);
        }
        fold_lanes(&mut lanes, O::eval)
    }
}

/// Pairs of neighbours are combined as they complete: a stack of finished subtrees.
struct Pairs<A: Array> {
    stack: SmallVec<A>,
}

impl<T: Copy, A: Array<Item = (u32, T)>> Pairs<A> {
    fn push(&mut self, mut value: T, combine: impl Fn(T, T) -> T) {
        let mut level = 0;
        while let Some((l, left)) = self.stack.last().copied()
            && l == level
        {
            self.stack.pop();
            value = combine(left, value);
            level += 1;
        }
        self.stack.push((level, value));
    }

    fn finish(mut self, combine: impl Fn(T, T) -> T) -> Option<T> {
        let (_, mut value) = self.stack.pop()?;
        while let Some((_, left)) = self.stack.pop() {
            value = combine(left, value);
        }
        Some(value)
    }
}

/// Elements that one thread reduces at least.
const SHARE: usize = PARALLEL / 2;

/// How many of `pieces` pieces of `n` elements in all one thread does.
pub(crate) fn share(pieces: usize, n: usize) -> usize {
    if n < PARALLEL { pieces } else { pieces.div_ceil(threads::count().min(n / SHARE)).max(1) }
}

/// So many blocks need no allocation for their values.
pub(super) const FEW_BLOCKS: usize = 64;

/// All values of a slice combined; `None` for none.
pub(crate) fn fold<O: Fold<T>, T: Prim>(values: &[T]) -> Option<T> {
    if values.len() <= BLOCK {
        return (!values.is_empty()).then(|| arch().dispatch(Block::<O, T> { values, op: PhantomData }));
    }
    let mut blocks: SmallVec<[T; FEW_BLOCKS]> =
        SmallVec::from_elem(O::IDENTITY, values.len().div_ceil(BLOCK));
    let each = share(blocks.len(), values.len());
    threads::pieces(&mut blocks, 1, each, &|first, blocks| {
        for (block, values) in blocks.iter_mut().zip(values[first * BLOCK..].chunks(BLOCK)) {
            *block = arch().dispatch(Block::<O, T> { values, op: PhantomData });
        }
    });
    join_blocks::<O, T>(&blocks)
}

/// Each of the rows of `n` values combined, where a row is one block.
struct Rows<'a, O, T> {
    values: &'a [T],
    n: usize,
    out: &'a mut [T],
    op: PhantomData<O>,
}

impl<O: Fold<T>, T: Copy> WithSimd for Rows<'_, O, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (o, values) in self.out.iter_mut().zip(self.values.chunks_exact(self.n)) {
            *o = Block::<O, T> { values, op: PhantomData }.with_simd(simd);
        }
    }
}

/// As [`fold`] of each row of `n` values, of which there are some.
pub(crate) fn fold_rows<O: Fold<T>, T: Prim>(values: &[T], n: usize, out: &mut [T]) {
    debug_assert!(n > 0 && values.len() == n * out.len());
    let each = share(out.len(), values.len());
    threads::pieces(out, 1, each, &|first, out| {
        let values = &values[first * n..];
        if n <= BLOCK {
            return arch().dispatch(Rows::<O, T> { values, n, out, op: PhantomData });
        }
        for (o, row) in out.iter_mut().zip(values.chunks_exact(n)) {
            if let Some(value) = fold::<O, T>(row) {
                *o = value;
            }
        }
    });
}

/// The values of blocks combined as their whole is; there is at least one.
pub(crate) fn join_blocks<O: Fold<T>, T: Copy>(blocks: &[T]) -> Option<T> {
    let mut pairs = Pairs { stack: SmallVec::<[(u32, T); 32]>::new() };
    blocks.iter().for_each(|b| pairs.push(*b, O::eval));
    pairs.finish(O::eval)
}

/// Columns that are folded together.
const COLUMNS: usize = 64;
/// As [`COLUMNS`], where there are no more than so many.
const FEW: usize = 16;
/// A value for each of some columns.
type Columns<T> = [T; COLUMNS];

struct ColumnBlock<'a, O, T> {
    /// The first value of the first row.
    values: &'a [T],
    stride: usize,
    rows: usize,
    out: &'a mut [T],
    op: PhantomData<O>,
}

/// The same values. Sums of integers may be made in any order, which the compiler takes as leave to take rows apart until
/// nothing is left to make vector code of.
#[inline(always)]
fn in_order<T: Prim, const C: usize>(folded: [T; C]) -> [T; C] {
    if T::DTYPE.is_int() && C <= FEW { std::hint::black_box(folded) } else { folded }
}

impl<O: Fold<T>, T: Prim> ColumnBlock<'_, O, T> {
    /// The first `C` values of a row, and of what is behind them: where nothing is, the identity.
    #[inline(always)]
    fn row<const C: usize>(&self, row: usize) -> [T; C] {
        let values = &self.values[row * self.stride..];
        values.first_chunk().copied().unwrap_or_else(|| {
            let mut filled = [O::IDENTITY; C];
            filled[..values.len()].copy_from_slice(values);
            filled
        })
    }

    /// The lane of the rows `lane`, `lane + LANES`, .. of each column.
    #[inline(always)]
    fn lane<const C: usize>(&self, lane: usize) -> [T; C] {
        let mut folded = [O::IDENTITY; C];
        for row in (lane..self.rows).step_by(LANES) {
            let values = self.row::<C>(row);
            for c in 0..C {
                folded[c] = O::eval(folded[c], values[c]);
            }
        }
        in_order(folded)
    }

    /// The tree over the lanes from its leaves on: those of a pair are half of the lanes apart, then a fourth, and so on.
    #[inline(always)]
    fn fold<const C: usize>(self) {
        // Lanes without a row hold the identity, with which nothing changes: a tree over half of the lanes, or a fourth, ..
        let lanes = self.rows.min(LANES).next_power_of_two();
        let levels = lanes.ilog2();
        let mut finished = [[O::IDENTITY; C]; LANES.ilog2() as usize + 1];
        for leaf in 0..lanes {
            let lane = if levels > 0 { leaf.reverse_bits() >> (usize::BITS - levels) } else { 0 };
            let mut folded = self.lane::<C>(lane);
            let level = leaf.trailing_ones() as usize;
            for left in &finished[..level] {
                for c in 0..C {
                    folded[c] = O::eval(left[c], folded[c]);
                }
                folded = in_order(folded);
            }
            finished[level] = folded;
        }
        self.out.copy_from_slice(&finished[levels as usize][..self.out.len()]);
    }
}

impl<O: Fold<T>, T: Prim> WithSimd for ColumnBlock<'_, O, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        if self.out.len() <= FEW { self.fold::<FEW>() } else { self.fold::<COLUMNS>() }
    }
}

/// Folds each matrix of `rows` rows of `columns` contiguous values into one row; there are some rows and columns.
pub(crate) fn fold_columns<O: Fold<T>, T: Prim>(values: &[T], rows: usize, columns: usize, out: &mut [T]) {
    let matrices = out.len() / columns;
    if matrices > 1 && rows * columns < PARALLEL {
        let each = share(matrices, values.len()) * columns;
        return threads::pieces(out, columns, each, &|first, out| {
            for (o, values) in out.chunks_mut(columns).zip(values[first * rows..].chunks(rows * columns)) {
                matrix::<O, T>(values, rows, columns, o);
            }
        });
    }
    for (o, values) in out.chunks_mut(columns).zip(values.chunks(rows * columns)) {
        matrix::<O, T>(values, rows, columns, o);
    }
}

/// As [`fold_columns`] of one matrix.
fn matrix<O: Fold<T>, T: Prim>(values: &[T], rows: usize, columns: usize, out: &mut [T]) {
    let groups = columns.div_ceil(COLUMNS);
    if groups == 1 {
        let each = share(rows.div_ceil(BLOCK), values.len());
        return group::<O, T>((values, columns, 0), rows, each, out);
    }
    threads::pieces(out, COLUMNS, share(groups, values.len()) * COLUMNS, &|first, out| {
        for (k, out) in out.chunks_mut(COLUMNS).enumerate() {
            group::<O, T>((values, columns, first + k * COLUMNS), rows, usize::MAX, out);
        }
    });
}

/// As [`fold_columns`] of a few columns of a matrix, from `start` on; a thread does `each` blocks at most.
fn group<O: Fold<T>, T: Prim>(
    (values, columns, start): (&[T], usize, usize),
    rows: usize,
    each: usize,
    out: &mut [T],
) {
    let n = out.len();
    let block = |first: usize, out: &mut [T]| {
        let values = &values[first * BLOCK * columns + start..];
        let rows = BLOCK.min(rows - first * BLOCK);
        arch().dispatch(ColumnBlock::<O, T> { values, stride: columns, rows, out, op: PhantomData });
    };
    if rows <= BLOCK {
        return block(0, out);
    }
    let mut sums: Vec<Columns<T>> = vec![[O::IDENTITY; COLUMNS]; rows.div_ceil(BLOCK)];
    threads::pieces(&mut sums, 1, each, &|first, sums| {
        sums.iter_mut().enumerate().for_each(|(i, sums)| block(first + i, &mut sums[..n]));
    });
    let combine = |a: Columns<T>, b: Columns<T>| {
        let mut c = a;
        c.iter_mut().zip(&b).for_each(|(c, b)| *c = O::eval(*c, *b));
        c
    };
    let mut pairs = Pairs { stack: SmallVec::<[(u32, Columns<T>); 1]>::new() };
    sums.iter().for_each(|s| pairs.push(*s, combine));
    if let Some(sums) = pairs.finish(combine) {
        out.copy_from_slice(&sums[..n]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_ir::numerics::tree;

    fn values(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919) % 1013) as f32 * 0.37 - 150.0).collect()
    }

    #[test]
    fn the_fold_is_the_tree() {
        for n in (0..200).chain([4095, 4096, 4097, 12_288, 70_001]) {
            let x = values(n);
            let expected = tree(&x, -0.0, |a, b| a + b);
            assert_eq!(fold::<Add, f32>(&x).map(f32::to_bits), expected.map(f32::to_bits), "{n}");
            let mut rows = vec![0.0; usize::from(n > 0) * 3];
            if n > 0 {
                fold_rows::<Add, f32>(&x.repeat(3), n, &mut rows);
            }
            assert!(rows.iter().all(|r| Some(r.to_bits()) == expected.map(f32::to_bits)), "{n}");
            let blocks: Vec<f32> = x.chunks(BLOCK).filter_map(fold::<Add, f32>).collect();
            assert_eq!(join_blocks::<Add, f32>(&blocks).map(f32::to_bits), expected.map(f32::to_bits), "{n}");
        }
        assert!(fold::<Maximum, f32>(&[1.0, f32::NAN, 2.0]).unwrap().is_nan());
    }

    /// All bits of a block at every level: numbers, zeros of both signs, infinities, and a NaN here and there.
    fn blocks<O: Fold<T>, T: Prim>(kind: usize, value: impl Fn(f64) -> T) {
        for n in (1..200).chain([1000, BLOCK]) {
            let element = |i: usize| match (i * 7919 + n) % 11 {
                0 => 0.0,
                1 => -0.0,
                2 if kind > 0 => f64::INFINITY,
                3 if kind > 0 => f64::NEG_INFINITY,
                4 if kind > 1 && i % 37 == 5 => f64::NAN,
                k if kind == 3 => {
                    if k % 2 == 0 {
                        0.0
                    } else {
                        -0.0
                    }
                }
                k => (k as f64 - 5.0) * i as f64,
            };
            let x: Vec<T> = (0..n).map(|i| value(element(i))).collect();
            let expected = format!("{:?}", tree(&x, O::IDENTITY, O::eval).unwrap());
            for (level, arch) in crate::kernels::levels().iter().enumerate() {
                let found = arch.dispatch(Block::<O, T> { values: &x, op: PhantomData });
                assert_eq!(format!("{found:?}"), expected, "{n} elements of kind {kind} at level {level}");
            }
        }
    }

    #[test]
    fn blocks_are_the_tree_at_every_level() {
        for kind in 0..4 {
            blocks::<Add, f32>(kind, |v| v as f32);
            blocks::<Add, f64>(kind, |v| v);
            blocks::<Maximum, f32>(kind, |v| v as f32);
            blocks::<Maximum, f64>(kind, |v| v);
            blocks::<Minimum, f32>(kind, |v| v as f32);
            blocks::<Minimum, f64>(kind, |v| v);
        }
    }

    #[test]
    fn columns_fold_as_rows_do() {
        for (rows, columns) in [(1, 1), (3, 70), (64, 5), (65, 64), (130, 65), (4100, 3)] {
            let x = values(rows * columns);
            let mut out = vec![0.0; columns];
            fold_columns::<Add, f32>(&x, rows, columns, &mut out);
            for c in 0..columns {
                let column: Vec<f32> = (0..rows).map(|r| x[r * columns + c]).collect();
                assert_eq!(Some(out[c]), fold::<Add, f32>(&column), "{rows} x {columns}");
            }
        }
    }
}
