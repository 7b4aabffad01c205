//! The end of a walk: types are settled, what waited for them becomes ops, and the graph is written.

use jit_ir::ops::Attrs;
use jit_ir::unify::Ty;
use jit_ir::{Graph, NodeId, Op, RegionId, Type, ValueId};

use super::{Captured, Item, Lowerer, Refused};
use crate::diag::Reason;
use crate::types::Declared;

impl Lowerer<'_> {
    /// Settles the types and writes the text.
    pub(super) fn finish(mut self, failed: bool) -> Result<Captured, Refused> {
        let body_region = self.graph.body;
        self.region = body_region;
        let declared = self.signature.result.value().clone();
        if declared != Declared::Tuple(vec![]) {
            let result = self.env[self.result].clone().unwrap_or_else(Item::unit);
            let value = self.packed(result);
            self.graph.regions[body_region].results = vec![value];
            self.graph.result_types = vec![declared.ty()];
        }
        let closed = self.is_closed();
        let settled = self.typing.settle(&mut self.graph, closed) || !closed;
        self.settle_open();
        if !settled {
            let what = "the element type of a tensor made here is not known";
            self.reason.get_or_insert(Reason::unknown(what));
        }
        if failed || !settled || self.errors.any() {
            return Err(Refused { errors: self.errors, reason: self.reason });
        }
        // Shapes as far as the source tells; what does not fit is left to rustc, or to the first call.
        self.size_parameters();
        let mut typed = self.graph.clone();
        if jit_ir::infer::infer(&mut typed).is_ok() {
            self.graph = typed;
        }
        if !self.signature.shapes.is_empty() {
            self.check_shapes();
            if self.errors.any() {
                return Err(Refused { errors: self.errors, reason: None });
            }
        }
        jit_ir::passes::dce(&mut self.graph);
        // What rustc cannot report either is reported after it, see `emit::uncaptured`.
        if let Err(message) = jit_ir::verify::verify(&self.graph) {
            return Err(Refused { errors: self.errors, reason: Some(Reason::unknown(message)) });
        }
        if self.signature.fast {
            self.graph.allow_fast();
        }
        Ok(Captured { text: self.graph.to_text_with_locations(), links: self.links })
    }

    /// Whether linking will know no more of types than this walk: then literals get the types that they have where
    /// nothing says otherwise.
    fn is_closed(&self) -> bool {
        let open = |ty: Ty| match ty {
            Ty::Hole => true,
            Ty::List(element) => self.typing.vars.element(element) == Ty::Hole,
            _ => false,
        };
        let linked = |op| {
            matches!(op, Op::Field | Op::Call | Op::Method | Op::Named | Op::Record | Op::None | Op::Index)
        };
        // Literals that are given to what linking knows, as they are or in tuples.
        let given = |n: &jit_ir::Node| {
            (linked(n.op) || matches!(n.op, Op::Tuple | Op::Some))
                && n.operands.iter().any(|v| self.has_open(*v))
        };
        let nodes = || self.graph.nodes.ids().map(|id| &self.graph.nodes[id]);
        let asks_rustc = |n: &jit_ir::Node| match (n.op, &n.attrs.text) {
            (Op::Alike, Some(_)) => self.has_open(n.operands[0]),
            (Op::Record, Some(text)) => text.contains(':') && self.is_incomplete(n),
            _ => false,
        };
        !self.is_generic()
            && !nodes().any(asks_rustc)
            && !nodes().any(given)
            && !self.graph.params().iter().any(|v| open(self.ty(*v)))
            && !nodes().filter(|n| linked(n.op)).flat_map(|n| &n.results).any(|v| open(self.ty(*v)))
    }

    /// Turns what waited for types into ops where they are known by now.
    fn settle_open(&mut self) {
        for (value, ty) in std::mem::take(&mut self.annotations) {
            self.graph.values[value].ty = ty;
        }
        let settled = |graph: &Graph, v: &ValueId| graph.ty(*v).is_linked();
        let nodes: Vec<NodeId> = self.graph.nodes.ids().collect();
        let mut gone = Vec::new();
        for id in nodes {
            let node = &self.graph.nodes[id];
            match node.op {
                Op::Method if node.attrs.text.as_deref() == Some("like") => {
                    let Type::Scalar(dtype) = *self.graph.ty(node.results[0]) else { continue };
                    let node = &mut self.graph.nodes[id];
                    node.op = Op::Cast;
                    node.operands.truncate(1);
                    node.attrs = Attrs::dtype(dtype);
                }
                Op::Alike if node.operands.iter().all(|v| settled(&self.graph, v)) => gone.push(id),
                Op::Alike if node.attrs.text.is_some() && !self.has_open(node.operands[0]) => {
                    self.links.retain(|(name, _)| Some(name) != node.attrs.text.as_ref());
                    gone.push(id);
                }
                Op::Record if !self.is_incomplete(node) => {
                    let text = node.attrs.text.clone().unwrap_or_default();
                    if let Some((names, of)) = text.split_once(" :") {
                        self.links.retain(|(name, _)| name != of);
                        self.graph.nodes[id].attrs.text = Some(names.into());
                    }
                }
                _ => {}
            }
        }
        self.remove(&gone);
    }

    /// Whether a struct literal has fields of which its type tells more: literals, `None`, empty lists.
    fn is_incomplete(&self, record: &jit_ir::Node) -> bool {
        let empty = |v: &ValueId| {
            let made = self.graph.definition(*v).map(|id| &self.graph.nodes[id]);
            made.is_some_and(|n| n.op == Op::None || (n.op == Op::List && n.operands.is_empty()))
        };
        record.operands.iter().any(|v| self.has_open(*v) || empty(v))
    }

    /// Whether a value holds literals whose types are open.
    fn has_open(&self, value: ValueId) -> bool {
        let open = |ty: Ty| match ty {
            Ty::Scalar(_) | Ty::Tensor(_) | Ty::List(_) => !self.typing.vars.is_settled(ty),
            Ty::Opaque | Ty::Hole => false,
        };
        let made = self.graph.definition(value).map(|id| &self.graph.nodes[id]);
        open(self.ty(value))
            || made.is_some_and(|n| {
                matches!(n.op, Op::Record | Op::Tuple | Op::Some)
                    && n.operands.iter().any(|v| self.has_open(*v))
            })
    }

    fn remove(&mut self, gone: &[NodeId]) {
        let regions: Vec<RegionId> = self.graph.regions.ids().collect();
        for region in regions {
            self.graph.regions[region].nodes.retain(|id| !gone.contains(id));
        }
    }

    /// Whether an element type is left open.
    fn is_generic(&self) -> bool {
        self.signature.generics.values().any(Option::is_none)
    }
}
