//! The plans of a function, one for each combination of element types and ranks.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::counter::Counter;
use crate::compile::Compiled;
use crate::compile::plan::Plan;
use crate::error::Result;
use crate::tensor::raw::Val;
use crate::trace::warn::warn;

/// Element types and ranks of a call's values.
pub(crate) type Key = SmallVec<[u32; 8]>;

/// Plans kept for one function; calls of further combinations run op by op.
const LIMIT: usize = 64;

fn code(val: &Val) -> u32 {
    match val {
        Val::Tensor(t) => ((t.dtype as u32 + 1) << 8) | t.rank().min(255) as u32,
        Val::Scalar(s) => s.dtype() as u32 + 1,
        Val::Undef => 0,
        Val::Opaque(_) => 0xff,
        // How deep it is, and what its elements have in common, as `argument_types` finds it.
        Val::List(list) => {
            let parts = list.iter().map(code).map(|c| (c >> 24, c & 0xff_ffff));
            let (depth, leaf) = parts.fold((0, 0), |(d, common), (e, leaf)| {
                let common = match (common, leaf) {
                    (0, other) | (other, 0) => other,
                    (a, b) if a == b => a,
                    _ => MIXED,
                };
                (d.max(e), common)
            });
            ((depth + 1) << 24) | leaf
        }
    }
}

/// The code of elements of several ranks.
const MIXED: u32 = 0xffff;

/// The key of a call.
pub(crate) fn key_of(vals: &[Val]) -> Key {
    vals.iter().map(code).collect()
}

/// What a function has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that ran a plan.
    pub calls: u64,
    /// Plans compiled: one for each combination of element types and ranks.
    pub compilations: u64,
    /// Calls with other sizes than the plan's call before.
    pub bindings: u64,
    /// Plans kept.
    pub cached: usize,
    /// Time spent compiling.
    pub compile_time: Duration,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} calls, {} compilations in {:?}, {} bindings, {} plans",
            self.calls, self.compilations, self.compile_time, self.bindings, self.cached
        )
    }
}

/// A plan in the cache.
pub(crate) struct Entry {
    key: Key,
    /// Which element types a generic function was called with: its values may not say it.
    variant: u32,
    pub(crate) compiled: Compiled,
    /// The graph as it was written, for calls that fail.
    pub(crate) plain: OnceLock<Result<Plan>>,
    sizes: AtomicU64,
    next: OnceLock<Box<Entry>>,
    /// The plan made anew, when a traced function that it calls had other recordings.
    newer: OnceLock<Box<Entry>>,
}

impl Entry {
    pub(crate) fn variant(&self) -> u32 {
        self.variant
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }
}

/// A list that only grows: reading it takes no lock.
#[derive(Default)]
pub(crate) struct PlanCache {
    first: OnceLock<Box<Entry>>,
    len: AtomicUsize,
    calls: Counter,
    compilations: AtomicU64,
    bindings: AtomicU64,
    nanos: AtomicU64,
    warned: AtomicBool,
}

impl PlanCache {
    pub(crate) const fn new() -> PlanCache {
        PlanCache {
            first: OnceLock::new(),
            len: AtomicUsize::new(0),
            calls: Counter::new(),
            compilations: AtomicU64::new(0),
            bindings: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            warned: AtomicBool::new(false),
        }
    }

    /// The plan for these values, compiled if it is new, or anew (`compile` is told how often that was done) if a
    /// traced function in it has other recordings by now. `None` if the cache is full.
    pub(crate) fn get(
        &self,
        vals: &[Val],
        variant: u32,
        name: &str,
        compile: impl Fn(usize) -> Result<Compiled>,
    ) -> Result<Option<&Entry>> {
        let mut at = &self.first;
        let mut made: Option<Box<Entry>> = None;
        loop {
            while let Some(entry) = at.get() {
                if entry.variant == variant
                    && entry.key.len() == vals.len()
                    && entry.key.iter().zip(vals).all(|(k, v)| *k == code(v))
                {
                    return self.latest(entry, &compile).map(Some);
                }
                at = &entry.next;
            }
            if self.len.load(Ordering::Relaxed) >= LIMIT {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    let reason =
                        format!("called with more than {LIMIT} combinations of element types and ranks");
                    warn(name, "plans", None, &reason, "further ones run op by op, which is slower");
                }
                return Ok(None);
            }
            let entry = match made.take() {
                Some(entry) => entry,
                None => self.make(key_of(vals), variant, 0, &compile)?,
            };
            // Another thread may have been faster: then its entry is looked at first.
            match at.set(entry) {
                Ok(()) => {
                    self.compilations.fetch_add(1, Ordering::Relaxed);
                    self.len.fetch_add(1, Ordering::Relaxed);
                }
                Err(entry) => made = Some(entry),
            }
        }
    }

    /// The plan for an entry's key that is up to date.
    fn latest<'e>(
        &self,
        mut entry: &'e Entry,
        compile: &impl Fn(usize) -> Result<Compiled>,
    ) -> Result<&'e Entry> {
        while let Some(newer) = entry.newer.get() {
            entry = newer;
        }
        if !entry.compiled.uses.is_stale() {
            return Ok(entry);
        }
        let newer = self.make(entry.key.clone(), entry.variant, entry.compiled.renewals + 1, compile)?;
        Ok(entry.newer.get_or_init(|| {
            self.compilations.fetch_add(1, Ordering::Relaxed);
            newer
        }))
    }

    fn make(
        &self,
        key: Key,
        variant: u32,
        renewals: usize,
        compile: &impl Fn(usize) -> Result<Compiled>,
    ) -> Result<Box<Entry>> {
        let start = Instant::now();
        let compiled = compile(renewals)?;
        self.nanos.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        let sizes = AtomicU64::new(u64::MAX);
        let (plain, next, newer) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Ok(Box::new(Entry { key, variant, compiled, plain, sizes, next, newer }))
    }

    /// Counts a call of a plan.
    pub(crate) fn count(&self, entry: &Entry, vals: &[Val]) {
        self.calls.count();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for val in vals {
            if let Val::Tensor(t) = val {
                for n in &t.shape {
                    hash = (hash ^ *n as u64).wrapping_mul(0x0100_0000_01b3);
                }
            }
        }
        if entry.sizes.load(Ordering::Relaxed) != hash {
            entry.sizes.store(hash, Ordering::Relaxed);
            self.bindings.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            calls: self.calls.get(),
            compilations: self.compilations.load(Ordering::Relaxed),
            bindings: self.bindings.load(Ordering::Relaxed),
            cached: self.len.load(Ordering::Relaxed),
            compile_time: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)),
        }
    }
}
