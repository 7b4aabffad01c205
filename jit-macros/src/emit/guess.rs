//! What structure an argument may have whose type only linking knows: a struct of the fields that the body reads, each a
//! tensor, or a host scalar if it is copied out of the struct. A wrong guess makes a kernel that nobody asks for.

use std::collections::{BTreeMap, BTreeSet};

use jit_ir::{DType, Graph, Op, Tree, Type, ValueId};
use syn::visit::{Visit, visit_expr_binary};
use syn::{BinOp, Expr, ItemFn};

/// The fields of borrowed parameters, as `parameter.field`, that are operands by value: rustc lets only what is `Copy`
/// out of them, which tensors are not.
pub(crate) fn copied(item: &ItemFn) -> BTreeSet<String> {
    let borrowed = item.sig.inputs.iter().filter_map(|input| match input {
        syn::FnArg::Typed(typed) => match (&*typed.pat, &*typed.ty) {
            (syn::Pat::Ident(name), syn::Type::Reference(_)) => Some(name.ident.to_string()),
            _ => None,
        },
        syn::FnArg::Receiver(_) => None,
    });
    let mut operands = Operands { borrowed: borrowed.collect(), copied: BTreeSet::new() };
    operands.visit_block(&item.block);
    operands.copied
}

struct Operands {
    borrowed: BTreeSet<String>,
    copied: BTreeSet<String>,
}

impl Visit<'_> for Operands {
    fn visit_expr_binary(&mut self, e: &syn::ExprBinary) {
        if matches!(e.op, BinOp::Add(_) | BinOp::Sub(_) | BinOp::Mul(_) | BinOp::Div(_)) {
            for field in [&e.left, &e.right].into_iter().filter_map(|side| path(side)) {
                let root = field.split('.').next().unwrap_or_default();
                if field.contains('.') && self.borrowed.contains(root) {
                    self.copied.insert(field);
                }
            }
        }
        visit_expr_binary(self, e);
    }
}

/// A field of a field of a name, and so on.
fn path(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Paren(e) => path(&e.expr),
        Expr::Path(p) => p.path.get_ident().map(ToString::to_string),
        Expr::Field(e) => {
            let member = match &e.member {
                syn::Member::Named(name) => name.to_string(),
                syn::Member::Unnamed(index) => index.index.to_string(),
            };
            Some(format!("{}.{member}", path(&e.base)?))
        }
        _ => None,
    }
}

type Fields = BTreeMap<String, Tree<Type>>;

/// The structure of a parameter; `None` if nothing speaks for one.
pub(super) fn structure(graph: &Graph, param: ValueId, copied: &BTreeSet<String>) -> Option<Tree<Type>> {
    let name = graph.values[param].name.as_deref().unwrap_or_default();
    Guess { graph, copied, element: element(graph) }.of(param, name)
}

/// The element type of the other tensors.
fn element(graph: &Graph) -> DType {
    let params = graph.params().iter().map(|v| graph.ty(*v));
    params.filter(|ty| ty.is_tensor()).filter_map(Type::dtype).find(|d| d.is_float()).unwrap_or(DType::F32)
}

struct Guess<'a> {
    graph: &'a Graph,
    copied: &'a BTreeSet<String>,
    element: DType,
}

impl Guess<'_> {
    /// The structure of a value that the body calls so.
    fn of(&self, value: ValueId, name: &str) -> Option<Tree<Type>> {
        match self.graph.ty(value) {
            ty @ (Type::Tensor(..) | Type::Scalar(_)) => return Some(Tree::Leaf(ty.clone())),
            Type::Hole => {}
            _ => return None,
        }
        let mut fields = Fields::new();
        for node in self.graph.nodes.ids().map(|id| &self.graph.nodes[id]) {
            if node.op == Op::Field && node.operands[0] == value {
                let own = node.attrs.text.clone()?;
                let field = self.of(node.results[0], &format!("{name}.{own}"))?;
                add(&mut fields, own, field);
            }
        }
        if fields.keys().any(|name| name.starts_with(|c: char| c.is_ascii_digit())) {
            return None;
        }
        Some(match fields.is_empty() {
            true if self.copied.contains(name) => Tree::Leaf(Type::Scalar(self.element)),
            true => Tree::Leaf(Type::tensor(self.element)),
            false => Tree::Record(fields.into_iter().collect()),
        })
    }
}

/// A field, in which may be read what was not read of it before.
fn add(fields: &mut Fields, name: String, field: Tree<Type>) {
    let joined = match (fields.remove(&name), field) {
        (Some(Tree::Record(before)), Tree::Record(more)) => {
            let mut all: Fields = before.into_iter().collect();
            more.into_iter().for_each(|(name, field)| add(&mut all, name, field));
            Tree::Record(all.into_iter().collect())
        }
        (Some(before @ Tree::Record(_)), _) => before,
        (_, field) => field,
    };
    fields.insert(name, joined);
}
