//! `relax`: what `fast_math` permits. Rewrites ops on floats that are marked `fast` so that fewer are left, with other
//! roundings: constants are joined, divisions by what is known once for many elements become multiplications, and a
//! product that is added becomes one op that rounds once.
//!
//! Nothing is assumed of the values: NaN, infinities and signed zeros mean what they mean. What changes is where is
//! rounded, and with it where a result overflows or underflows.

use std::collections::{HashMap, HashSet};

use crate::data::{Const, Scalar};
use crate::graph::{Graph, Node};
use crate::ids::{Id, NodeId, RegionId, ValueId};
use crate::infer::constants;
use crate::ops::{Attrs, Op, host};
use crate::types::{Dim, Type};

/// Applies the rules until none fits.
pub fn relax(graph: &mut Graph) -> usize {
    if !graph.is_fast() {
        return 0;
    }
    let mut changes = 0;
    for rule in [reassociate, contract] {
        loop {
            let found = everywhere(graph, rule);
            if found == 0 {
                break;
            }
            changes += found;
        }
    }
    changes
}

/// What stands for a node.
type Rule = fn(&Site<'_>, &Node) -> Option<Instead>;

struct Instead {
    /// New ops, the last one with the node's result.
    steps: Vec<Step>,
    /// A value that they stand for, too: nobody else reads it, and they fail where it fails.
    joined: Option<ValueId>,
}

/// An op of what a rule writes.
struct Step {
    op: Op,
    operands: Vec<Part>,
}

/// An operand of a step.
#[derive(Clone, Copy)]
enum Part {
    Value(ValueId),
    Constant(Scalar),
    /// The result of the step before.
    Before,
}

use Part::{Before, Constant, Value};

/// A region with what a rule asks of it.
struct Site<'a> {
    graph: &'a Graph,
    /// The nodes of the region by their results.
    made: HashMap<ValueId, NodeId>,
    known: &'a HashMap<ValueId, Scalar>,
    uses: &'a [usize],
}

fn everywhere(graph: &mut Graph, rule: Rule) -> usize {
    // What is rewritten reads what it read before, so that these hold for all regions.
    let (known, uses) = (constants(graph), uses(graph));
    let mut changes = 0;
    for region in graph.all_regions() {
        let made = graph.regions[region].nodes.iter().map(|id| (&graph.nodes[*id].results, *id));
        let made = made.filter_map(|(results, id)| Some((*results.first()?, id))).collect();
        let site = Site { graph, made, known: &known, uses: &uses };
        let fits = |id: &NodeId| {
            let node = &graph.nodes[*id];
            let float = node.results.first().is_some_and(|v| site.is_float_tensor(*v));
            (node.attrs.fast && float).then(|| rule(&site, node)).flatten().map(|instead| (*id, instead))
        };
        // A rule looks at nodes that another place may rewrite: one place of a chain at a time.
        let (mut found, mut touched, mut joined) = (HashMap::new(), HashSet::new(), HashSet::new());
        for (id, instead) in graph.regions[region].nodes.iter().filter_map(fits) {
            let node = &graph.nodes[id];
            if !node.operands.iter().any(|v| touched.contains(v)) {
                touched.extend(node.results.iter().copied());
                joined.extend(instead.joined);
                found.insert(id, instead.steps);
            }
        }
        changes += found.len();
        for id in std::mem::take(&mut graph.regions[region].nodes) {
            match found.remove(&id) {
                Some(steps) => write(graph, region, id, steps),
                None if graph.nodes[id].results.first().is_some_and(|v| joined.contains(v)) => {}
                None => graph.regions[region].nodes.push(id),
            }
        }
    }
    changes
}

fn uses(graph: &Graph) -> Vec<usize> {
    let mut uses = vec![0; graph.values.len()];
    for region in graph.all_regions() {
        let region = &graph.regions[region];
        let operands = region.nodes.iter().flat_map(|n| &graph.nodes[*n].operands);
        operands.chain(&region.results).for_each(|v| uses[v.index()] += 1);
    }
    uses
}

/// Appends the steps that stand for a node; the last one becomes the node.
fn write(graph: &mut Graph, region: RegionId, id: NodeId, steps: Vec<Step>) {
    let (location, count) = (graph.nodes[id].location.clone(), steps.len());
    let attrs = Attrs { fast: true, ..Attrs::default() };
    let mut before = None;
    for (k, step) in steps.into_iter().enumerate() {
        let mut operands = Vec::with_capacity(step.operands.len());
        for part in step.operands {
            operands.push(match part {
                Value(v) => v,
                Constant(s) => graph.constant(region, Const::Scalar(s)),
                Before => before.unwrap_or_else(|| unreachable!("the first step has no step before it")),
            });
        }
        if k + 1 < count {
            let value = graph.op(region, step.op, operands, attrs.clone(), location.clone());
            before = Some(value.expect("the op takes what the op before took"));
        } else {
            let node = &mut graph.nodes[id];
            (node.op, node.operands, node.attrs) = (step.op, operands, attrs.clone());
            graph.regions[region].nodes.push(id);
        }
    }
}

impl Site<'_> {
    fn is_float_tensor(&self, value: ValueId) -> bool {
        let ty = self.graph.ty(value);
        ty.is_tensor() && ty.dtype().is_some_and(|d| d.is_float())
    }

    /// The node of this region that makes a value for no other use, if `fast_math` is about it.
    fn own(&self, value: ValueId) -> Option<&Node> {
        let node = &self.graph.nodes[*self.made.get(&value)?];
        (node.attrs.fast && self.uses.get(value.index()) == Some(&1) && self.is_float_tensor(value))
            .then_some(node)
    }

    /// A node as a tensor and a constant: `x + c`, `c + x`, `x - c`, `x * c`, `c * x`.
    fn with_constant(&self, node: &Node) -> Option<(Op, ValueId, Scalar)> {
        let [a, b] = node.operands[..] else { return None };
        let (x, c) = match (self.known.get(&a), self.known.get(&b)) {
            (None, Some(c)) => (a, *c),
            (Some(c), None) if node.op != Op::Sub => (b, *c),
            _ => return None,
        };
        match node.op {
            Op::Add | Op::Mul => Some((node.op, x, c)),
            Op::Sub => Some((Op::Add, x, of(Op::Neg, &[c])?)),
            _ => None,
        }
    }

    /// Whether a value is there once for many elements of another.
    fn is_smaller(&self, value: ValueId, than: ValueId) -> bool {
        let axes = |v: ValueId| match self.graph.ty(v) {
            Type::Scalar(_) => Some(0),
            Type::Tensor(_, Some(dims)) => Some(dims.iter().filter(|d| **d != Dim::Known(1)).count()),
            _ => None,
        };
        match (axes(value), axes(than)) {
            (Some(a), Some(b)) => a < b,
            // At build time, when no ranks are known: the macro writes the kernel for what will be.
            (Some(0), None) => true,
            _ => false,
        }
    }
}

/// An op's value for host scalars.
fn of(op: Op, args: &[Scalar]) -> Option<Scalar> {
    host::eval(op, args, None).ok()
}

/// Joins constants, and divides once where many elements are divided by one value.
fn reassociate(site: &Site<'_>, node: &Node) -> Option<Instead> {
    if let Some((op, inner, c)) = site.with_constant(node)
        && let Some((before, x, d)) = site.own(inner).and_then(|n| site.with_constant(n))
        && op == before
        && let Some(joined) = of(op, &[d, c]).filter(|j| usable(*j))
    {
        let steps = vec![Step { op, operands: vec![Value(x), Constant(joined)] }];
        return Some(Instead { steps, joined: Some(inner) });
    }
    let (Op::Div, [x, y]) = (node.op, &node.operands[..]) else { return None };
    let one = Scalar::F32(1.0).cast(site.graph.ty(*y).dtype()?);
    if let Some(c) = site.known.get(y) {
        let factor = of(Op::Div, &[one, *c]).filter(|f| usable(*f))?;
        let steps = vec![Step { op: Op::Mul, operands: vec![Value(*x), Constant(factor)] }];
        return Some(Instead { steps, joined: None });
    }
    if !site.is_float_tensor(*x) || !site.is_smaller(*y, *x) {
        return None;
    }
    let inverse = match site.graph.ty(*y).is_tensor() {
        true => Step { op: Op::Recip, operands: vec![Value(*y)] },
        false => Step { op: Op::Div, operands: vec![Constant(one), Value(*y)] },
    };
    let steps = vec![inverse, Step { op: Op::Mul, operands: vec![Value(*x), Before] }];
    Some(Instead { steps, joined: None })
}

/// Whether a constant is neither 0, subnormal, infinite nor NaN, so that joining lost nothing but a rounding.
fn usable(constant: Scalar) -> bool {
    match constant {
        Scalar::F32(v) => v.is_normal(),
        Scalar::F64(v) => v.is_normal(),
        _ => false,
    }
}

/// `a * b + c` becomes one op.
fn contract(site: &Site<'_>, node: &Node) -> Option<Instead> {
    let [left, right] = node.operands[..] else { return None };
    let product = |v: ValueId| {
        let node = site.own(v).filter(|n| n.op == Op::Mul)?;
        let [a, b] = node.operands[..] else { return None };
        // The tensor stands first.
        Some(if site.is_float_tensor(a) { (a, b) } else { (b, a) })
    };
    let negated = |v: ValueId| match site.known.get(&v) {
        Some(c) => Some((None, Constant(of(Op::Neg, &[*c])?))),
        None => Some((Some(Step { op: Op::Neg, operands: vec![Value(v)] }), Before)),
    };
    let first = product(left);
    let joined = if first.is_some() { left } else { right };
    let ((a, b), c) = match first {
        Some(factors) => (factors, right),
        None => (product(right)?, left),
    };
    let (minus, operands) = match node.op {
        Op::Add => (None, vec![Value(a), Value(b), Value(c)]),
        Op::Sub if first.is_some() => {
            let (minus, c) = negated(c)?;
            (minus, vec![Value(a), Value(b), c])
        }
        Op::Sub => {
            let (minus, b) = negated(b)?;
            (minus, vec![Value(a), b, Value(c)])
        }
        _ => return None,
    };
    let steps = minus.into_iter().chain([Step { op: Op::MulAdd, operands }]).collect();
    Some(Instead { steps, joined: Some(joined) })
}
