//! The methods of `Tensor`, one for each op.

use std::borrow::Borrow;
use std::panic::Location;

use jit_ir::ops::{Attrs, powi};
use jit_ir::{Op, Scalar};
use smallvec::SmallVec;

use super::convert::{pairs, signed_sizes, sizes};
use super::{
    Any, Axes, Axis, Bits, Elem, Float, IntoReshape, IntoShape, Num, Operand, Tensor, ask, call, call_at,
};
use crate::error::{Error, fail};
use crate::exec::{lists, ops};
use crate::trace;

macro_rules! row_methods {
    (
        unary_num { $($un:ident $un_name:ident $un_doc:literal $un_body:tt)* }
        unary_float {
            exact { $($ue:ident $ue_name:ident $ue_doc:literal |$uea:ident| $uef:expr)* }
            approx { $($ua:ident $ua_name:ident $ua_doc:literal |$uaa:ident| $uaf:expr)* }
        }
        test_float { $($ut:ident $ut_name:ident $ut_doc:literal |$uta:ident| $utf:expr)* }
        binary_num { $($bn:ident $bn_name:ident $bn_doc:literal $bn_body:tt)* }
        binary_div { $($bd:ident $bd_name:ident $bd_doc:literal $bd_body:tt)* }
        binary_float { $($bf:ident $bf_name:ident $bf_doc:literal |$bfa:ident, $bfb:ident| $bff:expr)* }
        compare { $($co:ident $co_name:ident $co_doc:literal |$coa:ident, $cob:ident| $cof:expr)* }
        $($rest:tt)*
    ) => {
        /// Element by element, on numbers.
        impl<T: Num> Tensor<T> {
            $(
                #[doc = $un_doc]
                #[track_caller]
                pub fn $un_name(&self) -> Tensor<T> {
                    self.unary(Op::$un, Attrs::default())
                }
            )*
            $(
                #[doc = $bn_doc]
                #[doc = " Shapes broadcast."]
                #[track_caller]
                pub fn $bn_name(&self, other: impl Operand<T>) -> Tensor<T> {
                    self.binary(Op::$bn, other.given().any())
                }
            )*
            $(
                #[doc = $bd_doc]
                #[doc = " Shapes broadcast; a zero among integer divisors is an error."]
                #[track_caller]
                pub fn $bd_name(&self, other: impl Operand<T>) -> Tensor<T> {
                    self.binary(Op::$bd, other.given().any())
                }
            )*
        }

        /// Element by element, on floats.
        impl<T: Float> Tensor<T> {
            $(
                #[doc = $ue_doc]
                #[track_caller]
                pub fn $ue_name(&self) -> Tensor<T> {
                    self.unary(Op::$ue, Attrs::default())
                }
            )*
            $(
                #[doc = $ua_doc]
                #[track_caller]
                pub fn $ua_name(&self) -> Tensor<T> {
                    self.unary(Op::$ua, Attrs::default())
                }
            )*
            $(
                #[doc = $ut_doc]
                #[track_caller]
                pub fn $ut_name(&self) -> Tensor<bool> {
                    self.unary(Op::$ut, Attrs::default())
                }
            )*
            $(
                #[doc = $bf_doc]
                #[doc = " Shapes broadcast."]
                #[track_caller]
                pub fn $bf_name(&self, other: impl Operand<T>) -> Tensor<T> {
                    self.binary(Op::$bf, other.given().any())
                }
            )*
        }

        /// Comparisons, element by element.
        impl<T: Elem> Tensor<T> {
            $(
                #[doc = $co_doc]
                #[doc = " Element by element; shapes broadcast."]
                #[track_caller]
                pub fn $co_name(&self, other: impl Operand<T>) -> Tensor<bool> {
                    self.binary(Op::$co, other.given().any())
                }
            )*
        }
    };
}
jit_ir::elementwise_rows!(row_methods);

fn axis_attrs(axis: impl Axis) -> Attrs {
    Attrs::axes([axis.axis()])
}

fn axes_attrs(axes: impl Axes, keep: bool) -> Attrs {
    Attrs { axes: Some(axes.axes()), keep, ..Attrs::default() }
}

macro_rules! reductions {
    ($($bound:ident: $($op:ident $name:ident $on_axis:ident $keeping:ident $doc:literal)*;)*) => {$(
        /// Reductions.
        impl<T: $bound> Tensor<T> {
            $(
                #[doc = $doc]
                #[doc = " Over all elements, to rank 0."]
                #[track_caller]
                pub fn $name(&self) -> Tensor<T> {
                    self.unary(Op::$op, Attrs::default())
                }

                #[doc = $doc]
                #[doc = " Along one axis or several, which are dropped."]
                #[track_caller]
                pub fn $on_axis(&self, axes: impl Axes) -> Tensor<T> {
                    self.unary(Op::$op, axes_attrs(axes, false))
                }

                #[doc = $doc]
                #[doc = " Along one axis or several, which stay with size 1."]
                #[track_caller]
                pub fn $keeping(&self, axes: impl Axes) -> Tensor<T> {
                    self.unary(Op::$op, axes_attrs(axes, true))
                }
            )*
        }
    )*};
}

reductions! {
    Num:
        Sum sum sum_axis sum_keepdim "The sum; 0 of nothing."
        Prod prod prod_axis prod_keepdim "The product; 1 of nothing."
        Max max max_axis max_keepdim "The largest element, NaN if one is; of nothing an error."
        Min min min_axis min_keepdim "The smallest element, NaN if one is; of nothing an error.";
    Float:
        Mean mean mean_axis mean_keepdim "The mean; NaN of nothing."
        Var var var_axis var_keepdim "The variance, divided by n."
        Std std std_axis std_keepdim "The standard deviation, divided by n.";
}

/// Reductions of truth values.
impl Tensor<bool> {
    /// Whether all are true.
    #[track_caller]
    pub fn all(&self) -> Tensor<bool> {
        self.unary(Op::All, Attrs::default())
    }

    /// Whether all are true, along axes that are dropped.
    #[track_caller]
    pub fn all_axis(&self, axes: impl Axes) -> Tensor<bool> {
        self.unary(Op::All, axes_attrs(axes, false))
    }

    /// Whether all are true, along axes that stay with size 1.
    #[track_caller]
    pub fn all_keepdim(&self, axes: impl Axes) -> Tensor<bool> {
        self.unary(Op::All, axes_attrs(axes, true))
    }

    /// Whether one is true.
    #[track_caller]
    pub fn any(&self) -> Tensor<bool> {
        self.unary(Op::Any, Attrs::default())
    }

    /// Whether one is true, along axes that are dropped.
    #[track_caller]
    pub fn any_axis(&self, axes: impl Axes) -> Tensor<bool> {
        self.unary(Op::Any, axes_attrs(axes, false))
    }

    /// Whether one is true, along axes that stay with size 1.
    #[track_caller]
    pub fn any_keepdim(&self, axes: impl Axes) -> Tensor<bool> {
        self.unary(Op::Any, axes_attrs(axes, true))
    }

    /// `a` where this is true, `b` elsewhere; shapes broadcast.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let x = Tensor::from([-1.0, 2.0]);
    /// assert_eq!(x.gt(0.0).select(&x, 0.0), Tensor::from([0.0, 2.0]));
    /// # }
    /// ```
    #[track_caller]
    pub fn select<T: Elem, A: Operand<T>, B: Operand<T>>(&self, a: A, b: B) -> Tensor<T> {
        // With two scalars nothing says the element type but T.
        let a = as_tensor::<T>(a.given().any());
        Tensor::from_any(call(Op::Select, Attrs::default(), &[&self.any, &a, b.given().any()]))
    }
}

fn as_tensor<T: Elem>(value: &Any) -> Any {
    match value.val {
        super::raw::Val::Scalar(s) => super::raw::RawTensor::scalar(s.cast(T::DTYPE)).into(),
        _ => value.clone(),
    }
}

/// Numbers.
impl<T: Num> Tensor<T> {
    /// Held between two bounds; NaN stays.
    #[track_caller]
    pub fn clamp(&self, low: impl Operand<T>, high: impl Operand<T>) -> Tensor<T> {
        let (low, high) = (low.given(), high.given());
        Tensor::from_any(call(Op::Clamp, Attrs::default(), &[&self.any, low.any(), high.any()]))
    }

    /// `self * b + c`, floats with one rounding; shapes broadcast.
    #[track_caller]
    pub fn mul_add(&self, b: impl Operand<T>, c: impl Operand<T>) -> Tensor<T> {
        let (b, c) = (b.given(), c.given());
        Tensor::from_any(call(Op::MulAdd, Attrs::default(), &[&self.any, b.any(), c.any()]))
    }

    /// Position of the largest element in row-major order, the first on ties.
    #[track_caller]
    pub fn argmax(&self) -> Tensor<i64> {
        self.unary(Op::ArgMax, Attrs::default())
    }

    /// Position of the largest element along an axis, the first on ties.
    #[track_caller]
    pub fn argmax_axis(&self, axis: impl Axis) -> Tensor<i64> {
        self.unary(Op::ArgMax, axis_attrs(axis))
    }

    /// Position of the smallest element in row-major order, the first on ties.
    #[track_caller]
    pub fn argmin(&self) -> Tensor<i64> {
        self.unary(Op::ArgMin, Attrs::default())
    }

    /// Position of the smallest element along an axis, the first on ties.
    #[track_caller]
    pub fn argmin_axis(&self, axis: impl Axis) -> Tensor<i64> {
        self.unary(Op::ArgMin, axis_attrs(axis))
    }

    /// Running sum along an axis.
    #[track_caller]
    pub fn cumsum(&self, axis: impl Axis) -> Tensor<T> {
        self.unary(Op::CumSum, axis_attrs(axis))
    }

    /// Running product along an axis.
    #[track_caller]
    pub fn cumprod(&self, axis: impl Axis) -> Tensor<T> {
        self.unary(Op::CumProd, axis_attrs(axis))
    }

    /// Zero below diagonal `k` of the last two axes.
    #[track_caller]
    pub fn triu(&self, k: i64) -> Tensor<T> {
        Tensor::from_any(call(Op::Triu, Attrs::default(), &[&self.any, &Scalar::I64(k).into()]))
    }

    /// Zero above diagonal `k` of the last two axes.
    #[track_caller]
    pub fn tril(&self, k: i64) -> Tensor<T> {
        Tensor::from_any(call(Op::Tril, Attrs::default(), &[&self.any, &Scalar::I64(k).into()]))
    }

    /// The matrix product: vectors, matrices, and batches of them with broadcasting.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let a = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(a.matmul(&a), Tensor::from([[7.0, 10.0], [15.0, 22.0]]));
    /// # }
    /// ```
    #[track_caller]
    pub fn matmul(&self, other: &Tensor<T>) -> Tensor<T> {
        self.binary(Op::Matmul, &other.any)
    }

    /// The inner product of two vectors: the sum of their products.
    #[track_caller]
    pub fn dot(&self, other: &Tensor<T>) -> Tensor<T> {
        self.binary(Op::Dot, &other.any)
    }

    /// The outer product of two vectors.
    #[track_caller]
    pub fn outer(&self, other: &Tensor<T>) -> Tensor<T> {
        self.binary(Op::Outer, &other.any)
    }
}

/// Floats.
impl<T: Float> Tensor<T> {
    /// Raised to an integer power by repeated multiplication.
    #[track_caller]
    pub fn powi(&self, n: i32) -> Tensor<T> {
        let at = Location::caller();
        let op = |op, args: &[&Any]| call_at(op, Attrs::default(), args, at);
        let power = powi(
            self.any.clone(),
            n,
            |a, b| op(Op::Mul, &[&a, &b]),
            |x| op(Op::OnesLike, &[&x]),
            |p| op(Op::Recip, &[&p]),
        );
        Tensor::from_any(power)
    }

    /// `exp(x - max)` divided by its sum along an axis.
    #[track_caller]
    pub fn softmax(&self, axis: impl Axis) -> Tensor<T> {
        self.unary(Op::Softmax, axis_attrs(axis))
    }

    /// The logarithm of `softmax`, without its rounding to 0.
    #[track_caller]
    pub fn log_softmax(&self, axis: impl Axis) -> Tensor<T> {
        self.unary(Op::LogSoftmax, axis_attrs(axis))
    }

    /// The logarithm of the sum of exp along an axis, which is dropped.
    #[track_caller]
    pub fn logsumexp(&self, axis: impl Axis) -> Tensor<T> {
        self.unary(Op::LogSumExp, axis_attrs(axis))
    }
}

/// Integers and truth values.
impl<T: Bits> Tensor<T> {
    /// Logical or bitwise and; shapes broadcast.
    #[track_caller]
    pub fn and(&self, other: impl Operand<T>) -> Tensor<T> {
        self.binary(Op::And, other.given().any())
    }

    /// Logical or bitwise or; shapes broadcast.
    #[track_caller]
    pub fn or(&self, other: impl Operand<T>) -> Tensor<T> {
        self.binary(Op::Or, other.given().any())
    }

    /// Logical or bitwise exclusive or; shapes broadcast.
    #[track_caller]
    pub fn xor(&self, other: impl Operand<T>) -> Tensor<T> {
        self.binary(Op::Xor, other.given().any())
    }
}

/// Classes.
impl Tensor<i64> {
    /// A new last axis of size `n` with 1 at the index and 0 elsewhere.
    #[track_caller]
    pub fn one_hot<U: Num>(&self, n: usize) -> Tensor<U> {
        Tensor::from_any(call(Op::OneHot, Attrs::dtype(U::DTYPE), &[&self.any, &Scalar::Usize(n).into()]))
    }
}

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

    /// The same elements in another shape; one size may be -1.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// assert_eq!(Tensor::arange(0, 6, 1).reshape([2, -1]).shape(), [2, 3]);
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
    pub fn set_axis(&mut self, axis: impl Axis, i: usize, row: &Tensor<T>) {
        self.put(Op::SetAxis, axis, i, row);
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
    pub fn set_slice(&mut self, axis: impl Axis, start: usize, part: &Tensor<T>) {
        self.put(Op::SetSlice, axis, start, part);
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

    /// The positions of an axis that an index tensor lists.
    #[track_caller]
    pub fn take(&self, axis: impl Axis, indices: &Tensor<i64>) -> Tensor<T> {
        Tensor::from_any(call(Op::Take, axis_attrs(axis), &[&self.any, &indices.any]))
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

    /// The slices along the first axis.
    #[track_caller]
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = Tensor<T>> + ExactSizeIterator + use<T> {
        let n = self.dim(0);
        let rows: Vec<Tensor<T>> = (0..n).map(|i| self.index_axis(0, i)).collect();
        rows.into_iter()
    }
}

/// Questions. In a recording each answer becomes a guard.
impl<T: Elem> Tensor<T> {
    /// The sizes.
    #[track_caller]
    pub fn shape(&self) -> &[usize] {
        if self.any.tag.is_some() {
            for axis in 0..self.rank() {
                self.dim(axis);
            }
        }
        &self.raw().shape
    }

    /// The number of axes.
    #[track_caller]
    pub fn rank(&self) -> usize {
        if self.any.tag.is_some() && trace::rank_is_open(&self.any) {
            ask(Op::Rank, Attrs::default(), &[&self.any]);
        }
        self.raw().rank()
    }

    /// The size of an axis.
    #[track_caller]
    pub fn dim(&self, axis: impl Axis) -> usize {
        ask(Op::Dim, axis_attrs(axis), &[&self.any]).as_i64() as usize
    }

    /// The number of elements.
    #[track_caller]
    pub fn len(&self) -> usize {
        ask(Op::Len, Attrs::default(), &[&self.any]).as_i64() as usize
    }

    /// Whether there is no element.
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The only element.
    #[track_caller]
    pub fn item(&self) -> T {
        T::from_scalar(ask(Op::Item, Attrs::default(), &[&self.any]))
    }

    /// The elements in row-major order.
    #[track_caller]
    pub fn to_vec(&self) -> Vec<T> {
        self.shape();
        self.seen().to_vec()
    }

    /// The elements, if they stand in row-major order without gaps.
    ///
    /// A traced function that asks this runs eagerly: the layout is not part of a recording.
    #[track_caller]
    pub fn as_slice(&self) -> Option<&[T]> {
        let reason = "`as_slice` depends on the layout in memory, which a recording does not know";
        trace::spoil(&self.any, reason, "use `to_vec`", Location::caller());
        self.raw().as_slice()
    }
}

impl<T: Num> std::iter::Sum for Tensor<T> {
    /// The sum of tensors; of none the rank-0 zero.
    fn sum<I: Iterator<Item = Tensor<T>>>(iter: I) -> Tensor<T> {
        iter.reduce(|a, b| a + b).unwrap_or_else(|| Tensor::scalar(T::of(0.0)))
    }
}

/// Whether a tensor belongs to a recording: for tests.
#[doc(hidden)]
pub fn is_traced<T: Elem>(x: &Tensor<T>) -> bool {
    trace::is_open(&x.any)
}
