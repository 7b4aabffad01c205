//! Constructors.

use jit_ir::ops::Attrs;
use jit_ir::{Op, Scalar};
use smallvec::SmallVec;

use super::convert::sizes;
use super::raw::RawTensor;
use super::{Any, AsTensor, Elem, Float, IntoShape, Num, Tensor, call};
use crate::error::{Error, Result};

#[track_caller]
fn make<T: Elem>(op: Op, args: &[Any]) -> Tensor<T> {
    let refs: SmallVec<[&Any; 6]> = args.iter().collect();
    Tensor::from_any(call(op, Attrs::dtype(T::DTYPE), &refs))
}

impl<T: Elem> Tensor<T> {
    /// A tensor of the given elements in row-major order.
    ///
    /// # Errors
    /// The number of elements is not the product of the sizes.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() -> Result<()> {
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4, 5, 6], [2, 3])?;
    /// assert_eq!(x.shape(), [2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_vec(data: Vec<T>, shape: impl IntoShape) -> Result<Tensor<T>> {
        let shape = shape.into_shape();
        let n = shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d));
        if n != Some(data.len()) {
            let message = format!("{} elements for shape {shape:?}", data.len());
            return Err(Error::Op { op: "from_vec", message, at: None });
        }
        Ok(Tensor::from_raw(RawTensor::from_vec(data, &shape)))
    }

    /// As [`Tensor::from_vec`], for a shape that fits.
    pub(crate) fn of_elements(data: Vec<T>, shape: &[usize]) -> Tensor<T> {
        Tensor::from_raw(RawTensor::from_vec(data, shape))
    }

    /// A tensor of rank 0.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// assert_eq!(Tensor::scalar(2.5).item(), 2.5);
    /// # }
    /// ```
    pub fn scalar(value: T) -> Tensor<T> {
        Tensor::from_raw(RawTensor::scalar(value.to_scalar()))
    }

    /// A tensor of one value.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// assert_eq!(Tensor::full([2], 7), Tensor::from([7, 7]));
    /// # }
    /// ```
    #[track_caller]
    pub fn full(shape: impl IntoShape, value: T) -> Tensor<T> {
        let mut args = sizes(shape.into_shape());
        args.push(value.to_scalar().into());
        make(Op::Full, &args)
    }

    /// Zeros (`false`) in the shape of another tensor.
    #[track_caller]
    pub fn zeros_like(x: impl AsTensor<T>) -> Tensor<T> {
        x.as_tensor().unary(Op::ZerosLike, Attrs::default())
    }

    /// Ones (`true`) in the shape of another tensor.
    #[track_caller]
    pub fn ones_like(x: impl AsTensor<T>) -> Tensor<T> {
        x.as_tensor().unary(Op::OnesLike, Attrs::default())
    }

    /// Zeros (`false`).
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let x: Tensor = Tensor::zeros([2, 3]);
    /// assert_eq!(x.sum().item(), 0.0);
    /// # }
    /// ```
    #[track_caller]
    pub fn zeros(shape: impl IntoShape) -> Tensor<T> {
        make(Op::Zeros, &sizes(shape.into_shape()))
    }

    /// Ones (`true`).
    #[track_caller]
    pub fn ones(shape: impl IntoShape) -> Tensor<T> {
        make(Op::Ones, &sizes(shape.into_shape()))
    }
}

impl<T: Num> Tensor<T> {
    /// The identity matrix of size `[n, n]`.
    #[track_caller]
    pub fn eye(n: usize) -> Tensor<T> {
        make(Op::Eye, &[Scalar::Usize(n).into()])
    }

    /// `start`, `start + step`, ... below `end` (above, for a negative step); integers are counted in integers.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// assert_eq!(Tensor::arange(0, 10, 3), Tensor::from([0, 3, 6, 9]));
    /// # }
    /// ```
    #[track_caller]
    pub fn arange(start: T, end: T, step: T) -> Tensor<T> {
        make(Op::Arange, &[start.to_scalar().into(), end.to_scalar().into(), step.to_scalar().into()])
    }
}

impl<T: Float> Tensor<T> {
    /// `n` values at equal distances from `start` to `end`, both included.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// assert_eq!(Tensor::linspace(0.0, 1.0, 5), Tensor::from([0.0, 0.25, 0.5, 0.75, 1.0]));
    /// # }
    /// ```
    #[track_caller]
    pub fn linspace(start: T, end: T, n: usize) -> Tensor<T> {
        make(Op::Linspace, &[start.to_scalar().into(), end.to_scalar().into(), Scalar::Usize(n).into()])
    }
}

impl<T: Elem> From<Vec<T>> for Tensor<T> {
    fn from(data: Vec<T>) -> Tensor<T> {
        let n = data.len();
        Tensor::from_raw(RawTensor::from_vec(data, &[n]))
    }
}

impl<T: Elem> From<&[T]> for Tensor<T> {
    fn from(data: &[T]) -> Tensor<T> {
        Tensor::from_raw(RawTensor::from_slice(data, &[data.len()]))
    }
}

impl<T: Elem, const A: usize> From<[T; A]> for Tensor<T> {
    fn from(data: [T; A]) -> Tensor<T> {
        Tensor::from_raw(RawTensor::from_slice(&data, &[A]))
    }
}

impl<T: Elem, const A: usize, const B: usize> From<[[T; B]; A]> for Tensor<T> {
    fn from(data: [[T; B]; A]) -> Tensor<T> {
        Tensor::from_raw(RawTensor::from_slice(data.as_flattened(), &[A, B]))
    }
}

impl<T: Elem, const A: usize, const B: usize, const C: usize> From<[[[T; C]; B]; A]> for Tensor<T> {
    fn from(data: [[[T; C]; B]; A]) -> Tensor<T> {
        Tensor::from_raw(RawTensor::from_slice(data.as_flattened().as_flattened(), &[A, B, C]))
    }
}

impl<T: Elem, const A: usize, const B: usize, const C: usize, const D: usize> From<[[[[T; D]; C]; B]; A]>
    for Tensor<T>
{
    fn from(data: [[[[T; D]; C]; B]; A]) -> Tensor<T> {
        let flat = data.as_flattened().as_flattened().as_flattened();
        Tensor::from_raw(RawTensor::from_slice(flat, &[A, B, C, D]))
    }
}
