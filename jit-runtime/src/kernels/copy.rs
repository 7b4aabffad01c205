//! Copies of strided views.

use jit_ir::DType;
use pulp::{Simd, WithSimd};

use super::arch;
use super::turn::{BLOCK, Turn};
use crate::tensor::raw::{RawTensor, row_major};

/// A row-major copy.
pub(crate) fn contiguous_copy(x: &RawTensor) -> RawTensor {
    let mut out = RawTensor::uninit(x.dtype, &x.shape);
    if out.len() == 0 {
        return out;
    }
    let n = out.len() * x.dtype.size();
    debug_assert!(out.is_unique() && n <= out.buffer.capacity());
    let dst = out.buffer.start();
    // SAFETY: `dst` is fresh and holds the view's elements, which are read as plain bits.
    unsafe {
        match x.dtype.size() {
            1 => strided::<u8>(x, dst.cast()),
            4 => strided::<u32>(x, dst.cast()),
            _ => strided::<u64>(x, dst.cast()),
        }
    }
    out
}

/// Writes a view's elements in row-major order.
///
/// # Safety
/// `dst` is valid for as many elements as the view has; `T` has the size of its elements.
unsafe fn strided<T: Copy>(x: &RawTensor, dst: *mut T) {
    // SAFETY: offsets of a view stay in its buffer.
    let src = unsafe { x.buffer.start().cast::<T>().add(x.offset) };
    let rank = x.rank();
    if rank == 0 {
        // SAFETY: one element on both sides.
        unsafe { *dst = *src };
        return;
    }
    let inner = x.shape[rank - 1];
    let step = x.strides[rank - 1];
    if step != 1
        && inner >= BLOCK
        && let Some(axis) = (0..rank - 1).find(|a| x.strides[*a] == 1 && x.shape[*a] >= BLOCK)
    {
        // SAFETY: passed on.
        return unsafe { turned(x, axis, src, dst) };
    }
    let outer: usize = x.shape[..rank - 1].iter().product();
    let mut index = vec![0_usize; rank - 1];
    let mut at = 0_isize;
    for row in 0..outer {
        // SAFETY: `at` is the offset of a multi-index in range, rows follow each other in `dst`.
        unsafe {
            let (from, to) = (src.offset(at), dst.add(row * inner));
            if step == 1 {
                std::ptr::copy_nonoverlapping(from, to, inner);
            } else {
                stepped(from, step, to, inner);
            }
        }
        for axis in (0..rank - 1).rev() {
            index[axis] += 1;
            at += x.strides[axis];
            if index[axis] < x.shape[axis] {
                break;
            }
            at -= x.strides[axis] * x.shape[axis] as isize;
            index[axis] = 0;
        }
    }
}

/// Every `step`-th element.
///
/// # Safety
/// `n` elements can be read and written so.
pub(super) unsafe fn stepped<T: Copy>(from: *const T, step: isize, to: *mut T, n: usize) {
    // SAFETY: by the caller.
    unsafe {
        match step {
            2 => every::<2, T>(from, to, n),
            -1 => every::<-1, T>(from, to, n),
            _ => (0..n).for_each(|i| *to.add(i) = *from.offset(i as isize * step)),
        }
    }
}

/// # Safety
/// As [`stepped`].
unsafe fn every<const STEP: isize, T: Copy>(from: *const T, to: *mut T, n: usize) {
    struct Every<const STEP: isize, T>(*const T, *mut T, usize);
    impl<const STEP: isize, T: Copy> WithSimd for Every<STEP, T> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            let Every(from, to, n) = self;
            for i in 0..n {
                // SAFETY: by the caller.
                unsafe { *to.add(i) = *from.offset(i as isize * STEP) };
            }
        }
    }
    arch().dispatch(Every::<STEP, T>(from, to, n));
}

/// As [`strided`], for a view whose elements follow each other along `axis`, not along the last one.
///
/// # Safety
/// As [`strided`]; `src` is the view's first element.
unsafe fn turned<T: Copy>(x: &RawTensor, axis: usize, src: *const T, dst: *mut T) {
    let rank = x.rank();
    let to = row_major(&x.shape);
    // The other axes, one index after the other.
    let others: Vec<usize> = (0..rank - 1).filter(|a| *a != axis).collect();
    let count: usize = others.iter().map(|a| x.shape[*a]).product();
    for i in 0..count {
        let (mut rest, mut from_at, mut to_at) = (i, 0, 0);
        for a in others.iter().rev() {
            let k = (rest % x.shape[*a]) as isize;
            rest /= x.shape[*a];
            from_at += k * x.strides[*a];
            to_at += k * to[*a];
        }
        let size = [x.shape[axis], x.shape[rank - 1]];
        // SAFETY: offsets of indices in range, of the view and of the row-major copy.
        unsafe {
            let turn = Turn {
                src: src.offset(from_at),
                step: x.strides[rank - 1],
                dst: dst.offset(to_at),
                to: to[axis],
                size,
            };
            turn.run();
        }
    }
}

/// Tensors one after the other along an axis; their shapes fit.
pub(crate) fn concat(parts: &[&RawTensor], axis: usize, shape: &[usize]) -> RawTensor {
    let dtype: DType = parts[0].dtype;
    let mut out = RawTensor::uninit(dtype, shape);
    let size = dtype.size();
    let inner: usize = shape[axis + 1..].iter().product::<usize>() * size;
    let outer: usize = shape[..axis].iter().product();
    let row = shape[axis] * inner;
    debug_assert!(out.is_unique() && outer * row <= out.buffer.capacity());
    let mut at = 0;
    for part in parts {
        let part = part.contiguous();
        let chunk = part.shape[axis] * inner;
        for o in 0..outer {
            // SAFETY: `part` is contiguous with `outer` chunks; in `out` each row has room for the
            // chunks of all parts, whose sizes along the axis add up to the row's.
            unsafe {
                let from = part.buffer.start().add(part.offset * size + o * chunk);
                std::ptr::copy_nonoverlapping(from, out.buffer.start().add(o * row + at), chunk);
            }
        }
        at += chunk;
    }
    out
}
