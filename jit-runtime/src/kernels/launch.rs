//! From a program and tensors to loops over memory: broadcasting, strides, threads.

use jit_ir::{DType, Prim, Scalar, with_dtype};
use smallvec::SmallVec;

use std::mem::MaybeUninit;

use super::copy;
use super::nest::Nest;
use super::periodic::Periodic;
pub(crate) use super::periodic::is_row;
use super::table::Kernel;
use super::tile::{self, GROUP, Program, Stream};
use crate::exec::threads;
use crate::few::few;
use crate::tensor::raw::{RawTensor, Sizes, Strides, Val};

/// Work below so many additions stays on one thread (about 100 microseconds).
pub(crate) const PARALLEL: usize = 2_000_000;
/// Rows shorter than this are not worth a loop of their own: broadcast operands are copied out.
const SHORT_ROW: usize = 64;

/// An input of a program.
#[derive(Clone, Copy)]
pub(crate) enum Operand<'a> {
    Tensor(&'a RawTensor),
    /// A host scalar's bytes.
    Scalar([u64; 1]),
}

impl<'a> Operand<'a> {
    #[inline(always)]
    pub(crate) fn new(value: &'a Val, dtype: DType) -> Result<Operand<'a>, String> {
        match value {
            Val::Tensor(t) => Ok(Operand::Tensor(t)),
            Val::Scalar(s) if s.dtype() == dtype => Ok(Operand::Scalar([bits(s)])),
            Val::Scalar(s) => Ok(Operand::Scalar([bits(&s.cast(dtype))])),
            other => Err(format!("expected a tensor or a host scalar, got {}", other.kind())),
        }
    }

    pub(crate) fn shape(&self) -> &'a [usize] {
        match self {
            Operand::Tensor(t) => &t.shape,
            Operand::Scalar(_) => &[],
        }
    }

    /// How many elements.
    fn len(&self) -> usize {
        match self {
            Operand::Tensor(t) => t.len(),
            Operand::Scalar(_) => 1,
        }
    }

    /// Whether its elements stand in the order of a result of the shape `sizes`, to which it broadcasts; a single element
    /// stands for all.
    pub(crate) fn is_flat(&self, sizes: &[usize]) -> bool {
        match self {
            Operand::Tensor(t) => {
                t.rank() == 0 || (t.len() == sizes.iter().product::<usize>() && t.is_contiguous())
            }
            Operand::Scalar(_) => true,
        }
    }

    /// As a view of the shape `sizes`, unless it is one element for all.
    fn over(&self, sizes: &[usize]) -> Option<RawTensor> {
        match self {
            Operand::Tensor(t) if t.rank() > 0 => Some(broadcast_view(t, sizes)),
            _ => None,
        }
    }
}

/// The bytes of a scalar at the low end of a word.
fn bits(s: &Scalar) -> u64 {
    match *s {
        Scalar::Bool(v) => u64::from(v),
        Scalar::U8(v) => u64::from(v),
        Scalar::I32(v) => u64::from(v as u32),
        Scalar::I64(v) => v as u64,
        Scalar::Usize(v) => v as u64,
        Scalar::F32(v) => u64::from(v.to_bits()),
        Scalar::F64(v) => v.to_bits(),
    }
}

/// Runs a program whose members all have the shape `sizes`; `results` are fresh.
pub(crate) fn launch(
    program: &Program,
    operands: &[Operand],
    sizes: &[usize],
    results: &mut [RawTensor],
    cost: usize,
) {
    let n: usize = sizes.iter().product();
    if n == 0 {
        return;
    }
    if operands.iter().all(|o| o.is_flat(sizes)) {
        return few(operands.len(), Stream::NONE, |streams| {
            streams.iter_mut().zip(operands).for_each(|(to, o)| *to = stream(o, n));
            run_flat(program, streams, results, n, cost);
        });
    }
    if let Some(periodic) = Periodic::new(operands, sizes) {
        return periodic.run(program, operands, results, n, cost);
    }
    let views: SmallVec<[Option<RawTensor>; 6]> = operands.iter().map(|o| o.over(sizes)).collect();
    let nest = Nest::new(&views, sizes);
    if nest.inner() < SHORT_ROW && nest.loops() > 1 {
        let copies: SmallVec<[Option<RawTensor>; 6]> =
            views.iter().map(|v| v.as_ref().map(copy::contiguous_copy)).collect();
        let streams: SmallVec<[Stream; 6]> = operands
            .iter()
            .zip(&copies)
            .map(|(o, c)| stream(c.as_ref().map(Operand::Tensor).as_ref().unwrap_or(o), n))
            .collect();
        return run_flat(program, &streams, results, n, cost);
    }
    let streams: SmallVec<[Stream; 6]> = operands.iter().map(|o| stream(o, 1)).collect();
    nest.run(program, &streams, results, cost);
}

/// Elements of a splat that are written out for a kernel at a time; of longer tensors more, as each call interrupts what
/// the memory delivers.
const SPLAT: usize = 512;
const LONG_SPLAT: usize = 4 * SPLAT;

/// One kernel over row-major operands of the shape `sizes`, rows that stand for all rows, and single elements, on this
/// thread; the result has elements of type `to`. `None` where that does not pay, or does not fit.
pub(crate) fn single(
    kernel: Kernel,
    operands: &[Operand],
    dtypes: &[DType],
    (to, sizes): (DType, &[usize]),
    cost: usize,
) -> Option<RawTensor> {
    let n: usize = sizes.iter().product();
    if n * cost >= PARALLEL && threads::count() > 1 {
        return None;
    }
    let out = RawTensor::uninit(to, sizes);
    if n == 0 {
        return Some(out);
    }
    let mut streams = [Stream::NONE; 3];
    let streams = &mut streams[..operands.len()];
    streams.iter_mut().zip(operands).for_each(|(to, o)| *to = stream(o, n));
    let mut row = 1;
    for (s, o) in streams.iter_mut().zip(operands) {
        if let Operand::Tensor(t) = o
            && t.len() != n
            && !s.splat
        {
            s.splat = true;
            if t.len() > SPLAT || (t.len() > 1 && row > 1 && row != t.len()) {
                return None;
            }
            row = row.max(t.len());
        }
    }
    let given = Given { operands, streams, dtypes, row };
    if n <= GROUP {
        given.run::<GROUP>(kernel, &out, n);
    } else if n <= LONG_SPLAT {
        given.run_apart::<SPLAT>(kernel, &out, n);
    } else {
        given.run_apart::<LONG_SPLAT>(kernel, &out, n);
    }
    Some(out)
}

/// The operands of one kernel.
struct Given<'a> {
    operands: &'a [Operand<'a>],
    streams: &'a [Stream],
    dtypes: &'a [DType],
    /// Elements of what stands for all rows.
    row: usize,
}

impl Given<'_> {
    /// As [`Given::run`], in a frame of its own, since the copies take pages of the stack.
    #[inline(never)]
    fn run_apart<const LEN: usize>(&self, kernel: Kernel, out: &RawTensor, n: usize) {
        self.run::<LEN>(kernel, out, n);
    }

    /// Runs a kernel, splats and rows of which are written out for up to `LEN` elements.
    #[inline(always)]
    fn run<const LEN: usize>(&self, kernel: Kernel, out: &RawTensor, n: usize) {
        let Given { operands, streams, dtypes, row } = self;
        let mut filled = [const { MaybeUninit::<[u64; LEN]>::uninit() }; 3];
        let mut splat = false;
        let mut whole = n.next_multiple_of(GROUP);
        for (((s, o), dtype), copy) in streams.iter().zip(*operands).zip(*dtypes).zip(&mut filled) {
            let size = dtype.size();
            if s.splat && o.len() > 1 {
                splat = true;
                // SAFETY: a row is readable, and the copy has room for as many.
                unsafe { repeat(copy.as_mut_ptr().cast(), s.start, o.len() * size, LEN.min(whole) * size) };
            } else if s.splat {
                splat = true;
                // SAFETY: one element is readable, and the copy has room for as many.
                unsafe { tile::fill(copy.as_mut_ptr().cast(), s.start, size, LEN.min(whole)) };
            } else if whole * size > s.readable || (size == 1 && whole > n) {
                whole = n;
            }
        }
        let step = if splat { LEN / row * row } else { whole };
        let start = out.buffer.start();
        for at in (0..whole).step_by(step) {
            let from = |i: usize| match streams.get(i) {
                Some(s) if s.splat => filled[i].as_ptr().cast(),
                Some(s) => s.start.wrapping_add(at * dtypes[i].size()),
                None => std::ptr::null(),
            };
            let dst = start.wrapping_add(at * out.dtype.size());
            // SAFETY: operands are readable for whole groups, or the count is exact; the result is fresh and padded to
            // whole groups.
            unsafe { kernel(dst, from(0), from(1), from(2), step.min(whole - at)) };
        }
    }
}

/// Fills `to` with as many bytes, by repeating those from `from` on.
///
/// # Safety
/// `row` bytes can be read there, `bytes` written; the two do not overlap.
unsafe fn repeat(to: *mut u8, from: *const u8, row: usize, bytes: usize) {
    for at in (0..bytes).step_by(row) {
        // SAFETY: by the caller.
        unsafe { std::ptr::copy_nonoverlapping(from, to.add(at), row.min(bytes - at)) };
    }
}

/// Whether two shapes differ in leading axes of size 1 at most.
pub(crate) fn same_but_for_ones(a: &[usize], b: &[usize]) -> bool {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let (ones, rest) = long.split_at(long.len() - short.len());
    rest == short && ones.iter().all(|n| *n == 1)
}

/// A contiguous or single-element operand as a stream.
pub(crate) fn stream(operand: &Operand, n: usize) -> Stream {
    match operand {
        Operand::Scalar(word) => Stream { start: word.as_ptr().cast(), splat: true, readable: 8 },
        Operand::Tensor(t) => {
            let at = t.offset * t.dtype.size();
            Stream {
                start: t.buffer.start().wrapping_add(at),
                splat: t.rank() == 0 && n >= 1,
                readable: t.buffer.capacity() - at,
            }
        }
    }
}

/// One loop over all elements, split over threads where it is long enough.
fn run_flat(program: &Program, streams: &[Stream], results: &mut [RawTensor], n: usize, cost: usize) {
    let threads = if n * cost >= PARALLEL { threads::count() } else { 1 };
    few(results.len(), std::ptr::null_mut(), |outputs| {
        outputs.iter_mut().zip(results).for_each(|(to, r)| *to = r.buffer.start());
        if threads == 1 {
            // SAFETY: operands are contiguous with `n` elements or splats; results are fresh, and
            // their buffers are padded to whole groups.
            return unsafe { program.run(streams, outputs, n) };
        }
        let job = Job { program, streams, outputs };
        let chunk = (n.div_ceil(threads)).next_multiple_of(16 * 1024);
        threads::ranges(0, n, chunk, &|from, to| job.run(from, to));
    });
}

/// A range of a flat loop. Ranges start at whole groups, so that no two threads touch one element.
#[derive(Clone, Copy)]
struct Job<'a> {
    program: &'a Program,
    streams: &'a [Stream],
    outputs: &'a [*mut u8],
}

// SAFETY: inputs are only read, and each thread writes a range of the outputs of its own.
unsafe impl Send for Job<'_> {}
// SAFETY: as above.
unsafe impl Sync for Job<'_> {}

impl Job<'_> {
    fn run(self, from: usize, to: usize) {
        let Job { program, streams, outputs } = self;
        let streams: SmallVec<[Stream; 6]> = streams
            .iter()
            .zip(&program.inputs)
            .map(|(s, size)| match s.splat {
                true => *s,
                false => Stream {
                    start: s.start.wrapping_add(from * size),
                    splat: false,
                    readable: s.readable - from * size,
                },
            })
            .collect();
        let outputs: SmallVec<[*mut u8; 2]> =
            outputs.iter().zip(&program.outputs).map(|(o, size)| o.wrapping_add(from * size)).collect();
        // SAFETY: as in `run_flat`, for the elements `from..to`; `from` is a multiple of GROUP.
        unsafe { program.run(&streams, &outputs, to - from) };
    }
}

/// Whether a shape broadcasts to another.
pub(crate) fn fits(shape: &[usize], sizes: &[usize]) -> bool {
    shape.len() <= sizes.len() && shape.iter().rev().zip(sizes.iter().rev()).all(|(a, b)| a == b || *a == 1)
}

/// A view with axes of stride 0 for what is broadcast.
pub(crate) fn broadcast_view(x: &RawTensor, sizes: &[usize]) -> RawTensor {
    let missing = sizes.len() - x.rank();
    let strides: Strides = (0..sizes.len())
        .map(|i| match i.checked_sub(missing) {
            Some(j) if x.shape[j] != 1 => x.strides[j],
            _ => 0,
        })
        .collect();
    x.view(sizes.into(), strides, x.offset)
}

/// An op on integers that has no value for a zero divisor.
pub(crate) fn checked_division(
    op: jit_ir::Op,
    a: &Val,
    b: &Val,
    dtype: DType,
    sizes: &Sizes,
) -> Result<RawTensor, String> {
    use jit_ir::ops::lanes::Int;
    fn all<T: Int>(op: jit_ir::Op, a: &Val, b: &Val, sizes: &Sizes) -> Result<RawTensor, String> {
        let read = |v: &Val| -> Result<Vec<T>, String> {
            Ok(match v {
                Val::Scalar(s) => vec![T::from_scalar(*s); sizes.iter().product()],
                other => broadcast_view(other.tensor()?, sizes).to_vec(),
            })
        };
        let divide = match op {
            jit_ir::Op::Div => T::div,
            jit_ir::Op::Rem => T::rem,
            jit_ir::Op::DivEuclid => T::div_euclid,
            _ => T::rem_euclid,
        };
        let (a, b) = (read(a)?, read(b)?);
        let quotients: Option<Vec<T>> = a.iter().zip(&b).map(|(x, y)| divide(*x, *y)).collect();
        let quotients = quotients.ok_or("division by zero: the divisor holds a 0")?;
        Ok(RawTensor::from_slice(&quotients, sizes))
    }
    match dtype {
        DType::U8 => all::<u8>(op, a, b, sizes),
        DType::I32 => all::<i32>(op, a, b, sizes),
        _ => all::<i64>(op, a, b, sizes),
    }
}

/// A tensor filled with one value.
pub(crate) fn filled(value: Scalar, sizes: &[usize]) -> RawTensor {
    with_dtype!(value.dtype(), T => {
        let mut out = RawTensor::uninit(T::DTYPE, sizes);
        out.fresh::<T>().fill(T::from_scalar(value));
        out
    })
}

const _: () = assert!(GROUP == 64, "the chunks of threads are whole groups");
