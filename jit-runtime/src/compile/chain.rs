//! Steps that are one where they are about single rows: products and groups over their results.

use std::collections::VecDeque;

use jit_ir::Op;
use smallvec::SmallVec;

use super::plan::{Block, ChainPlan, Kind, Ref, Step};
use crate::kernels::chain::{From, Link, What};

/// The steps, with chains among them.
pub(super) fn chains(steps: Vec<Step>) -> Vec<Step> {
    let mut all: Vec<Step> = Vec::with_capacity(steps.len());
    let mut rest: VecDeque<Step> = steps.into();
    while !rest.is_empty() {
        let count = length(rest.make_contiguous());
        if count == 0 {
            all.extend(rest.pop_front());
        } else {
            all.push(chain(rest.drain(..count).collect()));
        }
    }
    all
}

/// Links at most, so that they are found in time that grows with the graph.
const LONGEST: usize = 16;

/// Whether a step can be a link; `made` are the results of the links before.
fn is_link(step: &Step, made: &[u32]) -> bool {
    let is_made = |r: &Ref| matches!(r, Ref::Slot(slot) if made.contains(slot));
    match &step.kind {
        Kind::Apply(_) => step.op == Op::Matmul && !is_made(&step.args[1]),
        Kind::Group(group) => group.form.outputs.len() == 1 && step.args.iter().any(is_made),
        _ => false,
    }
}

/// What a step does as a link.
fn what(step: &Step) -> What {
    match &step.kind {
        Kind::Group(group) => group.link(),
        _ => What::Product,
    }
}

/// How many of the steps, from the first one on, are a chain: nobody else reads what is made on the way. 0 if there is none.
fn length(steps: &[Step]) -> usize {
    let (mut made, mut longest): (Vec<u32>, usize) = (Vec::new(), 0);
    for (i, step) in steps.iter().enumerate().take(LONGEST) {
        let [out] = step.outs[..] else { break };
        if !is_link(step, &made) || step.frees.contains(&out) {
            break;
        }
        let freed = |slot: &u32| steps[..=i].iter().any(|s| s.frees.contains(slot));
        if i > 0 && made.iter().all(freed) {
            longest = i + 1;
        }
        made.push(out);
    }
    longest
}

/// Such steps as one.
fn chain(steps: Vec<Step>) -> Step {
    let (mut made, mut links): (Vec<u32>, Vec<Link>) = (Vec::new(), Vec::new());
    let mut args: SmallVec<[Ref; 4]> = SmallVec::new();
    for step in &steps {
        let from = step.args.iter().map(|r| {
            let is_made = |slot: &u32| *r == Ref::Slot(*slot);
            if let Some(i) = made.iter().position(is_made) {
                return From::Made(i);
            }
            From::Given(args.iter().position(|a| a == r).unwrap_or_else(|| {
                args.push(*r);
                args.len() - 1
            }))
        });
        let from = from.collect();
        links.push(Link { what: what(step), from });
        made.extend(&step.outs);
    }
    let last = steps.last().expect("a chain has steps");
    let (op, at, outs) = (last.op, last.at.clone(), last.outs.clone());
    let frees =
        steps.iter().flat_map(|s| s.frees.iter().copied()).filter(|slot| !made.contains(slot)).collect();
    let groups = links.iter().filter(|link| matches!(link.what, What::Group { .. })).count();
    let steps = Block { steps, results: Vec::new(), moves: Vec::new() };
    let kind = Kind::Chain(Box::new(ChainPlan { links, groups, steps }));
    Step { op, kind, args, outs, frees, takes: SmallVec::new(), held: 0, at }
}
