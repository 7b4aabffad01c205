//! Blocks of rows through the stages, on one thread.

use jit_ir::numerics::BLOCK;
use jit_ir::ops::lanes::{Add, Binary, Div, Maximum, Minimum};
use jit_ir::{DType, Op, Prim, Scalar};
use smallvec::SmallVec;

use super::super::reduce::{self, Fold as Folds};
use super::super::tile::{self, GROUP, Stream};
use super::{BLOCK_OF_ROWS, Feed, Fold, Job, Part, SCRATCH, Shifted, Slot, Source};

/// Rows that go through the stages together.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) first: usize,
    pub(super) rows: usize,
    /// Whether results have memory of their own first: what is written past them belongs to another thread.
    pub(super) spare: bool,
}

/// A run on one thread: the memory of its slots.
pub(super) struct Frame<'a> {
    pub(super) job: Job<'a>,
    pub(super) threads: usize,
    /// Rows of a block.
    pub(super) block: usize,
    pub(super) scratch: Vec<u64>,
    pub(super) full: SmallVec<[*mut u8; 4]>,
    pub(super) rows: SmallVec<[*mut u8; 8]>,
    /// For each source of each stage's full part memory for its values, element by element.
    pub(super) spread: SmallVec<[SmallVec<[*mut u8; 4]>; 4]>,
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        let scratch = std::mem::take(&mut self.scratch);
        let _ = SCRATCH.try_with(|s| *s.borrow_mut() = scratch);
    }
}

/// Bytes of so many values, rounded up to whole groups.
fn padded(values: usize, size: usize) -> usize {
    values.next_multiple_of(GROUP) * size
}

/// As [`padded`], with a line more between them.
pub(super) fn bytes(values: usize, size: usize) -> usize {
    padded(values, size) + 64
}

impl<'a> Frame<'a> {
    pub(super) fn new(job: Job<'a>, threads: usize) -> Frame<'a> {
        let Job { schedule, n, rows, .. } = job;
        let block = (BLOCK_OF_ROWS / n).clamp(1, rows.max(1));
        let elements = block * n;
        let full = |s: &Slot| bytes(if s.passing { elements.min(BLOCK_OF_ROWS) } else { elements }, s.size);
        let spreads = |source: &Source| match source {
            Source::Input(i) if block > 1 && matches!(job.feeds[*i], Feed::Row(_) | Feed::Repeated(_)) => {
                bytes(elements, job.sizes[*i])
            }
            Source::Row(k) if block > 1 => bytes(elements, schedule.rows[*k].size),
            _ => 0,
        };
        let parts = || schedule.stages.iter().map(|s| s.full.as_ref().map_or(&[][..], |p| &p.from));
        // With several threads results may need memory of their own.
        let kept = |s: &&Slot| s.output.is_none() || threads > 1;
        let total: usize = schedule.full.iter().filter(kept).map(full).sum::<usize>()
            + schedule.rows.iter().map(|s| bytes(block, s.size)).sum::<usize>()
            + parts().flatten().map(spreads).sum::<usize>();
        let mut scratch = SCRATCH.with(|s| std::mem::take(&mut *s.borrow_mut()));
        if scratch.len() * 8 < total + 64 {
            scratch.resize(total / 8 + 9, 0);
        }
        let mut next = scratch.as_mut_ptr().cast::<u8>();
        next = next.wrapping_add(next.align_offset(64));
        let mut room = |bytes: usize| {
            let start = next;
            next = next.wrapping_add(bytes);
            start
        };
        let null = std::ptr::null_mut();
        Frame {
            full: schedule.full.iter().map(|s| if kept(&s) { room(full(s)) } else { null }).collect(),
            rows: schedule.rows.iter().map(|s| room(bytes(block, s.size))).collect(),
            spread: parts().map(|p| p.iter().map(|s| room(spreads(s))).collect()).collect(),
            job,
            threads,
            block,
            scratch,
        }
    }

    /// # Safety
    /// As [`Job::run`], for the rows `from..to`.
    pub(super) unsafe fn run(&self, from: usize, to: usize) {
        let Job { schedule, n, .. } = self.job;
        // SAFETY: passed on, for blocks of rows in order; what a program writes past a block is written later, or lies
        // behind the last row.
        unsafe {
            self.repeat();
            for first in (from..to).step_by(self.block) {
                let rows = self.block.min(to - first);
                let spare = first + rows == to && to < self.job.rows;
                let span = Span { first, rows, spare };
                for (k, stage) in schedule.stages.iter().enumerate() {
                    if let Some(shifted) = &stage.shifted
                        && self.job.takes(shifted)
                    {
                        self.shifted(shifted, span);
                        if let (Some(part), None) = (&stage.row, shifted.zero) {
                            self.row_part(part, span);
                        }
                        stage.folds[1..].iter().for_each(|f| self.fold(f, span));
                        continue;
                    }
                    if let Some(part) = &stage.row {
                        self.row_part(part, span);
                    }
                    if n <= BLOCK {
                        if let Some(part) = &stage.full {
                            self.spread_rows(k, part, span);
                            self.full_part(k, part, span, 0, rows * n);
                        }
                        let folds = stage.folds.iter().filter(|f| self.job.is_asked(k, f));
                        folds.for_each(|f| self.fold(f, span));
                    } else {
                        self.long_row(k, span);
                    }
                }
                self.give(span);
            }
        }
    }

    /// Where a full slot's values go, from element `at` of a span's first row on.
    fn full_slot(&self, k: usize, span: Span, at: usize) -> *mut u8 {
        let slot = &self.job.schedule.full[k];
        match slot.output {
            Some(o) if !span.spare => {
                self.job.outputs[o].wrapping_add((span.first * self.job.n + at) * slot.size)
            }
            None if slot.passing => self.full[k],
            _ => self.full[k].wrapping_add(at * slot.size),
        }
    }

    /// Moves results to their places that have memory of their own first.
    ///
    /// # Safety
    /// As [`Job::run`].
    unsafe fn give(&self, span: Span) {
        let Job { schedule, outputs, n, .. } = self.job;
        let full = schedule.full.iter().zip(&self.full).filter(|_| span.spare).map(|(s, from)| (s, from, n));
        for (slot, from, each) in
            full.chain(schedule.rows.iter().zip(&self.rows).map(|(s, from)| (s, from, 1)))
        {
            let Some(o) = slot.output else { continue };
            let to = outputs[o].wrapping_add(span.first * each * slot.size);
            // SAFETY: the slot holds the span's values, the result has room for them.
            unsafe { std::ptr::copy_nonoverlapping(*from, to, span.rows * each * slot.size) };
        }
    }

    /// # Safety
    /// As [`Job::run`].
    unsafe fn row_part(&self, part: &Part, span: Span) {
        let streams: SmallVec<[Stream; 6]> = part
            .from
            .iter()
            .zip(&part.program.inputs)
            .map(|(source, size)| match source {
                Source::Input(i) => match self.job.feeds[*i] {
                    Feed::Splat(s) => s,
                    Feed::Full(s) | Feed::Row(s) | Feed::Repeated(s) => s.skip(span.first * size),
                },
                Source::Row(k) | Source::Full(k) => {
                    Stream { start: self.rows[*k], splat: false, readable: padded(span.rows, *size) }
                }
            })
            .collect();
        let outputs: SmallVec<[*mut u8; 4]> = part.to.iter().map(|k| self.rows[*k]).collect();
        if let Some(native) = &part.native
            && streams.iter().zip(native.inputs()).all(|(s, i)| s.splat == i.scalar)
        {
            let starts: SmallVec<[*const u8; 6]> = streams.iter().map(|s| s.start).collect();
            // SAFETY: as below.
            return unsafe { native.run(starts.iter().copied(), outputs.iter().copied(), span.rows) };
        }
        // SAFETY: row slots have room for whole groups; results as the caller says.
        unsafe { part.with_scalars().run(&streams, &outputs, span.rows) };
    }

    /// Lays the rows that are the same in all side by side, as often as a block has rows.
    ///
    /// # Safety
    /// As [`Job::run`].
    unsafe fn repeat(&self) {
        let Job { schedule, feeds, sizes, n, .. } = self.job;
        if self.block == 1 {
            return;
        }
        for (stage, spread) in schedule.stages.iter().zip(&self.spread) {
            let Some(part) = &stage.full else { continue };
            for (source, to) in part.from.iter().zip(spread) {
                let Source::Input(i) = source else { continue };
                let Feed::Repeated(stream) = feeds[*i] else { continue };
                let row = n * sizes[*i];
                for k in 0..self.block {
                    // SAFETY: a row is readable, the memory has room for a block of them.
                    unsafe { std::ptr::copy_nonoverlapping(stream.start, to.wrapping_add(k * row), row) };
                }
            }
        }
    }

    /// Writes out values of rows, element by element.
    ///
    /// # Safety
    /// As [`Job::run`].
    unsafe fn spread_rows(&self, stage: usize, part: &Part, span: Span) {
        if self.block == 1 {
            return;
        }
        let n = self.job.n;
        for ((source, to), size) in part.from.iter().zip(&self.spread[stage]).zip(&part.program.inputs) {
            let from = match source {
                Source::Row(k) => self.rows[*k].cast_const(),
                Source::Input(i) => match self.job.feeds[*i] {
                    Feed::Row(s) => s.start.wrapping_add(span.first * size),
                    _ => continue,
                },
                Source::Full(_) => continue,
            };
            for r in 0..span.rows {
                // SAFETY: there is a value for each row, and room for a block of elements.
                unsafe { tile::fill(to.wrapping_add(r * n * size), from.wrapping_add(r * size), *size, n) };
            }
        }
    }

    /// The full part of a stage, over `count` elements from element `at` of a span's first row on.
    ///
    /// # Safety
    /// As [`Job::run`].
    pub(super) unsafe fn full_part(&self, stage: usize, part: &Part, span: Span, at: usize, count: usize) {
        let n = self.job.n;
        let streams: SmallVec<[Stream; 6]> = part
            .from
            .iter()
            .zip(&part.program.inputs)
            .enumerate()
            .map(|(j, (source, size))| {
                let spread =
                    Stream { start: self.spread[stage][j], splat: false, readable: padded(count, *size) };
                match source {
                    Source::Input(i) => match self.job.feeds[*i] {
                        Feed::Splat(s) => s,
                        Feed::Full(s) => s.skip((span.first * n + at) * size),
                        Feed::Row(s) if self.block == 1 => s.skip(span.first * size).splat(),
                        Feed::Repeated(s) if self.block == 1 => s.skip(at * size),
                        Feed::Row(_) | Feed::Repeated(_) => spread,
                    },
                    Source::Full(k) => Stream {
                        start: self.full_slot(*k, span, at),
                        splat: false,
                        readable: padded(count, *size),
                    },
                    Source::Row(k) if self.block == 1 => {
                        Stream { start: self.rows[*k], splat: true, readable: *size }
                    }
                    Source::Row(_) => spread,
                }
            })
            .collect();
        let outputs: SmallVec<[*mut u8; 4]> = part.to.iter().map(|k| self.full_slot(*k, span, at)).collect();
        if let Some(native) = part.native.as_ref().filter(|_| self.block == 1)
            && streams.iter().zip(native.inputs()).all(|(s, i)| s.splat == i.scalar)
        {
            let starts: SmallVec<[*const u8; 6]> = streams.iter().map(|s| s.start).collect();
            // SAFETY: as below; a splat is a value of the row, or one for all.
            return unsafe { native.run(starts.iter().copied(), outputs.iter().copied(), count) };
        }
        let program = if self.block == 1 { part.with_scalars() } else { &part.program };
        // SAFETY: slots have room for whole groups; results as the caller says.
        unsafe { program.run(&streams, &outputs, count) };
    }

    /// Where a reduction reads, from element `at` of a span's first row on.
    pub(super) fn folded(&self, from: Source, span: Span, at: usize) -> *const u8 {
        match from {
            Source::Full(k) => self.full_slot(k, span, at),
            Source::Input(i) => match self.job.feeds[i] {
                Feed::Full(s) => s.start.wrapping_add((span.first * self.job.n + at) * self.job.sizes[i]),
                Feed::Splat(s) | Feed::Row(s) | Feed::Repeated(s) => s.start,
            },
            Source::Row(k) => self.rows[k],
        }
    }

    /// # Safety
    /// As [`Job::run`]; rows are taken.
    unsafe fn shifted(&self, shifted: &Shifted, span: Span) {
        let from = self.folded(shifted.from, span, 0);
        let to = [self.rows[shifted.shift], self.rows[shifted.sum]];
        let exps = self.full_slot(shifted.exps, span, 0);
        // SAFETY: the rows of a span are written or an input's, and slots have room for them.
        unsafe { self.job.shifted(shifted, from, exps, to, span.rows) };
    }

    /// # Safety
    /// As [`Job::run`]; rows are no longer than a block.
    unsafe fn fold(&self, fold: &Fold, span: Span) {
        let (from, to) = (self.folded(fold.from, span, 0), self.rows[fold.to]);
        let (n, rows) = (self.job.n, span.rows);
        // SAFETY: `rows` rows are written, and there is room for their values.
        unsafe {
            match fold.dtype {
                DType::F64 => fold_block::<f64>(fold.op, from.cast(), n, to.cast(), rows),
                _ => fold_block::<f32>(fold.op, from.cast(), n, to.cast(), rows),
            }
        }
        if fold.op == Op::Mean {
            // SAFETY: as above.
            unsafe { divide(fold.dtype, to, rows, n) };
        }
    }
}

/// # Safety
/// `from` holds `rows` rows of `n` values, `to` has room for as many values as there are rows.
pub(super) unsafe fn fold_block<T: Prim>(op: Op, from: *const T, n: usize, to: *mut T, rows: usize)
where
    Add: Folds<T>,
    Maximum: Folds<T>,
    Minimum: Folds<T>,
{
    // SAFETY: by the caller.
    let (values, out) =
        unsafe { (std::slice::from_raw_parts(from, rows * n), std::slice::from_raw_parts_mut(to, rows)) };
    match op {
        Op::Max => reduce::fold_rows::<Maximum, T>(values, n, out),
        Op::Min => reduce::fold_rows::<Minimum, T>(values, n, out),
        _ => reduce::fold_rows::<Add, T>(values, n, out),
    }
}

/// Sums to means.
///
/// # Safety
/// `to` holds a value for each of `rows` rows.
pub(super) unsafe fn divide(dtype: DType, to: *mut u8, rows: usize, n: usize) {
    fn all<T: Prim>(values: &mut [T], n: usize)
    where
        Div: Binary<T, Out = T>,
    {
        let count = T::from_scalar(Scalar::Usize(n));
        values.iter_mut().for_each(|v| *v = Div::eval(*v, count));
    }
    // SAFETY: by the caller.
    unsafe {
        match dtype {
            DType::F64 => all::<f64>(std::slice::from_raw_parts_mut(to.cast(), rows), n),
            _ => all::<f32>(std::slice::from_raw_parts_mut(to.cast(), rows), n),
        }
    }
}
