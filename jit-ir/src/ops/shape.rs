//! Shape rules: the sizes of a result from the sizes of the operands.
//!
//! One rule serves inference at build time, where sizes may be symbolic or unknown, and the run,
//! where all are known. A rule fails only when the sizes that it knows cannot fit.

use super::Op;
use super::parts;
use super::table::Class;
use crate::ops::Attrs;
use crate::ops::range::Range;
use crate::types::{DType, Dim, Dims, Type};

/// What a rule finds out.
#[derive(Clone, PartialEq, Debug)]
pub struct Shape {
    /// The sizes; `None` is an unknown rank.
    pub dims: Dims,
    /// Whether the op cannot fail by shape, whatever the unknown sizes turn out to be.
    pub sure: bool,
}

impl Shape {
    fn sure(dims: Vec<Dim>) -> Shape {
        Shape { dims: Some(dims), sure: true }
    }
    pub(super) fn maybe(dims: Vec<Dim>) -> Shape {
        Shape { dims: Some(dims), sure: false }
    }
    fn unknown() -> Shape {
        Shape { dims: None, sure: false }
    }
}

/// A rule's answer; the error is the message without op and location.
pub type Rule = Result<Shape, String>;

/// Writes sizes as `[2, n0, ?]`.
pub fn show(dims: &[Dim]) -> String {
    let parts: Vec<String> = dims.iter().map(Dim::to_string).collect();
    format!("[{}]", parts.join(", "))
}

/// The NumPy broadcast of two shapes.
pub fn broadcast(a: &[Dim], b: &[Dim]) -> Rule {
    let rank = a.len().max(b.len());
    let at = |d: &[Dim], i: usize| (i + d.len()).checked_sub(rank).map_or(Dim::Known(1), |j| d[j]);
    let mut sure = true;
    let mut dims = Vec::with_capacity(rank);
    for i in 0..rank {
        dims.push(match (at(a, i), at(b, i)) {
            (Dim::Known(1), d) | (d, Dim::Known(1)) => d,
            (Dim::Unknown, d) | (d, Dim::Unknown) => {
                sure = false;
                if matches!(d, Dim::Known(_)) { d } else { Dim::Unknown }
            }
            (x, y) if x == y => x,
            (Dim::Known(_), Dim::Known(_)) => {
                return Err(format!("shapes do not broadcast: {} and {}", show(a), show(b)));
            }
            (Dim::Known(n), Dim::Sym(_)) | (Dim::Sym(_), Dim::Known(n)) => {
                sure = false;
                Dim::Known(n)
            }
            _ => {
                sure = false;
                Dim::Unknown
            }
        });
    }
    Ok(Shape { dims: Some(dims), sure })
}

/// An axis counted from the start.
pub fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    if (0..rank as i64).contains(&at) {
        Ok(at as usize)
    } else {
        Err(format!("axis {axis} is out of range for rank {rank}"))
    }
}

/// The one axis of an op along an axis, counted from the start.
pub fn only_axis(attrs: &Attrs, rank: usize) -> Result<usize, String> {
    match attrs.axes.as_deref() {
        Some([given, ..]) => axis(*given, rank),
        _ => Err("an axis is missing".into()),
    }
}

/// The reduced axes as flags, one for each axis.
pub fn reduced(axes: &Option<Vec<i64>>, rank: usize) -> Result<Vec<bool>, String> {
    let Some(axes) = axes else { return Ok(vec![true; rank]) };
    let mut flags = vec![false; rank];
    for a in axes {
        let at = axis(*a, rank)?;
        if std::mem::replace(&mut flags[at], true) {
            return Err(format!("axis {a} is given twice"));
        }
    }
    Ok(flags)
}

fn size(value: Option<i64>) -> Result<Dim, String> {
    match value {
        None => Ok(Dim::Unknown),
        Some(n) => usize::try_from(n).map(Dim::Known).map_err(|_| format!("size {n} is negative")),
    }
}

pub(super) fn sizes(values: &[Option<i64>]) -> Result<Vec<Dim>, String> {
    values.iter().map(|v| size(*v)).collect()
}

/// The number of elements, if all sizes are known; too large a product is an error.
pub(super) fn count(dims: &[Dim]) -> Result<Option<usize>, String> {
    let mut n = 1_usize;
    let mut zero = false;
    for d in dims {
        let Dim::Known(k) = d else { return Ok(None) };
        zero |= *k == 0;
        n = n
            .checked_mul((*k).max(1))
            .filter(|n| *n < isize::MAX as usize)
            .ok_or_else(|| format!("{} has too many elements", show(dims)))?;
    }
    Ok(Some(if zero { 0 } else { n }))
}

/// The sizes of the result of `op`. `values` holds what is known of host-scalar operands; it may be shorter.
pub fn infer(op: Op, operands: &[Type], values: &[Option<i64>], attrs: &Attrs) -> Rule {
    let value = |i: usize| values.get(i).copied().flatten();
    let rest = |from: usize| -> Vec<Option<i64>> { (from..operands.len()).map(value).collect() };
    if op.is_elementwise() {
        return elementwise(operands);
    }
    match op {
        Op::Zeros | Op::Ones => made(&rest(0)),
        Op::Uniform | Op::Normal | Op::SplitKey | Op::Split
            if tensor_dims(&operands[0]).is_some_and(|d| !d.is_empty()) =>
        {
            Err("the first argument must be a key, such as `Key::new(7)`".into())
        }
        Op::Uniform | Op::Normal => made(&rest(1)),
        Op::SplitKey | Op::Split => Ok(Shape::sure(vec![])),
        Op::Full => made(&rest(0)[..operands.len() - 1]),
        Op::Eye => made(&[value(0), value(0)]),
        Op::Linspace => made(&[value(2)]),
        Op::Arange => arange(operands, [value(0), value(1), value(2)], attrs),
        Op::ToTensor => Ok(Shape::sure(vec![])),
        Op::Einsum => super::einsum::infer(operands, attrs),
        Op::Conv2d => super::window::conv(tensor_dims(&operands[0]), tensor_dims(&operands[1]), &rest(2)),
        Op::Concat | Op::Stack if matches!(operands, [Type::List(_)]) => Ok(of_list(op, &operands[0])),
        Op::Concat | Op::Stack => joined(op, operands, attrs),
        Op::Gather | Op::ScatterAdd => parts::by_index(op, operands, attrs),
        Op::Matmul | Op::Dot | Op::Outer | Op::Take => {
            match (tensor_dims(&operands[0]), tensor_dims(&operands[1])) {
                (Some(a), Some(b)) => two(op, a, b, attrs),
                _ if op == Op::Dot => Ok(Shape::maybe(vec![])),
                _ if op == Op::Outer => Ok(Shape::maybe(vec![Dim::Unknown; 2])),
                _ => Ok(Shape::unknown()),
            }
        }
        Op::Attention => {
            match (tensor_dims(&operands[0]), tensor_dims(&operands[1]), tensor_dims(&operands[2])) {
                (Some(q), Some(k), Some(v)) => attention(q, k, v),
                _ => Ok(Shape::unknown()),
            }
        }
        Op::SetAxis | Op::SetSlice => match (tensor_dims(&operands[0]), tensor_dims(&operands[2])) {
            (Some(x), Some(part)) => parts::put(op, x, part, value(1), attrs),
            (Some(x), None) => Ok(Shape::maybe(x.to_vec())),
            _ => Ok(Shape::unknown()),
        },
        _ => match tensor_dims(&operands[0]) {
            Some(dims) => one(op, dims, &rest(1), attrs),
            None if op == Op::Flatten => Ok(Shape::sure(vec![Dim::Unknown])),
            None if op.info().class == Class::Reduce && attrs.axes.is_none() && !attrs.keep => {
                Ok(Shape::maybe(vec![]))
            }
            None if matches!(op, Op::MaxPool2d | Op::AvgPool2d) => Ok(Shape::maybe(vec![Dim::Unknown; 4])),
            None if matches!(op, Op::Reshape | Op::BroadcastTo | Op::Repeat) => {
                Ok(Shape::maybe(vec![Dim::Unknown; operands.len() - 1]))
            }
            None => Ok(Shape::unknown()),
        },
    }
}

pub(super) fn tensor_dims(ty: &Type) -> Option<&[Dim]> {
    match ty {
        Type::Tensor(_, dims) => dims.as_deref(),
        Type::Scalar(_) => Some(&[]),
        _ => None,
    }
}

/// A list of tensors joined: how many there are is known at run time.
fn of_list(op: Op, list: &Type) -> Shape {
    match list.element().and_then(Type::rank) {
        Some(rank) => Shape::maybe(vec![Dim::Unknown; rank + usize::from(op == Op::Stack)]),
        None => Shape::unknown(),
    }
}

fn elementwise(operands: &[Type]) -> Rule {
    let mut shape = Shape::sure(vec![]);
    for ty in operands.iter().filter(|t| !t.is_scalar()) {
        let (Some(have), Some(dims)) = (&shape.dims, tensor_dims(ty)) else {
            // A single tensor of unknown rank beside scalars cannot fail.
            let alone = operands.iter().filter(|t| !t.is_scalar()).count() == 1;
            return Ok(Shape { dims: None, sure: alone });
        };
        let next = broadcast(have, dims)?;
        shape = Shape { sure: shape.sure && next.sure, ..next };
    }
    Ok(shape)
}

fn made(values: &[Option<i64>]) -> Rule {
    let dims = sizes(values)?;
    count(&dims)?;
    Ok(Shape::maybe(dims))
}

fn one(op: Op, x: &[Dim], values: &[Option<i64>], attrs: &Attrs) -> Rule {
    let rank = x.len();
    match op {
        _ if op.info().class == Class::Reduce => reduce(op, x, attrs),
        Op::CumSum
        | Op::CumProd
        | Op::Roll
        | Op::Sort
        | Op::ArgSort
        | Op::Softmax
        | Op::LogSoftmax
        | Op::Flip => {
            only_axis(attrs, rank)?;
            Ok(Shape::sure(x.to_vec()))
        }
        Op::ZerosLike | Op::OnesLike => Ok(Shape::sure(x.to_vec())),
        Op::Triu | Op::Tril if rank < 2 => Err(format!("needs a matrix, got {}", show(x))),
        Op::Triu | Op::Tril => Ok(Shape::sure(x.to_vec())),
        Op::Reshape => reshape(x, values),
        Op::Flatten => Ok(Shape::sure(vec![count(x)?.map_or(Dim::Unknown, Dim::Known)])),
        Op::T if rank != 2 => Err(format!("needs a matrix, got {}", show(x))),
        Op::T => Ok(Shape::sure(vec![x[1], x[0]])),
        Op::Transpose | Op::Permute => permuted(op, x, attrs),
        Op::Unsqueeze => {
            let mut dims = x.to_vec();
            dims.insert(only_axis(attrs, rank + 1)?, Dim::Known(1));
            Ok(Shape::sure(dims))
        }
        Op::Squeeze => squeeze(x, only_axis(attrs, rank)?),
        Op::BroadcastTo => broadcast_to(x, &sizes(values)?),
        Op::IndexAxis => {
            let at = only_axis(attrs, rank)?;
            in_range(values[0], x[at], "index")?;
            let mut dims = x.to_vec();
            dims.remove(at);
            Ok(Shape::maybe(dims))
        }
        Op::SliceAxis => parts::slice(x, only_axis(attrs, rank)?, values),
        Op::SliceStep => parts::slice_step(x, only_axis(attrs, rank)?, values),
        Op::PartOf | Op::PartSized => parts::split(op, x, only_axis(attrs, rank)?, values),
        Op::Repeat => parts::repeated(x, values),
        Op::Pad => parts::padded(x, &values[1..]),
        Op::TopK => parts::top(x, only_axis(attrs, rank)?, values[0]),
        Op::MaxPool2d | Op::AvgPool2d => super::window::pool(x, values),
        Op::OneHot => {
            let mut dims = x.to_vec();
            dims.push(size(values[0])?);
            count(&dims)?;
            Ok(Shape::maybe(dims))
        }
        Op::Item => match count(x)? {
            Some(1) => Ok(Shape::sure(vec![])),
            None => Ok(Shape::maybe(vec![])),
            Some(_) => Err(item_message(attrs, x)),
        },
        Op::Dim => {
            only_axis(attrs, rank)?;
            Ok(Shape::sure(vec![]))
        }
        Op::Index | Op::SetIndex => {
            let places = &values[..values.len() - usize::from(op == Op::SetIndex)];
            if places.len() != rank {
                return Err(format!(
                    "an element of {} has {rank} indices, one for each axis; got {}",
                    show(x),
                    places.len()
                ));
            }
            places.iter().zip(x).try_for_each(|(v, d)| in_range(*v, *d, "index"))?;
            Ok(Shape::maybe(if op == Op::SetIndex { x.to_vec() } else { vec![] }))
        }
        _ => Ok(Shape::sure(vec![])),
    }
}

fn item_message(attrs: &Attrs, x: &[Dim]) -> String {
    match &attrs.text {
        Some(operator) => format!(
            "`{operator}` compares a rank-0 tensor, this one has shape {}; compare element by element \
             with a method such as `.gt(..)`, or reduce first",
            show(x)
        ),
        None => format!("needs a tensor of one element, this one has shape {}", show(x)),
    }
}

pub(super) fn in_range(value: Option<i64>, dim: Dim, what: &str) -> Result<(), String> {
    match (value, dim) {
        (Some(v), Dim::Known(n)) if v < 0 || v as usize >= n => {
            Err(format!("{what} {v} is out of range for size {n}"))
        }
        _ => Ok(()),
    }
}

fn reduce(op: Op, x: &[Dim], attrs: &Attrs) -> Rule {
    let flags = reduced(&attrs.axes, x.len())?;
    let mut dims = Vec::new();
    let mut sure = true;
    let needs_one = matches!(op, Op::Max | Op::Min | Op::ArgMax | Op::ArgMin);
    for (d, gone) in x.iter().zip(&flags) {
        if !gone {
            dims.push(*d);
        } else {
            if attrs.keep {
                dims.push(Dim::Known(1));
            }
            sure &= matches!(d, Dim::Known(n) if *n > 0);
        }
    }
    let empty = x.iter().zip(&flags).any(|(d, gone)| *gone && *d == Dim::Known(0));
    let wanted = count(&dims).ok().flatten() != Some(0);
    if needs_one && empty && wanted {
        return Err(format!("needs at least one element, this tensor has shape {}", show(x)));
    }
    Ok(Shape { dims: Some(dims), sure: sure || !needs_one })
}

fn reshape(x: &[Dim], values: &[Option<i64>]) -> Rule {
    let auto = values.iter().filter(|v| **v == Some(-1)).count();
    if auto > 1 {
        return Err("at most one size may be -1".into());
    }
    let mut dims: Vec<Dim> = values
        .iter()
        .map(|v| if *v == Some(-1) { Ok(Dim::Known(1)) } else { size(*v) })
        .collect::<Result<_, _>>()?;
    let from = count(x)?;
    let to = count(&dims)?;
    let misfit =
        |dims: &[Dim]| Err(format!("{} has another number of elements than {}", show(x), show(dims)));
    let (Some(from), Some(to)) = (from, to) else {
        for (d, v) in dims.iter_mut().zip(values) {
            if *v == Some(-1) {
                *d = Dim::Unknown;
            }
        }
        return Ok(Shape::maybe(dims));
    };
    if let Some(at) = values.iter().position(|v| *v == Some(-1)) {
        if to == 0 || from % to != 0 {
            return Err(format!("{} does not divide into the sizes {values:?}", show(x))
                .replace("Some(", "")
                .replace(')', ""));
        }
        dims[at] = Dim::Known(from / to);
    } else if from != to {
        return misfit(&dims);
    }
    Ok(Shape::sure(dims))
}

fn permuted(op: Op, x: &[Dim], attrs: &Attrs) -> Rule {
    let order = permutation(op, attrs, x.len())?;
    Ok(Shape::sure(order.into_iter().map(|a| x[a]).collect()))
}

/// The order of axes that `transpose` or `permute` asks for.
pub fn permutation(op: Op, attrs: &Attrs, rank: usize) -> Result<Vec<usize>, String> {
    let given = attrs.axes.as_deref().unwrap_or(&[]);
    if op == Op::T {
        return Ok((0..rank).rev().collect());
    }
    if op == Op::Transpose {
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(axis(given[0], rank)?, axis(given[1], rank)?);
        return Ok(order);
    }
    if given.len() != rank {
        return Err(format!("{} axes for rank {rank}", given.len()));
    }
    reduced(&attrs.axes, rank)?;
    given.iter().map(|a| axis(*a, rank)).collect()
}

fn squeeze(x: &[Dim], at: usize) -> Rule {
    let sure = match x[at] {
        Dim::Known(1) => true,
        Dim::Known(n) => return Err(format!("axis {at} of {} has size {n}, not 1", show(x))),
        _ => false,
    };
    let mut dims = x.to_vec();
    dims.remove(at);
    Ok(Shape { dims: Some(dims), sure })
}

fn broadcast_to(x: &[Dim], to: &[Dim]) -> Rule {
    let got = broadcast(x, to).map_err(|_| format!("{} does not broadcast to {}", show(x), show(to)))?;
    let fits = x.len() <= to.len()
        && to.iter().rev().zip(x.iter().rev()).all(|(t, d)| match (t, d) {
            (Dim::Known(t), Dim::Known(d)) => t == d || *d == 1,
            _ => true,
        });
    if !fits {
        return Err(format!("{} does not broadcast to {}", show(x), show(to)));
    }
    Ok(Shape { dims: Some(to.to_vec()), sure: got.sure })
}

fn joined(op: Op, operands: &[Type], attrs: &Attrs) -> Rule {
    let Some(all) = operands.iter().map(tensor_dims).collect::<Option<Vec<_>>>() else {
        return Ok(Shape::unknown());
    };
    let first = all[0];
    let at = only_axis(attrs, first.len() + usize::from(op == Op::Stack))?;
    let mut dims = first.to_vec();
    let mut sure = true;
    if op == Op::Stack {
        dims.insert(at, Dim::Known(all.len()));
    } else {
        dims[at] = Dim::Known(0);
    }
    for x in &all {
        let misfit = || format!("shapes do not fit along axis {at}: {} and {}", show(first), show(x));
        if x.len() != first.len() {
            return Err(misfit());
        }
        for (i, (d, f)) in x.iter().zip(first).enumerate() {
            if op == Op::Concat && i == at {
                dims[at] = match (dims[at], d) {
                    (Dim::Known(a), Dim::Known(b)) => Dim::Known(a + b),
                    _ => Dim::Unknown,
                };
                continue;
            }
            match (d, f) {
                (Dim::Known(a), Dim::Known(b)) if a != b => return Err(misfit()),
                (Dim::Sym(a), Dim::Sym(b)) if a == b => {}
                (Dim::Known(_), Dim::Known(_)) => {}
                _ => sure = false,
            }
        }
    }
    Ok(Shape { dims: Some(dims), sure })
}

fn two(op: Op, a: &[Dim], b: &[Dim], attrs: &Attrs) -> Rule {
    let vectors = || {
        if a.len() == 1 && b.len() == 1 {
            Ok(())
        } else {
            Err(format!("needs two vectors, got {} and {}", show(a), show(b)))
        }
    };
    match op {
        Op::Take => {
            let at = only_axis(attrs, a.len())?;
            let mut dims = a[..at].to_vec();
            dims.extend_from_slice(b);
            dims.extend_from_slice(&a[at + 1..]);
            Ok(Shape::maybe(dims))
        }
        Op::Outer => vectors().map(|()| Shape::sure(vec![a[0], b[0]])),
        Op::Dot => {
            vectors()?;
            let sure = same(a[0], b[0]).ok_or_else(|| format!("sizes differ: {} . {}", show(a), show(b)))?;
            Ok(Shape { dims: Some(vec![]), sure })
        }
        _ => matmul(a, b),
    }
}

/// Whether two sizes are surely equal; `None` if they surely differ.
fn same(a: Dim, b: Dim) -> Option<bool> {
    match (a, b) {
        (Dim::Known(x), Dim::Known(y)) => (x == y).then_some(true),
        (Dim::Sym(x), Dim::Sym(y)) => Some(x == y),
        _ => Some(false),
    }
}

fn matmul(a: &[Dim], b: &[Dim]) -> Rule {
    if a.is_empty() || b.is_empty() {
        return Err(format!("needs vectors or matrices, got {} x {}", show(a), show(b)));
    }
    let inner_b = if b.len() == 1 { b[0] } else { b[b.len() - 2] };
    let sure = same(a[a.len() - 1], inner_b)
        .ok_or_else(|| format!("inner sizes differ: {} x {}", show(a), show(b)))?;
    let batch_a = &a[..a.len().saturating_sub(2)];
    let batch_b = &b[..b.len().saturating_sub(2)];
    let batch = broadcast(batch_a, batch_b)
        .map_err(|_| format!("batch sizes do not broadcast: {} x {}", show(a), show(b)))?;
    let mut dims = batch.dims.unwrap_or_default();
    if a.len() > 1 {
        dims.push(a[a.len() - 2]);
    }
    if b.len() > 1 {
        dims.push(b[b.len() - 1]);
    }
    Ok(Shape { dims: Some(dims), sure: sure && batch.sure })
}

/// `q` is `[.., l, d]`, `k` `[.., s, d]`, `v` `[.., s, e]`.
fn attention(q: &[Dim], k: &[Dim], v: &[Dim]) -> Rule {
    let ([.., d], [keys @ .., _, _], [.., _, _]) = (q, k, v) else {
        return Err(format!("needs matrices, got {}, {} and {}", show(q), show(k), show(v)));
    };
    if q.len() < 2 {
        return Err(format!("needs matrices, got {}, {} and {}", show(q), show(k), show(v)));
    }
    let [s, inner] = [k[k.len() - 2], k[k.len() - 1]];
    if same(*d, inner).is_none() {
        return Err(format!("the rows of q and k differ in size: {} and {}", show(q), show(k)));
    }
    let turned = [keys, &[inner, s]].concat();
    let scores = matmul(q, &turned)?;
    let dims = scores.dims.unwrap_or_default();
    if same(s, v[v.len() - 2]).is_none() {
        return Err(format!("k and v differ in their number of rows: {} and {}", show(k), show(v)));
    }
    let result = matmul(&dims, v)?;
    Ok(Shape { sure: scores.sure && result.sure, ..result })
}

/// `arange` of integers that are known has a known length.
fn arange(operands: &[Type], values: [Option<i64>; 3], attrs: &Attrs) -> Rule {
    let dtype = attrs.dtype.or(operands[0].dtype());
    match values {
        [Some(start), Some(end), Some(step)] if dtype.is_some_and(DType::is_int) => {
            Ok(Shape::maybe(vec![Dim::Known(Range::ints(start, end, step)?.len())]))
        }
        _ => Ok(Shape::maybe(vec![Dim::Unknown])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dim::{Known, Sym, Unknown};

    #[test]
    fn broadcasting_knows_what_is_sure() {
        let sure = |a: &[Dim], b: &[Dim]| broadcast(a, b).map(|s| (s.dims.unwrap(), s.sure));
        assert_eq!(sure(&[Known(3), Known(1)], &[Known(4)]), Ok((vec![Known(3), Known(4)], true)));
        assert_eq!(sure(&[Sym(0)], &[Sym(0)]), Ok((vec![Sym(0)], true)));
        assert_eq!(sure(&[Sym(0)], &[Sym(1)]), Ok((vec![Unknown], false)));
        assert_eq!(sure(&[Unknown], &[Known(4)]), Ok((vec![Known(4)], false)));
        assert!(broadcast(&[Known(3)], &[Known(4)]).is_err());
        assert_eq!(sure(&[Known(0)], &[Known(1)]), Ok((vec![Known(0)], true)));
    }

    #[test]
    fn reshape_fills_in_one_size() {
        let got = reshape(&[Known(6)], &[Some(2), Some(-1)]).unwrap();
        assert_eq!(got.dims, Some(vec![Known(2), Known(3)]));
        assert!(reshape(&[Known(6)], &[Some(4), Some(-1)]).is_err());
        assert!(reshape(&[Known(6)], &[Some(4)]).is_err());
    }
}
