//! Operands that have the same elements for every row, beside row-major ones: one loop over all elements, for which
//! short rows are written out a few times.

use std::cell::Cell;

use smallvec::SmallVec;

use super::launch::{Operand, PARALLEL, stream};
use super::tile::{GROUP, Program, Stream};
use crate::exec::threads;
use crate::tensor::raw::RawTensor;

/// Elements for which a row is written out, at least.
const LONG: usize = 1024;

/// As many rooms for rows a thread keeps, of so many words at most.
const SPARES: usize = 2;
const SPARED: usize = 8 << 10;

thread_local! {
    static SPARE: Cell<Vec<Vec<u64>>> = const { Cell::new(Vec::new()) };
}

/// What an operand has for a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Feed {
    /// Elements of its own.
    Own,
    /// The elements that it has for every row.
    Repeated,
    /// One element for all.
    Single,
}

impl Feed {
    /// How an operand stands beside row-major elements of the shape `sizes`, to which it broadcasts.
    pub(super) fn of(operand: &Operand, sizes: &[usize]) -> Option<Feed> {
        let Operand::Tensor(t) = operand else { return Some(Feed::Single) };
        if t.len() == 1 {
            return Some(Feed::Single);
        }
        if !t.is_contiguous() {
            return None;
        }
        if t.len() == sizes.iter().product::<usize>() {
            return Some(Feed::Own);
        }
        is_row(&t.shape, sizes).then_some(Feed::Repeated)
    }
}

/// Whether a shape is that of the last axes of `sizes`, but for leading axes of size 1.
pub(crate) fn is_row(shape: &[usize], sizes: &[usize]) -> bool {
    let ones = shape.iter().take_while(|n| **n == 1).count();
    shape.len() <= sizes.len() && sizes.ends_with(&shape[ones..])
}

/// Operands of which some have the same elements for every row.
pub(super) struct Periodic {
    /// Elements of a row.
    row: usize,
    feeds: SmallVec<[Feed; 6]>,
}

impl Periodic {
    /// `None` unless all operands are row-major, one row for all, or one element. They broadcast to `sizes`.
    pub(super) fn new(operands: &[Operand], sizes: &[usize]) -> Option<Periodic> {
        let mut periodic = Periodic { row: 0, feeds: SmallVec::new() };
        for operand in operands {
            let feed = Feed::of(operand, sizes)?;
            if let (Feed::Repeated, Operand::Tensor(t)) = (feed, operand) {
                if periodic.row != 0 && periodic.row != t.len() {
                    return None;
                }
                periodic.row = t.len();
            }
            periodic.feeds.push(feed);
        }
        (periodic.row > 0).then_some(periodic)
    }

    /// Runs the program over `n` elements; `results` are row-major. `cost` is the rough cost of an element, in additions.
    pub(super) fn run(
        &self,
        program: &Program,
        operands: &[Operand],
        results: &[RawTensor],
        n: usize,
        cost: usize,
    ) {
        // Of whole groups, if it is not a row: what is written behind one piece is written again by the next one.
        let whole = self.row * (GROUP >> self.row.trailing_zeros().min(GROUP.trailing_zeros()));
        let length = if self.row < LONG { (whole * LONG.div_ceil(whole)).min(n) } else { self.row };
        // Kept by the thread, for the next one; this one may meet another on its way, if threads take up other work.
        let mut spare = SPARE.take();
        let mut rooms: SmallVec<[Vec<u64>; 2]> = SmallVec::new();
        let mut streams: SmallVec<[Stream; 6]> = SmallVec::new();
        for ((operand, feed), size) in operands.iter().zip(&self.feeds).zip(&program.inputs) {
            let mut stream = Stream { splat: *feed == Feed::Single, ..stream(operand, n) };
            if *feed == Feed::Repeated && length > self.row {
                let readable = length.next_multiple_of(GROUP) * size;
                let mut room = spare.pop().unwrap_or_default();
                room.clear();
                room.resize(readable / 8, 0);
                let bytes = self.row * size;
                for k in 0..length / self.row {
                    let to = room.as_mut_ptr().cast::<u8>().wrapping_add(k * bytes);
                    // SAFETY: the operand has a row, the room space for `length` elements.
                    unsafe { std::ptr::copy_nonoverlapping(stream.start, to, bytes) };
                }
                stream = Stream { start: room.as_ptr().cast(), splat: false, readable };
                rooms.push(room);
            }
            streams.push(stream);
        }
        let outputs: SmallVec<[*mut u8; 2]> = results.iter().map(|r| r.buffer.start()).collect();
        let job = Job { program, streams: &streams, outputs: &outputs, feeds: &self.feeds, length };
        let threads = if n * cost >= PARALLEL { threads::count() } else { 1 };
        let share = n.div_ceil(threads).next_multiple_of(length);
        // SAFETY: operands have `n` elements, a row for all, or one; results are padded to whole groups.
        threads::ranges(0, n, share, &|from, to| unsafe { job.run(from, to, to == n) });
        spare.extend(rooms.into_iter().filter(|room| room.len() <= SPARED));
        spare.truncate(SPARES);
        SPARE.set(spare);
    }
}

struct Job<'a> {
    program: &'a Program,
    streams: &'a [Stream],
    outputs: &'a [*mut u8],
    feeds: &'a [Feed],
    length: usize,
}

// SAFETY: inputs are only read, and each thread writes a range of the results of its own.
unsafe impl Sync for Job<'_> {}

impl Job<'_> {
    /// Some whole pieces. Whether they are the last ones: else nothing behind them is written, not even for a while.
    ///
    /// # Safety
    /// Operands and results have the elements `from..to`; nobody else uses those of the results, nor, behind the last ones,
    /// the padding.
    unsafe fn run(&self, from: usize, to: usize, last: bool) {
        let mut streams: SmallVec<[Stream; 6]> = SmallVec::from_slice(self.streams);
        let mut outputs: SmallVec<[*mut u8; 2]> = SmallVec::from_slice(self.outputs);
        for start in (from..to).step_by(self.length) {
            for (i, (stream, first)) in streams.iter_mut().zip(self.streams).enumerate() {
                if self.feeds[i] == Feed::Own {
                    *stream = first.skip(start * self.program.inputs[i]);
                }
            }
            for ((to, first), size) in outputs.iter_mut().zip(self.outputs).zip(&self.program.outputs) {
                *to = first.wrapping_add(start * size);
            }
            let n = self.length.min(to - start);
            let apart = if last || start + n < to { 0 } else { n % GROUP };
            // SAFETY: by the caller; what is written behind a piece is written again, or padding.
            unsafe {
                if n > apart {
                    self.program.run(&streams, &outputs, n - apart);
                }
                if apart > 0 {
                    self.rest(&streams, &outputs, n - apart, apart);
                }
            }
        }
    }

    /// The last `n` elements of a piece from `at` on, fewer than a group, by way of memory of its own.
    ///
    /// # Safety
    /// As [`Job::run`].
    unsafe fn rest(&self, streams: &[Stream], outputs: &[*mut u8], at: usize, n: usize) {
        let sized = streams.iter().zip(&self.program.inputs);
        let skip = |(s, size): (&Stream, &usize)| if s.splat { *s } else { s.skip(at * size) };
        let streams: SmallVec<[Stream; 6]> = sized.map(skip).collect();
        let mut rooms: SmallVec<[[u64; GROUP]; 2]> = SmallVec::from_elem([0; GROUP], outputs.len());
        let starts: SmallVec<[*mut u8; 2]> = rooms.iter_mut().map(|r| r.as_mut_ptr().cast()).collect();
        // SAFETY: by the caller; a room has space for a group.
        unsafe { self.program.run(&streams, &starts, n) };
        for ((room, to), size) in starts.iter().zip(outputs).zip(&self.program.outputs) {
            // SAFETY: by the caller; what was just written.
            unsafe { std::ptr::copy_nonoverlapping(*room, to.add(at * size), n * size) };
        }
    }
}
