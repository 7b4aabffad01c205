//! Lists, and single elements written in place.

use std::sync::Arc;

use jit_ir::ops::host;
use jit_ir::{Attrs, DType, Op, Prim, Scalar, random, with_dtype};

use crate::kernels::launch;
use crate::tensor::raw::{RawTensor, Sizes, Val};

/// The value of an op on lists; `None` for other ops.
pub(super) fn eval(op: Op, attrs: &Attrs, args: &[&Val]) -> Result<Option<Val>, String> {
    if op == Op::List {
        return Ok(Some(Val::List(Arc::new(args.iter().map(|v| (*v).clone()).collect()))));
    }
    if op.writes() {
        return write(op, attrs, args[0].clone(), &args[1..]).map(Some);
    }
    if let (Op::Split, [key, n]) = (op, args) {
        let key = key.tensor()?;
        if key.rank() > 0 {
            return Err("the first argument must be a key, such as `Key::new(7)`".into());
        }
        let (key, n) = (key.item().as_i64(), random::split_count(n.scalar()?.as_i64())?);
        let one = |i| Val::Tensor(RawTensor::scalar(Scalar::I64(random::split(key, i))));
        return Ok(Some(Val::List(Arc::new((0..n).map(one).collect()))));
    }
    let Some(Val::List(list)) = args.first() else { return Ok(None) };
    Ok(Some(match op {
        Op::Index => list[place(list.len(), args[1])?].clone(),
        Op::Len => Val::Scalar(Scalar::Usize(list.len())),
        Op::Equal => Val::Scalar(Scalar::Bool(equal(args[0], args[1]))),
        Op::ToTensor => {
            let values: Vec<Scalar> = list.iter().map(Val::scalar).collect::<Result<_, _>>()?;
            let dtype = attrs.dtype.or(values.first().map(|s| s.dtype())).unwrap_or(DType::F32);
            let n = values.len();
            Val::Tensor(with_dtype!(dtype, T => RawTensor::from_fn(&[n], |i| T::from_scalar(values[i]))))
        }
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
pub(crate) fn write(op: Op, attrs: &Attrs, into: Val, rest: &[&Val]) -> Result<Val, String> {
    match into {
        Val::Tensor(tensor) if matches!(op, Op::SetAxis | Op::SetSlice) => {
            put(op, attrs, tensor, rest).map(Val::Tensor)
        }
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
            if tensor.position(tensor.dtype, &places).is_none() {
                // The error of reading it, which is what `x[i] += v` meets first.
                let (tensor, places) = (Val::Tensor(tensor), &rest[..places.len()]);
                let read: Vec<&Val> = std::iter::once(&tensor).chain(places.iter().copied()).collect();
                let wrong = super::ops::result_sizes(Op::Index, attrs, &read).err();
                return Err(wrong.unwrap_or_else(|| "is out of range".into()));
            }
            with_dtype!(tensor.dtype, T => tensor.set::<T>(&places, T::from_scalar(value)));
            Ok(Val::Tensor(tensor))
        }
        other => Err(format!("cannot write into {}", other.kind())),
    }
}

/// A tensor with positions along an axis replaced.
fn put(op: Op, attrs: &Attrs, into: RawTensor, rest: &[&Val]) -> Result<RawTensor, String> {
    let [at, part] = rest else { return Err("needs a position and what stands there".into()) };
    let mut into = Val::Tensor(into);
    super::ops::result_sizes(op, attrs, &[&into, at, part])?;
    let (start, part) = (at.scalar()?.as_i64() as usize, part.tensor()?);
    let Val::Tensor(x) = &mut into else { return Err("writes into a tensor".into()) };
    let axis = jit_ir::ops::shape::only_axis(attrs, x.rank())?;
    let mut slot = x.shape.clone();
    let count = if op == Op::SetAxis {
        slot.remove(axis);
        1
    } else {
        slot[axis] = part.shape[axis];
        slot[axis]
    };
    let part = launch::broadcast_view(part, &slot).contiguous();
    let inner: usize = x.shape[axis + 1..].iter().product();
    let (outer, n) = (x.shape[..axis].iter().product::<usize>(), x.shape[axis]);
    let chunk = count * inner;
    with_dtype!(x.dtype, T => {
        let from = part.as_slice::<T>().unwrap_or(&[]);
        let to = x.make_mut::<T>();
        for o in (0..outer).filter(|_| chunk > 0) {
            let first = (o * n + start) * inner;
            to[first..first + chunk].copy_from_slice(&from[o * chunk..(o + 1) * chunk]);
        }
    });
    match into {
        Val::Tensor(x) => Ok(x),
        _ => Err("writes into a tensor".into()),
    }
}
