//! Between the stream of an argument's values and the leaves of a graph.

use std::sync::Arc;

use jit_ir::{Scalar, Tree, Type};

use crate::tensor::raw::Val;

/// The leaves of a graph's arguments from the stream of their values: one list for each leaf of a list's
/// elements, a value or nothing for an option.
pub(crate) fn pack(trees: &[Tree<Type>], stream: Vec<Val>) -> Vec<Val> {
    let mut stream = stream.into_iter();
    let mut out = Vec::new();
    trees.iter().for_each(|tree| pack_one(tree, &mut stream, &mut out));
    out
}

fn pack_one(tree: &Tree<Type>, stream: &mut impl Iterator<Item = Val>, out: &mut Vec<Val>) {
    let number = |val: Option<Val>| match val {
        Some(Val::Scalar(s)) => s.as_i64() as usize,
        _ => 0,
    };
    match tree {
        Tree::Leaf(_) => out.extend(stream.next()),
        Tree::Tuple(parts) => parts.iter().for_each(|p| pack_one(p, stream, out)),
        Tree::Record(fields) => fields.iter().for_each(|(_, f)| pack_one(f, stream, out)),
        Tree::List(_) => {
            let count = number(stream.next());
            let element = tree.element().unwrap_or(Tree::Unset);
            let mut columns = vec![Vec::with_capacity(count); element.leaves().len()];
            let mut row = Vec::new();
            for _ in 0..count {
                pack_one(&element, stream, &mut row);
                row.drain(..).zip(&mut columns).for_each(|(val, column)| column.push(val));
            }
            out.extend(columns.into_iter().map(|column| Val::List(Arc::new(column))));
        }
        Tree::Option(_, inner) => {
            let some = number(stream.next()) == 1;
            out.push(Val::Scalar(Scalar::Bool(some)));
            if some {
                pack_one(inner, stream, out);
            } else {
                inner.each(&mut |_| out.push(Val::Undef));
            }
        }
        Tree::Unset => {}
    }
}

/// The places of the leaves that say whether an option holds a value.
pub(crate) fn flags(trees: &[Tree<Type>]) -> Vec<usize> {
    fn walk(tree: &Tree<Type>, at: &mut usize, out: &mut Vec<usize>) {
        match tree {
            Tree::Leaf(_) => *at += 1,
            Tree::Tuple(parts) => parts.iter().for_each(|p| walk(p, at, out)),
            Tree::Record(fields) => fields.iter().for_each(|(_, f)| walk(f, at, out)),
            // Those of a list's elements are values of the run.
            Tree::List(inner) => *at += inner.leaves().len(),
            Tree::Option(_, inner) => {
                out.push(*at);
                *at += 1;
                walk(inner, at, out);
            }
            Tree::Unset => {}
        }
    }
    let (mut at, mut out) = (0, Vec::new());
    trees.iter().for_each(|tree| walk(tree, &mut at, &mut out));
    out
}

/// The stream of values from the leaves of a graph's results.
pub(crate) fn unpack(tree: &Tree<Type>, leaves: Vec<Val>) -> Vec<Val> {
    let mut out = Vec::new();
    unpack_one(tree, &mut leaves.into_iter(), &mut out);
    out
}

/// As [`unpack`], for several.
pub(crate) fn unpack_all(trees: &[Tree<Type>], leaves: Vec<Val>) -> Vec<Val> {
    let mut leaves = leaves.into_iter();
    let mut out = Vec::new();
    trees.iter().for_each(|tree| unpack_one(tree, &mut leaves, &mut out));
    out
}

fn unpack_one(tree: &Tree<Type>, leaves: &mut impl Iterator<Item = Val>, out: &mut Vec<Val>) {
    match tree {
        Tree::Leaf(_) => out.extend(leaves.next()),
        Tree::Tuple(parts) => parts.iter().for_each(|p| unpack_one(p, leaves, out)),
        Tree::Record(fields) => fields.iter().for_each(|(_, f)| unpack_one(f, leaves, out)),
        Tree::List(_) => {
            let element = tree.element().unwrap_or(Tree::Unset);
            let mut columns = Vec::new();
            element.each(&mut |_| {
                columns.push(match leaves.next() {
                    Some(Val::List(list)) => Arc::unwrap_or_clone(list).into_iter(),
                    _ => Vec::new().into_iter(),
                });
            });
            let count = columns.first().map_or(0, ExactSizeIterator::len);
            out.push(Val::Scalar(Scalar::Usize(count)));
            for _ in 0..count {
                let row: Vec<Val> = columns.iter_mut().filter_map(Iterator::next).collect();
                unpack_one(&element, &mut row.into_iter(), out);
            }
        }
        Tree::Option(_, inner) => {
            let flag = leaves.next().unwrap_or_default();
            let some = matches!(flag, Val::Scalar(Scalar::Bool(true)));
            out.push(flag);
            let mut vals = Vec::new();
            inner.each(&mut |_| vals.extend(leaves.next()));
            if some {
                unpack_one(inner, &mut vals.into_iter(), out);
            }
        }
        Tree::Unset => {}
    }
}

/// Whether values are the leaves of a structure.
pub(crate) fn fits(tree: &Tree<Type>, values: &[Val]) -> bool {
    let mut left = values.iter();
    fits_one(tree, &mut left, false) && left.next().is_none()
}

/// In an option that holds nothing, leaves may be unset.
fn fits_one<'v>(tree: &Tree<Type>, left: &mut impl Iterator<Item = &'v Val>, optional: bool) -> bool {
    match tree {
        Tree::Option(_, inner) => {
            let flag = left.next();
            matches!(flag, Some(Val::Scalar(Scalar::Bool(_)) | Val::List(_))) && fits_one(inner, left, true)
        }
        Tree::Leaf(ty) => left.next().is_some_and(|v| is_of(v, ty) || (optional && matches!(v, Val::Undef))),
        Tree::Tuple(parts) => parts.iter().all(|p| fits_one(p, left, optional)),
        Tree::Record(fields) => fields.iter().all(|(_, f)| fits_one(f, left, optional)),
        Tree::List(inner) => fits_one(inner, left, optional),
        Tree::Unset => true,
    }
}

fn is_of(val: &Val, ty: &Type) -> bool {
    match (val, ty) {
        (Val::Tensor(t), Type::Tensor(d, _)) => t.dtype == *d,
        (Val::Scalar(s), Type::Scalar(d)) => s.dtype() == *d,
        (Val::List(list), Type::List(element)) => {
            list.iter().all(|v| is_of(v, element) || matches!(v, Val::Undef))
        }
        (Val::Opaque(_), Type::Opaque) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::{Argument, Leaves, Outputs, Returns};
    use super::*;
    use crate::tensor::Tensor;

    #[test]
    fn values_of_lists_and_options_come_back() {
        type Item = (Tensor, Option<f32>);
        let items: Vec<Item> = vec![
            (Tensor::from([1.0, 2.0]), Some(3.0)),
            (Tensor::from([4.0]), None),
            (Tensor::from([5.0]), Some(6.0)),
        ];
        let mut leaves = Leaves::default();
        items.push_leaves(&mut leaves);
        let tree = <Vec<Item> as Argument>::tree();
        let packed = pack(std::slice::from_ref(&tree), leaves.0);
        assert!(packed.len() == 3 && fits(&tree, &packed));
        let again = <Vec<Item> as Returns>::restore(&mut Outputs::new(unpack(&tree, packed)));
        assert_eq!(again, items);
    }
}
