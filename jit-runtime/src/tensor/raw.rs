//! The tensor without its element type: shared buffer, sizes, strides.

use std::any::Any;
use std::sync::Arc;

use jit_ir::{DType, Data, Elements, Kept, Prim, Scalar, TensorData, Type, data, with_dtype};
use smallvec::SmallVec;

use super::storage::Buffer;
use crate::kernels::copy;

use super::shared::View;
pub(crate) use super::shared::{RawTensor, Sizes, Strides, row_major};

impl RawTensor {
    /// A row-major tensor of the given elements.
    pub(crate) fn from_slice<T: Prim>(data: &[T], shape: &[usize]) -> RawTensor {
        debug_assert_eq!(data.len(), shape.iter().product::<usize>());
        let mut out = RawTensor::uninit(T::DTYPE, shape);
        out.fresh::<T>().copy_from_slice(data);
        out
    }

    /// The elements of a vector in row-major order; a long one is adopted, not copied.
    pub(crate) fn from_vec<T: Prim>(data: Vec<T>, shape: &[usize]) -> RawTensor {
        const ADOPTED: usize = 32 << 10;
        if size_of_val(data.as_slice()) < ADOPTED {
            return RawTensor::from_slice(&data, shape);
        }
        RawTensor::in_buffer(T::DTYPE, shape, Buffer::of_vec(data))
    }

    /// A copy of the elements that lie in these bytes, valid ones for the type.
    #[cfg(feature = "safetensors")]
    pub(crate) fn of_bytes(dtype: DType, shape: &[usize], bytes: &[u8]) -> RawTensor {
        let mut out = RawTensor::uninit(dtype, shape);
        assert!(out.is_unique() && out.buffer.capacity() >= bytes.len());
        // SAFETY: the buffer is fresh and has room, as was just checked.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), out.buffer.start(), bytes.len()) };
        out
    }

    /// A tensor whose element `i`, in row-major order, is `value(i)`.
    pub(crate) fn from_fn<T: Prim>(shape: &[usize], mut value: impl FnMut(usize) -> T) -> RawTensor {
        let mut out = RawTensor::uninit(T::DTYPE, shape);
        for (i, slot) in out.fresh::<T>().iter_mut().enumerate() {
            *slot = value(i);
        }
        out
    }

    /// How many elements there are; of a broadcast it may be more than a `usize` holds.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().fold(1, |n, d| n.saturating_mul(*d))
    }

    pub(crate) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The elements, if they are contiguous.
    pub(crate) fn as_slice<T: Prim>(&self) -> Option<&[T]> {
        assert_eq!(self.dtype, T::DTYPE);
        // SAFETY: a contiguous tensor's elements lie in its buffer, were written as `T` when it was
        // made, and are written again only through a unique buffer.
        self.is_contiguous().then(|| unsafe { self.buffer.slice(self.offset, self.len()) })
    }

    /// The elements column by column, if a matrix lies so in memory.
    pub(crate) fn as_columns<T: Prim>(&self) -> Option<&[T]> {
        let [rows, columns] = self.shape[..] else { return None };
        if self.strides[..] != [1, rows as isize] {
            return None;
        }
        // SAFETY: as in `as_slice`: the elements of the view without gaps, in another order.
        Some(unsafe { self.buffer.slice(self.offset, rows * columns) })
    }

    /// This tensor, copied if it is not contiguous.
    pub(crate) fn contiguous(&self) -> RawTensor {
        if self.is_contiguous() { self.clone() } else { copy::contiguous_copy(self) }
    }

    /// The elements in row-major order.
    pub(crate) fn to_vec<T: Prim>(&self) -> Vec<T> {
        match self.as_slice() {
            Some(slice) => slice.to_vec(),
            None => copy::contiguous_copy(self).as_slice().map_or(Vec::new(), <[T]>::to_vec),
        }
    }

    /// The element at a multi-index that is in range.
    pub(crate) fn get<T: Prim>(&self, index: &[usize]) -> T {
        *self.get_ref(index)
    }

    /// The element at a multi-index that is in range.
    pub(crate) fn get_ref<T: Prim>(&self, index: &[usize]) -> &T {
        match self.find(index) {
            Some(element) => element,
            None => panic!("index {index:?} of a {} tensor of shape {:?}", self.dtype, self.shape),
        }
    }

    /// The element at a multi-index; `None` out of range.
    #[inline]
    pub(crate) fn find<T: Prim>(&self, index: &[usize]) -> Option<&T> {
        let at = self.position(T::DTYPE, index)?;
        // SAFETY: `position` found the index in range and the element type to be `T`, so that `at` is an element of the
        // view, which lies in the buffer and was written as `T`.
        Some(unsafe { &*self.buffer.start().cast::<T>().add(at) })
    }

    /// The element at a multi-index that is in range, for writing: in a copy if anything else holds the buffer.
    #[inline]
    pub(crate) fn element_mut<T: Prim>(&mut self, index: &[usize]) -> &mut T {
        let at = self.own_position(T::DTYPE, index);
        // SAFETY: as in `find`; `own_position` has made the buffer unique, and `&mut self` keeps it so for as long as the
        // reference lives.
        unsafe { &mut *self.buffer.start().cast::<T>().add(at) }
    }

    /// The only element, if there is just one and it is a `T`.
    #[inline]
    pub(crate) fn only<T: Prim>(&self) -> Option<T> {
        let at = self.only_position(T::DTYPE)?;
        // SAFETY: as in `find`, with `only_position`.
        Some(unsafe { *self.buffer.start().cast::<T>().add(at) })
    }

    /// Where in the buffer the element at a multi-index is, in elements; `None` out of range, or for another element type.
    ///
    /// This and the next two are not generic, so that they are compiled with this crate's optimisation and not with that
    /// of the user's debug build.
    pub(crate) fn position(&self, dtype: DType, index: &[usize]) -> Option<usize> {
        let view: &View = self;
        let (sizes, strides) = (&view.shape[..], &view.strides[..]);
        if view.dtype != dtype || index.len() != sizes.len() {
            return None;
        }
        let mut at = view.offset;
        for ((i, n), step) in index.iter().zip(sizes).zip(strides) {
            if i >= n {
                return None;
            }
            at = at.wrapping_add_signed((*i as isize).wrapping_mul(*step));
        }
        Some(at)
    }

    /// As [`RawTensor::position`] of an index that is in range, after making the buffer unique and row-major.
    fn own_position(&mut self, dtype: DType, index: &[usize]) -> usize {
        // A broadcast view has one element in several places, so that views are copied, too.
        if !self.is_contiguous() || !self.is_unique() {
            *self = copy::contiguous_copy(self);
        }
        match self.position(dtype, index) {
            Some(at) => at,
            None => panic!("index {index:?} of a {} tensor of shape {:?}", self.dtype, self.shape),
        }
    }

    fn only_position(&self, dtype: DType) -> Option<usize> {
        (self.dtype == dtype && self.shape.iter().all(|n| *n == 1)).then_some(self.offset)
    }

    /// The size of an axis, which may count from the end; `None` if there is no such axis.
    pub(crate) fn size_of_axis(&self, axis: i64) -> Option<usize> {
        let sizes = &self.shape[..];
        let at = if axis < 0 { axis + sizes.len() as i64 } else { axis };
        sizes.get(usize::try_from(at).ok()?).copied()
    }

    /// Writes the element at a multi-index that is in range, on a copy if the buffer is shared.
    pub(crate) fn set<T: Prim>(&mut self, index: &[usize], value: T) {
        *self.element_mut(index) = value;
    }

    /// The only element of a tensor of one element.
    pub(crate) fn item(&self) -> Scalar {
        if self.rank() == 0 {
            return self.element(&[]);
        }
        let index: Sizes = SmallVec::from_elem(0, self.rank());
        self.element(&index)
    }

    /// The element at a multi-index that is in range.
    pub(crate) fn element(&self, index: &[usize]) -> Scalar {
        with_dtype!(self.dtype, T => self.get::<T>(index).to_scalar())
    }

    /// As plain data, which shares the elements.
    pub(crate) fn to_data(&self) -> TensorData {
        let elements = match self.dtype {
            DType::Bool => Elements::Bool(self.kept()),
            DType::U8 => Elements::U8(self.kept()),
            DType::I32 => Elements::I32(self.kept()),
            DType::I64 | DType::Usize => Elements::I64(self.kept()),
            DType::F32 => Elements::F32(self.kept()),
            DType::F64 => Elements::F64(self.kept()),
        };
        TensorData { shape: self.shape.to_vec(), elements }
    }

    fn kept<T: Prim>(&self) -> Data<T> {
        // A small part is copied: it would keep the whole buffer.
        let small = self.len() * self.dtype.size() < self.buffer.capacity() / 8;
        let tensor = if small { copy::contiguous_copy(self) } else { self.contiguous() };
        Data::Kept(Arc::new(Keeper(tensor)))
    }

    /// From plain data; elements that a tensor keeps are shared.
    pub(crate) fn from_data(data: &TensorData) -> RawTensor {
        fn made<T: Prim>(elements: &Data<T>, shape: &[usize]) -> RawTensor {
            match elements {
                Data::Kept(kept) => match kept.keeper().downcast_ref::<Keeper>() {
                    Some(Keeper(tensor)) => tensor.clone(),
                    None => RawTensor::from_slice(kept.elements(), shape),
                },
                Data::Owned(elements) => RawTensor::from_slice(elements, shape),
            }
        }
        match &data.elements {
            Elements::Bool(v) => made(v, &data.shape),
            Elements::U8(v) => made(v, &data.shape),
            Elements::I32(v) => made(v, &data.shape),
            Elements::I64(v) => made(v, &data.shape),
            Elements::F32(v) => made(v, &data.shape),
            Elements::F64(v) => made(v, &data.shape),
        }
    }

    /// A rank-0 tensor.
    pub(crate) fn scalar(value: Scalar) -> RawTensor {
        let value = if let Scalar::Usize(v) = value { Scalar::I64(v as i64) } else { value };
        with_dtype!(value.dtype(), T => RawTensor::from_slice(&[T::from_scalar(value)], &[]))
    }

    /// Equality of type, shape and bits, all NaNs alike.
    pub(crate) fn same_bits(&self, other: &RawTensor) -> bool {
        self.dtype == other.dtype
            && self.shape == other.shape
            && with_dtype!(self.dtype, T => {
                let (a, b) = (self.contiguous(), other.contiguous());
                matches!((a.as_slice::<T>(), b.as_slice()), (Some(a), Some(b)) if data::same_bits(a, b))
            })
    }

    /// Equality of type and shape, of floats to half of their digits beside the largest finite element.
    fn agrees(&self, other: &RawTensor) -> bool {
        let epsilon = match self.dtype {
            DType::F32 => f64::from(f32::EPSILON),
            DType::F64 => f64::EPSILON,
            _ => return self.same_bits(other),
        };
        if self.dtype != other.dtype || self.shape != other.shape {
            return false;
        }
        let values = |x: &RawTensor| -> Vec<f64> {
            with_dtype!(x.dtype, T => x.to_vec::<T>().into_iter().map(|v| f64::from_scalar(v.to_scalar())).collect())
        };
        let (a, b) = (values(self), values(other));
        let largest = a.iter().filter(|v| v.is_finite()).fold(0.0, |m: f64, v| m.max(v.abs()));
        let near = |x: &f64, y: &f64| {
            x == y || (x - y).abs() <= epsilon.sqrt() * largest || (x.is_nan() && y.is_nan())
        };
        a.iter().zip(&b).all(|(x, y)| near(x, y))
    }
}

/// A contiguous tensor behind a graph's constant. It shares the buffer, which is therefore never written.
struct Keeper(RawTensor);

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{:?}", self.0.dtype, self.0.shape.as_slice())
    }
}

impl<T: Prim> Kept<T> for Keeper {
    fn elements(&self) -> &[T] {
        self.0.as_slice().unwrap_or(&[])
    }
    fn keeper(&self) -> &dyn Any {
        self
    }
}

/// A value of the user's that a run hands through unseen.
#[derive(Clone)]
pub struct Opaque(Arc<Held>);

struct Held {
    value: Box<dyn Any + Send + Sync>,
    same: fn(&dyn Any, &dyn Any) -> bool,
}

// The value is never changed, so that no panic leaves it half changed.
impl std::panic::UnwindSafe for Held {}
impl std::panic::RefUnwindSafe for Held {}

impl Opaque {
    pub(crate) fn new<T: PartialEq + Send + Sync + 'static>(value: T) -> Opaque {
        fn same<T: PartialEq + 'static>(a: &dyn Any, b: &dyn Any) -> bool {
            matches!((a.downcast_ref::<T>(), b.downcast_ref::<T>()), (Some(a), Some(b)) if a == b)
        }
        Opaque(Arc::new(Held { value: Box::new(value), same: same::<T> }))
    }

    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        self.0.value.downcast_ref()
    }

    pub(crate) fn same(&self, other: &Opaque) -> bool {
        (self.0.same)(&*self.0.value, &*other.0.value)
    }
}

/// A value of a run.
#[derive(Clone, Default)]
pub enum Val {
    /// Not set.
    #[default]
    Undef,
    /// A host scalar.
    Scalar(Scalar),
    /// A tensor.
    Tensor(RawTensor),
    /// A list.
    List(Arc<Vec<Val>>),
    /// A value of the user's.
    Opaque(Opaque),
}

// Values are moved often.
const _: () = assert!(size_of::<Val>() == 16);

impl Val {
    /// Drops the value; nothing is moved, which would wait for what was just written.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        if let Val::Tensor(tensor) = self {
            // SAFETY: dropping a tensor does not unwind, and its place is overwritten before anybody sees it.
            unsafe {
                std::ptr::drop_in_place(tensor);
                std::ptr::write(self, Val::Undef);
            }
        } else {
            *self = Val::Undef;
        }
    }

    /// The tensor, moved out; `None` if it is something else. Only the pointer is read.
    #[inline(always)]
    pub(crate) fn take_tensor(&mut self) -> Option<RawTensor> {
        let Val::Tensor(tensor) = self else { return None };
        // SAFETY: the tensor is moved out once, as its place is overwritten without being dropped.
        unsafe {
            let tensor = std::ptr::read(tensor);
            std::ptr::write(self, Val::Undef);
            Some(tensor)
        }
    }

    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Val::Undef => "a value that was never set",
            Val::Scalar(_) => "a host scalar",
            Val::Tensor(_) => "a tensor",
            Val::List(_) => "a list",
            Val::Opaque(_) => "a value of the user's",
        }
    }

    /// Its type, sizes and all.
    pub(crate) fn ty(&self) -> Type {
        match self {
            Val::Tensor(t) => jit_ir::ops::types::known(t.dtype, &t.shape),
            Val::Scalar(s) => Type::Scalar(s.dtype()),
            Val::List(list) => {
                let element = list.iter().try_fold(Type::Hole, |ty, v| ty.join(&v.ty()));
                Type::List(Box::new(element.unwrap_or(Type::Hole)))
            }
            Val::Opaque(_) => Type::Opaque,
            Val::Undef => Type::Hole,
        }
    }

    pub(crate) fn tensor(&self) -> Result<&RawTensor, String> {
        match self {
            Val::Tensor(t) => Ok(t),
            Val::Scalar(s) => Err(format!("expected a tensor, got the host scalar {s}")),
            other => Err(format!("expected a tensor, got {}", other.kind())),
        }
    }

    pub(crate) fn scalar(&self) -> Result<Scalar, String> {
        match self {
            Val::Scalar(s) => Ok(*s),
            other => Err(format!("expected a host scalar, got {}", other.kind())),
        }
    }

    /// Whether it is the host's `true`.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Val::Scalar(Scalar::Bool(true)))
    }

    /// Equality of type, shape and bits, all NaNs alike.
    pub(crate) fn same_bits(&self, other: &Val) -> bool {
        match (self, other) {
            (Val::Scalar(a), Val::Scalar(b)) => a.same_bits(*b),
            (Val::Tensor(a), Val::Tensor(b)) => a.same_bits(b),
            (Val::List(a), Val::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(x, y)| x.same_bits(y))
            }
            (Val::Opaque(a), Val::Opaque(b)) => a.same(b),
            _ => false,
        }
    }

    /// Equality as [`Val::same_bits`]; with `fast` of floats only half of their digits, beside the largest
    /// element of their tensor.
    pub(crate) fn agrees(&self, other: &Val, fast: bool) -> bool {
        match (self, other) {
            (Val::Tensor(a), Val::Tensor(b)) if fast => a.agrees(b),
            (Val::Scalar(a), Val::Scalar(b)) if fast && a.dtype() == b.dtype() => {
                RawTensor::scalar(*a).agrees(&RawTensor::scalar(*b))
            }
            (Val::List(a), Val::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(x, y)| x.agrees(y, fast))
            }
            _ => self.same_bits(other),
        }
    }

    /// From a graph's constant.
    pub(crate) fn from_const(value: &jit_ir::Const) -> Val {
        match value {
            jit_ir::Const::Scalar(s) => Val::Scalar(*s),
            jit_ir::Const::Tensor(t) => Val::Tensor(RawTensor::from_data(t)),
        }
    }

    /// As a graph's constant.
    pub(crate) fn to_const(&self) -> Option<jit_ir::Const> {
        match self {
            Val::Scalar(s) => Some(jit_ir::Const::Scalar(*s)),
            Val::Tensor(t) => Some(jit_ir::Const::Tensor(Arc::new(t.to_data()))),
            Val::Undef | Val::List(_) | Val::Opaque(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_follow_sizes_and_strides() {
        let x = RawTensor::from_fn(&[2, 3], |i| i as i32);
        let turned = x.view(SmallVec::from_slice(&[3, 2]), SmallVec::from_slice(&[1, 3]), 0);
        let repeated = x.view(SmallVec::from_slice(&[4, 3]), SmallVec::from_slice(&[0, -1]), 5);
        for (i, j) in [(0, 0), (0, 2), (1, 0), (1, 2)] {
            assert_eq!(x.find::<i32>(&[i, j]), Some(&((3 * i + j) as i32)));
            assert_eq!(turned.find::<i32>(&[j, i]), Some(&((3 * i + j) as i32)));
            assert_eq!(repeated.find::<i32>(&[i + 2, j]), Some(&((5 - j) as i32)));
        }
        for wrong in [&[2, 0][..], &[0, 3], &[usize::MAX, 0], &[0], &[], &[0, 0, 0]] {
            assert_eq!(x.find::<i32>(wrong), None, "{wrong:?}");
        }
        assert_eq!(x.find::<f32>(&[0, 0]), None, "elements of another type");
        assert_eq!(RawTensor::from_fn(&[0, 3], |_| 0_i32).find::<i32>(&[0, 0]), None);
        assert_eq!((x.size_of_axis(-1), x.size_of_axis(1), x.size_of_axis(0)), (Some(3), Some(3), Some(2)));
        assert_eq!((x.size_of_axis(2), x.size_of_axis(-3), x.size_of_axis(i64::MIN)), (None, None, None));
    }

    #[test]
    fn the_only_element_is_found_wherever_it_is() {
        let x = RawTensor::from_fn(&[3], |i| i as i64);
        let one = x.view(SmallVec::from_slice(&[1, 1]), SmallVec::from_slice(&[7, 9]), 2);
        assert_eq!((one.only::<i64>(), x.only::<i64>(), one.only::<u8>()), (Some(2), None, None));
        assert_eq!(RawTensor::from_fn(&[0, 1], |_| 0_i64).only::<i64>(), None);
    }

    #[test]
    fn a_write_changes_no_other_tensor() {
        let mut x = RawTensor::from_fn(&[2, 2], |i| i as f64);
        let start = x.buffer.start();
        *x.element_mut::<f64>(&[1, 0]) = 9.0;
        assert_eq!(x.buffer.start(), start, "in place where nothing else holds the buffer");
        // A clone shares the view, a view of another shape the buffer; of both the write makes a copy.
        for shared in [x.clone(), x.view(SmallVec::from_slice(&[4]), SmallVec::from_slice(&[1]), 0)] {
            let before = shared.to_vec::<f64>();
            *x.element_mut::<f64>(&[0, 0]) += 1.0;
            assert_ne!(x.buffer.start(), shared.buffer.start());
            assert_eq!(shared.to_vec::<f64>(), before);
        }
        // An element that is in several places is written in one of them.
        let mut wide = x.view(SmallVec::from_slice(&[3, 2]), SmallVec::from_slice(&[0, 1]), 0);
        drop(x);
        *wide.element_mut::<f64>(&[1, 1]) = 5.0;
        assert_eq!(wide.to_vec::<f64>(), [2.0, 1.0, 2.0, 5.0, 2.0, 1.0]);
    }
}
