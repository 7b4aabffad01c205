//! The plan: steps over slots, with known lifetimes.

use std::collections::{HashMap, HashSet};

use jit_ir::form::Form;
use jit_ir::ops::{Attrs, Class, rows};
use jit_ir::trips::{Places, Trips};
use jit_ir::{Const, DType, Graph, Node, Op, RegionId, Type, ValueId, obstacle, until};
use smallvec::SmallVec;

use super::{chain, program};
use crate::error::{Error, Place, Result};
use crate::exec::group::{self, Group};
use crate::exec::rows::Rows;
use crate::exec::until::{HostArg, Until};
use crate::kernels::chain::Link;
use crate::kernels::native::{self, trips::Looped};
use crate::kernels::scalar::Program;
use crate::tensor::raw::Val;
use crate::trace;

/// Where a step reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ref {
    /// An argument of the run, which stays the caller's.
    Arg(u32),
    Slot(u32),
    Const(u32),
}

/// What a step does.
pub(crate) enum Kind {
    /// One op.
    Apply(Attrs),
    /// A reduction over everything, whose value goes to the host as this type.
    Total(Attrs, DType),
    /// An elementwise op on host scalars.
    Host(Attrs),
    /// A group of elementwise ops.
    Group(Box<Group>),
    /// A group with reductions.
    Rows(Box<Rows>),
    /// Products and groups over their results, which are done in one go for a single row.
    Chain(Box<ChainPlan>),
    /// A product of a slice by a loop's counter; reads the tensor, the counter and the other factor.
    Product(Ahead),
    If(Box<[Block; 2]>),
    Loop(Box<LoopPlan>),
    /// A loop over scalars and elements.
    Program(Box<Program>),
    /// Says which recording's path the run takes.
    Path(usize),
    /// Ends the run unless the operand has this value.
    Guard(Val),
    /// Fails with this message unless the first operand is true; as an error of the user's if so said.
    Assert(String, bool),
    /// Calls a traced function with concrete values; which of them belong to an option, and may be unset.
    Call(&'static trace::Step, Box<[bool]>),
}

/// One step.
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) kind: Kind,
    pub(crate) args: SmallVec<[Ref; 4]>,
    pub(crate) outs: SmallVec<[u32; 2]>,
    /// Slots that nobody reads after this step.
    pub(crate) frees: SmallVec<[u32; 4]>,
    /// For each argument whether the step may take it from its slot: then it is written in place.
    pub(crate) takes: SmallVec<[bool; 4]>,
    /// How many of the last arguments may be unset: elements of lists.
    pub(crate) held: usize,
    pub(crate) at: Option<Place>,
}

/// Steps of a region.
pub(crate) struct Block {
    pub(crate) steps: Vec<Step>,
    pub(crate) results: Vec<Ref>,
    /// For each result whether its slot may be emptied.
    pub(crate) moves: Vec<bool>,
}

/// A loop.
pub(crate) struct LoopPlan {
    pub(crate) counted: bool,
    /// The slot of the counter, if counted.
    pub(crate) index: u32,
    /// The slots of the carried values, read by both blocks.
    pub(crate) carried: Vec<u32>,
    pub(crate) condition: Block,
    pub(crate) body: Block,
    /// How the loop runs a few elements at a time, if its body is one group and its condition is always true.
    pub(crate) tiles: Option<Tiles>,
    /// How it runs if it goes on while some element asks for it, and a native kernel is known.
    pub(crate) asked: Option<Asked>,
    /// The slots of products that are made ahead.
    pub(crate) ahead: Vec<u32>,
    /// Why there is no kernel with its trips inside, if there is none.
    pub(crate) missed: Option<String>,
}

/// Products and groups over their results.
pub(crate) struct ChainPlan {
    pub(crate) links: Vec<Link>,
    /// How many of them are groups.
    pub(crate) groups: usize,
    /// The same, one by one.
    pub(crate) steps: Block,
}

/// A product that is made for many trips of a loop at once.
pub(crate) struct Ahead {
    /// How many trips the loop makes.
    pub(crate) trips: Ref,
    /// The slots of the products that are made, and of the trip that the first of them is for.
    pub(crate) made: u32,
    pub(crate) first: u32,
}

/// A loop over one group, whose elements may go through all trips one after the other.
pub(crate) struct Tiles {
    pub(crate) group: Group,
    /// What the group reads.
    pub(crate) args: SmallVec<[Ref; 4]>,
    /// For each input of the group the output that the next trip reads there, if so.
    pub(crate) next: Vec<Option<usize>>,
    /// For each carried value the output that it becomes; else it stays as it is.
    pub(crate) becomes: Vec<Option<usize>>,
    /// The loop's own kernel, if one is known.
    pub(crate) native: Option<Looped>,
}

/// A loop that goes on while some element asks for it.
pub(crate) struct Asked {
    pub(crate) until: Until,
    /// What its kernel reads.
    pub(crate) args: SmallVec<[Ref; 4]>,
    /// The slots of its states and of its counters, and what a trip adds to those.
    pub(crate) states: Vec<u32>,
    pub(crate) counters: Vec<(u32, Ref)>,
    /// What its bounds compare with.
    pub(crate) fixed: Vec<Ref>,
    /// The slot of the bool that a `break` sets.
    pub(crate) left: Option<u32>,
}

/// A graph ready to run.
pub(crate) struct Plan {
    pub(crate) params: usize,
    pub(crate) slots: usize,
    pub(crate) constants: Vec<Val>,
    /// Whether values may be read that were never set.
    pub(crate) unset: bool,
    pub(crate) body: Block,
}

impl Plan {
    /// If `optimised`, several ops may be one step: loops over scalars, reductions for the host. `unset` says whether an
    /// argument may be without a value.
    pub(crate) fn new(graph: &Graph, optimised: bool, unset: bool) -> Result<Plan> {
        let unset = unset || may_be_unset(graph);
        let mut builder = Builder {
            graph,
            optimised,
            unset,
            readers: readers(graph),
            places: HashMap::new(),
            slots: 0,
            wanted: HashMap::new(),
            slices: HashMap::new(),
            counters: HashMap::new(),
            constants: Vec::new(),
        };
        for (i, value) in graph.params().iter().enumerate() {
            builder.places.insert(*value, Ref::Arg(i as u32));
        }
        let body = builder.block(graph.body, &[])?;
        let params = graph.params().len();
        Ok(Plan { params, slots: builder.slots as usize, constants: builder.constants, unset, body })
    }
}

/// Whether a run may meet values that were never set: behind an early exit, in lists, and in what a call gives.
fn may_be_unset(graph: &Graph) -> bool {
    let open = |v: &ValueId| matches!(graph.ty(*v), Type::List(_) | Type::Hole);
    let all = graph.all_regions();
    let mut regions = all.iter().map(|r| &graph.regions[*r]);
    graph.params().iter().any(open)
        || regions.any(|region| {
            region.args.iter().any(open)
                || region
                    .nodes
                    .iter()
                    .map(|id| &graph.nodes[*id])
                    .any(|node| matches!(node.op, Op::Undef | Op::Call) || node.results.iter().any(open))
        })
}

pub(super) struct Builder<'a> {
    pub(super) graph: &'a Graph,
    pub(super) optimised: bool,
    pub(super) unset: bool,
    /// How often each value is read.
    pub(super) readers: HashMap<ValueId, usize>,
    pub(super) places: HashMap<ValueId, Ref>,
    slots: u32,
    /// The slots for results of arms that are made there.
    wanted: HashMap<ValueId, u32>,
    /// Slices whose only reader is a product that is made ahead: what they are a part of, and by which counter.
    pub(super) slices: HashMap<ValueId, [ValueId; 2]>,
    /// For each counter of a loop around how many trips that makes, and the slots of products that are made ahead.
    pub(super) counters: HashMap<ValueId, (Ref, Vec<u32>)>,
    constants: Vec<Val>,
}

impl Builder<'_> {
    fn slot(&mut self, value: ValueId) -> u32 {
        let slot = self.wanted.remove(&value).unwrap_or_else(|| self.new_slot());
        self.places.insert(value, Ref::Slot(slot));
        slot
    }

    pub(super) fn new_slot(&mut self) -> u32 {
        self.slots += 1;
        self.slots - 1
    }

    fn place(&self, value: ValueId) -> Ref {
        self.places[&value]
    }

    /// The steps of a region; `own` are the values that live in it besides those of its nodes.
    fn block(&mut self, region: RegionId, own: &[ValueId]) -> Result<Block> {
        let graph = self.graph;
        let data = &graph.regions[region];
        let totals = self.totals(region);
        let slices: HashSet<ValueId> = self.slices.keys().copied().collect();
        let is_step = |node: &Node| match node.op {
            Op::Const | Op::Undef => false,
            // Its reduction gives the value.
            Op::Item => !totals.contains_key(&node.operands[0]),
            Op::IndexAxis => !slices.contains(&node.results[0]),
            _ => true,
        };
        let mut last: HashMap<ValueId, usize> = HashMap::new();
        let mut mine: Vec<ValueId> = own.to_vec();
        for (i, id) in data.nodes.iter().filter(|id| is_step(&graph.nodes[**id])).enumerate() {
            let node = &graph.nodes[*id];
            let results: Vec<ValueId> =
                node.results.iter().map(|v| totals.get(v).copied().unwrap_or(*v)).collect();
            // A result that nobody reads is freed by its own step.
            last.extend(uses(graph, node).iter().chain(&results).map(|v| (*v, i)));
            mine.extend(results);
        }
        let dies = |value: &ValueId, at: usize| last.get(value) == Some(&at) && !data.results.contains(value);
        let mut steps: Vec<Step> = Vec::new();
        for id in &data.nodes {
            let node = &graph.nodes[*id];
            if !is_step(node) {
                if matches!(node.op, Op::Item | Op::IndexAxis) {
                    continue;
                }
                let value = node.attrs.value.as_ref().map_or(Val::Undef, Val::from_const);
                self.constants.push(value);
                self.places.insert(node.results[0], Ref::Const(self.constants.len() as u32 - 1));
                continue;
            }
            let at = steps.len();
            let dying: Vec<ValueId> = match node.op {
                Op::If => mine.iter().filter(|v| dies(v, at)).copied().collect(),
                _ => Vec::new(),
            };
            let mut step = self.step(node, &dying)?;
            if let Some(total) = node.results.first().and_then(|v| totals.get(v))
                && let Some(to) = graph.ty(*total).dtype()
            {
                step.kind = Kind::Total(node.attrs.clone(), to);
                self.places.insert(*total, Ref::Slot(step.outs[0]));
            }
            steps.push(step);
        }
        for value in &mine {
            let (Some(at), Some(Ref::Slot(slot))) = (last.get(value), self.places.get(value).copied()) else {
                continue;
            };
            if dies(value, *at) {
                steps[*at].frees.push(slot);
            }
        }
        for step in &mut steps {
            let Step { args, takes, frees, .. } = step;
            for (r, take) in args.iter().zip(takes) {
                *take &= matches!(r, Ref::Slot(slot) if frees.contains(slot));
            }
        }
        if self.optimised && !self.unset {
            steps = chain::chains(steps);
        }
        let results: Vec<Ref> = data.results.iter().map(|v| self.place(*v)).collect();
        let moves = data
            .results
            .iter()
            .enumerate()
            .map(|(i, v)| mine.contains(v) && !data.results[i + 1..].contains(v))
            .collect();
        Ok(Block { steps, results, moves })
    }

    /// The reductions of a region whose value goes to the host and nowhere else, and the host's scalars.
    fn totals(&self, region: RegionId) -> HashMap<ValueId, ValueId> {
        if !self.optimised {
            return HashMap::new();
        }
        let graph = self.graph;
        let nodes = || graph.regions[region].nodes.iter().map(|id| &graph.nodes[*id]);
        let is_total =
            |n: &&Node| n.op.info().class == Class::Reduce && n.attrs.axes.is_none() && !n.attrs.keep;
        let reduced: HashSet<ValueId> = nodes().filter(is_total).flat_map(|n| n.results.clone()).collect();
        let asked = nodes().filter(|n| n.op == Op::Item && reduced.contains(&n.operands[0]));
        let once = |n: &&Node| self.readers.get(&n.operands[0]) == Some(&1);
        asked.filter(once).map(|n| (n.operands[0], n.results[0])).collect()
    }

    /// A step; `dying` are values that nobody reads after it.
    fn step(&mut self, node: &Node, dying: &[ValueId]) -> Result<Step> {
        let at: Option<Place> = node.location.as_ref().map(Place::from);
        let sliced = node.operands.first().and_then(|v| self.slices.get(v).copied());
        let read =
            sliced.into_iter().flatten().chain(node.operands.iter().skip(sliced.iter().len()).copied());
        let mut args: SmallVec<[Ref; 4]> = read.map(|v| self.place(v)).collect();
        let mut outs = SmallVec::new();
        let kind = match node.op {
            Op::If => {
                outs = node.results.iter().map(|v| self.slot(*v)).collect();
                Kind::If(Box::new([
                    self.arm(node.regions[0], dying, &outs)?,
                    self.arm(node.regions[1], dying, &outs)?,
                ]))
            }
            Op::Loop => match self.program(node) {
                Some((program, outside)) => {
                    args.extend(outside.iter().map(|v| self.place(*v)));
                    Kind::Program(Box::new(program))
                }
                None => self.repeat(node)?,
            },
            Op::Fused => {
                let (kind, inputs) = self.group(node)?;
                args = inputs;
                kind
            }
            Op::Matmul if let Some([_, counter]) = sliced => self.ahead(counter),
            Op::Guard => Kind::Guard(node.attrs.value.as_ref().map_or(Val::Undef, Val::from_const)),
            Op::Path => Kind::Path(match node.attrs.value {
                Some(Const::Scalar(number)) => number.as_i64() as usize,
                _ => 0,
            }),
            Op::Assert => Kind::Assert(node.attrs.text.clone().unwrap_or_default(), node.attrs.keep),
            Op::Call => {
                let name = node.attrs.text.clone().unwrap_or_default();
                let callee = trace::find_step(&name).ok_or_else(|| Error::Compile {
                    message: format!("`{name}` is called but not known"),
                    at: at.clone(),
                })?;
                Kind::Call(callee, callee.optional())
            }
            Op::Host | Op::Powi => Kind::Host(node.attrs.clone()),
            op if op.is_elementwise() && self.is_host(node) => Kind::Host(node.attrs.clone()),
            op if op.is_elementwise() => match self.single(node) {
                Some(group) => Kind::Group(Box::new(group)),
                None => Kind::Apply(node.attrs.clone()),
            },
            _ => Kind::Apply(node.attrs.clone()),
        };
        if node.op != Op::If {
            outs = node.results.iter().map(|v| self.slot(*v)).collect();
        }
        let takes = self.takes(node, &args);
        let held = match node.op {
            Op::List => args.len(),
            Op::Push | Op::SetIndex => 1,
            _ => 0,
        };
        Ok(Step { op: node.op, kind, args, outs, frees: SmallVec::new(), takes, held, at })
    }

    /// An arm of an `if`. What it makes as a result stands where that of the `if` will.
    fn arm(&mut self, region: RegionId, own: &[ValueId], outs: &[u32]) -> Result<Block> {
        let data = &self.graph.regions[region];
        for (value, out) in data.results.iter().zip(outs) {
            if data.nodes.iter().any(|id| self.graph.nodes[*id].results.contains(value)) {
                self.wanted.entry(*value).or_insert(*out);
            }
        }
        let mut block = self.block(region, own)?;
        for (moved, r) in block.moves.iter_mut().zip(&block.results) {
            *moved &= !matches!(r, Ref::Slot(slot) if outs.contains(slot));
        }
        Ok(block)
    }

    /// The arguments that a step would write in place, if nobody reads them after it.
    fn takes(&self, node: &Node, args: &[Ref]) -> SmallVec<[bool; 4]> {
        let once = |r: &Ref| args.iter().filter(|other| *other == r).count() == 1;
        match node.op {
            op if op.writes() => args.iter().enumerate().map(|(i, r)| i == 0 && once(r)).collect(),
            Op::Loop => {
                let graph = self.graph;
                let mut inside: HashSet<ValueId> = HashSet::new();
                for region in &node.regions {
                    graph.visit_regions(*region, &mut |r| {
                        inside.extend(&graph.regions[r].results);
                        for n in &graph.regions[r].nodes {
                            inside.extend(&graph.nodes[*n].operands);
                        }
                    });
                }
                args.iter().zip(&node.operands).map(|(r, v)| once(r) && !inside.contains(v)).collect()
            }
            _ => SmallVec::new(),
        }
    }

    fn program(&self, node: &Node) -> Option<(Program, Vec<ValueId>)> {
        if self.optimised { program::compile(self.graph, node) } else { None }
    }

    fn is_host(&self, node: &Node) -> bool {
        node.operands.iter().all(|v| self.graph.ty(*v).is_scalar())
    }

    fn repeat(&mut self, node: &Node) -> Result<Kind> {
        let graph = self.graph;
        let counted = node.attrs.keep;
        let [condition, body] = [node.regions[0], node.regions[1]];
        let args = &graph.regions[body].args;
        let index = if counted { self.slot(args[0]) } else { 0 };
        let mut carried = Vec::new();
        for (a, b) in graph.regions[condition].args.iter().zip(&args[usize::from(counted)..]) {
            let slot = self.slot(*b);
            self.places.insert(*a, Ref::Slot(slot));
            carried.push(slot);
        }
        // The condition must leave the carried values for the body.
        let condition = self.block(condition, &[])?;
        let always = matches!(condition.results[..], [Ref::Const(c)] if self.constants[c as usize].is_true());
        if counted && always {
            self.slices(body, self.place(node.operands[0]));
        }
        let body = self.block(body, args)?;
        let ahead = self.counters.remove(&args[0]).map_or(Vec::new(), |(_, made)| made);
        let (trips, until) = (Trips::of(graph, node), until::Until::of(graph, node));
        let form = trips.as_ref().map(|t| &t.0.form).or(until.as_ref().map(|u| &u.0.form));
        let why = form.map_or_else(|| obstacle::of_loop(graph, node), group::unwritten);
        let tiles = trips.and_then(|(trips, places)| self.tiles(trips, places));
        let asked = until.and_then(|(until, at)| self.asked(&until, at, &carried));
        let native = asked.is_some() || tiles.as_ref().is_some_and(|t| t.native.is_some());
        let missed = (!native).then_some(why);
        Ok(Kind::Loop(Box::new(LoopPlan {
            counted,
            index,
            carried,
            condition,
            body,
            tiles,
            asked,
            ahead,
            missed,
        })))
    }

    fn asked(&self, until: &until::Until, at: until::Places, carried: &[u32]) -> Option<Asked> {
        let kernel = native::until::find(until)?;
        let mut fixed = Vec::new();
        let mut arg = |arg: until::HostArg| match arg {
            until::HostArg::Carried(c) => match at.counters.iter().position(|(own, _)| *own == c) {
                Some(i) => HostArg::Counter(i),
                None => {
                    fixed.push(Ref::Slot(carried[c]));
                    HostArg::Fixed(fixed.len() - 1)
                }
            },
            until::HostArg::Outside(v) => {
                fixed.push(self.place(v));
                HostArg::Fixed(fixed.len() - 1)
            }
        };
        let bounds = at.bounds.iter().map(|(op, [a, b])| (*op, [arg(*a), arg(*b)])).collect();
        let cost = group::cost(&until.form);
        Some(Asked {
            until: Until { kernel, reads: until.states.clone(), bounds, cost },
            args: at.inputs.iter().map(|v| self.place(*v)).collect(),
            states: at.states.iter().map(|c| carried[*c]).collect(),
            counters: at.counters.iter().map(|(c, by)| (carried[*c], self.place(*by))).collect(),
            fixed,
            left: at.left.map(|c| carried[c]),
        })
    }

    fn tiles(&self, trips: Trips, places: Places) -> Option<Tiles> {
        let native = native::trips::find(&trips);
        let lines = vec![None; trips.form.members.len()];
        let group = Group::new(trips.form, lines).ok()?.native();
        let args = places.inputs.iter().map(|v| self.place(*v)).collect();
        Some(Tiles { group, args, next: trips.next, becomes: places.becomes, native })
    }

    fn single(&self, node: &Node) -> Option<Group> {
        let dtype = |v: ValueId| self.graph.ty(v).dtype();
        let from = dtype(*node.operands.get(usize::from(node.op == Op::Select))?)?;
        if (node.op.divides() && from.is_int()) || matches!(node.op, Op::Shl | Op::Shr) {
            return None;
        }
        let form = Form::single(node.op, node.operands.len(), (from, dtype(node.results[0])?));
        Group::new(form, vec![node.location.as_ref().map(Place::from)]).ok()
    }

    /// The group of a `fused` node and what it reads.
    fn group(&mut self, node: &Node) -> Result<(Kind, SmallVec<[Ref; 4]>)> {
        let graph = self.graph;
        let region = &graph.regions[node.regions[0]];
        let broken =
            |message: String| Error::Compile { message, at: node.location.as_ref().map(Place::from) };
        let mut lines = Vec::new();
        let mut folds = Vec::new();
        for inner in region.nodes.iter().map(|id| &graph.nodes[*id]) {
            if inner.op == Op::Const {
                let value = inner.attrs.value.as_ref().map_or(Val::Undef, Val::from_const);
                self.constants.push(value);
                self.places.insert(inner.results[0], Ref::Const(self.constants.len() as u32 - 1));
                continue;
            }
            if rows::is_fold(inner.op) {
                // Reductions that keep their axis are over the last one, others over everything.
                folds.push(inner.attrs.keep);
            }
            lines.push(inner.location.as_ref().map(Place::from));
        }
        let (form, inputs) =
            Form::of(graph, node.regions[0]).ok_or_else(|| broken("a group with open types".into()))?;
        let kind = match folds.first() {
            Some(keep) => Kind::Rows(Box::new(Rows::new(form, lines, !keep).map_err(broken)?)),
            None => Kind::Group(Box::new(Group::new(form, lines).map_err(broken)?.native())),
        };
        Ok((kind, inputs.iter().map(|v| self.place(*v)).collect()))
    }
}

/// How often each value is read, as a result of a region, too.
fn readers(graph: &Graph) -> HashMap<ValueId, usize> {
    let mut all = HashMap::new();
    for region in graph.all_regions().iter().map(|r| &graph.regions[*r]) {
        let operands = region.nodes.iter().flat_map(|n| &graph.nodes[*n].operands);
        operands.chain(&region.results).for_each(|v| *all.entry(*v).or_insert(0) += 1);
    }
    all
}

/// Values that a node reads, those read inside its regions included.
pub(super) fn uses(graph: &Graph, node: &Node) -> Vec<ValueId> {
    let mut all = node.operands.clone();
    for r in &node.regions {
        graph.visit_regions(*r, &mut |r| {
            all.extend(&graph.regions[r].results);
            for n in &graph.regions[r].nodes {
                all.extend(&graph.nodes[*n].operands);
            }
        });
    }
    all
}
