//! Types and sizes of every value, from those of the parameters.
//!
//! Inference never fails for a shape: a value whose op cannot fit gets an unknown shape, and the
//! error is raised only if a run reaches the op. Element types and kinds are checked.

use std::collections::HashMap;
use std::fmt;

use crate::data::{Const, Scalar};
use crate::graph::{Graph, Location, Node};
use crate::ids::{NodeId, RegionId, ValueId};
use crate::ops::{Op, types};
use crate::types::{DType, Dim, Type};

/// A type that does not fit.
#[derive(Clone, PartialEq, Debug)]
pub struct Misfit {
    /// The op.
    pub op: Op,
    /// What does not fit.
    pub message: String,
    /// Where in the user's source.
    pub location: Option<Location>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.op.shown(), self.message)
    }
}

/// Types every value from the types of the parameters, which the caller has set.
///
/// # Errors
/// The first element type or kind that does not fit.
pub fn infer(graph: &mut Graph) -> Result<(), Misfit> {
    let linked = is_linked(graph);
    let mut state = Infer { graph, linked, known: HashMap::new(), literals: HashMap::new() };
    let body = state.graph.body;
    state.region(body)?;
    for (i, value) in graph.regions[body].results.clone().into_iter().enumerate() {
        // A declared type stays where nothing more is known.
        if let Some(ty) = graph.result_types.get(i).and_then(|d| d.join(&Type::Hole))
            && ty.join(graph.ty(value)).is_some()
            && *graph.ty(value) != Type::Hole
        {
            graph.result_types[i] = graph.ty(value).clone();
        }
    }
    Ok(())
}

/// Whether nothing is left to linking, which knows more than the graph says.
pub(crate) fn is_linked(graph: &Graph) -> bool {
    let left = |node: &Node| match node.op {
        Op::Named | Op::Record | Op::Field | Op::Method | Op::Alike | Op::Tuple => true,
        Op::Call => node.results.iter().chain(&node.operands).any(|v| *graph.ty(*v) == Type::Hole),
        _ => false,
    };
    graph.nodes.ids().all(|id| !left(&graph.nodes[id]))
        && graph.params().iter().all(|v| *graph.ty(*v) != Type::Hole)
}

struct Infer<'a> {
    graph: &'a mut Graph,
    linked: bool,
    /// Constant host scalars, as integers.
    known: HashMap<ValueId, i64>,
    /// Literals whose type is still open.
    literals: HashMap<ValueId, NodeId>,
}

impl Infer<'_> {
    fn region(&mut self, region: RegionId) -> Result<(), Misfit> {
        for id in self.graph.regions[region].nodes.clone() {
            self.node(id).map_err(|message| {
                let node = &self.graph.nodes[id];
                Misfit { op: node.op, message, location: node.location.clone() }
            })??;
        }
        Ok(())
    }

    /// The outer error belongs to this node, the inner one to a node inside.
    fn node(&mut self, id: NodeId) -> Result<Result<(), Misfit>, String> {
        let node = self.graph.nodes[id].clone();
        match node.op {
            Op::Const => self.constant(id, &node),
            Op::If => return self.branch(&node),
            Op::Loop => return self.repeat(&node),
            Op::Fused => {
                if let Err(e) = self.region(node.regions[0]) {
                    return Ok(Err(e));
                }
                let results = self.graph.regions[node.regions[0]].results.clone();
                for (r, v) in node.results.iter().zip(results) {
                    self.set(*r, self.graph.ty(v).clone());
                }
            }
            Op::Guard | Op::Path | Op::Assert | Op::Alike | Op::Call | Op::Undef => {}
            // Linking types these.
            Op::Named | Op::Tuple | Op::Record | Op::Field | Op::Some | Op::None | Op::Method => {}
            _ => {
                self.literals(&node)?;
                let operands: Vec<Type> = node.operands.iter().map(|v| self.graph.ty(*v).clone()).collect();
                let values: Vec<Option<i64>> =
                    node.operands.iter().map(|v| self.known.get(v).copied()).collect();
                let ty = types::result(node.op, &operands, &values, &node.attrs)?;
                if node.op == Op::Dim {
                    self.known_dim(&node);
                }
                // The elements of an empty list may be known from later uses.
                let ty = if ty.element().is_some() { ty.filled(self.graph.ty(node.results[0])) } else { ty };
                if ty != Type::Hole {
                    self.set(node.results[0], ty);
                }
            }
        }
        Ok(Ok(()))
    }

    fn set(&mut self, value: ValueId, ty: Type) {
        self.graph.values[value].ty = ty;
    }

    fn constant(&mut self, id: NodeId, node: &Node) {
        let result = node.results[0];
        if let Some(Const::Scalar(s)) = &node.attrs.value {
            if s.dtype().is_int() {
                self.known.insert(result, s.as_i64());
            }
            if *self.graph.ty(result) == Type::Hole {
                self.literals.insert(result, id);
            }
        }
    }

    fn known_dim(&mut self, node: &Node) {
        if let Type::Tensor(_, Some(dims)) = self.graph.ty(node.operands[0])
            && let Some(axis) = node.attrs.axes.as_ref().and_then(|a| a.first())
            && let Ok(axis) = crate::ops::shape::axis(*axis, dims.len())
            && let Dim::Known(n) = dims[axis]
        {
            self.known.insert(node.results[0], n as i64);
        }
    }

    /// An open literal takes the element type of the op's other operands.
    fn literals(&mut self, node: &Node) -> Result<(), String> {
        for (i, value) in node.operands.iter().enumerate() {
            if let Some(dtype) = types::operand(node.op, i, node.operands.len()) {
                self.settle(*value, dtype)?;
            }
        }
        let shift = matches!(node.op, Op::Shl | Op::Shr);
        if shift || !(node.op.is_elementwise() || node.op == Op::Host) {
            return Ok(());
        }
        let skip = usize::from(node.op == Op::Select);
        let others = node.operands.iter().skip(skip).filter(|v| !self.literals.contains_key(v));
        let known = others.clone().filter_map(|v| self.graph.ty(*v).dtype()).next();
        if known.is_none() && (others.clone().next().is_some() || !self.linked) {
            // The result of a call that is not linked yet will tell.
            return Ok(());
        }
        for value in node.operands.iter().skip(skip) {
            let Some(literal) = self.literals.get(value).copied() else { continue };
            let Some(Const::Scalar(s)) = self.graph.nodes[literal].attrs.value else { continue };
            let fallback = if s.dtype().is_float() { DType::F64 } else { DType::I32 };
            self.settle(*value, known.unwrap_or(fallback))?;
        }
        Ok(())
    }

    /// Gives a literal whose type is open an element type.
    fn settle(&mut self, value: ValueId, dtype: DType) -> Result<(), String> {
        let Some(literal) = self.literals.get(&value).copied() else { return Ok(()) };
        let Some(Const::Scalar(s)) = self.graph.nodes[literal].attrs.value else { return Ok(()) };
        if s.dtype().is_float() && !dtype.is_float() {
            return Err(format!("the literal {s} is used as a {dtype}"));
        }
        self.graph.nodes[literal].attrs.value = Some(Const::Scalar(s.cast(dtype)));
        self.set(value, Type::Scalar(dtype));
        self.literals.remove(&value);
        Ok(())
    }

    fn branch(&mut self, node: &Node) -> Result<Result<(), Misfit>, String> {
        for region in &node.regions {
            if let Err(e) = self.region(*region) {
                return Ok(Err(e));
            }
        }
        let [then, other] = [node.regions[0], node.regions[1]].map(|r| self.graph.regions[r].results.clone());
        for (i, result) in node.results.iter().enumerate() {
            let (a, b) = (self.graph.ty(then[i]), self.graph.ty(other[i]));
            let ty = a.join(b).ok_or_else(|| format!("the branches give a {a} and a {b}"))?;
            self.set(*result, ty);
        }
        Ok(Ok(()))
    }

    fn repeat(&mut self, node: &Node) -> Result<Result<(), Misfit>, String> {
        let counted = usize::from(node.attrs.keep);
        let [condition, body] = [node.regions[0], node.regions[1]];
        let mut carried: Vec<Type> =
            node.operands[counted..].iter().map(|v| self.graph.ty(*v).clone()).collect();
        loop {
            let arg_sets = [
                self.graph.regions[condition].args.clone(),
                self.graph.regions[body].args[counted..].to_vec(),
            ];
            for args in arg_sets {
                for (arg, ty) in args.into_iter().zip(&carried) {
                    self.set(arg, ty.clone());
                }
            }
            for region in [condition, body] {
                if let Err(e) = self.region(region) {
                    return Ok(Err(e));
                }
            }
            let results = self.graph.regions[body].results.clone();
            let mut next = Vec::new();
            for (ty, result) in carried.iter().zip(&results) {
                let other = self.graph.ty(*result);
                next.push(ty.join(other).ok_or_else(|| format!("a {ty} becomes a {other} in the loop"))?);
            }
            if next == carried {
                break;
            }
            carried = next;
        }
        for (result, ty) in node.results.iter().zip(carried) {
            self.set(*result, ty);
        }
        Ok(Ok(()))
    }
}

/// The known value of each host-scalar constant.
pub fn constants(graph: &Graph) -> HashMap<ValueId, Scalar> {
    let mut known = HashMap::new();
    for id in graph.nodes.ids() {
        let node = &graph.nodes[id];
        if let (Op::Const, Some(Const::Scalar(s))) = (node.op, &node.attrs.value) {
            known.insert(node.results[0], *s);
        }
    }
    known
}
