//! Rows longer than a block: piece by piece, on several threads.

use jit_ir::numerics::BLOCK;
use jit_ir::ops::lanes::{Add, Maximum, Minimum};
use jit_ir::{DType, Op, Prim};
use smallvec::SmallVec;

use super::super::reduce::{self, FEW_BLOCKS, Fold as Folds};
use super::frame::{Frame, Span, bytes, divide, fold_block};
use super::{SCRATCH, Slot};
use crate::exec::threads;

impl<'a> Frame<'a> {
    /// A stage over a row longer than a block, piece by piece.
    ///
    /// # Safety
    /// As [`Job::run`].
    pub(super) unsafe fn long_row(&self, k: usize, span: Span) {
        let stage = &self.job.schedule.stages[k];
        let pieces = self.job.n.div_ceil(BLOCK);
        let words = |_| SmallVec::from_elem(0, pieces);
        let mut blocks: SmallVec<[SmallVec<[u64; FEW_BLOCKS]>; 1]> = stage.folds.iter().map(words).collect();
        let to: SmallVec<[*mut u64; 2]> = blocks.iter_mut().map(|b| b.as_mut_ptr()).collect();
        // SAFETY: passed on; there is a word for the value of each fold of each piece.
        unsafe {
            self.pieces(k, span, (0, pieces), Blocks(&to));
            for (fold, from) in stage.folds.iter().zip(to) {
                let to = self.rows[fold.to];
                match fold.dtype {
                    DType::F64 => join::<f64>(fold.op, from.cast(), pieces, to.cast()),
                    _ => join::<f32>(fold.op, from.cast(), pieces, to.cast()),
                }
                if fold.op == Op::Mean {
                    divide(fold.dtype, to, 1, self.job.n);
                }
            }
        }
    }

    /// Some pieces of a long row; each fold's value of a piece goes to its place in `blocks`.
    ///
    /// # Safety
    /// As [`Job::run`]; `blocks` has room for a value of each piece.
    unsafe fn pieces(&self, k: usize, span: Span, (from, to): (usize, usize), blocks: Blocks<'_>) {
        let share = self.job.n.div_ceil(BLOCK).div_ceil(self.threads);
        if to - from > share {
            let middle = from + (to - from).div_ceil(2);
            // SAFETY: two ranges that do not meet, with memory of their own for what passes.
            unsafe {
                threads::join(
                    || self.pieces(k, span, (from, middle), blocks),
                    || self.beside().pieces(k, span, (middle, to), blocks),
                );
            }
            return;
        }
        let stage = &self.job.schedule.stages[k];
        for piece in from..to {
            let at = piece * BLOCK;
            let count = BLOCK.min(self.job.n - at);
            // SAFETY: passed on.
            unsafe {
                if let Some(part) = &stage.full {
                    self.full_part(k, part, span, at, count);
                }
                for (fold, to) in stage.folds.iter().zip(blocks.0) {
                    let from = self.folded(fold.from, span, at);
                    match fold.dtype {
                        DType::F64 => {
                            fold_block::<f64>(fold.op, from.cast(), count, to.cast::<f64>().add(piece), 1)
                        }
                        _ => fold_block::<f32>(fold.op, from.cast(), count, to.cast::<f32>().add(piece), 1),
                    }
                }
            }
        }
    }

    /// The same slots, but for memory of its own for what passes through a piece.
    fn beside(&self) -> Frame<'a> {
        let mut scratch = SCRATCH.with(|s| std::mem::take(&mut *s.borrow_mut()));
        let slots = &self.job.schedule.full;
        let own = |s: &Slot| s.passing && s.output.is_none();
        let total: usize = slots.iter().filter(|s| own(s)).map(|s| bytes(BLOCK, s.size)).sum();
        if scratch.len() * 8 < total + 64 {
            scratch.resize(total / 8 + 9, 0);
        }
        let mut next = scratch.as_mut_ptr().cast::<u8>();
        next = next.wrapping_add(next.align_offset(64));
        let mut place = |(slot, shared): (&Slot, &*mut u8)| {
            let here = if own(slot) { next } else { *shared };
            next = next.wrapping_add(if own(slot) { bytes(BLOCK, slot.size) } else { 0 });
            here
        };
        Frame {
            full: slots.iter().zip(&self.full).map(&mut place).collect(),
            rows: self.rows.clone(),
            spread: self.spread.clone(),
            job: self.job,
            threads: self.threads,
            block: self.block,
            scratch,
        }
    }
}

/// For each fold the values of pieces.
#[derive(Clone, Copy)]
struct Blocks<'a>(&'a [*mut u64]);

// SAFETY: each thread writes the values of pieces of its own.
unsafe impl Send for Blocks<'_> {}
// SAFETY: as above.
unsafe impl Sync for Blocks<'_> {}

// SAFETY: a frame's memory is written piece by piece, each by one thread; what passes has memory for each thread.
unsafe impl Sync for Frame<'_> {}

/// # Safety
/// `from` holds the values of `pieces` blocks, at least one; `to` has room for one.
unsafe fn join<T: Prim>(op: Op, from: *const T, pieces: usize, to: *mut T)
where
    Add: Folds<T>,
    Maximum: Folds<T>,
    Minimum: Folds<T>,
{
    // SAFETY: by the caller.
    let blocks = unsafe { std::slice::from_raw_parts(from, pieces) };
    let value = match op {
        Op::Max => reduce::join_blocks::<Maximum, T>(blocks),
        Op::Min => reduce::join_blocks::<Minimum, T>(blocks),
        _ => reduce::join_blocks::<Add, T>(blocks),
    };
    if let Some(value) = value {
        // SAFETY: by the caller.
        unsafe { *to = value };
    }
}
