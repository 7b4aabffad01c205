//! `unroll`: a loop of a few trips, whose number is known, becomes these trips, so that they fuse with each other and with what
//! is around.

use std::collections::HashMap;

use super::Renaming;
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
        for id in graph.regions[region].nodes.clone() {
            if let Some(trips) = trips(graph, &graph.nodes[id], &known) {
                replace(graph, region, id, trips, &mut renaming);
            }
        }
    }
    renaming.apply(graph);
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
        let mut copy = Copy { graph, renaming, map: HashMap::new() };
        copy.map.insert(body.args[0], copy.graph.nodes[counter].results[0]);
        copy.map.extend(body.args[1..].iter().copied().zip(carried));
        for node in &body.nodes {
            copy.node(*node, place);
        }
        carried = body.results.iter().map(|v| copy.value(*v)).collect();
    }
    for (result, value) in node.results.iter().zip(carried) {
        renaming.rename(*result, value);
    }
    super::splice(graph, region, id, place);
}

/// A copy of a trip.
struct Copy<'a> {
    graph: &'a mut Graph,
    renaming: &'a Renaming,
    /// What stands for the values of the trip.
    map: HashMap<ValueId, ValueId>,
}

impl Copy<'_> {
    fn value(&self, value: ValueId) -> ValueId {
        let value = self.renaming.find(value);
        self.map.get(&value).copied().unwrap_or(value)
    }

    fn node(&mut self, id: NodeId, region: RegionId) {
        let Node { op, operands, results, attrs, regions, location } = self.graph.nodes[id].clone();
        let operands = operands.iter().map(|v| self.value(*v)).collect();
        let types = results.iter().map(|v| self.graph.ty(*v).clone()).collect();
        let copy = self.graph.push(region, op, operands, attrs, types, location);
        let made = self.graph.nodes[copy].results.clone();
        self.map.extend(results.into_iter().zip(made));
        let regions = regions.iter().map(|inner| self.region(*inner)).collect();
        self.graph.nodes[copy].regions = regions;
    }

    fn region(&mut self, region: RegionId) -> RegionId {
        let of = self.graph.regions[region].clone();
        let copy = self.graph.region();
        for arg in &of.args {
            let ty = self.graph.ty(*arg).clone();
            let new = self.graph.arg(copy, ty, None);
            self.map.insert(*arg, new);
        }
        of.nodes.iter().for_each(|node| self.node(*node, copy));
        self.graph.regions[copy].results = of.results.iter().map(|v| self.value(*v)).collect();
        copy
    }
}
