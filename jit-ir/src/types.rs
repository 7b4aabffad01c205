//! Element types, sizes and the types of values.

use std::fmt;
use std::str::FromStr;

/// The type of a host scalar or of a tensor's elements. `Usize` is for host scalars only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DType {
    /// `bool`
    Bool,
    /// `u8`
    U8,
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `usize`
    Usize,
    /// `f32`
    F32,
    /// `f64`
    F64,
}

impl DType {
    /// Every element type.
    pub const ALL: [DType; 7] =
        [DType::Bool, DType::U8, DType::I32, DType::I64, DType::Usize, DType::F32, DType::F64];

    /// The Rust name.
    pub fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "u8",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::Usize => "usize",
            DType::F32 => "f32",
            DType::F64 => "f64",
        }
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            DType::Bool | DType::U8 => 1,
            DType::I32 | DType::F32 => 4,
            DType::I64 | DType::F64 | DType::Usize => 8,
        }
    }

    /// `f32` or `f64`.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }

    /// An integer type.
    pub fn is_int(self) -> bool {
        matches!(self, DType::U8 | DType::I32 | DType::I64 | DType::Usize)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DType {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        DType::ALL.into_iter().find(|d| d.name() == text).ok_or(())
    }
}

/// One size of a shape, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dim {
    /// A number.
    Known(usize),
    /// A name: the same symbol is the same size everywhere in one graph.
    Sym(u32),
    /// Nothing is known.
    Unknown,
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Known(n) => write!(f, "{n}"),
            Dim::Sym(s) => write!(f, "n{s}"),
            Dim::Unknown => f.write_str("?"),
        }
    }
}

/// A shape as far as it is known; `None` is an unknown rank.
pub type Dims = Option<Vec<Dim>>;

/// The type of a value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// A host scalar, with Rust's semantics.
    Scalar(DType),
    /// A tensor. One of rank 0 is not a scalar.
    Tensor(DType, Dims),
    /// A growable list of values of one type.
    List(Box<Type>),
    /// Several values; linking takes it apart.
    Tuple(Vec<Type>),
    /// A value or none; linking makes it a bool and the value.
    Option(Box<Type>),
    /// A value of the user's that is handed through unseen.
    Opaque,
    /// Not known before linking (the result of a call, a field).
    Hole,
}

impl Type {
    /// A tensor of unknown rank.
    pub fn tensor(dtype: DType) -> Type {
        Type::Tensor(dtype, None)
    }

    /// A tensor whose rank alone is known.
    pub fn ranked(dtype: DType, rank: usize) -> Type {
        Type::Tensor(dtype, Some(vec![Dim::Unknown; rank]))
    }

    /// The element type, if known.
    pub fn dtype(&self) -> Option<DType> {
        match self {
            Type::Scalar(d) | Type::Tensor(d, _) => Some(*d),
            _ => None,
        }
    }

    /// The type of a list's elements, as far as it is known.
    pub fn element(&self) -> Option<&Type> {
        match self {
            Type::List(element) => Some(element),
            _ => None,
        }
    }

    /// Whether a graph that is linked may hold such a value.
    pub fn is_linked(&self) -> bool {
        match self {
            Type::Scalar(_) | Type::Tensor(..) | Type::Opaque => true,
            Type::List(element) => element.is_linked(),
            Type::Tuple(_) | Type::Option(_) | Type::Hole => false,
        }
    }

    /// Whether this is a tensor.
    pub fn is_tensor(&self) -> bool {
        matches!(self, Type::Tensor(..))
    }

    /// Whether this is a host scalar.
    pub fn is_scalar(&self) -> bool {
        matches!(self, Type::Scalar(_))
    }

    /// The rank, if this is a tensor of known rank.
    pub fn rank(&self) -> Option<usize> {
        match self {
            Type::Tensor(_, Some(dims)) => Some(dims.len()),
            _ => None,
        }
    }

    /// The most precise type that both are instances of; `None` if they are of different kinds.
    pub fn join(&self, other: &Type) -> Option<Type> {
        match (self, other) {
            (Type::Hole, t) | (t, Type::Hole) => Some(t.clone()),
            (Type::Scalar(a), Type::Scalar(b)) => (a == b).then_some(Type::Scalar(*a)),
            (Type::Tensor(a, x), Type::Tensor(b, y)) if a == b => Some(Type::Tensor(*a, join_dims(x, y))),
            (Type::List(a), Type::List(b)) => a.join(b).map(|t| Type::List(Box::new(t))),
            (Type::Option(a), Type::Option(b)) => a.join(b).map(|t| Type::Option(Box::new(t))),
            (Type::Tuple(a), Type::Tuple(b)) if a.len() == b.len() => {
                a.iter().zip(b).map(|(x, y)| x.join(y)).collect::<Option<_>>().map(Type::Tuple)
            }
            (Type::Opaque, Type::Opaque) => Some(Type::Opaque),
            _ => None,
        }
    }

    /// This type with what is open in it taken from `other`.
    pub fn filled(&self, other: &Type) -> Type {
        match (self, other) {
            (Type::Hole, t) => t.clone(),
            (Type::Tensor(d, None), Type::Tensor(_, dims)) => Type::Tensor(*d, dims.clone()),
            (Type::List(a), Type::List(b)) => Type::List(Box::new(a.filled(b))),
            _ => self.clone(),
        }
    }
}

fn join_dims(x: &Dims, y: &Dims) -> Dims {
    let (x, y) = (x.as_ref()?, y.as_ref()?);
    if x.len() != y.len() {
        return None;
    }
    Some(x.iter().zip(y).map(|(a, b)| if a == b { *a } else { Dim::Unknown }).collect())
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Scalar(d) => write!(f, "{d}"),
            Type::Tensor(d, None) => write!(f, "{d}[*]"),
            Type::Tensor(d, Some(dims)) => {
                write!(f, "{d}[")?;
                for (i, dim) in dims.iter().enumerate() {
                    write!(f, "{}{dim}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Type::List(element) => write!(f, "list<{element}>"),
            Type::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(Type::to_string).collect();
                write!(f, "({})", parts.join(", "))
            }
            Type::Option(inner) => write!(f, "option<{inner}>"),
            Type::Opaque => f.write_str("opaque"),
            Type::Hole => f.write_str("_"),
        }
    }
}
