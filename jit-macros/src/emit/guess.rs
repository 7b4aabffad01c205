//! What structure an argument may have whose type only linking knows: a struct of the fields that the body reads, each a
//! tensor. A wrong guess makes a kernel that nobody asks for.

use std::collections::BTreeMap;

use jit_ir::{DType, Graph, Op, Tree, Type, ValueId};

type Fields = BTreeMap<String, Tree<Type>>;

/// The structure of a parameter; `None` if nothing speaks for one.
pub(super) fn structure(graph: &Graph, param: ValueId) -> Option<Tree<Type>> {
    guess(graph, param, element(graph))
}

/// The element type of the other tensors.
fn element(graph: &Graph) -> DType {
    let params = graph.params().iter().map(|v| graph.ty(*v));
    params.filter(|ty| ty.is_tensor()).filter_map(Type::dtype).find(|d| d.is_float()).unwrap_or(DType::F32)
}

fn guess(graph: &Graph, value: ValueId, element: DType) -> Option<Tree<Type>> {
    match graph.ty(value) {
        ty @ (Type::Tensor(..) | Type::Scalar(_)) => return Some(Tree::Leaf(ty.clone())),
        Type::Hole => {}
        _ => return None,
    }
    let mut fields = Fields::new();
    for node in graph.nodes.ids().map(|id| &graph.nodes[id]) {
        if node.op == Op::Field && node.operands[0] == value {
            let field = guess(graph, node.results[0], element)?;
            add(&mut fields, node.attrs.text.clone()?, field);
        }
    }
    if fields.keys().any(|name| name.starts_with(|c: char| c.is_ascii_digit())) {
        return None;
    }
    Some(match fields.is_empty() {
        true => Tree::Leaf(Type::tensor(element)),
        false => Tree::Record(fields.into_iter().collect()),
    })
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
