//! The verifier: what holds for every graph that is run.
//!
//! * Every operand is defined before its use, in the same region or in one around it.
//! * Every value is defined once.
//! * Each op has as many operands as its row says, one result (`if`, `loop`, `call`, `fused`: any
//!   number; `guard`, `path`, `assert`, `alike`: none), and as many regions as its kind.
//! * The first operand of an `assert` is a bool.
//! * `const`, `guard` and `path` carry a value, `cast`, `zeros`, `ones` an element type, ops along an axis their axes.
//! * An `if` takes one bool; both its regions have no arguments and yield one value for each result.
//! * A `loop` with `keep` takes a count first. Its while region takes the carried values and yields
//!   one bool; its body takes an index if counted and the carried values, and yields the next ones.
//! * A `fused` region has no arguments and holds elementwise ops only.
//! * The body yields one value for each declared result.
//! * The type of a node's result is one that its type rule allows.

use std::collections::HashSet;

use crate::data::Const;
use crate::graph::{Graph, Node};
use crate::ids::{RegionId, ValueId};
use crate::infer::is_linked;
use crate::ops::{Class, Op, rows, types};
use crate::types::{DType, Type};

type Result = std::result::Result<(), String>;

/// Checks the invariants.
///
/// # Errors
/// The first one that does not hold.
pub fn verify(graph: &Graph) -> Result {
    let linked = is_linked(graph);
    let mut check = Check { graph, linked, visible: HashSet::new(), defined: HashSet::new() };
    check.region(graph.body)?;
    let results = graph.regions[graph.body].results.len();
    if results != graph.result_types.len() {
        return Err(format!("{} results are declared and {results} returned", graph.result_types.len()));
    }
    Ok(())
}

struct Check<'a> {
    graph: &'a Graph,
    linked: bool,
    visible: HashSet<ValueId>,
    defined: HashSet<ValueId>,
}

impl Check<'_> {
    fn define(&mut self, values: &[ValueId]) -> Result {
        for v in values {
            if !self.defined.insert(*v) {
                return Err("a value is defined twice".into());
            }
            self.visible.insert(*v);
        }
        Ok(())
    }

    fn uses(&self, values: &[ValueId], what: &str) -> Result {
        if values.iter().all(|v| self.visible.contains(v)) {
            Ok(())
        } else {
            Err(format!("{what} uses a value that is not defined there"))
        }
    }

    fn region(&mut self, region: RegionId) -> Result {
        let graph = self.graph;
        let outer = self.visible.clone();
        let data = &graph.regions[region];
        self.define(&data.args)?;
        for id in &data.nodes {
            let node = &graph.nodes[*id];
            self.uses(&node.operands, node.op.name())?;
            self.node(node).map_err(|e| format!("{}: {e}", node.op.name()))?;
            for inner in &node.regions {
                self.region(*inner)?;
            }
            self.define(&node.results)?;
        }
        self.uses(&data.results, "a region's result")?;
        self.visible = outer;
        Ok(())
    }

    fn node(&self, node: &Node) -> Result {
        let (least, most) = node.op.info().operands;
        if !(least..=most).contains(&node.operands.len()) {
            return Err(format!("takes {} operands", node.operands.len()));
        }
        let regions = match node.op {
            Op::If | Op::Loop => 2,
            Op::Fused => 1,
            _ => 0,
        };
        if node.regions.len() != regions {
            return Err(format!("has {} regions", node.regions.len()));
        }
        match node.op {
            Op::If => self.branch(node),
            Op::Loop => self.repeat(node),
            Op::Fused => self.fused(node),
            Op::Call if node.attrs.text.is_none() => Err("has no name".into()),
            Op::Call => Ok(()),
            Op::Guard | Op::Path | Op::Assert | Op::Alike if !node.results.is_empty() => {
                Err("has a result".into())
            }
            Op::Alike if (node.operands.len() == 1) != node.attrs.text.is_some() => {
                Err("takes another value, or the name of a type".into())
            }
            Op::Guard if node.attrs.value.is_none() => Err("has no expected value".into()),
            Op::Path if !matches!(node.attrs.value, Some(Const::Scalar(_))) => Err("has no number".into()),
            Op::Guard | Op::Path | Op::Assert | Op::Alike => Ok(()),
            _ => self.plain(node),
        }
    }

    fn plain(&self, node: &Node) -> Result {
        if node.results.len() != 1 {
            return Err(format!("has {} results", node.results.len()));
        }
        let missing = |ok: bool, what: &str| if ok { Ok(()) } else { Err(format!("has no {what}")) };
        let graph = self.graph;
        let result = graph.ty(node.results[0]);
        match node.op {
            Op::Const => {
                let value = node.attrs.value.as_ref().ok_or("has no value")?;
                return match result.join(&value.ty()) {
                    Some(_) => Ok(()),
                    None => Err(format!("a {} is typed {result}", value.ty())),
                };
            }
            Op::Undef | Op::Tuple | Op::Some | Op::None => return Ok(()),
            Op::Named | Op::Record | Op::Field | Op::Method => {
                return missing(node.attrs.text.is_some(), "name");
            }
            Op::Einsum => missing(node.attrs.text.is_some(), "equation")?,
            Op::Host => missing(node.attrs.text.is_some(), "name")?,
            // Of an open type parameter, for which linking uses another text, or found from later uses.
            Op::Zeros | Op::Ones | Op::Eye | Op::Uniform | Op::Normal if *result == Type::Hole => {
                return Ok(());
            }
            Op::Cast | Op::OneHot if *result == Type::Hole && !self.linked => return Ok(()),
            Op::Cast | Op::Zeros | Op::Ones | Op::Eye | Op::OneHot | Op::Uniform | Op::Normal => {
                missing(node.attrs.dtype.is_some(), "element type")?
            }
            Op::CumSum
            | Op::CumProd
            | Op::Roll
            | Op::SliceStep
            | Op::Softmax
            | Op::LogSoftmax
            | Op::Flip
            | Op::Unsqueeze
            | Op::Squeeze
            | Op::IndexAxis
            | Op::SliceAxis
            | Op::PartOf
            | Op::PartSized
            | Op::Gather
            | Op::ScatterAdd
            | Op::Sort
            | Op::ArgSort
            | Op::TopK
            | Op::SetAxis
            | Op::SetSlice
            | Op::Take
            | Op::Concat
            | Op::Stack
            | Op::Dim
            | Op::LogSumExp => {
                missing(node.attrs.axes.as_ref().is_some_and(|a| a.len() == 1), "axis")?;
            }
            Op::Transpose => missing(node.attrs.axes.as_ref().is_some_and(|a| a.len() == 2), "pair of axes")?,
            Op::Permute => missing(node.attrs.axes.is_some(), "axes")?,
            _ => {}
        }
        let operands: Vec<Type> = node.operands.iter().map(|v| graph.ty(*v).clone()).collect();
        self.kinds(node.op, &operands)?;
        let expected = types::result(node.op, &operands, &[], &node.attrs)?;
        match result.join(&expected) {
            Some(_) => Ok(()),
            None => Err(format!("gives {expected}, typed {result}")),
        }
    }

    /// Operands that must be tensors are not host scalars, and the other way round.
    fn kinds(&self, op: Op, operands: &[Type]) -> Result {
        let class = op.info().class;
        let tensors = match op {
            Op::Item | Op::ToTensor | Op::Same => return Ok(()),
            _ if op.joins() && matches!(operands, [Type::List(_)]) => return Ok(()),
            Op::List => return Ok(()),
            Op::Push | Op::Index | Op::SetIndex | Op::Len | Op::Equal
                if operands[0].element().is_some() || operands[0] == Type::Hole =>
            {
                return Ok(());
            }
            Op::Uniform | Op::Normal if operands[1..].iter().any(|t| t.element().is_some()) => return Ok(()),
            Op::Uniform | Op::Normal | Op::SplitKey | Op::Split => 1,
            _ if op.takes_sizes() && operands.iter().any(|t| t.element().is_some()) => return Ok(()),
            Op::Host | Op::Powi => 0,
            _ if op.joins() => operands.len(),
            Op::Matmul | Op::Dot | Op::Outer | Op::Conv2d | Op::Take | Op::Gather | Op::Equal => 2,
            Op::ScatterAdd | Op::Attention => 3,
            _ if class == Class::Make => 0,
            _ if op.is_elementwise() => return Ok(()),
            _ => 1,
        };
        for (i, ty) in operands.iter().enumerate() {
            let tensor = if matches!(op, Op::SetAxis | Op::SetSlice) { i != 1 } else { i < tensors };
            if *ty != Type::Hole && ty.is_tensor() != tensor {
                return Err(format!("operand {i} is a {ty}"));
            }
        }
        Ok(())
    }

    fn bool_scalar(&self, value: ValueId) -> Result {
        match self.graph.ty(value) {
            Type::Scalar(DType::Bool) | Type::Hole => Ok(()),
            other => Err(format!("the condition is a {other}")),
        }
    }

    fn branch(&self, node: &Node) -> Result {
        self.bool_scalar(node.operands[0])?;
        for r in &node.regions {
            let region = &self.graph.regions[*r];
            if !region.args.is_empty() || region.results.len() != node.results.len() {
                return Err("a region has other results than the node, or arguments".into());
            }
            for (value, result) in region.results.iter().zip(&node.results) {
                self.joins(*value, *result)?;
            }
        }
        Ok(())
    }

    fn joins(&self, a: ValueId, b: ValueId) -> Result {
        let (a, b) = (self.graph.ty(a), self.graph.ty(b));
        a.join(b).map(|_| ()).ok_or_else(|| format!("a {a} is passed as a {b}"))
    }

    fn repeat(&self, node: &Node) -> Result {
        let counted = usize::from(node.attrs.keep);
        let carried = node.operands.len().checked_sub(counted).ok_or("has no count")?;
        let [condition, body] = [&self.graph.regions[node.regions[0]], &self.graph.regions[node.regions[1]]];
        let arity = node.results.len() == carried
            && condition.args.len() == carried
            && condition.results.len() == 1
            && body.args.len() == carried + counted
            && body.results.len() == carried;
        if !arity {
            return Err("the numbers of carried values differ".into());
        }
        self.bool_scalar(condition.results[0])?;
        for i in 0..carried {
            let init = node.operands[i + counted];
            for other in [condition.args[i], body.args[i + counted], body.results[i], node.results[i]] {
                self.joins(init, other)?;
            }
        }
        Ok(())
    }

    fn fused(&self, node: &Node) -> Result {
        let region = &self.graph.regions[node.regions[0]];
        let plain = region.nodes.iter().map(|n| self.graph.nodes[*n].op);
        let plain = plain.into_iter().all(|op| op.is_elementwise() || rows::is_fold(op) || op == Op::Const);
        if plain && region.args.is_empty() && region.results.len() == node.results.len() {
            Ok(())
        } else {
            Err("holds other than elementwise ops and reductions, or has other results".into())
        }
    }
}
