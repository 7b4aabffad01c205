//! What only linking knows, guessed from what the body does with it: the structures of arguments and of what calls give
//! (fields, parts, list elements, each a tensor, or a host scalar if it is copied out of a struct), and the values of
//! constants. A wrong guess makes a kernel that nobody asks for.

use std::collections::{BTreeMap, BTreeSet};

use jit_ir::link::{Callee, Library};
use jit_ir::{Const, DType, Graph, Node, Op, Scalar, Tree, Type, ValueId};
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

/// What a graph's parameters, and the names in it, may stand for.
pub(super) struct Guesses {
    /// The parameters' structures.
    pub(super) params: Vec<Tree<Type>>,
    pub(super) names: Names,
}

/// The names that a body uses: functions that it calls, of which only the results count, and constants.
pub(super) struct Names {
    results: BTreeMap<String, Tree<Type>>,
    constants: BTreeMap<String, Const>,
}

impl Library for Names {
    fn callee(&self, name: &str) -> Option<Callee<'_>> {
        let step =
            |result: &Tree<Type>| Callee::Step { name: name.into(), params: vec![], result: result.clone() };
        self.results.get(name).map(step)
    }
    fn constant(&self, name: &str) -> Option<Tree<Const>> {
        self.constants.get(name).map(|value| Tree::Leaf(value.clone()))
    }
}

/// What the uses of a graph's parameters and names say of them; `None` if the type of a parameter is known in part only.
pub(super) fn of(graph: &Graph, copied: &BTreeSet<String>) -> Option<Guesses> {
    let guess = Guess { graph, copied, element: element(graph) };
    let name = |v: &ValueId| graph.values[*v].name.as_deref().unwrap_or_default();
    let params = graph.params().iter().map(|v| guess.structure(&[*v], name(v)));
    Some(Guesses { params: params.collect::<Option<_>>()?, names: guess.names() })
}

/// The element type of the tensors.
fn element(graph: &Graph) -> DType {
    let params = graph.params().iter().map(|v| graph.ty(*v));
    params.filter(|ty| ty.is_tensor()).filter_map(Type::dtype).find(|d| d.is_float()).unwrap_or(DType::F32)
}

struct Guess<'a> {
    graph: &'a Graph,
    copied: &'a BTreeSet<String>,
    element: DType,
}

impl<'a> Guess<'a> {
    fn nodes(&self, ops: &'a [Op]) -> impl Iterator<Item = &'a Node> {
        let graph = self.graph;
        graph.nodes.ids().map(|id| &graph.nodes[id]).filter(|n| ops.contains(&n.op))
    }

    /// The structure of values that are one and the same, which the body calls so.
    fn structure(&self, values: &[ValueId], name: &str) -> Option<Tree<Type>> {
        if let Some(ty) = values.iter().map(|v| self.graph.ty(*v)).find(|ty| **ty != Type::Hole) {
            return Some(Tree::of(ty)).filter(Tree::is_known);
        }
        let of_these = |n: &&Node| n.operands.first().is_some_and(|v| values.contains(v));
        if self.nodes(&[Op::Index, Op::Len]).any(|n| of_these(&n)) {
            let elements = self.nodes(&[Op::Index]).filter(of_these).map(|n| n.results[0]);
            return Some(Tree::list(self.structure(&elements.collect::<Vec<_>>(), &format!("{name}[]"))?));
        }
        let called = |n: &Node, name: &str| n.attrs.text.as_deref() == Some(name);
        let mut asked = self.nodes(&[Op::Method]).filter(of_these).peekable();
        if asked.peek().is_some_and(|n| called(n, "is_some") || called(n, "unwrap")) {
            let inner: Vec<ValueId> = asked.filter(|n| called(n, "unwrap")).map(|n| n.results[0]).collect();
            let inner = self.structure(&inner, &format!("{name}?"))?;
            return Some(Tree::Option(Type::Scalar(DType::Bool), Box::new(inner)));
        }
        let mut fields: BTreeMap<String, Vec<ValueId>> = BTreeMap::new();
        for node in self.nodes(&[Op::Field]).filter(of_these) {
            fields.entry(node.attrs.text.clone()?).or_default().push(node.results[0]);
        }
        let field = |own: &str| self.structure(fields.get(own).map_or(&[], |v| v), &format!("{name}.{own}"));
        let numbers: Vec<usize> = fields.keys().filter_map(|own| own.parse().ok()).collect();
        Some(match numbers.iter().max() {
            None if fields.is_empty() => Tree::Leaf(self.leaf(values, name)),
            None => Tree::Record(
                fields.keys().map(|own| Some((own.clone(), field(own)?))).collect::<Option<_>>()?,
            ),
            // Parts that nobody reads may be anything.
            Some(last) => Tree::Tuple((0..=*last).map(|i| field(&i.to_string())).collect::<Option<_>>()?),
        })
    }

    /// A mask where it chooses, a host scalar where it is copied, and else a tensor.
    fn leaf(&self, values: &[ValueId], name: &str) -> Type {
        let chooses = |n: &Node| n.operands.first().is_some_and(|v| values.contains(v));
        let joined = |n: &Node| n.operands.iter().any(|v| values.contains(v));
        if self.nodes(&[Op::Select]).any(chooses)
            || self.nodes(&[Op::And, Op::Or, Op::Xor, Op::Not]).any(joined)
        {
            return Type::tensor(DType::Bool);
        }
        if self.copied.contains(name) { Type::Scalar(self.element) } else { Type::tensor(self.element) }
    }

    fn names(&self) -> Names {
        let mut results: BTreeMap<&str, Vec<ValueId>> = BTreeMap::new();
        for node in self.nodes(&[Op::Call]) {
            results.entry(node.attrs.text.as_deref().unwrap_or_default()).or_default().push(node.results[0]);
        }
        let result =
            |(name, values): (&str, Vec<ValueId>)| Some((name.into(), self.structure(&values, name)?));
        let named = |node: &Node| Some((node.attrs.text.clone()?, Const::Scalar(self.constant(node))));
        Names {
            results: results.into_iter().filter_map(result).collect(),
            constants: self.nodes(&[Op::Named]).filter_map(named).collect(),
        }
    }

    /// A number that no pass takes for a special one, of the type that a constant's uses ask for.
    fn constant(&self, node: &Node) -> Scalar {
        let from_outside: Vec<ValueId> =
            self.nodes(&[Op::Call, Op::Field, Op::Index]).flat_map(|n| n.results.clone()).collect();
        let tensor = |v: &ValueId| self.graph.ty(*v).is_tensor() || from_outside.contains(v);
        let beside = |n: &Node| n.operands.contains(&node.results[0]) && n.operands.iter().any(tensor);
        let elements = self.nodes(Op::ALL).any(|n| n.op.is_elementwise() && beside(n));
        match self.graph.ty(node.results[0]) {
            Type::Scalar(dtype) if dtype.is_float() => Scalar::F32(1.37).cast(*dtype),
            Type::Scalar(dtype) => Scalar::Usize(37).cast(*dtype),
            _ if elements => Scalar::F32(1.37).cast(self.element),
            _ => Scalar::Usize(37),
        }
    }
}
