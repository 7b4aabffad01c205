//! `licm`: work that is the same in every trip of a loop moves before the loop.

use std::collections::HashSet;

use super::node_fails;
use crate::graph::Graph;
use crate::ids::{RegionId, ValueId};
use crate::ops::Fails;

/// Moves loop-invariant nodes out. One that can fail by value stays; one that can fail by shape
/// moves (see the module page).
pub fn licm(graph: &mut Graph) -> usize {
    let body = graph.body;
    hoist(graph, body)
}

fn hoist(graph: &mut Graph, region: RegionId) -> usize {
    let mut changes = 0;
    let mut at = 0;
    while at < graph.regions[region].nodes.len() {
        let id = graph.regions[region].nodes[at];
        let regions = graph.nodes[id].regions.clone();
        for inner in &regions {
            changes += hoist(graph, *inner);
        }
        if graph.nodes[id].op == crate::ops::Op::Loop {
            for inner in &regions {
                let moved = invariant(graph, *inner);
                graph.regions[*inner].nodes.retain(|n| !moved.contains(n));
                graph.regions[region].nodes.splice(at..at, moved.iter().copied());
                at += moved.len();
                changes += moved.len();
            }
        }
        at += 1;
    }
    changes
}

/// The nodes directly in a loop's region that depend on nothing inside it.
fn invariant(graph: &Graph, region: RegionId) -> Vec<crate::ids::NodeId> {
    let mut inside: HashSet<ValueId> = HashSet::new();
    graph.visit_regions(region, &mut |r| {
        inside.extend(graph.regions[r].args.iter().copied());
        for n in &graph.regions[r].nodes {
            inside.extend(graph.nodes[*n].results.iter().copied());
        }
    });
    let mut moved = Vec::new();
    for id in &graph.regions[region].nodes {
        let node = &graph.nodes[*id];
        let free = node.operands.iter().all(|v| !inside.contains(v));
        if free && node.regions.is_empty() && !node.op.is_effect() && node_fails(graph, *id) != Fails::Value {
            node.results.iter().for_each(|v| {
                inside.remove(v);
            });
            moved.push(*id);
        }
    }
    moved
}
