//! Loops that go on while some element asks for it: blocks go through trips until none of their elements asks, and who
//! made fewer trips than others makes them up. Where all elements have to ask, blocks go on until one does not, and who
//! made more trips than others begins anew.

use std::sync::atomic::{AtomicBool, Ordering};

use smallvec::SmallVec;

use super::launch::{Operand, PARALLEL};
use super::native::until::{UNIT, Wave, Waved};
use crate::exec::threads;
use crate::tensor::raw::RawTensor;

/// What a loop reads and holds.
pub(crate) struct Waves<'a> {
    kernel: &'a Waved,
    /// For each input its elements, of scalars one; of those that are states anything.
    inputs: SmallVec<[*const u8; 8]>,
    states: Vec<RawTensor>,
    /// What they were when the run began, which some may go back to.
    before: Vec<RawTensor>,
    started: bool,
    /// Copies of inputs with whole blocks.
    _padded: Vec<RawTensor>,
    /// Elements, whole blocks.
    n: usize,
    made: Vec<u32>,
    share: usize,
}

// SAFETY: inputs are only read, and each thread has a range of the states and of `made` of its own.
unsafe impl Sync for Waves<'_> {}

/// The counts of trips, of which each thread has a range.
#[derive(Clone, Copy)]
struct Counts(*mut u32);

// SAFETY: as above.
unsafe impl Send for Counts {}
// SAFETY: as above.
unsafe impl Sync for Counts {}

/// Fills up the block that the last of `n` elements stands in; `tensor` has nobody else's elements.
fn fill_up(tensor: &RawTensor, n: usize, block: usize) {
    let (size, start) = (tensor.dtype.size(), tensor.buffer.start());
    let last = start.wrapping_add((n - 1) * size);
    let whole = n.next_multiple_of(block);
    assert!(whole * size <= tensor.buffer.capacity());
    for j in n..whole {
        // SAFETY: buffers have room for whole blocks, and nobody else uses this one.
        unsafe { std::ptr::copy_nonoverlapping(last, start.wrapping_add(j * size), size) };
    }
}

/// A row-major copy of an operand of `n` elements that fills whole blocks.
fn copy(from: &RawTensor, block: usize) -> RawTensor {
    let n: usize = from.len();
    let to = RawTensor::uninit(from.dtype, &from.shape);
    let size = from.dtype.size();
    let start = from.buffer.start().wrapping_add(from.offset * size);
    // SAFETY: the operand is row-major, the copy is new.
    unsafe { std::ptr::copy_nonoverlapping(start.cast_const(), to.buffer.start(), n * size) };
    fill_up(&to, n, block);
    to
}

impl<'a> Waves<'a> {
    /// `operands` are the inputs, row-major tensors of `n` elements, at least one, or host scalars; `first` is what the
    /// states begin with; `reads` says for each state the input that it is read as. `cost` is the rough cost of
    /// an element in one trip, in additions.
    pub(crate) fn new(
        kernel: &'a Waved,
        operands: &'a [Operand<'_>],
        (first, reads): (&[&RawTensor], &[Option<usize>]),
        n: usize,
        cost: usize,
    ) -> Waves<'a> {
        let block = kernel.block();
        let whole = n.next_multiple_of(block);
        let mut padded = Vec::new();
        let mut inputs: SmallVec<[*const u8; 8]> = SmallVec::new();
        for (i, operand) in operands.iter().enumerate() {
            inputs.push(match operand {
                Operand::Scalar(word) => word.as_ptr().cast(),
                Operand::Tensor(_) if reads.contains(&Some(i)) => std::ptr::null(),
                Operand::Tensor(t) if n == whole => {
                    t.buffer.start().wrapping_add(t.offset * t.dtype.size()).cast_const()
                }
                Operand::Tensor(t) => {
                    padded.push(copy(t, block));
                    padded[padded.len() - 1].buffer.start().cast_const()
                }
            });
        }
        let states = first.iter().map(|t| copy(t, block)).collect();
        let before = first.iter().map(|t| (*t).clone()).collect();
        // How many trips a wave makes is not known, and each wave is shared out by itself: one trip has to be worth it.
        let work = whole.saturating_mul(cost);
        let threads = if work >= PARALLEL { threads::count() } else { 1 };
        let share = whole.div_ceil(threads).next_multiple_of(block);
        let made = vec![0; whole / UNIT];
        Waves { kernel, inputs, states, before, started: false, _padded: padded, n: whole, made, share }
    }

    /// All elements make trips until none of them asks for another one, or where all have to one does not, or `limit`
    /// trips; says how many. `None` if there was a NaN among what is ordered.
    pub(crate) fn run(&mut self, limit: u32) -> Option<u32> {
        self.made.fill(0);
        if self.kernel.all() {
            return self.run_all(limit);
        }
        let mut goal = 0;
        loop {
            if !self.wave(goal, limit) {
                return None;
            }
            let most = self.made.iter().copied().max().unwrap_or(0);
            if self.made.iter().all(|m| *m == most) {
                return Some(most);
            }
            goal = most;
        }
    }

    /// As [`Waves::run`], where all elements have to ask.
    fn run_all(&mut self, limit: u32) -> Option<u32> {
        if std::mem::replace(&mut self.started, true) {
            let block = self.kernel.block();
            self.before = self.states.iter().map(|state| copy(state, block)).collect();
        }
        if !self.wave(0, limit) {
            return None;
        }
        let least = self.made.iter().copied().min().unwrap_or(0);
        for unit in 0..self.made.len() {
            if self.made[unit] > least {
                (0..self.states.len()).for_each(|k| self.take_back(k, unit));
                self.made[unit] = 0;
            }
        }
        self.wave(least, least).then_some(least)
    }

    /// A unit of a state becomes what it was before.
    fn take_back(&mut self, k: usize, unit: usize) {
        let (state, before) = (&mut self.states[k], &self.before[k]);
        let (n, size) = (before.len(), before.dtype.size());
        let from = before.buffer.start().wrapping_add(before.offset * size);
        let to = state.buffer.start();
        for i in unit * UNIT..(unit + 1) * UNIT {
            // Elements behind the last one are copies of it.
            let from = from.wrapping_add(i.min(n - 1) * size).cast_const();
            // SAFETY: both are row-major, the state has room for whole blocks, and nobody else uses it.
            unsafe { std::ptr::copy_nonoverlapping(from, to.wrapping_add(i * size), size) };
        }
    }

    /// What the states are.
    pub(crate) fn into_states(self) -> Vec<RawTensor> {
        self.states
    }

    fn wave(&mut self, goal: u32, limit: u32) -> bool {
        let ordered = AtomicBool::new(true);
        let counts = Counts(self.made.as_mut_ptr());
        let this = &*self;
        threads::ranges(0, this.n, this.share, &|from, to| {
            // SAFETY: ranges of elements, and so of counts, do not meet; they are whole blocks, which inputs and states
            // have room for.
            let done = unsafe { this.part(counts, (from, to), (goal, limit)) };
            if !done {
                ordered.store(false, Ordering::Relaxed);
            }
        });
        ordered.into_inner()
    }

    /// # Safety
    /// Nobody else uses the states and counts of this range of whole blocks.
    unsafe fn part(&self, counts: Counts, (from, to): (usize, usize), (goal, limit): (u32, u32)) -> bool {
        let sizes = self.kernel.inputs().iter().map(|i| if i.scalar { 0 } else { i.dtype.size() });
        let inputs: SmallVec<[*const u8; 8]> =
            self.inputs.iter().zip(sizes).map(|(at, size)| at.wrapping_add(from * size)).collect();
        let sizes = self.kernel.states().iter().map(|d| d.size());
        let states: SmallVec<[*mut u8; 4]> = self
            .states
            .iter()
            .zip(sizes)
            .map(|(s, size)| s.buffer.start().wrapping_add(from * size))
            .collect();
        // SAFETY: by the caller; there is a count for each unit.
        let made = unsafe { std::slice::from_raw_parts_mut(counts.0.add(from / UNIT), (to - from) / UNIT) };
        // SAFETY: by the caller; states are copies, so that they overlap nothing.
        unsafe { self.kernel.run(&inputs, &states, to - from, Wave { made, goal, limit }) }
    }
}
