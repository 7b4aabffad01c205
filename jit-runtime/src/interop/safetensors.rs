//! Files of named tensors, as Hugging Face's `safetensors` has them: read by memory map, and written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::safetensors::tensor::{Metadata, SafeTensors, TensorInfo, View};
use jit_ir::DType;
use memmap2::Mmap;

use crate::error::{Error, Result};
use crate::tensor::raw::RawTensor;
use crate::tensor::storage::{self, Buffer};
use crate::tensor::{Elem, Tensor};

/// A file opened for reading. Its tensors share the mapped memory: their elements are read when they are first used.
///
/// Nobody may change the file while it is open.
///
/// ```
/// use jit_runtime::interop::safetensors::{File, save};
/// use jit_runtime::prelude::*;
/// # fn main() -> jit_runtime::Result<()> {
/// let path = std::env::temp_dir().join(format!("jit-{}.safetensors", std::process::id()));
/// let (w, steps) = (Tensor::<f32>::ones([2, 3]), Tensor::scalar(7_i64));
/// save(&path, [("layer.w", (&w).into()), ("steps", (&steps).into())])?;
/// let file = File::open(&path)?;
/// assert_eq!(file.names().collect::<Vec<_>>(), ["layer.w", "steps"]);
/// assert_eq!(file.tensor::<f32>("layer.w")?, w);
/// # std::fs::remove_file(path).unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    map: Arc<Mmap>,
    /// Where the elements start.
    start: usize,
    entries: BTreeMap<String, TensorInfo>,
}

fn failed(op: &'static str, path: &Path, what: impl std::fmt::Display) -> Error {
    Error::Op { op, message: format!("{}: {what}", path.display()), at: None }
}

fn name_of(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "BOOL",
        DType::U8 => "U8",
        DType::I32 => "I32",
        DType::I64 | DType::Usize => "I64",
        DType::F32 => "F32",
        DType::F64 => "F64",
    }
}

impl File {
    /// Opens a file and reads what it holds, not the elements.
    ///
    /// # Errors
    /// It cannot be read, or is no such file.
    pub fn open(path: impl AsRef<Path>) -> Result<File> {
        let path = path.as_ref().to_path_buf();
        let say = |what: &dyn std::fmt::Display| failed("safetensors", &path, what);
        if cfg!(target_endian = "big") {
            return Err(say(&"the elements are little-endian, and this machine is not"));
        }
        let file = std::fs::File::open(&path).map_err(|e| say(&e))?;
        let map = storage::map(&file).map_err(|e| say(&e))?;
        let (header, metadata): (usize, Metadata) = SafeTensors::read_metadata(&map).map_err(|e| say(&e))?;
        let entries = metadata.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
        Ok(File { path, map: Arc::new(map), start: header + size_of::<u64>(), entries })
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of the tensor of that name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|info| &info.shape[..])
    }

    /// The element type of the tensor of that name, as the file has it: `F32`, `BF16`, ...
    pub fn dtype(&self, name: &str) -> Option<String> {
        self.entries.get(name).map(|info| format!("{:?}", info.dtype))
    }

    fn entry(&self, name: &str, wanted: &str) -> Result<(&TensorInfo, std::ops::Range<usize>)> {
        let Some(info) = self.entries.get(name) else {
            let known = self.names().take(8).collect::<Vec<_>>().join(", ");
            return Err(failed("safetensors", &self.path, format!("has no tensor `{name}`; it has {known}")));
        };
        let found = format!("{:?}", info.dtype);
        if found != wanted {
            let advice = match found.as_str() {
                "F16" | "BF16" => "; read it by `packed` (feature `half`)",
                _ => "",
            };
            let message = format!("`{name}` holds {found}, not {wanted}{advice}");
            return Err(failed("safetensors", &self.path, message));
        }
        Ok((info, self.start + info.data_offsets.0..self.start + info.data_offsets.1))
    }

    /// The tensor of that name, in the file's memory (copied only if it is not aligned there).
    ///
    /// # Errors
    /// There is none, or its elements are of another type.
    pub fn tensor<T: Elem>(&self, name: &str) -> Result<Tensor<T>> {
        let (info, range) = self.entry(name, name_of(T::DTYPE))?;
        let bytes = &self.map[range.clone()];
        if T::DTYPE == DType::Bool && bytes.iter().any(|b| *b > 1) {
            return Err(failed("safetensors", &self.path, format!("`{name}` holds bytes that are no bools")));
        }
        let aligned = (bytes.as_ptr() as usize).is_multiple_of(align_of::<T>());
        let raw = if aligned {
            RawTensor::in_buffer(T::DTYPE, &info.shape, Buffer::of_map(&self.map, range))
        } else {
            RawTensor::of_bytes(T::DTYPE, &info.shape, bytes)
        };
        Ok(Tensor::from_raw(raw))
    }

    /// The tensor of that name, which holds numbers of 16 bits.
    ///
    /// # Errors
    /// There is none, or its elements are of another type.
    #[cfg(feature = "half")]
    pub fn packed<H: super::half::Half>(&self, name: &str) -> Result<super::half::Packed<H>> {
        let (info, range) = self.entry(name, H::NAME)?;
        let data = self.map[range].chunks_exact(2).map(|b| H::of_bytes([b[0], b[1]])).collect();
        super::half::Packed::from_vec(data, info.shape.clone())
    }
}

/// A tensor to be written; made by `(&x).into()`.
#[derive(Debug)]
pub struct Entry {
    dtype: ::safetensors::Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl<T: Elem> From<&Tensor<T>> for Entry {
    #[track_caller]
    fn from(tensor: &Tensor<T>) -> Entry {
        use ::safetensors::Dtype;
        let (shape, all) = (tensor.shape().to_vec(), tensor.to_vec());
        let dtype = match T::DTYPE {
            DType::Bool => Dtype::BOOL,
            DType::U8 => Dtype::U8,
            DType::I32 => Dtype::I32,
            DType::I64 | DType::Usize => Dtype::I64,
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
        };
        let bytes = all.iter().flat_map(|v| le_bytes(v.to_scalar())).collect();
        Entry { dtype, shape, bytes }
    }
}

fn le_bytes(value: jit_ir::Scalar) -> impl Iterator<Item = u8> {
    use jit_ir::Scalar;
    let (all, n) = match value {
        Scalar::Bool(v) => (u64::from(v).to_le_bytes(), 1),
        Scalar::U8(v) => (u64::from(v).to_le_bytes(), 1),
        Scalar::I32(v) => (u64::from(v as u32).to_le_bytes(), 4),
        Scalar::I64(v) => ((v as u64).to_le_bytes(), 8),
        Scalar::Usize(v) => ((v as u64).to_le_bytes(), 8),
        Scalar::F32(v) => (u64::from(v.to_bits()).to_le_bytes(), 4),
        Scalar::F64(v) => (v.to_bits().to_le_bytes(), 8),
    };
    all.into_iter().take(n)
}

#[cfg(feature = "half")]
impl<H: super::half::Half> From<&super::half::Packed<H>> for Entry {
    fn from(packed: &super::half::Packed<H>) -> Entry {
        use ::safetensors::Dtype;
        let dtype = if H::NAME == "F16" { Dtype::F16 } else { Dtype::BF16 };
        let bytes = packed.as_slice().iter().flat_map(|v| v.bytes()).collect();
        Entry { dtype, shape: packed.shape().to_vec(), bytes }
    }
}

impl View for &Entry {
    fn dtype(&self) -> ::safetensors::Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        self.bytes.as_slice().into()
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Writes tensors into a file, under names.
///
/// # Errors
/// The file cannot be written.
pub fn save<N: AsRef<str>>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (N, Entry)>,
) -> Result<()> {
    let path = path.as_ref();
    let all: Vec<(String, Entry)> =
        tensors.into_iter().map(|(name, entry)| (name.as_ref().to_string(), entry)).collect();
    let views = all.iter().map(|(name, entry)| (name.as_str(), entry));
    ::safetensors::serialize_to_file(views, None, path).map_err(|e| failed("save", path, e))
}
