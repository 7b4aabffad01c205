//! The methods of `Tensor`, one for each op.

use std::panic::Location;

use jit_ir::ops::{Attrs, powi};
use jit_ir::{Op, Scalar};

use super::{Any, AsTensor, Axes, Axis, Bits, Elem, Float, Num, Operand, Tensor, ask, call, call_at};
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

pub(super) fn axis_attrs(axis: impl Axis) -> Attrs {
    Attrs::axes([axis.axis()])
}

pub(super) fn axes_attrs(axes: impl Axes, keep: bool) -> Attrs {
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

/// Sums and means of truth values: of those that are true, as 1 each.
impl Tensor<bool> {
    /// How many elements are true.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let large = Tensor::from([0.5, 2.0, 3.0]).gt(1.0);
    /// assert_eq!(large.sum().item(), 2_i64);
    /// assert_eq!(large.mean().item(), 2.0_f32 / 3.0);
    /// # }
    /// ```
    #[track_caller]
    pub fn sum(&self) -> Tensor<i64> {
        self.cast::<i64>().sum()
    }

    /// How many elements are true, along one axis or several, which are dropped.
    #[track_caller]
    pub fn sum_axis(&self, axes: impl Axes) -> Tensor<i64> {
        self.cast::<i64>().sum_axis(axes)
    }

    /// How many elements are true, along one axis or several, which stay with size 1.
    #[track_caller]
    pub fn sum_keepdim(&self, axes: impl Axes) -> Tensor<i64> {
        self.cast::<i64>().sum_keepdim(axes)
    }

    /// The share of elements that are true; NaN of nothing.
    #[track_caller]
    pub fn mean(&self) -> Tensor<f32> {
        self.cast::<f32>().mean()
    }

    /// The share of elements that are true, along one axis or several, which are dropped.
    #[track_caller]
    pub fn mean_axis(&self, axes: impl Axes) -> Tensor<f32> {
        self.cast::<f32>().mean_axis(axes)
    }

    /// The share of elements that are true, along one axis or several, which stay with size 1.
    #[track_caller]
    pub fn mean_keepdim(&self, axes: impl Axes) -> Tensor<f32> {
        self.cast::<f32>().mean_keepdim(axes)
    }
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

    /// `src` added where the index tensor, of its shape, says along the axis; in row-major order, so that sums are the
    /// same everywhere.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let counts = Tensor::zeros([3]).scatter_add(0, &Tensor::from([0_i64, 2, 2]), &Tensor::from([1.0, 1.0, 1.0]));
    /// assert_eq!(counts, Tensor::from([1.0, 0.0, 2.0]));
    /// # }
    /// ```
    #[track_caller]
    pub fn scatter_add(
        &self,
        axis: impl Axis,
        indices: impl AsTensor<i64>,
        src: impl AsTensor<T>,
    ) -> Tensor<T> {
        let (indices, src) = (&indices.as_tensor().any, &src.as_tensor().any);
        Tensor::from_any(call(Op::ScatterAdd, axis_attrs(axis), &[&self.any, indices, src]))
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
    pub fn matmul(&self, other: impl AsTensor<T>) -> Tensor<T> {
        self.binary(Op::Matmul, &other.as_tensor().any)
    }

    /// The inner product of two vectors: the sum of their products.
    #[track_caller]
    pub fn dot(&self, other: impl AsTensor<T>) -> Tensor<T> {
        self.binary(Op::Dot, &other.as_tensor().any)
    }

    /// The outer product of two vectors.
    #[track_caller]
    pub fn outer(&self, other: impl AsTensor<T>) -> Tensor<T> {
        self.binary(Op::Outer, &other.as_tensor().any)
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

    /// `exp(x - max)` divided by its sum along an axis; NaN throughout a row if its largest element is infinite or one is NaN.
    #[track_caller]
    pub fn softmax(&self, axis: impl Axis) -> Tensor<T> {
        self.unary(Op::Softmax, axis_attrs(axis))
    }

    /// The logarithm of `softmax`, without its rounding to 0: `(x - max) - ln(sum(exp(x - max)))`; NaN where `softmax` is.
    #[track_caller]
    pub fn log_softmax(&self, axis: impl Axis) -> Tensor<T> {
        self.unary(Op::LogSoftmax, axis_attrs(axis))
    }

    /// The logarithm of the sum of exp along an axis, which is dropped; infinite if an element is, minus infinity if all
    /// are.
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
        if self.any.is_plain()
            && let Some(size) = self.raw().size_of_axis(axis.axis())
        {
            return size;
        }
        ask(Op::Dim, axis_attrs(axis), &[&self.any]).as_i64() as usize
    }

    /// The number of elements.
    #[track_caller]
    pub fn len(&self) -> usize {
        if self.any.is_plain() {
            return self.raw().len();
        }
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
        if self.any.is_plain()
            && let Some(element) = self.raw().only()
        {
            return element;
        }
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
