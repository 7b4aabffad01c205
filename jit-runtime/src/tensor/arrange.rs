//! Methods that arrange elements: other shapes and orders, parts picked, replaced and joined.

use std::borrow::Borrow;
use std::panic::Location;

use jit_ir::ops::Attrs;
use jit_ir::{Op, Scalar};
use smallvec::SmallVec;

use super::convert::{pairs, signed_sizes, sizes};
use super::methods::{axes_attrs, axis_attrs};
use super::{Any, AsTensor, Axes, Axis, Elem, IntoReshape, IntoShape, Tensor, call, call_at};
use crate::error::{Error, fail};
use crate::exec::{lists, ops};
use crate::trace;

/// Shape and order.
impl<T: Elem> Tensor<T> {
    /// The elements as another type, as Rust's `as` converts them (to bool: whether not zero).
    #[track_caller]
    pub fn cast<U: Elem>(&self) -> Tensor<U> {
        self.unary(Op::Cast, Attrs::dtype(U::DTYPE))
    }

    #[track_caller]
    fn with_counts(&self, op: Op, axis: impl Axis, counts: &[usize]) -> Tensor<T> {
        let counts: SmallVec<[Any; 2]> = counts.iter().map(|n| Scalar::Usize(*n).into()).collect();
        let args: SmallVec<[&Any; 3]> = std::iter::once(&self.any).chain(&counts).collect();
        Tensor::from_any(call(op, axis_attrs(axis), &args))
    }

    #[track_caller]
    fn with_sizes(&self, op: Op, sizes: &[Any]) -> Tensor<T> {
        let args: SmallVec<[&Any; 6]> = std::iter::once(&self.any).chain(sizes).collect();
        Tensor::from_any(call(op, Attrs::default(), &args))
    }

    /// The same elements in another shape; one size may be -1, which stands for what is left.
    ///
    /// The shape is an array of integers of one type, a slice or a `Vec` of `usize`, or a tuple of integers. A size of
    /// another tensor beside a -1 needs the tuple: `[x.dim(0), -1]` is no Rust, as its elements are of the type `usize`,
    /// which has no negative numbers.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let x = Tensor::arange(0, 6, 1).reshape([2, -1]);
    /// assert_eq!(x.shape(), [2, 3]);
    /// assert_eq!(x.t().reshape((x.dim(0), 1, -1)).shape(), [2, 1, 3]);
    /// # }
    /// ```
    #[track_caller]
    pub fn reshape(&self, shape: impl IntoReshape) -> Tensor<T> {
        self.with_sizes(Op::Reshape, &signed_sizes(shape.into_reshape()))
    }

    /// Repeated to another shape without copying.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl IntoShape) -> Tensor<T> {
        self.with_sizes(Op::BroadcastTo, &sizes(shape.into_shape()))
    }

    /// All elements along one axis.
    #[track_caller]
    pub fn flatten(&self) -> Tensor<T> {
        self.unary(Op::Flatten, Attrs::default())
    }

    /// Two axes exchanged.
    #[track_caller]
    pub fn transpose(&self, a: impl Axis, b: impl Axis) -> Tensor<T> {
        self.unary(Op::Transpose, Attrs::axes([a.axis(), b.axis()]))
    }

    /// The axes of a matrix exchanged.
    #[track_caller]
    pub fn t(&self) -> Tensor<T> {
        self.unary(Op::T, Attrs::default())
    }

    /// The axes in another order.
    #[track_caller]
    pub fn permute(&self, axes: impl Axes) -> Tensor<T> {
        self.unary(Op::Permute, axes_attrs(axes, false))
    }

    /// A new axis of size 1.
    #[track_caller]
    pub fn unsqueeze(&self, axis: impl Axis) -> Tensor<T> {
        self.unary(Op::Unsqueeze, axis_attrs(axis))
    }

    /// An axis of size 1 removed.
    #[track_caller]
    pub fn squeeze(&self, axis: impl Axis) -> Tensor<T> {
        self.unary(Op::Squeeze, axis_attrs(axis))
    }

    /// One axis backwards.
    #[track_caller]
    pub fn flip(&self, axis: impl Axis) -> Tensor<T> {
        self.unary(Op::Flip, axis_attrs(axis))
    }

    /// The positions of an axis moved on by a number, those past the end to the start; back, if it is negative.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// assert_eq!(Tensor::from([1, 2, 3]).roll(0, 1), Tensor::from([3, 1, 2]));
    /// # }
    /// ```
    #[track_caller]
    pub fn roll(&self, axis: impl Axis, by: i64) -> Tensor<T> {
        Tensor::from_any(call(Op::Roll, axis_attrs(axis), &[&self.any, &Scalar::I64(by).into()]))
    }

    /// Each axis repeated so many times.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// assert_eq!(Tensor::from([[1, 2]]).repeat([2, 2]), Tensor::from([[1, 2, 1, 2], [1, 2, 1, 2]]));
    /// # }
    /// ```
    #[track_caller]
    pub fn repeat(&self, times: impl IntoShape) -> Tensor<T> {
        self.with_sizes(Op::Repeat, &sizes(times.into_shape()))
    }

    /// A value before and after each axis, so many times as the pairs say.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// assert_eq!(Tensor::from([1, 2]).pad([(1, 2)], 0), Tensor::from([0, 1, 2, 0, 0]));
    /// # }
    /// ```
    #[track_caller]
    pub fn pad<const N: usize>(&self, counts: [(usize, usize); N], value: T) -> Tensor<T> {
        let mut operands: SmallVec<[Any; 4]> = std::iter::once(value.to_scalar().into()).collect();
        operands.extend(pairs(&counts));
        self.with_sizes(Op::Pad, &operands)
    }

    /// Every `step`-th of the positions `start..end` of an axis.
    #[track_caller]
    pub fn slice_step(&self, axis: impl Axis, start: usize, end: usize, step: usize) -> Tensor<T> {
        self.with_counts(Op::SliceStep, axis, &[start, end, step])
    }

    /// Position `i` of an axis, which is dropped.
    #[track_caller]
    pub fn index_axis(&self, axis: impl Axis, i: usize) -> Tensor<T> {
        self.with_counts(Op::IndexAxis, axis, &[i])
    }

    /// The positions `start..end` of an axis.
    #[track_caller]
    pub fn slice_axis(&self, axis: impl Axis, start: usize, end: usize) -> Tensor<T> {
        self.with_counts(Op::SliceAxis, axis, &[start, end])
    }

    /// Replaces position `i` of an axis by `row`, which has the shape of the others without that axis, or broadcasts
    /// to it. In place if nothing else holds the buffer, on a copy otherwise.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let mut x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// x.set_axis(1, 0, &Tensor::from([9.0, 8.0]));
    /// assert_eq!(x, Tensor::from([[9.0, 2.0], [8.0, 4.0]]));
    /// # }
    /// ```
    #[track_caller]
    pub fn set_axis(&mut self, axis: impl Axis, i: usize, row: impl AsTensor<T>) {
        self.put(Op::SetAxis, axis, i, row.as_tensor());
    }

    /// Replaces the positions of an axis from `start` on by `part`, as many as it has.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let mut x = Tensor::from([1, 2, 3, 4]);
    /// x.set_slice(0, 1, &Tensor::from([8, 9]));
    /// assert_eq!(x, Tensor::from([1, 8, 9, 4]));
    /// # }
    /// ```
    #[track_caller]
    pub fn set_slice(&mut self, axis: impl Axis, start: usize, part: impl AsTensor<T>) {
        self.put(Op::SetSlice, axis, start, part.as_tensor());
    }

    #[track_caller]
    fn put(&mut self, op: Op, axis: impl Axis, at: usize, part: &Tensor<T>) {
        let at = Any::from(Scalar::Usize(at));
        if trace::is_recorded(&self.any) || trace::is_recorded(&part.any) {
            *self = Tensor::from_any(call(op, axis_attrs(axis), &[&self.any, &at, &part.any]));
            return;
        }
        // Held by nothing else, it is written in place; what does not fit is found before.
        let attrs = axis_attrs(axis);
        let args = [&self.any.val, &at.val, &part.any.val];
        let written = ops::result_sizes(op, &attrs, &args).and_then(|_| {
            let into = std::mem::take(&mut self.any.val);
            lists::write(op, &attrs, into, &[&at.val, &part.any.val])
        });
        match written {
            Ok(val) => self.any = Any { val, tag: None },
            Err(message) => fail(Error::op(op, message, Some(Location::caller().into()))),
        }
    }

    /// At each place the element whose position along the axis the index tensor has there; it has the sizes of this
    /// one besides the axis.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.gather(1, &Tensor::from([[1_i64], [0]])), Tensor::from([[2.0], [3.0]]));
    /// # }
    /// ```
    #[track_caller]
    pub fn gather(&self, axis: impl Axis, indices: impl AsTensor<i64>) -> Tensor<T> {
        let indices = &indices.as_tensor().any;
        Tensor::from_any(call(Op::Gather, axis_attrs(axis), &[&self.any, indices]))
    }

    /// Ascending along an axis, NaNs last.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// assert_eq!(Tensor::from([2, 3, 1]).sort(0), Tensor::from([1, 2, 3]));
    /// assert_eq!(Tensor::from([2, 3, 1]).argsort(0), Tensor::from([2_i64, 0, 1]));
    /// # }
    /// ```
    #[track_caller]
    pub fn sort(&self, axis: impl Axis) -> Tensor<T> {
        self.unary(Op::Sort, axis_attrs(axis))
    }

    /// The positions of the elements in ascending order along an axis, equal ones in their order, NaNs last.
    #[track_caller]
    pub fn argsort(&self, axis: impl Axis) -> Tensor<i64> {
        self.unary(Op::ArgSort, axis_attrs(axis))
    }

    /// The `k` largest elements along an axis and their positions, from the largest on; equal ones in their order,
    /// NaNs last.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let (values, places) = Tensor::from([2, 5, 1, 5]).topk(3, 0);
    /// assert_eq!(values, Tensor::from([5, 5, 2]));
    /// assert_eq!(places, Tensor::from([1_i64, 3, 0]));
    /// # }
    /// ```
    #[track_caller]
    pub fn topk(&self, k: usize, axis: impl Axis) -> (Tensor<T>, Tensor<i64>) {
        let places = call(Op::TopK, axis_attrs(axis), &[&self.any, &Scalar::Usize(k).into()]);
        let values = call(Op::Gather, axis_attrs(axis), &[&self.any, &places]);
        (Tensor::from_any(values), Tensor::from_any(places))
    }

    /// The positions of an axis that an index tensor lists.
    #[track_caller]
    pub fn take(&self, axis: impl Axis, indices: impl AsTensor<i64>) -> Tensor<T> {
        let indices = &indices.as_tensor().any;
        Tensor::from_any(call(Op::Take, axis_attrs(axis), &[&self.any, indices]))
    }

    #[track_caller]
    fn joined<B: Borrow<Tensor<T>>>(op: Op, parts: &[B], axis: impl Axis) -> Tensor<T> {
        if parts.is_empty() {
            let message = "needs at least one tensor".to_string();
            fail(Error::op(op, message, Some(Location::caller().into())));
        }
        let args: SmallVec<[&Any; 4]> = parts.iter().map(|p| &p.borrow().any).collect();
        Tensor::from_any(call(op, axis_attrs(axis), &args))
    }

    /// Tensors one after the other along an axis.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let x = Tensor::from([1, 2]);
    /// assert_eq!(Tensor::concat(&[&x, &x], 0), Tensor::from([1, 2, 1, 2]));
    /// # }
    /// ```
    #[track_caller]
    pub fn concat(parts: &[impl Borrow<Tensor<T>>], axis: impl Axis) -> Tensor<T> {
        Tensor::joined(Op::Concat, parts, axis)
    }

    /// Tensors along a new axis.
    #[track_caller]
    pub fn stack(parts: &[impl Borrow<Tensor<T>>], axis: impl Axis) -> Tensor<T> {
        Tensor::joined(Op::Stack, parts, axis)
    }

    /// `n` equal parts along an axis; one that does not divide into so many is an error.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let parts = Tensor::from([1, 2, 3, 4]).split(0, 2);
    /// assert_eq!(parts, [Tensor::from([1, 2]), Tensor::from([3, 4])]);
    /// # }
    /// ```
    #[track_caller]
    pub fn split(&self, axis: impl Axis, n: usize) -> Vec<Tensor<T>> {
        let at = Location::caller();
        let part = |i: usize| {
            let operands = [Scalar::Usize(i), Scalar::Usize(n)].map(Any::from);
            call_at(Op::PartOf, axis_attrs(axis), &[&self.any, &operands[0], &operands[1]], at)
        };
        // Into no parts is the error of the first one.
        (0..n.max(1)).map(|i| Tensor::from_any(part(i))).collect()
    }

    /// Parts of the given sizes along an axis, which add up to its size.
    #[track_caller]
    pub fn split_sizes(&self, axis: impl Axis, sizes: impl IntoShape) -> Vec<Tensor<T>> {
        let at = Location::caller();
        let sizes = sizes.into_shape();
        let all = sizes.iter().fold(0_usize, |all, n| all.saturating_add(*n));
        let mut start = 0_usize;
        let mut part = |n: usize| {
            let end = start.saturating_add(n);
            let operands = [start, end, all].map(|n| Any::from(Scalar::Usize(n)));
            start = end;
            let args = [&self.any, &operands[0], &operands[1], &operands[2]];
            Tensor::from_any(call_at(Op::PartSized, axis_attrs(axis), &args, at))
        };
        sizes.iter().map(|n| part(*n)).collect()
    }

    /// The slices along the first axis.
    #[track_caller]
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = Tensor<T>> + ExactSizeIterator + use<T> {
        let n = self.dim(0);
        let rows: Vec<Tensor<T>> = (0..n).map(|i| self.index_axis(0, i)).collect();
        rows.into_iter()
    }
}
