//! Programs over operands that are not all row-major: loops around a program's own loop.

use smallvec::SmallVec;

use super::copy;
use super::launch::PARALLEL;
use super::tile::{GROUP, Program, Runner, Stream};
use super::turn::{BLOCK, Turn};
use crate::exec::threads;
use crate::tensor::raw::{RawTensor, Sizes, Strides};

/// Elements of a row that are copied out at a time, where an operand is not read in place.
const CHUNK: usize = 1024;

/// Rows that are turned at a time.
const BAND: usize = 64;

/// The loops over a broadcast shape, neighbours merged where all operands allow.
pub(super) struct Nest {
    sizes: Sizes,
    /// For each operand its stride in each loop.
    strides: SmallVec<[Strides; 6]>,
}

impl Nest {
    /// The loops over views of one shape; an operand without a view is one element for all.
    pub(super) fn new(views: &[Option<RawTensor>], sizes: &[usize]) -> Nest {
        let step = |v: &Option<RawTensor>, axis: usize| v.as_ref().map_or(0, |v| v.strides[axis]);
        let mut nest =
            Nest { sizes: Sizes::new(), strides: SmallVec::from_elem(Strides::new(), views.len()) };
        for (axis, n) in sizes.iter().copied().enumerate().filter(|(_, n)| *n != 1) {
            let merges = nest.sizes.last().is_some()
                && views
                    .iter()
                    .zip(&nest.strides)
                    .all(|(v, s)| s.last().is_some_and(|outer| *outer == step(v, axis) * n as isize));
            if merges {
                *nest.sizes.last_mut().expect("checked above") *= n;
                for (v, s) in views.iter().zip(&mut nest.strides) {
                    *s.last_mut().expect("as long as sizes") = step(v, axis);
                }
            } else {
                nest.sizes.push(n);
                for (v, s) in views.iter().zip(&mut nest.strides) {
                    s.push(step(v, axis));
                }
            }
        }
        if nest.sizes.is_empty() {
            nest.sizes.push(1);
            nest.strides.iter_mut().for_each(|s| s.push(0));
        }
        nest
    }

    pub(super) fn loops(&self) -> usize {
        self.sizes.len()
    }

    pub(super) fn inner(&self) -> usize {
        self.sizes[self.sizes.len() - 1]
    }

    /// An operand's strides in the last two loops.
    fn steps(&self, operand: usize) -> [isize; 2] {
        let strides = &self.strides[operand];
        let last = strides.len() - 1;
        [if last > 0 { strides[last - 1] } else { 0 }, strides[last]]
    }

    /// Runs the program; `streams` begin at the operands' first elements, `results` are row-major. `cost` is the rough
    /// cost of an element, in additions.
    pub(super) fn run(&self, program: &Program, streams: &[Stream], results: &[RawTensor], cost: usize) {
        let loops = self.loops();
        let rows = if loops > 1 { self.sizes[loops - 2] } else { 1 };
        let blocks: usize = self.sizes[..loops.saturating_sub(2)].iter().product();
        let turned = |i: usize| self.steps(i)[0] == 1 && self.steps(i)[1] != 1;
        let still = |i: usize| self.steps(i) == [0, 0];
        let all_turned = rows >= BLOCK && (0..streams.len()).all(|i| turned(i) || still(i));
        let outputs: SmallVec<[*mut u8; 2]> = results.iter().map(|r| r.buffer.start()).collect();
        let turned = all_turned && (0..streams.len()).any(turned);
        let job = Job { nest: self, program, streams, outputs: &outputs, rows, turned };
        let all = blocks * rows;
        let work = all * self.inner() * cost;
        let threads = if work >= PARALLEL { threads::count() } else { 1 };
        let share = all.div_ceil(threads);
        let share = if share > BAND { share.next_multiple_of(BAND) } else { share.max(1) };
        // SAFETY: operands are views that lie in their buffers, results have a row-major place for each element and
        // padding behind; no two threads have the same rows.
        threads::ranges(0, all, share, &|from, to| unsafe { job.rows(from, to, to == all) });
    }

    /// The matrices of the last two loops, their rows counted through.
    fn matrix<'a>(&self, job: &Job<'a>, row: usize, rows: usize) -> Matrix<'a> {
        let loops = self.loops();
        let mut rest = row / job.rows;
        let mut index: SmallVec<[usize; 4]> = SmallVec::new();
        for size in self.sizes[..loops.saturating_sub(2)].iter().rev() {
            index.insert(0, rest % size);
            rest /= size;
        }
        let down = (row % job.rows) as isize;
        let here = |(i, s): (usize, &Stream)| {
            let outer: isize = index.iter().zip(&self.strides[i]).map(|(k, step)| *k as isize * step).sum();
            moved(*s, (outer + down * self.steps(i)[0]) * job.program.inputs[i] as isize)
        };
        let sized = job.outputs.iter().zip(&job.program.outputs);
        Matrix {
            program: job.program,
            rows,
            columns: self.inner(),
            inputs: job.streams.iter().enumerate().map(here).collect(),
            steps: (0..job.streams.len()).map(|i| self.steps(i)).collect(),
            outputs: sized.map(|(start, size)| start.wrapping_add(row * self.inner() * size)).collect(),
        }
    }
}

/// A nest with its memory.
struct Job<'a> {
    nest: &'a Nest,
    program: &'a Program,
    streams: &'a [Stream],
    outputs: &'a [*mut u8],
    /// Rows of a matrix.
    rows: usize,
    /// Whether it runs column by column.
    turned: bool,
}

// SAFETY: inputs are only read, and each thread writes rows of the results of its own.
unsafe impl Sync for Job<'_> {}

impl Job<'_> {
    /// Some of the rows of all matrices. Whether they are the last ones: else nothing behind them is written, not even for
    /// a while.
    ///
    /// # Safety
    /// As [`Matrix::run`]; nobody else uses these rows of the results, nor, behind the last ones, the padding.
    unsafe fn rows(&self, from: usize, to: usize, last: bool) {
        let mut row = from;
        while row < to {
            let count = (self.rows - row % self.rows).min(to - row);
            // SAFETY: passed on; matrices follow each other in the results.
            unsafe {
                if self.turned {
                    self.nest.matrix(self, row, count).turned();
                } else {
                    let apart = if last || row + count < to { 0 } else { self.reaching().min(count) };
                    if count > apart {
                        self.nest.matrix(self, row, count - apart).run();
                    }
                    if apart > 0 {
                        self.nest.matrix(self, row + count - apart, apart).run_apart();
                    }
                }
            }
            row += count;
        }
    }

    /// The last rows of which a whole group of elements may reach behind the last one.
    fn reaching(&self) -> usize {
        if self.nest.inner().is_multiple_of(GROUP) { 0 } else { GROUP.div_ceil(self.nest.inner()) }
    }
}

fn moved(s: Stream, bytes: isize) -> Stream {
    Stream { start: s.start.wrapping_offset(bytes), readable: s.readable.wrapping_add_signed(-bytes), ..s }
}

/// The last two loops.
struct Matrix<'a> {
    program: &'a Program,
    rows: usize,
    columns: usize,
    /// The operands' first elements.
    inputs: SmallVec<[Stream; 6]>,
    /// For each operand its strides from row to row and from column to column.
    steps: SmallVec<[[isize; 2]; 6]>,
    outputs: SmallVec<[*mut u8; 2]>,
}

/// Memory for rows of [`CHUNK`] elements. A line between them keeps a column's elements from falling on the same sets
/// of the nearest cache.
struct Scratch {
    words: Vec<u64>,
    /// Bytes of an element.
    size: usize,
}

impl Scratch {
    fn new(rows: usize, size: usize) -> Scratch {
        Scratch { words: vec![0; rows * (CHUNK * size + 64) / 8 + 8], size }
    }

    fn start(&self) -> *mut u8 {
        let start = self.words.as_ptr().cast_mut().cast::<u8>();
        start.wrapping_add(start.align_offset(64))
    }

    /// Elements from one row to the next.
    fn pitch(&self) -> usize {
        CHUNK + 64 / self.size
    }

    fn row(&self, row: usize) -> *mut u8 {
        self.start().wrapping_add(row * self.pitch() * self.size)
    }

    fn stream(&self, row: usize) -> Stream {
        Stream { start: self.row(row), splat: false, readable: CHUNK * self.size }
    }
}

impl Matrix<'_> {
    /// The element of an operand at a place.
    fn at(&self, operand: usize, row: usize, column: usize) -> Stream {
        let [down, right] = self.steps[operand];
        let steps = row as isize * down + column as isize * right;
        moved(self.inputs[operand], steps * self.program.inputs[operand] as isize)
    }

    fn output(&self, k: usize, row: usize, column: usize) -> *mut u8 {
        self.outputs[k].wrapping_add((row * self.columns + column) * self.program.outputs[k])
    }

    /// Row by row; operands whose rows have gaps are copied out, a piece at a time.
    ///
    /// # Safety
    /// Operands can be read at every row and column, the results written.
    unsafe fn run(&self) {
        let copied = |i: usize| !matches!(self.steps[i][1], 0 | 1);
        let turned = |i: usize| copied(i) && self.steps[i][0] == 1;
        let operands = 0..self.inputs.len();
        let band = if operands.clone().any(turned) { BAND } else { 1 };
        let chunk = if operands.clone().any(copied) { CHUNK } else { self.columns };
        let scratch: SmallVec<[Option<Scratch>; 6]> =
            operands.clone().map(|i| copied(i).then(|| Scratch::new(band, self.program.inputs[i]))).collect();
        let (mut streams, mut outputs) = (self.inputs.clone(), self.outputs.clone());
        let mut runner = Runner::new(self.program, chunk);
        for first in (0..self.rows).step_by(band) {
            let count = band.min(self.rows - first);
            // A row's last group may reach into the next row, which must be written later: of several rows the last
            // chunks come first. The others go upwards, as memory is faster so.
            let chunks = self.columns.div_ceil(chunk);
            for k in 0..chunks {
                let left = chunk * if band == 1 { k } else { (k + chunks - 1) % chunks };
                let n = chunk.min(self.columns - left);
                for (i, scratch) in scratch.iter().enumerate() {
                    // SAFETY: the operand's elements at these rows and columns; the scratch has room for them.
                    unsafe {
                        match scratch {
                            Some(s) if turned(i) => self.turn_in(i, s, [first, left], [count, n]),
                            Some(s) => self.copy_in(i, s, [first, left], [count, n]),
                            None => {}
                        }
                    }
                }
                for row in 0..count {
                    for (i, stream) in streams.iter_mut().enumerate() {
                        *stream = match &scratch[i] {
                            Some(s) => s.stream(row),
                            None => Stream { splat: self.steps[i][1] == 0, ..self.at(i, first + row, left) },
                        };
                    }
                    for (k, output) in outputs.iter_mut().enumerate() {
                        *output = self.output(k, first + row, left);
                    }
                    // SAFETY: rows are contiguous or splats, in place or copied.
                    unsafe { runner.run(&streams, &outputs, n) };
                }
            }
        }
    }

    /// As [`Matrix::run`], and writes nothing but the matrix' elements.
    ///
    /// # Safety
    /// As there.
    unsafe fn run_apart(self) {
        let n = self.rows * self.columns;
        let room = |size: &usize| vec![0_u64; (n.next_multiple_of(GROUP) + GROUP) * size / 8];
        let mut rooms: SmallVec<[Vec<u64>; 2]> = self.program.outputs.iter().map(room).collect();
        let starts: SmallVec<[*mut u8; 2]> = rooms.iter_mut().map(|r| r.as_mut_ptr().cast()).collect();
        let results = std::iter::zip(&self.outputs, &self.program.outputs);
        let results: SmallVec<[(*mut u8, usize); 2]> = results.map(|(to, size)| (*to, n * size)).collect();
        // SAFETY: by the caller; rooms have space for whole groups.
        unsafe { Matrix { outputs: starts.clone(), ..self }.run() };
        for (room, (to, bytes)) in starts.iter().zip(results) {
            // SAFETY: by the caller; what was just written.
            unsafe { std::ptr::copy_nonoverlapping(*room, to, bytes) };
        }
    }

    /// Column by column, for operands whose columns are contiguous; the results are turned.
    ///
    /// # Safety
    /// As [`Matrix::run`].
    unsafe fn turned(&self) {
        let scratch: SmallVec<[Scratch; 2]> =
            self.program.outputs.iter().map(|size| Scratch::new(BAND, *size)).collect();
        let (mut streams, mut outputs) = (self.inputs.clone(), self.outputs.clone());
        let mut runner = Runner::new(self.program, CHUNK);
        for first in (0..self.columns).step_by(BAND) {
            let count = BAND.min(self.columns - first);
            for top in (0..self.rows).step_by(CHUNK) {
                let n = CHUNK.min(self.rows - top);
                for column in 0..count {
                    for (i, stream) in streams.iter_mut().enumerate() {
                        let splat = self.steps[i] == [0, 0];
                        *stream = Stream { splat, ..self.at(i, top, first + column) };
                    }
                    outputs.iter_mut().zip(&scratch).for_each(|(o, s)| *o = s.row(column));
                    // SAFETY: columns are contiguous or splats; a row of the scratch has room for a chunk.
                    unsafe { runner.run(&streams, &outputs, n) };
                }
                for (k, s) in scratch.iter().enumerate() {
                    let (src, dst) = (s.start(), self.output(k, top, first));
                    // SAFETY: what was just written, and the results' places for it.
                    unsafe { turn(s.size, src, s.pitch() as isize, dst, self.columns as isize, [n, count]) };
                }
            }
        }
    }

    /// Copies rows whose elements follow each other down the columns.
    ///
    /// # Safety
    /// The operand can be read there, and the scratch has room.
    unsafe fn turn_in(&self, i: usize, to: &Scratch, [row, column]: [usize; 2], size: [usize; 2]) {
        let src = self.at(i, row, column).start;
        // SAFETY: by the caller.
        unsafe { turn(to.size, src, self.steps[i][1], to.start(), to.pitch() as isize, size) };
    }

    /// Copies rows with gaps.
    ///
    /// # Safety
    /// As [`Matrix::turn_in`].
    unsafe fn copy_in(&self, i: usize, to: &Scratch, [row, column]: [usize; 2], [rows, n]: [usize; 2]) {
        let step = self.steps[i][1];
        for k in 0..rows {
            let (src, dst) = (self.at(i, row + k, column).start, to.row(k));
            // SAFETY: by the caller; elements have 1, 4 or 8 bytes and are aligned.
            unsafe {
                match to.size {
                    1 => copy::stepped(src, step, dst, n),
                    4 => copy::stepped::<u32>(src.cast(), step, dst.cast(), n),
                    _ => copy::stepped::<u64>(src.cast(), step, dst.cast(), n),
                }
            }
        }
    }
}

/// [`Turn::run`] for elements of so many bytes.
///
/// # Safety
/// As there; elements are aligned.
unsafe fn turn(bytes: usize, src: *const u8, step: isize, dst: *mut u8, to: isize, size: [usize; 2]) {
    // SAFETY: by the caller; elements have 1, 4 or 8 bytes.
    unsafe {
        match bytes {
            1 => Turn { src, step, dst, to, size }.run(),
            4 => Turn { src: src.cast::<u32>(), step, dst: dst.cast(), to, size }.run(),
            _ => Turn { src: src.cast::<u64>(), step, dst: dst.cast(), to, size }.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Elem, Tensor};

    fn numbers<T: Elem>(shape: [usize; 2], from: impl Fn(usize) -> T) -> Tensor<T> {
        let n = shape[0] * shape[1];
        Tensor::from_vec((0..n).map(from).collect(), shape).expect("as many elements as the shape has")
    }

    /// The same elements in row-major order.
    fn laid_out<T: Elem>(x: &Tensor<T>) -> Tensor<T> {
        Tensor::from_vec(x.to_vec(), x.shape()).expect("as many elements as the shape has")
    }

    /// An op on views of all kinds, beside the same op on row-major copies.
    fn agrees<T: Elem, U: Elem + std::fmt::Debug>(
        from: impl Fn(usize) -> T,
        op: impl Fn(&Tensor<T>, &Tensor<T>) -> Tensor<U>,
    ) {
        for (m, n) in [(64, 64), (70, 130), (130, 71), (67, 1100), (1100, 67), (1, 2000), (65, 2049)] {
            let (x, y) = (numbers([n, m], &from), numbers([m, n], |i| from(i * 7 + 3)));
            let wide = numbers([m, 2 * n + 1], &from);
            let deep = numbers([3 * n, m], &from).reshape([3, n, m]);
            let cases = [
                (x.t(), y.clone()),
                (y.clone(), x.t()),
                (x.t(), x.flip(0).t()),
                (wide.slice_step(1, 0, 2 * n, 2), y.clone()),
                (wide.slice_step(1, 0, 2 * n, 2), x.t()),
                (y.flip(1), x.t()),
                (x.t(), y.slice_axis(0, 0, 1)),
                (x.t(), y.slice_axis(1, 0, 1)),
                (deep.transpose(1, 2), y.clone()),
                (deep.permute([2, 1, 0]), deep.permute([2, 1, 0]).flip(1)),
            ];
            for (i, (a, b)) in cases.iter().enumerate() {
                let (seen, expected) = (op(a, b), op(&laid_out(a), &laid_out(b)));
                assert!(seen.shape() == expected.shape(), "case {i} of {m} x {n}");
                assert!(seen.to_vec() == expected.to_vec(), "case {i} of {m} x {n}");
            }
        }
    }

    #[test]
    fn views_give_what_copies_give() {
        agrees(|i| (i % 1013) as f32 * 0.25, |a, b| a - b);
        agrees(|i| (i % 1013) as f64 * 0.25, |a, b| a - b);
        agrees(|i| (i % 251) as u8, |a, b| a - b);
        agrees(|i| i % 3 == 0, |a, b| a & b);
        agrees(|i| (i % 1013) as i64, |a, b| a.gt(b));
    }
}
