//! What a loop of scalar code computes, as text: equal texts, equal code.

use std::collections::HashMap;
use std::fmt::Write;

use super::ScalarLoop;
use crate::graph::{Graph, Node};
use crate::ids::{RegionId, ValueId};
use crate::ops::Op;

/// The form of a loop: its ops with the types of their values, values numbered in order and tensors by their slots.
pub fn form(graph: &Graph, node: &Node, of: &ScalarLoop) -> String {
    let mut writer = Writer { graph, of, numbers: HashMap::new(), out: String::new() };
    for value in &of.scalars {
        writer.define(*value);
    }
    for (slot, (dtype, written)) in of.slots.tensors.iter().enumerate() {
        let _ = write!(writer.out, "{}t{slot}:{dtype} ", if *written { "mut " } else { "" });
    }
    writer.node(node);
    writer.out
}

struct Writer<'a> {
    graph: &'a Graph,
    of: &'a ScalarLoop,
    numbers: HashMap<ValueId, usize>,
    out: String,
}

impl Writer<'_> {
    /// A value that is made here.
    fn define(&mut self, value: ValueId) {
        if let Some(slot) = self.of.slots.of.get(&value) {
            let _ = write!(self.out, "t{slot} ");
            return;
        }
        let next = self.numbers.len();
        let number = *self.numbers.entry(value).or_insert(next);
        let _ = write!(self.out, "v{number}:{} ", self.graph.ty(value));
    }

    fn read(&mut self, value: ValueId) {
        let known = (self.of.constants.get(&value), self.of.slots.of.get(&value), self.numbers.get(&value));
        let _ = match known {
            (Some(s), ..) => write!(self.out, "{}:{:x} ", s.dtype(), s.canonical_bits()),
            (_, Some(slot), _) => write!(self.out, "t{slot} "),
            (_, _, Some(number)) => write!(self.out, "v{number} "),
            // A tensor that nobody reads or writes.
            _ => write!(self.out, "- "),
        };
    }

    fn region(&mut self, region: RegionId) {
        let region = &self.graph.regions[region];
        self.out.push_str("{ ");
        region.args.iter().for_each(|v| self.define(*v));
        self.out.push_str("| ");
        for id in &region.nodes {
            let node = &self.graph.nodes[*id];
            if node.op != Op::Const {
                self.node(node);
            }
        }
        self.out.push_str("| ");
        region.results.iter().for_each(|v| self.read(*v));
        self.out.push_str("} ");
    }

    fn node(&mut self, node: &Node) {
        node.results.iter().for_each(|v| self.define(*v));
        let _ = write!(self.out, "= {}", node.op.name());
        if let Some(axes) = &node.attrs.axes {
            let _ = write!(self.out, "{axes:?}");
        }
        if node.op == Op::Host {
            let _ = write!(self.out, ".{}", node.attrs.text.as_deref().unwrap_or_default());
        }
        if node.attrs.keep {
            self.out.push_str(" n");
        }
        self.out.push(' ');
        node.operands.iter().for_each(|v| self.read(*v));
        node.regions.iter().for_each(|r| self.region(*r));
        self.out.push_str("; ");
    }
}
