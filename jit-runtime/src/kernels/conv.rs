//! Convolution as matrix products: the windows of a block of results become the columns of a
//! matrix, which the weights multiply. Every result is one chain over channels, rows and columns of
//! the window, whatever the block or the number of threads.

use jit_ir::Prim;
use jit_ir::ops::window::Window;

use super::matmul::Product;
use crate::exec::threads;

/// Bytes of the matrix that a block of windows makes: it stays in the second cache.
const BLOCK: usize = 512 << 10;
/// Fewer multiply-adds than this stay on one thread.
const PARALLEL: usize = 4_000_000;

/// A convolution of row-major tensors.
pub(crate) struct Conv<'a, T> {
    pub(crate) x: &'a [T],
    pub(crate) weights: &'a [T],
    pub(crate) window: Window,
    /// Channels of one group: in, out.
    pub(crate) channels: [usize; 2],
    /// Rows and columns of an image, and of a result.
    pub(crate) size: [usize; 2],
    pub(crate) to: [usize; 2],
    pub(crate) groups: usize,
}

/// Results `start..start + count` of one group of one image.
#[derive(Clone, Copy)]
struct Block {
    /// Image and group, counted together.
    part: usize,
    start: usize,
    count: usize,
}

/// Where the results lie; each block writes elements of its own.
#[derive(Clone, Copy)]
struct Results<T>(*mut T);
// SAFETY: threads work on different blocks, which share no element.
unsafe impl<T: Send> Send for Results<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Results<T> {}

impl<T: Product> Conv<'_, T> {
    /// Elements of a window over all channels of a group.
    fn depth(&self) -> usize {
        self.channels[0] * self.window.kernel[0] * self.window.kernel[1]
    }

    fn places(&self) -> usize {
        self.to[0] * self.to[1]
    }

    /// Computes all results into `out`.
    pub(crate) fn run(&self, out: &mut [T]) {
        let (depth, places) = (self.depth(), self.places());
        if out.is_empty() {
            return;
        }
        let room = (BLOCK / size_of::<T>() / depth.max(1)).clamp(64, 4096) / 64 * 64;
        // Two results or more in each: a single column is another kernel's.
        let count = places.div_ceil(places.div_ceil(room));
        let parts = out.len() / (self.channels[1] * places);
        let blocks: Vec<Block> = (0..parts)
            .flat_map(|part| {
                (0..places).step_by(count).map(move |start| Block {
                    part,
                    start,
                    count: count.min(places - start),
                })
            })
            .collect();
        let work = out.len().saturating_mul(depth);
        let threads = if work >= PARALLEL { threads::count() } else { 1 };
        self.blocks(&blocks, Results(out.as_mut_ptr()), blocks.len().div_ceil(threads));
    }

    fn blocks(&self, blocks: &[Block], out: Results<T>, each: usize) {
        if blocks.len() > each.max(1) {
            let (first, second) = blocks.split_at(blocks.len() / 2);
            return threads::join(|| self.blocks(first, out, each), || self.blocks(second, out, each));
        }
        let mut columns = Vec::new();
        for block in blocks {
            self.block(*block, out, &mut columns);
        }
    }

    fn block(&self, block: Block, out: Results<T>, columns: &mut Vec<T>) {
        let ([channels, m], depth, places) = (self.channels, self.depth(), self.places());
        let plane = self.size[0] * self.size[1];
        let image = &self.x[block.part * channels * plane..][..channels * plane];
        let weights = &self.weights[block.part % self.groups * m * depth..][..m * depth];
        columns.resize(depth * block.count, T::ZERO);
        for (k, row) in columns.chunks_exact_mut(block.count).enumerate() {
            let [rows, across] = self.window.kernel;
            let (channel, i, j) = (k / (rows * across), k / across % rows, k % across);
            self.row(&image[channel * plane..][..plane], i, j, block.start, row);
        }
        let first = block.part * m * places + block.start;
        // SAFETY: row `r` of a block is `count` results of channel `r`, `places` apart, inside the buffer and no
        // other block's.
        unsafe { T::product(weights, columns, out.0.add(first), places, [m, depth, block.count]) };
    }

    /// What element `(i, j)` of the windows sees in a plane, for the results from `start` on.
    fn row(&self, plane: &[T], i: usize, j: usize, start: usize, row: &mut [T]) {
        let mut at = 0;
        while at < row.len() {
            let (y, x) = ((start + at) / self.to[1], (start + at) % self.to[1]);
            let len = (self.to[1] - x).min(row.len() - at);
            let piece = &mut row[at..at + len];
            match self.window.position(0, y, i, self.size[0]) {
                None => piece.fill(T::ZERO),
                Some(source) => self.piece(&plane[source * self.size[1]..][..self.size[1]], j, x, piece),
            }
            at += len;
        }
    }

    /// As [`Conv::row`], within one row of results from column `x` on.
    fn piece(&self, source: &[T], j: usize, x: usize, piece: &mut [T]) {
        let Window { stride, padding, dilation, .. } = self.window;
        let (step, shift) = (stride[1], j * dilation[1]);
        // Columns before `from` and from `to` on lie in the padding.
        let from = padding[1].saturating_sub(shift).div_ceil(step).saturating_sub(x).min(piece.len());
        let to = (source.len() + padding[1]).saturating_sub(shift).div_ceil(step).saturating_sub(x);
        let to = to.clamp(from, piece.len());
        piece[..from].fill(T::ZERO);
        piece[to..].fill(T::ZERO);
        if from == to {
            return;
        }
        let first = (x + from) * step + shift - padding[1];
        if step == 1 {
            piece[from..to].copy_from_slice(&source[first..first + to - from]);
        } else {
            for (v, s) in piece[from..to].iter_mut().zip(source[first..].iter().step_by(step)) {
                *v = *s;
            }
        }
    }
}

/// Windows folded by `combine`, row by row: elements in the padding are left out.
pub(crate) fn pool<T: Prim>(
    x: &[T],
    window: Window,
    size: [usize; 2],
    to: [usize; 2],
    (start, combine): (T, impl Fn(T, T) -> T + Copy),
    out: &mut [T],
) {
    if out.is_empty() {
        return;
    }
    let planes = out.chunks_exact_mut(to[0] * to[1]).zip(x.chunks_exact(size[0] * size[1]));
    for (plane_out, plane) in planes {
        for (y, row) in plane_out.chunks_exact_mut(to[1]).enumerate() {
            row.fill(start);
            for i in 0..window.kernel[0] {
                let Some(source) = window.position(0, y, i, size[0]) else { continue };
                let source = &plane[source * size[1]..][..size[1]];
                for j in 0..window.kernel[1] {
                    let step = window.stride[1];
                    let from = window.padding[1].saturating_sub(j).div_ceil(step).min(row.len());
                    let to = (size[1] + window.padding[1]).saturating_sub(j).div_ceil(step);
                    let to = to.clamp(from, row.len());
                    if from == to {
                        continue;
                    }
                    let first = from * step + j - window.padding[1];
                    for (r, s) in row[from..to].iter_mut().zip(source[first..].iter().step_by(step)) {
                        *r = combine(*r, *s);
                    }
                }
            }
        }
    }
}
