//! `f16` and `bf16`: half the memory for what is computed in `f32`.

use std::sync::Arc;

use ::half::slice::HalfFloatSliceExt;
pub use ::half::{bf16, f16};

use crate::error::Result;
use crate::tensor::{IntoShape, Tensor};

/// A floating-point type of 16 bits.
pub trait Half: Copy + Default + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// As the file formats name it.
    const NAME: &'static str;
    #[doc(hidden)]
    fn narrow(from: &[f32], to: &mut [Self]);
    #[doc(hidden)]
    fn widen(from: &[Self], to: &mut [f32]);
    /// From little-endian bytes.
    #[doc(hidden)]
    fn of_bytes(bytes: [u8; 2]) -> Self;
    /// Little-endian bytes.
    #[doc(hidden)]
    fn bytes(self) -> [u8; 2];
}

macro_rules! halves {
    ($($T:ident $name:literal)*) => {$(
        impl Half for $T {
            const NAME: &'static str = $name;
            fn narrow(from: &[f32], to: &mut [$T]) {
                to.convert_from_f32_slice(from);
            }
            fn widen(from: &[$T], to: &mut [f32]) {
                from.convert_to_f32_slice(to);
            }
            fn of_bytes(bytes: [u8; 2]) -> $T {
                $T::from_le_bytes(bytes)
            }
            fn bytes(self) -> [u8; 2] {
                self.to_le_bytes()
            }
        }
    )*};
}
halves!(f16 "F16" bf16 "BF16");

/// Numbers of 16 bits in row-major order, for keeping; [`Packed::unpack`] gives the tensor to compute with.
///
/// ```
/// use jit_runtime::interop::half::bf16;
/// use jit_runtime::prelude::*;
/// # fn main() {
/// let w = Tensor::<f32>::from([[1.0, 0.1], [-2.5, 1e30]]);
/// let kept = w.pack::<bf16>();
/// assert_eq!(kept.shape(), [2, 2]);
/// assert!((&kept.unpack() - &w).abs().le(&(w.abs() * 0.004)).all().item());
/// # }
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Packed<H: Half> {
    data: Arc<[H]>,
    shape: Vec<usize>,
}

impl<H: Half> Packed<H> {
    /// Of numbers in row-major order.
    ///
    /// # Errors
    /// Another number of them than the shape has places.
    pub fn from_vec(data: Vec<H>, shape: impl IntoShape) -> Result<Packed<H>> {
        let shape = shape.into_shape();
        if shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d)) != Some(data.len()) {
            let message = format!("{} elements for shape {shape:?}", data.len());
            return Err(crate::Error::Op { op: "from_vec", message, at: None });
        }
        Ok(Packed { data: data.into(), shape })
    }

    /// The sizes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers in row-major order.
    pub fn as_slice(&self) -> &[H] {
        &self.data
    }

    /// As `f32`, which holds every one exactly.
    pub fn unpack(&self) -> Tensor<f32> {
        let mut all = vec![0.0; self.data.len()];
        H::widen(&self.data, &mut all);
        Tensor::of_elements(all, &self.shape)
    }
}

impl Tensor<f32> {
    /// Rounded to 16 bits, to the nearest, halves to even; too large ones become infinite.
    #[track_caller]
    pub fn pack<H: Half>(&self) -> Packed<H> {
        let (shape, all) = (self.shape().to_vec(), self.to_vec());
        let mut data = vec![H::default(); all.len()];
        H::narrow(&all, &mut data);
        Packed { data: data.into(), shape }
    }
}
