//! The graph: values, nodes and regions in arenas.

use std::fmt;
use std::sync::Arc;

use crate::data::{Const, Scalar};
use crate::ids::{Arena, NodeId, RegionId, ValueId};
use crate::ops::{Attrs, Op};
use crate::text;
use crate::types::{DType, Type};

/// A place in the user's source.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Location {
    /// The file, as rustc names it.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value.
#[derive(Clone, Debug)]
pub struct ValueData {
    /// Its type, as far as it is known.
    pub ty: Type,
    /// The user's name for it.
    pub name: Option<Arc<str>>,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// Values that it takes.
    pub operands: Vec<ValueId>,
    /// Values that it makes.
    pub results: Vec<ValueId>,
    /// What it takes besides.
    pub attrs: Attrs,
    /// Nested regions: of an `if` then and else, of a `loop` while and body, of a `fused` its body.
    pub regions: Vec<RegionId>,
    /// Where the user wrote it.
    pub location: Option<Location>,
}

/// A list of nodes. A region sees the values of the regions around it.
#[derive(Clone, Default, Debug)]
pub struct Region {
    /// Values that it is given.
    pub args: Vec<ValueId>,
    /// Nodes in the order of the source.
    pub nodes: Vec<NodeId>,
    /// Values that it gives.
    pub results: Vec<ValueId>,
}

/// A function as a structured graph in single-assignment form.
///
/// Its `Display` is the text form without locations, which parses back to an equal graph.
///
/// ```
/// let text = "fn twice(%x: f32[*]) -> f32[*] {\n  %y: f32[*] = mul(%x, 2.0_f32)\n  return %y\n}\n";
/// let graph = jit_ir::Graph::parse(text).unwrap();
/// assert_eq!(graph.to_string(), text);
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    /// The function's name.
    pub name: String,
    /// All values.
    pub values: Arena<ValueId, ValueData>,
    /// All nodes.
    pub nodes: Arena<NodeId, Node>,
    /// All regions.
    pub regions: Arena<RegionId, Region>,
    /// The function's body; its arguments are the parameters, its results those of the function.
    pub body: RegionId,
    /// The declared types of the results.
    pub result_types: Vec<Type>,
}

impl Graph {
    /// A graph with an empty body.
    pub fn new(name: impl Into<String>) -> Graph {
        let mut regions = Arena::new();
        let body = regions.push(Region::default());
        Graph {
            name: name.into(),
            values: Arena::new(),
            nodes: Arena::new(),
            regions,
            body,
            result_types: Vec::new(),
        }
    }

    /// Reads the text form and verifies it.
    ///
    /// # Errors
    /// Where and why the text is no valid graph.
    pub fn parse(text: &str) -> Result<Graph, text::ParseError> {
        text::parse(text, &[])
    }

    /// Reads a text form whose large constants stand in a table.
    ///
    /// # Errors
    /// As [`Graph::parse`].
    pub fn parse_with(text: &str, constants: &[Const]) -> Result<Graph, text::ParseError> {
        text::parse(text, constants)
    }

    /// The text form with the source locations.
    pub fn to_text_with_locations(&self) -> String {
        text::print(self, true)
    }

    /// The constants too large to stand in the text, in the order of the text.
    pub fn constants(&self) -> Vec<Const> {
        text::constants(self)
    }

    /// The parameters.
    pub fn params(&self) -> &[ValueId] {
        &self.regions[self.body].args
    }

    /// The type of a value.
    pub fn ty(&self, value: ValueId) -> &Type {
        &self.values[value].ty
    }

    /// A new value.
    pub fn value(&mut self, ty: Type) -> ValueId {
        self.values.push(ValueData { ty, name: None })
    }

    /// A new argument of a region.
    pub fn arg(&mut self, region: RegionId, ty: Type, name: Option<&str>) -> ValueId {
        let value = self.values.push(ValueData { ty, name: name.map(Arc::from) });
        self.regions[region].args.push(value);
        value
    }

    /// A new empty region.
    pub fn region(&mut self) -> RegionId {
        self.regions.push(Region::default())
    }

    /// Appends a node with results of the given types.
    pub fn push(
        &mut self,
        region: RegionId,
        op: Op,
        operands: Vec<ValueId>,
        attrs: Attrs,
        types: Vec<Type>,
        location: Option<Location>,
    ) -> NodeId {
        let results = types.into_iter().map(|ty| self.value(ty)).collect();
        let node = Node { op, operands, results, attrs, regions: Vec::new(), location };
        let id = self.nodes.push(node);
        self.regions[region].nodes.push(id);
        id
    }

    /// Appends a node whose single result has the type that the op's rule gives.
    ///
    /// # Errors
    /// What the type rule says, without op and location.
    pub fn op(
        &mut self,
        region: RegionId,
        op: Op,
        operands: Vec<ValueId>,
        attrs: Attrs,
        location: Option<Location>,
    ) -> Result<ValueId, String> {
        let types: Vec<Type> = operands.iter().map(|v| self.ty(*v).clone()).collect();
        let values = self.known_sizes(&operands);
        let ty = crate::ops::types::result(op, &types, &values, &attrs)?;
        let node = self.push(region, op, operands, attrs, vec![ty], location);
        Ok(self.nodes[node].results[0])
    }

    /// Appends a constant.
    pub fn constant(&mut self, region: RegionId, value: Const) -> ValueId {
        let ty = value.ty();
        let attrs = Attrs { value: Some(value), ..Attrs::default() };
        let node = self.push(region, Op::Const, vec![], attrs, vec![ty], None);
        self.nodes[node].results[0]
    }

    /// Appends a host-scalar constant.
    pub fn scalar(&mut self, region: RegionId, value: Scalar) -> ValueId {
        self.constant(region, Const::Scalar(value))
    }

    /// For each value the node that makes it (`None` for arguments).
    pub fn definitions(&self) -> Vec<Option<NodeId>> {
        let mut defs = vec![None; self.values.len()];
        for id in self.nodes.ids() {
            for r in &self.nodes[id].results {
                defs[crate::ids::Id::index(*r)] = Some(id);
            }
        }
        defs
    }

    /// For each operand its value as an integer, if it is a constant host scalar.
    fn known_sizes(&self, operands: &[ValueId]) -> Vec<Option<i64>> {
        operands.iter().map(|v| self.const_scalar(*v).map(Scalar::as_i64)).collect()
    }

    /// The value of a constant host scalar of known type.
    fn const_scalar(&self, value: ValueId) -> Option<Scalar> {
        if !self.ty(value).is_scalar() {
            return None;
        }
        self.constant_of(value)
    }

    /// The node that gives a value; `None` for a region's argument. Looks through all nodes, from the last one on; passes
    /// keep their own table.
    pub fn definition(&self, value: ValueId) -> Option<NodeId> {
        self.nodes.ids().rev().find(|id| self.nodes[*id].results.contains(&value))
    }

    /// The host scalar that a constant node gives, whatever type its value has so far.
    pub fn constant_of(&self, value: ValueId) -> Option<Scalar> {
        let node = &self.nodes[self.definition(value)?];
        match &node.attrs.value {
            Some(Const::Scalar(s)) if node.op == Op::Const => Some(*s),
            _ => None,
        }
    }

    /// Visits every region below and including `region`, outer ones first.
    pub fn visit_regions(&self, region: RegionId, visit: &mut impl FnMut(RegionId)) {
        visit(region);
        for node in &self.regions[region].nodes {
            for inner in &self.nodes[*node].regions {
                self.visit_regions(*inner, visit);
            }
        }
    }

    /// All regions of the body, outer ones first.
    pub fn all_regions(&self) -> Vec<RegionId> {
        let mut all = Vec::new();
        self.visit_regions(self.body, &mut |r| all.push(r));
        all
    }

    /// Replaces uses of values, everywhere; `to` says what stands for a value.
    pub fn replace_uses(&mut self, to: impl Fn(ValueId) -> ValueId) {
        for region in self.all_regions() {
            let nodes = self.regions[region].nodes.clone();
            for node in nodes {
                self.nodes[node].operands.iter_mut().for_each(|v| *v = to(*v));
            }
            self.regions[region].results.iter_mut().for_each(|v| *v = to(*v));
        }
    }

    /// Whether results may differ from the source's by roundings: some op is marked by `fast_math`.
    pub fn is_fast(&self) -> bool {
        self.nodes.ids().any(|id| self.nodes[id].attrs.fast)
    }

    /// Lets the ops that `fast_math` is about be contracted and reassociated.
    pub fn allow_fast(&mut self) {
        for node in self.nodes.ids() {
            let Node { op, ref results, ref attrs, .. } = self.nodes[node];
            let exact = |ty: &Type| ty.is_scalar() || ty.dtype().is_some_and(DType::is_int);
            // A power of a tensor becomes products when it is linked.
            let power = op == Op::Method && attrs.text.as_deref() == Some("powi");
            if (matches!(op, Op::Add | Op::Sub | Op::Mul | Op::Div) || power)
                && !results.iter().any(|v| exact(self.ty(*v)))
            {
                self.nodes[node].attrs.fast = true;
            }
        }
    }

    /// How many nodes the body holds, nested ones and constants included.
    pub fn node_count(&self) -> usize {
        self.all_regions().iter().map(|r| self.regions[*r].nodes.len()).sum()
    }

    /// How many nodes do `op`.
    pub fn count_ops(&self, op: Op) -> usize {
        let regions = self.all_regions();
        let nodes = regions.iter().flat_map(|r| &self.regions[*r].nodes);
        nodes.filter(|n| self.nodes[**n].op == op).count()
    }
}

impl PartialEq for Graph {
    /// Equality of the text forms and of the constants; locations do not count.
    fn eq(&self, other: &Graph) -> bool {
        text::print(self, false) == text::print(other, false)
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::print(self, false))
    }
}
