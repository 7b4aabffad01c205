//! Element types that the source leaves open: kinds are certain, element types are found by
//! unification, as rustc finds them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::data::{Const, Scalar, TensorData};
use crate::graph::Graph;
use crate::ids::ValueId;
use crate::ops::{Attrs, Class, Op, types};
use crate::types::{DType, Type};

/// An element type that may still be open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Var(usize);

/// The place of a type in a table; see [`Vars::list`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Element(usize);

/// The type of a value, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ty {
    /// A host scalar.
    Scalar(Var),
    /// A tensor.
    Tensor(Var),
    /// A list.
    List(Element),
    /// A value that is handed through unseen.
    Opaque,
    /// The result of a call, a field: known at linking.
    Hole,
}

/// What an open element type becomes if nothing says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fallback {
    /// An integer literal: `i32`.
    Int,
    /// A float literal: `f64`.
    Float,
    /// A made tensor: none.
    None,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Same(Var),
    Known(DType),
    Open(Fallback),
}

/// Two types that cannot be one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clash(pub String);

/// Element types, and which of them are the same.
#[derive(Clone, Default, Debug)]
pub struct Vars {
    states: Vec<State>,
    elements: Vec<Ty>,
}

impl Vars {
    /// An element type that is known.
    pub fn known(&mut self, dtype: DType) -> Var {
        self.states.push(State::Known(dtype));
        Var(self.states.len() - 1)
    }

    /// An element type that is open.
    pub fn open(&mut self, fallback: Fallback) -> Var {
        self.states.push(State::Open(fallback));
        Var(self.states.len() - 1)
    }

    /// A host scalar of a known type.
    pub fn scalar(&mut self, dtype: DType) -> Ty {
        Ty::Scalar(self.known(dtype))
    }

    /// The type of a list of such elements.
    pub fn list(&mut self, element: Ty) -> Ty {
        self.elements.push(element);
        Ty::List(Element(self.elements.len() - 1))
    }

    /// The type of a list's elements.
    pub fn element(&self, list: Element) -> Ty {
        self.elements[list.0]
    }

    /// A graph's type.
    pub fn ty(&mut self, ty: &Type) -> Ty {
        match ty {
            Type::Scalar(d) => Ty::Scalar(self.known(*d)),
            Type::Tensor(d, _) => Ty::Tensor(self.known(*d)),
            Type::List(element) => {
                let element = self.ty(element);
                self.list(element)
            }
            Type::Opaque => Ty::Opaque,
            Type::Tuple(_) | Type::Option(_) | Type::Hole => Ty::Hole,
        }
    }

    fn root(&self, mut var: Var) -> Var {
        while let State::Same(next) = self.states[var.0] {
            var = next;
        }
        var
    }

    /// Makes two element types one.
    ///
    /// # Errors
    /// Two different ones.
    pub fn unify(&mut self, a: Var, b: Var) -> Result<(), Clash> {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return Ok(());
        }
        match (self.states[a.0], self.states[b.0]) {
            (State::Known(x), State::Known(y)) if x == y => {}
            (State::Known(x), State::Known(y)) => return Err(Clash(format!("{x} and {y}"))),
            (State::Open(Fallback::Float), State::Known(y))
            | (State::Known(y), State::Open(Fallback::Float))
                if !y.is_float() =>
            {
                return Err(Clash(format!("a float literal and {y}")));
            }
            (_, State::Known(_)) => self.states[a.0] = State::Same(b),
            (State::Known(_), _) => self.states[b.0] = State::Same(a),
            (State::Open(Fallback::None), _) => self.states[a.0] = State::Same(b),
            (State::Open(Fallback::Int), State::Open(Fallback::Float)) => self.states[a.0] = State::Same(b),
            _ => self.states[b.0] = State::Same(a),
        }
        Ok(())
    }

    /// The element type, if it is known.
    pub fn get(&self, var: Var) -> Option<DType> {
        match self.states[self.root(var).0] {
            State::Known(d) => Some(d),
            _ => None,
        }
    }

    /// The element type that an open one becomes where nothing says otherwise: of literals.
    pub fn fallback(&self, var: Var) -> Option<DType> {
        match self.states[self.root(var).0] {
            State::Open(Fallback::Int) => Some(DType::I32),
            State::Open(Fallback::Float) => Some(DType::F64),
            State::Known(_) | State::Open(Fallback::None) | State::Same(_) => None,
        }
    }

    /// Whether nothing of a type is open.
    pub fn is_settled(&self, ty: Ty) -> bool {
        match ty {
            Ty::Scalar(var) | Ty::Tensor(var) => self.get(var).is_some(),
            Ty::List(element) => self.is_settled(self.element(element)),
            Ty::Opaque => true,
            Ty::Hole => false,
        }
    }

    /// The type of a value that is one of two.
    ///
    /// # Errors
    /// Two kinds, or two element types.
    pub fn join(&mut self, a: Ty, b: Ty) -> Result<Ty, Clash> {
        match (a, b) {
            (Ty::Scalar(x), Ty::Scalar(y)) | (Ty::Tensor(x), Ty::Tensor(y)) => {
                self.unify(x, y)?;
                Ok(a)
            }
            (Ty::List(x), Ty::List(y)) => {
                let (m, n) = (self.element(x), self.element(y));
                let joined = self.join(m, n)?;
                self.elements[x.0] = joined;
                self.elements[y.0] = joined;
                Ok(a)
            }
            (Ty::Opaque, Ty::Opaque) => Ok(a),
            (Ty::Hole, other) | (other, Ty::Hole) => Ok(other),
            _ => Err(Clash(format!("{} and {}", kind(a), kind(b)))),
        }
    }

    /// The type of an elementwise op's result from two operands'.
    fn combine(&mut self, a: Ty, b: Ty) -> Result<Ty, Clash> {
        match (a, b) {
            (Ty::Scalar(x), Ty::Scalar(y)) | (Ty::Tensor(x), Ty::Scalar(y) | Ty::Tensor(y)) => {
                self.unify(x, y)?;
                Ok(a)
            }
            (Ty::Scalar(x), Ty::Tensor(y)) => {
                self.unify(y, x)?;
                Ok(b)
            }
            (Ty::Hole, Ty::Hole) => Ok(Ty::Hole),
            (Ty::Hole, other) | (other, Ty::Hole) => {
                Ok(if matches!(other, Ty::Tensor(_)) { other } else { Ty::Hole })
            }
            _ => Err(Clash(format!("{} and {}", kind(a), kind(b)))),
        }
    }

    /// The type of an op's result. Operands that must have one element type get one.
    ///
    /// # Errors
    /// Operands that cannot stand together.
    pub fn result(&mut self, op: Op, operands: &[Ty], attrs: &Attrs) -> Result<Ty, Clash> {
        for (i, ty) in operands.iter().enumerate() {
            if let (Some(dtype), Ty::Scalar(var) | Ty::Tensor(var)) =
                (types::operand(op, i, operands.len()), ty)
            {
                let fixed = self.known(dtype);
                self.unify(*var, fixed)?;
            }
        }
        if op.is_elementwise() {
            return self.elementwise(op, operands, attrs);
        }
        let first = operands.first().copied();
        let var = match first {
            Some(Ty::Tensor(v) | Ty::Scalar(v)) => Some(v),
            _ => None,
        };
        match op {
            Op::Len | Op::Rank | Op::Dim => {
                return Ok(self.scalar(DType::Usize));
            }
            Op::Sizes => {
                let size = self.scalar(DType::Usize);
                return Ok(self.list(size));
            }
            Op::ArgMax | Op::ArgMin => return Ok(Ty::Tensor(self.known(DType::I64))),
            Op::All | Op::Any => return Ok(Ty::Tensor(self.known(DType::Bool))),
            Op::Equal | Op::Same => {
                self.join(operands[0], operands[1])?;
                return Ok(self.scalar(DType::Bool));
            }
            Op::OneHot => return Ok(self.made(attrs)),
            Op::Item => {
                return Ok(var.map_or(Ty::Hole, Ty::Scalar));
            }
            Op::Matmul | Op::Dot | Op::Outer | Op::Conv2d => {
                self.join(operands[0], operands[1])?;
            }
            Op::Attention => {
                self.join(operands[0], operands[1])?;
                self.join(operands[0], operands[2])?;
            }
            Op::Concat | Op::Stack | Op::Einsum => {
                if let [Ty::List(element)] = operands {
                    return Ok(self.element(*element));
                }
                let mut ty = operands[0];
                for other in &operands[1..] {
                    ty = self.join(ty, *other)?;
                }
                return Ok(ty);
            }
            Op::List => {
                let mut ty = Ty::Hole;
                for other in operands {
                    ty = self.join(ty, *other)?;
                }
                return Ok(self.list(ty));
            }
            Op::Push => return self.written(operands[0], operands[1]),
            Op::ArgSort | Op::TopK => return Ok(Ty::Tensor(self.known(DType::I64))),
            Op::ScatterAdd => return self.join(operands[0], operands[2]),
            Op::Pad => return self.written(operands[0], operands[1]),
            Op::SetAxis | Op::SetSlice => return self.join(operands[0], operands[2]),
            Op::SetIndex => return self.written(operands[0], operands[operands.len() - 1]),
            Op::Index => {
                return Ok(match operands[0] {
                    Ty::List(element) => self.element(element),
                    Ty::Tensor(v) => Ty::Scalar(v),
                    Ty::Hole => Ty::Hole,
                    other => return Err(Clash(format!("{} has no elements", kind(other)))),
                });
            }
            Op::Zeros | Op::Ones | Op::Eye | Op::Uniform | Op::Normal => return Ok(self.made(attrs)),
            Op::SplitKey => return Ok(Ty::Tensor(self.known(DType::I64))),
            Op::Split => {
                let key = Ty::Tensor(self.known(DType::I64));
                return Ok(self.list(key));
            }
            Op::Full | Op::Arange | Op::Linspace | Op::ToTensor => return self.made_of(op, operands, attrs),
            Op::Powi => return Ok(operands[0]),
            Op::Host => {
                let mut ty = operands[0];
                for other in &operands[1..] {
                    ty = self.join(ty, *other)?;
                }
                return Ok(ty);
            }
            _ => {}
        }
        match (op.info().class, var) {
            (Class::Reduce | Class::Shape | Class::Combine, Some(v)) => Ok(Ty::Tensor(v)),
            _ => Ok(Ty::Hole),
        }
    }

    fn made(&mut self, attrs: &Attrs) -> Ty {
        Ty::Tensor(match attrs.dtype {
            Some(d) => self.known(d),
            None => self.open(Fallback::None),
        })
    }

    fn made_of(&mut self, op: Op, operands: &[Ty], attrs: &Attrs) -> Result<Ty, Clash> {
        let made = self.made(attrs);
        let values = match op {
            Op::Full => &operands[operands.len() - 1..],
            Op::Linspace => &operands[..2],
            _ => operands,
        };
        for v in values {
            match (made, *v) {
                (Ty::Tensor(x), Ty::Scalar(y) | Ty::Tensor(y)) => self.unify(x, y)?,
                // A tensor of a list's numbers.
                (Ty::Tensor(x), Ty::List(list)) => {
                    if let Ty::Scalar(y) = self.element(list) {
                        self.unify(x, y)?;
                    }
                }
                // Sizes in a list, and what linking will know, say nothing.
                _ => {}
            }
        }
        Ok(made)
    }

    /// The type of a list or tensor after an element is written.
    fn written(&mut self, into: Ty, value: Ty) -> Result<Ty, Clash> {
        match (into, value) {
            (Ty::List(element), value) => {
                let before = self.element(element);
                self.elements[element.0] = self.join(before, value)?;
            }
            (Ty::Tensor(x), Ty::Scalar(y)) => self.unify(x, y)?,
            (Ty::Hole, _) | (Ty::Tensor(_), Ty::Hole) => {}
            (into, value) => return Err(Clash(format!("{} in {}", kind(value), kind(into)))),
        }
        Ok(into)
    }

    fn elementwise(&mut self, op: Op, operands: &[Ty], attrs: &Attrs) -> Result<Ty, Clash> {
        if let (Op::Cast, [ty]) = (op, operands) {
            let var = match attrs.dtype {
                Some(d) => self.known(d),
                None => self.open(Fallback::None),
            };
            return Ok(match ty {
                Ty::Tensor(_) => Ty::Tensor(var),
                _ => Ty::Scalar(var),
            });
        }
        let skip = usize::from(op == Op::Select);
        let mut ty = operands[skip];
        if !matches!(op, Op::Shl | Op::Shr) {
            for other in &operands[skip + 1..] {
                ty = self.combine(ty, *other)?;
            }
        }
        if let (1, Ty::Scalar(v)) = (skip, ty) {
            // The mask is a tensor, and so is the result.
            ty = Ty::Tensor(v);
        }
        if op.is_test() {
            let bool_var = self.known(DType::Bool);
            ty = match ty {
                Ty::Scalar(_) => Ty::Scalar(bool_var),
                Ty::Tensor(_) => Ty::Tensor(bool_var),
                other => other,
            };
        }
        Ok(ty)
    }
}

/// What a user calls such a value.
pub fn kind(ty: Ty) -> &'static str {
    match ty {
        Ty::Scalar(_) => "a host scalar",
        Ty::Tensor(_) => "a tensor",
        Ty::List(_) => "a list",
        Ty::Opaque => "a value that is no tensor",
        Ty::Hole => "the result of a call",
    }
}

/// The types of a graph's values while they are being found.
#[derive(Clone, Default, Debug)]
pub struct Typing {
    /// Element types.
    pub vars: Vars,
    /// The type of each value.
    pub types: HashMap<ValueId, Ty>,
    /// Float literals read as f32, rounded once, for those that turn out to be: one, or those of a tensor.
    pub singles: HashMap<ValueId, Vec<f32>>,
}

impl Typing {
    /// The type of a value.
    pub fn ty(&self, value: ValueId) -> Ty {
        self.types.get(&value).copied().unwrap_or(Ty::Hole)
    }

    /// Takes over the types of some values from a typing that is given up; open ones stay open.
    pub fn adopt(&mut self, other: Typing, values: &[ValueId]) {
        for value in values.iter().filter(|v| !self.types.contains_key(v)).copied().collect::<Vec<_>>() {
            let ty = self.copied(&other, other.ty(value));
            self.types.insert(value, ty);
        }
    }

    fn copied(&mut self, other: &Typing, ty: Ty) -> Ty {
        let mut var = |v: Var| match other.vars.get(v) {
            Some(d) => self.vars.known(d),
            None => self.vars.open(match other.vars.fallback(v) {
                Some(DType::F64) => Fallback::Float,
                Some(_) => Fallback::Int,
                None => Fallback::None,
            }),
        };
        match ty {
            Ty::Scalar(v) => Ty::Scalar(var(v)),
            Ty::Tensor(v) => Ty::Tensor(var(v)),
            Ty::List(element) => {
                let element = self.copied(other, other.vars.element(element));
                self.vars.list(element)
            }
            other => other,
        }
    }

    fn settled(&self, ty: Ty, defaults: bool, unknown: &mut bool) -> Type {
        let (var, make): (Var, fn(DType) -> Type) = match ty {
            Ty::Hole => return Type::Hole,
            Ty::Opaque => return Type::Opaque,
            Ty::List(element) => {
                let mut open = false;
                let inner = self.settled(self.vars.element(element), defaults, &mut open);
                return Type::List(Box::new(inner));
            }
            Ty::Scalar(var) => (var, Type::Scalar),
            Ty::Tensor(var) => (var, Type::tensor),
        };
        match self.vars.get(var).or(self.vars.fallback(var).filter(|_| defaults)) {
            Some(dtype) => make(dtype),
            None => {
                *unknown |= matches!(ty, Ty::Tensor(_));
                Type::Hole
            }
        }
    }

    /// Writes the types into the graph: of values, of literals, of made tensors. `defaults`: literals of which nothing
    /// is known get the types that rustc gives them; else they stay open. Says whether the element types of all
    /// tensors are known.
    pub fn settle(&self, graph: &mut Graph, defaults: bool) -> bool {
        let mut unknown = false;
        for (value, ty) in &self.types {
            let settled = self.settled(*ty, defaults, &mut unknown);
            graph.values[*value].ty = settled;
        }
        let nodes: Vec<_> = graph.nodes.ids().collect();
        for id in nodes {
            let node = &graph.nodes[id];
            let Some(result) = node.results.first().copied() else { continue };
            let Some(dtype) = graph.ty(result).dtype() else { continue };
            let node = &mut graph.nodes[id];
            if let (Op::Const, Some(Const::Scalar(s))) = (node.op, &node.attrs.value) {
                let single =
                    self.singles.get(&result).and_then(|v| v.first()).filter(|_| dtype == DType::F32);
                node.attrs.value = Some(Const::Scalar(single.map_or(s.cast(dtype), |v| Scalar::F32(*v))));
            }
            if let (Op::Const, Some(Const::Tensor(t))) = (node.op, &node.attrs.value)
                && t.dtype() != dtype
            {
                let singles = self.singles.get(&result).filter(|_| dtype == DType::F32);
                let values: Vec<Scalar> = match singles {
                    Some(singles) => singles.iter().map(|v| Scalar::F32(*v)).collect(),
                    None => t.scalars().into_iter().map(|s| s.cast(dtype)).collect(),
                };
                let data = TensorData::from_scalars(dtype, t.shape.clone(), &values);
                node.attrs.value = Some(Const::Tensor(Arc::new(data)));
            }
            if types::is_made(node.op) {
                node.attrs.dtype = Some(dtype);
            }
            if matches!(node.op, Op::Cast | Op::OneHot) {
                node.attrs.dtype.get_or_insert(dtype);
            }
        }
        !unknown
    }
}
