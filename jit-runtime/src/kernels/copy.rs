//! Copies of strided views.

use jit_ir::DType;

use crate::tensor::raw::RawTensor;

/// A row-major copy.
pub(crate) fn contiguous_copy(x: &RawTensor) -> RawTensor {
    let mut out = RawTensor::uninit(x.dtype, &x.shape);
    if out.len() == 0 {
        return out;
    }
    let n = out.len() * x.dtype.size();
    debug_assert!(out.buffer.is_unique() && n <= out.buffer.capacity());
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
                for i in 0..inner {
                    *to.add(i) = *from.offset(i as isize * step);
                }
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

/// Tensors one after the other along an axis; their shapes fit.
pub(crate) fn concat(parts: &[&RawTensor], axis: usize, shape: &[usize]) -> RawTensor {
    let dtype: DType = parts[0].dtype;
    let mut out = RawTensor::uninit(dtype, shape);
    let size = dtype.size();
    let inner: usize = shape[axis + 1..].iter().product::<usize>() * size;
    let outer: usize = shape[..axis].iter().product();
    let row = shape[axis] * inner;
    debug_assert!(out.buffer.is_unique() && outer * row <= out.buffer.capacity());
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
