//! The signatures of a traced function, each with its recordings. Reading takes no lock.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwapOption, Guard};
use jit_ir::Graph;
use jit_ir::merge::{Miss, merge};

use super::limits::{MAX_SIGNATURES, MAX_WAITING};
use super::signature::Signature;
use crate::compile::Compiled;
use crate::error::Place;
use crate::exec::run::{self, Halt};
use crate::script::is_leaf;
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
}

impl Replay {
    /// Runs the plan on the values of a call; gives the path that it took, too.
    pub(crate) fn run(&self, mut vals: Vec<Val>) -> Result<(&Arc<Recorded>, Vec<Val>), Halt> {
        vals.retain(is_leaf);
        let mut values = run::run(&self.compiled.plan, vals)?;
        if self.paths.len() == 1 {
            return Ok((&self.paths[0], completed(values, &self.paths[0])));
        }
        let taken = match values.pop() {
            Some(Val::Scalar(s)) => s.as_i64() as usize,
            _ => unreachable!("a graph of several recordings says which one it took"),
        };
        let place = &self.places[taken];
        values.truncate(place.end);
        values.drain(..place.start);
        Ok((&self.paths[taken], completed(values, &self.paths[taken])))
    }

    /// The recordings as one graph.
    pub(crate) fn graph(&self) -> Graph {
        let graphs: Vec<&Graph> = self.paths.iter().map(|p| &p.graph).collect();
        merge(&graphs, false, Miss::Leave).graph
    }
}

/// The results of a plan with those of the user's own types in their places.
fn completed(mut values: Vec<Val>, path: &Recorded) -> Vec<Val> {
    for (at, val) in &path.fixed {
        values.insert((*at).min(values.len()), val.clone());
    }
    values
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

type Trees = Vec<Arc<Tree>>;

/// All signatures of a function.
pub(crate) struct Cache {
    trees: ArcSwapOption<Trees>,
    /// Held while signatures change; and those that wait for a second call.
    changing: Mutex<Vec<Signature>>,
    /// Address of the slot used last.
    last: AtomicUsize,
    pub(crate) evictions: AtomicU64,
}

/// The signatures at one moment.
pub(crate) struct Snapshot(Guard<Option<Arc<Trees>>>);

impl Snapshot {
    pub(crate) fn trees(&self) -> &[Arc<Tree>] {
        self.0.as_ref().map_or(&[], |trees| trees)
    }

    /// The signature of a call.
    pub(crate) fn find(&self, vals: &[Val]) -> Option<&Arc<Tree>> {
        self.trees().iter().find(|t| t.signature.fits(vals))
    }
}

/// What a call of a new signature is to do.
pub(crate) enum Met {
    /// It has this slot now.
    New(Arc<Tree>),
    /// There is no room for a signature that may never come again.
    Full,
}

impl Cache {
    pub(crate) const fn new() -> Cache {
        Cache {
            trees: ArcSwapOption::const_empty(),
            changing: Mutex::new(Vec::new()),
            last: AtomicUsize::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    pub(crate) fn load(&self) -> Snapshot {
        Snapshot(self.trees.load())
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

    /// Adds a signature; a full cache makes room when it comes the second time.
    pub(crate) fn meet(
        &self,
        signature: &Signature,
        tree: impl FnOnce(&[Arc<Tree>]) -> Tree,
        vals: &[Val],
    ) -> Met {
        let mut waiting = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.load();
        if let Some(known) = now.find(vals) {
            return Met::New(known.clone());
        }
        let mut trees: Trees = now.trees().to_vec();
        if trees.len() >= MAX_SIGNATURES {
            match waiting.iter().position(|s| s.fits(vals)) {
                Some(at) => {
                    waiting.remove(at);
                    self.make_room(&mut trees);
                }
                None => {
                    if waiting.len() >= MAX_WAITING {
                        waiting.remove(0);
                    }
                    waiting.push(signature.clone());
                    return Met::Full;
                }
            }
        }
        let tree = Arc::new(tree(now.trees()));
        trees.push(tree.clone());
        self.trees.store(Some(Arc::new(trees)));
        Met::New(tree)
    }

    /// Removes the first signature that was not used since room was last made.
    fn make_room(&self, trees: &mut Trees) {
        let idle = trees.iter().position(|t| !t.slot.used.swap(false, Ordering::Relaxed)).unwrap_or(0);
        trees.remove(idle);
        self.evictions.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes how calls of a signature run; one that runs eagerly stays so. Says whether it changed.
    pub(crate) fn set(&self, slot: &Arc<Slot>, state: State) -> bool {
        self.change(slot, |old| (!matches!(old, State::Eager(_))).then_some(state))
    }

    /// Puts a plan in place of another, unless that is gone.
    pub(crate) fn exchange(&self, slot: &Arc<Slot>, old: &Arc<Replay>, new: Replay) {
        self.change(slot, |now| match now {
            State::Replayed(replay) if Arc::ptr_eq(replay, old) => Some(State::Replayed(Arc::new(new))),
            _ => None,
        });
    }

    fn change(&self, slot: &Arc<Slot>, to: impl FnOnce(&State) -> Option<State>) -> bool {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut trees: Trees = self.load().trees().to_vec();
        let Some(tree) = trees.iter_mut().find(|t| Arc::ptr_eq(&t.slot, slot)) else { return false };
        let Some(state) = to(&tree.state) else { return false };
        *tree = Arc::new(Tree {
            slot: tree.slot.clone(),
            signature: tree.signature.clone(),
            arguments: tree.arguments.clone(),
            why: tree.why.clone(),
            state,
        });
        self.trees.store(Some(Arc::new(trees)));
        true
    }

    /// The state of a signature now.
    pub(crate) fn tree(&self, slot: &Arc<Slot>) -> Option<Arc<Tree>> {
        self.load().trees().iter().find(|t| Arc::ptr_eq(&t.slot, slot)).cloned()
    }
}
