//! Structs, tuples, options and lists taken apart.

use super::control::grown;
use super::{Frame, Linked, Linker};
use crate::data::{Const, Scalar};
use crate::graph::Node;
use crate::ids::{RegionId, ValueId};
use crate::ops::{Attrs, Op};
use crate::tree::Tree;
use crate::types::Type;
use crate::unify::Clash;

impl Linker {
    /// The result of an op on structured values; `None` for one on single values.
    pub(super) fn structural(
        &mut self,
        frame: &mut Frame<'_>,
        node: &Node,
        ty: &Type,
        into: RegionId,
    ) -> Linked<Option<Tree<ValueId>>> {
        let all = |l: &Self| (0..node.operands.len()).map(|i| l.operand(frame, node, i)).collect::<Vec<_>>();
        let text = node.attrs.text.as_deref().unwrap_or_default();
        Ok(Some(match node.op {
            Op::Named => {
                let Some(value) = frame.library.constant(text) else {
                    return Err(self.error(format!("the constant `{text}` is not known")));
                };
                value.map(&mut |c: &Const| {
                    let ty = self.typing.vars.ty(&c.ty());
                    let attrs = Attrs { value: Some(c.clone()), ..Attrs::default() };
                    self.node(into, Op::Const, vec![], attrs, ty)
                })
            }
            Op::Tuple => Tree::Tuple(all(self)),
            Op::Record => self.record(frame, text, all(self), into)?,
            Op::Field => match (self.operand(frame, node, 0), text.parse::<usize>()) {
                // A part of an array whose elements were written.
                (list @ Tree::List(_), Ok(i)) => {
                    let at = self.scalar(into, Scalar::Usize(i));
                    self.elements(&list, at, into)?
                }
                (value, _) => self.field(&value, text)?,
            },
            Op::Some => {
                let flag = self.leaf(&self.operand(frame, node, 1), Op::Some, into)?;
                Tree::Option(flag, Box::new(self.operand(frame, node, 0)))
            }
            Op::None => {
                let flag = self.scalar(into, Scalar::Bool(false));
                let inner = if let Type::Option(inner) = ty { Tree::of(inner) } else { Tree::Unset };
                let inner = if inner.is_known() { self.unset(&inner, into) } else { Tree::Unset };
                Tree::Option(flag, Box::new(inner))
            }
            Op::List => self.list(all(self), ty, into)?,
            Op::Push => self.push(all(self), ty, into)?,
            Op::Index | Op::SetIndex | Op::Len => {
                let operands = all(self);
                match (node.op, &operands[0]) {
                    (Op::Index, list @ Tree::List(_)) => {
                        let at = self.leaf(&operands[1], Op::Index, into)?;
                        self.elements(list, at, into)?
                    }
                    (Op::Index, Tree::Tuple(parts)) => {
                        let at = self.leaf(&operands[1], Op::Index, into)?;
                        match self
                            .graph
                            .constant_of(at)
                            .and_then(|i| parts.get(usize::try_from(i.as_i64()).ok()?))
                        {
                            Some(part) => part.clone(),
                            None => {
                                let list = self.list(parts.clone(), &Type::Hole, into)?;
                                self.elements(&list, at, into)?
                            }
                        }
                    }
                    (Op::SetIndex, Tree::List(_)) => self.replaced(operands, into)?,
                    // An array whose elements are written is a list from there on.
                    (Op::SetIndex, Tree::Tuple(parts)) => {
                        let list = self.list(parts.clone(), &Type::Hole, into)?;
                        self.replaced([vec![list], operands[1..].to_vec()].concat(), into)?
                    }
                    (Op::Len, Tree::Tuple(parts)) => {
                        Tree::Leaf(self.scalar(into, Scalar::Usize(parts.len())))
                    }
                    (Op::Len, Tree::List(inner)) => match inner.leaves().first() {
                        Some(list) => Tree::Leaf(self.op(into, Op::Len, vec![*list], Attrs::default())?),
                        None => Tree::Leaf(self.scalar(into, Scalar::Usize(0))),
                    },
                    _ => return Ok(None),
                }
            }
            Op::ToTensor => match self.operand(frame, node, 0) {
                Tree::Leaf(_) => return Ok(None),
                listed => Tree::Leaf(self.stacked(&listed, &node.attrs, into)?),
            },
            _ => return Ok(None),
        }))
    }

    /// A tensor of the host numbers in a list or an array, with an axis for each.
    fn stacked(&mut self, value: &Tree<ValueId>, attrs: &Attrs, into: RegionId) -> Linked<ValueId> {
        match value {
            Tree::Tuple(parts) => {
                let parts = parts.iter().map(|part| self.stacked(part, attrs, into));
                let parts = parts.collect::<Linked<Vec<_>>>()?;
                self.op(into, Op::Stack, parts, Attrs::axes([0]))
            }
            Tree::List(inner) => match &**inner {
                // Elements that are arrays: one list for each of their places.
                Tree::Tuple(parts) => {
                    let columns = parts
                        .iter()
                        .map(|part| self.stacked(&Tree::List(Box::new(part.clone())), attrs, into));
                    let columns = columns.collect::<Linked<Vec<_>>>()?;
                    self.op(into, Op::Stack, columns, Attrs::axes([1]))
                }
                _ => {
                    let list = self.leaf(value, Op::ToTensor, into)?;
                    self.op(into, Op::ToTensor, vec![list], attrs.clone())
                }
            },
            other => {
                let leaf = self.leaf(other, Op::ToTensor, into)?;
                self.op(into, Op::ToTensor, vec![leaf], attrs.clone())
            }
        }
    }

    /// The element of a list at a position: of each of its leaves.
    fn elements(&mut self, list: &Tree<ValueId>, at: ValueId, into: RegionId) -> Linked<Tree<ValueId>> {
        let Tree::List(inner) = list else { return Ok(Tree::Unset) };
        let mut failed = None;
        let value = inner.map(&mut |list| {
            self.op(into, Op::Index, vec![*list, at], Attrs::default()).unwrap_or_else(|e| {
                failed = Some(e);
                at
            })
        });
        failed.map_or(Ok(value), Err)
    }

    /// A struct literal. Its type's own order of fields is that of the declared result, or of the type behind `:`.
    fn record(
        &mut self,
        frame: &Frame<'_>,
        text: &str,
        values: Vec<Tree<ValueId>>,
        into: RegionId,
    ) -> Linked<Tree<ValueId>> {
        let (names, of) = text.split_once(':').unwrap_or((text, ""));
        let record = self.fields(names, values)?;
        match frame.library.structure(of) {
            Some(structure) if structure.is_known() => self.conform(record, &structure, into),
            _ => Ok(record),
        }
    }

    fn fields(&mut self, names: &str, values: Vec<Tree<ValueId>>) -> Linked<Tree<ValueId>> {
        let mut fields: Vec<(String, Tree<ValueId>)> = Vec::new();
        for (name, value) in names.split_whitespace().zip(values) {
            if name != ".." {
                fields.push((name.to_string(), value));
                continue;
            }
            let base = match value {
                Tree::Record(base) => base,
                // `t.0 = x` of a tuple.
                Tree::Tuple(parts) => return self.replaced_part(parts, fields),
                other => return Err(self.error(format!("`..` takes a struct, got a {}", other.kind()))),
            };
            for (name, value) in base {
                match fields.iter().find(|(n, _)| *n == name).map(|(_, given)| given.clone()) {
                    Some(given) => self.agree(&given, &value, Op::Record)?,
                    None => fields.push((name, value)),
                }
            }
        }
        Ok(Tree::Record(fields))
    }

    /// A tuple with parts replaced, which are named by their positions.
    fn replaced_part(
        &mut self,
        mut parts: Vec<Tree<ValueId>>,
        fields: Vec<(String, Tree<ValueId>)>,
    ) -> Linked<Tree<ValueId>> {
        for (name, value) in fields {
            let Some(part) = name.parse().ok().and_then(|i: usize| parts.get_mut(i)) else {
                return Err(self.error(format!("a tuple has no field `{name}`")));
            };
            let before = std::mem::replace(part, value.clone());
            self.agree(&value, &before, Op::Record)?;
        }
        Ok(Tree::Tuple(parts))
    }

    fn field(&mut self, value: &Tree<ValueId>, name: &str) -> Linked<Tree<ValueId>> {
        match value.field(name) {
            Some(field) => Ok(field.clone()),
            None if *value == Tree::Unset => Ok(Tree::Unset),
            None => Err(self.error(format!("a {} has no field `{name}`", value.kind()))),
        }
    }

    /// Values that are never read, of a known structure.
    pub(super) fn unset(&mut self, tree: &Tree<Type>, region: RegionId) -> Tree<ValueId> {
        tree.map(&mut |ty| {
            let ty = self.typing.vars.ty(ty);
            self.node(region, Op::Undef, vec![], Attrs::default(), ty)
        })
    }

    /// A list of values: one list for each leaf of an element. `ty` is what the captured graph says of it, which may be
    /// more than the values do.
    pub(super) fn list(
        &mut self,
        values: Vec<Tree<ValueId>>,
        ty: &Type,
        into: RegionId,
    ) -> Linked<Tree<ValueId>> {
        let declared = Tree::of(ty);
        let mut shape = Tree::Unset;
        if let Tree::List(elements) = &declared
            && declared.is_known()
        {
            let elements = self.stand_in(elements);
            if values.is_empty() {
                let lists = elements.map(&mut |v| {
                    let ty = self.typing.ty(*v);
                    self.node(into, Op::List, vec![], Attrs::default(), ty)
                });
                return Ok(Tree::List(Box::new(lists)));
            }
            shape = self.elements_like(&elements);
        }
        for value in &values {
            shape = grown(&shape, value);
        }
        if values.is_empty() {
            return Ok(Tree::List(Box::new(Tree::Unset)));
        }
        self.is_complete(&shape)?;
        let mut columns: Vec<Vec<ValueId>> = vec![Vec::new(); shape.leaves().len()];
        for value in values {
            let value = self.like(value, &shape, into)?;
            value.leaves().into_iter().zip(&mut columns).for_each(|(v, column)| column.push(v));
        }
        let mut lists = Vec::new();
        for column in columns {
            lists.push(self.op(into, Op::List, column, Attrs::default())?);
        }
        let mut next = lists.into_iter();
        Ok(Tree::List(Box::new(shape.map(&mut |v| next.next().unwrap_or(*v)))))
    }

    /// Elements of a list without a known structure would be lost.
    fn is_complete(&self, element: &Tree<ValueId>) -> Linked<()> {
        match element {
            _ if self.tentative => Ok(()),
            Tree::Unset => Err(self.error(
                "the type of these elements is not known where they are put into a list; say it there: \
                 `let list: Vec<Vec<f32>> = ..;`"
                    .into(),
            )),
            Tree::Leaf(_) => Ok(()),
            Tree::Tuple(parts) => parts.iter().try_for_each(|part| self.is_complete(part)),
            Tree::Record(fields) => fields.iter().try_for_each(|(_, field)| self.is_complete(field)),
            Tree::List(inner) | Tree::Option(_, inner) => self.is_complete(inner),
        }
    }

    /// An empty list for each leaf of an element.
    fn empty_lists(&mut self, element: &Tree<ValueId>, into: RegionId) -> Tree<ValueId> {
        element.map(&mut |v| {
            let element = self.typing.ty(*v);
            let ty = self.typing.vars.list(element);
            self.node(into, Op::List, vec![], Attrs::default(), ty)
        })
    }

    /// The lists of a list's leaves with those that an element has and they lack: for a walk that is repeated with them.
    fn widened(
        &mut self,
        lists: Tree<ValueId>,
        element: &Tree<ValueId>,
        into: RegionId,
    ) -> Linked<Tree<ValueId>> {
        Ok(match (lists, element) {
            (Tree::Unset, Tree::Unset) => Tree::Unset,
            (Tree::Unset, element) => {
                if !self.tentative {
                    self.is_complete(&Tree::Unset)?;
                }
                self.empty_lists(element, into)
            }
            (Tree::Tuple(a), Tree::Tuple(b)) if a.len() == b.len() => {
                let parts = a.into_iter().zip(b).map(|(x, y)| self.widened(x, y, into));
                Tree::Tuple(parts.collect::<Linked<_>>()?)
            }
            (Tree::Record(a), b @ Tree::Record(_)) => {
                let mut fields = Vec::new();
                for (name, x) in a {
                    let field = match b.field(&name) {
                        Some(y) => self.widened(x, y, into)?,
                        None => x,
                    };
                    fields.push((name, field));
                }
                Tree::Record(fields)
            }
            (Tree::List(a), Tree::List(b)) => Tree::List(Box::new(self.widened(*a, b, into)?)),
            (Tree::Option(flag, a), Tree::Option(_, b)) => {
                Tree::Option(flag, Box::new(self.widened(*a, b, into)?))
            }
            (lists, _) => lists,
        })
    }

    /// A list with what the captured graph says of its structure, where its elements do not tell.
    fn completed(&mut self, list: Tree<ValueId>, ty: &Type, into: RegionId) -> Linked<Tree<ValueId>> {
        let declared = Tree::of(ty);
        if !declared.is_known() {
            return Ok(list);
        }
        let shape = self.stand_in(&declared);
        self.like(list, &shape, into)
    }

    fn push(&mut self, operands: Vec<Tree<ValueId>>, ty: &Type, into: RegionId) -> Linked<Tree<ValueId>> {
        let [list, value] = &operands[..] else { return Err(self.error("push: takes one value".into())) };
        let inner = match self.completed(list.clone(), ty, into)? {
            Tree::List(inner) => *inner,
            Tree::Unset => return Ok(Tree::Unset),
            other => return Err(self.error(format!("push: takes a list, got a {}", other.kind()))),
        };
        let lists = match inner {
            Tree::Unset => {
                self.is_complete(value)?;
                self.empty_lists(value, into)
            }
            known => self.widened(known, value, into)?,
        };
        let shape = self.elements_like(&lists);
        let value = self.like(value.clone(), &shape, into)?;
        let mut pushed = Vec::new();
        for (list, leaf) in lists.leaves().into_iter().zip(value.leaves()) {
            pushed.push(self.op(into, Op::Push, vec![list, leaf], Attrs::default())?);
        }
        let mut next = pushed.into_iter();
        Ok(Tree::List(Box::new(lists.map(&mut |v| next.next().unwrap_or(*v)))))
    }

    fn replaced(&mut self, operands: Vec<Tree<ValueId>>, into: RegionId) -> Linked<Tree<ValueId>> {
        let [Tree::List(lists), at, value] = &operands[..] else {
            return Err(self.error("a list has one index".into()));
        };
        let at = self.leaf(at, Op::SetIndex, into)?;
        let lists = &self.widened((**lists).clone(), value, into)?;
        let shape = self.elements_like(lists);
        let value = self.like(value.clone(), &shape, into)?;
        let mut written = Vec::new();
        for (list, leaf) in lists.leaves().into_iter().zip(value.leaves()) {
            written.push(self.op(into, Op::SetIndex, vec![list, at, leaf], Attrs::default())?);
        }
        let mut next = written.into_iter();
        Ok(Tree::List(Box::new(lists.map(&mut |v| next.next().unwrap_or(*v)))))
    }

    /// A value in the structure of another one: fields in its order, what was never set filled in.
    pub(super) fn like(
        &mut self,
        value: Tree<ValueId>,
        shape: &Tree<ValueId>,
        region: RegionId,
    ) -> Linked<Tree<ValueId>> {
        Ok(match (value, shape) {
            (value, Tree::Unset) => value,
            (Tree::Unset, shape) => shape.map(&mut |v| {
                let ty = self.typing.ty(*v);
                self.node(region, Op::Undef, vec![], Attrs::default(), ty)
            }),
            (Tree::Leaf(v), Tree::Leaf(_)) => Tree::Leaf(v),
            (Tree::Tuple(values), Tree::Tuple(shapes)) if values.len() == shapes.len() => {
                let parts = values.into_iter().zip(shapes).map(|(v, s)| self.like(v, s, region));
                Tree::Tuple(parts.collect::<Linked<_>>()?)
            }
            (value @ Tree::Record(_), Tree::Record(shapes)) => {
                let mut fields = Vec::new();
                for (name, shape) in shapes {
                    let field = self.field(&value, name)?;
                    fields.push((name.clone(), self.like(field, shape, region)?));
                }
                Tree::Record(fields)
            }
            (Tree::List(inner), Tree::List(shape)) => Tree::List(Box::new(match (*inner, &**shape) {
                (Tree::Unset, shape) => shape.map(&mut |v| {
                    let ty = self.typing.ty(*v);
                    self.node(region, Op::List, vec![], Attrs::default(), ty)
                }),
                (inner, shape) => self.like(inner, shape, region)?,
            })),
            // An array whose elements are found by index is a list in one place and a tuple in another.
            (list @ Tree::List(_), Tree::Tuple(shapes)) => {
                let mut parts = Vec::new();
                for (i, shape) in shapes.iter().enumerate() {
                    let at = self.scalar(region, Scalar::Usize(i));
                    let part = self.elements(&list, at, region)?;
                    parts.push(self.like(part, shape, region)?);
                }
                Tree::Tuple(parts)
            }
            (Tree::Tuple(parts), shape @ Tree::List(_)) => {
                let list = self.list(parts, &Type::Hole, region)?;
                self.like(list, shape, region)?
            }
            (Tree::Option(flag, inner), Tree::Option(_, shape)) => {
                Tree::Option(flag, Box::new(self.like(*inner, shape, region)?))
            }
            (value, shape) => {
                return Err(self.error(format!("a {} stands where a {} is", value.kind(), shape.kind())));
            }
        })
    }

    /// A value in the structure, and of the types, that a function declares.
    pub(super) fn conform(
        &mut self,
        value: Tree<ValueId>,
        expected: &Tree<Type>,
        region: RegionId,
    ) -> Linked<Tree<ValueId>> {
        // Stand-ins with the expected types, so that one rule serves for both.
        let stand_ins = self.stand_in(expected);
        let value = self.like(value, &stand_ins, region)?;
        for (leaf, stand_in) in value.leaves().into_iter().zip(stand_ins.leaves()) {
            let joined = self.typing.vars.join(self.typing.ty(leaf), self.typing.ty(stand_in));
            let joined = joined.map_err(|Clash(what)| self.error(format!("types differ: {what}")))?;
            self.typing.types.insert(leaf, joined);
        }
        Ok(value)
    }
}
