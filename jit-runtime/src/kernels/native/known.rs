//! Which kernels there are, by the text of their form.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{LazyLock, PoisonError, RwLock, RwLockReadGuard};

use jit_ir::form::{Arg, Form};
use jit_ir::pieces::Runs;

use super::super::builtin;
use super::{Code, Loop, Native, Tile, blocks, scalar};

/// Kernels by the text of their form.
#[derive(Default)]
struct Known {
    codes: HashMap<&'static str, Code>,
    /// The ops of groups' kernels.
    ops: Ops,
}

/// Names of ops, one after the other, as a tree: what may follow, and whether a kernel has just these.
#[derive(Default)]
struct Ops {
    next: HashMap<&'static str, Ops>,
    ends: bool,
}

impl Known {
    fn add(&mut self, kernel: &Native) {
        self.codes.insert(kernel.form, kernel.code);
        if matches!(kernel.code, Code::Group(_)) {
            let steps = kernel.form.split("; ").skip(1);
            let mut at = &mut self.ops;
            for op in steps.filter_map(|step| step.split(' ').next()) {
                at = at.next.entry(op).or_default();
            }
            at.ends = true;
        }
    }

    fn group(&self, form: &str) -> Option<fn(Tile<'_>)> {
        match self.codes.get(form)? {
            Code::Group(run) => Some(*run),
            _ => None,
        }
    }

    /// The ends of the runs of members from `start` on that have the ops of some kernel.
    fn ends(&self, form: &Form, start: usize) -> Vec<usize> {
        let (mut ends, mut at) = (Vec::new(), &self.ops);
        for (k, m) in form.members.iter().enumerate().skip(start) {
            let Some(next) = at.next.get(m.op.name()) else { break };
            if next.ends {
                ends.push(k + 1);
            }
            at = next;
        }
        ends
    }

    fn piece(&self, runs: &Runs, range: Range<usize>) -> Option<Piece> {
        let part = runs.part(range.clone());
        let kernel = Loop::new(self.group(&part.form.to_string())?, &part.form, part.form.results());
        Some(Piece { range, kernel, inputs: part.inputs, given: part.given })
    }
}

/// The runtime's own to begin with.
static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(|| {
    let mut known = Known::default();
    builtin::all().for_each(|kernel| known.add(&kernel));
    RwLock::new(known)
});

fn known() -> RwLockReadGuard<'static, Known> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner)
}

/// The code with this text as its form.
pub(super) fn code(form: &str) -> Option<Code> {
    known().codes.get(form).copied()
}

/// The code of a scalar loop by the text of its form, if one is known.
pub(crate) fn find_scalar(form: &str) -> Option<scalar::Code> {
    match code(form)? {
        Code::Scalar(run) => Some(run),
        _ => None,
    }
}

/// Makes kernels known to all graphs that are compiled from now on.
pub(crate) fn register(kernels: &[Native]) {
    if !kernels.is_empty() {
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        let usable = kernels.iter().filter(|k| !k.in_turns || blocks::supported());
        usable.for_each(|kernel| known.add(kernel));
    }
}

/// The kernel of a group, if one is known.
pub(crate) fn find(form: &Form) -> Option<Loop> {
    let run = known().group(&form.to_string())?;
    Some(Loop::new(run, form, form.results()))
}

/// A kernel of the runtime's own that also sums the values of member `summed`: its last output is their sum, by the
/// tree of one block. Member values that nobody else reads are not among the form's outputs.
pub(crate) fn find_sum(form: &Form, summed: usize) -> Option<Loop> {
    let run = known().group(&format!("{form}; sum {summed}"))?;
    Some(Loop::new(run, form, form.results().chain([form.members[summed].to])))
}

/// Consecutive members of a group that a kernel computes.
pub(crate) struct Piece {
    pub(crate) range: Range<usize>,
    pub(crate) kernel: Loop,
    /// The group's inputs and members that the kernel reads.
    pub(crate) inputs: Vec<Arg>,
    /// The group's members that it gives.
    pub(crate) given: Vec<usize>,
}

/// The pieces of a group for which kernels are known, so that as few steps as can be are left, each a piece or a member.
pub(crate) fn cover(form: &Form) -> Vec<Piece> {
    let known = known();
    let (n, runs) = (form.members.len(), Runs::new(form));
    // For the members before each: how many steps, and the last one of them if it is a piece.
    let mut best: Vec<(usize, Option<Piece>)> = (0..=n).map(|k| (k, None)).collect();
    for start in 0..n {
        let steps = best[start].0 + 1;
        if steps < best[start + 1].0 {
            best[start + 1] = (steps, None);
        }
        for end in known.ends(form, start).into_iter().filter(|end| end - start > 1) {
            if steps < best[end].0
                && let Some(piece) = known.piece(&runs, start..end)
            {
                best[end] = (steps, Some(piece));
            }
        }
    }
    let (mut pieces, mut end) = (Vec::new(), n);
    while end > 0 {
        end = match best[end].1.take() {
            Some(piece) => {
                let start = piece.range.start;
                pieces.push(piece);
                start
            }
            None => end - 1,
        };
    }
    pieces.reverse();
    pieces
}
