//! A traced function: its signatures, the recordings of each, and their replay.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use jit_ir::{Const, Graph, Op};

use super::record::{Recording, is_recording, open_type};
use crate::compile::{self, Compiled};
use crate::error::{Error, Place, Result};
use crate::exec::run::{self, Halt};
use crate::script::{Argument, Returns, is_eager};
use crate::script::{Inputs, Leaves, Outputs, Results, is_leaf};
use crate::tensor::raw::{Opaque, Val};
use crate::tensor::{Any, Elem, Tensor};

/// Recordings of one signature; beyond them a function runs eagerly.
const MAX_PATHS: usize = 64;
/// Signatures of one function; beyond them it runs eagerly.
const MAX_SIGNATURES: usize = 256;

/// Element types and ranks of tensors, values of everything else.
#[derive(Clone)]
struct Signature {
    words: Vec<u64>,
    /// Values of the user's own types.
    statics: Vec<Opaque>,
}

impl PartialEq for Signature {
    fn eq(&self, other: &Signature) -> bool {
        self.words == other.words
            && self.statics.len() == other.statics.len()
            && self.statics.iter().zip(&other.statics).all(|(a, b)| a.same(b))
    }
}

/// One recording.
pub(crate) struct Recorded {
    graph: Graph,
    compiled: Compiled,
    /// Results that no op made: where they stand among the others.
    fixed: Fixed,
    /// Whether body and plan have been compared.
    checked: AtomicBool,
    runs: AtomicU64,
}

/// Values of the user's own types among the results.
type Fixed = Vec<(usize, Val)>;

/// The results of a plan with the fixed ones in their places.
fn completed(mut values: Vec<Val>, fixed: &Fixed) -> Vec<Val> {
    for (at, val) in fixed {
        values.insert((*at).min(values.len()), val.clone());
    }
    values
}

/// The recordings of one signature, tried in order.
struct Tree {
    signature: Signature,
    paths: RwLock<Vec<Arc<Recorded>>>,
    /// Why the signature is not replayed.
    eager: OnceLock<String>,
}

/// The static behind a `#[trace]` function.
pub struct TraceFn {
    name: &'static str,
    params: &'static [&'static str],
    /// Looking at a value is an error.
    strict: bool,
    /// The path taken first is kept, whatever the values.
    freeze: bool,
    /// After how many replays body and plan are compared again; 0 for never.
    check_every: u64,
    trees: RwLock<Vec<Arc<Tree>>>,
    last: Mutex<Option<Arc<Tree>>>,
    calls: AtomicU64,
    recordings: AtomicU64,
    replays: AtomicU64,
    checks: AtomicU64,
}

/// What a traced function has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct TraceStats {
    /// All calls.
    pub calls: u64,
    /// Calls that recorded.
    pub recordings: u64,
    /// Calls that ran a recording's plan.
    pub replays: u64,
    /// Calls that ran body and plan and compared them.
    pub checks: u64,
    /// Signatures seen.
    pub signatures: usize,
}

/// A recording, as `traces()` lists it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Path {
    /// What was recorded, guards included.
    pub graph: Graph,
    /// The lines whose values the host looked at.
    pub guards: Vec<Place>,
    /// How often the recording was replayed.
    pub runs: u64,
}

/// Closes a recording when the body unwinds.
struct Closing(Arc<Recording>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn read<T: Clone>(lock: &RwLock<T>) -> T {
    lock.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn signature(vals: &[Val]) -> Signature {
    let mut words = Vec::with_capacity(2 * vals.len());
    let mut statics = Vec::new();
    for val in vals {
        match val {
            Val::Tensor(t) => words.extend([t.dtype as u64, t.rank() as u64]),
            Val::Scalar(s) => words.extend([u64::MAX - s.dtype() as u64, bits(*s)]),
            Val::Opaque(value) => {
                words.push(u64::MAX / 2);
                statics.push(value.clone());
            }
            Val::Undef | Val::List(_) => {}
        }
    }
    Signature { words, statics }
}

/// Static floats are compared by all their bits, NaNs included.
fn bits(s: jit_ir::Scalar) -> u64 {
    match s {
        jit_ir::Scalar::F32(v) => u64::from(v.to_bits()),
        jit_ir::Scalar::F64(v) => v.to_bits(),
        other => other.canonical_bits(),
    }
}

/// What the second call of a recording finds.
struct Difference {
    what: String,
    at: Option<jit_ir::Location>,
}

impl TraceFn {
    /// A traced function; used by `#[trace]`.
    #[doc(hidden)]
    pub const fn new(name: &'static str, params: &'static [&'static str]) -> TraceFn {
        TraceFn {
            name,
            params,
            strict: false,
            freeze: false,
            check_every: 0,
            trees: RwLock::new(Vec::new()),
            last: Mutex::new(None),
            calls: AtomicU64::new(0),
            recordings: AtomicU64::new(0),
            replays: AtomicU64::new(0),
            checks: AtomicU64::new(0),
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

    /// What the function has done so far.
    pub fn stats(&self) -> TraceStats {
        TraceStats {
            calls: self.calls.load(Ordering::Relaxed),
            recordings: self.recordings.load(Ordering::Relaxed),
            replays: self.replays.load(Ordering::Relaxed),
            checks: self.checks.load(Ordering::Relaxed),
            signatures: read(&self.trees).len(),
        }
    }

    /// The first recording of the signature used last.
    pub fn graph(&self) -> Option<Graph> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        read(&last.paths).first().map(|p| p.graph.clone())
    }

    /// All recordings, in the order of signatures and of recording.
    pub fn graphs(&self) -> Vec<Graph> {
        self.traces().into_iter().map(|p| p.graph).collect()
    }

    /// All recordings with their guards.
    pub fn traces(&self) -> Vec<Path> {
        let trees = read(&self.trees);
        let all = trees.iter().flat_map(|t| read(&t.paths));
        all.map(|p| Path {
            guards: guards(&p.graph),
            graph: p.graph.clone(),
            runs: p.runs.load(Ordering::Relaxed),
        })
        .collect()
    }

    fn tree(&self, signature: &Signature) -> Option<Arc<Tree>> {
        let find = |trees: &[Arc<Tree>]| trees.iter().find(|t| t.signature == *signature).cloned();
        if let Some(tree) = find(&self.trees.read().unwrap_or_else(PoisonError::into_inner)) {
            return Some(tree);
        }
        let mut trees = self.trees.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = find(&trees) {
            return Some(tree);
        }
        if trees.len() >= MAX_SIGNATURES {
            return None;
        }
        let tree =
            Arc::new(Tree { signature: signature.clone(), paths: RwLock::default(), eager: OnceLock::new() });
        trees.push(tree.clone());
        Some(tree)
    }

    /// One call: replays a recording whose guards hold, or records. `traced` runs the body with the
    /// given inputs, `plain` as it is.
    pub(crate) fn run<R: Returns>(
        &self,
        vals: &[Val],
        traced: &dyn Fn(&mut Inputs) -> R,
        plain: impl FnOnce() -> R,
    ) -> R {
        if is_eager() || is_recording() {
            return plain();
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let Some(tree) = self.tree(&signature(vals)) else {
            warn_once(
                self.name,
                "more signatures than are kept; further ones run eagerly. Pass values that change as tensors",
            );
            return plain();
        };
        if tree.eager.get().is_some() {
            return plain();
        }
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if !last.as_ref().is_some_and(|t| Arc::ptr_eq(t, &tree)) {
                *last = Some(tree.clone());
            }
        }
        let leaves: Vec<Val> = vals.iter().filter(|v| is_leaf(v)).cloned().collect();
        let paths = read(&tree.paths);
        for path in &paths {
            match run::run(&path.compiled.plan, leaves.clone()) {
                Ok(values) => {
                    let runs = path.runs.fetch_add(1, Ordering::Relaxed) + 1;
                    self.replays.fetch_add(1, Ordering::Relaxed);
                    let values = completed(values, &path.fixed);
                    let again = self.check_every > 0 && runs % self.check_every == 0;
                    if (!path.checked.swap(true, Ordering::Relaxed) || again) && !self.freeze {
                        return self.check_path(&tree, path, vals, values, traced);
                    }
                    return R::restore(&mut Outputs::new(values));
                }
                Err(Halt::Guard) => {}
                // The body says what is wrong, with its own line.
                Err(Halt::Error(_)) => return plain(),
            }
        }
        if paths.len() >= MAX_PATHS {
            warn_once(
                self.name,
                "the values it looks at led to more recordings than are kept; further ones run eagerly. Write data-dependent control flow as #[script]",
            );
            return plain();
        }
        self.recordings.fetch_add(1, Ordering::Relaxed);
        let (result, graph, body) = self.record(vals, traced);
        self.keep(&tree, &leaves, graph, &body);
        result
    }

    /// Runs the body while its ops are recorded.
    fn record<R: Returns>(
        &self,
        vals: &[Val],
        traced: &dyn Fn(&mut Inputs) -> R,
    ) -> (R, std::result::Result<Graph, String>, Vec<Val>) {
        let recording = Recording::start(self.name, self.strict);
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
        (result, graph, values)
    }

    /// A frozen function's recording without its guards.
    fn frozen(&self, mut graph: Graph) -> Graph {
        if !self.freeze {
            return graph;
        }
        let lines: Vec<String> = guards(&graph).iter().map(Place::to_string).collect();
        if !lines.is_empty() {
            let what = format!(
                "it is frozen: what it does on the values seen at {} is kept for all others",
                lines.join(", ")
            );
            warn_once(self.name, &what);
        }
        let body = graph.body;
        let kept: Vec<_> = graph.regions[body].nodes.clone();
        graph.regions[body].nodes = kept.into_iter().filter(|n| graph.nodes[*n].op != Op::Guard).collect();
        graph
    }

    /// Adds a recording to its signature's.
    fn keep(&self, tree: &Tree, leaves: &[Val], graph: std::result::Result<Graph, String>, results: &[Val]) {
        let fixed: Fixed = results
            .iter()
            .enumerate()
            .filter(|(_, v)| matches!(v, Val::Opaque(_)))
            .map(|(i, v)| (i, v.clone()))
            .collect();
        let types: Vec<jit_ir::Type> = leaves.iter().map(open_type).collect();
        let none = |_: &str| None;
        let ready = graph.and_then(|graph| {
            let compiled = compile::compile(&graph, &types, &none).map_err(|e: Error| e.to_string())?;
            Ok((graph, compiled))
        });
        match ready {
            Ok((graph, compiled)) => {
                let mut paths = tree.paths.write().unwrap_or_else(PoisonError::into_inner);
                // Another thread may have recorded the same path meanwhile.
                if !paths.iter().any(|p| difference(&p.graph, &graph).is_none()) {
                    let recorded = Recorded {
                        graph,
                        compiled,
                        fixed,
                        checked: AtomicBool::new(false),
                        runs: AtomicU64::new(0),
                    };
                    paths.push(Arc::new(recorded));
                }
            }
            Err(reason) => self.give_up(tree, &reason),
        }
    }

    fn give_up(&self, tree: &Tree, reason: &str) {
        if tree.eager.set(reason.to_string()).is_ok() {
            tracing::warn!("`{}` runs eagerly from now on: {reason}", self.name);
        }
    }

    /// The first replay of a recording: the body runs too, and its result counts.
    fn check_path<R: Returns>(
        &self,
        tree: &Tree,
        path: &Recorded,
        vals: &[Val],
        values: Vec<Val>,
        traced: &dyn Fn(&mut Inputs) -> R,
    ) -> R {
        self.checks.fetch_add(1, Ordering::Relaxed);
        let (result, graph, body) = self.record(vals, traced);
        let found = match &graph {
            Err(reason) => Some(Difference { what: reason.clone(), at: None }),
            Ok(graph) => difference(&path.graph, graph),
        };
        let found = found.or_else(|| {
            let same = body.len() == values.len() && body.iter().zip(&values).all(|(a, b)| a.same_bits(b));
            (!same)
                .then(|| Difference { what: "the plan gives another result than the body".into(), at: None })
        });
        if let Some(Difference { what, at }) = found {
            let at = at.map_or(String::new(), |at| format!(" (at {at})"));
            self.give_up(tree, &format!("{what}{at}"));
        }
        result
    }

    /// Compares body and plan for these values.
    pub(crate) fn check<R: Returns>(&self, vals: &[Val], traced: &dyn Fn(&mut Inputs) -> R) -> Result<()> {
        let leaves: Vec<Val> = vals.iter().filter(|v| is_leaf(v)).cloned().collect();
        let (_, graph, body) = self.record(vals, traced);
        let graph = graph.map_err(|reason| Error::Differs(format!("`{}`: {reason}", self.name)))?;
        let Some(tree) = self.tree(&signature(vals)) else { return Ok(()) };
        for path in read(&tree.paths) {
            let Ok(values) = run::run(&path.compiled.plan, leaves.clone()) else { continue };
            let values = completed(values, &path.fixed);
            if let Some(Difference { what, at }) = difference(&path.graph, &graph) {
                let at = at.map_or(String::new(), |at| format!(" (at {at})"));
                return Err(Error::Differs(format!("`{}`: {what}{at}", self.name)));
            }
            if !body.iter().zip(&values).all(|(a, b)| a.same_bits(b)) {
                return Err(Error::Differs(format!("`{}`: body and plan give different results", self.name)));
            }
            return Ok(());
        }
        self.keep(&tree, &leaves, Ok(graph), &body);
        Ok(())
    }

    /// The recording that these values lead to, made now if there is none.
    pub(crate) fn lower<R: Returns>(
        &self,
        vals: &[Val],
        traced: &dyn Fn(&mut Inputs) -> R,
    ) -> Result<crate::__private::CompiledTrace> {
        let leaves: Vec<Val> = vals.iter().filter(|v| is_leaf(v)).cloned().collect();
        let none = || Error::Compile { message: format!("`{}` cannot be replayed", self.name), at: None };
        let tree = self.tree(&signature(vals)).ok_or_else(none)?;
        for recorded in [true, false] {
            let holds = |p: &&Arc<Recorded>| run::run(&p.compiled.plan, leaves.clone()).is_ok();
            if let Some(path) = read(&tree.paths).iter().find(holds) {
                let explain = compile::explain(&path.compiled);
                return Ok(crate::__private::CompiledTrace { graph: path.compiled.graph.clone(), explain });
            }
            if recorded {
                let (_, graph, body) = self.record(vals, traced);
                self.keep(&tree, &leaves, graph, &body);
            }
        }
        Err(none())
    }
}

fn warn_once(name: &str, what: &str) {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let text = format!("`{name}`: {what}");
    if !seen.contains(&text) {
        tracing::warn!("{text}");
        seen.push(text);
    }
}

fn guards(graph: &Graph) -> Vec<Place> {
    let nodes = graph.regions[graph.body].nodes.iter().map(|n| &graph.nodes[*n]);
    let guards = nodes.filter(|n| n.op == Op::Guard);
    guards.filter_map(|n| n.location.as_ref()).map(Place::from).collect()
}

/// The first place where two recordings of one path differ.
fn difference(a: &Graph, b: &Graph) -> Option<Difference> {
    if a == b && constants_agree(a, b) {
        return None;
    }
    let nodes = |g: &Graph| -> Vec<jit_ir::Node> {
        g.regions[g.body].nodes.iter().map(|n| g.nodes[*n].clone()).collect()
    };
    let (x, y) = (nodes(a), nodes(b));
    for (i, (m, n)) in x.iter().zip(&y).enumerate() {
        if m.op == n.op && m.attrs.same(&n.attrs) && m.operands == n.operands {
            continue;
        }
        // A constant has no line of its own; the op after it uses it.
        let at = y[i..].iter().find_map(|n| n.location.clone());
        let what = if m.op == Op::Const && n.op == Op::Const {
            "a constant differs between two runs of the body (a random number, a clock, changed state)"
        } else {
            "two runs of the body do different things for the same input"
        };
        return Some(Difference { what: what.into(), at });
    }
    Some(Difference { what: "two runs of the body do a different number of operations".into(), at: None })
}

fn constants_agree(a: &Graph, b: &Graph) -> bool {
    let (x, y): (Vec<Const>, Vec<Const>) = (a.constants(), b.constants());
    x.len() == y.len() && x.iter().zip(&y).all(|(m, n)| m.same_bits(n))
}

/// A closure that is traced; see [`trace`].
pub struct Traced<F> {
    body: F,
    function: TraceFn,
}

/// Traces a closure of one tensor.
///
/// ```
/// use jit_runtime::prelude::*;
/// # fn main() {
/// let weight = Tensor::from([2.0, 3.0]);
/// let f = jit_runtime::trace(|x: &Tensor| x * &weight + 1.0);
/// for _ in 0..3 {
///     assert_eq!(f.call(&Tensor::from([1.0, 1.0])), Tensor::from([3.0, 4.0]));
/// }
/// assert_eq!(f.stats().recordings, 1);
/// # }
/// ```
pub fn trace<T: Elem, R: Returns, F: Fn(&Tensor<T>) -> R>(body: F) -> Traced<F> {
    Traced { body, function: TraceFn::new("closure", &["x"]) }
}

impl<F> Traced<F> {
    /// Calls the closure, or replays a recording of it.
    #[track_caller]
    pub fn call<T: Elem, R: Returns>(&self, x: &Tensor<T>) -> R
    where
        F: Fn(&Tensor<T>) -> R,
    {
        if is_recording() {
            return (self.body)(x);
        }
        let mut leaves = Leaves::default();
        x.push_leaves(&mut leaves);
        let traced = |inputs: &mut Inputs| (self.body)(&x.traced(inputs));
        self.function.run(&leaves.0, &traced, || (self.body)(x))
    }

    /// What the closure has done so far.
    pub fn stats(&self) -> TraceStats {
        self.function.stats()
    }

    /// The recordings.
    pub fn graphs(&self) -> Vec<Graph> {
        self.function.graphs()
    }
}

const _: fn() = || {
    fn usable_from_any_thread<T: Send + Sync>() {}
    usable_from_any_thread::<TraceFn>();
    usable_from_any_thread::<Tensor<f32>>();
};
