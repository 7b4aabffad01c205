//! What structure an argument may have whose type only linking knows: a struct of the fields that the body reads, each a
//! tensor. A wrong guess makes a kernel that nobody asks for.

use std::collections::BTreeMap;

use jit_ir::{DType, Graph, Op, Tree, Type, ValueId};

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
    let mut fields: BTreeMap<String, Tree<Type>> = BTreeMap::new();
    for node in graph.nodes.ids().map(|id| &graph.nodes[id]) {
        if node.op != Op::Field || node.operands[0] != value {
            continue;
        }
        let name = node.attrs.text.clone()?;
        let found = guess(graph, node.results[0], element)?;
        // Read twice, the fields of both are its fields.
        let joined = match fields.remove(&name) {
            Some(before) => join(before, found),
            None => found,
        };
        fields.insert(name, joined);
    }
    if fields.keys().any(|name| name.starts_with(|c: char| c.is_ascii_digit())) {
        return None;
    }
    Some(match fields.is_empty() {
        true => Tree::Leaf(Type::tensor(element)),
        false => Tree::Record(fields.into_iter().collect()),
    })
}

fn join(a: Tree<Type>, b: Tree<Type>) -> Tree<Type> {
    match (a, b) {
        (Tree::Record(a), Tree::Record(b)) => {
            let mut fields: BTreeMap<String, Tree<Type>> = a.into_iter().collect();
            for (name, field) in b {
                let joined = match fields.remove(&name) {
                    Some(before) => join(before, field),
                    None => field,
                };
                fields.insert(name, joined);
            }
            Tree::Record(fields.into_iter().collect())
        }
        (record @ Tree::Record(_), _) | (_, record) => record,
    }
}
