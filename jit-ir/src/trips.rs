//! Loops whose trips compute elementwise ops, in one group or several: what each element becomes depends on that element
//! alone, so that some elements may go through all trips before the next ones begin.

use std::collections::HashMap;
use std::fmt;

use crate::data::Scalar;
use crate::form::Form;
use crate::graph::{Graph, Node};
use crate::ids::{NodeId, ValueId};
use crate::ops::Op;
use crate::passes::fusible;

/// A counted loop over elementwise ops.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trips {
    /// What a trip computes.
    pub form: Form,
    /// For each input of the form the output that the next trip reads there; `None` for what stays as it is.
    pub next: Vec<Option<usize>>,
}

/// How the values of a loop's node are those of a [`Trips`].
pub struct Places {
    /// The values that the inputs are, inside of the loop.
    pub inputs: Vec<ValueId>,
    /// For each carried value the output that it becomes; `None` for what stays as it is.
    pub becomes: Vec<Option<usize>>,
}

impl Trips {
    /// The loop that a node is, if it is one.
    pub fn of(graph: &Graph, node: &Node) -> Option<(Trips, Places)> {
        if node.op != Op::Loop || !node.attrs.keep {
            return None;
        }
        let [condition, body] = node.regions[..] else { return None };
        let (condition, body) = (&graph.regions[condition], &graph.regions[body]);
        let steps = |nodes: &[NodeId]| -> Vec<NodeId> {
            nodes.iter().filter(|n| graph.nodes[**n].op != Op::Const).copied().collect()
        };
        if !steps(&condition.nodes).is_empty() || !is_true(graph, condition.results[0]) {
            return None;
        }
        let (counter, carried) = body.args.split_first()?;
        // What the results of groups are inside of them.
        let mut same: HashMap<ValueId, ValueId> = HashMap::new();
        let mut nodes = Vec::new();
        for step in steps(&body.nodes) {
            let group = &graph.nodes[step];
            match group.op {
                Op::Fused => {
                    let inner = &graph.regions[group.regions[0]];
                    same.extend(group.results.iter().copied().zip(inner.results.iter().copied()));
                    nodes.extend(&inner.nodes);
                }
                _ if fusible(graph, group) => nodes.push(step),
                _ => return None,
            }
        }
        let value = |v: ValueId| same.get(&v).copied().unwrap_or(v);
        let mut made: Vec<ValueId> = Vec::new();
        for (result, own) in body.results.iter().zip(carried) {
            if result != own && !made.contains(&value(*result)) {
                made.push(value(*result));
            }
        }
        let (form, inputs) = Form::of_nodes(graph, &nodes, &made, &value)?;
        if form.outputs.is_empty()
            || form.members.iter().any(|m| !m.op.is_elementwise())
            || inputs.contains(counter)
        {
            return None;
        }
        let becomes = |(result, own): (&ValueId, &ValueId)| match result == own {
            true => Some(None),
            false => made.iter().position(|v| *v == value(*result)).map(Some),
        };
        let becomes: Vec<_> = body.results.iter().zip(carried).map(becomes).collect::<Option<_>>()?;
        let next = |v: &ValueId| carried.iter().position(|c| c == v).and_then(|c| becomes[c]);
        let next = inputs.iter().map(next).collect();
        Some((Trips { form, next }, Places { inputs, becomes }))
    }
}

/// Whether a value is the constant `true`.
fn is_true(graph: &Graph, value: ValueId) -> bool {
    matches!(graph.constant_of(value), Some(Scalar::Bool(true)))
}

impl fmt::Display for Trips {
    /// The loop as text: equal texts, equal loops.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; next", self.form)?;
        self.next.iter().try_for_each(|next| match next {
            Some(k) => write!(f, " {k}"),
            None => write!(f, " -"),
        })
    }
}
