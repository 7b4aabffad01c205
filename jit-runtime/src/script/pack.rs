//! Between the stream of an argument's values and the leaves of a graph.

use std::panic::Location;
use std::sync::Arc;

use jit_ir::{Attrs, Op, Scalar, Tree, Type};

use crate::tensor::raw::Val;
use crate::tensor::{self, Any};
use crate::trace;

/// A value that can stand in a stream: a value of a run, or one with its place in a recording.
pub(crate) trait Streamed: Clone {
    /// The number that a list begins with, or 1 for an option that holds a value.
    fn number(&self) -> usize;
    /// A list of these.
    fn list(elements: Vec<Self>, at: At) -> Self;
    /// The elements of a list.
    fn elements(self, at: At) -> Vec<Self>;
    /// A value from the host.
    fn scalar(value: Scalar) -> Self;
    /// No value.
    fn unset() -> Self;
    /// The host sees the value.
    fn seen(&self, at: At);
}

/// The user's line.
type At = &'static Location<'static>;

impl Streamed for Val {
    fn number(&self) -> usize {
        match self {
            Val::Scalar(s) => s.as_i64() as usize,
            _ => 0,
        }
    }
    fn list(elements: Vec<Val>, _: At) -> Val {
        Val::List(Arc::new(elements))
    }
    fn elements(self, _: At) -> Vec<Val> {
        match self {
            Val::List(list) => Arc::unwrap_or_clone(list),
            _ => Vec::new(),
        }
    }
    fn scalar(value: Scalar) -> Val {
        Val::Scalar(value)
    }
    fn unset() -> Val {
        Val::Undef
    }
    fn seen(&self, _: At) {}
}

impl Streamed for Any {
    fn number(&self) -> usize {
        self.val.number()
    }
    fn list(elements: Vec<Any>, at: At) -> Any {
        tensor::call_at(Op::List, Attrs::default(), &elements.iter().collect::<Vec<_>>(), at)
    }
    fn elements(self, at: At) -> Vec<Any> {
        if !matches!(self.val, Val::List(_)) {
            return Vec::new();
        }
        let n = tensor::ask_at(Op::Len, Attrs::default(), &[&self], at).as_i64() as usize;
        let element =
            |i| tensor::call_at(Op::Index, Attrs::default(), &[&self, &Any::from(Scalar::Usize(i))], at);
        (0..n).map(element).collect()
    }
    fn scalar(value: Scalar) -> Any {
        value.into()
    }
    fn unset() -> Any {
        Any { val: Val::Undef, tag: None }
    }
    fn seen(&self, at: At) {
        trace::observe(self, at);
    }
}

/// The leaves of a graph's arguments from the stream of their values: one list for each leaf of a list's
/// elements, a value or nothing for an option.
#[track_caller]
pub(crate) fn pack<V: Streamed>(trees: &[Tree<Type>], stream: Vec<V>) -> Vec<V> {
    let at = Location::caller();
    let mut stream = stream.into_iter();
    let mut out = Vec::new();
    trees.iter().for_each(|tree| pack_one(tree, &mut stream, &mut out, at));
    out
}

fn pack_one<V: Streamed>(tree: &Tree<Type>, stream: &mut impl Iterator<Item = V>, out: &mut Vec<V>, at: At) {
    let number = |value: Option<V>| value.map_or(0, |v| v.number());
    match tree {
        Tree::Leaf(_) => out.extend(stream.next()),
        Tree::Tuple(parts) => parts.iter().for_each(|p| pack_one(p, stream, out, at)),
        Tree::Record(fields) => fields.iter().for_each(|(_, f)| pack_one(f, stream, out, at)),
        Tree::List(_) => {
            let count = number(stream.next());
            let element = tree.element().unwrap_or(Tree::Unset);
            let mut columns = vec![Vec::with_capacity(count); element.leaves().len()];
            let mut row = Vec::new();
            for _ in 0..count {
                pack_one(&element, stream, &mut row, at);
                row.drain(..).zip(&mut columns).for_each(|(val, column)| column.push(val));
            }
            out.extend(columns.into_iter().map(|column| V::list(column, at)));
        }
        Tree::Option(_, inner) => {
            let some = number(stream.next()) == 1;
            out.push(V::scalar(Scalar::Bool(some)));
            if some {
                pack_one(inner, stream, out, at);
            } else {
                inner.each(&mut |_| out.push(V::unset()));
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
#[track_caller]
pub(crate) fn unpack<V: Streamed>(trees: &[Tree<Type>], leaves: Vec<V>) -> Vec<V> {
    let at = Location::caller();
    let mut leaves = leaves.into_iter();
    let mut out = Vec::new();
    trees.iter().for_each(|tree| unpack_one(tree, &mut leaves, &mut out, at));
    out
}

fn unpack_one<V: Streamed>(
    tree: &Tree<Type>,
    leaves: &mut impl Iterator<Item = V>,
    out: &mut Vec<V>,
    at: At,
) {
    match tree {
        Tree::Leaf(ty) => {
            let leaf = leaves.next();
            if let (Type::Scalar(_), Some(value)) = (ty, &leaf) {
                value.seen(at);
            }
            out.extend(leaf);
        }
        Tree::Tuple(parts) => parts.iter().for_each(|p| unpack_one(p, leaves, out, at)),
        Tree::Record(fields) => fields.iter().for_each(|(_, f)| unpack_one(f, leaves, out, at)),
        Tree::List(_) => {
            let element = tree.element().unwrap_or(Tree::Unset);
            let mut columns = Vec::new();
            element.each(&mut |_| {
                columns.push(leaves.next().map_or(Vec::new(), |list| list.elements(at)).into_iter());
            });
            let count = columns.first().map_or(0, ExactSizeIterator::len);
            out.push(V::scalar(Scalar::Usize(count)));
            for _ in 0..count {
                let row: Vec<V> = columns.iter_mut().filter_map(Iterator::next).collect();
                unpack_one(&element, &mut row.into_iter(), out, at);
            }
        }
        Tree::Option(_, inner) => {
            let flag = leaves.next().unwrap_or_else(V::unset);
            flag.seen(at);
            let some = flag.number() == 1;
            out.push(flag);
            let mut vals = Vec::new();
            inner.each(&mut |_| vals.extend(leaves.next()));
            if some {
                unpack_one(inner, &mut vals.into_iter(), out, at);
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
        let packed = pack(std::slice::from_ref(&tree), leaves.to_vec());
        assert!(packed.len() == 3 && fits(&tree, &packed));
        let again = <Vec<Item> as Returns>::restore(&mut Outputs::new(unpack(&[tree], packed).into()));
        assert_eq!(again, items);
    }
}
