//! Copying from one graph into another, and within one.

use std::collections::HashMap;

use crate::graph::{Graph, Node};
use crate::ids::{NodeId, RegionId, ValueId};
use crate::ops::Op;
use crate::types::Type;

/// Gives a call's results in another way, or `None` to copy the call: from the growing graph, the region, the
/// call, and its operands there.
pub type Instead<'f> = dyn FnMut(&mut Graph, RegionId, &Node, &[ValueId]) -> Option<Vec<ValueId>> + 'f;

/// Copies nodes of `source`, its values replaced by those that stand for them in `into`.
pub struct Copier<'a> {
    /// The graph that is copied; none if it is the one that grows.
    pub source: Option<&'a Graph>,
    /// The graph that grows.
    pub into: &'a mut Graph,
    /// What stands for a value of the source. Within one graph all others stand for themselves.
    pub map: HashMap<ValueId, ValueId>,
}

impl<'a> Copier<'a> {
    /// A copier that knows what stands for the parameters of `source`.
    pub fn new(source: &'a Graph, into: &'a mut Graph, args: &[ValueId]) -> Copier<'a> {
        let map = source.params().iter().copied().zip(args.iter().copied()).collect();
        Copier { source: Some(source), into, map }
    }

    /// A copier of nodes of a graph into the same, with values for some of those that they read.
    pub fn within(graph: &'a mut Graph, map: HashMap<ValueId, ValueId>) -> Copier<'a> {
        Copier { source: None, into: graph, map }
    }

    fn source(&self) -> &Graph {
        self.source.unwrap_or(self.into)
    }

    /// What stands for a value.
    ///
    /// # Panics
    /// If nothing does: the source is no valid graph.
    pub fn value(&self, value: ValueId) -> ValueId {
        match self.source {
            Some(_) => self.map[&value],
            None => self.map.get(&value).copied().unwrap_or(value),
        }
    }

    /// What stands for several values.
    pub fn values(&self, values: &[ValueId]) -> Vec<ValueId> {
        values.iter().map(|v| self.value(*v)).collect()
    }

    /// Appends a copy of a node to a region. `instead` may give the results of a call in another way.
    pub fn node(&mut self, id: NodeId, region: RegionId, instead: &mut Instead<'_>) {
        let node = self.source().nodes[id].clone();
        let operands = self.values(&node.operands);
        if node.op == Op::Call
            && let Some(results) = instead(self.into, region, &node, &operands)
        {
            self.map.extend(node.results.iter().copied().zip(results));
            return;
        }
        let types: Vec<Type> = node.results.iter().map(|v| self.source().ty(*v).clone()).collect();
        let copy = self.into.push(region, node.op, operands, node.attrs, types, node.location);
        for (i, old) in node.results.iter().enumerate() {
            let new = self.into.nodes[copy].results[i];
            self.into.values[new].name = self.source().values[*old].name.clone();
            self.map.insert(*old, new);
        }
        let inner = node.regions.iter().map(|r| self.region(*r, instead)).collect();
        self.into.nodes[copy].regions = inner;
    }

    fn region(&mut self, region: RegionId, instead: &mut Instead<'_>) -> RegionId {
        let data = self.source().regions[region].clone();
        let copy = self.into.region();
        for arg in &data.args {
            let value = self.source().values[*arg].clone();
            let new = self.into.arg(copy, value.ty, value.name.as_deref());
            self.map.insert(*arg, new);
        }
        for node in &data.nodes {
            self.node(*node, copy, instead);
        }
        self.into.regions[copy].results = self.values(&data.results);
        copy
    }

    /// Appends the whole body to a region; gives its results.
    pub fn body(&mut self, region: RegionId, instead: &mut Instead<'_>) -> Vec<ValueId> {
        let body = self.source().regions[self.source().body].clone();
        for node in &body.nodes {
            self.node(*node, region, instead);
        }
        self.values(&body.results)
    }
}

impl Graph {
    /// Appends the body of another graph to a region, with values for its parameters; gives its results.
    ///
    /// ```
    /// use jit_ir::{Graph, Type, DType};
    ///
    /// let twice = Graph::parse("fn twice(%x: f32[*]) -> f32[*] {\n  %0: f32[*] = mul(%x, 2.0_f32)\n  return %0\n}\n");
    /// let mut graph = Graph::new("four_times");
    /// let body = graph.body;
    /// let x = graph.arg(body, Type::tensor(DType::F32), Some("x"));
    /// let y = graph.inline(body, twice.as_ref().unwrap(), &[x]);
    /// let z = graph.inline(body, twice.as_ref().unwrap(), &y);
    /// graph.regions[body].results = z;
    /// assert_eq!(graph.node_count(), 4);
    /// ```
    pub fn inline(&mut self, region: RegionId, source: &Graph, args: &[ValueId]) -> Vec<ValueId> {
        Copier::new(source, self, args).body(region, &mut |_, _, _, _| None)
    }
}

/// Whether two nodes do the same to the same values: ops, attributes, ids of operands and results, inner regions.
pub(crate) fn same_node(a: &Graph, x: NodeId, b: &Graph, y: NodeId) -> bool {
    let (m, n) = (&a.nodes[x], &b.nodes[y]);
    m.op == n.op
        && m.operands == n.operands
        && m.results == n.results
        && m.attrs.same(&n.attrs)
        && m.regions.len() == n.regions.len()
        && m.regions.iter().zip(&n.regions).all(|(p, q)| {
            let (p, q) = (&a.regions[*p], &b.regions[*q]);
            p.args == q.args
                && p.results == q.results
                && p.nodes.len() == q.nodes.len()
                && p.nodes.iter().zip(&q.nodes).all(|(x, y)| same_node(a, *x, b, *y))
        })
}
