//! The executor: runs a plan's steps.

use jit_ir::form::Form;
use jit_ir::ops::{Attrs, host};
use jit_ir::{DType, Op, Scalar};
use smallvec::SmallVec;

use super::frame::Frame;
use super::group::{Failure, Lines};
use super::until::Values;
use super::{ahead, blocks, counters, lists, ops};
use crate::compile::plan::{Ahead, Asked, Block, Kind, LoopPlan, Plan, Ref, Step, Tiles};
use crate::error::Error;
use crate::few::few;
use crate::kernels::chain;
use crate::tensor::raw::{RawTensor, Val};

/// Values in passing.
type Vals = SmallVec<[Val; 3]>;

/// Why a run ended early.
#[derive(Debug)]
pub(crate) enum Halt {
    /// An op failed.
    Error(Error),
    /// A guard does not hold.
    Guard,
}

/// Runs a plan on its arguments, and leaves its results in the frame; says which recording's path was taken, too.
pub(crate) fn run(plan: &Plan, args: &[Val], frame: &mut Frame) -> Result<usize, Halt> {
    debug_assert_eq!(args.len(), plan.params);
    frame.begin(plan.slots);
    let mut machine = Machine::new(plan, args, frame);
    machine.block(&plan.body)?;
    let path = machine.path;
    finish(plan, args, frame);
    Ok(path)
}

/// Leaves the results of a plan in the frame.
fn finish(plan: &Plan, args: &[Val], frame: &mut Frame) {
    if let [Ref::Slot(only)] = plan.body.results[..] {
        let only = only as usize;
        return frame.show(only..only + 1);
    }
    let mut machine = Machine::new(plan, args, frame);
    for i in 0..plan.body.results.len() {
        let result = machine.result(&plan.body, i);
        machine.env.push(result);
    }
    frame.show(plan.slots..plan.slots + plan.body.results.len());
}

/// A member of a group failed.
fn failed((form, lines): (&Form, &Lines), (k, message): Failure) -> Halt {
    Halt::Error(Error::op(form.members[k].op, message, lines[k].clone()))
}

struct Machine<'a> {
    args: &'a [Val],
    env: &'a mut Vec<Val>,
    constants: &'a [Val],
    /// Whether there may be values that were never set.
    unset: bool,
    /// The recording whose path is taken.
    path: usize,
}

impl<'a> Machine<'a> {
    fn new(plan: &'a Plan, args: &'a [Val], frame: &'a mut Frame) -> Machine<'a> {
        Machine { args, env: frame.slots(), constants: &plan.constants, unset: plan.unset, path: 0 }
    }

    fn get(&self, r: Ref) -> &Val {
        match r {
            Ref::Arg(i) => &self.args[i as usize],
            Ref::Slot(i) => &self.env[i as usize],
            Ref::Const(i) => &self.constants[i as usize],
        }
    }

    fn block(&mut self, block: &Block) -> Result<(), Halt> {
        for step in &block.steps {
            self.step(step)?;
            for slot in &step.frees {
                self.env[*slot as usize].clear();
            }
        }
        Ok(())
    }

    /// The results of a block.
    fn results(&mut self, block: &Block) -> Vals {
        (0..block.results.len()).map(|i| self.result(block, i)).collect()
    }

    /// A result of a block, moved out of its slot if nobody needs it there.
    #[inline(always)]
    fn result(&mut self, block: &Block, i: usize) -> Val {
        match block.results[i] {
            Ref::Slot(slot) if block.moves[i] => {
                let slot = &mut self.env[slot as usize];
                match slot.take_tensor() {
                    Some(tensor) => Val::Tensor(tensor),
                    None => std::mem::take(slot),
                }
            }
            other => self.get(other).clone(),
        }
    }

    /// A slot's new value, written where it stands.
    #[inline(always)]
    fn put(&mut self, slot: u32, tensor: RawTensor) {
        let slot = &mut self.env[slot as usize];
        slot.clear();
        *slot = Val::Tensor(tensor);
    }

    /// As `put`.
    #[inline(always)]
    fn put_scalar(&mut self, slot: u32, scalar: Scalar) {
        let slot = &mut self.env[slot as usize];
        slot.clear();
        *slot = Val::Scalar(scalar);
    }

    fn set(&mut self, step: &Step, values: impl IntoIterator<Item = Val>) {
        for (slot, value) in step.outs.iter().zip(values) {
            self.env[*slot as usize] = value;
        }
    }

    /// Calls `body` with a step's arguments.
    #[inline(always)]
    fn with_args<R>(&self, step: &Step, body: impl FnOnce(&[&Val]) -> R) -> R {
        self.with(&step.args, body)
    }

    /// Calls `body` with some values.
    #[inline(always)]
    fn with<R>(&self, refs: &[Ref], body: impl FnOnce(&[&Val]) -> R) -> R {
        static UNSET: Val = Val::Undef;
        few(refs.len(), &UNSET, |args| {
            args.iter_mut().zip(refs).for_each(|(to, r)| *to = self.get(*r));
            body(args)
        })
    }

    /// An argument, out of its slot if the step may take it.
    fn taken(&mut self, step: &Step, i: usize) -> Val {
        match step.args[i] {
            Ref::Slot(slot) if step.takes.get(i) == Some(&true) => {
                std::mem::take(&mut self.env[slot as usize])
            }
            other => self.get(other).clone(),
        }
    }

    fn condition(&self, r: Ref) -> bool {
        self.get(r).is_true()
    }

    /// The steps of small calls; others stand apart, so that these are little code.
    #[inline(always)]
    fn step(&mut self, step: &Step) -> Result<(), Halt> {
        if self.unset && self.is_poisoned(step) {
            return self.poison(step);
        }
        match &step.kind {
            Kind::Host(_) => {
                if let Some(holds) = self.compared(step) {
                    self.put_scalar(step.outs[0], Scalar::Bool(holds));
                    return Ok(());
                }
            }
            Kind::Total(_, to) => {
                if let Some(value) = ops::common_total(step.op, self.get(step.args[0])) {
                    match to {
                        DType::F32 => self.put_scalar(step.outs[0], Scalar::F32(value as f32)),
                        _ => self.put_scalar(step.outs[0], Scalar::F64(value)),
                    }
                    return Ok(());
                }
            }
            Kind::Group(group) if step.outs.len() == 1 => {
                let result = self.with_args(step, |args| group.run_one(args));
                return match result {
                    Ok(tensor) => {
                        self.put(step.outs[0], tensor);
                        Ok(())
                    }
                    Err(e) => Err(failed((&group.form, &group.lines), e)),
                };
            }
            Kind::If(arms) => return self.branch(step, arms),
            Kind::Apply(attrs) if !step.op.writes() => {
                if let Some(tensor) = self.with_args(step, |args| ops::common_case(step.op, attrs, args)) {
                    self.put(step.outs[0], tensor);
                    return Ok(());
                }
            }
            Kind::Chain(of) => {
                if let Some(tensor) = self.with_args(step, |args| chain::run(&of.links, args)) {
                    (0..of.groups).for_each(|_| counters::kernel(1));
                    self.put(step.outs[0], tensor);
                    return Ok(());
                }
            }
            _ => {}
        }
        self.any(step)
    }

    #[inline(always)]
    fn branch(&mut self, step: &Step, arms: &[Block; 2]) -> Result<(), Halt> {
        let arm = &arms[usize::from(!self.condition(step.args[0]))];
        self.block(arm)?;
        // A result of an arm stands where that of the step will, or where none will.
        for (i, out) in step.outs.iter().enumerate() {
            if arm.results[i] == Ref::Slot(*out) {
                continue;
            }
            let value = self.result(arm, i);
            self.env[*out as usize] = value;
        }
        Ok(())
    }

    /// Any step.
    #[inline(never)]
    fn any(&mut self, step: &Step) -> Result<(), Halt> {
        let wrong = |message: String| {
            let op = match &step.kind {
                Kind::Host(attrs) | Kind::Apply(attrs) => step.op.shown_with(attrs),
                _ => step.op.shown(),
            };
            Halt::Error(Error::Op { op, message, at: step.at.clone() })
        };
        match &step.kind {
            Kind::Host(attrs) => {
                let value = self.host(step, attrs).map_err(wrong)?;
                self.env[step.outs[0] as usize] = Val::Scalar(value);
            }
            Kind::Total(attrs, _) => {
                let value = self.with_args(step, |args| ops::total(step.op, attrs, args)).map_err(wrong)?;
                self.env[step.outs[0] as usize] = Val::Scalar(value);
            }
            Kind::Group(group) => {
                let results = self.with_args(step, |args| group.run(args));
                let results = results.map_err(|e| failed((&group.form, &group.lines), e))?;
                self.set(step, results.into_iter().map(Val::Tensor));
            }
            Kind::Rows(group) => {
                let results = self.with_args(step, |args| group.run(args));
                let results = results.map_err(|e| failed((&group.form, &group.lines), e))?;
                self.set(step, results.into_iter().map(Val::Tensor));
            }
            Kind::Apply(attrs) if step.op.writes() => {
                let into = self.taken(step, 0);
                let value = self
                    .with_args(step, |args| lists::write(step.op, attrs, into, &args[1..]))
                    .map_err(wrong)?;
                self.set(step, [value]);
            }
            Kind::Apply(attrs) => {
                let value =
                    self.with_args(step, |args| ops::general_case(step.op, attrs, args)).map_err(wrong)?;
                self.env[step.outs[0] as usize] = value;
            }
            Kind::Chain(of) => match self.with_args(step, |args| blocks::run(of, args)) {
                Some(tensor) => self.put(step.outs[0], tensor),
                None => self.block(&of.steps)?,
            },
            Kind::Product(ahead) => {
                let value = self.product(step, ahead).map_err(wrong)?;
                self.env[step.outs[0] as usize] = value;
            }
            Kind::If(arms) => self.branch(step, arms)?,
            Kind::Loop(plan) => self.repeat(step, plan)?,
            Kind::Program(program) => {
                let args = (0..step.args.len()).map(|i| self.taken(step, i)).collect();
                let values = program.run(args).ok_or_else(|| wrong("fails".into()))?;
                self.set(step, values);
            }
            Kind::Guard(expected) => {
                if !self.get(step.args[0]).same_bits(expected) {
                    return Err(Halt::Guard);
                }
            }
            Kind::Path(number) => self.path = *number,
            Kind::Assert(message, own) => self.assert(step, message, *own)?,
            Kind::Call(called, _) => {
                let args: Vec<Val> = step.args.iter().map(|r| self.get(*r).clone()).collect();
                let values = called.call(&args).map_err(Halt::Error)?;
                self.set(step, values);
            }
        }
        Ok(())
    }

    /// Fails unless the step's first operand is true.
    fn assert(&self, step: &Step, message: &str, own: bool) -> Result<(), Halt> {
        if self.condition(step.args[0]) {
            return Ok(());
        }
        let shown = step.args[1..].iter().filter_map(|r| self.get(*r).scalar().ok());
        let message = host::message(message, &shown.collect::<Vec<_>>());
        let at = step.at.clone();
        Err(Halt::Error(if own { Error::Message(message) } else { Error::Assert { message, at } }))
    }

    /// Whether an operand was never set. Such a value stands only on a path whose results nobody
    /// reads: code between an early exit and the place where the exit is asked for.
    #[inline(never)]
    fn is_poisoned(&self, step: &Step) -> bool {
        if matches!(step.kind, Kind::Loop(_) | Kind::Program(_)) {
            return false;
        }
        let unset = |r: &Ref| matches!(self.get(*r), Val::Undef);
        if let Kind::Call(_, optional) = &step.kind {
            return step.args.iter().zip(optional).any(|(r, optional)| unset(r) && !optional);
        }
        let (asked, held) = step.args.split_at(step.args.len() - step.held);
        // A list may hold what an option does not.
        asked.iter().any(unset)
            || (step.op == Op::SetIndex
                && matches!(self.get(step.args[0]), Val::Tensor(_))
                && held.iter().any(unset))
    }

    /// What depends on a value that was never set was never set either, and has no effect.
    fn poison(&mut self, step: &Step) -> Result<(), Halt> {
        if let Kind::Group(group) = &step.kind {
            let results = self.with_args(step, |args| group.run_poisoned(args));
            let results = results.map_err(|e| failed((&group.form, &group.lines), e))?;
            self.set(step, results);
            return Ok(());
        }
        if let Kind::Rows(group) = &step.kind {
            let results = self.with_args(step, |args| group.values(args));
            let results = results.map_err(|e| failed((&group.form, &group.lines), e))?;
            self.set(step, results);
            return Ok(());
        }
        for slot in &step.outs {
            self.env[*slot as usize] = Val::Undef;
        }
        Ok(())
    }

    /// What a comparison of two scalars gives.
    #[inline(always)]
    fn compared(&self, step: &Step) -> Option<bool> {
        let [a, b] = step.args[..] else { return None };
        match (self.get(a), self.get(b)) {
            (Val::Scalar(a), Val::Scalar(b)) => host::compare(step.op, a, b),
            _ => None,
        }
    }

    fn host(&self, step: &Step, attrs: &Attrs) -> Result<Scalar, String> {
        few(step.args.len(), Scalar::Bool(false), |args| {
            for (to, r) in args.iter_mut().zip(&step.args) {
                *to = self.get(*r).scalar()?;
            }
            host::call(step.op, args, attrs)
        })
    }

    /// A product that is made for many trips at once where that pays.
    fn product(&mut self, step: &Step, of: &Ahead) -> Result<Val, String> {
        let [x, i, w] = [0, 1, 2].map(|k| self.get(step.args[k]));
        let (Val::Scalar(trip), Val::Scalar(trips)) = (i, self.get(of.trips)) else {
            return ahead::alone(x, i, w);
        };
        let (trip, trips) = (trip.as_i64() as usize, trips.as_i64() as usize);
        if let (Val::Tensor(made), Val::Scalar(first)) =
            (&self.env[of.made as usize], &self.env[of.first as usize])
            && let Some(at) = trip.checked_sub(first.as_i64() as usize)
            && at < made.shape[0]
        {
            return Ok(Val::Tensor(ahead::slice(made, at)));
        }
        let Some(made) = ahead::products(x, w, trip, trips.saturating_sub(trip)) else {
            return ahead::alone(x, i, w);
        };
        let value = Val::Tensor(ahead::slice(&made, 0));
        self.env[of.made as usize] = Val::Tensor(made);
        self.env[of.first as usize] = Val::Scalar(Scalar::Usize(trip));
        Ok(value)
    }

    fn repeat(&mut self, step: &Step, plan: &LoopPlan) -> Result<(), Halt> {
        let count = match plan.counted.then(|| self.get(step.args[0])) {
            Some(Val::Scalar(n)) => Some(n.as_i64().max(0) as usize),
            // What depends on a value that was never set.
            Some(_) => return self.poison(step),
            None => None,
        };
        let values: Vals =
            (usize::from(plan.counted)..step.args.len()).map(|i| self.taken(step, i)).collect();
        self.carry(plan, values);
        if let (Some(tiles), Some(trips)) = (&plan.tiles, count)
            && self.repeat_tiles(plan, tiles, trips)
        {
            self.leave(step, plan);
            return Ok(());
        }
        if let Some(asked) = &plan.asked
            && self.repeat_asked(asked, count).is_some()
        {
            self.leave(step, plan);
            return Ok(());
        }
        let mut i = 0;
        while count.is_none_or(|n| i < n) {
            self.block(&plan.condition)?;
            let go = self.condition(plan.condition.results[0]);
            if !go {
                break;
            }
            if plan.counted {
                self.env[plan.index as usize] = Val::Scalar(Scalar::Usize(i));
            }
            self.block(&plan.body)?;
            let values = self.results(&plan.body);
            self.carry(plan, values);
            i += 1;
        }
        self.leave(step, plan);
        Ok(())
    }

    /// The carried values become the loop's results.
    fn leave(&mut self, step: &Step, plan: &LoopPlan) {
        plan.ahead.iter().for_each(|made| self.env[*made as usize].clear());
        for (slot, out) in plan.carried.iter().zip(&step.outs) {
            self.env[*out as usize] = std::mem::take(&mut self.env[*slot as usize]);
        }
    }

    /// Runs a loop over one group a few elements at a time, if its values allow.
    fn repeat_tiles(&mut self, plan: &LoopPlan, tiles: &Tiles, trips: usize) -> bool {
        let Tiles { group, args, next, becomes, native } = tiles;
        let results = self.with(args, |args| group.repeat(args, next, native.as_ref(), trips));
        let Some(results) = results else { return false };
        for (slot, output) in plan.carried.iter().zip(becomes) {
            if let Some(k) = output {
                self.env[*slot as usize] = Val::Tensor(results[*k].clone());
            }
        }
        true
    }

    /// Runs a loop that goes on while some element asks for it by its native kernel, if its values allow.
    fn repeat_asked(&mut self, asked: &Asked, count: Option<usize>) -> Option<()> {
        let Asked { until, args, states, counters, fixed, left } = asked;
        let scalar = |r: &Ref| self.get(*r).scalar().ok();
        if left.is_some_and(|slot| self.condition(Ref::Slot(slot))) {
            return None;
        }
        let slots: SmallVec<[Ref; 4]> = states.iter().map(|s| Ref::Slot(*s)).collect();
        let numbers = counters.iter().map(|(slot, _)| scalar(&Ref::Slot(*slot))).collect::<Option<_>>()?;
        let steps = counters.iter().map(|(_, by)| scalar(by)).collect::<Option<_>>()?;
        let fixed = fixed.iter().map(scalar).collect::<Option<_>>()?;
        let end = self.with(args, |inputs| {
            self.with(&slots, |states| {
                until.run(Values { inputs, states, counters: numbers, steps, fixed, count })
            })
        })?;
        for (slot, state) in states.iter().zip(end.states) {
            self.env[*slot as usize] = Val::Tensor(state);
        }
        for ((slot, _), number) in counters.iter().zip(end.counters) {
            self.env[*slot as usize] = Val::Scalar(number);
        }
        if let Some(slot) = left {
            self.env[*slot as usize] = Val::Scalar(Scalar::Bool(end.unasked));
        }
        Some(())
    }

    fn carry(&mut self, plan: &LoopPlan, values: Vals) {
        for (slot, value) in plan.carried.iter().zip(values) {
            self.env[*slot as usize] = value;
        }
    }
}
