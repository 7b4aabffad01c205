//! From the function's syntax to a graph: one walk with a scope stack and renaming of variables.

mod call;
mod check;
mod control;
mod expr;
mod finish;
mod flow;
mod list;
mod literal;
mod make;
mod pattern;
mod place;
mod range;
mod shape;
mod statement;
mod unknown;

pub(crate) use place::handle_method;

use std::collections::HashMap;

use jit_ir::ops::Attrs;
use jit_ir::unify::{Clash, Fallback, Ty, Typing};
use jit_ir::{Const, DType, Dim, Graph, Location, NodeId, Op, RegionId, Scalar, Type, ValueId};
use proc_macro2::{Ident, Span, TokenStream};
use syn::spanned::Spanned;

use crate::diag::{Code, Errors, Reason};
use crate::signature::Signature;
use crate::types::Declared;

/// What an expression gives.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Item {
    Value(ValueId),
    Tuple(Vec<Item>),
    /// Elements of an array literal.
    Array(Vec<Item>),
    /// An option: whether there is a value, and the value.
    Option(ValueId, Box<Item>),
}

impl Item {
    pub(crate) fn unit() -> Item {
        Item::Tuple(Vec::new())
    }

    fn leaves(&self, out: &mut Vec<ValueId>) {
        match self {
            Item::Value(v) => out.push(*v),
            Item::Tuple(parts) | Item::Array(parts) => parts.iter().for_each(|p| p.leaves(out)),
            Item::Option(flag, inner) => {
                out.push(*flag);
                inner.leaves(out);
            }
        }
    }

    /// The same structure with other values.
    fn with_leaves(&self, values: &mut impl Iterator<Item = ValueId>) -> Item {
        match self {
            Item::Value(v) => Item::Value(values.next().unwrap_or(*v)),
            Item::Tuple(parts) => Item::Tuple(parts.iter().map(|p| p.with_leaves(values)).collect()),
            Item::Array(parts) => Item::Array(parts.iter().map(|p| p.with_leaves(values)).collect()),
            Item::Option(flag, inner) => {
                let flag = values.next().unwrap_or(*flag);
                Item::Option(flag, Box::new(inner.with_leaves(values)))
            }
        }
    }

    fn same_structure(&self, other: &Item) -> bool {
        match (self, other) {
            (Item::Value(_), Item::Value(_)) => true,
            (Item::Option(_, a), Item::Option(_, b)) => a.same_structure(b),
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

/// A name that linking resolves.
#[derive(Clone)]
pub(crate) enum Link {
    /// A function: its path.
    Function(syn::Path),
    /// A method: an expression for its handle, in terms of the parameters.
    Method(TokenStream),
    /// A constant: an expression for it.
    Constant(TokenStream),
    /// A type: an expression of it, in terms of the parameters.
    Structure(TokenStream),
    /// A method that a struct may have: an expression of the struct, and the name of the method that gives its handle.
    MaybeMethod(TokenStream, Ident),
}

/// The state of the walk.
pub(crate) struct Lowerer<'a> {
    pub(crate) errors: Errors,
    graph: Graph,
    region: RegionId,
    typing: Typing,
    /// The current value of each variable; `None` before its first assignment.
    env: Vec<Option<Item>>,
    /// The users' names of variables.
    names: HashMap<VarId, std::sync::Arc<str>>,
    /// Expressions that have the types of variables, in terms of the parameters.
    places: HashMap<VarId, TokenStream>,
    /// The same for the value of the loop that was walked last: of a `break value`.
    broken_place: Option<TokenStream>,
    /// The same for the values of blocks and loops, by where they stand.
    value_places: HashMap<usize, TokenStream>,
    scopes: Vec<HashMap<String, VarId>>,
    loops: Vec<LoopScope>,
    /// Flags that may be set where the walk stands: code after must ask them.
    maybe: Vec<VarId>,
    returned: VarId,
    result: VarId,
    signature: &'a Signature,
    /// Names that linking resolves.
    pub(crate) links: Vec<(String, Link)>,
    /// Why the walk stopped where no message says it.
    reason: Option<Reason>,
    /// Where nodes come from, for messages about them.
    spans: HashMap<NodeId, Span>,
    /// Sizes of parameters.
    declared_dims: Vec<(ValueId, Vec<Dim>)>,
    /// Declared types with tuples or options in them.
    annotations: HashMap<ValueId, Type>,
}

/// What the walk gives.
pub(crate) struct Captured {
    pub(crate) text: String,
    pub(crate) links: Vec<(String, Link)>,
}

/// Why there is no graph: messages, or a misfit that rustc reports.
pub(crate) struct Refused {
    pub(crate) errors: Errors,
    pub(crate) reason: Option<Reason>,
}

/// Lowers a function's body; the errors say why not.
pub(crate) fn lower(signature: &Signature, body: &syn::Block) -> Result<Captured, Refused> {
    let graph = Graph::new(plain(&signature.name));
    let mut l = Lowerer {
        errors: Errors::default(),
        region: graph.body,
        graph,
        typing: Typing::default(),
        env: vec![None, None],
        names: HashMap::new(),
        places: HashMap::new(),
        broken_place: None,
        value_places: HashMap::new(),
        scopes: vec![HashMap::new()],
        loops: Vec::new(),
        maybe: Vec::new(),
        returned: 0,
        result: 1,
        signature,
        links: Vec::new(),
        reason: None,
        spans: HashMap::new(),
        declared_dims: Vec::new(),
        annotations: HashMap::new(),
    };
    l.parameters();
    l.declared_shapes();
    l.set_flag(l.returned, false);
    let placeholder = l.undefined(signature.result.value());
    l.env[l.result] = Some(placeholder);
    let failed = l.block(&returning(body, &signature.result)) == Err(Stop::Error);
    l.finish(failed)
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
            let name = pattern_name(&pattern);
            let value = self.graph.arg(body, declared.ty(), name.as_deref());
            let ty = self.typing.vars.ty(&declared.ty());
            self.typing.types.insert(value, ty);
            self.annotate(value, &declared);
            let item = self.taken_apart(value, &declared);
            if self.bind(&pattern, item).is_ok()
                && let syn::Pat::Ident(p) = &pattern
                && let Some(var) = self.find(&p.ident.to_string())
            {
                let ident = &p.ident;
                let place = if ident == "self" {
                    quote::quote! { jit_self }
                } else {
                    quote::quote! { #ident }
                };
                self.places.insert(var, place);
            }
        }
    }

    /// The parts of a value of a declared type.
    fn taken_apart(&mut self, value: ValueId, declared: &Declared) -> Item {
        match declared {
            Declared::Tuple(parts) => {
                let part = |l: &mut Self, i: usize, p: &Declared| {
                    let part = l.part(value, &i.to_string(), p);
                    l.taken_apart(part, p)
                };
                Item::Tuple(parts.iter().enumerate().map(|(i, p)| part(self, i, p)).collect())
            }
            Declared::Array(element, n) => {
                let part = |l: &mut Self, i: usize| {
                    let part = l.part(value, &i.to_string(), element);
                    l.taken_apart(part, element)
                };
                Item::Array((0..*n).map(|i| part(self, i)).collect())
            }
            Declared::Option(inner) => {
                let flag = self.method_node("is_some", vec![value], None);
                let bool_ty = self.typing.vars.scalar(jit_ir::DType::Bool);
                self.typing.types.insert(flag, bool_ty);
                let some = self.method_node("unwrap", vec![value], None);
                let ty = self.typing.vars.ty(&inner.ty());
                self.typing.types.insert(some, ty);
                let inner = self.taken_apart(some, inner);
                Item::Option(flag, Box::new(inner))
            }
            _ => Item::Value(value),
        }
    }

    /// A field of a value, typed as declared.
    fn part(&mut self, value: ValueId, name: &str, declared: &Declared) -> ValueId {
        let attrs = Attrs { text: Some(name.to_string()), ..Attrs::default() };
        let ty = self.typing.vars.ty(&declared.ty());
        let part = self.node(Op::Field, vec![value], attrs, ty, None);
        self.annotate(part, declared);
        part
    }

    /// Keeps what is declared of a value beyond what unification knows: tuples and options in it.
    pub(super) fn annotate(&mut self, value: ValueId, declared: &Declared) {
        let ty = declared.ty();
        if has_parts(&ty) {
            self.annotations.insert(value, ty);
        }
    }

    /// What depends on the kind of a value that linking will know.
    fn method_node(&mut self, name: &str, operands: Vec<ValueId>, at: Option<Span>) -> ValueId {
        let attrs = Attrs { text: Some(name.to_string()), ..Attrs::default() };
        self.node(Op::Method, operands, attrs, Ty::Hole, at)
    }

    /// Several values as one, for what takes one.
    fn packed(&mut self, item: Item) -> ValueId {
        match item {
            Item::Value(v) => v,
            Item::Tuple(parts) | Item::Array(parts) => {
                let parts = parts.into_iter().map(|p| self.packed(p)).collect();
                self.node(Op::Tuple, parts, Attrs::default(), Ty::Hole, None)
            }
            Item::Option(flag, inner) => {
                let inner = self.packed(*inner);
                self.node(Op::Some, vec![inner, flag], Attrs::default(), Ty::Hole, None)
            }
        }
    }

    /// Values that are never read, in the structure of a declared type.
    fn undefined(&mut self, declared: &Declared) -> Item {
        match declared {
            Declared::Tuple(parts) => Item::Tuple(parts.iter().map(|p| self.undefined(p)).collect()),
            Declared::Array(element, n) => Item::Array((0..*n).map(|_| self.undefined(element)).collect()),
            Declared::Option(inner) => {
                let flag = self.typing.vars.scalar(DType::Bool);
                let flag = self.undef(flag);
                Item::Option(flag, Box::new(self.undefined(inner)))
            }
            leaf => {
                let ty = self.typing.vars.ty(&leaf.ty());
                let value = self.undef(ty);
                self.annotate(value, leaf);
                Item::Value(value)
            }
        }
    }

    fn undef(&mut self, ty: Ty) -> ValueId {
        self.node(Op::Undef, vec![], Attrs::default(), ty, None)
    }

    /// Appends a node with one result, typed by the op's rule. What does not fit is left to rustc.
    fn op(&mut self, op: Op, mut operands: Vec<ValueId>, attrs: Attrs, at: Option<Span>) -> Lowered<ValueId> {
        if let (Some(dtype), [x]) = (jit_ir::ops::types::counted(op), &operands[..])
            && matches!(self.ty(*x), Ty::Tensor(var) if self.typing.vars.get(var) == Some(DType::Bool))
        {
            // Bools are counted.
            let ty = Ty::Tensor(self.typing.vars.known(dtype));
            operands = vec![self.node(Op::Cast, operands, Attrs::dtype(dtype), ty, at)];
        }
        let types: Vec<Ty> = operands.iter().map(|v| self.ty(*v)).collect();
        match self.typing.vars.result(op, &types, &attrs) {
            Ok(ty) => Ok(self.node(op, operands, attrs, ty, at)),
            Err(Clash(what)) => {
                self.reason.get_or_insert(Reason::unknown(format!("{}: {what}", op.shown())));
                Err(Stop::Error)
            }
        }
    }

    /// Appends a node with one result.
    fn node(&mut self, op: Op, operands: Vec<ValueId>, attrs: Attrs, ty: Ty, at: Option<Span>) -> ValueId {
        let location = at.map(location);
        let node = self.graph.push(self.region, op, operands, attrs, vec![Type::Hole], location);
        if let Some(at) = at {
            self.spans.insert(node, at);
        }
        let value = self.graph.nodes[node].results[0];
        self.typing.types.insert(value, ty);
        value
    }

    fn constant(&mut self, value: Scalar, ty: Ty) -> ValueId {
        let attrs = Attrs { value: Some(Const::Scalar(value)), ..Attrs::default() };
        self.node(Op::Const, vec![], attrs, ty, None)
    }

    /// A host scalar constant of a known type.
    fn known(&mut self, value: Scalar) -> ValueId {
        let ty = self.typing.vars.scalar(value.dtype());
        self.constant(value, ty)
    }

    fn ty(&self, value: ValueId) -> Ty {
        self.typing.ty(value)
    }

    fn set_flag(&mut self, flag: VarId, value: bool) {
        let value = self.known(Scalar::Bool(value));
        self.env[flag] = Some(Item::Value(value));
    }

    /// A new variable in the innermost scope.
    fn declare(&mut self, name: &str, item: Option<Item>) -> VarId {
        if let Some(Item::Value(v)) = &item {
            self.graph.values[*v].name.get_or_insert_with(|| plain(name).into());
        }
        self.env.push(item);
        let id = self.env.len() - 1;
        self.places.remove(&id);
        self.names.insert(id, plain(name).into());
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_string(), id);
        }
        id
    }

    /// A variable without a name.
    fn hidden(&mut self) -> VarId {
        self.env.push(None);
        let id = self.env.len() - 1;
        self.places.remove(&id);
        self.names.remove(&id);
        id
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

    /// The fallback of a literal.
    fn literal_ty(&mut self, fallback: Fallback) -> Ty {
        Ty::Scalar(self.typing.vars.open(fallback))
    }
}

/// Whether a type has parts that linking takes apart.
fn has_parts(ty: &Type) -> bool {
    match ty {
        Type::Tuple(_) | Type::Option(_) => true,
        Type::List(element) => has_parts(element),
        _ => false,
    }
}

/// The name of a parameter's pattern, if it is one.
fn pattern_name(pattern: &syn::Pat) -> Option<String> {
    match pattern {
        syn::Pat::Ident(p) => Some(plain(&p.ident.to_string()).to_string()),
        _ => None,
    }
}

/// A name as the text form has it: a raw identifier without its mark.
fn plain(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// The place in the source.
fn location(span: Span) -> Location {
    let start = span.start();
    Location { file: span.file().into(), line: start.line as u32, column: start.column as u32 + 1 }
}
