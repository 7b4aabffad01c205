//! `dce`: what is not used and cannot fail is removed.

use std::collections::HashSet;

use super::node_fails;
use crate::graph::{Graph, Node};
use crate::ids::{NodeId, RegionId, ValueId};
use crate::ops::{Fails, Op};

/// Removes dead nodes, dead results of `if`s and dead carried values of loops.
pub fn dce(graph: &mut Graph) -> usize {
    let mut live = Live { values: HashSet::new(), grown: true };
    while live.grown {
        live.grown = false;
        let body = graph.body;
        for v in graph.regions[body].results.clone() {
            live.mark(v);
        }
        live.region(graph, body);
    }
    let body = graph.body;
    sweep(graph, body, &live.values)
}

struct Live {
    values: HashSet<ValueId>,
    grown: bool,
}

impl Live {
    fn mark(&mut self, value: ValueId) {
        self.grown |= self.values.insert(value);
    }

    fn any(&self, values: &[ValueId]) -> bool {
        values.iter().any(|v| self.values.contains(v))
    }

    /// Marks what the kept nodes of a region need; says whether one must stay for its own sake.
    fn region(&mut self, graph: &Graph, region: RegionId) -> bool {
        let mut pinned = false;
        for id in graph.regions[region].nodes.iter().rev() {
            let node = &graph.nodes[*id];
            let stays = match node.op {
                Op::If => self.branch(graph, node),
                Op::Loop => self.repeat(graph, node),
                _ => self.plain(graph, *id, node),
            };
            pinned |= stays;
        }
        pinned
    }

    fn plain(&mut self, graph: &Graph, id: NodeId, node: &Node) -> bool {
        let stays = must_stay(graph, id);
        if stays || self.any(&node.results) {
            node.operands.iter().for_each(|v| self.mark(*v));
        }
        if let [inner] = node.regions[..] {
            graph.regions[inner].results.iter().for_each(|v| self.mark(*v));
            self.region(graph, inner);
        }
        stays
    }

    fn branch(&mut self, graph: &Graph, node: &Node) -> bool {
        for (i, result) in node.results.iter().enumerate() {
            if self.values.contains(result) {
                node.regions.iter().for_each(|r| self.mark(graph.regions[*r].results[i]));
            }
        }
        let mut stays = false;
        for region in &node.regions {
            stays |= self.region(graph, *region);
        }
        if stays || self.any(&node.results) {
            self.mark(node.operands[0]);
        }
        stays
    }

    fn repeat(&mut self, graph: &Graph, node: &Node) -> bool {
        let counted = usize::from(node.attrs.keep);
        let [condition, body] = [&graph.regions[node.regions[0]], &graph.regions[node.regions[1]]];
        let pinned = self.region(graph, node.regions[1]) | self.region(graph, node.regions[0]);
        // A loop without a count may run for ever, which is a result too.
        let stays = pinned || counted == 0;
        if !stays && !self.any(&node.results) {
            return false;
        }
        self.mark(condition.results[0]);
        if counted == 1 {
            self.mark(node.operands[0]);
        }
        for i in 0..node.results.len() {
            let places = [node.results[i], condition.args[i], body.args[i + counted]];
            if self.any(&places) {
                places.iter().for_each(|v| self.mark(*v));
                self.mark(body.results[i]);
                self.mark(node.operands[i + counted]);
            }
        }
        stays
    }
}

fn must_stay(graph: &Graph, id: NodeId) -> bool {
    graph.nodes[id].op.is_effect() || graph.nodes[id].op == Op::Alike || node_fails(graph, id) != Fails::Never
}

/// Whether a region holds a node that must stay.
fn pinned(graph: &Graph, region: RegionId) -> bool {
    graph.regions[region].nodes.iter().any(|id| {
        let node = &graph.nodes[*id];
        match node.op {
            Op::If => node.regions.iter().any(|r| pinned(graph, *r)),
            Op::Loop => !node.attrs.keep || node.regions.iter().any(|r| pinned(graph, *r)),
            _ => must_stay(graph, *id),
        }
    })
}

fn sweep(graph: &mut Graph, region: RegionId, live: &HashSet<ValueId>) -> usize {
    let mut changes = 0;
    let mut gone: HashSet<NodeId> = HashSet::new();
    for id in graph.regions[region].nodes.clone() {
        let node = graph.nodes[id].clone();
        let used = node.results.iter().any(|v| live.contains(v));
        let stays = match node.op {
            Op::If => node.regions.iter().any(|r| pinned(graph, *r)),
            Op::Loop => !node.attrs.keep || node.regions.iter().any(|r| pinned(graph, *r)),
            _ => must_stay(graph, id),
        };
        if !used && !stays {
            gone.insert(id);
            changes += 1;
            continue;
        }
        changes += drop_results(graph, id, &node, live);
        for inner in &node.regions {
            changes += sweep(graph, *inner, live);
        }
    }
    graph.regions[region].nodes.retain(|n| !gone.contains(n));
    changes
}

/// Removes dead results of an `if` and dead carried values of a loop.
fn drop_results(graph: &mut Graph, id: NodeId, node: &Node, live: &HashSet<ValueId>) -> usize {
    if !matches!(node.op, Op::If | Op::Loop) {
        return 0;
    }
    let counted = usize::from(node.attrs.keep);
    let mut dropped = 0;
    for i in (0..node.results.len()).rev() {
        let dead = match node.op {
            Op::If => !live.contains(&node.results[i]),
            _ => {
                let args = [
                    graph.regions[node.regions[0]].args[i],
                    graph.regions[node.regions[1]].args[i + counted],
                ];
                !live.contains(&node.results[i]) && args.iter().all(|v| !live.contains(v))
            }
        };
        if !dead {
            continue;
        }
        dropped += 1;
        graph.nodes[id].results.remove(i);
        if node.op == Op::If {
            node.regions.iter().for_each(|r| {
                graph.regions[*r].results.remove(i);
            });
        } else {
            graph.nodes[id].operands.remove(i + counted);
            graph.regions[node.regions[0]].args.remove(i);
            graph.regions[node.regions[1]].args.remove(i + counted);
            graph.regions[node.regions[1]].results.remove(i);
        }
    }
    dropped
}
