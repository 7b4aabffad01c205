//! Declared shapes: checked on entry, and through the whole body at build time.

use std::collections::HashMap;

use jit_ir::ops::{Attrs, shape};
use jit_ir::unify::Ty;
use jit_ir::{Const, Dim, Op, Scalar, Type, ValueId};

use super::{Item, Lowered, Lowerer, Stop};
use crate::diag::Code;
use crate::options::{Shape, Size};

impl Lowerer<'_> {
    /// Puts the checks of the declared shapes at the start of the body.
    pub(super) fn declared_shapes(&mut self) {
        let mut first: HashMap<String, (ValueId, u32)> = HashMap::new();
        for shape in self.signature.shapes.clone() {
            let found = self.find(&shape.param.to_string()).and_then(|v| self.env[v].clone());
            match found {
                Some(Item::Value(x)) if matches!(self.ty(x), Ty::Tensor(_) | Ty::Hole) => {
                    let _ = self.shape_of(x, &shape, &mut first);
                }
                _ => self.errors.push(
                    &shape.param,
                    Code::Shape,
                    format!("`{}` is no tensor among the parameters", shape.param),
                    "name a parameter of type `Tensor`",
                ),
            }
        }
    }

    fn shape_of(
        &mut self,
        x: ValueId,
        shape: &Shape,
        first: &mut HashMap<String, (ValueId, u32)>,
    ) -> Lowered<()> {
        let at = shape.param.span();
        let (param, text) = (&shape.param, &shape.text);
        let rank = self.op(Op::Rank, vec![x], Attrs::default(), Some(at))?;
        let least = self.known(Scalar::Usize(shape.sizes.len()));
        let compare = if shape.leading { Op::Ge } else { Op::Eq };
        let fits = self.op(compare, vec![rank, least], Attrs::default(), Some(at))?;
        self.assert(fits, &format!("shape: `{param}` has rank {{}}, declared {text}"), vec![rank], at);
        let mut dims = Vec::new();
        for (i, size) in shape.sizes.iter().enumerate() {
            let axis = if shape.leading { i as i64 - shape.sizes.len() as i64 } else { i as i64 };
            if *size == Size::Open {
                dims.push(Dim::Unknown);
                continue;
            }
            let found = self.op(Op::Dim, vec![x], Attrs::axes([axis]), Some(at))?;
            let (wanted, message) = match size {
                Size::Name(name) => {
                    let next = first.len() as u32;
                    let (value, symbol) = *first.entry(name.clone()).or_insert((found, next));
                    dims.push(Dim::Sym(symbol));
                    if value == found {
                        continue;
                    }
                    let shown = format!(
                        "shape: axis {axis} of `{param}` is {{}}, and `{name}` is {{}}: declared {text}"
                    );
                    (value, shown)
                }
                Size::Number(n) => {
                    dims.push(Dim::Known(*n));
                    let wanted = self.known(Scalar::Usize(*n));
                    (wanted, format!("shape: axis {axis} of `{param}` is {{}}, not {{}}: declared {text}"))
                }
                Size::Open => return Err(Stop::Error),
            };
            let equal = self.op(Op::Eq, vec![found, wanted], Attrs::default(), Some(at))?;
            self.assert(equal, &message, vec![found, wanted], at);
        }
        if !shape.leading {
            self.declared_dims.push((x, dims));
        }
        Ok(())
    }

    /// Gives the parameters the declared sizes, for inference.
    pub(super) fn size_parameters(&mut self) {
        for (value, dims) in &self.declared_dims {
            if let Type::Tensor(d, None) = self.graph.ty(*value) {
                self.graph.values[*value].ty = Type::Tensor(*d, Some(dims.clone()));
            }
        }
    }

    /// Messages about ops that cannot fit the declared shapes.
    pub(super) fn check_shapes(&mut self) {
        let mut known: HashMap<ValueId, i64> = HashMap::new();
        let mut found = Vec::new();
        for region in self.graph.all_regions() {
            for id in &self.graph.regions[region].nodes {
                let node = &self.graph.nodes[*id];
                if let (Op::Const, Some(Const::Scalar(s))) = (node.op, &node.attrs.value)
                    && s.dtype().is_int()
                {
                    known.insert(node.results[0], s.as_i64());
                }
                if node.regions.is_empty() && !node.operands.is_empty() && node.results.len() == 1 {
                    let types: Vec<Type> = node.operands.iter().map(|v| self.graph.ty(*v).clone()).collect();
                    let listed =
                        types.iter().any(|t| !matches!(t, Type::Tensor(..) | Type::Scalar(_) | Type::Hole));
                    let values: Vec<Option<i64>> =
                        node.operands.iter().map(|v| known.get(v).copied()).collect();
                    let structure = node.op.info().class == jit_ir::ops::Class::Structure;
                    if !structure
                        && !listed
                        && let Err(message) = shape::infer(node.op, &types, &values, &node.attrs)
                    {
                        found.push((*id, node.op, message));
                    }
                }
            }
        }
        for (id, op, message) in found {
            let at = self.spans.get(&id).copied().unwrap_or_else(proc_macro2::Span::call_site);
            let message = self.named_sizes(&message);
            self.errors.push_span(
                at,
                Code::Shape,
                format!("{}: {message}", op.shown()),
                "change the op, or the shapes that `#[script(shape(..))]` declares",
            );
        }
    }

    /// A message with the user's names of sizes.
    fn named_sizes(&self, message: &str) -> String {
        let mut names: Vec<String> = Vec::new();
        for size in self.signature.shapes.iter().flat_map(|s| &s.sizes) {
            if let Size::Name(name) = size
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        }
        let word = |word: &str| {
            let number = word.strip_prefix('n').and_then(|n| n.parse::<usize>().ok());
            number.and_then(|i| names.get(i)).cloned()
        };
        let mut out = String::new();
        let mut rest = message;
        while let Some(at) = rest.find(|c: char| c.is_alphanumeric()) {
            out.push_str(&rest[..at]);
            let end = rest[at..].find(|c: char| !c.is_alphanumeric()).map_or(rest.len(), |e| at + e);
            out.push_str(&word(&rest[at..end]).unwrap_or_else(|| rest[at..end].to_string()));
            rest = &rest[end..];
        }
        out + rest
    }
}
