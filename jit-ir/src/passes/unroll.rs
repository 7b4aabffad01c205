//! `unroll`: a loop of a few trips, whose number is known, becomes these trips, so that they fuse with each other and with what
//! is around.

use std::collections::HashMap;

use super::Renaming;
use crate::copy::Copier;
use crate::data::{Const, Scalar};
use crate::graph::{Graph, Node};
use crate::ids::{NodeId, RegionId, ValueId};
use crate::infer::constants;
use crate::ops::{Attrs, Op};
use crate::scalar::ScalarLoop;
use crate::types::Type;

/// Trips at most.
const TRIPS: usize = 8;
/// Ops of all trips together at most: a kernel is compiled for them.
const OPS: usize = 64;
/// As many ops an approximated function counts for.
const APPROXIMATED: usize = 8;

/// Replaces counted loops over tensors by their trips, inner ones first.
pub fn unroll(graph: &mut Graph) -> usize {
    let known = constants(graph);
    let mut renaming = Renaming::new(graph);
    for region in graph.all_regions().into_iter().rev() {
        let before = renaming.changes;
        for id in graph.regions[region].nodes.clone() {
            if let Some(trips) = trips(graph, &graph.nodes[id], &known) {
                replace(graph, region, id, trips, &mut renaming);
            }
        }
        // A loop around copies what it reads by its names.
        if renaming.changes > before {
            renaming.apply(graph);
        }
    }
    renaming.changes
}

/// How many trips a loop makes, if it is one that is replaced by them.
fn trips(graph: &Graph, node: &Node, known: &HashMap<ValueId, Scalar>) -> Option<usize> {
    if node.op != Op::Loop || !node.attrs.keep {
        return None;
    }
    let trips = usize::try_from(known.get(node.operands.first()?)?.as_i64()).ok()?;
    let [condition, body] = node.regions[..] else { return None };
    let goes_on = graph.regions[condition].results.first().and_then(|v| known.get(v));
    if trips > TRIPS || !matches!(goes_on, Some(Scalar::Bool(true))) {
        return None;
    }
    let small = ops(graph, body)?.saturating_mul(trips) <= OPS;
    // Scalar code runs best as a loop.
    let over_tensors = || node.results.iter().any(|v| matches!(graph.ty(*v), Type::Tensor(..)));
    (small && over_tensors() && ScalarLoop::of(graph, node).is_none()).then_some(trips)
}

/// How many ops a region holds; `None` if there is a loop or a call among them.
fn ops(graph: &Graph, region: RegionId) -> Option<usize> {
    let mut count = 0;
    for id in &graph.regions[region].nodes {
        let node = &graph.nodes[*id];
        count += match node.op {
            Op::Const => 0,
            Op::Loop | Op::Call => return None,
            op if op.info().approx => APPROXIMATED,
            _ => 1,
        };
        for inner in &node.regions {
            count += ops(graph, *inner)?;
        }
    }
    Some(count)
}

/// Puts the trips in a loop's place.
fn replace(graph: &mut Graph, region: RegionId, id: NodeId, trips: usize, renaming: &mut Renaming) {
    let node = graph.nodes[id].clone();
    let body = graph.regions[node.regions[1]].clone();
    let Type::Scalar(dtype) = *graph.ty(body.args[0]) else { return };
    let place = graph.region();
    let mut carried = node.operands[1..].to_vec();
    for trip in 0..trips {
        let value = Const::Scalar(Scalar::Usize(trip).cast(dtype));
        let attrs = Attrs { value: Some(value), ..Attrs::default() };
        let counter = graph.push(place, Op::Const, vec![], attrs, vec![Type::Scalar(dtype)], None);
        let counter = graph.nodes[counter].results[0];
        let given = std::iter::once(counter).chain(carried);
        let mut trip = Copier::within(graph, body.args.iter().copied().zip(given).collect());
        for node in &body.nodes {
            trip.node(*node, place, &mut |_, _, _, _| None);
        }
        carried = trip.values(&body.results);
    }
    for (result, value) in node.results.iter().zip(carried) {
        renaming.rename(*result, value);
    }
    super::splice(graph, region, id, place);
}
