//! Rows one by one through native kernels: where each reads and writes is settled before the first row.

use jit_ir::form::Input;
use jit_ir::numerics::BLOCK;
use jit_ir::{DType, Op};
use smallvec::SmallVec;

use super::super::native::Loop;
use super::frame::{bytes, divide, fold_block};
use super::{Feed, Job, LONG_ROW, Part, SCRATCH, Slot, Source};

/// Memory that a row reads or writes, and the bytes from it to what the next row does.
#[derive(Clone, Copy)]
struct Place {
    start: *mut u8,
    step: usize,
}

impl Place {
    fn of(self, row: usize) -> *mut u8 {
        self.start.wrapping_add(row * self.step)
    }
}

/// What happens to a row, in order.
enum Work<'a> {
    Native {
        kernel: &'a Loop,
        inputs: SmallVec<[(Input, Place); 6]>,
        outputs: SmallVec<[(DType, Place); 2]>,
        n: usize,
    },
    Fold {
        op: Op,
        dtype: DType,
        from: Place,
        to: Place,
    },
}

/// A schedule whose parts all have native kernels.
pub(super) struct Direct<'a> {
    works: Vec<Work<'a>>,
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
        let mut direct = Direct { works: Vec::new(), n, scratch };
        for stage in &schedule.stages {
            for (part, each) in stage.row.iter().map(|p| (p, 1)).chain(stage.full.iter().map(|p| (p, n))) {
                direct.works.push(native(job, &places, part, each)?);
            }
            for fold in &stage.folds {
                let from = source(job, &places, fold.from, n);
                let to = places.rows[fold.to];
                direct.works.push(Work::Fold { op: fold.op, dtype: fold.dtype, from, to });
            }
        }
        Some(direct)
    }

    /// # Safety
    /// As for [`Job`], for the rows `from..to`.
    pub(super) unsafe fn run(&self, from: usize, to: usize) {
        for row in from..to {
            for work in &self.works {
                // SAFETY: by the caller; slots between parts are this thread's own, or the row's part of a result.
                unsafe { self.work(work, row) };
            }
        }
    }

    /// # Safety
    /// As [`Direct::run`].
    #[inline]
    unsafe fn work(&self, work: &Work<'_>, row: usize) {
        match work {
            Work::Native { kernel, inputs, outputs, n } => {
                let inputs: SmallVec<[(Input, *const u8); 6]> =
                    inputs.iter().map(|(i, p)| (*i, p.of(row).cast_const())).collect();
                let outputs: SmallVec<[(DType, *mut u8); 2]> =
                    outputs.iter().map(|(d, p)| (*d, p.of(row))).collect();
                // SAFETY: by the caller.
                unsafe { kernel.run_typed(&inputs, &outputs, *n) };
            }
            Work::Fold { op, dtype, from, to } => {
                let (from, to) = (from.of(row), to.of(row));
                // SAFETY: by the caller; a row is no longer than a block.
                unsafe {
                    match dtype {
                        DType::F64 => fold_block::<f64>(*op, from.cast(), self.n, to.cast(), 1),
                        _ => fold_block::<f32>(*op, from.cast(), self.n, to.cast(), 1),
                    }
                    if *op == Op::Mean {
                        divide(*dtype, to, 1, self.n);
                    }
                }
            }
        }
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

/// A part's kernel; `None` if it has none, or takes as many what is one value for a row.
fn native<'a>(job: Job<'a>, places: &Places, part: &'a Part, each: usize) -> Option<Work<'a>> {
    let kernel = part.native.as_ref()?;
    let mut inputs = SmallVec::new();
    for (from, input) in part.from.iter().zip(kernel.inputs()) {
        let one = match from {
            Source::Row(_) => true,
            Source::Full(_) => false,
            Source::Input(i) => matches!(job.feeds[*i], Feed::Splat(_) | Feed::Row(_)),
        };
        if each > 1 && one != input.scalar {
            return None;
        }
        inputs.push((*input, source(job, places, *from, job.n)));
    }
    let to = |k: &usize| if each == 1 { places.rows[*k] } else { places.full[*k] };
    let outputs = kernel.outputs().iter().copied().zip(part.to.iter().map(to)).collect();
    Some(Work::Native { kernel, inputs, outputs, n: each })
}
