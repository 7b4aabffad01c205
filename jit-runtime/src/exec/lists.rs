//! Lists, and single elements written in place.

use std::sync::Arc;

use jit_ir::ops::host;
use jit_ir::{Op, Prim, Scalar, random, with_dtype};

use crate::tensor::raw::{RawTensor, Sizes, Val};

/// Whether an op changes its first operand where it can.
pub(crate) fn writes(op: Op) -> bool {
    matches!(op, Op::Push | Op::SetIndex)
}

/// The value of an op on lists; `None` for other ops.
pub(super) fn eval(op: Op, args: &[&Val]) -> Result<Option<Val>, String> {
    if op == Op::List {
        return Ok(Some(Val::List(Arc::new(args.iter().map(|v| (*v).clone()).collect()))));
    }
    if writes(op) {
        return write(op, args[0].clone(), &args[1..]).map(Some);
    }
    if let (Op::Split, [key, n]) = (op, args) {
        let key = key.tensor()?;
        if key.rank() > 0 {
            return Err("takes a key".into());
        }
        let (key, n) = (key.item().as_i64(), n.scalar()?.as_i64() as usize);
        let one = |i| Val::Tensor(RawTensor::scalar(Scalar::I64(random::split(key, i))));
        return Ok(Some(Val::List(Arc::new((0..n).map(one).collect()))));
    }
    let Some(Val::List(list)) = args.first() else { return Ok(None) };
    Ok(Some(match op {
        Op::Index => list[place(list.len(), args[1])?].clone(),
        Op::Len => Val::Scalar(Scalar::Usize(list.len())),
        Op::Equal => Val::Scalar(Scalar::Bool(equal(args[0], args[1]))),
        _ => return Ok(None),
    }))
}

/// Whether two values are equal as `==` has it.
fn equal(a: &Val, b: &Val) -> bool {
    match (a, b) {
        (Val::Scalar(x), Val::Scalar(y)) => {
            matches!(host::eval(Op::Eq, &[*x, *y], None), Ok(Scalar::Bool(true)))
        }
        (Val::Tensor(x), Val::Tensor(y)) => super::ops::equal(x, y),
        (Val::List(x), Val::List(y)) => {
            x.len() == y.len() && x.iter().zip(y.iter()).all(|(x, y)| equal(x, y))
        }
        _ => false,
    }
}

fn place(len: usize, at: &Val) -> Result<usize, String> {
    let i = at.scalar()?.as_i64() as usize;
    if i < len { Ok(i) } else { Err(format!("index {i} is out of range for a list of {len}")) }
}

/// The first operand with an element added or replaced: in place if nothing else holds it.
pub(crate) fn write(op: Op, into: Val, rest: &[&Val]) -> Result<Val, String> {
    match into {
        Val::List(mut list) if op == Op::Push => {
            Arc::make_mut(&mut list).push(rest[0].clone());
            Ok(Val::List(list))
        }
        Val::List(mut list) => {
            let at = place(list.len(), rest[0])?;
            Arc::make_mut(&mut list)[at] = rest[1].clone();
            Ok(Val::List(list))
        }
        Val::Tensor(mut tensor) if op == Op::SetIndex => {
            let (value, places) = rest.split_last().ok_or("needs a value")?;
            let value = value.scalar()?;
            let places = places.iter().map(|v| v.scalar().map(|s| s.as_i64() as usize));
            let places = places.collect::<Result<Sizes, _>>()?;
            if places.len() != tensor.rank() || places.iter().zip(&tensor.shape).any(|(i, n)| i >= n) {
                return Err(format!(
                    "index {:?} is out of range for shape {:?}",
                    places.as_slice(),
                    tensor.shape.as_slice()
                ));
            }
            with_dtype!(tensor.dtype, T => tensor.set::<T>(&places, T::from_scalar(value)));
            Ok(Val::Tensor(tensor))
        }
        other => Err(format!("cannot write into {}", other.kind())),
    }
}
