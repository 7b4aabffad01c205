//! Type rules: what an op accepts and the type of its result.

use super::table::Class;
use super::{Attrs, Op, shape};
use crate::types::{DType, Dim, Type};

/// The result type of an op with one result. `values` holds what is known of host-scalar operands.
///
/// # Errors
/// What does not fit, without op and location: types always, shapes only where both are known.
/// A shape that cannot fit is not an error here: the node is then typed with an unknown shape and
/// fails when a run reaches it.
pub fn result(op: Op, operands: &[Type], values: &[Option<i64>], attrs: &Attrs) -> Result<Type, String> {
    if let Some(ty) = listed(op, operands, attrs)? {
        return Ok(ty);
    }
    let dtype = dtype(op, operands, attrs)?;
    // Whether a scalar or a tensor, linking will tell.
    if op.is_elementwise() && operands.contains(&Type::Hole) && !operands.iter().any(Type::is_tensor) {
        return Ok(Type::Hole);
    }
    let Some(dtype) = dtype else { return Ok(Type::Hole) };
    if matches!(op, Op::Host | Op::Powi) && !operands.iter().all(|t| t.is_scalar() || *t == Type::Hole) {
        return Err("takes host scalars, such as `x.item()`, no tensors".into());
    }
    if op.info().class == Class::Ask || (op.is_elementwise() && operands.iter().all(Type::is_scalar)) {
        return Ok(Type::Scalar(dtype));
    }
    if dtype == DType::Usize {
        return Err("tensors cannot hold usize; convert with `as i64`".into());
    }
    let dims = match shape::infer(op, operands, values, attrs) {
        Ok(shape) => shape.dims,
        Err(_) => None,
    };
    Ok(Type::Tensor(dtype, dims))
}

/// The result type of an op on lists; `None` for others.
fn listed(op: Op, operands: &[Type], attrs: &Attrs) -> Result<Option<Type>, String> {
    let list = operands.first().and_then(Type::element);
    let join = |a: &Type, b: &Type| {
        a.join(b).ok_or_else(|| format!("the elements of a list must have one type, got {a} and {b}"))
    };
    Ok(Some(match (op, list) {
        (Op::List, _) => {
            let mut element = Type::Hole;
            for ty in operands {
                element = join(&element, ty)?;
            }
            Type::List(Box::new(element))
        }
        (Op::Split, None) => Type::List(Box::new(Type::Tensor(DType::I64, Some(vec![])))),
        (Op::Uniform | Op::Normal, _) if operands[1..].iter().any(|t| t.element().is_some()) => {
            attrs.dtype.map_or(Type::Hole, Type::tensor)
        }
        (Op::Sizes, None) => Type::List(Box::new(Type::Scalar(DType::Usize))),
        (op, _) if op.takes_sizes() && operands.iter().any(|t| t.element().is_some()) => {
            let plain: Vec<Type> = operands.iter().filter(|t| t.element().is_none()).cloned().collect();
            let dtype = if plain.is_empty() { attrs.dtype } else { dtype(op, &plain, attrs)? };
            dtype.map_or(Type::Hole, Type::tensor)
        }
        (Op::Push, Some(element)) => Type::List(Box::new(join(element, &operands[1])?)),
        (Op::Push, None) if operands[0] == Type::Hole => Type::Hole,
        (Op::Push, None) => return Err(format!("takes a list, got {}", operands[0])),
        (Op::SetIndex, Some(element)) if operands.len() == 3 => {
            Type::List(Box::new(join(element, &operands[2])?))
        }
        (Op::Index | Op::SetIndex, Some(_)) if operands.len() != 2 => {
            return Err("a list has one index".into());
        }
        (Op::Index, Some(element)) => element.clone(),
        (Op::Equal, Some(element)) => {
            let other = operands[1].element().ok_or("compares a list with something else")?;
            join(element, other)?;
            Type::Scalar(DType::Bool)
        }
        (Op::Len, Some(_)) => Type::Scalar(DType::Usize),
        (op, Some(Type::Tensor(d, _))) if op.joins() => {
            Type::Tensor(*d, shape::infer(op, operands, &[], attrs)?.dims)
        }
        (op, Some(Type::Hole)) if op.joins() => Type::Hole,
        (Op::ToTensor, Some(Type::Scalar(d))) => Type::Tensor(*d, Some(vec![Dim::Unknown])),
        (Op::ToTensor, Some(Type::Hole)) => attrs.dtype.map_or(Type::Hole, |d| Type::ranked(d, 1)),
        (_, Some(_)) => return Err(format!("takes no {}", operands[0])),
        _ => return Ok(None),
    }))
}

fn dtype(op: Op, operands: &[Type], attrs: &Attrs) -> Result<Option<DType>, String> {
    if op.is_elementwise() {
        return elementwise(op, operands, attrs);
    }
    let first = operands.first().and_then(Type::dtype);
    let must = |ok: bool, what: &str| match first {
        Some(d) if !ok => Err(format!("needs {what} elements, got {d}")),
        _ => Ok(first),
    };
    let is = |f: fn(DType) -> bool| first.is_none_or(f);
    match op {
        Op::Sum
        | Op::Prod
        | Op::Max
        | Op::Min
        | Op::CumSum
        | Op::CumProd
        | Op::Matmul
        | Op::Einsum
        | Op::Dot
        | Op::Outer => {
            common(operands)?;
            must(is(|d| d.is_float() || d.is_int()), "numeric")
        }
        Op::MaxPool2d => must(is(|d| d.is_float() || d.is_int()), "numeric"),
        Op::Conv2d => {
            common(&operands[..2])?;
            must(is(|d| d.is_float() || d.is_int()), "numeric")
        }
        Op::Attention => {
            common(&operands[..3])?;
            must(is(DType::is_float), "float")
        }
        Op::Mean | Op::AvgPool2d | Op::Var | Op::Std | Op::LogSumExp | Op::Softmax | Op::LogSoftmax => {
            must(is(DType::is_float), "float")
        }
        Op::All | Op::Any => must(is(|d| d == DType::Bool), "bool"),
        Op::ArgMax | Op::ArgMin => must(is(|d| d != DType::Bool), "numeric").map(|_| Some(DType::I64)),
        Op::ScatterAdd => {
            common(&[operands[0].clone(), operands[2].clone()])?;
            if operands[1].dtype().is_some_and(|d| d != DType::I64) {
                return Err("the indices must be a tensor of i64".into());
            }
            must(is(|d| d.is_float() || d.is_int()), "numeric")
        }
        Op::ArgSort | Op::TopK => Ok(Some(DType::I64)),
        Op::Take | Op::Gather => {
            let index = operands[1].dtype();
            if index.is_none_or(|d| d == DType::I64) {
                Ok(first)
            } else {
                Err("the indices must be a tensor of i64".into())
            }
        }
        Op::OneHot => must(is(|d| d == DType::I64), "i64").map(|_| attrs.dtype),
        Op::Concat | Op::Stack => common(operands),
        Op::Zeros | Op::Ones | Op::Eye => Ok(attrs.dtype),
        Op::Uniform | Op::Normal => match (first, attrs.dtype) {
            (Some(d), _) if d != DType::I64 => {
                Err("the first argument must be a key, such as `Key::new(7)`".into())
            }
            (_, Some(d)) if !d.is_float() => Err(format!("is not defined for {d}")),
            _ => Ok(attrs.dtype),
        },
        Op::SplitKey => must(is(|d| d == DType::I64), "key"),
        Op::Full => Ok(attrs.dtype.or(operands[operands.len() - 1].dtype())),
        Op::Arange => Ok(attrs.dtype.or(first)),
        Op::Linspace => Ok(attrs.dtype.or(first)),
        Op::ToTensor => Ok(attrs.dtype.or(first)),
        Op::Dim | Op::Len | Op::Rank => Ok(Some(DType::Usize)),
        Op::Equal | Op::Same => common(operands).map(|_| Some(DType::Bool)),
        Op::SetIndex => {
            common(&[operands[0].clone(), operands[operands.len() - 1].clone()])?;
            Ok(first)
        }
        Op::Pad => common(&operands[..2]),
        Op::SetAxis | Op::SetSlice => {
            common(&[operands[0].clone(), operands[2].clone()])?;
            Ok(first)
        }
        Op::Host => common(operands),
        _ => Ok(first),
    }
}

/// The element type that bools are counted in by a reduction, which takes them converted; `None` for other ops.
pub fn counted(op: Op) -> Option<DType> {
    match op {
        Op::Sum => Some(DType::I64),
        Op::Mean => Some(DType::F32),
        _ => None,
    }
}

/// Whether an op makes a tensor of the element type in its attributes.
pub fn is_made(op: Op) -> bool {
    matches!(op, Op::Zeros | Op::Ones | Op::Eye | Op::Arange | Op::Linspace | Op::ToTensor | Op::Full)
        || matches!(op, Op::Uniform | Op::Normal)
}

/// The element type of operand `i` of `count` where the op has room for that one alone: of sizes, positions, masks.
pub fn operand(op: Op, i: usize, count: usize) -> Option<DType> {
    use DType::{Bool, I32, I64, Usize};
    match op {
        Op::Select if i == 0 => Some(Bool),
        Op::All | Op::Any | Op::Assert => (i == 0).then_some(Bool),
        Op::Attention => (i == 3).then_some(Bool),
        Op::Take | Op::Gather | Op::ScatterAdd => (i == 1).then_some(I64),
        Op::OneHot => Some(if i == 0 { I64 } else { Usize }),
        Op::Roll | Op::Triu | Op::Tril => (i == 1).then_some(I64),
        Op::IndexAxis | Op::SliceAxis | Op::SliceStep | Op::PartOf | Op::PartSized | Op::TopK | Op::Index => {
            (i > 0).then_some(Usize)
        }
        Op::BroadcastTo | Op::Repeat | Op::MaxPool2d | Op::AvgPool2d => (i > 0).then_some(Usize),
        Op::Pad | Op::Conv2d => (i > 1).then_some(Usize),
        Op::SetAxis | Op::SetSlice => (i == 1).then_some(Usize),
        Op::SetIndex => (i > 0 && i + 1 < count).then_some(Usize),
        Op::Zeros | Op::Ones | Op::Eye => Some(Usize),
        Op::Full => (i + 1 < count).then_some(Usize),
        Op::Linspace => (i == 2).then_some(Usize),
        Op::Uniform | Op::Normal | Op::SplitKey | Op::Split => Some(if i == 0 { I64 } else { Usize }),
        Op::Powi => (i == 1).then_some(I32),
        _ => None,
    }
}

fn common(operands: &[Type]) -> Result<Option<DType>, String> {
    let mut known = operands.iter().filter_map(Type::dtype);
    let Some(first) = known.next() else { return Ok(None) };
    match known.find(|d| *d != first) {
        Some(other) => Err(format!("element types differ: {first} and {other}")),
        None => Ok(Some(first)),
    }
}

fn elementwise(op: Op, operands: &[Type], attrs: &Attrs) -> Result<Option<DType>, String> {
    if op == Op::Cast {
        return Ok(attrs.dtype);
    }
    if op == Op::Select {
        if operands[0].dtype().is_some_and(|d| d != DType::Bool) {
            return Err("the mask must be a tensor of bool, such as `x.gt(0.0)`".into());
        }
        return common(&operands[1..]);
    }
    if matches!(op, Op::Shl | Op::Shr) && operands.iter().any(Type::is_tensor) {
        return Err("works on host integers only".into());
    }
    let Some(d) = common(operands)? else {
        return Ok(op.is_test().then_some(DType::Bool));
    };
    let accepted = match op {
        Op::Abs | Op::Neg | Op::Signum | Op::Square | Op::Relu | Op::Add | Op::Sub | Op::Mul => {
            d != DType::Bool
        }
        Op::Clamp | Op::Div | Op::Rem | Op::DivEuclid | Op::RemEuclid => d != DType::Bool,
        Op::Maximum | Op::Minimum => d != DType::Bool,
        Op::And | Op::Or | Op::Xor | Op::Not => !d.is_float(),
        Op::Shl | Op::Shr => d.is_int(),
        _ if op.is_compare() => true,
        _ => d.is_float(),
    };
    if !accepted {
        return Err(format!("is not defined for {d}"));
    }
    Ok(Some(if op.is_test() { DType::Bool } else { d }))
}

/// A tensor type with all sizes known.
pub fn known(dtype: DType, sizes: &[usize]) -> Type {
    Type::Tensor(dtype, Some(sizes.iter().map(|n| Dim::Known(*n)).collect()))
}
