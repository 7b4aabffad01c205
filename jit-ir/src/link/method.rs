//! Methods of values whose structure only linking knows: of a tensor, of a host number, or of a struct of the user's that has a
//! method of the same name.

use super::{Frame, Linked, Linker};
use crate::data::Scalar;
use crate::graph::Node;
use crate::ids::{RegionId, ValueId};
use crate::ops::composite::{self, Build};
use crate::ops::{Attrs, Class, Op};
use crate::tree::Tree;
use crate::types::Type;

/// Stands in a node's text before the name of the user's method that it may mean.
pub const METHOD: &str = "method:";

/// A node's text without the name of a user's method.
pub(super) fn own_text(text: &str) -> Option<String> {
    let own = text.split_once(METHOD).map_or(text, |(own, _)| own).trim_end();
    (!own.is_empty()).then(|| own.to_string())
}

impl Linker {
    /// The user's method, where an op of the table was written on a struct; `None` if it is none.
    pub(super) fn of_struct(
        &mut self,
        frame: &Frame<'_>,
        node: &Node,
        into: RegionId,
    ) -> Linked<Option<Tree<ValueId>>> {
        if node.operands.is_empty() || !matches!(self.operand(frame, node, 0), Tree::Record(_)) {
            return Ok(None);
        }
        if let Some(value) = self.users(frame, node, into)? {
            return Ok(Some(value));
        }
        let name = node.op.name();
        let on_values =
            matches!(node.op.info().class, Class::Elementwise | Class::Reduce | Class::Shape | Class::Ask);
        if on_values && !matches!(node.op, Op::Equal | Op::Same) {
            return Err(self.error(format!(
                "{name}: this is a struct, and `{name}` is taken for the method of a tensor or a number; say of which type the \
                 value is where it is bound: `let value: Type = ..;`"
            )));
        }
        Ok(None)
    }

    /// The result of the user's method that a node names beside the op, if there is such a method.
    fn users(&mut self, frame: &Frame<'_>, node: &Node, into: RegionId) -> Linked<Option<Tree<ValueId>>> {
        let Some((_, link)) = node.attrs.text.as_deref().and_then(|text| text.split_once(METHOD)) else {
            return Ok(None);
        };
        let name = format!("{METHOD}{link}");
        let Some(callee) = frame.library.callee(&name) else { return Ok(None) };
        let args = (0..node.operands.len()).map(|i| self.operand(frame, node, i)).collect();
        self.invoke(callee, &name, args, into).map(Some)
    }

    /// Whether two structured values are equal in all their parts.
    pub(super) fn all_equal(
        &mut self,
        a: &Tree<ValueId>,
        b: &Tree<ValueId>,
        node: &Node,
        into: RegionId,
    ) -> Linked<ValueId> {
        let pairs: Vec<(&Tree<ValueId>, &Tree<ValueId>)> = match (a, b) {
            (Tree::Leaf(x), Tree::Leaf(y)) => return self.compare(Op::Eq, vec![*x, *y], node, into),
            (Tree::Tuple(a), Tree::Tuple(b)) if a.len() == b.len() => a.iter().zip(b).collect(),
            (Tree::Record(fields), Tree::Record(_)) => {
                fields.iter().filter_map(|(name, x)| Some((x, b.field(name)?))).collect()
            }
            (Tree::List(a), Tree::List(b)) => vec![(a, b)],
            (list @ Tree::List(_), Tree::Tuple(parts)) | (Tree::Tuple(parts), list @ Tree::List(_)) => {
                let other = self.list(parts.clone(), &Type::Hole, into)?;
                return self.all_equal(list, &other, node, into);
            }
            (a, b) => {
                return Err(self.error(format!(
                    "a {} and a {} cannot be compared in a script",
                    a.kind(),
                    b.kind()
                )));
            }
        };
        let mut all = self.scalar(into, Scalar::Bool(true));
        for (x, y) in pairs {
            let one = self.all_equal(x, y, node, into)?;
            all = self.op(into, Op::And, vec![all, one], Attrs::default())?;
        }
        Ok(all)
    }

    /// A method that is made of several ops, of a value that may be a struct with such a method.
    pub(super) fn composite(
        &mut self,
        frame: &Frame<'_>,
        node: &Node,
        name: &str,
        receiver: &Tree<ValueId>,
        into: RegionId,
    ) -> Linked<Tree<ValueId>> {
        if matches!(receiver, Tree::Record(_))
            && let Some(value) = self.users(frame, node, into)?
        {
            return Ok(value);
        }
        let operands = self.leaves(frame, node, into)?;
        match composite::find(name) {
            Some((composite, _)) => composite.build(&mut In(self, into), &operands).map(Tree::Leaf),
            None => Err(self.error(format!("`{name}` is not known for this value"))),
        }
    }
}

/// Ops in a region.
struct In<'l>(&'l mut Linker, RegionId);

impl Build for In<'_> {
    type Value = ValueId;
    type Error = super::LinkError;

    fn op(&mut self, op: Op, operands: &[&ValueId], attrs: Attrs) -> Linked<ValueId> {
        let operands = operands.iter().map(|v| **v).collect();
        self.0.op(self.1, op, operands, attrs)
    }

    fn scalar(&mut self, value: Scalar) -> ValueId {
        self.0.scalar(self.1, value)
    }
}
