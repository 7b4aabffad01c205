//! Products of one row and groups over their results, one after the other, without tensors between: what is made on the
//! way stands in a little memory on the stack. For the small networks that are asked about one thing at a time.

use std::mem::MaybeUninit;

use jit_ir::DType;
use smallvec::SmallVec;

use super::launch::{self, Operand};
use super::tile::{GROUP, Program, Stream};
use super::vector_product::{Float, row_times_matrix};
use crate::few::few;
use crate::tensor::raw::{RawTensor, Val};

/// Bytes for what is made on the way.
const ROOM: usize = 8 << 10;
/// What a link reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum From {
    /// The result of an earlier link.
    Made(usize),
    /// An argument.
    Given(usize),
}

/// What a link does.
pub(crate) enum What {
    /// A row times a matrix.
    Product,
    /// A group with one result; it reads the result of an earlier link.
    Group {
        program: Program,
        /// Its inputs' types, and the result's.
        inputs: SmallVec<[DType; 4]>,
        to: DType,
    },
}

/// One of the steps.
pub(crate) struct Link {
    pub(crate) what: What,
    pub(crate) from: SmallVec<[From; 4]>,
}

/// A link's result.
#[derive(Clone, Copy)]
struct Row {
    dtype: DType,
    n: usize,
    start: *mut u8,
}

/// Runs the links; `None` where something is larger, more than a row, or does not fit: then nothing was computed.
pub(crate) fn run(links: &[Link], args: &[&Val]) -> Option<RawTensor> {
    let none = Row { dtype: DType::Bool, n: 0, start: std::ptr::null_mut() };
    few(links.len(), none, |rows| {
        let rank = sizes(links, args, rows)?;
        let mut room = MaybeUninit::<[MaybeUninit<u64>; ROOM / 8]>::uninit();
        let out = place(rows, rank, room.as_mut_ptr().cast())?;
        for (link, to) in links.iter().zip(&*rows) {
            // SAFETY: `sizes` has found that all fits; each result has room for whole groups, of its own.
            unsafe {
                match &link.what {
                    What::Product if to.dtype == DType::F64 => product::<f64>(link, args, rows, to),
                    What::Product => product::<f32>(link, args, rows, to),
                    What::Group { program, inputs, .. } => group(program, inputs, link, args, rows, to),
                }
            }
        }
        Some(out)
    })
}

/// Finds places for the results, from `next` on where there is [`ROOM`]; that of the last is a tensor of this rank.
fn place(rows: &mut [Row], rank: usize, mut next: *mut u8) -> Option<RawTensor> {
    let (last, way) = rows.split_last_mut()?;
    let mut left = ROOM;
    for row in way {
        let bytes = row.n.next_multiple_of(GROUP) * row.dtype.size();
        left = left.checked_sub(bytes)?;
        row.start = next;
        next = next.wrapping_add(bytes);
    }
    let shape = [1, last.n];
    let out = RawTensor::uninit(last.dtype, &shape[2 - rank..]);
    last.start = out.buffer.start();
    Some(out)
}

/// A vector, or a matrix of one row: its elements, and its rank.
fn as_row(x: &RawTensor) -> Option<(usize, usize)> {
    let n = match x.shape[..] {
        [n] | [1, n] => n,
        _ => return None,
    };
    (x.is_contiguous() && n > 0).then_some((n, x.rank()))
}

/// Finds the types and sizes of all results, and their rank: 1 or 2.
fn sizes(links: &[Link], args: &[&Val], rows: &mut [Row]) -> Option<usize> {
    let mut rank = 0;
    for (k, link) in links.iter().enumerate() {
        let (dtype, n) = match (&link.what, &link.from[..]) {
            (What::Product, [x, From::Given(w)]) => {
                let (dtype, k) = match x {
                    From::Made(i) => (rows[*i].dtype, rows[*i].n),
                    From::Given(i) => {
                        let Val::Tensor(x) = args[*i] else { return None };
                        let (k, own) = as_row(x)?;
                        if rank != 0 && rank != own {
                            return None;
                        }
                        rank = own;
                        (x.dtype, k)
                    }
                };
                let Val::Tensor(w) = args[*w] else { return None };
                let ([high, n], float) = (&w.shape[..], matches!(dtype, DType::F32 | DType::F64)) else {
                    return None;
                };
                if *high != k || *n == 0 || w.dtype != dtype || !float || !w.is_contiguous() {
                    return None;
                }
                (dtype, *n)
            }
            (What::Product, _) => return None,
            (What::Group { to, .. }, from) => (*to, group_size(rows, rank, from, args)?),
        };
        (rows[k].dtype, rows[k].n) = (dtype, n);
    }
    Some(rank)
}

/// The elements of a group's result.
fn group_size(rows: &[Row], rank: usize, from: &[From], args: &[&Val]) -> Option<usize> {
    let made = |from: &From| if let From::Made(i) = from { Some(rows[*i].n) } else { None };
    let n = from.iter().find_map(made)?;
    let fits = from.iter().all(|from| match from {
        From::Made(i) => rows[*i].n == n,
        From::Given(i) => match args[*i] {
            Val::Scalar(_) => true,
            // One element is one for all.
            Val::Tensor(t) if t.rank() == 0 => true,
            Val::Tensor(t) => t.rank() <= rank && as_row(t).is_some_and(|(len, _)| len == n),
            _ => false,
        },
    });
    fits.then_some(n)
}

/// # Safety
/// The operands of a product fit, of this type; `to` has room for it, and nobody else uses that.
unsafe fn product<T: Float>(link: &Link, args: &[&Val], made: &[Row], to: &Row) {
    let slice = |from: &From| match from {
        // SAFETY: an earlier link has written so many elements.
        From::Made(i) => Some(unsafe { std::slice::from_raw_parts(made[*i].start.cast::<T>(), made[*i].n) }),
        From::Given(i) => match args[*i] {
            Val::Tensor(x) => x.as_slice::<T>(),
            _ => None,
        },
    };
    if let [x, w] = &link.from[..]
        && let (Some(x), Some(w)) = (slice(x), slice(w))
    {
        // SAFETY: by the caller.
        row_times_matrix(x, w, unsafe { std::slice::from_raw_parts_mut(to.start.cast(), to.n) });
    }
}

/// # Safety
/// As [`product`], for a group.
unsafe fn group(program: &Program, dtypes: &[DType], link: &Link, args: &[&Val], made: &[Row], to: &Row) {
    few(link.from.len(), Operand::Scalar([0]), |operands| {
        for ((operand, from), dtype) in operands.iter_mut().zip(&link.from).zip(dtypes) {
            if let From::Given(i) = from
                && let Ok(given) = Operand::new(args[*i], *dtype)
            {
                *operand = given;
            }
        }
        few(link.from.len(), Stream::NONE, |streams| {
            for ((stream, from), operand) in streams.iter_mut().zip(&link.from).zip(&*operands) {
                *stream = match from {
                    From::Made(i) => {
                        let Row { dtype, n, start } = made[*i];
                        Stream { start, splat: false, readable: n.next_multiple_of(GROUP) * dtype.size() }
                    }
                    From::Given(_) => launch::stream(operand, to.n),
                };
            }
            // SAFETY: by the caller.
            unsafe { program.run(streams, &[to.start], to.n) };
        });
    });
}
