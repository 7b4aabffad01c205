//! Constants: host scalars and dense tensors as plain data.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::types::{DType, Dim, Type};

/// A host scalar.
#[derive(Clone, Copy, Debug)]
pub enum Scalar {
    /// `bool`
    Bool(bool),
    /// `u8`
    U8(u8),
    /// `i32`
    I32(i32),
    /// `i64`
    I64(i64),
    /// `usize`
    Usize(usize),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
}

/// Runs `$body` with `$T` bound to the Rust type of a [`DType`].
#[macro_export]
macro_rules! with_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::Bool => {
                type $T = bool;
                $body
            }
            $crate::DType::U8 => {
                type $T = u8;
                $body
            }
            $crate::DType::I32 => {
                type $T = i32;
                $body
            }
            $crate::DType::I64 => {
                type $T = i64;
                $body
            }
            $crate::DType::Usize => {
                type $T = usize;
                $body
            }
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
        }
    };
}

/// A Rust type that is an element type.
pub trait Prim: Copy + PartialEq + fmt::Debug + Send + Sync + 'static {
    /// Its [`DType`].
    const DTYPE: DType;
    /// Zero or `false`.
    const ZERO: Self;
    /// As a [`Scalar`].
    fn to_scalar(self) -> Scalar;
    /// From a [`Scalar`], converted as Rust's `as` does (a bool is 0 or 1; nonzero is `true`).
    fn from_scalar(value: Scalar) -> Self;
    /// The bits, all NaNs alike.
    fn canonical_bits(self) -> u64;
}

macro_rules! prims {
    ($($T:ident $V:ident $zero:expr, $bits:expr, $from_bool:expr;)*) => {$(
        impl Prim for $T {
            const DTYPE: DType = DType::$V;
            const ZERO: Self = $zero;
            #[inline(always)]
            fn to_scalar(self) -> Scalar {
                Scalar::$V(self)
            }
            #[inline(always)]
            fn from_scalar(value: Scalar) -> Self {
                match value {
                    Scalar::Bool(v) => $from_bool(v),
                    Scalar::U8(v) => v as $T,
                    Scalar::I32(v) => v as $T,
                    Scalar::I64(v) => v as $T,
                    Scalar::Usize(v) => v as $T,
                    Scalar::F32(v) => v as $T,
                    Scalar::F64(v) => v as $T,
                }
            }
            #[inline(always)]
            fn canonical_bits(self) -> u64 {
                $bits(self)
            }
        }
    )*};
}

// A bool becomes a float by a choice of bits, which is one step of vector code; a conversion is three.
prims! {
    u8 U8 0, |v| v as u64, |b| b as u8;
    i32 I32 0, |v| v as u32 as u64, |b| b as i32;
    i64 I64 0, |v| v as u64, |b| b as i64;
    usize Usize 0, |v| v as u64, |b| b as usize;
    f32 F32 0.0, |v: f32| if v.is_nan() { f32::NAN.to_bits() as u64 } else { v.to_bits() as u64 }, |b| f32::from_bits(if b { 0x3f80_0000 } else { 0 });
    f64 F64 0.0, |v: f64| if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() }, |b| f64::from_bits(if b { 0x3ff0_0000_0000_0000 } else { 0 });
}

impl Prim for bool {
    const DTYPE: DType = DType::Bool;
    const ZERO: Self = false;
    fn to_scalar(self) -> Scalar {
        Scalar::Bool(self)
    }
    fn from_scalar(value: Scalar) -> Self {
        match value {
            Scalar::Bool(v) => v,
            other => f64::from_scalar(other) != 0.0,
        }
    }
    #[inline(always)]
    fn canonical_bits(self) -> u64 {
        self as u64
    }
}

impl Scalar {
    /// The scalar's type.
    pub fn dtype(self) -> DType {
        match self {
            Scalar::Bool(_) => DType::Bool,
            Scalar::U8(_) => DType::U8,
            Scalar::I32(_) => DType::I32,
            Scalar::I64(_) => DType::I64,
            Scalar::Usize(_) => DType::Usize,
            Scalar::F32(_) => DType::F32,
            Scalar::F64(_) => DType::F64,
        }
    }

    /// The scalar converted to `dtype`, as Rust's `as` does.
    #[inline]
    pub fn cast(self, dtype: DType) -> Scalar {
        if self.dtype() == dtype {
            return self;
        }
        with_dtype!(dtype, T => T::from_scalar(self).to_scalar())
    }

    /// The value as `i64` (sizes, indices); a size too large for one is too large for anything.
    pub fn as_i64(self) -> i64 {
        match self {
            Scalar::Usize(v) => i64::try_from(v).unwrap_or(i64::MAX),
            other => i64::from_scalar(other),
        }
    }

    /// Equality of type and bits, all NaNs alike.
    pub fn same_bits(self, other: Scalar) -> bool {
        self.dtype() == other.dtype() && self.canonical_bits() == other.canonical_bits()
    }

    /// The bits, all NaNs alike.
    pub fn canonical_bits(self) -> u64 {
        with_dtype!(self.dtype(), T => T::from_scalar(self).canonical_bits())
    }
}

impl fmt::Display for Scalar {
    /// The value as Rust's `Debug` prints it: floats keep their point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Bool(v) => write!(f, "{v}"),
            Scalar::U8(v) => write!(f, "{v}"),
            Scalar::I32(v) => write!(f, "{v}"),
            Scalar::I64(v) => write!(f, "{v}"),
            Scalar::Usize(v) => write!(f, "{v}"),
            Scalar::F32(v) => write!(f, "{v:?}"),
            Scalar::F64(v) => write!(f, "{v:?}"),
        }
    }
}

/// Whether elements are equal by their bits, all NaNs alike.
#[inline]
pub fn same_bits<T: Prim>(a: &[T], b: &[T]) -> bool {
    // Constants are often compared with the same memory. The chunks have no exit inside, so that they are vector code.
    let same = |c: &[T], d: &[T]| {
        c.iter().zip(d).fold(true, |same, (x, y)| same & (x.canonical_bits() == y.canonical_bits()))
    };
    a.len() == b.len() && (std::ptr::eq(a, b) || a.chunks(256).zip(b.chunks(256)).all(|(c, d)| same(c, d)))
}

/// Elements that somebody else keeps in memory, too: a constant need not be a copy.
pub trait Kept<T>: fmt::Debug + Send + Sync {
    /// The elements, which never change.
    fn elements(&self) -> &[T];
    /// Who keeps them.
    fn keeper(&self) -> &dyn Any;
}

/// Elements of one type.
#[derive(Clone, Debug)]
pub enum Data<T> {
    /// Its own.
    Owned(Vec<T>),
    /// Shared with somebody else.
    Kept(Arc<dyn Kept<T>>),
}

impl<T> From<Vec<T>> for Data<T> {
    fn from(elements: Vec<T>) -> Data<T> {
        Data::Owned(elements)
    }
}

impl<T> Deref for Data<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match self {
            Data::Owned(v) => v,
            Data::Kept(k) => k.elements(),
        }
    }
}

/// The elements of a [`TensorData`], row-major.
#[derive(Clone, Debug)]
pub enum Elements {
    /// `bool`
    Bool(Data<bool>),
    /// `u8`
    U8(Data<u8>),
    /// `i32`
    I32(Data<i32>),
    /// `i64`
    I64(Data<i64>),
    /// `f32`
    F32(Data<f32>),
    /// `f64`
    F64(Data<f64>),
}

/// A dense, row-major tensor as plain data: a constant, or a value of the interpreter.
#[derive(Clone, Debug)]
pub struct TensorData {
    /// Sizes.
    pub shape: Vec<usize>,
    /// Elements; as many as the product of the sizes.
    pub elements: Elements,
}

impl TensorData {
    /// A tensor from scalars of type `dtype`.
    ///
    /// # Panics
    /// If the number of elements is not the product of the sizes.
    pub fn from_scalars(dtype: DType, shape: Vec<usize>, values: &[Scalar]) -> TensorData {
        assert_eq!(values.len(), shape.iter().product::<usize>(), "one element for each position");
        macro_rules! build {
            ($V:ident $T:ident) => {
                Elements::$V(values.iter().map(|v| $T::from_scalar(*v)).collect::<Vec<_>>().into())
            };
        }
        let elements = match dtype {
            DType::Bool => build!(Bool bool),
            DType::U8 => build!(U8 u8),
            DType::I32 => build!(I32 i32),
            DType::I64 | DType::Usize => build!(I64 i64),
            DType::F32 => build!(F32 f32),
            DType::F64 => build!(F64 f64),
        };
        TensorData { shape, elements }
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        match self.elements {
            Elements::Bool(_) => DType::Bool,
            Elements::U8(_) => DType::U8,
            Elements::I32(_) => DType::I32,
            Elements::I64(_) => DType::I64,
            Elements::F32(_) => DType::F32,
            Elements::F64(_) => DType::F64,
        }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element `i` in row-major order.
    pub fn get(&self, i: usize) -> Scalar {
        match &self.elements {
            Elements::Bool(v) => Scalar::Bool(v[i]),
            Elements::U8(v) => Scalar::U8(v[i]),
            Elements::I32(v) => Scalar::I32(v[i]),
            Elements::I64(v) => Scalar::I64(v[i]),
            Elements::F32(v) => Scalar::F32(v[i]),
            Elements::F64(v) => Scalar::F64(v[i]),
        }
    }

    /// All elements in row-major order.
    pub fn scalars(&self) -> Vec<Scalar> {
        (0..self.len()).map(|i| self.get(i)).collect()
    }

    /// Equality of type, shape and bits, all NaNs alike.
    pub fn same_bits(&self, other: &TensorData) -> bool {
        self.shape == other.shape
            && match (&self.elements, &other.elements) {
                (Elements::Bool(a), Elements::Bool(b)) => same_bits(a, b),
                (Elements::U8(a), Elements::U8(b)) => same_bits(a, b),
                (Elements::I32(a), Elements::I32(b)) => same_bits(a, b),
                (Elements::I64(a), Elements::I64(b)) => same_bits(a, b),
                (Elements::F32(a), Elements::F32(b)) => same_bits(a, b),
                (Elements::F64(a), Elements::F64(b)) => same_bits(a, b),
                _ => false,
            }
    }

    /// Where the elements lie: the same for data that is kept in one place.
    pub fn start(&self) -> *const u8 {
        match &self.elements {
            Elements::Bool(v) => v.as_ptr().cast(),
            Elements::U8(v) => v.as_ptr(),
            Elements::I32(v) => v.as_ptr().cast(),
            Elements::I64(v) => v.as_ptr().cast(),
            Elements::F32(v) => v.as_ptr().cast(),
            Elements::F64(v) => v.as_ptr().cast(),
        }
    }

    /// A hash of type, shape and bits (FNV-1a).
    pub fn hash(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut eat = |word: u64| {
            for byte in word.to_le_bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        eat(self.dtype() as u64);
        self.shape.iter().for_each(|n| eat(*n as u64));
        (0..self.len()).for_each(|i| eat(self.get(i).canonical_bits()));
        hash
    }

    /// The type, all sizes known.
    pub fn ty(&self) -> Type {
        Type::Tensor(self.dtype(), Some(self.shape.iter().map(|n| Dim::Known(*n)).collect()))
    }
}

/// What a `const` node holds.
#[derive(Clone, Debug)]
pub enum Const {
    /// A host scalar.
    Scalar(Scalar),
    /// A tensor.
    Tensor(Arc<TensorData>),
}

impl Const {
    /// The type.
    pub fn ty(&self) -> Type {
        match self {
            Const::Scalar(s) => Type::Scalar(s.dtype()),
            Const::Tensor(t) => t.ty(),
        }
    }

    /// Equality of type and bits, all NaNs alike.
    pub fn same_bits(&self, other: &Const) -> bool {
        match (self, other) {
            (Const::Scalar(a), Const::Scalar(b)) => a.same_bits(*b),
            (Const::Tensor(a), Const::Tensor(b)) => Arc::ptr_eq(a, b) || a.same_bits(b),
            _ => false,
        }
    }
}
