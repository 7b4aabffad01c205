//! The signatures of a traced function, each with its recordings, without locks.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwapOption, Guard};
use jit_ir::Graph;
use jit_ir::merge::{Miss, merge};

use super::limits::{MAX_SIGNATURES, MAX_WAITING};
use super::signature::Signature;
use crate::compile::Compiled;
use crate::error::Place;
use crate::exec::frame::Frame;
use crate::exec::run::{self, Halt};
use crate::script::is_leaf;
use crate::tensor::lent::Lent;
use crate::tensor::raw::Val;

/// One recording.
pub(crate) struct Recorded {
    pub(crate) graph: Graph,
    /// Results of the user's own types: where they stand among the others.
    pub(crate) fixed: Vec<(usize, Val)>,
    /// Why it was made.
    pub(crate) why: String,
    /// The line where it left the other recordings.
    pub(crate) parted: Option<Place>,
    pub(crate) check: Check,
    pub(crate) runs: AtomicU64,
}

/// Whether body and plan have been compared.
#[derive(Default)]
pub(crate) struct Check(AtomicU8);

const OPEN: u8 = 0;
const RUNNING: u8 = 1;
const DONE: u8 = 2;

impl Check {
    pub(crate) fn is_done(&self) -> bool {
        self.0.load(Ordering::Acquire) == DONE
    }

    /// Whether this thread is to compare them; it calls [`Check::end`] then.
    pub(crate) fn begin(&self) -> bool {
        self.0.compare_exchange(OPEN, RUNNING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    pub(crate) fn end(&self, compared: bool) {
        self.0.store(if compared { DONE } else { OPEN }, Ordering::Release);
    }
}

/// What a signature's calls share as its recordings change.
#[derive(Default)]
pub(crate) struct Slot {
    /// A thread records.
    busy: AtomicBool,
    /// Called since room was last made.
    used: AtomicBool,
    /// Recordings in a row that could not be kept.
    pub(crate) futile: AtomicU32,
}

/// The right to record for a signature.
pub(crate) struct Claim(Arc<Slot>);

impl Slot {
    /// The right to record, if no other thread has it.
    pub(crate) fn claim(self: &Arc<Slot>) -> Option<Claim> {
        (!self.busy.swap(true, Ordering::Acquire)).then(|| Claim(self.clone()))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
    }
}

/// The recordings of a signature, compiled as one graph.
pub(crate) struct Replay {
    pub(crate) paths: Vec<Arc<Recorded>>,
    pub(crate) compiled: Compiled,
    /// For each path where its results stand among those of the plan.
    pub(crate) places: Vec<Range<usize>>,
    /// Why there can be no more recordings, once it was asked.
    pub(crate) full: OnceLock<Option<String>>,
}

impl Replay {
    /// Runs the plan on the values of a call; gives the path that it took, too.
    pub(crate) fn run(&self, vals: &[Val]) -> Result<(&Arc<Recorded>, Frame), Halt> {
        let mut values = Frame::new();
        let taken = if vals.iter().all(is_leaf) {
            run::run(&self.compiled.plan, vals, &mut values)?
        } else {
            // The tensors among the arguments are those of the plan.
            let mut leaves = Lent::default();
            leaves.extend(vals.iter().filter(|v| is_leaf(v)));
            run::run(&self.compiled.plan, &leaves, &mut values)?
        };
        values.narrow(self.places[taken].clone());
        Ok((&self.paths[taken], completed(values, &self.paths[taken])))
    }

    /// The recordings as one graph.
    pub(crate) fn graph(&self) -> Graph {
        let graphs: Vec<&Graph> = self.paths.iter().map(|p| &p.graph).collect();
        merge(&graphs, false, Miss::Leave).graph
    }
}

/// The results of a plan with those of the user's own types in their places.
fn completed(values: Frame, path: &Recorded) -> Frame {
    if path.fixed.is_empty() {
        return values;
    }
    let mut values = values.into_vec();
    for (at, val) in &path.fixed {
        values.insert((*at).min(values.len()), val.clone());
    }
    values.into()
}

/// How calls of a signature run.
#[derive(Clone)]
pub(crate) enum State {
    /// Nothing is recorded yet.
    Empty,
    Replayed(Arc<Replay>),
    /// As they are, for this reason.
    Eager(String),
}

/// A signature.
pub(crate) struct Tree {
    pub(crate) slot: Arc<Slot>,
    pub(crate) signature: Signature,
    /// The arguments in words.
    pub(crate) arguments: String,
    /// Why it was met.
    pub(crate) why: String,
    /// A float argument that has had many values.
    pub(crate) changing: Option<usize>,
    pub(crate) state: State,
}

impl Tree {
    pub(crate) fn paths(&self) -> &[Arc<Recorded>] {
        match &self.state {
            State::Replayed(replay) => &replay.paths,
            _ => &[],
        }
    }
}

/// The signatures of a function at one moment. It never changes: another one takes its place.
#[derive(Clone, Default)]
struct Signatures {
    trees: Vec<Arc<Tree>>,
    /// Met once since the cache was full.
    waiting: Vec<Arc<Signature>>,
}

/// All signatures of a function. Nobody waits for anybody: values of the user's are compared here.
pub(crate) struct Cache {
    now: ArcSwapOption<Signatures>,
    /// Address of the slot used last.
    last: AtomicUsize,
    pub(crate) evictions: AtomicU64,
}

/// The signatures at one moment.
pub(crate) struct Snapshot(Guard<Option<Arc<Signatures>>>);

impl Snapshot {
    pub(crate) fn trees(&self) -> &[Arc<Tree>] {
        self.0.as_ref().map_or(&[], |now| &now.trees)
    }

    /// The signature of a call.
    pub(crate) fn find(&self, vals: &[Val]) -> Option<&Arc<Tree>> {
        self.trees().iter().find(|t| t.signature.fits(vals))
    }

    fn to_owned(&self) -> Signatures {
        self.0.as_ref().map_or_else(Signatures::default, |now| Signatures::clone(now))
    }
}

/// What a call of a signature is to do.
pub(crate) enum Met {
    /// It was known.
    Known(Arc<Tree>),
    /// It is known from now on.
    New(Arc<Tree>),
    /// There is no room for a signature that may never come again.
    Full,
}

impl Cache {
    pub(crate) const fn new() -> Cache {
        Cache { now: ArcSwapOption::const_empty(), last: AtomicUsize::new(0), evictions: AtomicU64::new(0) }
    }

    pub(crate) fn load(&self) -> Snapshot {
        Snapshot(self.now.load())
    }

    /// Puts other signatures in place of those seen, unless somebody was faster.
    fn replace(&self, seen: &Snapshot, new: Signatures) -> bool {
        let before = self.now.compare_and_swap(&*seen.0, Some(Arc::new(new)));
        match (&*before, &*seen.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }

    /// Notes that a signature was used.
    pub(crate) fn touch(&self, tree: &Tree) {
        let slot = Arc::as_ptr(&tree.slot) as usize;
        // Most calls find both as they should be: then nothing is written that other threads read.
        if self.last.load(Ordering::Relaxed) != slot {
            self.last.store(slot, Ordering::Relaxed);
        }
        if !tree.slot.used.load(Ordering::Relaxed) {
            tree.slot.used.store(true, Ordering::Relaxed);
        }
    }

    /// The signature used last.
    pub(crate) fn last(&self) -> Option<Arc<Tree>> {
        let last = self.last.load(Ordering::Relaxed);
        self.load().trees().iter().find(|t| Arc::as_ptr(&t.slot) as usize == last).cloned()
    }

    /// The signature of a call, added if it is new; a full cache makes room when it comes the second time.
    pub(crate) fn meet(&self, vals: &[Val], make: impl Fn(&[Arc<Tree>]) -> Tree) -> Met {
        loop {
            let seen = self.load();
            if let Some(known) = seen.find(vals) {
                return Met::Known(known.clone());
            }
            let mut new = seen.to_owned();
            let full = new.trees.len() >= MAX_SIGNATURES;
            let again = new.waiting.iter().position(|s| s.fits(vals));
            if full && again.is_none() {
                if new.waiting.len() >= MAX_WAITING {
                    new.waiting.remove(0);
                }
                new.waiting.push(Arc::new(Signature::of(vals)));
                if self.replace(&seen, new) {
                    return Met::Full;
                }
                continue;
            }
            if let Some(at) = again {
                new.waiting.remove(at);
            }
            if full {
                let idle = new.trees.iter().position(|t| !t.slot.used.swap(false, Ordering::Relaxed));
                new.trees.remove(idle.unwrap_or(0));
            }
            let tree = Arc::new(make(seen.trees()));
            new.trees.push(tree.clone());
            if self.replace(&seen, new) {
                self.evictions.fetch_add(u64::from(full), Ordering::Relaxed);
                return Met::New(tree);
            }
        }
    }

    /// Changes how calls of a signature run; one that runs eagerly stays so. Says whether it changed.
    pub(crate) fn set(&self, slot: &Arc<Slot>, state: &State) -> bool {
        self.change(slot, |old| (!matches!(old, State::Eager(_))).then(|| state.clone()))
    }

    /// Puts recordings in place of those that were there, unless others are there by now.
    pub(crate) fn exchange(&self, slot: &Arc<Slot>, old: &State, new: Replay) -> bool {
        let new = State::Replayed(Arc::new(new));
        self.change(slot, |now| match (now, old) {
            (State::Empty, State::Empty) => Some(new.clone()),
            (State::Replayed(a), State::Replayed(b)) if Arc::ptr_eq(a, b) => Some(new.clone()),
            _ => None,
        })
    }

    fn change(&self, slot: &Arc<Slot>, to: impl Fn(&State) -> Option<State>) -> bool {
        loop {
            let seen = self.load();
            let mut new = seen.to_owned();
            let Some(tree) = new.trees.iter_mut().find(|t| Arc::ptr_eq(&t.slot, slot)) else { return false };
            let Some(state) = to(&tree.state) else { return false };
            *tree = Arc::new(Tree {
                slot: tree.slot.clone(),
                signature: tree.signature.clone(),
                arguments: tree.arguments.clone(),
                why: tree.why.clone(),
                changing: tree.changing,
                state,
            });
            if self.replace(&seen, new) {
                return true;
            }
        }
    }

    /// The state of a signature now.
    pub(crate) fn tree(&self, slot: &Arc<Slot>) -> Option<Arc<Tree>> {
        self.load().trees().iter().find(|t| Arc::ptr_eq(&t.slot, slot)).cloned()
    }
}
