//! Rows one by one through native kernels: where each reads and writes is settled before the first row.

use jit_ir::form::Input;
use jit_ir::numerics::BLOCK;
use jit_ir::{DType, Op};
use smallvec::SmallVec;

use super::super::native::Loop;
use super::frame::{bytes, divide, fold_block};
use super::{Feed, Fold, Job, LONG_ROW, Part, SCRATCH, Shifted, Slot, Source, Summed};

/// Memory that a row reads or writes, and the bytes from it to what the next row does.
#[derive(Clone, Copy)]
struct Place {
    start: *mut u8,
    step: usize,
}

impl Place {
    fn move_on(&mut self, rows: usize) {
        self.start = self.start.wrapping_add(rows * self.step);
    }
}

/// Bytes of all rows from which on they are asked for before their turn: what lies in a cache comes in time by itself.
const FAR: usize = 8 << 20;

/// What happens to a row, in order. Where it does is moved on from row to row.
enum Work<'a> {
    Native {
        kernel: &'a Loop,
        inputs: SmallVec<[(Input, *const u8); 6]>,
        outputs: SmallVec<[(DType, *mut u8); 2]>,
        /// Bytes from row to row, of the inputs, then of the outputs.
        steps: SmallVec<[usize; 8]>,
        each: usize,
    },
    Fold {
        op: Op,
        dtype: DType,
        from: Place,
        to: Place,
    },
    /// e to the distances from the largest element.
    Shifted {
        job: Job<'a>,
        shifted: &'a Shifted,
        from: Place,
        exps: Place,
        to: [Place; 2],
    },
    /// A sum to a mean.
    Divide {
        dtype: DType,
        to: Place,
    },
}

impl Work<'_> {
    fn move_on(&mut self, rows: usize) {
        match self {
            Work::Native { inputs, outputs, steps, .. } => {
                let (first, last) = steps.split_at(inputs.len());
                inputs.iter_mut().zip(first).for_each(|((_, at), step)| *at = at.wrapping_add(rows * step));
                outputs.iter_mut().zip(last).for_each(|((_, at), step)| *at = at.wrapping_add(rows * step));
            }
            Work::Fold { from, to, .. } => {
                from.move_on(rows);
                to.move_on(rows);
            }
            Work::Shifted { from, exps, to, .. } => {
                from.move_on(rows);
                exps.move_on(rows);
                to.iter_mut().for_each(|to| to.move_on(rows));
            }
            Work::Divide { to, .. } => to.move_on(rows),
        }
    }
}

/// A schedule whose parts all have native kernels.
pub(super) struct Direct<'a> {
    works: Vec<Work<'a>>,
    /// Rows of inputs and results that are asked for before their turn.
    streams: SmallVec<[Place; 4]>,
    n: usize,
    scratch: Vec<u64>,
}

impl Drop for Direct<'_> {
    fn drop(&mut self) {
        let scratch = std::mem::take(&mut self.scratch);
        let _ = SCRATCH.try_with(|s| *s.borrow_mut() = scratch);
    }
}

/// Where the values of slots lie.
struct Places {
    full: SmallVec<[Place; 4]>,
    rows: SmallVec<[Place; 8]>,
}

impl<'a> Direct<'a> {
    /// `None` if there is a part without a kernel, or rows are too short or too long for it.
    pub(super) fn new(job: Job<'a>) -> Option<Direct<'a>> {
        let Job { schedule, n, .. } = job;
        if !schedule.native || !(LONG_ROW..=BLOCK).contains(&n) {
            return None;
        }
        let mut scratch = SCRATCH.with(|s| std::mem::take(&mut *s.borrow_mut()));
        let total: usize = schedule.full.iter().map(|s| bytes(n, s.size)).sum::<usize>()
            + schedule.rows.iter().map(|s| bytes(1, s.size)).sum::<usize>();
        if scratch.len() * 8 < total + 64 {
            scratch.resize(total / 8 + 9, 0);
        }
        let mut next = scratch.as_mut_ptr().cast::<u8>();
        next = next.wrapping_add(next.align_offset(64));
        let mut place = |slot: &Slot, each: usize| match slot.output {
            Some(o) => Place { start: job.outputs[o], step: each * slot.size },
            None => {
                let start = next;
                next = next.wrapping_add(bytes(each, slot.size));
                Place { start, step: 0 }
            }
        };
        let places = Places {
            full: schedule.full.iter().map(|s| place(s, n)).collect(),
            rows: schedule.rows.iter().map(|s| place(s, 1)).collect(),
        };
        let whole = |i: usize| {
            matches!(job.feeds[i], Feed::Full(_)).then(|| source(job, &places, Source::Input(i), n))
        };
        let given = schedule.full.iter().zip(&places.full).filter(|(s, _)| s.output.is_some());
        let far = |p: &Place| p.step * job.rows >= FAR;
        let streams =
            (0..job.feeds.len()).filter_map(whole).chain(given.map(|(_, p)| *p)).filter(far).collect();
        let mut direct = Direct { works: Vec::new(), streams, n, scratch };
        for (k, stage) in schedule.stages.iter().enumerate() {
            let mut folds = &stage.folds[..];
            if let Some(shifted) = &stage.shifted
                && job.takes(shifted)
            {
                let (from, exps) = (source(job, &places, shifted.from, n), places.full[shifted.exps]);
                let to = [places.rows[shifted.shift], places.rows[shifted.sum]];
                direct.works.push(Work::Shifted { job, shifted, from, exps, to });
                if let (Some(part), None) = (&stage.row, shifted.zero) {
                    direct.works.push(native(job, &places, part, 1)?);
                }
                direct.folds(job, &places, k, &folds[1..]);
                continue;
            }
            if let Some(part) = &stage.row {
                direct.works.push(native(job, &places, part, 1)?);
            }
            match (&stage.full, &stage.summed) {
                (Some(part), Some(summed)) => {
                    let (sum, others) = folds.split_first()?;
                    folds = others;
                    direct.works.push(with_sum(job, &places, part, summed, sum.to)?);
                    direct.works.extend(mean(sum, &places));
                }
                (Some(part), None) => direct.works.push(native(job, &places, part, n)?),
                (None, _) => {}
            }
            direct.folds(job, &places, k, folds);
        }
        Some(direct)
    }

    /// Reductions of a stage.
    fn folds(&mut self, job: Job<'a>, places: &Places, stage: usize, folds: &[Fold]) {
        for fold in folds.iter().filter(|fold| job.is_asked(stage, fold)) {
            let (from, to) = (source(job, places, fold.from, job.n), places.rows[fold.to]);
            self.works.push(Work::Fold { op: fold.op, dtype: fold.dtype, from, to });
            self.works.extend(mean(fold, places));
        }
    }

    /// # Safety
    /// As for [`Job`], for the rows `from..to`.
    pub(super) unsafe fn run(mut self, from: usize, to: usize) {
        self.works.iter_mut().for_each(|w| w.move_on(from));
        self.streams.iter_mut().for_each(|s| s.move_on(from));
        // Whole lines that are asked for beside each part of the work.
        let parts = self.works.len().max(1);
        let shares: SmallVec<[usize; 4]> =
            self.streams.iter().map(|s| s.step.div_ceil(64 * parts) * 64).collect();
        for row in from..to {
            self.streams.iter_mut().for_each(|s| s.move_on(1));
            for (part, work) in self.works.iter_mut().enumerate() {
                if row + 1 < to {
                    self.streams.iter().zip(&shares).for_each(|(s, share)| prefetch(*s, part, *share));
                }
                // SAFETY: by the caller; slots between parts are this thread's own, or the row's part of a result.
                unsafe { run_work(work, self.n) };
                work.move_on(1);
            }
        }
    }
}

/// Asks for a part of a row, so that it comes while the row before is worked on. All at once would be more than the core
/// waits for.
#[inline]
fn prefetch(row: Place, part: usize, share: usize) {
    #[cfg(target_arch = "x86_64")]
    for at in (part * share..row.step.min((part + 1) * share)).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: asking for memory touches nothing, wherever it is.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(row.start.wrapping_add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (row, part, share);
}

/// # Safety
/// As [`Direct::run`].
#[inline]
unsafe fn run_work(work: &Work<'_>, n: usize) {
    match work {
        Work::Native { kernel, inputs, outputs, each, .. } => {
            // SAFETY: by the caller.
            unsafe { kernel.run_typed(inputs, outputs, *each) };
        }
        Work::Fold { op, dtype, from, to } => {
            // SAFETY: by the caller; a row is no longer than a block.
            unsafe {
                match dtype {
                    DType::F64 => fold_block::<f64>(*op, from.start.cast(), n, to.start.cast(), 1),
                    _ => fold_block::<f32>(*op, from.start.cast(), n, to.start.cast(), 1),
                }
            }
        }
        Work::Shifted { job, shifted, from, exps, to } => {
            let to = to.map(|to| to.start);
            // SAFETY: by the caller.
            unsafe { job.shifted(shifted, from.start, exps.start, to, 1) };
        }
        // SAFETY: by the caller; the sum was written.
        Work::Divide { dtype, to } => unsafe { divide(*dtype, to.start, 1, n) },
    }
}

fn source(job: Job<'_>, places: &Places, source: Source, n: usize) -> Place {
    match source {
        Source::Full(k) => places.full[k],
        Source::Row(k) => places.rows[k],
        Source::Input(i) => {
            let (stream, step) = match job.feeds[i] {
                Feed::Splat(s) | Feed::Repeated(s) => (s, 0),
                Feed::Full(s) => (s, n * job.sizes[i]),
                Feed::Row(s) => (s, job.sizes[i]),
            };
            Place { start: stream.start.cast_mut(), step }
        }
    }
}

/// What makes a mean of a fold's sum.
fn mean<'a>(fold: &Fold, places: &Places) -> Option<Work<'a>> {
    (fold.op == Op::Mean).then(|| Work::Divide { dtype: fold.dtype, to: places.rows[fold.to] })
}

/// A part's kernel; `None` if it has none, or takes as many what is one value for a row.
fn native<'a>(job: Job<'a>, places: &Places, part: &'a Part, each: usize) -> Option<Work<'a>> {
    let to = |k: &usize| if each == 1 { places.rows[*k] } else { places.full[*k] };
    work(job, places, (part.native.as_ref()?, part), part.to.iter().map(to), each)
}

/// A part's kernel that sums, too.
fn with_sum<'a>(
    job: Job<'a>,
    places: &Places,
    part: &'a Part,
    summed: &'a Summed,
    sum: usize,
) -> Option<Work<'a>> {
    let to = summed.to.iter().map(|k| places.full[*k]).chain([places.rows[sum]]);
    work(job, places, (&summed.kernel, part), to, job.n)
}

fn work<'a>(
    job: Job<'a>,
    places: &Places,
    (kernel, part): (&'a Loop, &Part),
    to: impl Iterator<Item = Place>,
    each: usize,
) -> Option<Work<'a>> {
    let (mut inputs, mut steps) = (SmallVec::new(), SmallVec::new());
    for (from, input) in part.from.iter().zip(kernel.inputs()) {
        let one = match from {
            Source::Row(_) => true,
            Source::Full(_) => false,
            Source::Input(i) => matches!(job.feeds[*i], Feed::Splat(_) | Feed::Row(_)),
        };
        if each > 1 && one != input.scalar {
            return None;
        }
        let Place { start, step } = source(job, places, *from, job.n);
        inputs.push((*input, start.cast_const()));
        steps.push(step);
    }
    let mut outputs = SmallVec::new();
    for (dtype, Place { start, step }) in kernel.outputs().iter().zip(to) {
        outputs.push((*dtype, start));
        steps.push(step);
    }
    Some(Work::Native { kernel, inputs, outputs, steps, each })
}
