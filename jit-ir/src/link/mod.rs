//! `link`: a captured graph becomes one that runs.
//!
//! A captured graph has one value for each parameter of the function and one for its result. They
//! may be structs, tuples, options or lists of them, whose fields the source of the function does
//! not tell. Linking copies the graph forward with the structure of the arguments at hand: every
//! structured value becomes its leaves, calls of scripts become their bodies, named constants
//! their values, and element types that depended on any of these are settled.

mod agree;
mod calls;
mod control;
mod method;
mod structure;

use std::collections::HashMap;
use std::fmt;

use crate::data::{Const, Scalar};
use crate::graph::{Graph, Location, Node};
use crate::ids::{RegionId, ValueId};
use crate::ops::{Attrs, Op, composite, powi};
use crate::tree::Tree;
use crate::types::{DType, Type};
use crate::unify::{Clash, Fallback, Ty, Typing};
use calls::Choices;
pub use method::METHOD;

/// What a script knows by name.
pub trait Library {
    /// What stands behind a call.
    fn callee(&self, name: &str) -> Option<Callee<'_>>;
    /// The value of a constant of the user's.
    fn constant(&self, name: &str) -> Option<Tree<Const>>;
    /// The structure of a type that rustc knows.
    fn structure(&self, name: &str) -> Option<Tree<Type>> {
        let _ = name;
        None
    }
}

/// A library without names.
pub struct Empty;

impl Library for Empty {
    fn callee(&self, _: &str) -> Option<Callee<'_>> {
        None
    }
    fn constant(&self, _: &str) -> Option<Tree<Const>> {
        None
    }
}

/// What stands behind a call.
pub enum Callee<'a> {
    /// A function whose body replaces the call: one graph, or one for each element type.
    Function(Vec<&'a Graph>, &'a dyn Library),
    /// A call that stays.
    Step {
        /// Its name.
        name: String,
        /// The structures of its arguments; empty if they are not known.
        params: Vec<Tree<Type>>,
        /// The structure of its result.
        result: Tree<Type>,
    },
}

/// Why a graph cannot be linked.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkError {
    /// What does not fit.
    pub message: String,
    /// Where in the user's source.
    pub location: Option<Location>,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

type Linked<T> = Result<T, LinkError>;

/// Links a graph for arguments of the given structures; `result` is that of the function's result.
///
/// # Errors
/// Values whose structures or types do not fit, a method that a value does not have, recursion.
pub fn link(
    graph: &Graph,
    params: &[Tree<Type>],
    result: Option<&Tree<Type>>,
    library: &dyn Library,
) -> Linked<Graph> {
    let mut choices = Choices::default();
    let mut failed = None;
    for _ in 0..MAX_ATTEMPTS {
        let mut linker = Linker {
            graph: Graph::new(graph.name.as_str()),
            typing: Typing::default(),
            path: Vec::new(),
            at: None,
            tentative: false,
            choices: std::mem::take(&mut choices),
        };
        match linker.whole(graph, params, result, library) {
            Ok(()) => return Ok(linker.graph),
            Err(error) => failed = failed.or(Some(error)),
        }
        choices = linker.choices;
        if !choices.advance() {
            break;
        }
    }
    Err(failed.unwrap_or_else(|| unreachable!("an attempt was made")))
}

/// Which of a generic script's graphs calls with literals take, before it is known what these are.
const MAX_ATTEMPTS: usize = 64;

/// A function that is being copied.
struct Frame<'a> {
    source: &'a Graph,
    library: &'a dyn Library,
    env: HashMap<ValueId, Tree<ValueId>>,
}

struct Linker {
    /// The graph that is made.
    graph: Graph,
    typing: Typing,
    /// The functions around the current place.
    path: Vec<(*const Graph, String)>,
    /// The current place in the source.
    at: Option<Location>,
    /// Whether the current walk is repeated with structures that it finds out.
    tentative: bool,
    choices: Choices,
}

impl Linker {
    fn whole(
        &mut self,
        graph: &Graph,
        params: &[Tree<Type>],
        result: Option<&Tree<Type>>,
        library: &dyn Library,
    ) -> Linked<()> {
        if params.len() != graph.params().len() {
            let (wanted, got) = (graph.params().len(), params.len());
            return Err(self.error(format!("`{}` takes {wanted} arguments, got {got}", graph.name)));
        }
        let body = self.graph.body;
        let mut args = Vec::new();
        for (param, tree) in graph.params().iter().zip(params) {
            let name = graph.values[*param].name.clone();
            args.push(self.parameter(body, tree, name.as_deref().unwrap_or("arg")));
        }
        let mut value = self.function(graph, library, args, body)?;
        if let Some(expected) = result {
            value = self.conform(value, expected, body)?;
        }
        self.graph.regions[body].results = value.leaves();
        if !self.typing.settle(&mut self.graph, true) {
            return Err(self.error("the element type of a tensor made here is not known".into()));
        }
        let types = self.graph.regions[body].results.iter().map(|v| self.graph.ty(*v).clone()).collect();
        self.graph.result_types = types;
        Ok(())
    }

    fn error(&self, message: String) -> LinkError {
        LinkError { message, location: self.at.clone() }
    }

    fn fits<T>(&self, outcome: Result<T, Clash>, op: Op) -> Linked<T> {
        outcome.map_err(|Clash(what)| self.error(format!("{}: types differ: {what}", op.shown())))
    }

    fn parameter(&mut self, region: RegionId, tree: &Tree<Type>, name: &str) -> Tree<ValueId> {
        match tree {
            Tree::Tuple(parts) => {
                let part = |(i, p): (usize, &Tree<Type>)| self.parameter(region, p, &format!("{name}_{i}"));
                Tree::Tuple(parts.iter().enumerate().map(part).collect())
            }
            Tree::Record(fields) => {
                let field = |(field, f): &(String, Tree<Type>)| {
                    (field.clone(), self.parameter(region, f, &format!("{name}_{field}")))
                };
                Tree::Record(fields.iter().map(field).collect())
            }
            Tree::List(element) => Tree::List(Box::new(self.parameter(region, element, name))),
            Tree::Option(flag, inner) => {
                let flag = self.argument(region, flag, &format!("{name}_is_some"));
                Tree::Option(flag, Box::new(self.parameter(region, inner, name)))
            }
            Tree::Leaf(ty) => Tree::Leaf(self.argument(region, ty, name)),
            Tree::Unset => Tree::Unset,
        }
    }

    fn argument(&mut self, region: RegionId, ty: &Type, name: &str) -> ValueId {
        let value = self.graph.arg(region, ty.clone(), Some(name));
        let ty = self.typing.vars.ty(ty);
        self.typing.types.insert(value, ty);
        value
    }

    /// Appends a node with one result of a type.
    fn node(&mut self, region: RegionId, op: Op, operands: Vec<ValueId>, attrs: Attrs, ty: Ty) -> ValueId {
        let node = self.graph.push(region, op, operands, attrs, vec![Type::Hole], self.at.clone());
        let value = self.graph.nodes[node].results[0];
        self.typing.types.insert(value, ty);
        value
    }

    /// Appends a node with one result, typed by the op's rule.
    fn op(&mut self, region: RegionId, op: Op, operands: Vec<ValueId>, attrs: Attrs) -> Linked<ValueId> {
        let types: Vec<Ty> = operands.iter().map(|v| self.typing.ty(*v)).collect();
        let ty = self.typing.vars.result(op, &types, &attrs);
        let ty = self.fits(ty, op)?;
        Ok(self.node(region, op, operands, attrs, ty))
    }

    fn scalar(&mut self, region: RegionId, value: Scalar) -> ValueId {
        let ty = self.typing.vars.scalar(value.dtype());
        let attrs = Attrs { value: Some(Const::Scalar(value)), ..Attrs::default() };
        self.node(region, Op::Const, vec![], attrs, ty)
    }

    /// Copies a function's body into a region; gives its result.
    fn function(
        &mut self,
        source: &Graph,
        library: &dyn Library,
        args: Vec<Tree<ValueId>>,
        into: RegionId,
    ) -> Linked<Tree<ValueId>> {
        let same: *const Graph = source;
        let again = self.path.iter().any(|(graph, _)| *graph == same);
        self.path.push((same, source.name.clone()));
        if again {
            let names: Vec<&str> = self.path.iter().map(|(_, name)| name.as_str()).collect();
            return Err(self.error(format!("scripts cannot call themselves: {}", names.join(" calls "))));
        }
        let mut frame = Frame { source, library, env: HashMap::new() };
        for (param, arg) in source.params().iter().zip(args) {
            let declared = source.ty(*param).clone();
            let arg = self.declared(arg, &declared, into)?;
            frame.env.insert(*param, arg);
        }
        let mut results = self.region(&mut frame, source.body, into)?;
        self.path.pop();
        match results.pop() {
            Some(value) => self.declared(value, &source.result_types[0], into),
            None => Ok(Tree::unit()),
        }
    }

    /// Gives a value the type that its function declares: settles literals, completes `None`.
    fn declared(&mut self, value: Tree<ValueId>, ty: &Type, region: RegionId) -> Linked<Tree<ValueId>> {
        if Tree::of(ty).is_known() {
            return self.conform(value, &Tree::of(ty), region);
        }
        self.annotate(&value, ty, 0, Op::Call)?;
        Ok(value)
    }

    /// Copies the nodes of a region; gives its results.
    fn region(
        &mut self,
        frame: &mut Frame<'_>,
        from: RegionId,
        into: RegionId,
    ) -> Linked<Vec<Tree<ValueId>>> {
        let source = frame.source;
        for id in &source.regions[from].nodes {
            let node = &source.nodes[*id];
            if node.location.is_some() {
                self.at = node.location.clone();
            }
            match node.op {
                Op::If => self.branch(frame, node, into)?,
                Op::Loop => self.repeat(frame, node, into)?,
                // Of an optimised graph: its ops become a group anew.
                Op::Fused => {
                    let results = self.region(frame, node.regions[0], into)?;
                    frame.env.extend(node.results.iter().copied().zip(results));
                }
                Op::Alike => self.alike(frame, node)?,
                Op::Guard | Op::Path | Op::Assert => {
                    let operands = self.leaves(frame, node, into)?;
                    self.graph.push(
                        into,
                        node.op,
                        operands,
                        node.attrs.clone(),
                        vec![],
                        node.location.clone(),
                    );
                }
                _ => {
                    let value = self.value(frame, node, into)?;
                    self.annotate(&value, source.ty(node.results[0]), 0, node.op)?;
                    if let Tree::Leaf(v) = value {
                        let name = &source.values[node.results[0]].name;
                        let slot = &mut self.graph.values[v].name;
                        *slot = slot.take().or(name.clone());
                    }
                    frame.env.insert(node.results[0], value);
                }
            }
        }
        let results = source.regions[from].results.iter();
        Ok(results.map(|v| frame.env.get(v).cloned().unwrap_or(Tree::Unset)).collect())
    }

    fn operand(&self, frame: &Frame<'_>, node: &Node, i: usize) -> Tree<ValueId> {
        node.operands.get(i).and_then(|v| frame.env.get(v)).cloned().unwrap_or(Tree::Unset)
    }

    /// A value that must be a single one.
    fn leaf(&mut self, tree: &Tree<ValueId>, op: Op, region: RegionId) -> Linked<ValueId> {
        match tree {
            Tree::Leaf(v) => Ok(*v),
            Tree::List(inner) => match &**inner {
                Tree::Leaf(_) | Tree::List(_) => self.leaf(inner, op, region),
                Tree::Unset => {
                    let ty = self.typing.vars.list(Ty::Hole);
                    Ok(self.node(region, Op::List, vec![], Attrs::default(), ty))
                }
                _ => Err(self.error(format!("{}: takes no list of structs or tuples", op.shown()))),
            },
            Tree::Unset => Ok(self.node(region, Op::Undef, vec![], Attrs::default(), Ty::Hole)),
            // An array is a list where lists are taken.
            Tree::Tuple(parts) if op.joins() || op.takes_sizes() => {
                let list = self.list(parts.clone(), &Type::Hole, region)?;
                self.leaf(&list, op, region)
            }
            other => Err(self.error(format!("{}: takes no {}", op.shown(), other.kind()))),
        }
    }

    fn leaves(&mut self, frame: &Frame<'_>, node: &Node, region: RegionId) -> Linked<Vec<ValueId>> {
        (0..node.operands.len()).map(|i| self.leaf(&self.operand(frame, node, i), node.op, region)).collect()
    }

    /// The result of a node with one result.
    fn value(&mut self, frame: &mut Frame<'_>, node: &Node, into: RegionId) -> Linked<Tree<ValueId>> {
        let result_ty = frame.source.ty(node.results[0]).clone();
        match node.op {
            Op::Const => return Ok(Tree::Leaf(self.constant(node, &result_ty, into))),
            Op::Undef if !result_ty.is_linked() => return Ok(Tree::Unset),
            Op::Undef => return Ok(self.unset(&Tree::of(&result_ty), into)),
            Op::Call => return self.call(frame, node, into),
            Op::Method => return self.method(frame, node, into),
            _ => {}
        }
        if let Some(value) = self.of_struct(frame, node, into)? {
            return Ok(value);
        }
        if let Some(value) = self.structural(frame, node, &result_ty, into)? {
            return Ok(value);
        }
        let operands = self.leaves(frame, node, into)?;
        let operands = self.converted(node.op, operands, into);
        let mut attrs = node.attrs.clone();
        attrs.text = attrs.text.as_deref().and_then(method::own_text).or(attrs.text.filter(String::is_empty));
        let value = self.op(into, node.op, operands, attrs)?;
        let mut tree = Tree::Leaf(value);
        let mut ty = self.typing.ty(value);
        while let Ty::List(element) = ty {
            tree = Tree::List(Box::new(tree));
            ty = self.typing.vars.element(element);
        }
        Ok(tree)
    }

    fn constant(&mut self, node: &Node, ty: &Type, into: RegionId) -> ValueId {
        let mut open = |dtype: DType| {
            self.typing.vars.open(if dtype.is_float() { Fallback::Float } else { Fallback::Int })
        };
        let ty = match (&node.attrs.value, ty) {
            (Some(Const::Scalar(s)), Type::Hole) if s.dtype() != DType::Bool => Ty::Scalar(open(s.dtype())),
            (Some(Const::Tensor(t)), Type::Hole) if t.dtype() != DType::Bool => Ty::Tensor(open(t.dtype())),
            (Some(value), _) => self.typing.vars.ty(&value.ty()),
            (None, _) => Ty::Hole,
        };
        let mut attrs = node.attrs.clone();
        let digits = attrs.text.take();
        let value = self.node(into, Op::Const, vec![], attrs, ty);
        let singles = digits.map(|d| d.split(", ").map(|d| d.parse().ok()).collect::<Option<Vec<f32>>>());
        if let Some(Some(singles)) = singles {
            self.typing.singles.insert(value, singles);
        }
        value
    }

    /// What depends on the kind of the first operand.
    fn method(&mut self, frame: &mut Frame<'_>, node: &Node, into: RegionId) -> Linked<Tree<ValueId>> {
        let name = node.attrs.text.as_deref().and_then(method::own_text).unwrap_or_default();
        let name = name.as_str();
        let receiver = self.operand(frame, node, 0);
        match (name, receiver.clone()) {
            ("is_some", Tree::Option(flag, _)) => Ok(Tree::Leaf(flag)),
            ("unwrap", Tree::Option(_, inner)) => Ok(*inner),
            ("is_some", Tree::Record(_)) => {
                let value = self.of_struct(frame, node, into)?;
                value.ok_or_else(|| self.error("a struct is no option".into()))
            }
            ("is_some" | "unwrap", other) => Err(self.error(format!("a {} is no option", other.kind()))),
            ("like", _) => {
                let operands = self.leaves(frame, node, into)?;
                Ok(Tree::Leaf(self.cast_like(operands[0], operands[1], into)))
            }
            (name, receiver) if composite::find(name).is_some() => {
                self.composite(frame, node, name, &receiver, into)
            }
            ("powi", Tree::Record(_)) => {
                let value = self.of_struct(frame, node, into)?;
                value.ok_or_else(|| self.error("a struct has no powers".into()))
            }
            ("powi", _) => {
                let operands = self.leaves(frame, node, into)?;
                self.power(operands, node.attrs.fast, into).map(Tree::Leaf)
            }
            ("eq" | "ne", Tree::Record(_) | Tree::Tuple(_) | Tree::List(_)) => {
                let other = self.operand(frame, node, 1);
                let equal = self.all_equal(&receiver, &other, node, into)?;
                if name == "eq" {
                    return Ok(Tree::Leaf(equal));
                }
                self.op(into, Op::Not, vec![equal], Attrs::default()).map(Tree::Leaf)
            }
            (sign, _) => {
                let operands = self.leaves(frame, node, into)?;
                let Some(op) = Op::from_name(sign).filter(|op| op.is_compare()) else {
                    return Err(self.error(format!("`{sign}` is not known for this value")));
                };
                self.compare(op, operands, node, into).map(Tree::Leaf)
            }
        }
    }

    fn power(&mut self, operands: Vec<ValueId>, fast: bool, into: RegionId) -> Linked<ValueId> {
        let (x, n) = (operands[0], operands[1]);
        let ty = self.typing.ty(x);
        let i32_ty = self.typing.vars.scalar(DType::I32);
        let joined = self.typing.vars.join(self.typing.ty(n), i32_ty);
        self.fits(joined, Op::Powi)?;
        if !matches!(ty, Ty::Tensor(_)) {
            return self.op(into, Op::Powi, operands, Attrs::default());
        }
        let Some(n) = self.graph.constant_of(n) else {
            return Err(self.error("powi: the exponent of a tensor is an integer literal".into()));
        };
        let cell = std::cell::RefCell::new(self);
        let attrs = Attrs { fast, ..Attrs::default() };
        let op = |op, operands| cell.borrow_mut().node(into, op, operands, attrs.clone(), ty);
        Ok(powi(
            x,
            n.as_i64() as i32,
            |a, b| op(Op::Mul, vec![a, b]),
            |x| op(Op::OnesLike, vec![x]),
            |p| op(Op::Recip, vec![p]),
        ))
    }

    /// A comparison by an operator: one bool.
    fn compare(&mut self, op: Op, operands: Vec<ValueId>, node: &Node, into: RegionId) -> Linked<ValueId> {
        let tensor = |l: &Self, v: ValueId| matches!(l.typing.ty(v), Ty::Tensor(_));
        let whole = |l: &Self, v: ValueId| matches!(l.typing.ty(v), Ty::Tensor(_) | Ty::List(_));
        if matches!(op, Op::Eq | Op::Ne) && operands.iter().all(|v| whole(self, *v)) {
            let equal = self.op(into, Op::Equal, operands, Attrs::default())?;
            return if op == Op::Eq {
                Ok(equal)
            } else {
                self.op(into, Op::Not, vec![equal], Attrs::default())
            };
        }
        let mut scalars = Vec::new();
        for v in operands {
            let sign = crate::ops::host::sign(op).to_string();
            let attrs = Attrs { text: Some(sign), ..node.attrs.clone() };
            scalars.push(if tensor(self, v) { self.op(into, Op::Item, vec![v], attrs)? } else { v });
        }
        let ty = self.op(into, op, scalars, Attrs::default())?;
        let bool_ty = self.typing.vars.scalar(DType::Bool);
        self.typing.types.insert(ty, bool_ty);
        Ok(ty)
    }
}
