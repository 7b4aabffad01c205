//! What messages say of arguments and results that do not fit: which one it is, and both types.

use jit_ir::{Dim, Graph, Tree, Type};

use crate::tensor::raw::Val;

/// A type as a user writes it.
fn said(ty: &Type) -> String {
    match ty {
        Type::Tensor(dtype, None) => format!("Tensor<{dtype}>"),
        Type::Tensor(dtype, Some(dims)) => {
            let sizes: Option<Vec<usize>> =
                dims.iter().map(|d| if let Dim::Known(n) = d { Some(*n) } else { None }).collect();
            match sizes {
                Some(sizes) if !sizes.is_empty() => format!("Tensor<{dtype}> of shape {sizes:?}"),
                _ => format!("Tensor<{dtype}> of rank {}", dims.len()),
            }
        }
        Type::List(element) => format!("list of {}", said(element)),
        Type::Opaque => "value of its own type".into(),
        Type::Hole => "value of any type".into(),
        other => other.to_string(),
    }
}

/// What an argument of several values is.
fn said_tree(tree: &Tree<Type>) -> String {
    match tree {
        Tree::Leaf(ty) => said(ty),
        Tree::Tuple(parts) => format!("({})", parts.iter().map(said_tree).collect::<Vec<_>>().join(", ")),
        other => other.kind().into(),
    }
}

/// The argument of this number, from 0: with its name, if it has one.
fn named(graph: &Graph, i: usize) -> String {
    let name = graph.params().get(i).and_then(|v| graph.values[*v].name.as_deref());
    name.map_or(format!("argument {}", i + 1), |name| format!("argument {} (`{name}`)", i + 1))
}

/// The parameters with their types.
fn parameters(graph: &Graph) -> String {
    let one = |v: &jit_ir::ValueId| match &graph.values[*v].name {
        Some(name) => format!("{name}: {}", said(graph.ty(*v))),
        None => said(graph.ty(*v)),
    };
    graph.params().iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Other numbers of arguments.
fn counts(graph: &Graph, given: &[String]) -> String {
    let wanted = graph.params().len();
    let s = if wanted == 1 { "" } else { "s" };
    format!(
        "`{}` takes {wanted} argument{s} ({}), got {} ({})",
        graph.name,
        parameters(graph),
        given.len(),
        given.join(", ")
    )
}

/// The message of a call with another number of values than the graph takes.
pub(crate) fn count(graph: &Graph, types: &[Type]) -> String {
    counts(graph, &types.iter().map(said).collect::<Vec<_>>())
}

/// The message of a call whose value of this number, from 0, has another type than the graph's.
pub(crate) fn argument(graph: &Graph, i: usize, given: &Type) -> String {
    let wanted = graph.params().get(i).map_or(String::new(), |v| said(graph.ty(*v)));
    format!("`{}`: {} is to be a {wanted}, got a {}", graph.name, named(graph, i), said(given))
}

/// Whether the arguments' number, and the types of those that are one value, are the graph's.
///
/// # Errors
/// The message that says which is not.
pub(super) fn arguments(graph: &Graph, given: &[Tree<Type>]) -> Result<(), String> {
    if given.len() != graph.params().len() {
        return Err(counts(graph, &given.iter().map(said_tree).collect::<Vec<_>>()));
    }
    for (i, (value, tree)) in graph.params().iter().zip(given).enumerate() {
        let wanted = graph.ty(*value);
        let one = matches!(wanted, Type::Scalar(_) | Type::Tensor(..));
        match tree {
            Tree::Leaf(ty) if wanted.join(ty).is_some() => {}
            Tree::Leaf(ty) => return Err(argument(graph, i, ty)),
            _ if one => {
                let (name, given) = (named(graph, i), said_tree(tree));
                return Err(format!("`{}`: {name} is to be a {}, got a {given}", graph.name, said(wanted)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether tensors have the ranks of the recording that the graph is: what it was recorded for, others may not do. (Shapes
/// that a script declares have names or numbers, and the graph itself checks them.)
///
/// # Errors
/// The message that says which has not.
pub(super) fn ranks(graph: &Graph, vals: &[Val]) -> Result<(), String> {
    // With other numbers, arguments of several values are among them, which have no declared ranks.
    let params = if graph.params().len() == vals.len() { graph.params() } else { &[] };
    for (i, (value, val)) in params.iter().zip(vals).enumerate() {
        if let (Type::Tensor(_, Some(dims)), Val::Tensor(t)) = (graph.ty(*value), val)
            && dims.iter().all(|d| *d == Dim::Unknown)
            && dims.len() != t.rank()
        {
            return Err(argument(graph, i, &Type::ranked(t.dtype, t.rank())));
        }
    }
    Ok(())
}

/// The message of results of other types than the caller has.
pub(super) fn results(function: &str, wanted: &Tree<Type>, given: &[Type]) -> String {
    let given: Vec<String> = given.iter().map(said).collect();
    let wanted = said_tree(wanted);
    format!("`{function}` gives ({}), and the call asks for {wanted}", given.join(", "))
}

/// The message of a call with other types or ranks than those that a plan was compiled for.
pub(super) fn compiled(function: &str, graph: &Graph, compiled: &[Type], vals: &[Val]) -> String {
    let mut pairs = compiled.iter().zip(vals).enumerate();
    let open = |ty: &Type| match ty {
        Type::Tensor(dtype, Some(dims)) => Type::ranked(*dtype, dims.len()),
        other => other.clone(),
    };
    let differing = pairs.find_map(|(i, (known, val))| {
        let (known, given) = (open(known), open(&val.ty()));
        (known != given).then_some((i, known, given))
    });
    match differing {
        Some((i, known, given)) => {
            let name = named(graph, i);
            format!("`{function}` was compiled for a {} as {name}, got a {}", said(&known), said(&given))
        }
        None => format!("`{function}` was compiled for arguments of other types or ranks"),
    }
}
