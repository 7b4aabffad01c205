//! The form of a group of elementwise ops: what it computes, apart from where its values come from. Groups of one form
//! share a kernel, whichever graph they stand in.

use std::fmt;

use crate::graph::Graph;
use crate::ids::{RegionId, ValueId};
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

impl Form {
    /// The form of a `fused` node's region, with the values that its inputs are; `None` while types are open.
    pub fn of(graph: &Graph, region: RegionId) -> Option<(Form, Vec<ValueId>)> {
        let region = &graph.regions[region];
        let mut form = Form { members: Vec::new(), inputs: Vec::new(), outputs: Vec::new() };
        let (mut made, mut inputs): (Vec<ValueId>, Vec<ValueId>) = (Vec::new(), Vec::new());
        for node in region.nodes.iter().map(|n| &graph.nodes[*n]).filter(|n| n.op != Op::Const) {
            let mut args = Vec::with_capacity(node.operands.len());
            for v in &node.operands {
                let member = made.iter().position(|m| m == v).map(Arg::Member);
                let arg = match member.or_else(|| inputs.iter().position(|i| i == v).map(Arg::Input)) {
                    Some(arg) => arg,
                    None => {
                        let ty = graph.ty(*v);
                        form.inputs.push(Input { dtype: ty.dtype()?, scalar: ty.is_scalar() });
                        inputs.push(*v);
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
        form.outputs =
            region.results.iter().map(|v| made.iter().position(|m| m == v)).collect::<Option<_>>()?;
        Some((form, inputs))
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
