//! Reductions with the elementwise ops before and after them, row by row: what one reads another has just written, in
//! the nearest cache.
//!
//! A schedule has stages. In each, elementwise programs run over a block of rows, and reductions give one value for
//! each row, which later stages read. A row longer than [`BLOCK`] is its own block, and is run through piece by piece.

mod direct;
mod frame;
mod long;

use std::cell::RefCell;

use direct::Direct;
use frame::Frame;
use jit_ir::numerics::BLOCK;
use jit_ir::{DType, Op};
use smallvec::SmallVec;

use super::exps::{self, Exps};
use super::launch::PARALLEL;
use super::native::Loop;
use super::tile::{GROUP, Program, Stream};
use crate::exec::threads;
use crate::tensor::raw::RawTensor;

/// Elements of a block of rows.
const BLOCK_OF_ROWS: usize = 4096;
/// Rows of so many elements go one by one where native kernels run over them.
const LONG_ROW: usize = 384;

/// Rows of so many elements have their exponentials computed in one go with the largest element.
const SHIFTED_ROW: usize = 32;

/// What a part of a stage reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// An input.
    Input(usize),
    /// A slot with a value for each element.
    Full(usize),
    /// A slot with a value for each row.
    Row(usize),
}

/// Elementwise ops of a stage.
pub(crate) struct Part {
    pub(crate) program: Program,
    pub(crate) from: Vec<Source>,
    /// The slots of its results.
    pub(crate) to: Vec<usize>,
    /// What does the same for the elements of one row, to which values of the row are scalars.
    pub(crate) native: Option<Loop>,
    /// The program by native kernels of some of the ops, where there is none of all.
    pub(crate) pieces: Option<Program>,
}

impl Part {
    /// The program where each scalar of the part's form is one value for all elements.
    fn with_scalars(&self) -> &Program {
        self.pieces.as_ref().unwrap_or(&self.program)
    }
}

/// A reduction of rows.
pub(crate) struct Fold {
    /// `sum`, `mean`, `max` or `min`.
    pub(crate) op: Op,
    pub(crate) dtype: DType,
    pub(crate) from: Source,
    /// The slot of its values, one for each row.
    pub(crate) to: usize,
}

/// What runs between reductions.
#[derive(Default)]
pub(crate) struct Stage {
    /// Ops on values of which there is one for each row.
    pub(crate) row: Option<Part>,
    /// Ops on values of which there is one for each element.
    pub(crate) full: Option<Part>,
    pub(crate) folds: Vec<Fold>,
    /// What does the latter and the first reduction, for the elements of one row.
    pub(crate) summed: Option<Summed>,
    /// What does the full part and the first reduction, with the reduction before (and the part of rows, if that only
    /// says what is subtracted).
    pub(crate) shifted: Option<Shifted>,
}

/// e to the distances from the largest element of a row, and their sum: the first steps of `softmax` and its relatives,
/// which are done in one go where rows allow.
pub(crate) struct Shifted {
    pub(crate) dtype: DType,
    pub(crate) from: Source,
    /// The slot of the largest element.
    pub(crate) largest: usize,
    /// The input that is subtracted where that is infinite, if there is one; then nothing else reads the largest element.
    pub(crate) zero: Option<usize>,
    /// The slots of what is subtracted (that of the largest element if nothing takes its place), and of the sum.
    pub(crate) shift: usize,
    pub(crate) sum: usize,
    /// The slot of the exponentials.
    pub(crate) exps: usize,
}

/// A kernel that computes values for each element, sums those of one kind, and writes the others.
pub(crate) struct Summed {
    pub(crate) kernel: Loop,
    /// The slots of its results.
    pub(crate) to: Vec<usize>,
}

/// Where values are kept.
pub(crate) struct Slot {
    /// Bytes of a value.
    pub(crate) size: usize,
    /// The result that it is, if it is one.
    pub(crate) output: Option<usize>,
    /// Whether it is read in its own stage only: then a piece of a row is enough.
    pub(crate) passing: bool,
}

/// Stages and the slots between them.
#[derive(Default)]
pub(crate) struct Schedule {
    pub(crate) stages: Vec<Stage>,
    pub(crate) full: Vec<Slot>,
    pub(crate) rows: Vec<Slot>,
    /// Whether all parts have native kernels: then long rows go one by one.
    pub(crate) native: bool,
}

/// An input's memory.
#[derive(Clone, Copy)]
pub(crate) enum Feed {
    /// One value for all.
    Splat(Stream),
    /// One for each element.
    Full(Stream),
    /// One for each row.
    Row(Stream),
    /// A row that is the same in all.
    Repeated(Stream),
}

thread_local! {
    static SCRATCH: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Runs a schedule over `rows` rows of `n` elements, at least one. Feeds are as long as their kinds say, results are
/// fresh, and as long as their slots say. Every slot that a part reads is written in an earlier stage, or in the same
/// one by a part before it. `sizes` are the bytes of an element of each input, `cost` the rough cost of an element, in
/// additions.
pub(crate) fn run(
    schedule: &Schedule,
    feeds: &[Feed],
    sizes: &[usize],
    results: &mut [RawTensor],
    (rows, n): (usize, usize),
    cost: usize,
) {
    debug_assert!(results.iter_mut().all(|r| r.is_unique()));
    let outputs: SmallVec<[*mut u8; 2]> = results.iter().map(|r| r.buffer.start()).collect();
    let taken = [exps::takes::<f32>(n), exps::takes::<f64>(n)];
    let job = Job { schedule, feeds, sizes, outputs: &outputs, rows, n, taken };
    // SAFETY: by what this function asks for; buffers have room for whole groups.
    unsafe { job.run(cost) };
}

/// A schedule over memory.
#[derive(Clone, Copy)]
struct Job<'a> {
    schedule: &'a Schedule,
    feeds: &'a [Feed],
    sizes: &'a [usize],
    /// The results' memory.
    outputs: &'a [*mut u8],
    rows: usize,
    n: usize,
    /// Whether rows of `f32`, and of `f64`, go through the first steps of softmax in one go.
    taken: [bool; 2],
}

// SAFETY: inputs are only read, and each thread writes rows, or pieces of rows, of its own.
unsafe impl Send for Job<'_> {}
// SAFETY: as above.
unsafe impl Sync for Job<'_> {}

impl Job<'_> {
    /// Runs all rows.
    ///
    /// # Safety
    /// Feeds can be read and results written as their kinds say, results for whole groups of 64 elements; they do not
    /// overlap, and nobody else uses them meanwhile. Every slot that a part reads is written in an earlier stage, or in
    /// the same one by a part before it.
    unsafe fn run(self, cost: usize) {
        let work = self.rows.saturating_mul(self.n).saturating_mul(cost);
        let threads = if work >= PARALLEL { threads::count() } else { 1 };
        // Ranges of whole groups of rows, so that no two threads touch one group of a result.
        let share = self.rows.div_ceil(threads).next_multiple_of(GROUP);
        let share = if self.n > BLOCK { self.rows } else { share };
        // SAFETY: passed on; ranges do not meet.
        threads::ranges(0, self.rows, share, &|from, to| unsafe { self.range(from, to, threads) });
    }

    /// Whether rows are such that these steps are done in one go.
    fn takes(self, shifted: &Shifted) -> bool {
        let whole = |from: Source| match from {
            Source::Full(_) => true,
            Source::Input(i) => matches!(self.feeds[i], Feed::Full(_)),
            Source::Row(_) => false,
        };
        let taken = self.taken[usize::from(shifted.dtype == DType::F64)];
        let one = |zero: usize| matches!(self.feeds[zero], Feed::Splat(_));
        // Many short rows take less time together.
        let long = shifted.zero.is_some() || self.n >= SHIFTED_ROW;
        taken && long && whole(shifted.from) && shifted.zero.is_none_or(one)
    }

    /// Whether a reduction of a stage has to be done: not if the next stage does it.
    fn is_asked(self, stage: usize, fold: &Fold) -> bool {
        let next = self.schedule.stages.get(stage + 1).and_then(|s| s.shifted.as_ref());
        !next.is_some_and(|s| s.largest == fold.to && self.takes(s))
    }

    /// Those steps, for some rows.
    ///
    /// # Safety
    /// `from` can be read and `exps` written for so many rows, `to` for as many values; they do not overlap, and nobody else
    /// uses them meanwhile.
    unsafe fn shifted(
        self,
        shifted: &Shifted,
        from: *const u8,
        exps: *mut u8,
        to: [*mut u8; 2],
        rows: usize,
    ) {
        // SAFETY: passed on; an input that is a splat has a value.
        unsafe {
            match shifted.dtype {
                DType::F64 => self.shifted_as::<f64>(shifted, from.cast(), exps.cast(), to, rows),
                _ => self.shifted_as::<f32>(shifted, from.cast(), exps.cast(), to, rows),
            }
        }
    }

    /// # Safety
    /// As [`Job::shifted`], with elements of this type.
    unsafe fn shifted_as<T: Exps>(
        self,
        shifted: &Shifted,
        from: *const T,
        exps: *mut T,
        to: [*mut u8; 2],
        rows: usize,
    ) {
        let zero = shifted.zero.and_then(|zero| match self.feeds[zero] {
            Feed::Splat(zero) => Some(zero.start.cast::<T>()),
            _ => None,
        });
        // SAFETY: by the caller.
        unsafe {
            let x = std::slice::from_raw_parts(from, rows * self.n);
            let exps = std::slice::from_raw_parts_mut(exps, rows * self.n);
            let [shifts, sums] = to.map(|to| std::slice::from_raw_parts_mut(to.cast(), rows));
            exps::shifted(x, self.n, zero.map(|zero| *zero), exps, shifts, sums);
        }
    }

    /// # Safety
    /// As [`Job::run`], for the rows `from..to`.
    unsafe fn range(self, from: usize, to: usize, threads: usize) {
        // SAFETY: passed on.
        unsafe {
            match Direct::new(self) {
                Some(direct) => direct.run(from, to),
                None => Frame::new(self, threads).run(from, to),
            }
        }
    }
}
