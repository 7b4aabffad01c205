//! `cse`: a node that repeats an earlier one is replaced by it.

use std::collections::HashMap;

use super::Renaming;
use crate::graph::Graph;
use crate::ids::{RegionId, ValueId};
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
        let outer = self.seen.clone();
        for id in graph.regions[region].nodes.clone() {
            let node = graph.nodes[id].clone();
            for inner in &node.regions {
                self.region(graph, *inner);
            }
            if node.op.has_regions() || node.op.is_effect() || node.op == Op::Undef {
                continue;
            }
            let operands: Vec<ValueId> = node.operands.iter().map(|v| self.renaming.find(*v)).collect();
            let key = (node.op, operands, attrs_key(graph, &node));
            match self.seen.get(&key) {
                Some(first) => {
                    self.renaming.rename(node.results[0], *first);
                    graph.regions[region].nodes.retain(|n| *n != id);
                }
                None => {
                    self.seen.insert(key, node.results[0]);
                }
            }
        }
        self.seen = outer;
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
    format!("{:?} {} {:?} {:?} {value}", a.axes, a.keep, a.dtype, a.text)
}
