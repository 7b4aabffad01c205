//! Loops over host scalars and elements of tensors alone, which run as scalar code.

mod form;
mod storage;

use std::collections::{BTreeMap, HashSet};

use crate::data::{Const, Scalar};
use crate::graph::{Graph, Node};
use crate::ids::{RegionId, ValueId};
use crate::ops::Op;
use crate::types::Type;
pub use form::form;
pub use storage::Slots;

/// A loop over scalars and elements, its tensors each in one place.
pub struct ScalarLoop {
    /// Values of the regions around that the loop's regions read; constants are not among them.
    pub outside: Vec<ValueId>,
    /// The constants among the loop's operands, and those that its regions read, wherever they stand.
    pub constants: BTreeMap<ValueId, Scalar>,
    /// The host scalars that it is given, each once: operands, then values from outside.
    pub scalars: Vec<ValueId>,
    /// Where its tensors are.
    pub slots: Slots,
}

impl ScalarLoop {
    /// A `loop` node as such a loop, if it is one.
    pub fn of(graph: &Graph, node: &Node) -> Option<ScalarLoop> {
        if node.op != Op::Loop || !node.regions.iter().all(|r| is_scalar_code(graph, *r)) {
            return None;
        }
        let slots = storage::storage(graph, node)?;
        let (inside, read) = reads(graph, node);
        let all: HashSet<ValueId> = read.iter().chain(&node.operands).copied().collect();
        let mut constants = BTreeMap::new();
        for n in graph.nodes.ids().map(|id| &graph.nodes[id]).filter(|n| n.op == Op::Const) {
            if let (Some(Const::Scalar(s)), Some(v)) = (&n.attrs.value, n.results.first())
                && all.contains(v)
            {
                constants.insert(*v, *s);
            }
        }
        // A scalar that is an operand, too, is there already.
        let scalar = |v: &&ValueId| graph.ty(**v).is_scalar();
        let mut seen: HashSet<ValueId> = node.operands.iter().filter(scalar).copied().collect();
        let given = |v: &ValueId| !inside.contains(v) && !constants.contains_key(v);
        let outside: Vec<ValueId> = read.into_iter().filter(|v| given(v) && seen.insert(*v)).collect();
        let mut scalars: Vec<ValueId> = Vec::new();
        for value in node.operands.iter().chain(&outside) {
            match graph.ty(*value) {
                Type::Scalar(_) if !constants.contains_key(value) && !scalars.contains(value) => {
                    scalars.push(*value);
                }
                Type::Scalar(_) | Type::Tensor(..) => {}
                _ => return None,
            }
        }
        Some(ScalarLoop { outside, constants, scalars, slots })
    }
}

/// The values that a loop's regions make, and those that they read, in order.
fn reads(graph: &Graph, node: &Node) -> (HashSet<ValueId>, Vec<ValueId>) {
    let (mut inside, mut read) = (HashSet::new(), Vec::new());
    for region in &node.regions {
        graph.visit_regions(*region, &mut |r| {
            let region = &graph.regions[r];
            inside.extend(region.args.iter().copied());
            read.extend(region.results.iter().copied());
            for node in region.nodes.iter().map(|n| &graph.nodes[*n]) {
                inside.extend(node.results.iter().copied());
                read.extend(node.operands.iter().copied());
            }
        });
    }
    (inside, read)
}

/// Whether a region computes on scalars and elements alone.
fn is_scalar_code(graph: &Graph, region: RegionId) -> bool {
    let scalar = |v: &ValueId| graph.ty(*v).is_scalar();
    let tensor = |v: &ValueId| graph.ty(*v).is_tensor();
    graph.regions[region].nodes.iter().map(|n| &graph.nodes[*n]).all(|node| match node.op {
        Op::If | Op::Loop => node.regions.iter().all(|r| is_scalar_code(graph, *r)),
        Op::Const => matches!(node.attrs.value, Some(Const::Scalar(_))),
        Op::Undef => scalar(&node.results[0]),
        Op::Assert => true,
        Op::Index | Op::SetIndex => tensor(&node.operands[0]) && node.operands[1..].iter().all(scalar),
        Op::Item => tensor(&node.operands[0]) && scalar(&node.results[0]),
        Op::Dim | Op::Len => tensor(&node.operands[0]),
        op if op.is_elementwise() || matches!(op, Op::Host | Op::Powi) => {
            node.operands.iter().chain(&node.results).all(scalar)
        }
        _ => false,
    })
}
