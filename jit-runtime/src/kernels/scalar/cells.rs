//! The elements of a tensor, by position.

use std::marker::PhantomData;

use jit_ir::ops::shape;
use jit_ir::{DType, Prim, with_dtype};
use smallvec::SmallVec;

use super::ops::Bits;
use crate::tensor::raw::RawTensor;

/// The elements of a tensor, which is kept meanwhile.
pub(super) struct Cells<'a> {
    base: *mut u8,
    dtype: DType,
    size: usize,
    rank: usize,
    /// Whether the tensor was made unique and contiguous.
    writable: bool,
    /// Of the first two axes the size, and the distance of neighbours in bytes.
    axes: [(u64, isize); 2],
    /// Those of the other axes.
    more: SmallVec<[(u64, isize); 1]>,
    tensor: PhantomData<&'a RawTensor>,
}

impl<'a> Cells<'a> {
    /// The elements for reading.
    pub(super) fn of(tensor: &'a RawTensor) -> Cells<'a> {
        let size = tensor.dtype.size();
        let axis = |i: usize| (tensor.shape[i] as u64, tensor.strides[i] * size as isize);
        let rank = tensor.rank();
        Cells {
            base: tensor.buffer.start().wrapping_add(tensor.offset * size),
            dtype: tensor.dtype,
            size,
            rank,
            writable: false,
            axes: std::array::from_fn(|i| if i < rank { axis(i) } else { (0, 0) }),
            more: (2..rank).map(axis).collect(),
            tensor: PhantomData,
        }
    }

    /// The elements for writing, after making them unique and contiguous.
    pub(super) fn of_mut(tensor: &'a mut RawTensor) -> Cells<'a> {
        with_dtype!(tensor.dtype, T => {
            tensor.make_mut::<T>();
        });
        Cells { writable: true, ..Cells::of(tensor) }
    }

    /// Of a tensor that was never set: no position has an address.
    pub(super) fn none(dtype: DType) -> Cells<'a> {
        Cells {
            base: std::ptr::null_mut(),
            dtype,
            size: 1,
            rank: usize::MAX,
            writable: false,
            axes: [(0, 0); 2],
            more: SmallVec::new(),
            tensor: PhantomData,
        }
    }

    fn size_of(&self, i: usize) -> u64 {
        if i < 2 { self.axes[i].0 } else { self.more[i - 2].0 }
    }

    /// The size of an axis.
    pub(super) fn dim(&self, axis: i64) -> Option<u64> {
        let rank = (self.rank != usize::MAX).then_some(self.rank)?;
        shape::axis(axis, rank).ok().map(|i| self.size_of(i))
    }

    /// The number of elements.
    pub(super) fn len(&self) -> Option<u64> {
        let rank = (self.rank != usize::MAX).then_some(self.rank)?;
        Some((0..rank).map(|i| self.size_of(i)).product())
    }

    #[inline(always)]
    fn address1(&self, i: u64) -> Option<*mut u8> {
        let (n, step) = self.axes[0];
        (self.rank == 1 && i < n).then(|| self.base.wrapping_offset(i as isize * step))
    }

    #[inline(always)]
    fn address2(&self, i: u64, j: u64) -> Option<*mut u8> {
        let [(n, step), (m, next)] = self.axes;
        let inside = self.rank == 2 && i < n && j < m;
        inside.then(|| self.base.wrapping_offset(i as isize * step + j as isize * next))
    }

    fn address(&self, at: impl ExactSizeIterator<Item = u64>) -> Option<*mut u8> {
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

    #[inline(always)]
    fn load(&self, from: Option<*mut u8>) -> Option<Bits> {
        let from = from?;
        // SAFETY: a position in range leads to an element of the view, which was written when the tensor was made,
        // and the tensor is borrowed as long as `self` is. Elements are aligned to their size.
        Some(unsafe {
            match self.size {
                4 => Bits::from(from.cast::<u32>().read()),
                8 => from.cast::<u64>().read(),
                _ => Bits::from(from.read()),
            }
        })
    }

    #[inline(always)]
    fn store(&self, to: Option<*mut u8>, bits: Bits) -> Option<()> {
        let to = to.filter(|_| self.writable)?;
        // SAFETY: as in `load`; `of_mut` made the elements unique and borrowed the tensor mutably, so that no other
        // cells or tensors share them.
        unsafe {
            match self.size {
                4 => to.cast::<u32>().write(bits as u32),
                8 => to.cast::<u64>().write(bits),
                _ => to.write(bits as u8),
            }
        }
        Some(())
    }

    #[inline(always)]
    pub(super) fn read1(&self, i: u64) -> Option<Bits> {
        self.load(self.address1(i))
    }

    #[inline(always)]
    pub(super) fn read2(&self, i: u64, j: u64) -> Option<Bits> {
        self.load(self.address2(i, j))
    }

    pub(super) fn read(&self, at: impl ExactSizeIterator<Item = u64>) -> Option<Bits> {
        self.load(self.address(at))
    }

    #[inline(always)]
    pub(super) fn write1(&self, i: u64, bits: Bits) -> Option<()> {
        self.store(self.address1(i), bits)
    }

    #[inline(always)]
    pub(super) fn write2(&self, i: u64, j: u64, bits: Bits) -> Option<()> {
        self.store(self.address2(i, j), bits)
    }

    pub(super) fn write(&self, at: impl ExactSizeIterator<Item = u64>, bits: Bits) -> Option<()> {
        self.store(self.address(at), bits)
    }
}

/// The elements of a tensor of one type, for code that was written out: what positions lead to lies in registers.
///
/// A position of another rank than the tensor's has no element, as the sizes of that rank are 0.
pub struct Elements<'a, T> {
    base: *mut u8,
    /// The size and the distance of neighbours in bytes, if there is one axis.
    one: (usize, isize),
    /// Those of two axes.
    two: [(usize, isize); 2],
    cells: &'a Cells<'a>,
    of: PhantomData<T>,
}

impl<'a, T: Prim> Elements<'a, T> {
    /// # Panics
    /// For elements of another type.
    #[inline(always)]
    pub(super) fn of(cells: &'a Cells<'a>) -> Elements<'a, T> {
        assert!(cells.dtype == T::DTYPE);
        let axis = |(n, step): (u64, isize), rank| (if cells.rank == rank { n as usize } else { 0 }, step);
        Elements {
            base: cells.base,
            one: axis(cells.axes[0], 1),
            two: cells.axes.map(|a| axis(a, 2)),
            cells,
            of: PhantomData,
        }
    }

    #[inline(always)]
    fn address1(&self, i: usize) -> Option<*mut T> {
        (i < self.one.0).then(|| self.base.wrapping_offset(i as isize * self.one.1).cast())
    }

    #[inline(always)]
    fn address2(&self, i: usize, j: usize) -> Option<*mut T> {
        let [(n, step), (m, next)] = self.two;
        let at = || i as isize * step + j as isize * next;
        (i < n && j < m).then(|| self.base.wrapping_offset(at()).cast())
    }

    #[inline(always)]
    fn load(from: Option<*mut T>) -> Option<T> {
        // SAFETY: a position in range leads to an element of the view, which was written when the tensor was made, and
        // the tensor is borrowed as long as the cells are. `of` made sure of the type; elements are aligned.
        from.map(|from| unsafe { from.read() })
    }

    /// The element at a position of one axis.
    #[inline(always)]
    pub fn at1(&self, i: usize) -> Option<T> {
        Self::load(self.address1(i))
    }

    /// The element at a position of two axes.
    #[inline(always)]
    pub fn at2(&self, i: usize, j: usize) -> Option<T> {
        Self::load(self.address2(i, j))
    }

    /// The element at a position of any number of axes.
    #[inline(always)]
    pub fn at<const N: usize>(&self, at: [usize; N]) -> Option<T> {
        Self::load(self.cells.address(at.into_iter().map(|i| i as u64)).map(<*mut u8>::cast))
    }

    /// The size of an axis.
    #[inline(always)]
    pub fn dim(&self, axis: i64) -> Option<usize> {
        self.cells.dim(axis).map(|n| n as usize)
    }

    /// The number of elements.
    #[inline(always)]
    pub fn count(&self) -> Option<usize> {
        self.cells.len().map(|n| n as usize)
    }
}

/// [`Elements`] that can be written.
pub struct ElementsMut<'a, T>(Elements<'a, T>);

impl<'a, T> std::ops::Deref for ElementsMut<'a, T> {
    type Target = Elements<'a, T>;
    #[inline(always)]
    fn deref(&self) -> &Elements<'a, T> {
        &self.0
    }
}

impl<'a, T: Prim> ElementsMut<'a, T> {
    /// Those of cells that are not for writing have no positions.
    #[inline(always)]
    pub(super) fn of(cells: &'a Cells<'a>) -> ElementsMut<'a, T> {
        let mut elements = Elements::of(cells);
        if !cells.writable {
            (elements.one.0, elements.two[0].0) = (0, 0);
        }
        ElementsMut(elements)
    }

    #[inline(always)]
    fn store(to: Option<*mut T>, value: T) -> Option<()> {
        // SAFETY: as in `load`; `Cells::of_mut` made the elements unique and borrowed the tensor mutably, so that no other
        // cells or tensors share them, and no reference to an element is ever made.
        to.map(|to| unsafe { to.write(value) })
    }

    /// Writes the element at a position of one axis.
    #[inline(always)]
    pub fn set1(&self, i: usize, value: T) -> Option<()> {
        Self::store(self.0.address1(i), value)
    }

    /// Writes the element at a position of two axes.
    #[inline(always)]
    pub fn set2(&self, i: usize, j: usize, value: T) -> Option<()> {
        Self::store(self.0.address2(i, j), value)
    }

    /// Writes the element at a position of any number of axes.
    #[inline(always)]
    pub fn set<const N: usize>(&self, at: [usize; N], value: T) -> Option<()> {
        let cells = self.0.cells;
        let to = cells.address(at.into_iter().map(|i| i as u64)).filter(|_| cells.writable);
        Self::store(to.map(<*mut u8>::cast), value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ops::from_bits;
    use super::*;

    #[test]
    fn positions_out_of_range_have_no_elements() {
        let x = RawTensor::from_fn(&[2, 3], |i| i as f32);
        let t = x.view([3, 2].into_iter().collect(), [1, 3].into_iter().collect(), 0);
        let cells = Cells::of(&t);
        let read = |i, j| {
            let element = cells.read2(i, j);
            assert_eq!(cells.read([i, j].into_iter()), element);
            element.map(from_bits::<f32>)
        };
        assert_eq!(read(2, 1), Some(5.0));
        assert_eq!(read(1, 0), Some(1.0));
        assert_eq!((read(3, 0), read(0, 2), read(u64::MAX, 0)), (None, None, None));
        assert_eq!((cells.read1(0), cells.read([0].into_iter())), (None, None));
        assert_eq!((cells.len(), cells.dim(-1), cells.dim(2)), (Some(6), Some(2), None));
    }

    #[test]
    fn elements_of_a_type_have_the_positions_of_their_rank() {
        let mut x = RawTensor::from_fn(&[2, 3], |i| i as f32);
        let t = x.view([3, 2].into_iter().collect(), [1, 3].into_iter().collect(), 0);
        let cells = Cells::of(&t);
        let of = Elements::<f32>::of(&cells);
        assert_eq!(
            (of.at2(2, 1), of.at([1, 0]), of.at2(3, 0), of.at2(0, 2)),
            (Some(5.0), Some(1.0), None, None)
        );
        assert_eq!((of.at1(0), of.at([0]), of.at2(usize::MAX, 0)), (None, None, None));
        assert_eq!((of.at2(1 << 62, 1 << 62), of.at2(1, 1 << 62)), (None, None));
        assert_eq!((of.count(), of.dim(-1), of.dim(2)), (Some(6), Some(2), None));
        // Not for writing.
        let read = ElementsMut::<f32>::of(&cells);
        assert_eq!((read.set2(0, 0, 9.0), read.set([0, 0], 9.0), read.set1(0, 9.0)), (None, None, None));
        let none = Cells::none(DType::F32);
        let none = ElementsMut::<f32>::of(&none);
        assert_eq!((none.at1(0), none.at([]), none.set([], 1.0), none.count()), (None, None, None, None));
        drop(t);
        let shared = x.clone();
        let cells = Cells::of_mut(&mut x);
        let of = ElementsMut::<f32>::of(&cells);
        assert_eq!((of.set2(1, 2, 9.0), of.set([0, 1], 8.0), of.set2(2, 0, 7.0)), (Some(()), Some(()), None));
        assert_eq!((of.at2(1, 2), of.set1(0, 7.0)), (Some(9.0), None));
        assert_eq!(x.to_vec::<f32>(), [0.0, 8.0, 2.0, 3.0, 4.0, 9.0]);
        assert_eq!(shared.to_vec::<f32>(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    #[should_panic(expected = "dtype")]
    fn elements_have_the_type_of_the_tensor() {
        let x = RawTensor::from_fn(&[2], |i| i as f32);
        let _ = Elements::<f64>::of(&Cells::of(&x));
    }

    #[test]
    fn only_unique_elements_are_written() {
        let mut x = RawTensor::from_fn(&[3], |i| i as f32);
        assert_eq!(Cells::of(&x).write1(0, 0), None);
        let shared = x.clone();
        assert_eq!(Cells::of_mut(&mut x).write1(2, 0), Some(()));
        assert_eq!(Cells::of_mut(&mut x).write1(3, 0), None);
        assert_eq!((x.to_vec::<f32>(), shared.to_vec::<f32>()), (vec![0.0, 1.0, 0.0], vec![0.0, 1.0, 2.0]));
    }
}
