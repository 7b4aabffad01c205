//! What a structured value consists of.

use crate::types::{DType, Type};

/// The structure of a value: of a type (`Tree<Type>`), of an argument in a graph (`Tree<ValueId>`).
#[derive(Clone, PartialEq, Debug)]
pub enum Tree<L> {
    /// One value.
    Leaf(L),
    /// A tuple or an array.
    Tuple(Vec<Tree<L>>),
    /// A struct: the names and values of its fields, in the order of its declaration.
    Record(Vec<(String, Tree<L>)>),
    /// A list. Its leaves are lists, one for each leaf of an element.
    List(Box<Tree<L>>),
    /// An option: whether there is a value, and the value.
    Option(L, Box<Tree<L>>),
    /// Never set, of a structure that is not known yet.
    Unset,
}

impl<L> Tree<L> {
    /// Several values as one.
    pub fn unit() -> Tree<L> {
        Tree::Tuple(Vec::new())
    }

    /// Visits the leaves in order.
    pub fn each<'a>(&'a self, visit: &mut impl FnMut(&'a L)) {
        match self {
            Tree::Leaf(leaf) => visit(leaf),
            Tree::Tuple(parts) => parts.iter().for_each(|p| p.each(visit)),
            Tree::Record(fields) => fields.iter().for_each(|(_, f)| f.each(visit)),
            Tree::List(element) => element.each(visit),
            Tree::Option(flag, inner) => {
                visit(flag);
                inner.each(visit);
            }
            Tree::Unset => {}
        }
    }

    /// The leaves in order.
    pub fn leaves(&self) -> Vec<L>
    where
        L: Clone,
    {
        let mut out = Vec::new();
        self.each(&mut |leaf| out.push(leaf.clone()));
        out
    }

    /// Whether it is its leaves, one after the other: no lists or options.
    pub fn is_flat(&self) -> bool {
        match self {
            Tree::Leaf(_) => true,
            Tree::Tuple(parts) => parts.iter().all(Tree::is_flat),
            Tree::Record(fields) => fields.iter().all(|(_, f)| f.is_flat()),
            Tree::List(_) | Tree::Option(..) | Tree::Unset => false,
        }
    }

    /// The same structure with other leaves.
    pub fn map<M>(&self, to: &mut impl FnMut(&L) -> M) -> Tree<M> {
        match self {
            Tree::Leaf(leaf) => Tree::Leaf(to(leaf)),
            Tree::Tuple(parts) => Tree::Tuple(parts.iter().map(|p| p.map(to)).collect()),
            Tree::Record(fields) => {
                Tree::Record(fields.iter().map(|(name, f)| (name.clone(), f.map(to))).collect())
            }
            Tree::List(element) => Tree::List(Box::new(element.map(to))),
            Tree::Option(flag, inner) => {
                let flag = to(flag);
                Tree::Option(flag, Box::new(inner.map(to)))
            }
            Tree::Unset => Tree::Unset,
        }
    }

    /// The field of a record, or the part of a tuple, of that name.
    pub fn field(&self, name: &str) -> Option<&Tree<L>> {
        match self {
            Tree::Record(fields) => fields.iter().find(|(n, _)| n == name).map(|(_, f)| f),
            Tree::Tuple(parts) => parts.get(name.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// What a user calls such a value.
    pub fn kind(&self) -> &'static str {
        match self {
            Tree::Leaf(_) => "single value",
            Tree::Tuple(_) => "tuple",
            Tree::Record(_) => "struct",
            Tree::List(_) => "list",
            Tree::Option(..) => "option",
            Tree::Unset => "value that was never set",
        }
    }
}

impl Tree<Type> {
    /// The structure of a declared type.
    pub fn of(ty: &Type) -> Tree<Type> {
        match ty {
            Type::Tuple(parts) => Tree::Tuple(parts.iter().map(Tree::of).collect()),
            Type::Option(inner) => Tree::Option(Type::Scalar(DType::Bool), Box::new(Tree::of(inner))),
            Type::List(element) => Tree::list(Tree::of(element)),
            Type::Hole => Tree::Unset,
            leaf => Tree::Leaf(leaf.clone()),
        }
    }

    /// A list of elements of a structure.
    pub fn list(element: Tree<Type>) -> Tree<Type> {
        Tree::List(Box::new(element.map(&mut |ty| Type::List(Box::new(ty.clone())))))
    }

    /// The structure of a list's elements, from that of the list.
    pub fn element(&self) -> Option<Tree<Type>> {
        match self {
            Tree::List(inner) => Some(inner.map(&mut |ty| ty.element().cloned().unwrap_or(Type::Hole))),
            _ => None,
        }
    }

    /// Whether the whole structure is known.
    pub fn is_known(&self) -> bool {
        match self {
            Tree::Leaf(_) => true,
            Tree::Tuple(parts) => parts.iter().all(Tree::is_known),
            Tree::Record(fields) => fields.iter().all(|(_, f)| f.is_known()),
            Tree::List(element) | Tree::Option(_, element) => element.is_known(),
            Tree::Unset => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_structs_is_a_struct_of_lists() {
        let layer = Tree::Record(vec![
            ("w".into(), Tree::Leaf(Type::tensor(DType::F32))),
            (
                "b".into(),
                Tree::Option(Type::Scalar(DType::Bool), Box::new(Tree::Leaf(Type::tensor(DType::F32)))),
            ),
        ]);
        let list = Tree::list(layer.clone());
        let texts: Vec<String> = list.leaves().iter().map(Type::to_string).collect();
        assert_eq!(texts, ["list<f32[*]>", "list<bool>", "list<f32[*]>"]);
        assert_eq!(list.element(), Some(layer));
    }
}
