//! Loops whose trips compute elementwise ops, and which go on while some element asks for it: `while x.any().item()`,
//! `while x.max().item() > t`, or a `break` at the start of a trip where none does; or while all elements ask:
//! `while x.all().item()`, `while x.max().item() < t`, or a `break` where one does not.
//!
//! What an element becomes depends on that element alone, and so does whether it asks for another trip. So a few elements
//! may go through trips before the next ones begin, until they no longer ask. Where some have to ask, who made fewer trips
//! than others makes them up; where all have to, who made more begins anew.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::data::Scalar;
use crate::form::{Arg, Form, Input, Member};
use crate::graph::{Graph, Node};
use crate::ids::{NodeId, RegionId, ValueId};
use crate::ops::Op;
use crate::passes::fusible;
use crate::types::DType;

/// A loop over elementwise ops that goes on while some element, or all, ask for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Until {
    /// What a trip computes from the values before it: what is asked, and for each state, as outputs, its next value.
    pub form: Form,
    /// For each state the input as which a trip reads it, if it does.
    pub states: Vec<Option<usize>>,
    /// The member that says which elements ask for the trip.
    pub asks: usize,
    /// Whether all elements have to ask.
    pub all: bool,
    /// Values of which none may be NaN: the largest or smallest of them is compared.
    pub ordered: Option<Arg>,
}

/// How the values of a loop's node are those of an [`Until`].
pub struct Places {
    /// The values that the inputs are, inside of the loop.
    pub inputs: Vec<ValueId>,
    /// The position of each state among the carried values.
    pub states: Vec<usize>,
    /// Carried host numbers, each with what a trip adds to it.
    pub counters: Vec<(usize, ValueId)>,
    /// Comparisons of host scalars that must hold before a trip.
    pub bounds: Vec<(Op, [HostArg; 2])>,
    /// The carried bool that is true once the loop was left by a `break`.
    pub left: Option<usize>,
}

/// An operand of a comparison of host scalars.
#[derive(Clone, Copy, Debug)]
pub enum HostArg {
    /// A carried value.
    Carried(usize),
    /// A value from outside of the loop.
    Outside(ValueId),
}

/// Which elements ask for a trip.
enum Asked {
    /// Those where this is true, or false.
    Mask(ValueId, bool),
    /// Those for which a comparison holds.
    Compared(Op, [ValueId; 2]),
}

impl Until {
    /// The loop that a node is, if it is one.
    pub fn of(graph: &Graph, node: &Node) -> Option<(Until, Places)> {
        if node.op != Op::Loop {
            return None;
        }
        let [condition, body] = node.regions[..] else { return None };
        let mut reader = Reader::new(graph, node);
        let asked = reader.condition(graph.regions[condition].results[0])?;
        let mut next = graph.regions[body].results.clone();
        let asked = match (asked, reader.left) {
            (Some(asked), None) => asked,
            (None, Some(flag)) => reader.break_off(body, flag, &mut next)?,
            _ => return None,
        };
        reader.until(node, &asked, &next)
    }
}

struct Reader<'a> {
    graph: &'a Graph,
    /// The carried values as the body sees them.
    carried: &'a [ValueId],
    /// What makes a value of the loop.
    maker: HashMap<ValueId, NodeId>,
    /// What a value of a group or an argument of the condition stands for.
    same: HashMap<ValueId, ValueId>,
    /// Nodes that decide whether there is another trip, or count.
    control: HashSet<NodeId>,
    bounds: Vec<(Op, [HostArg; 2])>,
    left: Option<usize>,
    /// Whether all elements have to ask.
    all: bool,
}

impl<'a> Reader<'a> {
    fn new(graph: &'a Graph, node: &'a Node) -> Reader<'a> {
        let [condition, body] = [node.regions[0], node.regions[1]].map(|r| &graph.regions[r]);
        let carried = &body.args[usize::from(node.attrs.keep)..];
        let mut same: HashMap<ValueId, ValueId> =
            condition.args.iter().copied().zip(carried.iter().copied()).collect();
        let mut maker = HashMap::new();
        for region in &node.regions {
            graph.visit_regions(*region, &mut |r| {
                for id in &graph.regions[r].nodes {
                    let made = &graph.nodes[*id];
                    maker.extend(made.results.iter().map(|v| (*v, *id)));
                    if made.op == Op::Fused {
                        let inner = &graph.regions[made.regions[0]].results;
                        same.extend(made.results.iter().copied().zip(inner.iter().copied()));
                    }
                }
            });
        }
        let (control, bounds) = (HashSet::new(), Vec::new());
        Reader { graph, carried, maker, same, control, bounds, left: None, all: false }
    }

    fn value(&self, mut v: ValueId) -> ValueId {
        while let Some(other) = self.same.get(&v) {
            v = *other;
        }
        v
    }

    /// The node in the loop that makes a value.
    fn made(&self, v: ValueId) -> Option<(NodeId, &'a Node)> {
        let id = *self.maker.get(&self.value(v))?;
        Some((id, &self.graph.nodes[id]))
    }

    /// Whether a value is the same in all trips: from outside of the loop, or a constant.
    fn is_fixed(&self, v: ValueId) -> bool {
        self.is_carried(v).is_none() && self.made(v).is_none_or(|(_, n)| n.op == Op::Const)
    }

    fn is_carried(&self, v: ValueId) -> Option<usize> {
        let v = self.value(v);
        self.carried.iter().position(|c| *c == v)
    }

    /// Whether a value is this constant.
    fn is_bool(&self, v: ValueId, expected: bool) -> bool {
        matches!(self.graph.constant_of(v), Some(Scalar::Bool(is)) if is == expected)
    }

    /// Reads the loop's condition: comparisons of host scalars, a flag that a `break` sets, and what elements ask.
    fn condition(&mut self, v: ValueId) -> Option<Option<Asked>> {
        if self.is_bool(v, true) {
            return Some(None);
        }
        let (id, node) = self.made(v)?;
        if node.op == Op::If {
            let [then, other] = [node.regions[0], node.regions[1]].map(|r| &self.graph.regions[r]);
            if node.results.len() != 1 || !self.is_bool(other.results[0], false) {
                return None;
            }
            self.control.insert(id);
            let first = self.condition(node.operands[0])?;
            let second = self.condition(then.results[0])?;
            return (first.is_none() || second.is_none()).then(|| first.or(second));
        }
        if node.op == Op::Not
            && let Some(flag) = self.is_carried(node.operands[0])
        {
            self.control.insert(id);
            return self.left.replace(flag).is_none().then_some(None);
        }
        if let Some(bound) = self.bound(node) {
            self.control.insert(id);
            self.bounds.push(bound);
            return Some(None);
        }
        self.asked(v, true).map(Some)
    }

    /// A comparison of host scalars that no tensor takes part in.
    fn bound(&self, node: &Node) -> Option<(Op, [HostArg; 2])> {
        if !matches!(node.op, Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne) {
            return None;
        }
        let arg = |v: ValueId| {
            let scalar = self.graph.ty(v).is_scalar();
            match self.is_carried(v) {
                Some(c) => Some(HostArg::Carried(c)),
                None => self.is_fixed(v).then_some(HostArg::Outside(v)),
            }
            .filter(|_| scalar)
        };
        Some((node.op, [arg(node.operands[0])?, arg(node.operands[1])?]))
    }

    /// Which elements ask, if `v` is `wanted` where there is another trip.
    fn asked(&mut self, v: ValueId, wanted: bool) -> Option<Asked> {
        let (id, node) = self.made(v)?;
        self.control.insert(id);
        match (node.op, wanted) {
            (Op::Not, _) => self.asked(node.operands[0], !wanted),
            (Op::Item, _) => {
                let (fold, mask) = self.folded(node)?;
                self.all = match (fold, wanted) {
                    (Op::Any, true) | (Op::All, false) => false,
                    (Op::All, true) | (Op::Any, false) => true,
                    _ => return None,
                };
                Some(Asked::Mask(mask, wanted))
            }
            _ => self.compared(node, wanted),
        }
    }

    /// A comparison with the largest or smallest element: some element, or all, are above, or below.
    fn compared(&mut self, node: &Node, wanted: bool) -> Option<Asked> {
        let op = match (node.op, wanted) {
            (Op::Lt | Op::Le | Op::Gt | Op::Ge, true) => node.op,
            (Op::Lt, false) => Op::Ge,
            (Op::Le, false) => Op::Gt,
            (Op::Gt, false) => Op::Le,
            (Op::Ge, false) => Op::Lt,
            _ => return None,
        };
        let [a, b] = node.operands[..] else { return None };
        let (extreme, at) = match (self.is_fixed(a), self.is_fixed(b)) {
            (false, true) => (a, 0),
            (true, false) => (b, 1),
            _ => return None,
        };
        let (id, item) = self.made(extreme).filter(|(_, n)| n.op == Op::Item)?;
        self.control.insert(id);
        let (fold, each) = self.folded(item)?;
        // If the largest is above the bound some element is, if the smallest is all are.
        let above = matches!(op, Op::Gt | Op::Ge) == (at == 0);
        self.all = match fold {
            Op::Max => !above,
            Op::Min => above,
            _ => return None,
        };
        Some(Asked::Compared(op, if at == 0 { [each, b] } else { [a, each] }))
    }

    /// What is reduced over all elements, and by which op.
    fn folded(&mut self, item: &Node) -> Option<(Op, ValueId)> {
        let folds = [Op::Any, Op::All, Op::Max, Op::Min];
        let (id, fold) = self.made(item.operands[0]).filter(|(_, n)| folds.contains(&n.op))?;
        if fold.attrs.axes.is_some() || fold.attrs.keep {
            return None;
        }
        self.control.insert(id);
        Some((fold.op, self.value(fold.operands[0])))
    }

    /// Reads a `break` before anything has changed; `next` become the values after a trip that goes on.
    fn break_off(&mut self, body: RegionId, flag: usize, next: &mut [ValueId]) -> Option<Asked> {
        let (id, node) = self.made(next[flag]).filter(|(_, n)| n.op == Op::If)?;
        if self.graph.regions[body].nodes.last() != Some(&id) {
            return None;
        }
        self.control.insert(id);
        let [then, other] = [node.regions[0], node.regions[1]].map(|r| &self.graph.regions[r]);
        for (c, v) in next.iter_mut().enumerate() {
            let at = node.results.iter().position(|r| r == v);
            let (left, goes_on) = match at {
                Some(at) => (then.results[at], other.results[at]),
                None => (*v, *v),
            };
            let kept = if c == flag { self.is_bool(left, true) } else { self.is_carried(left) == Some(c) };
            if !kept {
                return None;
            }
            *v = goes_on;
        }
        (self.is_carried(next[flag]) == Some(flag)).then_some(())?;
        self.asked(node.operands[0], false)
    }

    /// Puts the loop together; `next` are the values after a trip.
    fn until(mut self, node: &Node, asked: &Asked, next: &[ValueId]) -> Option<(Until, Places)> {
        let (mut states, mut results, mut counters) = (Vec::new(), Vec::new(), Vec::new());
        for (c, v) in next.iter().enumerate() {
            if self.is_carried(*v) == Some(c) {
                continue;
            }
            if self.graph.ty(*v).is_tensor() {
                states.push(c);
                results.push(self.value(*v));
                continue;
            }
            let (id, add) = self.made(*v).filter(|(_, n)| n.op == Op::Add)?;
            let by = add.operands[1];
            if self.is_carried(add.operands[0]) != Some(c) || !self.is_fixed(by) {
                return None;
            }
            self.control.insert(id);
            counters.push((c, by));
        }
        let nodes = self.elementwise(node)?;
        let (each, scalar) = match asked {
            Asked::Mask(mask, _) => (*mask, None),
            Asked::Compared(_, [a, b]) if self.graph.ty(*a).is_tensor() => (*a, Some(*b)),
            Asked::Compared(_, [a, b]) => (*b, Some(*a)),
        };
        let computed = self.maker.contains_key(&each);
        results.extend(computed.then_some(each));
        let (form, inputs) = Form::of_nodes(self.graph, &nodes, &results, &|v| self.value(v))?;
        let mut asking = Asking { graph: self.graph, form, inputs };
        let each = match computed {
            true => Arg::Member(asking.form.outputs.pop()?),
            false => asking.input(each)?,
        };
        let (asks, ordered) = asking.add(asked, each, scalar)?;
        let Asking { form, inputs, .. } = asking;
        // Inputs are states, or the same in all trips.
        let body = &self.graph.regions[node.regions[1]];
        let counter = body.args.first().filter(|_| node.attrs.keep);
        let changing = |v: &ValueId| match self.is_carried(*v) {
            Some(c) => !states.contains(&c) && self.value(next[c]) != *v,
            None => !self.is_fixed(*v) || Some(v) == counter,
        };
        if inputs.iter().any(changing) {
            return None;
        }
        let read = |c: &usize| inputs.iter().position(|v| *v == self.carried[*c]);
        let until = Until { form, states: states.iter().map(read).collect(), asks, all: self.all, ordered };
        let Reader { bounds, left, .. } = self;
        Some((until, Places { inputs, states, counters, bounds, left }))
    }

    /// The elementwise nodes of the loop in order, if all other ones decide about trips or count.
    fn elementwise(&self, node: &Node) -> Option<Vec<NodeId>> {
        let mut found = Vec::new();
        node.regions.iter().try_for_each(|r| self.collect(*r, &mut found))?;
        Some(found)
    }

    fn collect(&self, region: RegionId, found: &mut Vec<NodeId>) -> Option<()> {
        for id in &self.graph.regions[region].nodes {
            let node = &self.graph.nodes[*id];
            match node.op {
                Op::Const => {}
                Op::Fused | Op::If if node.op == Op::Fused || self.control.contains(id) => {
                    node.regions.iter().try_for_each(|r| self.collect(*r, found))?;
                }
                _ if self.control.contains(id) => {}
                _ if fusible(self.graph, node) => found.push(*id),
                _ => return None,
            }
        }
        Some(())
    }
}

/// A form that is given the member which asks.
struct Asking<'a> {
    graph: &'a Graph,
    form: Form,
    inputs: Vec<ValueId>,
}

impl Asking<'_> {
    fn input(&mut self, v: ValueId) -> Option<Arg> {
        let known = self.inputs.iter().position(|i| *i == v);
        let ty = self.graph.ty(v);
        let input = Input { dtype: ty.dtype()?, scalar: ty.is_scalar() };
        Some(Arg::Input(known.unwrap_or_else(|| {
            self.inputs.push(v);
            self.form.inputs.push(input);
            self.inputs.len() - 1
        })))
    }

    fn dtype(&self, arg: Arg) -> DType {
        match arg {
            Arg::Input(i) => self.form.inputs[i].dtype,
            Arg::Member(k) => self.form.members[k].to,
        }
    }

    /// Adds the member that says which elements ask; gives it, and the values of which none may be NaN.
    fn add(&mut self, asked: &Asked, each: Arg, scalar: Option<ValueId>) -> Option<(usize, Option<Arg>)> {
        let from = self.dtype(each);
        let (op, args, ordered) = match (asked, each) {
            (Asked::Mask(_, true), Arg::Member(k)) => return Some((k, None)),
            (Asked::Mask(_, true), _) => (Op::Or, vec![each, each], None),
            (Asked::Mask(_, false), _) => (Op::Not, vec![each], None),
            (Asked::Compared(op, [first, _]), _) => {
                let mut args = vec![each, self.input(scalar?)?];
                if Some(*first) == scalar {
                    args.reverse();
                }
                (*op, args, from.is_float().then_some(each))
            }
        };
        if args.iter().any(|arg| self.dtype(*arg) != from) {
            return None;
        }
        self.form.members.push(Member { op, args, from, to: DType::Bool });
        Some((self.form.members.len() - 1, ordered))
    }
}

impl fmt::Display for Until {
    /// The loop as text: equal texts, equal loops.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; states", self.form)?;
        self.states.iter().try_for_each(|state| match state {
            Some(i) => write!(f, " {i}"),
            None => write!(f, " -"),
        })?;
        write!(f, "; {} {}", if self.all { "all" } else { "any" }, self.asks)?;
        match self.ordered {
            Some(Arg::Input(i)) => write!(f, "; ordered i{i}"),
            Some(Arg::Member(k)) => write!(f, "; ordered m{k}"),
            None => Ok(()),
        }
    }
}
