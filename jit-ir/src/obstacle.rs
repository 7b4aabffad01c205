//! Why a loop has no kernel with its trips inside, for those who ask.

use std::collections::HashSet;

use crate::graph::{Graph, Node};
use crate::ids::ValueId;
use crate::ops::{Class, Op};
use crate::passes::fusible;

/// Why a loop is neither a [`Trips`](crate::trips::Trips) nor an [`Until`](crate::until::Until): the first thing found in
/// it that those do not have.
pub fn of_loop(graph: &Graph, node: &Node) -> String {
    let nodes = inside(graph, node);
    let said = |n: &Node, what: &str| match &n.location {
        Some(at) => format!("`{}` at {at} {what}", n.op.name()),
        None => format!("`{}` {what}", n.op.name()),
    };
    if let Some(other) = nodes.iter().find(|n| is_more(n)) {
        return said(other, "is no elementwise op");
    }
    if let Some(inner) = nodes.iter().find(|n| n.op == Op::Loop) {
        return said(inner, "stands in it");
    }
    let decides = |n: &&&Node| n.op.info().class == Class::Reduce;
    let asked = |n: &Node| matches!(n.op, Op::Any | Op::All | Op::Max | Op::Min) && n.attrs.axes.is_none();
    if let Some(fold) = nodes.iter().filter(decides).find(|n| !asked(n)) {
        return said(
            fold,
            "takes all elements together; whether there is another trip can be asked of each element by `any`, `all`, \
             `max` and `min`",
        );
    }
    let computes = |n: &&&Node| n.op.is_elementwise() && graph.ty(n.results[0]).is_tensor();
    if let Some(failing) = nodes.iter().filter(computes).find(|n| !fusible(graph, n)) {
        return said(failing, "can fail by the values that it meets");
    }
    let changing = changing(graph, node, &nodes);
    let takes_part = |n: &&&Node| n.operands.iter().any(|v| changing.contains(v));
    if let Some(reader) = nodes.iter().filter(computes).find(takes_part) {
        return said(reader, "reads a host number that changes from trip to trip");
    }
    let chooses = |n: &&&Node| n.op == Op::If && n.results.iter().any(|v| graph.ty(*v).is_tensor());
    if let Some(choice) = nodes.iter().find(chooses) {
        return said(choice, "chooses between tensors; a `break` has to come first in a trip");
    }
    let body = &graph.regions[node.regions[1]];
    let carried = &body.args[usize::from(node.attrs.keep)..];
    let moves = body.results.iter().zip(carried).any(|(v, own)| v != own && carried.contains(v));
    let why = match nodes.iter().any(|n| computes(&n)) {
        _ if moves => "a trip leaves a variable with the value that another one had",
        true => {
            "its condition, or a host number that it carries, is of another form than kernels are written for"
        }
        false => "its trips compute no tensors",
    };
    why.into()
}

/// The nodes of a loop, those of groups and branches included.
fn inside<'g>(graph: &'g Graph, node: &Node) -> Vec<&'g Node> {
    let mut found = Vec::new();
    for region in &node.regions {
        graph.visit_regions(*region, &mut |r| {
            found.extend(graph.regions[r].nodes.iter().map(|id| &graph.nodes[*id]));
        });
    }
    found
}

/// Whether a node is neither elementwise nor what decides about trips.
fn is_more(node: &Node) -> bool {
    let control = matches!(node.op, Op::Const | Op::Undef | Op::Fused | Op::If | Op::Loop | Op::Item);
    !(control
        || node.op.is_elementwise()
        || matches!(node.op, Op::Host | Op::Powi | Op::Assert)
        || node.op.info().class == Class::Reduce)
}

/// Host scalars that are others in each trip: the counter, those carried, and what is computed from them.
fn changing(graph: &Graph, node: &Node, nodes: &[&Node]) -> HashSet<ValueId> {
    let args = node.regions.iter().flat_map(|r| &graph.regions[*r].args);
    let mut found: HashSet<ValueId> = args.filter(|v| graph.ty(**v).is_scalar()).copied().collect();
    for made in nodes {
        let host = made.results.iter().all(|v| graph.ty(*v).is_scalar());
        if host && made.op.is_elementwise() && made.operands.iter().any(|v| found.contains(v)) {
            found.extend(&made.results);
        }
    }
    found
}
