//! A traced function: a call replays a recording whose guards hold, or records.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jit_ir::Graph;

use super::cache::{Cache, Met, Recorded, Replay, Slot, State, Tree};
use super::limits::{MAX_FUTILE, MAX_NODES, MAX_SIGNATURES, MAX_TREE_NODES};
use super::record::is_recording;
use super::report::{self, Path, TraceStats};
use super::signature::Signature;
use super::warn::warn;
use crate::error::{Error, Result};
use crate::exec::frame::Frame;
use crate::exec::run::Halt;
use crate::script::counter::Counter;
use crate::script::{Inputs, Leaves, Outputs, Returns, is_eager};
use crate::tensor::raw::Val;

/// One call of a traced function: its arguments and its body.
pub(crate) struct Call<'a, R> {
    /// Appends the values of the arguments.
    pub(crate) values: &'a dyn Fn(&mut Leaves<'a>),
    /// Their names.
    pub(crate) names: &'a dyn Fn(&[Val]) -> Vec<String>,
    /// Runs the body with the tensors of a recording.
    pub(crate) traced: &'a dyn Fn(&mut Inputs) -> R,
    /// Runs the body as it is.
    pub(crate) plain: &'a dyn Fn() -> R,
}

impl<'a, R> Call<'a, R> {
    /// The values of the arguments.
    pub(super) fn leaves(&self) -> Leaves<'a> {
        let mut vals = Leaves::default();
        (self.values)(&mut vals);
        vals
    }
}

/// The static behind a `#[trace]` function.
pub struct TraceFn {
    pub(super) name: Cow<'static, str>,
    params: &'static [&'static str],
    /// Looking at a value is an error.
    pub(super) strict: bool,
    /// The path taken first is kept, whatever the values.
    pub(super) freeze: bool,
    /// After how many replays body and plan are compared again; 0 for never.
    pub(super) check_every: u64,
    pub(super) cache: Cache,
    /// Changes whenever there is more, or less, that may be inlined in scripts.
    pub(super) version: AtomicU64,
    recordings: AtomicU64,
    replays: Counter,
    eager: AtomicU64,
    pub(super) checks: AtomicU64,
    /// Time spent recording and compiling.
    pub(super) nanos: [AtomicU64; 2],
}

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
            replays: Counter::new(),
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
        let [recordings, eager] = [&self.recordings, &self.eager].map(|n| n.load(Ordering::Relaxed));
        let replays = self.replays.get();
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
        let mut vals = Leaves::default();
        (call.values)(&mut vals);
        let snapshot = self.cache.load();
        let Some(tree) = snapshot.find(&vals) else { return self.meet(call, None) };
        self.cache.touch(tree);
        match &tree.state {
            State::Replayed(replay) if replay.compiled.uses.is_stale() => {
                self.renew(&tree.slot, replay, &vals);
                drop(snapshot);
                self.run(call)
            }
            State::Replayed(replay) => match replay.run(&vals) {
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
        self.replays.count();
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
        values: Frame,
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

    /// A call that no recording fits; `missed` is what it was tried on.
    fn meet<R: Returns>(&self, call: &Call<'_, R>, missed: Option<&Arc<Replay>>) -> R {
        let vals = call.leaves();
        let Some(tree) = self.known(&vals, call) else { return self.plain(call) };
        self.cache.touch(&tree);
        let slot = &tree.slot;
        // Another thread records: it may be the path that this call needs.
        let Some(_claim) = slot.claim() else { return self.plain(call) };
        let Some(tree) = self.cache.tree(slot) else { return self.plain(call) };
        match &tree.state {
            State::Eager(_) => return self.plain(call),
            State::Replayed(replay) if missed.is_none_or(|m| !Arc::ptr_eq(m, replay)) => {
                match replay.run(&vals) {
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

    /// The signature of a call, added if it is new; `None` if there is no room for it.
    pub(super) fn known<R>(&self, vals: &[Val], call: &Call<'_, R>) -> Option<Arc<Tree>> {
        let signature = Signature::of(vals);
        let names = (call.names)(vals);
        let make = |trees: &[Arc<Tree>]| {
            let others: Vec<&Signature> = trees.iter().map(|t| &t.signature).collect();
            Tree {
                slot: Arc::default(),
                signature: signature.clone(),
                arguments: signature.describe(&names),
                why: signature.reason(&names, &others),
                changing: signature.changing_float(&others),
                state: State::Empty,
            }
        };
        match self.cache.meet(vals, make) {
            Met::Known(tree) => Some(tree),
            Met::New(tree) => {
                let why = &*tree.why;
                tracing::debug!(target: "jit_runtime::trace", function = &*self.name, why, "recorded: {why}");
                if let Some(name) = tree.changing.and_then(|i| names.get(i)) {
                    let reason = format!("its argument `{name}` keeps changing, and each value is recorded");
                    warn(&self.name, name, None, &reason, "pass it as a rank-0 tensor: `Tensor::scalar(v)`");
                }
                Some(tree)
            }
            Met::Full => {
                let reason = format!("called with more than {MAX_SIGNATURES} combinations of arguments");
                let advice = "pass what changes from call to call as a tensor; values that are no tensors are \
                              part of a recording";
                warn(&self.name, "signatures", None, &reason, advice);
                None
            }
        }
    }

    /// Whether a signature takes no more recordings; then it warns.
    fn is_full(&self, tree: &Tree) -> bool {
        let State::Replayed(replay) = &tree.state else { return false };
        let Some(what) = replay.full.get_or_init(|| report::full(&replay.paths)) else { return false };
        let at = report::busiest(&replay.paths);
        let advice =
            "further values run eagerly; put control flow that depends on values into a `#[script]` function";
        warn(&self.name, "full", at.as_ref(), what, advice);
        true
    }

    /// The recording that these values lead to, made now if there is none.
    pub(crate) fn lower<R: Returns>(&self, call: &Call<'_, R>) -> Result<report::CompiledTrace> {
        let vals = call.leaves();
        let none = |why: &str| {
            let message = format!("`{}` cannot be replayed: {why}", self.name);
            Error::Compile { message, at: None }
        };
        let Some(tree) = self.known(&vals, call) else {
            return Err(none("it was called with too many combinations of arguments"));
        };
        for recorded in [true, false] {
            let Some(tree) = self.cache.tree(&tree.slot) else { break };
            match &tree.state {
                State::Eager(reason) => return Err(none(reason)),
                State::Replayed(replay) if replay.run(&vals).is_ok() => {
                    self.cache.touch(&tree);
                    return Ok(report::compiled(&self.name, &tree, replay, &vals));
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

const _: () = assert!(MAX_NODES <= MAX_TREE_NODES, "a recording fits");

const _: fn() = || {
    fn usable_from_any_thread<T: Send + Sync>() {}
    usable_from_any_thread::<TraceFn>();
    usable_from_any_thread::<crate::Tensor<f32>>();
};
