//! Groups with reductions: from members to a schedule that runs row by row.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use jit_ir::form::{self, Form, Input, Member};
use jit_ir::ops::{Attrs, rows};
use jit_ir::stages::{self, Level, Stages};
use jit_ir::{DType, Op, Scalar};
use smallvec::SmallVec;

use super::group::{self, Arg, Failure, Group, Lines, Results, broadcast};
use super::known::Known;
use super::seen::Seen;
use super::{counters, ops};
use crate::kernels;
use crate::kernels::launch::{self, Operand};
use crate::kernels::native;
use crate::kernels::rows::{Feed, Fold, Part, Schedule, Shifted, Slot, Source, Stage, Summed};
use crate::tensor::raw::{RawTensor, Sizes, Val};

type Levels = SmallVec<[Level; 16]>;

/// A group of elementwise ops and of reductions over the last axis, or over everything.
pub(crate) struct Rows {
    pub(crate) form: Form,
    pub(crate) lines: Lines,
    /// Whether reductions run over everything; else over the last axis, which they keep.
    whole: bool,
    /// Rough cost of an element, in additions.
    cost: usize,
    /// What it is that is done in one go where its rows allow.
    known: Option<Known>,
    schedules: Seen<Levels, Arc<Schedule>>,
}

impl Rows {
    /// A group of this form.
    ///
    /// # Errors
    /// A member that has no kernel for its element type.
    pub(crate) fn new(form: Form, lines: Lines, whole: bool) -> Result<Rows, String> {
        let mut elementwise = form.members.iter().filter(|m| !rows::is_fold(m.op));
        elementwise.try_for_each(|m| group::single(m).map(drop))?;
        let cost = group::cost(&form);
        let known = if whole { None } else { Known::of(&form) };
        Ok(Rows { form, lines, whole, cost, known, schedules: Seen::default() })
    }

    /// Whether there is a kernel that does a whole row.
    pub(crate) fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// Why a part of it has no native kernel, if one has none. Which parts it has follows from the shapes; this is for
    /// tensors with a value for each element.
    pub(crate) fn missed(&self) -> Option<String> {
        let levels = Stages::guess(&self.form);
        let parts = Stages::new(&self.form, &levels).parts();
        parts.iter().find(|part| native::find(&part.form).is_none()).map(|part| group::unwritten(&part.form))
    }

    /// Runs the group; gives one tensor for each output.
    pub(crate) fn run(&self, inputs: &[&Val]) -> Result<Results, Failure> {
        if let Some(known) = self.known
            && let Some(result) = known.run(inputs, self.cost)
        {
            counters::kernel(1);
            return Ok(Results::from_iter([result]));
        }
        let operands: SmallVec<[Operand; 6]> = inputs
            .iter()
            .zip(&self.form.inputs)
            .map(|(v, input)| Operand::new(v, input.dtype))
            .collect::<Result<_, _>>()
            .map_err(|e| (0, e))?;
        let Some((full, row, levels)) = self.levels(&operands) else { return self.one_by_one(inputs) };
        let schedule = self.schedule(&levels);
        let n = if self.whole { full.iter().product() } else { full[full.len() - 1] };
        let rows = row.iter().product();
        let copies: SmallVec<[Option<RawTensor>; 6]> =
            operands.iter().map(|o| laid_out(o, &full, &row, self.whole)).collect();
        let feeds: SmallVec<[Feed; 6]> =
            operands.iter().zip(&copies).map(|(o, c)| feed(o, c.as_ref(), &full, &row)).collect();
        let sizes: SmallVec<[usize; 6]> = self.form.inputs.iter().map(|i| i.dtype.size()).collect();
        let sized = |k: &usize| if levels[*k] == Level::Full { &full } else { &row };
        let mut results: Results =
            self.form.outputs.iter().map(|k| RawTensor::uninit(self.form.members[*k].to, sized(k))).collect();
        counters::kernel(results.len());
        kernels::rows::run(&schedule, &feeds, &sizes, &mut results, (rows, n), self.cost);
        Ok(results)
    }

    /// The shape of whole rows, that of a value for each row, and which members have which; `None` if there are others.
    fn levels(&self, operands: &[Operand]) -> Option<(Sizes, Sizes, Levels)> {
        let mut shapes: SmallVec<[Sizes; 24]> = SmallVec::new();
        let mut full: Option<Sizes> = None;
        for m in &self.form.members {
            let of = |arg: &Arg| match arg {
                Arg::Input(i) => operands[*i].shape(),
                Arg::Member(k) => &shapes[*k],
            };
            let mut shape = Sizes::from_slice(of(&m.args[0]));
            if rows::is_fold(m.op) {
                if full.as_ref().is_some_and(|f| *f != shape) {
                    return None;
                }
                full = Some(shape.clone());
                match shape.last_mut() {
                    _ if self.whole => shape.clear(),
                    Some(n) => *n = 1,
                    None => return None,
                }
            } else {
                for arg in &m.args[1..] {
                    if *of(arg) != shape[..] {
                        shape = broadcast(&shape, of(arg)).ok()?;
                    }
                }
            }
            shapes.push(shape);
        }
        let full = full?;
        let mut row = full.clone();
        let n: usize = if self.whole { full.iter().product() } else { *full.last()? };
        if n < 2 || full.contains(&0) {
            return None;
        }
        if self.whole {
            row.clear()
        } else {
            *row.last_mut()? = 1
        }
        let level = |s: &Sizes| {
            if *s == full { Some(Level::Full) } else { (*s == row).then_some(Level::Row) }
        };
        let levels: Levels = shapes.iter().map(level).collect::<Option<_>>()?;
        Some((full, row, levels))
    }

    fn schedule(&self, levels: &Levels) -> Arc<Schedule> {
        self.schedules.get(levels, || Arc::new(Planner::new(self, levels).plan()))
    }

    /// The attributes of a reduction.
    fn reduction(&self) -> Attrs {
        if self.whole { Attrs::default() } else { Attrs { keep: true, ..Attrs::axes([-1]) } }
    }

    /// Runs the members one after the other; what depends on values that were never set is not set either.
    pub(crate) fn values(&self, inputs: &[&Val]) -> Result<Vec<Val>, Failure> {
        let mut made: Vec<Val> = Vec::with_capacity(self.form.members.len());
        for (k, m) in self.form.members.iter().enumerate() {
            let value = self.value(m, |a| match a {
                Arg::Input(i) => inputs[i],
                Arg::Member(j) => &made[j],
            });
            let value = value.map_err(|e| (k, e))?;
            made.push(value);
        }
        Ok(self.form.outputs.iter().map(|k| made[*k].clone()).collect())
    }

    fn value<'a>(&self, m: &Member, get: impl Fn(Arg) -> &'a Val) -> Result<Val, String> {
        let args: SmallVec<[&Val; 3]> = m.args.iter().map(|a| get(*a)).collect();
        if args.iter().any(|v| matches!(v, Val::Undef)) {
            return Ok(Val::Undef);
        }
        let attrs = match m.op {
            op if rows::is_fold(op) => self.reduction(),
            Op::Cast => Attrs::dtype(m.to),
            _ => Attrs::default(),
        };
        ops::apply(m.op, &attrs, &args)
    }

    fn one_by_one(&self, inputs: &[&Val]) -> Result<Results, Failure> {
        let values = self.values(inputs)?;
        values.iter().zip(&self.form.outputs).map(|(v, k)| v.tensor().cloned().map_err(|e| (*k, e))).collect()
    }
}

/// An op of floats along the last axis that is made of others, as a group; the last axis of a reduction has size 1.
pub(super) fn along_last(op: Op, steps: &'static [rows::Step], x: &RawTensor) -> Result<RawTensor, String> {
    type Known = Vec<((Op, DType), Arc<Rows>)>;
    static KNOWN: RwLock<Known> = RwLock::new(Vec::new());
    let key = (op, x.dtype);
    let find = |known: &Known| known.iter().find(|(k, _)| *k == key).map(|(_, g)| g.clone());
    let known = find(&KNOWN.read().unwrap_or_else(PoisonError::into_inner));
    let group = match known {
        Some(group) => group,
        None => {
            let form = form_of(steps, x.dtype);
            let lines = vec![None; form.members.len()];
            let group = Arc::new(Rows::new(form, lines, false)?);
            KNOWN.write().unwrap_or_else(PoisonError::into_inner).push((key, group.clone()));
            group
        }
    };
    let zero = Val::Scalar(Scalar::U8(0).cast(x.dtype));
    let inputs = [&Val::Tensor(x.clone()), &zero];
    let inputs = &inputs[..group.form.inputs.len()];
    let mut results = group.run(inputs).map_err(|(_, message)| message)?;
    results.pop().ok_or_else(|| "gave no result".into())
}

/// The largest element of each row and ln of the sum of e to the distances from it: the first steps of `log_softmax`. `None`
/// where they fail.
pub(crate) fn log_total(x: &RawTensor) -> Option<[RawTensor; 2]> {
    static KNOWN: [OnceLock<Option<Rows>>; 2] = [OnceLock::new(), OnceLock::new()];
    let made = || {
        let steps = &rows::steps(Op::LogSoftmax)?[..5];
        let form = Form { outputs: vec![0, 4], ..form_of(steps, x.dtype) };
        let lines = vec![None; form.members.len()];
        Rows::new(form, lines, false).ok()
    };
    let group = KNOWN[usize::from(x.dtype == DType::F64)].get_or_init(made).as_ref()?;
    let mut results = group.run(&[&Val::Tensor(x.clone())]).ok()?.into_iter();
    Some([results.next()?, results.next()?])
}

/// Whether 0 is an operand of a step.
fn reads_zero(steps: &[rows::Step]) -> bool {
    steps.iter().any(|(_, parts)| parts.contains(&rows::Part::Zero))
}

/// The form of steps whose inputs are the op's operand and, if they read it, 0.
pub(super) fn form_of(steps: &[rows::Step], dtype: DType) -> Form {
    let member = |(op, parts): &rows::Step| {
        let args = parts.iter().map(|p| match p {
            rows::Part::X => Arg::Input(0),
            rows::Part::Zero => Arg::Input(1),
            rows::Part::Step(k) => Arg::Member(*k),
        });
        // All but masks are of the operand's type.
        let mask = |op: Op| op.is_test() || op == Op::Or;
        let from = if *op == Op::Or { DType::Bool } else { dtype };
        let to = if mask(*op) { DType::Bool } else { dtype };
        Member { op: *op, args: args.collect(), from, to }
    };
    let operand = Input { dtype, scalar: false };
    let zero = reads_zero(steps).then_some(Input { dtype, scalar: true });
    let (members, outputs) = (steps.iter().map(member).collect(), vec![steps.len() - 1]);
    Form { members, inputs: [operand].into_iter().chain(zero).collect(), outputs }
}

/// A copy of an operand that cannot be read in place.
fn laid_out(operand: &Operand, full: &Sizes, row: &Sizes, whole: bool) -> Option<RawTensor> {
    let Operand::Tensor(t) = operand else { return None };
    let same_in_all = !whole && t.len() == full[full.len() - 1] && t.shape.last() == full.last();
    if t.len() == 1 || (t.is_contiguous() && (t.shape == *full || t.shape == *row || same_in_all)) {
        return None;
    }
    if same_in_all {
        return Some(t.contiguous());
    }
    // What broadcasts to a value for each row is read as one by the members that have one.
    let to = if launch::fits(&t.shape, row) { row } else { full };
    Some(launch::broadcast_view(t, to).contiguous())
}

fn feed(operand: &Operand, copy: Option<&RawTensor>, full: &Sizes, row: &Sizes) -> Feed {
    let copied = copy.map(Operand::Tensor);
    let operand = copied.as_ref().unwrap_or(operand);
    let stream = launch::stream(operand, 1);
    match operand {
        Operand::Scalar(_) => Feed::Splat(stream),
        Operand::Tensor(t) if t.len() == 1 => Feed::Splat(stream.splat()),
        Operand::Tensor(t) if t.shape == *full => Feed::Full(stream),
        Operand::Tensor(t) if t.shape == *row => Feed::Row(stream),
        Operand::Tensor(_) => Feed::Repeated(stream),
    }
}

/// From members with levels to a schedule.
struct Planner<'a> {
    group: &'a Rows,
    levels: &'a Levels,
    stages: Stages<'a>,
    /// For each member the slot of its value, if it has one.
    slots: Vec<Option<usize>>,
    schedule: Schedule,
}

impl<'a> Planner<'a> {
    fn new(group: &'a Rows, levels: &'a Levels) -> Planner<'a> {
        let stages = Stages::new(&group.form, levels);
        Planner { group, levels, stages, slots: Vec::new(), schedule: Schedule::default() }
    }

    fn plan(mut self) -> Schedule {
        for k in 0..self.group.form.members.len() {
            let slot = self.stages.is_kept(k).then(|| self.slot(k));
            self.slots.push(slot);
        }
        for stage in 0..self.stages.count() {
            let [row, full] = [Level::Row, Level::Full].map(|level| self.stages.part(stage, level));
            let folds = (0..self.group.form.members.len()).filter(|k| self.stages.of(*k) == stage);
            let folds: Vec<Fold> = folds.filter_map(|k| self.fold(k)).collect();
            let summed = full.as_ref().and_then(|part| self.summed(part, folds.first()?));
            let shifted = full.as_ref().zip(folds.first());
            let shifted = shifted.and_then(|(full, sum)| self.shifted(row.as_ref(), full, sum));
            let [row, full] = [row, full].map(|part| part.map(|part| self.part(&part)));
            self.schedule.stages.push(Stage { row, full, folds, summed, shifted });
        }
        let native = |s: &Stage| {
            let full = s.full.as_ref().is_none_or(|p| s.summed.is_some() || p.native.is_some());
            full && s.row.as_ref().is_none_or(|p| p.native.is_some())
        };
        self.schedule.native = self.schedule.stages.iter().all(native);
        self.schedule
    }

    fn slot(&mut self, k: usize) -> usize {
        let output = self.group.form.outputs.iter().position(|o| *o == k);
        let (_, later) = self.stages.readers(k);
        let slots = match self.levels[k] {
            Level::Row => &mut self.schedule.rows,
            Level::Full => &mut self.schedule.full,
        };
        let size = self.group.form.members[k].to.size();
        slots.push(Slot { size, output, passing: output.is_none() && !later });
        slots.len() - 1
    }

    fn source(&self, arg: Arg) -> Source {
        match arg {
            Arg::Input(i) => Source::Input(i),
            Arg::Member(k) => {
                let slot = self.slots[k].expect("what is read elsewhere has a slot");
                if self.levels[k] == Level::Row { Source::Row(slot) } else { Source::Full(slot) }
            }
        }
    }

    /// A part with its kernels.
    fn part(&self, part: &form::Part) -> Part {
        let lines = vec![None; part.form.members.len()];
        let group = Group::new(part.form.clone(), lines).expect("its members have kernels");
        let native = native::find(&part.form);
        Part {
            pieces: if native.is_none() { group.in_pieces() } else { None },
            program: group.into_program(),
            from: part.inputs.iter().map(|a| self.source(*a)).collect(),
            to: part.given.iter().filter_map(|k| self.slots[*k]).collect(),
            native,
        }
    }

    /// A kernel for a part and the sum of one of the members that it gives.
    fn summed(&self, part: &form::Part, fold: &Fold) -> Option<Summed> {
        let form::Part { form, given, .. } = part;
        let Source::Full(slot) = fold.from else { return None };
        let at = given.iter().position(|k| self.slots[*k] == Some(slot))?;
        if !matches!(fold.op, Op::Sum | Op::Mean) {
            return None;
        }
        let member = Arg::Member(given[at]);
        let folds =
            self.group.form.members.iter().filter(|m| rows::is_fold(m.op) && m.args.contains(&member));
        // What nothing but the sum reads is not written.
        let alone = self.schedule.full[slot].passing && folds.count() == 1;
        let kept = |i: &usize| !(alone && *i == at);
        let outputs = (0..given.len()).filter(kept).map(|i| form.outputs[i]).collect();
        let to = (0..given.len()).filter(kept).filter_map(|i| self.slots[given[i]]).collect();
        let kernel = native::find_sum(&Form { outputs, ..form.clone() }, form.outputs[at])?;
        Some(Summed { kernel, to })
    }

    /// The first steps of `softmax` and its relatives, if a stage's full part and its first reduction are that.
    fn shifted(&self, row: Option<&form::Part>, full: &form::Part, sum: &Fold) -> Option<Shifted> {
        let [x, shift] = full.inputs[..] else { return None };
        let dtype = full.form.inputs[0].dtype;
        let exps = *full.given.first()?;
        let is =
            |part: &form::Part, text: &str| part.form.to_string() == text.replace('T', &dtype.to_string());
        if !is(full, stages::EXPS)
            || sum.op != Op::Sum
            || sum.from != self.source(Arg::Member(exps))
            || self.levels[exps] != Level::Full
        {
            return None;
        }
        let instead = row.filter(|row| row.given.iter().map(|k| Arg::Member(*k)).eq([shift]));
        let (largest, zero) = match instead.map(|row| (row, &row.inputs[..])) {
            Some((row, [Arg::Member(largest), Arg::Input(zero)])) => {
                let reads = |m: &&Member| m.args.contains(&Arg::Member(*largest));
                let readers = self.group.form.members.iter().filter(reads).count()
                    + self.group.form.outputs.iter().filter(|k| *k == largest).count();
                (is(row, stages::SHIFT) && readers == 3).then_some((*largest, Some(*zero)))?
            }
            Some(_) => return None,
            None => match shift {
                Arg::Member(largest) => (largest, None),
                Arg::Input(_) => return None,
            },
        };
        let max = &self.group.form.members[largest];
        if max.op != Op::Max || max.args[..] != [x] {
            return None;
        }
        let slot = |arg: Arg| match arg {
            Arg::Member(k) => self.slots[k],
            Arg::Input(_) => None,
        };
        let (shift, largest) = (slot(shift)?, self.slots[largest]?);
        let from = self.source(x);
        Some(Shifted { dtype, from, largest, zero, shift, sum: sum.to, exps: self.slots[exps]? })
    }

    fn fold(&self, k: usize) -> Option<Fold> {
        let m = &self.group.form.members[k];
        let to = self.slots[k].filter(|_| rows::is_fold(m.op))?;
        Some(Fold { op: m.op, dtype: m.from, from: self.source(m.args[0]), to })
    }
}
