//! Graph to text.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use super::INLINE_ELEMENTS;
use crate::data::{Const, Scalar, TensorData};
use crate::graph::{Graph, Location, Node};
use crate::ids::{Id, NodeId, RegionId, ValueId};
use crate::ops::Op;
use crate::types::{DType, Type};

/// The text form.
pub fn print(graph: &Graph, locations: bool) -> String {
    let mut printer = Printer::new(graph, locations);
    printer.function();
    printer.out
}

/// The constants too large to stand in the text, in the order of the text.
pub fn constants(graph: &Graph) -> Vec<Const> {
    let mut printer = Printer::new(graph, false);
    printer.function();
    printer.table
}

struct Printer<'a> {
    graph: &'a Graph,
    out: String,
    names: HashMap<ValueId, String>,
    used: HashMap<String, u32>,
    numbered: u32,
    inline: HashMap<ValueId, NodeId>,
    files: Vec<Arc<str>>,
    table: Vec<Const>,
    locations: bool,
}

impl<'a> Printer<'a> {
    fn new(graph: &'a Graph, locations: bool) -> Self {
        let mut inline = HashMap::new();
        for id in graph.nodes.ids() {
            let node = &graph.nodes[id];
            if node.op == Op::Const && matches!(node.attrs.value, Some(Const::Scalar(_))) {
                inline.insert(node.results[0], id);
            }
        }
        Printer {
            graph,
            out: String::new(),
            names: HashMap::new(),
            used: HashMap::new(),
            numbered: 0,
            inline,
            files: Vec::new(),
            table: Vec::new(),
            locations,
        }
    }

    fn function(&mut self) {
        let graph = self.graph;
        let body = graph.body;
        let params = self.declare_all(&graph.regions[body].args);
        let results: Vec<String> = graph.result_types.iter().map(Type::to_string).collect();
        let results = match results.len() {
            1 if !matches!(graph.result_types[0], Type::Tuple(_)) => results[0].clone(),
            _ => format!("({})", results.join(", ")),
        };
        let head = format!("fn {}({params}) -> {results} {{\n", graph.name);
        self.out.push_str(&head);
        self.region(body, 1, "return");
        self.out.push_str("}\n");
        if self.locations && !self.files.is_empty() {
            let files: Vec<String> = self.files.iter().map(|f| quote(f)).collect();
            self.out.insert_str(0, &format!("files {}\n", files.join(", ")));
        }
    }

    fn declare_all(&mut self, values: &[ValueId]) -> String {
        let parts: Vec<String> = values.iter().map(|v| self.declare(*v)).collect();
        parts.join(", ")
    }

    fn declare(&mut self, value: ValueId) -> String {
        let data = &self.graph.values[value];
        let name = match &data.name {
            Some(hint) => {
                let seen = self.used.entry(hint.to_string()).or_default();
                *seen += 1;
                if *seen == 1 { hint.to_string() } else { format!("{hint}.{}", *seen - 1) }
            }
            None => {
                self.numbered += 1;
                (self.numbered - 1).to_string()
            }
        };
        let text = format!("%{name}: {}", data.ty);
        self.names.insert(value, name);
        text
    }

    fn use_value(&self, value: ValueId) -> String {
        if let Some(node) = self.inline.get(&value)
            && let Some(Const::Scalar(s)) = &self.graph.nodes[*node].attrs.value
        {
            let written = self.graph.nodes[*node].attrs.text.as_ref();
            return match written.filter(|_| *self.graph.ty(value) == Type::Hole) {
                Some(digits) => digits.clone(),
                None => literal(*s, self.graph.ty(value)),
            };
        }
        match self.names.get(&value) {
            Some(name) => format!("%{name}"),
            None => format!("%undeclared{}", value.index()),
        }
    }

    fn use_all(&self, values: &[ValueId]) -> String {
        let parts: Vec<String> = values.iter().map(|v| self.use_value(*v)).collect();
        parts.join(", ")
    }

    fn region(&mut self, region: RegionId, depth: usize, end: &str) {
        let data = &self.graph.regions[region];
        for node in &data.nodes {
            if self.graph.nodes[*node].results.first().is_some_and(|v| self.inline.contains_key(v)) {
                continue;
            }
            self.node(&self.graph.nodes[*node], depth);
        }
        let results = self.use_all(&data.results);
        let space = if results.is_empty() { "" } else { " " };
        let _ = writeln!(self.out, "{}{end}{space}{results}", "  ".repeat(depth));
    }

    fn node(&mut self, node: &Node, depth: usize) {
        let pad = "  ".repeat(depth);
        let operands = self.use_all(&node.operands);
        let attrs = self.attrs(node);
        let results = if node.op.has_regions() { String::new() } else { self.declare_all(&node.results) };
        match node.op {
            Op::If | Op::Loop | Op::Fused => self.nested(node, depth, &operands, &attrs),
            _ => {
                let to = if results.is_empty() { String::new() } else { format!("{results} = ") };
                let location = self.location(&node.location);
                let _ = writeln!(self.out, "{pad}{to}{}({operands}){attrs}{location}", node.op.name());
            }
        }
    }

    /// A node with regions: results are declared first, so that numbering follows the text.
    fn nested(&mut self, node: &Node, depth: usize, operands: &str, attrs: &str) {
        let pad = "  ".repeat(depth);
        let results = self.declare_all(&node.results);
        let to = if results.is_empty() { String::new() } else { format!("{results} = ") };
        let location = self.location(&node.location);
        match node.op {
            Op::If => {
                let _ = writeln!(self.out, "{pad}{to}if {operands}{location} {{");
                self.region(node.regions[0], depth + 1, "yield");
                let _ = writeln!(self.out, "{pad}}} else {{");
                self.region(node.regions[1], depth + 1, "yield");
            }
            Op::Loop => {
                let args = self.args(node.regions[0]);
                let _ = writeln!(self.out, "{pad}{to}loop({operands}){attrs}{location} while {args}{{");
                self.region(node.regions[0], depth + 1, "yield");
                let args = self.args(node.regions[1]);
                let _ = writeln!(self.out, "{pad}}} do {args}{{");
                self.region(node.regions[1], depth + 1, "yield");
            }
            _ => {
                let _ = writeln!(self.out, "{pad}{to}fused{location} {{");
                self.region(node.regions[0], depth + 1, "yield");
            }
        }
        let _ = writeln!(self.out, "{pad}}}");
    }

    fn args(&mut self, region: RegionId) -> String {
        let graph = self.graph;
        format!("({}) ", self.declare_all(&graph.regions[region].args))
    }

    fn attrs(&mut self, node: &Node) -> String {
        let a = &node.attrs;
        let mut parts = Vec::new();
        if let Some(axes) = &a.axes {
            let list: Vec<String> = axes.iter().map(i64::to_string).collect();
            parts.push(format!("axes = [{}]", list.join(", ")));
        }
        if a.keep {
            parts.push("keep".into());
        }
        if let Some(dtype) = a.dtype {
            parts.push(format!("dtype = {dtype}"));
        }
        if let Some(text) = &a.text {
            parts.push(format!("text = {}", quote(text)));
        }
        if let Some(value) = &a.value {
            parts.push(format!("value = {}", self.constant(value)));
        }
        if a.fast {
            parts.push("fast".into());
        }
        if parts.is_empty() { String::new() } else { format!(" {{{}}}", parts.join(", ")) }
    }

    fn constant(&mut self, value: &Const) -> String {
        match value {
            Const::Scalar(s) => literal(*s, &Type::Scalar(s.dtype())),
            Const::Tensor(t) if t.len() <= INLINE_ELEMENTS => inline_tensor(t),
            Const::Tensor(t) => {
                self.table.push(value.clone());
                format!("@c{}: {} #{:016x}", self.table.len() - 1, t.ty(), t.hash())
            }
        }
    }

    fn location(&mut self, location: &Option<Location>) -> String {
        let Some(at) = location.as_ref().filter(|_| self.locations) else { return String::new() };
        let file = self.files.iter().position(|f| *f == at.file).unwrap_or_else(|| {
            self.files.push(at.file.clone());
            self.files.len() - 1
        });
        format!(" @{file}:{}:{}", at.line, at.column)
    }
}

fn inline_tensor(t: &TensorData) -> String {
    let parts: Vec<String> = t.scalars().into_iter().map(digits).collect();
    format!("{} [{}]", t.ty(), parts.join(", "))
}

/// A scalar's digits; NaNs and infinities by name.
fn digits(s: Scalar) -> String {
    let float = match s {
        Scalar::F32(v) => f64::from(v),
        Scalar::F64(v) => v,
        _ => return s.to_string(),
    };
    match float {
        v if v.is_nan() => "nan".into(),
        f64::INFINITY => "inf".into(),
        f64::NEG_INFINITY => "-inf".into(),
        _ => s.to_string(),
    }
}

fn literal(s: Scalar, ty: &Type) -> String {
    match (s.dtype(), ty) {
        (DType::Bool, _) | (_, Type::Hole) => digits(s),
        (dtype, _) => format!("{}_{dtype}", digits(s)),
    }
}

/// A string literal.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}
