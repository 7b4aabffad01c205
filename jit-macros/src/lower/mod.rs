//! From the function's syntax to a graph: one walk with a scope stack and renaming of variables.

mod call;
mod control;
mod expr;
mod flow;
mod literal;
mod statement;

use std::collections::HashMap;

use jit_ir::ops::Attrs;
use jit_ir::{Const, DType, Graph, Location, Op, RegionId, Scalar, Type, ValueId};
use proc_macro2::Span;
use syn::spanned::Spanned;

use crate::diag::{Code, Errors};
use crate::signature::Signature;
use crate::types::{Declared, Fallback, Settled, Ty, Vars};

/// What an expression gives.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Item {
    Value(ValueId),
    Tuple(Vec<Item>),
    /// Elements of an array or list literal.
    Array(Vec<Item>),
}

impl Item {
    pub(crate) fn unit() -> Item {
        Item::Tuple(Vec::new())
    }

    fn leaves(&self, out: &mut Vec<ValueId>) {
        match self {
            Item::Value(v) => out.push(*v),
            Item::Tuple(parts) | Item::Array(parts) => parts.iter().for_each(|p| p.leaves(out)),
        }
    }

    /// The same structure with other values.
    fn with_leaves(&self, values: &mut impl Iterator<Item = ValueId>) -> Item {
        match self {
            Item::Value(v) => Item::Value(values.next().unwrap_or(*v)),
            Item::Tuple(parts) => Item::Tuple(parts.iter().map(|p| p.with_leaves(values)).collect()),
            Item::Array(parts) => Item::Array(parts.iter().map(|p| p.with_leaves(values)).collect()),
        }
    }

    fn same_structure(&self, other: &Item) -> bool {
        match (self, other) {
            (Item::Value(_), Item::Value(_)) => true,
            (Item::Tuple(a), Item::Tuple(b)) | (Item::Array(a), Item::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same_structure(y))
            }
            _ => false,
        }
    }
}

/// Ends the lowering of an expression: control never comes back, or an error was reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// `return`, `break`, `continue` or `panic!`.
    Diverged,
    /// A message stands in the collector.
    Error,
}

pub(crate) type Lowered<T = Item> = Result<T, Stop>;

/// A variable's number.
pub(crate) type VarId = usize;

/// A loop around the current place.
struct LoopScope {
    label: Option<String>,
    /// Set by `break`.
    broken: VarId,
    /// Set by `continue`, anew in each trip.
    continued: VarId,
    /// The value of `break value`.
    value: VarId,
}

/// The state of the walk.
pub(crate) struct Lowerer<'a> {
    pub(crate) errors: Errors,
    graph: Graph,
    region: RegionId,
    vars: Vars,
    types: HashMap<ValueId, Ty>,
    /// The current value of each variable; `None` before its first assignment.
    env: Vec<Option<Item>>,
    /// Float literals read as f32, for those that turn out to be.
    singles: HashMap<ValueId, f32>,
    /// The users' names of variables.
    names: HashMap<VarId, std::sync::Arc<str>>,
    scopes: Vec<HashMap<String, VarId>>,
    loops: Vec<LoopScope>,
    /// Flags that may be set where the walk stands: code after must ask them.
    maybe: Vec<VarId>,
    returned: VarId,
    result: VarId,
    signature: &'a Signature,
    /// Names called, with the path as written.
    pub(crate) callees: Vec<(String, syn::Path)>,
}

/// What the walk gives.
pub(crate) struct Captured {
    pub(crate) text: String,
    pub(crate) callees: Vec<(String, syn::Path)>,
}

/// Lowers a function's body; the errors say why not.
pub(crate) fn lower(signature: &Signature, body: &syn::Block) -> Result<Captured, Errors> {
    let graph = Graph::new(&signature.name);
    let mut l = Lowerer {
        errors: Errors::default(),
        region: graph.body,
        graph,
        vars: Vars::default(),
        types: HashMap::new(),
        env: vec![None, None],
        names: HashMap::new(),
        singles: HashMap::new(),
        scopes: vec![HashMap::new()],
        loops: Vec::new(),
        maybe: Vec::new(),
        returned: 0,
        result: 1,
        signature,
        callees: Vec::new(),
    };
    l.parameters();
    l.set_flag(l.returned, false);
    let placeholder = l.undefined(&signature.result);
    l.env[l.result] = Some(placeholder);
    let failed = l.block(&returning(body, &signature.result)) == Err(Stop::Error);
    l.finish(body, failed)
}

/// The body with its value as a `return`: then every result is set where control ends.
fn returning(body: &syn::Block, result: &Declared) -> syn::Block {
    let mut body = body.clone();
    if *result == Declared::Tuple(vec![]) {
        return body;
    }
    if let Some(syn::Stmt::Expr(expr, None)) = body.stmts.last() {
        let expr = expr.clone();
        let at = expr.span();
        let value = syn::ExprReturn {
            attrs: vec![],
            return_token: syn::Token![return](at),
            expr: Some(Box::new(expr)),
        };
        body.stmts.pop();
        body.stmts.push(syn::Stmt::Expr(syn::Expr::Return(value), None));
    }
    body
}

impl Lowerer<'_> {
    fn parameters(&mut self) {
        let body = self.graph.body;
        for (pattern, declared) in self.signature.params.clone() {
            let mut name = |_: &Declared| match &pattern {
                syn::Pat::Ident(p) => Some(p.ident.to_string()),
                _ => None,
            };
            let item = self.parameter(body, &declared, &mut name);
            let _ = self.bind(&pattern, item);
        }
    }

    fn parameter(
        &mut self,
        body: RegionId,
        declared: &Declared,
        name: &mut impl FnMut(&Declared) -> Option<String>,
    ) -> Item {
        match declared {
            Declared::Tuple(parts) => {
                Item::Tuple(parts.iter().map(|p| self.parameter(body, p, name)).collect())
            }
            leaf => {
                let hint = name(leaf);
                let value = self.graph.arg(body, Type::Hole, hint.as_deref());
                let ty = self.declared_ty(leaf);
                self.types.insert(value, ty);
                Item::Value(value)
            }
        }
    }

    fn declared_ty(&mut self, declared: &Declared) -> Ty {
        match declared {
            Declared::Scalar(d) => Ty::Scalar(self.vars.known(*d)),
            Declared::Tensor(d) => Ty::Tensor(self.vars.known(*d)),
            _ => Ty::Hole,
        }
    }

    /// Values that are never read, in the structure of a declared type.
    fn undefined(&mut self, declared: &Declared) -> Item {
        match declared {
            Declared::Tuple(parts) => Item::Tuple(parts.iter().map(|p| self.undefined(p)).collect()),
            leaf => {
                let ty = self.declared_ty(leaf);
                Item::Value(self.undef(ty))
            }
        }
    }

    fn undef(&mut self, ty: Ty) -> ValueId {
        self.node(Op::Undef, vec![], Attrs::default(), ty, None)
    }

    /// Appends a node with one result.
    fn node(&mut self, op: Op, operands: Vec<ValueId>, attrs: Attrs, ty: Ty, at: Option<Span>) -> ValueId {
        let location = at.map(location);
        let node = self.graph.push(self.region, op, operands, attrs, vec![Type::Hole], location);
        let value = self.graph.nodes[node].results[0];
        self.types.insert(value, ty);
        value
    }

    fn constant(&mut self, value: Scalar, ty: Ty) -> ValueId {
        let attrs = Attrs { value: Some(Const::Scalar(value)), ..Attrs::default() };
        self.node(Op::Const, vec![], attrs, ty, None)
    }

    /// A host scalar constant of a known type.
    fn known(&mut self, value: Scalar) -> ValueId {
        let ty = Ty::Scalar(self.vars.known(value.dtype()));
        self.constant(value, ty)
    }

    fn ty(&self, value: ValueId) -> Ty {
        self.types.get(&value).copied().unwrap_or(Ty::Hole)
    }

    fn set_flag(&mut self, flag: VarId, value: bool) {
        let value = self.known(Scalar::Bool(value));
        self.env[flag] = Some(Item::Value(value));
    }

    /// A new variable in the innermost scope.
    fn declare(&mut self, name: &str, item: Option<Item>) -> VarId {
        if let Some(Item::Value(v)) = &item {
            self.graph.values[*v].name.get_or_insert_with(|| name.into());
        }
        self.env.push(item);
        let id = self.env.len() - 1;
        self.names.insert(id, name.into());
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_string(), id);
        }
        id
    }

    /// A variable without a name.
    fn hidden(&mut self) -> VarId {
        self.env.push(None);
        self.names.remove(&(self.env.len() - 1));
        self.env.len() - 1
    }

    fn find(&self, name: &str) -> Option<VarId> {
        self.scopes.iter().rev().find_map(|s| s.get(name)).copied()
    }

    /// Reports an error and stops the expression.
    fn error<T>(
        &mut self,
        at: &impl quote::ToTokens,
        code: Code,
        message: impl AsRef<str>,
        help: impl AsRef<str>,
    ) -> Lowered<T> {
        self.errors.push(at, code, message, help);
        Err(Stop::Error)
    }

    /// Settles the types and writes the text.
    fn finish(mut self, body: &syn::Block, failed: bool) -> Result<Captured, Errors> {
        let results = match &self.env[self.result] {
            Some(item) => {
                let mut leaves = Vec::new();
                item.leaves(&mut leaves);
                leaves
            }
            None => Vec::new(),
        };
        let body_region = self.graph.body;
        self.graph.regions[body_region].results = results;
        self.signature.result.leaves(&mut self.graph.result_types);
        self.settle(body);
        if failed || self.errors.any() {
            return Err(self.errors);
        }
        // Shapes as far as the source tells; what does not fit is left to rustc, or to the first call.
        let mut typed = self.graph.clone();
        if jit_ir::infer::infer(&mut typed).is_ok() {
            self.graph = typed;
        }
        jit_ir::passes::dce(&mut self.graph);
        if let Err(message) = jit_ir::verify::verify(&self.graph) {
            self.errors.push_span(
                self.signature.span,
                Code::Internal,
                format!("this function could not be captured: {message}"),
                "mend the type errors that rustc reports; if there are none, run it without the attribute",
            );
            return Err(self.errors);
        }
        Ok(Captured { text: self.graph.to_text_with_locations(), callees: self.callees })
    }

    fn settle(&mut self, body: &syn::Block) {
        let mut unknown = false;
        for (value, ty) in &self.types {
            let settled = |var| self.vars.settle(var);
            self.graph.values[*value].ty = match *ty {
                Ty::Hole => Type::Hole,
                Ty::Scalar(v) | Ty::Tensor(v) if settled(v) == Settled::Linked => Type::Hole,
                Ty::Scalar(v) => match settled(v) {
                    Settled::Known(d) => Type::Scalar(d),
                    _ => Type::Hole,
                },
                Ty::Tensor(v) => match settled(v) {
                    Settled::Known(d) => Type::tensor(d),
                    _ => {
                        unknown = true;
                        Type::Hole
                    }
                },
            };
        }
        if unknown {
            self.errors.push(
                body,
                Code::OpenType,
                "the element type of a tensor made here is not known to the script",
                "write it: `Tensor::<f32>::zeros(..)`",
            );
        }
        let nodes: Vec<_> = self.graph.nodes.ids().collect();
        for id in nodes {
            let node = &self.graph.nodes[id];
            let Some(result) = node.results.first() else { continue };
            let dtype = self.graph.ty(*result).dtype();
            let node = &mut self.graph.nodes[id];
            if let (Op::Const, Some(Const::Scalar(s)), Some(d)) = (node.op, &node.attrs.value, dtype) {
                let single = self.singles.get(&node.results[0]).filter(|_| d == DType::F32);
                node.attrs.value = Some(Const::Scalar(single.map_or(s.cast(d), |v| Scalar::F32(*v))));
            }
            if node.op == Op::Cast {
                node.attrs.dtype = node.attrs.dtype.or(dtype);
            }
            if matches!(
                node.op,
                Op::Zeros | Op::Ones | Op::Eye | Op::Arange | Op::Linspace | Op::ToTensor | Op::Full
            ) {
                node.attrs.dtype = dtype;
            }
        }
    }

    /// The fallback of a literal.
    fn literal_ty(&mut self, fallback: Fallback) -> Ty {
        Ty::Scalar(self.vars.open(fallback))
    }
}

/// The place in the source.
fn location(span: Span) -> Location {
    let start = span.start();
    Location { file: span.file().into(), line: start.line as u32, column: start.column as u32 + 1 }
}
