//! The elements of a tensor, by position.

use smallvec::SmallVec;

use super::ops::Bits;
use crate::tensor::raw::RawTensor;

/// The elements of a tensor.
pub(super) struct Cells {
    base: *mut u8,
    size: usize,
    pub(super) rank: usize,
    /// Of the first two axes the size, and the distance of neighbours in bytes.
    axes: [(u64, isize); 2],
    /// Those of the other axes.
    more: SmallVec<[(u64, isize); 1]>,
}

impl Cells {
    pub(super) fn new(tensor: &RawTensor) -> Cells {
        let size = tensor.dtype.size();
        let axis = |i: usize| (tensor.shape[i] as u64, tensor.strides[i] * size as isize);
        let rank = tensor.rank();
        Cells {
            base: tensor.buffer.start().wrapping_add(tensor.offset * size),
            size,
            rank,
            axes: std::array::from_fn(|i| if i < rank { axis(i) } else { (0, 0) }),
            more: (2..rank).map(axis).collect(),
        }
    }

    /// Of a tensor that was never set: no position has an address.
    pub(super) fn none() -> Cells {
        Cells {
            base: std::ptr::null_mut(),
            size: 1,
            rank: usize::MAX,
            axes: [(0, 0); 2],
            more: SmallVec::new(),
        }
    }

    /// The rank, if the tensor was set.
    pub(super) fn set(&self) -> Option<usize> {
        (self.rank != usize::MAX).then_some(self.rank)
    }

    pub(super) fn dim(&self, i: usize) -> u64 {
        if i < 2 { self.axes[i].0 } else { self.more[i - 2].0 }
    }

    #[inline(always)]
    pub(super) fn address1(&self, i: u64) -> Option<*mut u8> {
        let (n, step) = self.axes[0];
        (self.rank == 1 && i < n).then(|| self.base.wrapping_offset(i as isize * step))
    }

    #[inline(always)]
    pub(super) fn address2(&self, i: u64, j: u64) -> Option<*mut u8> {
        let [(n, step), (m, next)] = self.axes;
        let inside = self.rank == 2 && i < n && j < m;
        inside.then(|| self.base.wrapping_offset(i as isize * step + j as isize * next))
    }

    /// The address of the element at a position, if there is one.
    pub(super) fn address(&self, at: impl ExactSizeIterator<Item = u64>) -> Option<*mut u8> {
        if at.len() != self.rank {
            return None;
        }
        let mut offset = 0_isize;
        for (i, (n, step)) in at.zip(self.axes.iter().chain(&self.more)) {
            if i >= *n {
                return None;
            }
            offset += i as isize * step;
        }
        Some(self.base.wrapping_offset(offset))
    }

    /// # Safety
    /// `from` is an address that this tensor gave, and the tensor is kept.
    #[inline(always)]
    pub(super) unsafe fn read(&self, from: *mut u8) -> Bits {
        // SAFETY: a position in range leads to an element of the view, which was written when the tensor was
        // made. Elements are aligned to their size.
        unsafe {
            match self.size {
                4 => Bits::from(from.cast::<u32>().read()),
                8 => from.cast::<u64>().read(),
                _ => Bits::from(from.read()),
            }
        }
    }

    /// # Safety
    /// As [`Cells::read`]; the tensor was made unique and contiguous.
    #[inline(always)]
    pub(super) unsafe fn write(&self, to: *mut u8, bits: Bits) {
        // SAFETY: as in `read`; no other cells or tensors share the elements of a unique, contiguous tensor.
        unsafe {
            match self.size {
                4 => to.cast::<u32>().write(bits as u32),
                8 => to.cast::<u64>().write(bits),
                _ => to.write(bits as u8),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ops::from_bits;
    use super::*;

    #[test]
    fn positions_out_of_range_have_no_address() {
        let x = RawTensor::from_fn(&[2, 3], |i| i as f32);
        let t = x.view([3, 2].into_iter().collect(), [1, 3].into_iter().collect(), 0);
        let cells = Cells::new(&t);
        let read = |i, j| {
            let from = cells.address2(i, j)?;
            assert_eq!(cells.address([i, j].into_iter()), Some(from));
            // SAFETY: the address is of these cells, and `t` is kept.
            Some(from_bits::<f32>(unsafe { cells.read(from) }))
        };
        assert_eq!(read(2, 1), Some(5.0));
        assert_eq!(read(1, 0), Some(1.0));
        assert_eq!((read(3, 0), read(0, 2), read(u64::MAX, 0)), (None, None, None));
        assert_eq!((cells.address1(0), cells.address([0].into_iter())), (None, None));
    }
}
