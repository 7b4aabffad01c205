//! What a tensor's clones share: a view of a buffer behind one counter.
//!
//! A tensor is a pointer, so that values move through a run in a register. A small view goes, with its buffer, to a
//! short list of the thread when the last of its clones is dropped: the next tensor of its class needs no allocation,
//! and where its sizes are the same nothing is written. The list tells them apart by one number, as looking into each
//! view costs more than a small kernel.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use jit_ir::{DType, Prim};
use smallvec::SmallVec;

use super::storage::{self, Buffer};
use crate::kernels::copy;

/// Sizes of a shape.
pub(crate) type Sizes = SmallVec<[usize; 4]>;
/// Steps between neighbours along each axis, in elements.
pub(crate) type Strides = SmallVec<[isize; 4]>;

/// A strided view of a buffer. Cloning shares it; it is never changed. No weak references to it are made.
pub struct RawTensor(ManuallyDrop<Arc<View>>);

/// A strided view of a buffer.
pub struct View {
    pub(crate) buffer: Buffer,
    pub(crate) dtype: DType,
    /// The first element's position in the buffer, in elements.
    pub(crate) offset: usize,
    pub(crate) shape: Sizes,
    pub(crate) strides: Strides,
    contiguous: bool,
    /// Element type and sizes, if it is row-major from the start of its buffer, which was made with it; else
    /// [`OTHER`].
    key: u64,
}

/// The key of views whose sizes no key tells.
const OTHER: u64 = 0;

/// Element type and sizes in one number, where they are few and small.
#[inline]
fn key_of(dtype: DType, shape: &[usize]) -> u64 {
    // For one size, as many as there are axes.
    const BITS: [u32; 5] = [48, 48, 24, 16, 12];
    let Some(bits) = BITS.get(shape.len()) else { return OTHER };
    let mut key = ((dtype as u64 + 1) << 4) | shape.len() as u64;
    for n in shape {
        if n >> bits > 0 {
            return OTHER;
        }
        key = (key << bits) | *n as u64;
    }
    key
}

/// Small views of one class that a thread keeps.
const KEPT: usize = 8;
/// As many, at least, before one of them is given other sizes.
const ENOUGH: usize = 4;

/// Views of the middle that a thread keeps.
const MIDDLE: usize = 6;

/// Views with their keys.
type Keyed = Vec<(u64, Arc<View>)>;

thread_local! {
    /// The small views that a thread keeps, by the class of their buffers, which nobody else holds.
    static SMALL: RefCell<[Keyed; storage::SMALL]> =
        const { RefCell::new([const { Vec::new() }; storage::SMALL]) };
    /// The views of the middle that a thread keeps, the last ones that it dropped.
    static LAST: RefCell<Keyed> = const { RefCell::new(Vec::new()) };
}

impl Deref for RawTensor {
    type Target = View;
    #[inline]
    fn deref(&self) -> &View {
        &self.0
    }
}

impl Clone for RawTensor {
    #[inline]
    fn clone(&self) -> RawTensor {
        RawTensor(self.0.clone())
    }
}

impl Drop for RawTensor {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the tensor is going away and does not use the view again.
        let view = unsafe { ManuallyDrop::take(&mut self.0) };
        if Arc::strong_count(&view) == 1 {
            last(view);
        }
    }
}

/// Keeps the view of a tensor without other clones, or frees it.
fn last(view: Arc<View>) {
    // What another thread did before it dropped its clone has happened.
    fence(Ordering::Acquire);
    if let Some(class) = view.buffer.kept_as() {
        // Without a list (the thread is ending) or with a full one the view is freed.
        let _ = SMALL.try_with(|s| {
            let views = &mut s.borrow_mut()[class];
            if views.len() < KEPT {
                views.push((view.key, view));
            }
        });
    } else {
        last_large(view);
    }
}

/// As [`last`], for a view that is not small.
#[inline(never)]
fn last_large(view: Arc<View>) {
    if view.key == OTHER || !view.buffer.kept_in_middle() {
        return;
    }
    let _ = LAST.try_with(|s| {
        let oldest = {
            let views = &mut *s.borrow_mut();
            views.push((view.key, view));
            (views.len() > MIDDLE).then(|| views.remove(0))
        };
        // Its buffer goes to the free list.
        drop(oldest);
    });
}

/// A row-major tensor that is not small, or for whose size this thread keeps no view.
#[inline(never)]
fn larger(dtype: DType, shape: &[usize], bytes: usize) -> RawTensor {
    let kept = if Buffer::is_middle(bytes) { kept_in_middle(dtype, shape) } else { None };
    kept.map_or_else(|| RawTensor::in_buffer(dtype, shape, Buffer::new(bytes)), RawTensor::of)
}

/// A view of the middle with just these sizes, if this thread keeps one.
fn kept_in_middle(dtype: DType, shape: &[usize]) -> Option<Arc<View>> {
    let key = key_of(dtype, shape);
    let find = |s: &RefCell<Keyed>| {
        let views = &mut *s.borrow_mut();
        let at = views.iter().rposition(|v| v.0 == key && key != OTHER)?;
        Some(views.remove(at).1)
    };
    LAST.try_with(find).ok().flatten()
}

/// One of the views for these sizes: one that has them, if there is one.
#[inline]
fn kept(views: &mut Keyed, dtype: DType, shape: &[usize]) -> Option<Arc<View>> {
    let key = key_of(dtype, shape);
    if key != OTHER
        && let Some(at) = views.iter().rposition(|v| v.0 == key)
    {
        return Some(views.swap_remove(at).1);
    }
    changed(views, dtype, shape, key)
}

/// One of the views, with other sizes than it had.
fn changed(views: &mut Keyed, dtype: DType, shape: &[usize], key: u64) -> Option<Arc<View>> {
    if views.len() < ENOUGH {
        return None;
    }
    let (_, view) = views.swap_remove(0);
    // SAFETY: nobody else holds a view that is kept, and no weak references are made, which is all that `Arc::get_mut`
    // would find out, by a locked instruction.
    let changed = unsafe { &mut *Arc::as_ptr(&view).cast_mut() };
    let View { dtype: old, offset, shape: sizes, strides, contiguous, key: old_key, .. } = changed;
    (*old, *offset, *contiguous, *old_key) = (dtype, 0, true, key);
    sizes.clear();
    sizes.extend_from_slice(shape);
    lay_out(strides, shape);
    Some(view)
}

/// The strides of a row-major tensor.
pub(crate) fn row_major(shape: &[usize]) -> Strides {
    let mut strides = Strides::new();
    lay_out(&mut strides, shape);
    strides
}

/// As [`row_major`], where the strides stand.
fn lay_out(strides: &mut Strides, shape: &[usize]) {
    strides.resize(shape.len(), 0);
    let mut step = 1_isize;
    for (stride, n) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step *= (*n).max(1) as isize;
    }
}

fn is_row_major(shape: &[usize], strides: &[isize]) -> bool {
    let mut step = 1_isize;
    for (stride, n) in strides.iter().zip(shape).rev() {
        if *n != 1 && *stride != step {
            return shape.contains(&0);
        }
        step *= (*n).max(1) as isize;
    }
    true
}

impl RawTensor {
    fn of(view: Arc<View>) -> RawTensor {
        RawTensor(ManuallyDrop::new(view))
    }

    /// A row-major tensor whose elements are not yet written.
    pub(crate) fn uninit(dtype: DType, shape: &[usize]) -> RawTensor {
        // Sizes whose product overflows ask for more memory than there is.
        let n = shape.iter().try_fold(dtype.size(), |n, d| n.checked_mul(*d));
        let bytes = if shape.contains(&0) { 0 } else { n.unwrap_or(usize::MAX) };
        let kept =
            |class| SMALL.try_with(|s| kept(s.borrow_mut().get_mut(class)?, dtype, shape)).ok().flatten();
        match Buffer::small(bytes).and_then(kept) {
            Some(view) => RawTensor::of(view),
            None => larger(dtype, shape, bytes),
        }
    }

    /// Row-major from the start of a buffer, which holds as many elements.
    pub(crate) fn in_buffer(dtype: DType, shape: &[usize], buffer: Buffer) -> RawTensor {
        let key = key_of(dtype, shape);
        let (strides, shape) = (row_major(shape), Sizes::from_slice(shape));
        RawTensor::of(Arc::new(View { buffer, dtype, offset: 0, shape, strides, contiguous: true, key }))
    }

    /// A view with other sizes, strides and start.
    pub(crate) fn view(&self, shape: Sizes, strides: Strides, offset: usize) -> RawTensor {
        let contiguous = is_row_major(&shape, &strides);
        let (buffer, dtype) = (self.buffer.clone(), self.dtype);
        RawTensor::of(Arc::new(View { buffer, dtype, offset, shape, strides, contiguous, key: OTHER }))
    }

    /// Whether nobody else holds the elements, and they may be written.
    pub(crate) fn is_unique(&mut self) -> bool {
        let unique = Arc::strong_count(&self.0) == 1 && self.buffer.is_unique();
        if unique {
            // What another thread did before it dropped its clone has happened.
            fence(Ordering::Acquire);
        }
        unique
    }

    /// Whether the elements stand in row-major order without gaps.
    #[inline]
    pub(crate) fn is_contiguous(&self) -> bool {
        self.contiguous
    }

    /// All elements of a tensor just made, for writing.
    pub(crate) fn fresh<T: Prim>(&mut self) -> &mut [T] {
        assert!(self.dtype == T::DTYPE && self.is_unique() && self.is_contiguous());
        let (start, n) = (self.buffer.start().cast::<T>(), self.len());
        debug_assert!((self.offset + n) * size_of::<T>() <= self.buffer.capacity());
        // SAFETY: the buffer is unique and holds `n` elements; element types have no invalid bit
        // patterns but bool, of which the caller writes every element before any is read.
        unsafe { std::slice::from_raw_parts_mut(start.add(self.offset), n) }
    }

    /// The elements for writing, after making the buffer unique and contiguous.
    pub(crate) fn make_mut<T: Prim>(&mut self) -> &mut [T] {
        if !self.is_contiguous() || !self.is_unique() {
            *self = copy::contiguous_copy(self);
        }
        // Every element is written.
        self.fresh()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_views_are_kept_and_renewed() {
        // A class that no other test of this thread uses.
        let first = RawTensor::uninit(DType::F32, &[3, 700]);
        let start = first.buffer.start();
        drop(first.view(SmallVec::from_slice(&[700, 3]), SmallVec::from_slice(&[1, 700]), 0));
        let other = first.clone();
        drop(first);
        drop(other);
        let again = RawTensor::uninit(DType::F32, &[3, 700]);
        assert_eq!((again.buffer.start(), &again.strides[..]), (start, &[700, 1][..]));
        drop(again);
        // Other sizes get views of their own, until there are enough.
        let shapes = [&[2100][..], &[2101], &[3, 7, 100], &[1, 3, 7, 100], &[1, 1, 3, 7, 100]];
        let mut starts = vec![start];
        for (made, shape) in shapes.into_iter().enumerate() {
            let mut other = RawTensor::uninit(DType::I32, shape);
            assert_eq!(starts.contains(&other.buffer.start()), made + 1 >= ENOUGH, "{shape:?}");
            assert_eq!((&other.shape[..], &other.strides[..]), (shape, &row_major(shape)[..]));
            assert!(other.is_contiguous() && other.is_unique());
            other.fresh::<i32>().fill(7);
            assert_eq!(other.to_vec::<i32>(), vec![7; other.len()]);
            starts.push(other.buffer.start());
        }
    }

    #[test]
    fn the_last_views_of_the_middle_are_kept() {
        let make = |n: usize| RawTensor::uninit(DType::F32, &[100, n]);
        let first = make(100);
        let start = first.buffer.start();
        let clone = first.clone();
        drop(first);
        assert_ne!(make(100).buffer.start(), start, "somebody holds it");
        drop(clone);
        let mut again = make(100);
        assert_eq!(again.buffer.start(), start);
        assert!(again.is_unique() && again.is_contiguous() && again.shape[..] == [100, 100]);
        drop(again);
        assert_ne!(make(101).buffer.start(), start, "it has other sizes");
        // As many later ones take its place; then it is on the free list, from where any thread may have taken it.
        (0..MIDDLE).for_each(|k| drop(make(110 + k)));
        LAST.with(|s| assert!(s.borrow().len() == MIDDLE && s.borrow().iter().all(|v| v.1.shape[1] >= 110)));
    }

    #[test]
    fn keys_tell_sizes_apart() {
        let shapes: [&[usize]; 12] = [
            &[],
            &[0],
            &[1],
            &[1 << 24],
            &[1, 0],
            &[0, 1],
            &[1, 1],
            &[1 << 16, 3],
            &[1, 2, 3],
            &[3, 2, 1],
            &[1, 1, 2, 3],
            &[4095, 1, 1, 1],
        ];
        let keys = |dtype| shapes.map(|shape| key_of(dtype, shape));
        let all: std::collections::HashSet<u64> =
            [DType::Bool, DType::F64].into_iter().flat_map(keys).collect();
        assert!(all.len() == 24 && !all.contains(&OTHER));
        for shape in [&[1 << 48][..], &[1, 1 << 24], &[1, 1 << 16, 1], &[4096, 1, 1, 1], &[1; 5]] {
            assert_eq!(key_of(DType::F32, shape), OTHER);
        }
    }

    #[test]
    fn a_view_of_a_shared_buffer_is_not_unique() {
        let mut a = RawTensor::uninit(DType::F32, &[4]);
        assert!(a.is_unique());
        let clone = a.clone();
        assert!(!a.is_unique());
        drop(clone);
        let mut view = a.view(SmallVec::from_slice(&[2]), SmallVec::from_slice(&[2]), 1);
        assert!(!a.is_unique() && !view.is_unique() && !view.is_contiguous());
        drop(a);
        assert!(view.is_unique());
        // What is kept of a view with strides is a fresh tensor.
        drop(view);
        assert_eq!(RawTensor::uninit(DType::F32, &[2]).strides[..], [1]);
    }

    #[test]
    fn clones_dropped_on_other_threads_free_the_view_once() {
        let x = RawTensor::from_slice(&[1.0_f32, 2.0], &[2]);
        std::thread::scope(|s| {
            for _ in 0..4 {
                let clone = x.clone();
                s.spawn(move || {
                    assert_eq!(clone.to_vec::<f32>(), [1.0, 2.0]);
                    drop(clone);
                    let y = RawTensor::from_slice(&[3.0_f32, 4.0], &[2]);
                    assert_eq!(y.to_vec::<f32>(), [3.0, 4.0]);
                });
            }
        });
        assert_eq!(x.to_vec::<f32>(), [1.0, 2.0]);
    }
}
