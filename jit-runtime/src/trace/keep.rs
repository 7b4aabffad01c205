//! A run of the body becomes a recording of its signature.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use jit_ir::merge::{Difference, Miss, Relation, merge, relation};
use jit_ir::{Const, Graph, Op};

use super::cache::{Check, Recorded, Replay, Slot, State};
use super::function::TraceFn;
use super::limits::MAX_FUTILE;
use super::record::{Recording, Spoiled};
use super::report::{self, Guard};
use super::warn::warn;
use crate::compile;
use crate::error::{Error, Place, Result};
use crate::script::{Inputs, Results, Returns, is_leaf};
use crate::tensor::Any;
use crate::tensor::raw::Val;

/// What a run of the body left.
pub(super) struct Run<R> {
    pub(super) result: R,
    /// The values that the result consists of.
    pub(super) values: Vec<Val>,
    pub(super) graph: std::result::Result<Graph, Spoiled>,
}

/// Closes a recording when the body unwinds.
struct Closing(Arc<Recording>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Why a signature's calls run as they are.
pub(super) struct Reason<'a> {
    pub(super) kind: &'a str,
    pub(super) what: String,
    pub(super) at: Option<Place>,
    pub(super) advice: &'a str,
}

pub(super) const CHANGING: &str =
    "what a body depends on is passed as an argument; write a random tensor with a `Key`";

impl TraceFn {
    /// Runs the body while its ops are recorded.
    pub(super) fn record<R: Returns>(&self, vals: &[Val], traced: &dyn Fn(&mut Inputs) -> R) -> Run<R> {
        let start = Instant::now();
        let recording = Recording::start(report::graph_name(&self.name), self.strict);
        let closing = Closing(recording.clone());
        // Names fit where no parameter is a tuple.
        let named = (vals.len() == self.params().len()).then_some(self.params());
        let tensors = vals.iter().enumerate().filter(|(_, v)| is_leaf(v));
        let inputs: Vec<Any> =
            tensors.map(|(i, v)| recording.input(v.clone(), named.map(|n| n[i]))).collect();
        let result = traced(&mut Inputs(inputs.into_iter()));
        let mut results = Results::default();
        result.collect(&mut results);
        let made: Vec<Any> = results.0.iter().filter(|a| !matches!(a.val, Val::Opaque(_))).cloned().collect();
        let graph = recording.finish(&made).map(|graph| self.frozen(graph));
        drop(closing);
        let values = results.0.into_iter().map(|a| a.val).collect();
        self.nanos[0].fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        Run { result, values, graph }
    }

    /// A frozen function's recording without its guards.
    fn frozen(&self, mut graph: Graph) -> Graph {
        if !self.freeze {
            return graph;
        }
        let guards: Vec<Guard> = report::guards(&graph);
        if let Some(first) = guards.first() {
            let lines: Vec<String> = guards.iter().map(|g| g.at.to_string()).collect();
            let what =
                format!("what it does on the values seen at {} is kept for all others", lines.join(", "));
            let advice = "remove `freeze` to have each path recorded, or write the branch as `#[script]`";
            warn(&self.name, "frozen", Some(&first.at), &what, advice);
        }
        let body = graph.body;
        let kept: Vec<_> = graph.regions[body].nodes.clone();
        graph.regions[body].nodes =
            kept.into_iter().filter(|n| graph.nodes[*n].op != jit_ir::Op::Guard).collect();
        graph
    }

    /// Adds a recording to those of its signature.
    pub(super) fn keep(
        &self,
        slot: &Arc<Slot>,
        vals: &[Val],
        graph: std::result::Result<Graph, Spoiled>,
        results: &[Val],
    ) {
        let graph = match graph {
            Ok(graph) => graph,
            Err(Spoiled::Path) => {
                if slot.futile.fetch_add(1, Ordering::Relaxed) + 1 == MAX_FUTILE {
                    let reason = format!(
                        "{MAX_FUTILE} recordings in a row were not kept: an op or call in it fails, and the body goes on"
                    );
                    let advice = "what fails cannot be replayed; ask first whether it would, in a `#[script]` function";
                    warn(&self.name, "fails", None, &reason, advice);
                }
                return;
            }
            Err(Spoiled::Function { reason, advice, at }) => {
                return self.give_up(slot, Reason { kind: "spoiled", what: reason, at, advice });
            }
        };
        slot.futile.store(0, Ordering::Relaxed);
        // Again, if somebody else kept a recording meanwhile: the user's `check` and `lower` claim nothing.
        while !self.added(slot, vals, &graph, results) {}
    }

    /// Adds a recording; says whether that is done.
    fn added(&self, slot: &Arc<Slot>, vals: &[Val], graph: &Graph, results: &[Val]) -> bool {
        let Some(tree) = self.cache.tree(slot) else { return true };
        let mut parts = 0;
        for path in tree.paths() {
            match relation(&path.graph, graph) {
                Relation::Same => return true,
                Relation::Parts(at) => parts = parts.max(at),
                Relation::Differs { what, at } => {
                    let what = differs(what, &path.graph, graph);
                    let at = at.as_ref().map(Into::into);
                    self.give_up(slot, Reason { kind: "differs", what, at, advice: CHANGING });
                    return true;
                }
            }
        }
        let parted = if tree.paths().is_empty() { None } else { report::guard_at(graph, parts) };
        let fixed = results.iter().enumerate().filter(|(_, v)| matches!(v, Val::Opaque(_)));
        let recorded = Recorded {
            fixed: fixed.map(|(i, v)| (i, v.clone())).collect(),
            why: parted.as_ref().map_or(tree.why.clone(), |g| format!("{} at {}", g.seen, g.at)),
            parted: parted.map(|g| g.at),
            graph: graph.clone(),
            check: Check::default(),
            runs: AtomicU64::new(0),
        };
        let mut paths = tree.paths().to_vec();
        paths.push(Arc::new(recorded));
        match self.compiled(paths, vals, 0) {
            Ok(replay) => {
                matches!(tree.state, State::Eager(_)) || self.cache.exchange(slot, &tree.state, replay)
            }
            Err(error) => {
                self.uncompiled(slot, &error);
                true
            }
        }
    }

    /// Compiles a signature's recordings anew: a traced function that they call has other ones by now.
    pub(super) fn renew(&self, slot: &Arc<Slot>, old: &Arc<Replay>, vals: &[Val]) {
        match self.compiled(old.paths.clone(), vals, old.compiled.renewals + 1) {
            Ok(replay) => {
                self.cache.exchange(slot, &State::Replayed(old.clone()), replay);
            }
            Err(error) => self.uncompiled(slot, &error),
        }
    }

    fn uncompiled(&self, slot: &Arc<Slot>, error: &Error) {
        let what = format!("its recording cannot be compiled: {error}");
        let at = error.place().cloned();
        self.give_up(slot, Reason { kind: "compile", what, at, advice: "please report this" });
    }

    fn compiled(&self, paths: Vec<Arc<Recorded>>, vals: &[Val], renewals: usize) -> Result<Replay> {
        let start = Instant::now();
        let graphs: Vec<&Graph> = paths.iter().map(|p| &p.graph).collect();
        let merged = merge(&graphs, paths.len() > 1, Miss::Leave);
        let leaves: Vec<Val> = vals.iter().filter(|v| is_leaf(v)).cloned().collect();
        let compiled = compile::renewed(&merged.graph, &leaves, renewals)?;
        self.nanos[1].fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        Ok(Replay { paths, compiled, places: merged.places, full: OnceLock::new() })
    }

    pub(super) fn give_up(&self, slot: &Arc<Slot>, reason: Reason<'_>) {
        let Reason { kind, what, at, advice } = reason;
        let place = at.as_ref().map_or(String::new(), |at| format!(" (at {at})"));
        if self.cache.set(slot, &State::Eager(format!("{what}{place}"))) {
            self.version.fetch_add(1, Ordering::Release);
            warn(&self.name, kind, at.as_ref(), &format!("it runs eagerly from now on: {what}"), advice);
        }
    }
}

/// In what two recordings of the same input differ.
pub(super) fn differs(difference: Difference, first: &Graph, second: &Graph) -> String {
    match difference {
        Difference::Constant => {
            let what = "a constant differs between two runs of the body";
            let values = changed(first, second).map_or(String::new(), |(a, b)| format!(": {a}, then {b}"));
            format!("{what}{values} (a random number, a clock, changed state)")
        }
        Difference::Operation => "two runs of the body do different things for the same input".into(),
        Difference::Length => "two runs of the body do a different number of operations".into(),
    }
}

/// The first constant that differs, in both recordings.
fn changed(first: &Graph, second: &Graph) -> Option<(String, String)> {
    let constants = |graph: &Graph| -> Vec<Const> {
        let nodes = graph.regions[graph.body].nodes.iter().map(|n| &graph.nodes[*n]);
        nodes.filter(|n| n.op == Op::Const).filter_map(|n| n.attrs.value.clone()).collect()
    };
    let shown = |value: &Const| match value {
        Const::Scalar(s) => s.to_string(),
        Const::Tensor(t) if t.len() == 1 => t.get(0).to_string(),
        Const::Tensor(t) => format!("a tensor {}{:?}", t.dtype(), t.shape),
    };
    let (a, b) = (constants(first), constants(second));
    let (a, b) = a.iter().zip(&b).find(|(a, b)| !a.same_bits(b))?;
    let (x, y) = (shown(a), shown(b));
    Some(if x == y { (x, "other elements".into()) } else { (x, y) })
}
