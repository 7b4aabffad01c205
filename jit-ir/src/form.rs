//! The form of a group of elementwise ops: what it computes, apart from where its values come from. Groups of one form
//! share a kernel, whichever graph they stand in.

use std::fmt;

use crate::graph::Graph;
use crate::ids::{NodeId, RegionId, ValueId};
use crate::ops::Op;
use crate::types::DType;

/// An operand of a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arg {
    /// An input of the group.
    Input(usize),
    /// The result of an earlier member.
    Member(usize),
}

/// One op of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The op.
    pub op: Op,
    /// Its operands.
    pub args: Vec<Arg>,
    /// Element type of the operands (of `select`: of its values).
    pub from: DType,
    /// Element type of the result.
    pub to: DType,
}

/// An input of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Input {
    /// Its element type.
    pub dtype: DType,
    /// Whether it is a host scalar: one value for all elements.
    pub scalar: bool,
}

/// A group of ops.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Form {
    /// The ops, each after those whose results it uses.
    pub members: Vec<Member>,
    /// The inputs, in the order in which the members use them.
    pub inputs: Vec<Input>,
    /// The members whose results the group gives.
    pub outputs: Vec<usize>,
}

/// Some members of a form by themselves.
pub struct Part {
    /// What they compute.
    pub form: Form,
    /// The inputs and members of the whole that its inputs are.
    pub inputs: Vec<Arg>,
    /// The members of the whole that its outputs are.
    pub given: Vec<usize>,
}

impl Form {
    /// One op that reads as many inputs, with the element types of what it reads and gives (of `select`: of its values).
    pub fn single(op: Op, count: usize, (from, to): (DType, DType)) -> Form {
        let args = (0..count).map(Arg::Input).collect();
        let masked = |i| if op == Op::Select && i == 0 { DType::Bool } else { from };
        let inputs = (0..count).map(|i| Input { dtype: masked(i), scalar: false }).collect();
        Form { members: vec![Member { op, args, from, to }], inputs, outputs: vec![0] }
    }

    /// The form of a `fused` node's region, with the values that its inputs are; `None` while types are open.
    pub fn of(graph: &Graph, region: RegionId) -> Option<(Form, Vec<ValueId>)> {
        let region = &graph.regions[region];
        Form::of_nodes(graph, &region.nodes, &region.results, &|v| v)
    }

    /// The form of some elementwise nodes whose values `results` are asked for; constants may stand among them.
    /// `stands_for` says which value an operand is.
    pub(crate) fn of_nodes(
        graph: &Graph,
        nodes: &[NodeId],
        results: &[ValueId],
        stands_for: &dyn Fn(ValueId) -> ValueId,
    ) -> Option<(Form, Vec<ValueId>)> {
        let mut form = Form { members: Vec::new(), inputs: Vec::new(), outputs: Vec::new() };
        let (mut made, mut inputs): (Vec<ValueId>, Vec<ValueId>) = (Vec::new(), Vec::new());
        for node in nodes.iter().map(|n| &graph.nodes[*n]).filter(|n| n.op != Op::Const) {
            let mut args = Vec::with_capacity(node.operands.len());
            for v in node.operands.iter().map(|v| stands_for(*v)) {
                let member = made.iter().position(|m| *m == v).map(Arg::Member);
                let arg = match member.or_else(|| inputs.iter().position(|i| *i == v).map(Arg::Input)) {
                    Some(arg) => arg,
                    None => {
                        let ty = graph.ty(v);
                        form.inputs.push(Input { dtype: ty.dtype()?, scalar: ty.is_scalar() });
                        inputs.push(v);
                        Arg::Input(inputs.len() - 1)
                    }
                };
                args.push(arg);
            }
            let from = graph.ty(*node.operands.get(usize::from(node.op == Op::Select))?).dtype()?;
            let to = graph.ty(node.results[0]).dtype()?;
            form.members.push(Member { op: node.op, args, from, to });
            made.push(node.results[0]);
        }
        form.outputs = results.iter().map(|v| made.iter().position(|m| m == v)).collect::<Option<_>>()?;
        Some((form, inputs))
    }
}

impl Form {
    /// The element type of a result.
    pub fn result(&self, i: usize) -> DType {
        self.members[self.outputs[i]].to
    }

    /// The results' element types.
    pub fn results(&self) -> impl Iterator<Item = DType> {
        self.outputs.iter().map(|k| self.members[*k].to)
    }

    /// Some members, in ascending order, by themselves. `is_given` says which of them are asked for, and `input` what
    /// an input or another member is to them.
    pub fn part(
        &self,
        members: &[usize],
        is_given: &dyn Fn(usize) -> bool,
        input: &dyn Fn(Arg) -> Input,
    ) -> Part {
        let mut inputs: Vec<Arg> = Vec::new();
        let mut made = Vec::with_capacity(members.len());
        for k in members {
            let args = self.members[*k].args.iter().map(|arg| {
                let inside = |k: &usize| members.binary_search(k).ok().map(Arg::Member);
                let inside = if let Arg::Member(k) = arg { inside(k) } else { None };
                inside.unwrap_or_else(|| {
                    Arg::Input(inputs.iter().position(|i| i == arg).unwrap_or_else(|| {
                        inputs.push(*arg);
                        inputs.len() - 1
                    }))
                })
            });
            made.push(Member { args: args.collect(), ..self.members[*k].clone() });
        }
        let (outputs, given) = members.iter().enumerate().filter(|(_, k)| is_given(**k)).unzip();
        let form = Form { members: made, inputs: inputs.iter().map(|a| input(*a)).collect(), outputs };
        Part { form, inputs, given }
    }
}

/// Members of a group that a kernel is written for, at most.
pub(crate) const LONGEST: usize = 64;
/// Approximated functions in one kernel, at most: beyond, tiles are faster, as more of them overlap.
const APPROXIMATED: usize = 8;
/// Results of a kernel, at most.
const RESULTS: usize = 8;

impl Form {
    /// Whether the widest elements have eight bytes.
    pub fn is_wide(&self) -> bool {
        self.members.iter().any(|m| m.from == DType::F64 || m.to == DType::F64)
    }

    /// Whether it has ops of many steps, each of which waits for the one before.
    pub fn waits(&self) -> bool {
        self.members.iter().any(|m| m.op.info().approx)
    }

    /// Why no kernel is written for groups of this form, if so.
    pub fn obstacle(&self) -> Option<String> {
        let approximated = self.members.iter().filter(|m| m.op.info().approx).count();
        if !is_short(self.members.len(), approximated, self.outputs.len()) {
            return Some("too many ops".into());
        }
        let types = self.members.iter().find_map(Member::type_without_code);
        let op = || self.members.iter().find(|m| !has_code(m.op));
        types
            .map(|dtype| format!("elements of {dtype}"))
            .or_else(|| op().map(|m| format!("`{}` is no loop of vector code", m.op.name())))
    }
}

impl Member {
    fn type_without_code(&self) -> Option<DType> {
        [self.from, self.to].into_iter().find(|d| !matches!(d, DType::F32 | DType::F64 | DType::Bool))
    }

    /// Whether it can stand in a kernel that is written out.
    pub(crate) fn has_code(&self) -> bool {
        self.type_without_code().is_none() && has_code(self.op)
    }
}

/// Whether a kernel is written for so many members, of which so many are approximated, with so many results.
pub(crate) fn is_short(members: usize, approximated: usize, results: usize) -> bool {
    members <= LONGEST && approximated <= APPROXIMATED && results <= RESULTS
}

/// Whether an op can stand in a kernel that is written out: its loop is vector code from end to end.
fn has_code(op: Op) -> bool {
    match op {
        Op::Exp | Op::Ln | Op::Tanh | Op::Sigmoid | Op::Silu | Op::GeluTanh | Op::Erf => true,
        Op::Rem | Op::RemEuclid | Op::DivEuclid => false,
        // Reductions stand in groups whose ranks are known.
        _ => op.is_elementwise() && !op.info().approx,
    }
}

impl fmt::Display for Form {
    /// The form as text: equal texts, equal forms.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, input) in self.inputs.iter().enumerate() {
            write!(
                f,
                "{}{}{}",
                if k > 0 { " " } else { "" },
                input.dtype,
                if input.scalar { "" } else { "[]" }
            )?;
        }
        for m in &self.members {
            write!(f, "; {}", m.op.name())?;
            for arg in &m.args {
                match arg {
                    Arg::Input(i) => write!(f, " i{i}")?,
                    Arg::Member(k) => write!(f, " m{k}")?,
                }
            }
            if m.op == Op::Cast {
                write!(f, " {}", m.to)?;
            }
        }
        write!(f, " ->")?;
        self.outputs.iter().try_for_each(|k| write!(f, " {k}"))
    }
}
