//! Loops whose body is one group: a tile goes through all trips while it is in the nearest cache.

use smallvec::SmallVec;

use super::launch::PARALLEL;
use super::tile::{GROUP, Program, Runner, Stream};
use crate::exec::threads;
use crate::tensor::raw::RawTensor;

/// Elements that go through the trips together.
const TILE: usize = 1024;

/// A loop over a program's elements.
#[derive(Clone, Copy)]
pub(crate) struct Repeat<'a> {
    pub(crate) program: &'a Program,
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
        // SAFETY: streams are as long as the results, whose buffers have room for whole groups; ranges do not meet.
        threads::ranges(0, self.n, share, &|from, to| unsafe { self.tiles(results, from, to) });
    }

    /// # Safety
    /// First reads and results are valid for the elements `from..to`, results for whole groups; `from` is a multiple of
    /// a tile's length.
    unsafe fn tiles(self, results: Results<'_>, from: usize, to: usize) {
        let Repeat { program, first, next, trips, .. } = self;
        // A line between tiles keeps them from falling on the same sets.
        let words: usize = program.outputs.iter().map(|size| 2 * (TILE * size / 8 + 8)).sum::<usize>() + 8;
        let mut scratch: Vec<u64> = vec![0; words];
        let mut at = scratch.as_mut_ptr().cast::<u8>();
        at = at.wrapping_add(at.align_offset(64));
        let mut rooms = || -> SmallVec<[*mut u8; 4]> {
            let room = |size: &usize| {
                let start = at;
                at = at.wrapping_add(TILE * size + 64);
                start
            };
            program.outputs.iter().map(room).collect()
        };
        let rooms = [rooms(), rooms()];
        let mut runner = Runner::new(program, TILE);
        let mut reads: SmallVec<[Stream; 8]> = SmallVec::from_slice(first);
        let mut writes: SmallVec<[*mut u8; 4]> = SmallVec::from_slice(results.0);
        for start in (from..to).step_by(TILE) {
            let m = TILE.min(to - start);
            for (i, read) in reads.iter_mut().enumerate() {
                *read = if first[i].splat { first[i] } else { first[i].skip(start * program.inputs[i]) };
            }
            for trip in 0..trips {
                let last = trip + 1 == trips;
                for (k, write) in writes.iter_mut().enumerate() {
                    let result = results.0[k].wrapping_add(start * program.outputs[k]);
                    *write = if last { result } else { rooms[trip % 2][k] };
                }
                // SAFETY: a trip reads what the caller vouches for and what the trip before wrote, and writes to
                // neither; rooms and results have space for whole groups.
                unsafe { runner.run(&reads, &writes, m) };
                for (read, output) in reads.iter_mut().zip(next) {
                    if let Some(k) = output {
                        let readable = m.next_multiple_of(GROUP) * program.outputs[*k];
                        *read = Stream { start: writes[*k], splat: false, readable };
                    }
                }
            }
        }
    }
}
