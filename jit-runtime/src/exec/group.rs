//! Elementwise groups: a few ops on tensors that run as one kernel, tile by tile.

use std::sync::Arc;

pub(crate) use jit_ir::form::Arg;
use jit_ir::form::{self, Form, Input, Member};
use jit_ir::ops::shape;
use jit_ir::{DType, Dim, Op};
use smallvec::SmallVec;

use super::counters;
use super::instructions::Builder;
use super::seen::Seen;
use crate::error::Place as Line;
use crate::few::few;
use crate::kernels::chain::What;
use crate::kernels::launch::{self, Operand};
use crate::kernels::native::{self, trips::Looped};
use crate::kernels::repeat::Repeat;
use crate::kernels::table::{self, Kernel};
use crate::kernels::tile::{Place, Program, Step, Stream};
use crate::tensor::raw::{RawTensor, Sizes, Val};

/// Why there is no native kernel of a form.
pub(crate) fn unwritten(form: &Form) -> String {
    let none = "no script brought one of this form (with debug assertions only `#[script(native)]` does)";
    form.obstacle().unwrap_or_else(|| none.into())
}

/// Which member failed, and why.
pub(crate) type Failure = (usize, String);

/// For each member the user's line, where it is known.
pub(crate) type Lines = Vec<Option<Line>>;

/// One tensor for each output of a group.
pub(crate) type Results = SmallVec<[RawTensor; 2]>;

/// How a group runs where its members have several shapes: one part for each shape.
struct Part {
    group: Group,
    /// The parent's inputs, then members of earlier parts.
    inputs: Vec<Arg>,
    /// The parent's members that this part's outputs are.
    members: Vec<usize>,
}

/// The class of shape of each member, from which the parts follow.
type Classes = Vec<usize>;

/// A group with its program.
pub(crate) struct Group {
    pub(crate) form: Form,
    pub(crate) lines: Lines,
    program: Program,
    /// For each member a bit for each input that it depends on (inputs from 63 on share one bit).
    depends: Vec<u64>,
    /// Rough cost of an element, in additions.
    cost: usize,
    only: Option<Only>,
    /// Why it has no native kernel, where one was looked for.
    missed: Option<String>,
    splits: Seen<Classes, Arc<Vec<Part>>>,
}

impl Group {
    /// A group of this form.
    ///
    /// # Errors
    /// A member that has no kernel for its element type.
    pub(crate) fn new(form: Form, lines: Lines) -> Result<Group, String> {
        let program = Builder::new(&form, Vec::new()).build()?;
        let mut depends: Vec<u64> = Vec::with_capacity(form.members.len());
        for m in &form.members {
            let bits = m.args.iter().map(|a| match a {
                Arg::Input(i) => 1 << (*i).min(63),
                Arg::Member(k) => depends[*k],
            });
            depends.push(bits.fold(0, |x, y| x | y));
        }
        let cost = cost(&form);
        let only = Only::of(&program, &form);
        let (missed, splits) = (None, Seen::default());
        Ok(Group { form, lines, program, depends, cost, only, missed, splits })
    }

    /// The same group with the native kernel of its form, or with kernels for pieces of it, as far as they are known.
    pub(crate) fn native(mut self) -> Group {
        self.program.native = native::find(&self.form);
        if self.program.native.is_some() {
            self.only = None;
            return self;
        }
        self.missed = Some(unwritten(&self.form));
        if let Some(program) = self.in_pieces() {
            self.only = None;
            self.program = program;
        }
        self
    }

    /// A program with native kernels for runs of members, if some are known.
    pub(super) fn in_pieces(&self) -> Option<Program> {
        let pieces = native::cover(&self.form);
        let built =
            |pieces| Builder::new(&self.form, pieces).build().expect("its members have kernels already");
        (!pieces.is_empty()).then(|| built(pieces))
    }

    /// That it has no native kernel, and why, in words, if it has none.
    pub(crate) fn missed(&self) -> Option<String> {
        let in_pieces = self.program.code.iter().any(|step| step.members().is_some());
        let what = if in_pieces { "no native kernel of all" } else { "no native kernel" };
        self.missed.as_ref().map(|why| format!("{what}: {why}"))
    }

    /// Whether it runs by a native kernel.
    pub(crate) fn is_native(&self) -> bool {
        self.program.native.is_some()
    }

    pub(super) fn into_program(self) -> Program {
        self.program
    }

    /// As a link of a chain, for a group with one result.
    pub(crate) fn link(&self) -> What {
        let inputs = self.form.inputs.iter().map(|i| i.dtype).collect();
        What::Group { program: self.program.clone(), inputs, to: self.form.result(0) }
    }

    /// How it runs, and its ops, in words. Ops that a native kernel does together stand in brackets.
    pub(crate) fn words(&self) -> String {
        let mut ops: Vec<String> = self.form.members.iter().map(|m| m.op.name().to_string()).collect();
        let mut pieces = 0;
        for members in self.program.code.iter().filter_map(Step::members) {
            ops[members.start].insert(0, '[');
            ops[members.end - 1].push(']');
            pieces += 1;
        }
        let (ops, count) = (ops.join(" "), self.program.code.len());
        match pieces {
            _ if self.is_native() => format!("one native kernel: {ops}"),
            0 => format!("one kernel of {count} instructions, tile by tile: {ops}"),
            n => {
                format!("one kernel of {count} instructions, {n} of them native kernels, tile by tile: {ops}")
            }
        }
    }

    /// Calls `body` with what a kernel reads.
    #[inline(always)]
    fn with_operands<'a, R>(
        &self,
        inputs: &[&'a Val],
        body: impl FnOnce(&[Operand<'a>]) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        few(inputs.len(), Operand::Scalar([0]), |operands| {
            for ((to, value), input) in operands.iter_mut().zip(inputs).zip(&self.form.inputs) {
                *to = match Operand::new(value, input.dtype) {
                    Ok(operand) => operand,
                    Err(message) => return Err((0, message)),
                };
            }
            body(operands)
        })
    }

    /// Runs the group; gives one tensor for each output.
    pub(crate) fn run(&self, inputs: &[&Val]) -> Result<Results, Failure> {
        self.with_operands(inputs, |operands| match self.one_shape(operands) {
            Some(sizes) => Ok(self.launch(operands, sizes)),
            None => self.run_general(inputs, operands),
        })
    }

    /// As [`Group::run`], of a group with one output.
    pub(crate) fn run_one(&self, inputs: &[&Val]) -> Result<RawTensor, Failure> {
        self.with_operands(inputs, |operands| match self.one_shape(operands) {
            Some(sizes) => Ok(self.launch_one(operands, sizes)),
            None => {
                let mut results = self.run_general(inputs, operands)?;
                Ok(results.pop().expect("the group has one output"))
            }
        })
    }

    #[cold]
    fn run_general(&self, inputs: &[&Val], operands: &[Operand]) -> Result<Results, Failure> {
        if let Some(sizes) = self.widest_shape(operands) {
            return Ok(self.launch(operands, sizes));
        }
        let shapes = self.shapes(operands)?;
        if shapes.iter().all(|s| *s == shapes[0]) {
            return Ok(self.launch(operands, &shapes[0]));
        }
        self.run_parts(inputs, &shapes)
    }

    /// Runs the group `trips` times, at least once: from the second time on an input is the output of the time before
    /// that `next` names, if it names one. `None` if the values are not all of one shape and row-major, or of one
    /// element: then nothing was done.
    pub(crate) fn repeat(
        &self,
        inputs: &[&Val],
        next: &[Option<usize>],
        native: Option<&Looped>,
        trips: usize,
    ) -> Option<Results> {
        let results =
            self.with_operands(inputs, |operands| Ok(self.repeat_over(operands, next, native, trips)));
        results.ok().flatten()
    }

    fn repeat_over(
        &self,
        operands: &[Operand],
        next: &[Option<usize>],
        native: Option<&Looped>,
        trips: usize,
    ) -> Option<Results> {
        let sizes = self.one_shape(operands)?;
        let n: usize = sizes.iter().product();
        let whole =
            |(o, k): (&Operand, &Option<usize>)| o.is_flat(sizes) && (k.is_none() || o.shape() == sizes);
        if n == 0 || trips == 0 || !operands.iter().zip(next).all(whole) {
            return None;
        }
        let first: SmallVec<[Stream; 6]> = operands.iter().map(|o| launch::stream(o, n)).collect();
        let mut results: Results = self.form.results().map(|dtype| RawTensor::uninit(dtype, sizes)).collect();
        counters::kernel(results.len());
        let repeat = Repeat { program: &self.program, native, first: &first, next, trips, n };
        repeat.run(&mut results, self.cost);
        Some(results)
    }

    /// Runs the members that depend on no value that was never set, one by one.
    pub(crate) fn run_poisoned(&self, inputs: &[&Val]) -> Result<Vec<Val>, Failure> {
        let mut made: Vec<Val> = Vec::with_capacity(self.form.members.len());
        for (k, m) in self.form.members.iter().enumerate() {
            let args: SmallVec<[Val; 3]> = m
                .args
                .iter()
                .map(|a| match a {
                    Arg::Input(i) => inputs[*i].clone(),
                    Arg::Member(j) => made[*j].clone(),
                })
                .collect();
            if args.iter().any(|v| matches!(v, Val::Undef)) {
                made.push(Val::Undef);
                continue;
            }
            let alone = Form::single(m.op, args.len(), (m.from, m.to));
            let group = Group::new(alone, vec![None]).map_err(|e| (k, e))?;
            let refs: SmallVec<[&Val; 3]> = args.iter().collect();
            let mut results = group.run(&refs).map_err(|(_, e)| (k, e))?;
            made.push(results.pop().map_or(Val::Undef, Val::Tensor));
        }
        Ok(self.form.outputs.iter().map(|k| made[*k].clone()).collect())
    }

    /// The shape of all members, in the common case that inputs have one shape or one element.
    fn one_shape<'a>(&self, operands: &[Operand<'a>]) -> Option<&'a [usize]> {
        let mut full: Option<&[usize]> = None;
        let mut bits = 0_u64;
        for (i, operand) in operands.iter().enumerate() {
            let shape = operand.shape();
            if shape.is_empty() {
                continue;
            }
            match full {
                Some(f) if f == shape => {}
                Some(f) if !launch::same_but_for_ones(f, shape) => return None,
                // What depends on the operands of fewer axes alone has fewer axes.
                Some(f) if f.len() > shape.len() => continue,
                _ => (full, bits) = (Some(shape), 0),
            }
            bits |= 1 << i.min(63);
        }
        let uniform = bits == 0 || (operands.len() < 64 && self.depends.iter().all(|d| d & bits != 0));
        uniform.then(|| full.unwrap_or(&[]))
    }

    /// The shape of all members, where it is that of an operand to which the others broadcast.
    fn widest_shape<'a>(&self, operands: &[Operand<'a>]) -> Option<&'a [usize]> {
        let shapes = operands.iter().map(Operand::shape);
        let full = shapes.clone().max_by_key(|s| (s.len(), s.iter().product::<usize>()))?;
        if operands.len() >= 64 || !shapes.clone().all(|s| launch::fits(s, full)) {
            return None;
        }
        let bits = shapes.enumerate().filter(|(_, s)| *s == full).fold(0_u64, |bits, (i, _)| bits | 1 << i);
        self.depends.iter().all(|d| d & bits != 0).then_some(full)
    }

    /// The shape of every member.
    fn shapes(&self, operands: &[Operand]) -> Result<Vec<Sizes>, Failure> {
        let mut shapes: Vec<Sizes> = Vec::with_capacity(self.form.members.len());
        for (k, m) in self.form.members.iter().enumerate() {
            let mut shape = Sizes::new();
            for arg in &m.args {
                let other = match arg {
                    Arg::Input(i) => operands[*i].shape(),
                    Arg::Member(j) => &shapes[*j],
                };
                shape = broadcast(&shape, other).map_err(|e| (k, e))?;
            }
            shapes.push(shape);
        }
        Ok(shapes)
    }

    fn launch(&self, operands: &[Operand], sizes: &[usize]) -> Results {
        if self.form.outputs.len() == 1 {
            return Results::from_iter([self.launch_one(operands, sizes)]);
        }
        let mut results: Results = self.form.results().map(|dtype| RawTensor::uninit(dtype, sizes)).collect();
        counters::kernel(results.len());
        launch::launch(&self.program, operands, sizes, &mut results, self.cost);
        results
    }

    /// As [`Group::launch`], of a group with one output.
    fn launch_one(&self, operands: &[Operand], sizes: &[usize]) -> RawTensor {
        counters::kernel(1);
        let to = self.form.result(0);
        if let Some(only) = &self.only
            && operands.iter().all(|o| o.is_flat(sizes))
        {
            let given = only.order.map(|i| operands[i]);
            let given = &given[..only.dtypes.len()];
            if let Some(result) = launch::single(only.kernel, given, &only.dtypes, (to, sizes), self.cost) {
                return result;
            }
        }
        let mut result = [RawTensor::uninit(to, sizes)];
        launch::launch(&self.program, operands, sizes, &mut result, self.cost);
        let [result] = result;
        result
    }

    /// Runs the members of each shape as a group of their own, smaller shapes first.
    fn run_parts(&self, inputs: &[&Val], shapes: &[Sizes]) -> Result<Results, Failure> {
        let parts = self.split(shapes);
        let mut made: Vec<Val> = vec![Val::Undef; self.form.members.len()];
        for part in parts.iter() {
            let given = |a: &Arg| match a {
                Arg::Input(i) => inputs[*i].clone(),
                Arg::Member(k) => made[*k].clone(),
            };
            let given: SmallVec<[Val; 6]> = part.inputs.iter().map(given).collect();
            let results = part.group.run(&given.iter().collect::<SmallVec<[&Val; 6]>>())?;
            for (k, result) in part.members.iter().zip(results) {
                made[*k] = Val::Tensor(result);
            }
        }
        let out = self.form.outputs.iter().map(|k| match std::mem::take(&mut made[*k]) {
            Val::Tensor(t) => t,
            _ => unreachable!("every output belongs to one part"),
        });
        Ok(out.collect())
    }

    fn split(&self, shapes: &[Sizes]) -> Arc<Vec<Part>> {
        let mut distinct: Vec<&Sizes> = shapes.iter().collect();
        // What broadcasts to another shape has a lower rank, or fewer elements.
        distinct.sort_by_key(|s| (s.len(), s.iter().product::<usize>(), s.to_vec()));
        distinct.dedup();
        let classes: Classes =
            shapes.iter().map(|s| distinct.iter().position(|d| *d == s).unwrap_or(0)).collect();
        self.splits.get(&classes, || Arc::new((0..distinct.len()).map(|c| self.part(&classes, c)).collect()))
    }

    fn part(&self, classes: &[usize], class: usize) -> Part {
        let here: Vec<usize> = (0..classes.len()).filter(|k| classes[*k] == class).collect();
        let reads = |(j, m): (usize, &Member), k| classes[j] != class && m.args.contains(&Arg::Member(k));
        let is_given = |k: usize| {
            self.form.outputs.contains(&k) || self.form.members.iter().enumerate().any(|m| reads(m, k))
        };
        let input = |arg: Arg| match arg {
            Arg::Input(i) => self.form.inputs[i],
            Arg::Member(k) => Input { dtype: self.form.members[k].to, scalar: false },
        };
        let form::Part { form, inputs, given } = self.form.part(&here, &is_given, &input);
        let lines = vec![None; form.members.len()];
        let group = Group::new(form, lines).expect("its members have kernels already").native();
        Part { group, inputs, members: given }
    }
}

/// The only instruction of a group, which gives its only result.
struct Only {
    kernel: Kernel,
    /// The inputs that are its operands; those past its last one are not read.
    order: [usize; 3],
    dtypes: SmallVec<[DType; 3]>,
}

impl Only {
    fn of(program: &Program, form: &Form) -> Option<Only> {
        let ([Step::Instruction(step)], [_]) = (&program.code[..], &program.outputs[..]) else { return None };
        let mut order = [0; 3];
        for (to, place) in order.iter_mut().zip(&step.from) {
            let Place::Input(i) = place else { return None };
            *to = usize::from(*i);
        }
        // Two ops in one kernel have three operands.
        let count = if let [one] = &form.members[..] { one.args.len() } else { 3 };
        let dtypes = order[..count].iter().map(|i| form.inputs[*i].dtype).collect();
        Some(Only { kernel: step.kernel, order, dtypes })
    }
}

/// Rough cost of an element of a group, in additions.
pub(crate) fn cost(form: &Form) -> usize {
    form.members.iter().map(|m| cost_of(m.op)).sum()
}

/// Rough cost of an element, in additions.
pub(super) fn cost_of(op: Op) -> usize {
    if op.info().approx { 8 } else { 1 }
}

/// The broadcast of two shapes.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Result<Sizes, String> {
    if a == b || b.is_empty() {
        return Ok(Sizes::from_slice(a));
    }
    if launch::fits(a, b) {
        return Ok(Sizes::from_slice(b));
    }
    if launch::fits(b, a) {
        return Ok(Sizes::from_slice(a));
    }
    let known = |s: &[usize]| s.iter().map(|n| Dim::Known(*n)).collect::<Vec<_>>();
    let dims = shape::broadcast(&known(a), &known(b))?.dims.unwrap_or_default();
    Ok(dims.into_iter().map(|d| if let Dim::Known(n) = d { n } else { 0 }).collect())
}

pub(super) fn single(m: &Member) -> Result<Kernel, String> {
    table::kernel(m.op, m.from, m.to).ok_or_else(|| format!("is not defined for {}", m.from))
}
