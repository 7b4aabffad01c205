//! Passes: graph to equal graph, each one file and one function. Only `relax` changes roundings, where the user
//! allowed it.
//!
//! A pass may assume inferred types and keeps them true. "Equal" means equal results, and an error
//! wherever the source has one. A pass may let an op that fails by shape run earlier than the
//! source says, or in a loop that makes no trip; the runtime answers any error of an optimised run
//! by running the graph as it was written, and that run decides. No pass drops an op that can fail.

mod cse;
mod dce;
mod expand;
mod fold;
mod fuse;
mod licm;
mod relax;
mod siblings;
mod simplify;
mod unroll;

pub use cse::cse;
pub use dce::dce;
pub use expand::expand;
pub use fold::fold;
pub use fuse::fuse;
pub(crate) use fuse::fusible;
pub use licm::licm;
pub use relax::relax;
pub use simplify::simplify;
pub use unroll::unroll;

use crate::graph::Graph;
use crate::ids::{Id, NodeId, RegionId, ValueId};
use crate::ops::{Fails, fails};
use crate::types::Type;

/// A pass: says how many changes it made.
pub type Pass = fn(&mut Graph) -> usize;

/// The passes in the order in which they run, by name.
pub const PIPELINE: &[(&str, Pass)] = &[
    ("fold", fold),
    ("simplify", simplify),
    ("cse", cse),
    ("dce", dce),
    ("expand", expand),
    ("relax", relax),
    ("licm", licm),
    ("unroll", unroll),
    ("fold", fold),
    ("simplify", simplify),
    ("cse", cse),
    ("dce", dce),
    ("fuse", fuse),
];

/// In which way a node can fail.
pub fn node_fails(graph: &Graph, node: NodeId) -> Fails {
    let node = &graph.nodes[node];
    let operands: Vec<Type> = node.operands.iter().map(|v| graph.ty(*v).clone()).collect();
    let listed = fails(node.op, &operands, &node.attrs);
    if listed != Fails::Shape {
        return listed;
    }
    match crate::ops::shape::infer(node.op, &operands, &[], &node.attrs) {
        Ok(shape) if shape.sure => Fails::Never,
        _ => Fails::Shape,
    }
}

/// Which values stand for which others.
struct Renaming {
    to: Vec<ValueId>,
    changes: usize,
}

impl Renaming {
    fn new(graph: &Graph) -> Renaming {
        Renaming { to: graph.values.ids().collect(), changes: 0 }
    }

    fn rename(&mut self, from: ValueId, to: ValueId) {
        self.to[from.index()] = self.find(to);
        self.changes += 1;
    }

    fn find(&self, mut value: ValueId) -> ValueId {
        while self.to.get(value.index()).is_some_and(|next| *next != value) {
            value = self.to[value.index()];
        }
        value
    }

    fn apply(&self, graph: &mut Graph) {
        if self.changes > 0 {
            graph.replace_uses(|v| self.find(v));
        }
    }
}

/// Replaces a node by the nodes of one of its regions, in their place.
fn splice(graph: &mut Graph, parent: RegionId, node: NodeId, inner: RegionId) {
    let nodes = std::mem::take(&mut graph.regions[inner].nodes);
    let list = &mut graph.regions[parent].nodes;
    if let Some(at) = list.iter().position(|n| *n == node) {
        list.splice(at..=at, nodes);
    }
}
