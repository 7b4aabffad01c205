//! `fold`: what is known before the run is computed before the run.

use super::{Renaming, splice};
use crate::data::{Const, Scalar};
use crate::graph::{Graph, Node};
use crate::ids::{NodeId, RegionId};
use crate::infer::constants;
use crate::ops::{Attrs, Op, host, shape};
use crate::types::{Dim, Type};

/// Folds host-scalar ops on constants, sizes that are known, `if`s on constants and loops without
/// trips.
pub fn fold(graph: &mut Graph) -> usize {
    let mut changes = 0;
    loop {
        let found = fold_scalars(graph) + fold_control(graph);
        if found == 0 {
            return changes;
        }
        changes += found;
    }
}

fn fold_scalars(graph: &mut Graph) -> usize {
    let mut known = constants(graph);
    let mut changes = 0;
    for region in graph.all_regions() {
        for id in graph.regions[region].nodes.clone() {
            let node = &graph.nodes[id];
            let value = if node.op == Op::Const { None } else { scalar_value(graph, node, &known) };
            if let Some(value) = value {
                known.insert(node.results[0], value);
                make_constant(graph, id, value);
                changes += 1;
            }
        }
    }
    changes
}

fn make_constant(graph: &mut Graph, id: NodeId, value: Scalar) {
    let node = &mut graph.nodes[id];
    node.op = Op::Const;
    node.operands.clear();
    node.attrs = Attrs { value: Some(Const::Scalar(value)), ..Attrs::default() };
    let result = node.results[0];
    graph.values[result].ty = Type::Scalar(value.dtype());
}

fn scalar_value(
    graph: &Graph,
    node: &Node,
    known: &std::collections::HashMap<crate::ids::ValueId, Scalar>,
) -> Option<Scalar> {
    match node.op {
        Op::Dim | Op::Rank | Op::Len => size(graph, node),
        _ if node.op.is_elementwise() => {
            let args: Option<Vec<Scalar>> = node.operands.iter().map(|v| known.get(v).copied()).collect();
            host::eval(node.op, &args?, node.attrs.dtype).ok()
        }
        _ => None,
    }
}

fn size(graph: &Graph, node: &Node) -> Option<Scalar> {
    let Type::Tensor(_, Some(dims)) = graph.ty(node.operands[0]) else { return None };
    let number = |d: Dim| if let Dim::Known(n) = d { Some(n) } else { None };
    let n = match node.op {
        Op::Rank => dims.len(),
        Op::Dim => {
            let axis = shape::only_axis(&node.attrs, dims.len()).ok()?;
            number(dims[axis])?
        }
        _ => dims.iter().map(|d| number(*d)).product::<Option<usize>>()?,
    };
    Some(Scalar::Usize(n))
}

fn fold_control(graph: &mut Graph) -> usize {
    let known = constants(graph);
    let mut renaming = Renaming::new(graph);
    for region in graph.all_regions() {
        for id in graph.regions[region].nodes.clone() {
            let node = graph.nodes[id].clone();
            match node.op {
                Op::If => {
                    let Some(Scalar::Bool(taken)) = known.get(&node.operands[0]) else { continue };
                    let inner = node.regions[usize::from(!taken)];
                    keep_region(graph, region, id, &node, inner, &mut renaming);
                }
                Op::Loop if node.attrs.keep => {
                    let Some(count) = known.get(&node.operands[0]) else { continue };
                    if count.as_i64() <= 0 {
                        for (r, init) in node.results.iter().zip(&node.operands[1..]) {
                            renaming.rename(*r, *init);
                        }
                        renaming.changes += 1;
                        graph.regions[region].nodes.retain(|n| *n != id);
                    }
                }
                Op::Item if graph.ty(node.operands[0]).is_scalar() => {
                    renaming.rename(node.results[0], node.operands[0]);
                    graph.regions[region].nodes.retain(|n| *n != id);
                }
                _ => {}
            }
        }
    }
    renaming.apply(graph);
    renaming.changes
}

fn keep_region(
    graph: &mut Graph,
    parent: RegionId,
    id: NodeId,
    node: &Node,
    inner: RegionId,
    renaming: &mut Renaming,
) {
    for (r, v) in node.results.iter().zip(graph.regions[inner].results.clone()) {
        renaming.rename(*r, v);
    }
    renaming.changes += 1;
    splice(graph, parent, id, inner);
}
