//! `simplify`: rewrites that give the same bits for every input.

use super::Renaming;
use crate::data::{Const, Scalar};
use crate::graph::{Graph, Node};
use crate::ids::{NodeId, RegionId, ValueId};
use crate::infer::constants;
use crate::ops::Op;

/// Applies the rules until none fits.
pub fn simplify(graph: &mut Graph) -> usize {
    let mut changes = 0;
    loop {
        let found = once(graph);
        if found == 0 {
            return changes;
        }
        changes += found;
    }
}

fn once(graph: &mut Graph) -> usize {
    let known = constants(graph);
    let definitions = graph.definitions();
    let mut renaming = Renaming::new(graph);
    let mut changes = 0;
    for region in graph.all_regions() {
        for id in graph.regions[region].nodes.clone() {
            let node = &graph.nodes[id];
            let constant = |i: usize| node.operands.get(i).and_then(|v| known.get(v)).copied();
            let inner = |i: usize| {
                let value = node.operands.get(i)?;
                definitions[crate::ids::Id::index(*value)].map(|n| &graph.nodes[n])
            };
            if let Some(same) = identity(graph, node, constant, inner) {
                renaming.rename(node.results[0], same);
                graph.regions[region].nodes.retain(|n| *n != id);
            } else if let Some(factor) = reciprocal(node, constant) {
                divide_by_multiplying(graph, region, id, factor);
                changes += 1;
            }
        }
    }
    renaming.apply(graph);
    changes + renaming.changes
}

/// The value that the node's result always equals.
fn identity<'a>(
    graph: &Graph,
    node: &Node,
    constant: impl Fn(usize) -> Option<Scalar>,
    inner: impl Fn(usize) -> Option<&'a Node>,
) -> Option<ValueId> {
    let x = *node.operands.first()?;
    let is = |i: usize, wanted: f64| match constant(i)? {
        Scalar::F32(v) if f64::from(v).to_bits() == wanted.to_bits() => Some(()),
        Scalar::F64(v) if v.to_bits() == wanted.to_bits() => Some(()),
        s if s.dtype().is_int() && s.as_i64() as f64 == wanted => Some(()),
        _ => None,
    };
    let tensor = graph.ty(x).is_tensor();
    let keeps_type = |v: ValueId| {
        let result = graph.ty(node.results[0]);
        graph.ty(v).dtype() == result.dtype() && graph.ty(v).is_tensor() == result.is_tensor()
    };
    match node.op {
        Op::Mul | Op::Div if is(1, 1.0).is_some() && (tensor || keeps_type(x)) => Some(x),
        Op::Mul if is(0, 1.0).is_some() && keeps_type(node.operands[1]) => Some(node.operands[1]),
        Op::Sub if is(1, 0.0).is_some() && keeps_type(x) => Some(x),
        Op::Cast if node.attrs.dtype == graph.ty(x).dtype() => Some(x),
        Op::Neg | Op::Not if tensor || node.op == Op::Not => {
            inner(0).filter(|n| n.op == node.op).map(|n| n.operands[0])
        }
        Op::T => inner(0).filter(|n| n.op == Op::T).map(|n| n.operands[0]),
        _ => None,
    }
}

/// The exact reciprocal of a constant divisor that is a power of two.
fn reciprocal(node: &Node, constant: impl Fn(usize) -> Option<Scalar>) -> Option<Scalar> {
    if node.op != Op::Div {
        return None;
    }
    match constant(1)? {
        Scalar::F32(v) if v.is_normal() && v.to_bits() & 0x007f_ffff == 0 && (1.0 / v).is_normal() => {
            Some(Scalar::F32(1.0 / v))
        }
        Scalar::F64(v)
            if v.is_normal() && v.to_bits() & 0x000f_ffff_ffff_ffff == 0 && (1.0 / v).is_normal() =>
        {
            Some(Scalar::F64(1.0 / v))
        }
        _ => None,
    }
}

fn divide_by_multiplying(graph: &mut Graph, region: RegionId, id: NodeId, factor: Scalar) {
    let value = graph.constant(region, Const::Scalar(factor));
    let nodes = &mut graph.regions[region].nodes;
    if let (Some(constant), Some(at)) = (nodes.pop(), nodes.iter().position(|n| *n == id)) {
        nodes.insert(at, constant);
    }
    graph.nodes[id].op = Op::Mul;
    graph.nodes[id].operands[1] = value;
}
