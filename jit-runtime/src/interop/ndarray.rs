//! ndarray's arrays.

use ::ndarray::{Array, ArrayBase, ArrayD, ArrayViewD, Data, Dimension, IxDyn};

use super::misfit;
use crate::error::Result;
use crate::tensor::{Elem, Tensor};

impl<T: Elem> Tensor<T> {
    /// This tensor as ndarray has it, without a copy.
    ///
    /// # Errors
    /// It is a view that is not row-major: [`Tensor::to_ndarray`] copies any.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() -> jit_runtime::Result<()> {
    /// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.as_ndarray()?[[0, 1]], 2.0);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn as_ndarray(&self) -> Result<ArrayViewD<'_, T>> {
        let shape = self.shape();
        let Some(slice) = self.as_slice() else {
            let message =
                format!("this view of shape {shape:?} is not row-major in memory; `to_ndarray` copies it");
            return Err(misfit("as_ndarray", message));
        };
        match ArrayViewD::from_shape(IxDyn(shape), slice) {
            Ok(view) => Ok(view),
            Err(e) => Err(misfit("as_ndarray", format!("{shape:?}: {e}"))),
        }
    }

    /// A copy of this tensor as ndarray has it.
    #[track_caller]
    pub fn to_ndarray(&self) -> ArrayD<T> {
        let (shape, all) = (self.shape(), self.to_vec());
        ArrayD::from_shape_fn(IxDyn(shape), {
            let mut next = all.into_iter();
            // The array is filled in row-major order.
            move |_| next.next().unwrap_or(T::ZERO)
        })
    }
}

impl<T: Elem, S: Data<Elem = T>, D: Dimension> From<&ArrayBase<S, D>> for Tensor<T> {
    fn from(array: &ArrayBase<S, D>) -> Tensor<T> {
        Tensor::of_elements(array.iter().copied().collect(), array.shape())
    }
}

impl<T: Elem, D: Dimension> From<Array<T, D>> for Tensor<T> {
    fn from(array: Array<T, D>) -> Tensor<T> {
        if !array.is_standard_layout() {
            return Tensor::from(&array);
        }
        let shape = array.shape().to_vec();
        let n: usize = shape.iter().product();
        let (mut all, offset) = array.into_raw_vec_and_offset();
        all.truncate(offset.unwrap_or(0) + n);
        all.drain(..offset.unwrap_or(0));
        Tensor::of_elements(all, &shape)
    }
}
