//! `expand`: ops that are made of reductions and elementwise ops become those, so that they fuse with what is
//! before and after them.

use crate::data::Scalar;
use crate::graph::{Graph, Node};
use crate::ids::{Id, NodeId, RegionId, ValueId};
use crate::ops::rows::{self, Part, Step};
use crate::ops::{Attrs, Op};

use super::Renaming;
use super::fuse::{Extent, extent, fusible};

/// Takes apart `softmax` and its relatives along the last axis or over everything; reductions of what elementwise ops
/// make keep their axis, which is dropped after them.
pub fn expand(graph: &mut Graph) -> usize {
    let mut renaming = Renaming::new(graph);
    let definitions = graph.definitions();
    for region in graph.all_regions() {
        for id in graph.regions[region].nodes.clone() {
            let node = graph.nodes[id].clone();
            let Some(extent) = extent(graph, &node) else { continue };
            let itself: &[Step] = &[(node.op, &[Part::X])];
            let made = definitions[node.operands[0].index()];
            let follows = made.is_some_and(|n| fusible(graph, &graph.nodes[n]));
            let steps = match rows::steps(node.op) {
                Some(steps) => steps,
                None if extent == Extent::Last && !node.attrs.keep && follows => itself,
                None => continue,
            };
            if let Some(value) = spread(graph, region, id, &node, steps, extent) {
                renaming.rename(node.results[0], value);
            }
        }
    }
    renaming.apply(graph);
    renaming.changes
}

/// Puts the steps in a node's place; gives the value that stands for its result.
fn spread(
    graph: &mut Graph,
    region: RegionId,
    id: NodeId,
    node: &Node,
    steps: &[Step],
    extent: Extent,
) -> Option<ValueId> {
    let dtype = graph.ty(node.operands[0]).dtype()?;
    let at = graph.regions[region].nodes.iter().position(|n| *n == id)?;
    let after = graph.regions[region].nodes.split_off(at + 1);
    graph.regions[region].nodes.pop();
    let reduction = match extent {
        Extent::Last => Attrs { keep: true, ..Attrs::axes([-1]) },
        Extent::All => Attrs::default(),
    };
    let mut made: Vec<ValueId> = Vec::with_capacity(steps.len());
    let put = |graph: &mut Graph, op: Op, operands: Vec<ValueId>, attrs: Attrs| {
        let value = graph.op(region, op, operands, attrs, node.location.clone());
        value.expect("the op it stands for fits")
    };
    for (op, parts) in steps {
        let operands = parts
            .iter()
            .map(|part| match part {
                Part::X => node.operands[0],
                Part::Step(k) => made[*k],
                Part::Zero => graph.scalar(region, Scalar::U8(0).cast(dtype)),
            })
            .collect();
        let attrs = if rows::is_fold(*op) { reduction.clone() } else { Attrs::default() };
        made.push(put(graph, *op, operands, attrs));
    }
    let mut value = *made.last()?;
    let along = matches!(node.op, Op::Softmax | Op::LogSoftmax);
    if extent == Extent::Last && !along && !node.attrs.keep {
        value = put(graph, Op::Squeeze, vec![value], Attrs::axes([-1]));
    }
    graph.regions[region].nodes.extend(after);
    graph.values[value].name = graph.values[node.results[0]].name.clone();
    Some(value)
}
