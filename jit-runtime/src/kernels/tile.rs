//! The tile interpreter: a short program of kernels runs over a tile at a time, so that what one
//! kernel writes the next one reads from the nearest cache.

use std::cell::RefCell;
use std::ops::Range;

use jit_ir::form::Input;
use pulp::{Simd, WithSimd};
use smallvec::SmallVec;

use super::arch;
use super::native::Loop;
use super::table::Kernel;

/// Tiles are multiples of this many elements, and every access is to whole multiples.
pub(crate) const GROUP: usize = 64;
/// The longest tile.
const LONGEST: usize = 1024;
/// Bytes that the tiles of a program together should take.
const BUDGET: usize = 24 << 10;

/// Where an operand or a result of an instruction lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Input `i`: the caller's memory, or a tile filled with one value.
    Input(u16),
    /// Output `i`: memory of the result.
    Output(u16),
    /// A tile of its own.
    Tile(u16),
}

/// One kernel call for each tile.
#[derive(Clone, Copy)]
pub(crate) struct Instruction {
    pub(crate) kernel: Kernel,
    pub(crate) to: Place,
    pub(crate) from: [Place; 3],
}

/// Some ops by one native kernel, once for each tile.
#[derive(Clone)]
pub(crate) struct Piece {
    /// The ops, as members of the group.
    pub(crate) members: Range<usize>,
    /// A scalar of its form has to be one value for all elements.
    pub(crate) kernel: Loop,
    pub(crate) to: SmallVec<[Place; 2]>,
    pub(crate) from: SmallVec<[Place; 6]>,
}

/// What is done for each tile.
#[derive(Clone)]
pub(crate) enum Step {
    Instruction(Instruction),
    Piece(Box<Piece>),
}

impl Step {
    /// The members of a piece.
    pub(crate) fn members(&self) -> Option<&Range<usize>> {
        match self {
            Step::Instruction(_) => None,
            Step::Piece(piece) => Some(&piece.members),
        }
    }

    /// Whether what a piece's kernel takes for a scalar is one value for all elements.
    fn finds_scalars(&self, inputs: &[Stream]) -> bool {
        let Step::Piece(piece) = self else { return true };
        let splat = |p: &Place| matches!(p, Place::Input(i) if inputs[usize::from(*i)].splat);
        piece.from.iter().zip(piece.kernel.inputs()).all(|(p, input)| !input.scalar || splat(p))
    }
}

/// A program over tiles.
#[derive(Clone, Default)]
pub(crate) struct Program {
    pub(crate) code: Vec<Step>,
    /// Bytes of an element of each input.
    pub(crate) inputs: Vec<usize>,
    /// Bytes of an element of each output.
    pub(crate) outputs: Vec<usize>,
    /// Bytes of an element of each tile.
    pub(crate) tiles: Vec<usize>,
    /// One kernel that does what the code does.
    pub(crate) native: Option<Loop>,
}

/// An input's memory.
#[derive(Clone, Copy)]
pub(crate) struct Stream {
    pub(crate) start: *const u8,
    /// One value for all elements, instead of one for each.
    pub(crate) splat: bool,
    /// Bytes that may be read from `start` on.
    pub(crate) readable: usize,
}

impl Stream {
    /// Not yet one.
    pub(crate) const NONE: Stream = Stream { start: std::ptr::null(), splat: false, readable: 0 };

    /// Its first value for all elements.
    pub(crate) fn splat(self) -> Stream {
        Stream { splat: true, ..self }
    }

    /// From so many bytes on.
    pub(crate) fn skip(self, bytes: usize) -> Stream {
        Stream {
            start: self.start.wrapping_add(bytes),
            readable: self.readable.saturating_sub(bytes),
            ..self
        }
    }
}

thread_local! {
    static SCRATCH: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Elements in a tile of this program.
fn tile_len(program: &Program) -> usize {
    let bytes: usize = program.tiles.iter().chain(&program.inputs).chain(&program.outputs).sum();
    (BUDGET / bytes.max(1)).clamp(256, LONGEST) / GROUP * GROUP
}

impl Program {
    /// Runs over `n` elements.
    ///
    /// # Safety
    /// As [`Runner::run`].
    pub(crate) unsafe fn run(&self, inputs: &[Stream], outputs: &[*mut u8], n: usize) {
        if let Some(native) = &self.native
            && inputs.iter().zip(native.inputs()).all(|(s, i)| !s.splat || i.scalar)
        {
            // SAFETY: passed on.
            return unsafe { native.run(inputs.iter().map(|s| s.start), outputs.iter().copied(), n) };
        }
        if let [Step::Instruction(Instruction { kernel, to: Place::Output(0), from })] = &self.code[..]
            && inputs.iter().all(|s| !s.splat)
            && let [Some(a), Some(b), Some(c)] = from.map(|place| match place {
                Place::Input(i) => Some(inputs[usize::from(i)].start),
                _ => None,
            })
        {
            // SAFETY: by the caller, for exactly so many elements.
            return unsafe { kernel(outputs[0], a, b, c, n) };
        }
        // SAFETY: passed on.
        unsafe { Runner::new(self, n).run(inputs, outputs, n) };
    }
}

type Pointers<P> = SmallVec<[P; 12]>;

/// A program with the memory of its tiles, for any number of runs on one thread.
pub(crate) struct Runner<'a> {
    program: &'a Program,
    /// Elements in a tile.
    len: usize,
    scratch: Vec<u64>,
    tiles: Pointers<*mut u8>,
    /// For each input memory for a copy of a tile.
    copies: Pointers<*mut u8>,
    /// The value with which each copy is filled, if so.
    filled: Pointers<*const u8>,
    /// Where each input's present tile is read.
    reads: Pointers<*const u8>,
}

impl Drop for Runner<'_> {
    fn drop(&mut self) {
        let scratch = std::mem::take(&mut self.scratch);
        let _ = SCRATCH.try_with(|s| *s.borrow_mut() = scratch);
    }
}

impl Runner<'_> {
    /// For runs over at most `n` elements each, or longer ones tile by tile.
    pub(crate) fn new(program: &Program, n: usize) -> Runner<'_> {
        let len = tile_len(program).min(n.next_multiple_of(GROUP));
        let sizes = program.tiles.iter().chain(&program.inputs);
        // A cache line between tiles keeps them from falling on the same sets.
        let words: usize = sizes.map(|s| len * s / 8 + 8).sum::<usize>() + 8;
        let mut scratch = SCRATCH.with(|s| std::mem::take(&mut *s.borrow_mut()));
        if scratch.len() < words {
            scratch.resize(words, 0);
        }
        let mut next = scratch.as_mut_ptr().cast::<u8>();
        next = next.wrapping_add(next.align_offset(64));
        let mut room = |size: &usize| {
            let start = next;
            next = next.wrapping_add(len * size + 64);
            start
        };
        let tiles = program.tiles.iter().map(&mut room).collect();
        let copies = program.inputs.iter().map(&mut room).collect();
        let filled: Pointers<*const u8> = SmallVec::from_elem(std::ptr::null(), program.inputs.len());
        let reads = filled.clone();
        Runner { program, len, scratch, tiles, copies, filled, reads }
    }

    /// Runs over `n` elements.
    ///
    /// # Safety
    /// Each input is aligned and readable for `n` elements (one if it is a splat), each output
    /// writable for `n` rounded up to a multiple of [`GROUP`]. Outputs overlap neither inputs nor
    /// each other, and nobody writes the inputs or uses the outputs meanwhile. A splat's value does not change
    /// while the runner lives.
    pub(crate) unsafe fn run(&mut self, inputs: &[Stream], outputs: &[*mut u8], n: usize) {
        let program = self.program;
        debug_assert!(inputs.len() == program.inputs.len() && outputs.len() == program.outputs.len());
        if let Some(native) = &program.native {
            // SAFETY: passed on.
            return unsafe { self.run_native(native, inputs, outputs, n) };
        }
        debug_assert!(program.code.iter().all(|step| step.finds_scalars(inputs)));
        for (i, input) in inputs.iter().enumerate() {
            if input.splat && self.filled[i] != input.start {
                // SAFETY: one element is readable, the copy has room for a tile.
                unsafe { fill(self.copies[i], input.start, program.inputs[i], self.len) };
                self.filled[i] = input.start;
            }
        }
        let mut at = 0;
        while at < n {
            let m = self.len.min(n - at);
            let whole = m.next_multiple_of(GROUP);
            for (i, input) in inputs.iter().enumerate() {
                // SAFETY: `m` elements of a stream are readable from there.
                self.reads[i] = unsafe { self.input(i, input, at, m) };
            }
            let (reads, tiles) = (&self.reads[..], &self.tiles[..]);
            let place = |p: Place| match p {
                Place::Input(i) => reads[i as usize],
                Place::Tile(i) => tiles[i as usize],
                Place::Output(i) => outputs[i as usize].wrapping_add(at * program.outputs[i as usize]),
            };
            for step in &program.code {
                match step {
                    Step::Instruction(Instruction { kernel, to, from }) => {
                        let [a, b, c] = from.map(place);
                        // SAFETY: every place holds `whole` elements, and a result never lies where an
                        // operand does (checked when the program is made).
                        unsafe { kernel(place(*to).cast_mut(), a, b, c, whole) };
                    }
                    Step::Piece(piece) => {
                        let from = piece.from.iter().map(|p| place(*p));
                        let to = piece.to.iter().map(|p| place(*p).cast_mut());
                        // SAFETY: as above; results lie in places of their own. What is one value for all elements
                        // fills a copy, whose first element the kernel reads.
                        unsafe { piece.kernel.run(from, to, whole) };
                    }
                }
            }
            at += m;
        }
    }

    /// The program's one kernel; it writes `n` elements and no more.
    ///
    /// # Safety
    /// As [`Runner::run`].
    unsafe fn run_native(&mut self, native: &Loop, inputs: &[Stream], outputs: &[*mut u8], n: usize) {
        // A tensor of one element is read as one of many; where there is none, one call does all.
        let mut step = n;
        for (i, (input, given)) in inputs.iter().zip(native.inputs()).enumerate() {
            if input.splat && !given.scalar {
                step = self.len;
                // SAFETY: one element is readable, the copy has room for a tile.
                unsafe { fill(self.copies[i], input.start, self.program.inputs[i], self.len) };
            }
        }
        let mut at = 0;
        while at < n {
            let m = step.min(n - at);
            let read = |(i, (input, given)): (usize, (&Stream, &Input))| match (input.splat, given.scalar) {
                (true, false) => self.copies[i].cast_const(),
                (true, true) => input.start,
                (false, _) => input.start.wrapping_add(at * self.program.inputs[i]),
            };
            let given = inputs.iter().zip(native.inputs()).enumerate().map(read);
            let starts = outputs.iter().zip(&self.program.outputs).map(|(o, size)| o.wrapping_add(at * size));
            // SAFETY: by the caller, for the elements from `at` on.
            unsafe { native.run(given, starts, m) };
            at += m;
        }
    }

    /// Where `m` elements of an input from `at` on can be read as whole groups.
    ///
    /// # Safety
    /// They are readable.
    #[inline]
    unsafe fn input(&mut self, i: usize, input: &Stream, at: usize, m: usize) -> *const u8 {
        let size = self.program.inputs[i];
        let whole = m.next_multiple_of(GROUP);
        if input.splat {
            return self.copies[i];
        }
        if (at + whole) * size <= input.readable && (size > 1 || whole == m) {
            return input.start.wrapping_add(at * size);
        }
        self.filled[i] = std::ptr::null();
        // Bytes past the end may be no bools, so that a copy ends in zeros.
        // SAFETY: by the caller; the copy has room for `whole`.
        unsafe {
            std::ptr::copy_nonoverlapping(input.start.add(at * size), self.copies[i], m * size);
            self.copies[i].add(m * size).write_bytes(0, (whole - m) * size);
        }
        self.copies[i]
    }
}

/// A value written many times.
struct Fill<'a, T>(&'a mut [T], T);

impl<T: Copy> WithSimd for Fill<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for to in self.0 {
            *to = self.1;
        }
    }
}

/// # Safety
/// `value` is readable for `size` bytes, `to` writable for `n` times as many.
pub(super) unsafe fn fill(to: *mut u8, value: *const u8, size: usize, n: usize) {
    // SAFETY: by the caller; sizes of elements are 1, 4 and 8, and both sides are aligned.
    unsafe {
        match size {
            1 => std::slice::from_raw_parts_mut(to, n).fill(*value),
            4 => arch().dispatch(Fill(std::slice::from_raw_parts_mut(to.cast::<u32>(), n), *value.cast())),
            _ => arch().dispatch(Fill(std::slice::from_raw_parts_mut(to.cast::<u64>(), n), *value.cast())),
        }
    }
}
