//! faer's matrices.

use ::faer::{Mat, MatRef};

use super::misfit;
use crate::error::Result;
use crate::tensor::{Elem, Float, Tensor};

impl<T: Float> Tensor<T> {
    /// This matrix as faer has it, without a copy.
    ///
    /// # Errors
    /// The rank is not 2, or the elements of a view stand neither row by row nor column by column:
    /// [`Tensor::to_faer`] copies any.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() -> jit_runtime::Result<()> {
    /// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.as_faer()?[(0, 1)], 2.0);
    /// assert_eq!(x.t().as_faer()?[(0, 1)], 3.0);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn as_faer(&self) -> Result<MatRef<'_, T>> {
        let [rows, columns] = self.matrix("as_faer")?;
        if let Some(slice) = self.as_slice() {
            return Ok(MatRef::from_row_major_slice(slice, rows, columns));
        }
        match self.raw().as_columns() {
            Some(slice) => Ok(MatRef::from_column_major_slice(slice, rows, columns)),
            None => Err(misfit(
                "as_faer",
                format!("this view of shape [{rows}, {columns}] has gaps in memory; `to_faer` copies it"),
            )),
        }
    }

    /// A copy of this matrix as faer has it.
    ///
    /// # Errors
    /// The rank is not 2.
    #[track_caller]
    pub fn to_faer(&self) -> Result<Mat<T>> {
        let [rows, columns] = self.matrix("to_faer")?;
        let all = self.to_vec();
        Ok(Mat::from_fn(rows, columns, |i, j| all[i * columns + j]))
    }

    #[track_caller]
    fn matrix(&self, op: &'static str) -> Result<[usize; 2]> {
        match *self.shape() {
            [rows, columns] => Ok([rows, columns]),
            ref shape => Err(misfit(op, format!("needs a matrix, got {shape:?}"))),
        }
    }
}

impl<T: Elem> From<MatRef<'_, T>> for Tensor<T> {
    fn from(matrix: MatRef<'_, T>) -> Tensor<T> {
        let (rows, columns) = (matrix.nrows(), matrix.ncols());
        let all = (0..rows).flat_map(|i| (0..columns).map(move |j| matrix[(i, j)])).collect();
        Tensor::of_elements(all, &[rows, columns])
    }
}

impl<T: Elem> From<&Mat<T>> for Tensor<T> {
    fn from(matrix: &Mat<T>) -> Tensor<T> {
        Tensor::from(matrix.as_ref())
    }
}

impl<T: Elem> From<Mat<T>> for Tensor<T> {
    fn from(matrix: Mat<T>) -> Tensor<T> {
        Tensor::from(matrix.as_ref())
    }
}
