//! Types that must be one, and the conversions that follow from types which only linking knows.

use super::{Frame, Linked, Linker};
use crate::graph::Node;
use crate::ids::{RegionId, ValueId};
use crate::ops::{Attrs, Op, types};
use crate::tree::Tree;
use crate::types::{DType, Type};
use crate::unify::Ty;

impl Linker {
    /// Two values of one type, or a value of a type that the library knows by name.
    pub(super) fn alike(&mut self, frame: &Frame<'_>, node: &Node) -> Linked<()> {
        let value = self.operand(frame, node, 0);
        let Some(name) = &node.attrs.text else {
            let other = self.operand(frame, node, 1);
            return self.agree(&value, &other, Op::Alike);
        };
        let Some(expected) = frame.library.structure(name) else { return Ok(()) };
        let stand_in = self.stand_in(&expected);
        self.agree(&value, &stand_in, Op::Alike)
    }

    /// Values without a definition that have the types of a structure.
    pub(super) fn stand_in(&mut self, expected: &Tree<Type>) -> Tree<ValueId> {
        expected.map(&mut |ty| {
            let value = self.graph.value(Type::Hole);
            let ty = self.typing.vars.ty(ty);
            self.typing.types.insert(value, ty);
            value
        })
    }

    /// Gives two structures the same types, leaf by leaf, where both have one.
    pub(super) fn agree(&mut self, a: &Tree<ValueId>, b: &Tree<ValueId>, op: Op) -> Linked<()> {
        match (a, b) {
            (Tree::Leaf(x), Tree::Leaf(y)) => {
                let joined = self.typing.vars.join(self.typing.ty(*x), self.typing.ty(*y));
                let ty = self.fits(joined, op)?;
                self.typing.types.insert(*x, ty);
                self.typing.types.insert(*y, ty);
                Ok(())
            }
            (Tree::Tuple(a), Tree::Tuple(b)) if a.len() == b.len() => {
                a.iter().zip(b).try_for_each(|(x, y)| self.agree(x, y, op))
            }
            (Tree::Record(fields), Tree::Record(_)) => fields.iter().try_for_each(|(name, x)| {
                let Some(y) = b.field(name) else { return Ok(()) };
                self.agree(x, y, op)
            }),
            (Tree::List(a), Tree::List(b)) | (Tree::Option(_, a), Tree::Option(_, b)) => self.agree(a, b, op),
            // An array whose elements are found by index is a list in one place and a tuple in another.
            (Tree::Tuple(parts), Tree::List(list)) | (Tree::List(list), Tree::Tuple(parts)) => {
                parts.iter().try_for_each(|part| self.agree_element(part, list, op))
            }
            _ => Ok(()),
        }
    }

    /// Gives an element the types of a list's elements.
    fn agree_element(&mut self, element: &Tree<ValueId>, list: &Tree<ValueId>, op: Op) -> Linked<()> {
        let elements = self.elements_like(list);
        self.agree(element, &elements, op)
    }

    /// Values without a definition that have the types of a list's elements.
    pub(super) fn elements_like(&mut self, list: &Tree<ValueId>) -> Tree<ValueId> {
        list.map(&mut |v| {
            let value = self.graph.value(Type::Hole);
            let ty = match self.typing.ty(*v) {
                Ty::List(element) => self.typing.vars.element(element),
                other => other,
            };
            self.typing.types.insert(value, ty);
            value
        })
    }

    /// Gives a value what the captured graph says of its type; `lists`: how many lists are around it.
    pub(super) fn annotate(&mut self, value: &Tree<ValueId>, ty: &Type, lists: usize, op: Op) -> Linked<()> {
        match (value, ty) {
            (Tree::Leaf(v), Type::Scalar(_) | Type::Tensor(..) | Type::List(_)) => {
                let listed = (0..lists).fold(ty.clone(), |ty, _| Type::List(Box::new(ty)));
                let (found, known) = (self.typing.ty(*v), self.typing.vars.ty(&listed));
                let joined = self.typing.vars.join(found, known);
                let joined = self.fits(joined, op)?;
                self.typing.types.insert(*v, joined);
                Ok(())
            }
            (Tree::List(inner), Type::List(element)) => self.annotate(inner, element, lists + 1, op),
            (Tree::Option(_, inner), Type::Option(some)) => self.annotate(inner, some, lists, op),
            (Tree::Tuple(parts), Type::Tuple(types)) if parts.len() == types.len() => {
                parts.iter().zip(types).try_for_each(|(part, ty)| self.annotate(part, ty, lists, op))
            }
            _ => Ok(()),
        }
    }

    /// A host number as one of another value's type.
    pub(super) fn cast_like(&mut self, value: ValueId, like: ValueId, into: RegionId) -> ValueId {
        let ty = self.typing.ty(like);
        self.node(into, Op::Cast, vec![value], Attrs::default(), ty)
    }

    /// The operands of an op, converted where its rule for host numbers asks for it: Rust shifts by any integer type and
    /// counts bools, the graph has one type for each.
    pub(super) fn converted(&mut self, op: Op, mut operands: Vec<ValueId>, into: RegionId) -> Vec<ValueId> {
        let element = |l: &Self, v: ValueId| match l.typing.ty(v) {
            Ty::Scalar(var) | Ty::Tensor(var) => l.typing.vars.get(var),
            _ => None,
        };
        match (op, &operands[..]) {
            (Op::Shl | Op::Shr, &[value, count])
                if element(self, count).is_none() || element(self, value) != element(self, count) =>
            {
                let literal = element(self, count).is_none() && self.graph.constant_of(count).is_some();
                let joined =
                    literal && self.typing.vars.join(self.typing.ty(value), self.typing.ty(count)).is_ok();
                if !joined {
                    operands[1] = self.cast_like(count, value, into);
                }
            }
            (_, &[x])
                if element(self, x) == Some(DType::Bool)
                    && let Some(dtype) = types::counted(op) =>
            {
                let ty = Ty::Tensor(self.typing.vars.known(dtype));
                operands[0] = self.node(into, Op::Cast, vec![x], Attrs::dtype(dtype), ty);
            }
            _ => {}
        }
        operands
    }
}
