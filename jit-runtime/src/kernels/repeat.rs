//! Loops whose body is one group: a few elements go through all trips in registers if a macro wrote the loop, or a tile
//! of them while it is in the nearest cache.

use std::ops::Range;

use smallvec::SmallVec;

use super::launch::PARALLEL;
use super::native::trips::{BLOCK, CHECKED, Looped};
use super::tile::{GROUP, Program, Runner, Stream};
use crate::exec::threads;
use crate::tensor::raw::RawTensor;

/// Elements that go through the trips together.
const TILE: usize = 1024;

/// A loop over a program's elements.
#[derive(Clone, Copy)]
pub(crate) struct Repeat<'a> {
    pub(crate) program: &'a Program,
    /// The loop's own kernel, if one is known.
    pub(crate) native: Option<&'a Looped>,
    /// What the first trip reads: row-major tensors, or one value for all elements.
    pub(crate) first: &'a [Stream],
    /// For each input the output of the trip before that later trips read, if so.
    pub(crate) next: &'a [Option<usize>],
    pub(crate) trips: usize,
    /// How many elements.
    pub(crate) n: usize,
}

/// The results' memory.
#[derive(Clone, Copy)]
struct Results<'a>(&'a [*mut u8]);

// SAFETY: inputs are only read, and each thread writes a range of the results of its own.
unsafe impl Send for Repeat<'_> {}
// SAFETY: as above.
unsafe impl Sync for Repeat<'_> {}
// SAFETY: as above.
unsafe impl Send for Results<'_> {}
// SAFETY: as above.
unsafe impl Sync for Results<'_> {}

impl Repeat<'_> {
    /// Runs all trips, of which there is at least one; `results` are fresh, one for each output of the program. `cost`
    /// is the rough cost of an element in one trip, in additions.
    pub(crate) fn run(self, results: &mut [RawTensor], cost: usize) {
        debug_assert!(results.iter_mut().all(|r| r.is_unique()));
        let outputs: SmallVec<[*mut u8; 4]> = results.iter().map(|r| r.buffer.start()).collect();
        let work = self.n.saturating_mul(cost).saturating_mul(self.trips);
        let threads = if work >= PARALLEL { threads::count() } else { 1 };
        let share = self.n.div_ceil(threads).next_multiple_of(TILE);
        let results = Results(&outputs);
        let fits = |l: &&Looped| self.first.iter().zip(l.inputs()).all(|(s, i)| s.splat == i.scalar);
        if let Some(native) = self.native.filter(fits) {
            // SAFETY: as below.
            let part = |from, to| unsafe { self.blocks(native, results, from, to) };
            return threads::ranges(0, self.n, share, &part);
        }
        // SAFETY: streams are as long as the results, whose buffers have room for whole groups; ranges do not meet.
        threads::ranges(0, self.n, share, &|from, to| unsafe { self.tiles(results, from, to) });
    }

    /// # Safety
    /// First reads and results are valid for the elements `from..to`, results for whole groups; `from` is a multiple of
    /// a tile's length.
    unsafe fn tiles(self, results: Results<'_>, from: usize, to: usize) {
        let mut tile = Tile::new(self);
        for start in (from..to).step_by(TILE) {
            // SAFETY: by the caller.
            unsafe { tile.run(results, start, TILE.min(to - start)) };
        }
    }
}

/// A block's elements, of eight bytes at most.
type Room = [u64; BLOCK];

impl Repeat<'_> {
    /// All trips by the loop's own kernel.
    ///
    /// # Safety
    /// As [`Repeat::tiles`].
    unsafe fn blocks(self, native: &Looped, results: Results<'_>, from: usize, to: usize) {
        let whole = (to - from) / BLOCK * BLOCK;
        let sizes = || self.first.iter().zip(&self.program.inputs);
        let read = |(s, size): (&Stream, &usize)| match s.splat {
            true => s.start,
            false => s.start.wrapping_add(from * size),
        };
        let mut reads: SmallVec<[*const u8; 8]> = sizes().map(read).collect();
        let sized = results.0.iter().zip(&self.program.outputs);
        let mut writes: Rooms = sized.map(|(start, size)| start.wrapping_add(from * size)).collect();
        if whole > 0 {
            // SAFETY: by the caller; results are no inputs.
            unsafe { native.run(&reads, &writes, whole, self.trips) };
        }
        let rest = to - from - whole;
        if rest == 0 {
            return;
        }
        // The last element fills the block up.
        let mut given: SmallVec<[Room; 8]> = SmallVec::from_elem([0; BLOCK], reads.len());
        for ((read, room), (stream, size)) in reads.iter_mut().zip(&mut given).zip(sizes()) {
            if stream.splat {
                continue;
            }
            let room = room.as_mut_ptr().cast::<u8>();
            for j in 0..BLOCK {
                let element = read.wrapping_add((whole + j.min(rest - 1)) * size);
                // SAFETY: the element is one of the caller's; a room has space for a block.
                unsafe { std::ptr::copy_nonoverlapping(element, room.add(j * size), *size) };
            }
            *read = room;
        }
        let mut made: SmallVec<[Room; 4]> = SmallVec::from_elem([0; BLOCK], writes.len());
        let rooms: Rooms = made.iter_mut().map(|room| room.as_mut_ptr().cast()).collect();
        // SAFETY: what is read and written are rooms for a block, each its own.
        unsafe { native.run(&reads, &rooms, BLOCK, self.trips) };
        for ((to, room), size) in writes.iter_mut().zip(&rooms).zip(&self.program.outputs) {
            // SAFETY: by the caller; `rest` elements are left.
            unsafe { std::ptr::copy_nonoverlapping(*room, to.add(whole * size), rest * size) };
        }
    }
}

/// Memory of a tile's outputs.
type Rooms = SmallVec<[*mut u8; 4]>;

/// A tile on its way through the trips.
///
/// Every few trips, blocks that a trip left as they were are done: the body computes nothing but its outputs from its
/// inputs, so that all further trips would leave them so, too.
struct Tile<'a> {
    of: Repeat<'a>,
    runner: Runner<'a>,
    /// Where trips write, in turns.
    rooms: [Rooms; 2],
    /// Ranges of elements that are not yet done.
    open: Vec<Range<usize>>,
    reads: SmallVec<[Stream; 8]>,
    writes: Rooms,
    _scratch: Vec<u64>,
}

impl<'a> Tile<'a> {
    fn new(of: Repeat<'a>) -> Tile<'a> {
        let sizes = &of.program.outputs;
        // A line between tiles keeps them from falling on the same sets.
        let words: usize = sizes.iter().map(|size| 2 * (TILE * size / 8 + 8)).sum::<usize>() + 8;
        let mut scratch: Vec<u64> = vec![0; words];
        let mut at = scratch.as_mut_ptr().cast::<u8>();
        at = at.wrapping_add(at.align_offset(64));
        let mut rooms = || -> Rooms {
            let room = |size: &usize| {
                let start = at;
                at = at.wrapping_add(TILE * size + 64);
                start
            };
            sizes.iter().map(room).collect()
        };
        let rooms = [rooms(), rooms()];
        let (reads, writes) = (SmallVec::from_slice(of.first), rooms[0].clone());
        let runner = Runner::new(of.program, TILE);
        Tile { of, runner, rooms, open: Vec::new(), reads, writes, _scratch: scratch }
    }

    /// All trips of the elements `start..start + n`.
    ///
    /// # Safety
    /// First reads and results are valid for them, results for whole groups.
    unsafe fn run(&mut self, results: Results<'_>, start: usize, n: usize) {
        self.open.clear();
        self.open.push(0..n);
        for trip in 0..self.of.trips {
            for i in 0..self.open.len() {
                // SAFETY: by the caller.
                unsafe { self.trip(trip, start, self.open[i].clone(), n) };
            }
            let last = trip + 1 == self.of.trips;
            if last || (trip > 0 && trip % CHECKED == 0) {
                // SAFETY: by the caller; the rooms were written for what is open.
                unsafe { self.settle(results, trip, start, last) };
            }
            if self.open.is_empty() {
                break;
            }
        }
    }

    /// Where a trip reads an input of the elements from `at` on, in a tile that begins at `start`.
    fn place(&self, i: usize, trip: usize, start: usize, at: usize) -> *const u8 {
        let Repeat { program, first, next, .. } = self.of;
        match next[i] {
            Some(k) if trip > 0 => self.rooms[1 - trip % 2][k].wrapping_add(at * program.outputs[k]),
            _ if first[i].splat => first[i].start,
            _ => first[i].start.wrapping_add((start + at) * program.inputs[i]),
        }
    }

    /// One trip of some elements of a tile of `n` that begins at `start`.
    ///
    /// # Safety
    /// As [`Tile::run`].
    unsafe fn trip(&mut self, trip: usize, start: usize, part: Range<usize>, n: usize) {
        let Repeat { program, first, next, .. } = self.of;
        for (k, write) in self.writes.iter_mut().enumerate() {
            *write = self.rooms[trip % 2][k].wrapping_add(part.start * program.outputs[k]);
        }
        for i in 0..self.reads.len() {
            let from = self.place(i, trip, start, part.start);
            self.reads[i] = match next[i] {
                Some(k) if trip > 0 => {
                    let readable = (n.next_multiple_of(GROUP) - part.start) * program.outputs[k];
                    Stream { start: from, splat: false, readable }
                }
                _ if first[i].splat => first[i],
                _ => first[i].skip((start + part.start) * program.inputs[i]),
            };
        }
        // SAFETY: a trip reads what the caller vouches for and what the trip before wrote, and writes to neither; rooms
        // have space for whole groups, and a part begins at one.
        unsafe { self.runner.run(&self.reads, &self.writes, part.len()) };
    }

    /// Takes what is done, or all, from what is open to the results.
    ///
    /// # Safety
    /// As [`Tile::run`], after the trip.
    unsafe fn settle(&mut self, results: Results<'_>, trip: usize, start: usize, all: bool) {
        let mut open: Vec<Range<usize>> = Vec::new();
        for part in std::mem::take(&mut self.open) {
            for from in part.clone().step_by(if all { TILE } else { GROUP }) {
                let block = from..part.end.min(from + if all { TILE } else { GROUP });
                // SAFETY: by the caller.
                if unsafe { all || self.is_done(&block) } {
                    for (k, size) in self.of.program.outputs.iter().enumerate() {
                        let room = self.rooms[trip % 2][k].wrapping_add(block.start * size);
                        let to = results.0[k].wrapping_add((start + block.start) * size);
                        // SAFETY: by the caller; rooms are no results.
                        unsafe { std::ptr::copy_nonoverlapping(room, to, block.len() * size) };
                    }
                } else if let Some(before) = open.last_mut().filter(|b| b.end == block.start) {
                    before.end = block.end;
                } else {
                    open.push(block);
                }
            }
        }
        self.open = open;
    }

    /// Whether the last trip left the values that it read from the one before as they were.
    ///
    /// # Safety
    /// Both rooms were written for the block.
    unsafe fn is_done(&self, block: &Range<usize>) -> bool {
        self.of.next.iter().flatten().all(|k| {
            let size = self.of.program.outputs[*k];
            let values = |room: &Rooms| {
                let start = room[*k].wrapping_add(block.start * size).cast_const();
                // SAFETY: by the caller.
                unsafe { std::slice::from_raw_parts(start, block.len() * size) }
            };
            values(&self.rooms[0]) == values(&self.rooms[1])
        })
    }
}
