//! The recordings of a traced function in place of its call in a script.
//!
//! `call` becomes the recordings of the signatures that fit, under conditions for what the types at hand do not
//! tell, with the guards as branches; the call stays where no recording fits.

use std::collections::HashMap;

use jit_ir::merge::{Merged, Miss, merge};
use jit_ir::{Attrs, Copier, Graph, Node, Op, RegionId, Scalar, Type, ValueId};

use super::cache::{State, Tree as Signed};
use super::fit::{Fit, packed};
use super::function::TraceFn;
use super::limits::{MAX_INLINED, MAX_INLINED_GUARDS, MAX_INLINED_NODES, MAX_RENEWALS};
use super::step::{Step, find};
use super::warn::warn;
use crate::error::Place;

/// The traced functions that a plan calls, with their versions when it was made.
#[derive(Default)]
pub(crate) struct Uses {
    functions: Vec<(&'static TraceFn, u64)>,
    /// Whether their recordings are in it.
    inlined: bool,
}

impl Uses {
    pub(crate) fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// Whether one of the functions has other recordings by now than those in the plan.
    pub(crate) fn is_stale(&self) -> bool {
        self.inlined && self.functions.iter().any(|(f, version)| f.version() != *version)
    }
}

/// Recordings inside recordings are inlined so deep.
const MAX_DEPTH: usize = 8;

/// A typed graph with the recordings that its calls have, if it calls traced functions. One that has been made anew
/// too often keeps its calls.
pub(crate) fn expand(graph: &Graph, renewals: usize) -> Option<(Graph, Uses)> {
    if graph.count_ops(Op::Call) == 0 {
        return None;
    }
    let mut out = Graph::new(graph.name.as_str());
    let body = out.body;
    for param in graph.params() {
        let value = &graph.values[*param];
        out.arg(body, value.ty.clone(), value.name.as_deref());
    }
    let params = out.params().to_vec();
    let mut uses = Uses { functions: Vec::new(), inlined: renewals < MAX_RENEWALS };
    if !uses.inlined {
        let first = graph.nodes.ids().find(|id| graph.nodes[*id].op == Op::Call);
        let at = first.and_then(|id| graph.nodes[id].location.as_ref()).map(Place::from);
        let reason =
            format!("compiled {MAX_RENEWALS} times as a traced function that it calls was recorded again");
        let advice = "it calls that function from now on, which is slower; write it as `#[script]`, or pass what changes \
                      as a tensor";
        warn(&graph.name, "renewed", at.as_ref(), &reason, advice);
    }
    let mut inliner =
        Inliner { source: graph, uses: &mut uses, constants: jit_ir::infer::constants(graph), depth: 0 };
    let mut copier = Copier::new(graph, &mut out, &params);
    let results = copier.body(body, &mut |g, r, node, operands| inliner.call(g, r, node, operands));
    out.regions[body].results = results;
    out.result_types = graph.result_types.clone();
    Some((out, uses))
}

struct Inliner<'a> {
    /// The graph that is copied.
    source: &'a Graph,
    uses: &'a mut Uses,
    constants: HashMap<ValueId, Scalar>,
    depth: usize,
}

/// A signature that a call may have, and what must hold for it.
struct Candidate {
    merged: Merged,
    fit: Fit,
}

impl Inliner<'_> {
    /// The results of a call by the recordings that fit; `None` leaves the call.
    fn call(
        &mut self,
        graph: &mut Graph,
        region: RegionId,
        node: &Node,
        operands: &[ValueId],
    ) -> Option<Vec<ValueId>> {
        let name = node.attrs.text.as_deref()?;
        let step = find(name)?;
        let function = step.function();
        let functions = &mut self.uses.functions;
        if !functions.iter().any(|(known, _)| std::ptr::eq(*known, function)) {
            functions.push((function, function.version()));
        }
        // Each call of a checked function is to be counted and compared.
        if !self.uses.inlined || self.depth >= MAX_DEPTH || function.check_every > 0 || !is_inlinable(step) {
            return None;
        }
        let types: Vec<Type> = node.operands.iter().map(|v| self.source.ty(*v).clone()).collect();
        let known: Vec<Option<Scalar>> =
            node.operands.iter().map(|v| self.constants.get(v).copied()).collect();
        let snapshot = function.cache.load();
        let fitting = snapshot.trees().iter().filter_map(|tree| candidate(tree, step, &types, &known, name));
        let candidates: Vec<Candidate> = fitting.take(MAX_INLINED).collect();
        if candidates.is_empty() {
            return None;
        }
        Some(self.choose(graph, region, node, operands, &candidates))
    }

    /// The types of a node's results.
    fn types(&self, node: &Node) -> Vec<Type> {
        node.results.iter().map(|v| self.source.ty(*v).clone()).collect()
    }

    /// The first candidate whose conditions hold, or the call.
    fn choose(
        &mut self,
        graph: &mut Graph,
        region: RegionId,
        node: &Node,
        operands: &[ValueId],
        candidates: &[Candidate],
    ) -> Vec<ValueId> {
        let Some((first, rest)) = candidates.split_first() else {
            return call(graph, region, node, operands, self.types(node));
        };
        let Some(condition) = first.fit.condition(graph, region, operands) else {
            return self.recordings(graph, region, node, operands, first);
        };
        let (types, at) = (self.types(node), node.location.clone());
        let branch = graph.push(region, Op::If, vec![condition], Attrs::default(), types, at);
        let (then, other) = (graph.region(), graph.region());
        graph.nodes[branch].regions = vec![then, other];
        graph.regions[then].results = self.recordings(graph, then, node, operands, first);
        graph.regions[other].results = self.choose(graph, other, node, operands, rest);
        graph.nodes[branch].results.clone()
    }

    /// The recordings of one signature; where none fits the function is called.
    fn recordings(
        &mut self,
        graph: &mut Graph,
        region: RegionId,
        node: &Node,
        operands: &[ValueId],
        candidate: &Candidate,
    ) -> Vec<ValueId> {
        let source = &candidate.merged.graph;
        let args = candidate.fit.tensors(graph, region, operands);
        let (own, types) = (node.attrs.text.clone(), self.types(node));
        let mut inner = Inliner {
            source,
            uses: self.uses,
            constants: jit_ir::infer::constants(source),
            depth: self.depth + 1,
        };
        Copier::new(source, graph, &args).body(region, &mut |g, r, n, ops| {
            if n.attrs.text == own {
                Some(call(g, r, node, operands, types.clone()))
            } else {
                inner.call(g, r, n, ops)
            }
        })
    }
}

/// Whether arguments and result hold none of the user's own types, which no graph knows.
pub(super) fn is_inlinable(step: &Step) -> bool {
    let (params, result) = step.trees();
    params.iter().chain([&result]).all(|tree| {
        let mut known = true;
        tree.each(&mut |ty| known &= !is_own(ty));
        known
    })
}

fn is_own(ty: &Type) -> bool {
    match ty {
        Type::List(element) => is_own(element),
        other => *other == Type::Opaque,
    }
}

/// A signature's recordings, if a call's operands may have it.
fn candidate(
    tree: &Signed,
    step: &Step,
    types: &[Type],
    known: &[Option<Scalar>],
    name: &str,
) -> Option<Candidate> {
    let State::Replayed(replay) = &tree.state else { return None };
    let (params, result) = step.trees();
    let fit = Fit::new(&params, &tree.signature.parts, types, known)?;
    let freeze = step.function().freeze;
    let settled = replay.paths.iter().filter(|p| p.check.is_done() || freeze);
    let graphs: Vec<Graph> = settled.map(|p| packed(&p.graph, &result)).collect::<Option<_>>()?;
    let nodes: usize = graphs.iter().map(Graph::node_count).sum();
    let guards = graphs.iter().map(|g| g.count_ops(Op::Guard)).max()?;
    if nodes > MAX_INLINED_NODES || guards > MAX_INLINED_GUARDS {
        return None;
    }
    let merged = merge(&graphs.iter().collect::<Vec<_>>(), false, Miss::Call(name));
    // Paths whose results have types with nothing in common are not joined.
    merged.places.iter().all(|p| p.start == 0).then_some(Candidate { merged, fit })
}

/// The call itself.
fn call(
    graph: &mut Graph,
    region: RegionId,
    node: &Node,
    operands: &[ValueId],
    types: Vec<Type>,
) -> Vec<ValueId> {
    let (attrs, at) = (node.attrs.clone(), node.location.clone());
    let call = graph.push(region, Op::Call, operands.to_vec(), attrs, types, at);
    graph.nodes[call].results.clone()
}
