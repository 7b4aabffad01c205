//! Tensors from and for other crates: without a copy where the layout allows it.
//!
//! | from | to | copies |
//! |---|---|---|
//! | `Vec<T>` | [`Tensor::from_vec`](crate::Tensor::from_vec), `Tensor::from` | no, from 32 KiB on |
//! | `&[T]`, arrays | `Tensor::from` | yes |
//! | a tensor | [`Tensor::as_slice`](crate::Tensor::as_slice) | no; `None` for a view that is not row-major |
//! | a matrix | [`Tensor::as_faer`](crate::Tensor::as_faer) | no; an error for other views |
//! | `faer::MatRef`, `&faer::Mat` | `Tensor::from` | yes: columns lie apart there |
//! | a tensor | `as_ndarray` (feature `ndarray`) | no; an error for a view that is not row-major |
//! | `ndarray::Array` | `Tensor::from` (feature `ndarray`) | no if row-major, from 32 KiB on |
//! | a file | `safetensors::File` (feature `safetensors`) | no: mapped |
//! | f16, bf16 | `half::Packed` (feature `half`) | yes: computed in `f32` |
//! | serde formats | `Tensor<T>` (feature `serde`) | yes |
//!
//! In a traced function these read elements on the host, as `to_vec` does: the recording is guarded by them, or runs
//! eagerly where the layout decides.

mod faer;
#[cfg(feature = "half")]
pub mod half;
#[cfg(feature = "ndarray")]
mod ndarray;
#[cfg(feature = "safetensors")]
pub mod safetensors;
#[cfg(feature = "serde")]
mod serde;

use crate::error::{Error, Place};

/// The error of a conversion, at the caller's line.
#[track_caller]
fn misfit(op: &'static str, message: String) -> Error {
    Error::Op { op, message, at: Some(Place::from(std::panic::Location::caller())) }
}
