//! `cse`: a node that repeats an earlier one is replaced by it.

use std::collections::{HashMap, HashSet};

use super::Renaming;
use crate::graph::Graph;
use crate::ids::{NodeId, RegionId, ValueId};
use crate::ops::Op;

/// Merges nodes of equal op, operands and attributes, where the first one always runs before.
pub fn cse(graph: &mut Graph) -> usize {
    let mut state = Cse { renaming: Renaming::new(graph), seen: HashMap::new() };
    let body = graph.body;
    state.region(graph, body);
    state.renaming.apply(graph);
    state.renaming.changes
}

type Key = (Op, Vec<ValueId>, String);

struct Cse {
    renaming: Renaming,
    seen: HashMap<Key, ValueId>,
}

impl Cse {
    fn region(&mut self, graph: &mut Graph, region: RegionId) {
        let mut own: Vec<Key> = Vec::new();
        let mut gone: HashSet<NodeId> = HashSet::new();
        for id in graph.regions[region].nodes.clone() {
            for inner in graph.nodes[id].regions.clone() {
                self.region(graph, inner);
            }
            let node = &graph.nodes[id];
            if node.op.has_regions() || node.op.is_effect() || node.op == Op::Undef {
                continue;
            }
            let operands: Vec<ValueId> = node.operands.iter().map(|v| self.renaming.find(*v)).collect();
            let key = (node.op, operands, attrs_key(graph, node));
            match self.seen.get(&key) {
                Some(first) => {
                    self.renaming.rename(node.results[0], *first);
                    gone.insert(id);
                }
                None => {
                    self.seen.insert(key.clone(), node.results[0]);
                    own.push(key);
                }
            }
        }
        graph.regions[region].nodes.retain(|n| !gone.contains(n));
        // What a region makes is not seen outside.
        own.iter().for_each(|key| {
            self.seen.remove(key);
        });
    }
}

/// The attributes as text; constants by type and bits.
fn attrs_key(graph: &Graph, node: &crate::graph::Node) -> String {
    use crate::data::Const;
    let value = match &node.attrs.value {
        Some(Const::Scalar(s)) => format!("{}:{:x}", graph.ty(node.results[0]), s.canonical_bits()),
        Some(Const::Tensor(t)) => format!("{:p}", std::sync::Arc::as_ptr(t)),
        None => String::new(),
    };
    let a = &node.attrs;
    format!("{:?} {} {:?} {:?} {} {value}", a.axes, a.keep, a.dtype, a.text, a.fast)
}
