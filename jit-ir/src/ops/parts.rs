//! Shape rules of ops that pick, replace, repeat or surround parts.

use super::shape::{Rule, Shape, count, in_range, only_axis, show, sizes, tensor_dims};
use super::{Attrs, Op};
use crate::types::{Dim, Type};

/// A part of `x` replaced: what stands there is broadcast.
pub(super) fn put(op: Op, x: &[Dim], part: &[Dim], at: Option<i64>, attrs: &Attrs) -> Rule {
    let axis = only_axis(attrs, x.len())?;
    let mut slot = x.to_vec();
    if op == Op::SetAxis {
        in_range(at, x[axis], "index")?;
        slot.remove(axis);
    } else if part.len() != x.len() {
        return Err(format!("a part needs as many axes as the tensor: {} for {}", show(part), show(x)));
    } else {
        slot[axis] = part[axis];
        if let (Some(start), Dim::Known(n), Dim::Known(k)) = (at, x[axis], part[axis])
            && (start < 0 || (start as usize).saturating_add(k) > n)
        {
            return Err(format!("{k} positions from {start} on are out of range for size {n}"));
        }
    }
    let fits = |d: &Dim, s: &Dim| matches!((d, s), (Dim::Known(a), Dim::Known(b)) if a != b && *a != 1);
    let short = slot.len().checked_sub(part.len());
    if short.is_none_or(|skip| part.iter().zip(&slot[skip..]).any(|(d, s)| fits(d, s))) {
        return Err(format!("{} does not fit into {}", show(part), show(&slot)));
    }
    Ok(Shape::maybe(x.to_vec()))
}

pub(super) fn repeated(x: &[Dim], times: &[Option<i64>]) -> Rule {
    if times.len() != x.len() {
        return Err(format!("needs a count for each axis of {}, got {}", show(x), times.len()));
    }
    let one = |(d, t): (&Dim, Dim)| match (d, t) {
        (Dim::Known(n), Dim::Known(t)) => n.checked_mul(t).map(Dim::Known).ok_or("has too many elements"),
        (d, Dim::Known(1)) => Ok(*d),
        _ => Ok(Dim::Unknown),
    };
    let dims: Vec<Dim> = x.iter().zip(sizes(times)?).map(one).collect::<Result<_, _>>()?;
    count(&dims)?;
    Ok(Shape::maybe(dims))
}

pub(super) fn padded(x: &[Dim], counts: &[Option<i64>]) -> Rule {
    if counts.len() != 2 * x.len() {
        return Err(format!("needs a pair for each axis of {}, got {}", show(x), counts.len() / 2));
    }
    let one = |(d, pair): (&Dim, &[Dim])| match (d, pair) {
        (Dim::Known(n), [Dim::Known(a), Dim::Known(b)]) => {
            n.checked_add(*a).and_then(|n| n.checked_add(*b)).map(Dim::Known).ok_or("has too many elements")
        }
        (d, [Dim::Known(0), Dim::Known(0)]) => Ok(*d),
        _ => Ok(Dim::Unknown),
    };
    let dims: Vec<Dim> = x.iter().zip(sizes(counts)?.chunks(2)).map(one).collect::<Result<_, _>>()?;
    count(&dims)?;
    Ok(Shape::maybe(dims))
}

pub(super) fn slice(x: &[Dim], at: usize, values: &[Option<i64>]) -> Rule {
    let mut dims = x.to_vec();
    dims[at] = match (values[0], values[1]) {
        (Some(a), Some(b)) if a < 0 || a > b => return Err(format!("{a}..{b} is not a range")),
        (Some(a), Some(b)) => {
            if let Dim::Known(n) = x[at]
                && b as usize > n
            {
                return Err(format!("{a}..{b} is out of range for size {n}"));
            }
            Dim::Known((b - a) as usize)
        }
        _ => Dim::Unknown,
    };
    Ok(Shape::maybe(dims))
}

/// Every step-th position of a range.
pub(super) fn slice_step(x: &[Dim], at: usize, values: &[Option<i64>]) -> Rule {
    let mut shape = slice(x, at, values)?;
    if let Some(dims) = &mut shape.dims {
        dims[at] = match (dims[at], values[2]) {
            (_, Some(step)) if step <= 0 => return Err(format!("the step must be at least 1, got {step}")),
            (Dim::Known(n), Some(step)) => Dim::Known(n.div_ceil(step as usize)),
            _ => Dim::Unknown,
        };
    }
    Ok(shape)
}

/// Elements by an index tensor, which has the shape of what is picked or added.
pub(super) fn by_index(op: Op, operands: &[Type], attrs: &Attrs) -> Rule {
    let (Some(x), Some(index)) = (tensor_dims(&operands[0]), tensor_dims(&operands[1])) else {
        return Ok(Shape { dims: None, sure: false });
    };
    let along = only_axis(attrs, x.len())?;
    let differ = |a: &Dim, b: &Dim| matches!((a, b), (Dim::Known(a), Dim::Known(b)) if a != b);
    let other = (0..x.len()).any(|i| i != along && index.get(i).is_some_and(|d| differ(d, &x[i])));
    if index.len() != x.len() || other {
        return Err(format!(
            "the indices {} have other sizes than {} besides axis {along}",
            show(index),
            show(x)
        ));
    }
    if op == Op::Gather {
        return Ok(Shape::maybe(index.to_vec()));
    }
    if let Some(source) = tensor_dims(&operands[2])
        && (source.len() != index.len() || source.iter().zip(index).any(|(a, b)| differ(a, b)))
    {
        return Err(format!(
            "the source must have the shape of the indices: {} and {}",
            show(source),
            show(index)
        ));
    }
    Ok(Shape::maybe(x.to_vec()))
}

/// The first k positions of an axis in an order.
pub(super) fn top(x: &[Dim], at: usize, k: Option<i64>) -> Rule {
    let mut dims = x.to_vec();
    dims[at] = match (k, x[at]) {
        (Some(k), Dim::Known(n)) if k < 0 || k as usize > n => {
            return Err(format!("k is {k}, but axis {at} of {} has {n} elements", show(x)));
        }
        (Some(k), _) => Dim::Known(k.max(0) as usize),
        _ => Dim::Unknown,
    };
    Ok(Shape::maybe(dims))
}

/// One of the parts that an axis is split into.
pub(super) fn split(op: Op, x: &[Dim], at: usize, values: &[Option<i64>]) -> Rule {
    let mut dims = x.to_vec();
    dims[at] = match (op, x[at], values) {
        (Op::PartOf, _, [_, Some(..=0)]) => return Err("the number of parts must be at least 1".into()),
        (Op::PartOf, _, [Some(i), Some(n)]) if *i < 0 || i >= n => {
            return Err(format!("part {i} of {n}"));
        }
        (Op::PartOf, Dim::Known(d), [_, Some(n)]) if d % *n as usize != 0 => {
            return Err(format!("size {d} of {} does not divide into {n} parts", show(x)));
        }
        (Op::PartOf, Dim::Known(d), [_, Some(n)]) => Dim::Known(d / *n as usize),
        (Op::PartSized, Dim::Known(d), [.., Some(all)]) if *all != d as i64 => {
            return Err(format!("the sizes add up to {all}, axis {at} of {} is {d}", show(x)));
        }
        (Op::PartSized, _, _) => return slice(x, at, values),
        _ => Dim::Unknown,
    };
    Ok(Shape::maybe(dims))
}
