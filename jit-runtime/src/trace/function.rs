//! A traced function: a call replays a recording whose guards hold, or records.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jit_ir::Graph;
use jit_ir::merge::{Difference, Miss, Relation, merge, relation};

use super::cache::{Cache, Met, Recorded, Replay, Slot, State, Tree};
use super::limits::{MAX_FUTILE, MAX_KEPT_BYTES, MAX_NODES, MAX_PATHS, MAX_SIGNATURES, MAX_TREE_NODES};
use super::record::{Recording, Spoiled, is_recording};
use super::report::{self, Guard, Path, TraceStats};
use super::signature::Signature;
use super::warn::warn;
use crate::compile::{self, argument_types};
use crate::error::{Error, Place, Result, catch};
use crate::exec::run::Halt;
use crate::script::{Inputs, Outputs, Results, Returns, is_eager, is_leaf};
use crate::tensor::Any;
use crate::tensor::raw::Val;

/// One call of a traced function: its arguments and its body.
pub(crate) struct Call<'a, R> {
    /// The values of the arguments.
    pub(crate) values: &'a dyn Fn() -> Vec<Val>,
    /// Their names.
    pub(crate) names: &'a dyn Fn(&[Val]) -> Vec<String>,
    /// Runs the body with the tensors of a recording.
    pub(crate) traced: &'a dyn Fn(&mut Inputs) -> R,
    /// Runs the body as it is.
    pub(crate) plain: &'a dyn Fn() -> R,
}

/// What a run of the body left.
struct Run<R> {
    result: R,
    /// The values that the result consists of.
    values: Vec<Val>,
    graph: std::result::Result<Graph, Spoiled>,
}

/// The static behind a `#[trace]` function.
pub struct TraceFn {
    pub(super) name: Cow<'static, str>,
    params: &'static [&'static str],
    /// Looking at a value is an error.
    strict: bool,
    /// The path taken first is kept, whatever the values.
    pub(super) freeze: bool,
    /// After how many replays body and plan are compared again; 0 for never.
    pub(super) check_every: u64,
    pub(super) cache: Cache,
    /// Changes whenever there is more, or less, that may be inlined in scripts.
    version: AtomicU64,
    recordings: AtomicU64,
    replays: AtomicU64,
    eager: AtomicU64,
    checks: AtomicU64,
    nanos: [AtomicU64; 2],
}

/// Closes a recording when the body unwinds.
struct Closing(Arc<Recording>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Why a signature's calls run as they are.
struct Reason<'a> {
    kind: &'a str,
    what: String,
    at: Option<Place>,
    advice: &'a str,
}

const CHANGING: &str = "what a body depends on is passed as an argument; write a random tensor with a `Key`";

impl TraceFn {
    /// A traced function; used by `#[trace]`.
    #[doc(hidden)]
    pub const fn new(name: &'static str, params: &'static [&'static str]) -> TraceFn {
        TraceFn::named(Cow::Borrowed(name), params)
    }

    pub(crate) const fn named(name: Cow<'static, str>, params: &'static [&'static str]) -> TraceFn {
        TraceFn {
            name,
            params,
            strict: false,
            freeze: false,
            check_every: 0,
            cache: Cache::new(),
            version: AtomicU64::new(0),
            recordings: AtomicU64::new(0),
            replays: AtomicU64::new(0),
            eager: AtomicU64::new(0),
            checks: AtomicU64::new(0),
            nanos: [const { AtomicU64::new(0) }; 2],
        }
    }

    /// The function with the options of its attribute.
    #[doc(hidden)]
    #[must_use]
    pub const fn with(mut self, strict: bool, freeze: bool, check_every: u64) -> TraceFn {
        self.strict = strict;
        self.freeze = freeze;
        self.check_every = check_every;
        self
    }

    /// The names of the parameters.
    pub(crate) fn params(&self) -> &'static [&'static str] {
        self.params
    }

    /// Changes whenever scripts may inline other recordings.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What the function has done so far.
    pub fn stats(&self) -> TraceStats {
        let snapshot = self.cache.load();
        let paths = || snapshot.trees().iter().flat_map(|t| t.paths());
        let [recordings, replays, eager] =
            [&self.recordings, &self.replays, &self.eager].map(|n| n.load(Ordering::Relaxed));
        let time = |i: usize| Duration::from_nanos(self.nanos[i].load(Ordering::Relaxed));
        TraceStats {
            calls: recordings + replays + eager,
            recordings,
            replays,
            eager,
            checks: self.checks.load(Ordering::Relaxed),
            signatures: snapshot.trees().len(),
            paths: paths().count(),
            evictions: self.cache.evictions.load(Ordering::Relaxed),
            record_time: time(0),
            compile_time: time(1),
        }
    }

    /// The recordings of the signature used last, as one graph.
    pub fn graph(&self) -> Option<Graph> {
        match &self.cache.last()?.state {
            State::Replayed(replay) => Some(replay.graph()),
            _ => None,
        }
    }

    /// For each signature its recordings as one graph.
    pub fn graphs(&self) -> Vec<Graph> {
        let graph = |tree: &Arc<Tree>| match &tree.state {
            State::Replayed(replay) => Some(replay.graph()),
            _ => None,
        };
        self.cache.load().trees().iter().filter_map(graph).collect()
    }

    /// All recordings, by signature and in the order in which they were made.
    pub fn traces(&self) -> Vec<Path> {
        let snapshot = self.cache.load();
        let paths = |tree: &Arc<Tree>| -> Vec<Path> {
            tree.paths().iter().map(|path| report::path(&self.name, &tree.arguments, path)).collect()
        };
        snapshot.trees().iter().flat_map(paths).collect()
    }

    /// One call: replays a recording whose guards hold, or records.
    pub(crate) fn run<R: Returns>(&self, call: &Call<'_, R>) -> R {
        if is_eager() || is_recording() {
            return (call.plain)();
        }
        let vals = (call.values)();
        let snapshot = self.cache.load();
        let Some(tree) = snapshot.find(&vals) else { return self.meet(call, None) };
        self.cache.touch(tree);
        match &tree.state {
            State::Replayed(replay) => match replay.run(vals) {
                Ok((path, values)) => self.replayed(call, &tree.slot, path, values),
                Err(Halt::Guard) => self.meet(call, Some(replay)),
                // The body says what is wrong, with its own line.
                Err(Halt::Error(_)) => self.plain(call),
            },
            State::Eager(_) => self.plain(call),
            State::Empty => self.meet(call, None),
        }
    }

    /// Counts a replay; gives how often the path has been replayed.
    fn count(&self, path: &Recorded) -> u64 {
        self.replays.fetch_add(1, Ordering::Relaxed);
        path.runs.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn plain<R>(&self, call: &Call<'_, R>) -> R {
        self.eager.fetch_add(1, Ordering::Relaxed);
        (call.plain)()
    }

    /// The result of a plan; the first one of a path is compared with that of the body.
    fn replayed<R: Returns>(
        &self,
        call: &Call<'_, R>,
        slot: &Arc<Slot>,
        path: &Arc<Recorded>,
        values: Vec<Val>,
    ) -> R {
        if !self.freeze && !path.check.is_done() {
            if !path.check.begin() {
                // Another thread compares them; until then the path is not trusted.
                return self.plain(call);
            }
            self.count(path);
            return self.compare(call, slot, path, values);
        }
        let runs = self.count(path);
        if self.check_every > 0 && !self.freeze && runs.is_multiple_of(self.check_every) {
            return self.compare(call, slot, path, values);
        }
        R::restore(&mut Outputs::new(values))
    }

    /// Runs the body, too; its result counts.
    fn compare<R: Returns>(
        &self,
        call: &Call<'_, R>,
        slot: &Arc<Slot>,
        path: &Arc<Recorded>,
        values: Vec<Val>,
    ) -> R {
        /// A body that unwinds leaves the path unchecked.
        struct End<'p>(&'p Recorded, bool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.check.end(self.1);
            }
        }
        let mut end = End(path, path.check.is_done());
        self.checks.fetch_add(1, Ordering::Relaxed);
        let run = self.record(&(call.values)(), call.traced);
        match self.differing(path, &run, &values) {
            None => {
                let first = !std::mem::replace(&mut end.1, true);
                drop(end);
                if first {
                    self.version.fetch_add(1, Ordering::Release);
                }
            }
            Some(reason) => self.give_up(slot, reason),
        }
        run.result
    }

    /// In what a run of the body differs from a path that a plan took for the same arguments.
    fn differing<R>(&self, path: &Recorded, run: &Run<R>, values: &[Val]) -> Option<Reason<'static>> {
        let reason = |what: &str, at: Option<Place>| {
            Some(Reason { kind: "differs", what: what.into(), at, advice: CHANGING })
        };
        let graph = match &run.graph {
            Ok(graph) => graph,
            Err(Spoiled::Path) => {
                return reason("a call in the body fails in one run and not in another", None);
            }
            Err(Spoiled::Function { reason, advice, at }) => {
                return Some(Reason { kind: "spoiled", what: reason.clone(), at: at.clone(), advice });
            }
        };
        // A frozen path is that of other values.
        if !self.freeze {
            match relation(&path.graph, graph) {
                Relation::Same => {}
                Relation::Parts(at) => {
                    let at = report::guard_at(graph, at).map(|g| g.at);
                    return reason(
                        "the host sees other values in two runs of the body on the same input",
                        at,
                    );
                }
                Relation::Differs { what, at } => return reason(words(what), at.as_ref().map(Into::into)),
            }
        }
        let body = &run.values;
        let same = body.len() == values.len() && body.iter().zip(values).all(|(a, b)| a.same_bits(b));
        if same { None } else { reason("the plan gives another result than the body", None) }
    }

    /// A call that no recording fits; `missed` is what it was tried on.
    fn meet<R: Returns>(&self, call: &Call<'_, R>, missed: Option<&Arc<Replay>>) -> R {
        let vals = (call.values)();
        let tree = match self.known(&vals, call) {
            Met::New(tree) => tree,
            Met::Full => {
                let reason = format!("called with more than {MAX_SIGNATURES} combinations of arguments");
                let advice = "pass what changes from call to call as a tensor; values that are no tensors are \
                              part of a recording";
                warn(&self.name, "signatures", None, &reason, advice);
                return self.plain(call);
            }
        };
        self.cache.touch(&tree);
        let slot = &tree.slot;
        // Another thread records: it may be the path that this call needs.
        let Some(_claim) = slot.claim() else { return self.plain(call) };
        let Some(tree) = self.cache.tree(slot) else { return self.plain(call) };
        match &tree.state {
            State::Eager(_) => return self.plain(call),
            State::Replayed(replay) if missed.is_none_or(|m| !Arc::ptr_eq(m, replay)) => {
                match replay.run(vals.clone()) {
                    Ok((path, values)) => return self.replayed(call, slot, path, values),
                    Err(Halt::Guard) => {}
                    Err(Halt::Error(_)) => return self.plain(call),
                }
            }
            _ => {}
        }
        if self.is_full(&tree) || slot.futile.load(Ordering::Relaxed) >= MAX_FUTILE {
            return self.plain(call);
        }
        self.recordings.fetch_add(1, Ordering::Relaxed);
        let run = self.record(&vals, call.traced);
        self.keep(slot, &vals, run.graph, &run.values);
        run.result
    }

    /// The signature of a call, added if it is new.
    fn known<R>(&self, vals: &[Val], call: &Call<'_, R>) -> Met {
        let signature = Signature::of(vals);
        let make = |trees: &[Arc<Tree>]| {
            let names = (call.names)(vals);
            let others: Vec<&Signature> = trees.iter().map(|t| &t.signature).collect();
            if let Some(i) = signature.changing_float(&others) {
                let reason =
                    format!("its argument `{}` keeps changing, and each value is recorded", names[i]);
                warn(&self.name, &names[i], None, &reason, "pass it as a rank-0 tensor: `Tensor::scalar(v)`");
            }
            let why = signature.reason(&names, &others);
            tracing::debug!(target: "jit_runtime::trace", function = &*self.name, why, "recorded: {why}");
            Tree {
                slot: Arc::default(),
                signature: signature.clone(),
                arguments: signature.describe(&names),
                why,
                state: State::Empty,
            }
        };
        self.cache.meet(&signature, make, vals)
    }

    /// Whether a signature takes no more recordings; then it warns.
    fn is_full(&self, tree: &Tree) -> bool {
        let paths = tree.paths();
        let nodes: usize = paths.iter().map(|p| p.graph.node_count()).sum();
        let what = if paths.len() >= MAX_PATHS {
            format!("the values that it looks at have led to {MAX_PATHS} recordings")
        } else if nodes >= MAX_TREE_NODES {
            format!("its recordings hold more than {MAX_TREE_NODES} operations")
        } else if report::bytes_kept(paths) > MAX_KEPT_BYTES {
            format!("its recordings keep more than {} MiB of constants", MAX_KEPT_BYTES >> 20)
        } else {
            return false;
        };
        let at = report::busiest(paths);
        let advice =
            "further values run eagerly; put control flow that depends on values into a `#[script]` function";
        warn(&self.name, "full", at.as_ref(), &what, advice);
        true
    }

    /// Runs the body while its ops are recorded.
    fn record<R: Returns>(&self, vals: &[Val], traced: &dyn Fn(&mut Inputs) -> R) -> Run<R> {
        let start = Instant::now();
        let recording = Recording::start(report::graph_name(&self.name), self.strict);
        let closing = Closing(recording.clone());
        // Names fit where no parameter is a tuple.
        let named = (vals.len() == self.params.len()).then_some(self.params);
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
    fn keep(
        &self,
        slot: &Arc<Slot>,
        vals: &[Val],
        graph: std::result::Result<Graph, Spoiled>,
        results: &[Val],
    ) {
        let graph = match graph {
            Ok(graph) => graph,
            Err(Spoiled::Path) => {
                slot.futile.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Err(Spoiled::Function { reason, advice, at }) => {
                return self.give_up(slot, Reason { kind: "spoiled", what: reason, at, advice });
            }
        };
        slot.futile.store(0, Ordering::Relaxed);
        let Some(tree) = self.cache.tree(slot) else { return };
        let mut parts = 0;
        for path in tree.paths() {
            match relation(&path.graph, &graph) {
                Relation::Same => return,
                Relation::Parts(at) => parts = parts.max(at),
                Relation::Differs { what, at } => {
                    let what = words(what).to_string();
                    let at = at.as_ref().map(Into::into);
                    return self.give_up(slot, Reason { kind: "differs", what, at, advice: CHANGING });
                }
            }
        }
        let parted = if tree.paths().is_empty() { None } else { report::guard_at(&graph, parts) };
        let fixed = results.iter().enumerate().filter(|(_, v)| matches!(v, Val::Opaque(_)));
        let recorded = Recorded {
            fixed: fixed.map(|(i, v)| (i, v.clone())).collect(),
            why: parted.as_ref().map_or(tree.why.clone(), |g| format!("{} at {}", g.seen, g.at)),
            parted: parted.map(|g| g.at),
            graph,
            check: super::cache::Check::default(),
            runs: AtomicU64::new(0),
        };
        let mut paths = tree.paths().to_vec();
        paths.push(Arc::new(recorded));
        match self.compiled(paths, vals) {
            Ok(replay) => {
                self.cache.set(slot, State::Replayed(Arc::new(replay)));
            }
            Err(error) => {
                let (what, at) =
                    (format!("its recording cannot be compiled: {error}"), error.place().cloned());
                self.give_up(slot, Reason { kind: "compile", what, at, advice: "please report this" });
            }
        }
    }

    fn compiled(&self, paths: Vec<Arc<Recorded>>, vals: &[Val]) -> Result<Replay> {
        let start = Instant::now();
        let graphs: Vec<&Graph> = paths.iter().map(|p| &p.graph).collect();
        let merged = merge(&graphs, paths.len() > 1, Miss::Leave);
        let leaves: Vec<Val> = vals.iter().filter(|v| is_leaf(v)).cloned().collect();
        let compiled = compile::compile(&merged.graph, &argument_types(&leaves))?;
        self.nanos[1].fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        Ok(Replay { paths, compiled, places: merged.places })
    }

    fn give_up(&self, slot: &Arc<Slot>, reason: Reason<'_>) {
        let Reason { kind, what, at, advice } = reason;
        let place = at.as_ref().map_or(String::new(), |at| format!(" (at {at})"));
        if self.cache.set(slot, State::Eager(format!("{what}{place}"))) {
            self.version.fetch_add(1, Ordering::Release);
            warn(&self.name, kind, at.as_ref(), &format!("it runs eagerly from now on: {what}"), advice);
        }
    }

    /// Compares body and plan for these values.
    pub(crate) fn check<R: Returns>(&self, call: &Call<'_, R>) -> Result<()> {
        let vals = (call.values)();
        let differs = |reason: Reason<'_>| {
            let at = reason.at.map_or(String::new(), |at| format!(" (at {at})"));
            Error::Differs(format!("`{}`: {}{at}", self.name, reason.what))
        };
        let Met::New(tree) = self.known(&vals, call) else { return Ok(()) };
        let run = catch(|| self.record(&vals, call.traced));
        for recorded in [true, false] {
            let Some(tree) = self.cache.tree(&tree.slot) else { return Ok(()) };
            if let State::Eager(reason) = &tree.state {
                return Err(Error::Differs(format!("`{}`: {reason}", self.name)));
            }
            let outcome = match &tree.state {
                State::Replayed(replay) => Some(replay.run(vals.clone())),
                _ => None,
            };
            let run = match (&run, &outcome) {
                // The body's error is the plan's, or there is no plan.
                (Err(_), None | Some(Err(_))) => return Ok(()),
                (Err(e), Some(Ok(_))) => {
                    return Err(Error::Differs(format!(
                        "`{}`: the body fails and the plan does not: {e}",
                        self.name
                    )));
                }
                (Ok(run), _) => run,
            };
            match outcome {
                Some(Ok((path, values))) => {
                    return self.differing(path, run, &values).map_or(Ok(()), |r| Err(differs(r)));
                }
                Some(Err(Halt::Error(e))) => {
                    return Err(Error::Differs(format!(
                        "`{}`: the plan fails and the body does not: {e}",
                        self.name
                    )));
                }
                _ => {}
            }
            match &run.graph {
                Err(Spoiled::Function { reason, at, .. }) => {
                    let (what, at) = (reason.clone(), at.clone());
                    return Err(differs(Reason { kind: "spoiled", what, at, advice: "" }));
                }
                Ok(graph) if recorded => {
                    self.keep(&tree.slot, &vals, Ok(graph.clone()), &run.values);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The recording that these values lead to, made now if there is none.
    pub(crate) fn lower<R: Returns>(&self, call: &Call<'_, R>) -> Result<report::CompiledTrace> {
        let vals = (call.values)();
        let none = |why: &str| {
            let message = format!("`{}` cannot be replayed: {why}", self.name);
            Error::Compile { message, at: None }
        };
        let Met::New(tree) = self.known(&vals, call) else {
            return Err(none("it was called with too many combinations of arguments"));
        };
        for recorded in [true, false] {
            let Some(tree) = self.cache.tree(&tree.slot) else { break };
            match &tree.state {
                State::Eager(reason) => return Err(none(reason)),
                State::Replayed(replay) if replay.run(vals.clone()).is_ok() => {
                    self.cache.touch(&tree);
                    return Ok(report::compiled(&self.name, &tree, replay));
                }
                _ => {}
            }
            if recorded {
                let run = self.record(&vals, call.traced);
                self.keep(&tree.slot, &vals, run.graph, &run.values);
            }
        }
        Err(none("a call in it fails for these arguments"))
    }
}

fn words(difference: Difference) -> &'static str {
    match difference {
        Difference::Constant => {
            "a constant differs between two runs of the body (a random number, a clock, changed state)"
        }
        Difference::Operation => "two runs of the body do different things for the same input",
        Difference::Length => "two runs of the body do a different number of operations",
    }
}

const _: () = assert!(MAX_NODES <= MAX_TREE_NODES, "a recording fits");

const _: fn() = || {
    fn usable_from_any_thread<T: Send + Sync>() {}
    usable_from_any_thread::<TraceFn>();
    usable_from_any_thread::<crate::Tensor<f32>>();
};
