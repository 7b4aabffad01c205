//! Scalar loops: those over host scalars and elements, written out as Rust.
//!
//! What a loop computes is its form (`jit_ir::scalar`); the runtime looks for the code of each loop's form, as it does for
//! groups of elementwise ops.

use std::collections::HashMap;

use jit_ir::scalar::{ScalarLoop, form};
use jit_ir::{DType, Graph, Node, NodeId, Op, RegionId, Scalar, Type, ValueId};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::PRIVATE;

/// Ops of a loop that is written out, at most: the time to compile grows with them.
const LONGEST: usize = 400;

/// A loop with its form.
pub(super) struct Written {
    pub(super) form: String,
    run: TokenStream,
}

impl Written {
    /// As an item of this name.
    pub(super) fn item(&self, name: &Ident) -> TokenStream {
        let Written { form, run } = self;
        quote! {
            struct #name;
            impl #PRIVATE::native::scalar::ScalarLoop for #name {
                const FORM: &'static str = #form;
                #[allow(unused, clippy::all, clippy::pedantic)]
                fn run(memory: &mut #PRIVATE::native::scalar::Memory<'_>) -> ::core::option::Option<()> {
                    use #PRIVATE::native::scalar::*;
                    #run
                    ::core::option::Option::Some(())
                }
            }
        }
    }
}

/// The outermost scalar loops of a graph.
pub(super) fn loops(graph: &Graph) -> Vec<Written> {
    let mut found = Vec::new();
    collect(graph, graph.body, &mut found);
    found
}

fn collect(graph: &Graph, region: RegionId, found: &mut Vec<Written>) {
    for node in graph.regions[region].nodes.iter().map(|n| &graph.nodes[*n]) {
        match ScalarLoop::of(graph, node) {
            Some(of) => found.extend(written(graph, node, &of)),
            None => node.regions.iter().for_each(|r| collect(graph, *r, found)),
        }
    }
}

fn written(graph: &Graph, node: &Node, of: &ScalarLoop) -> Option<Written> {
    let mut ops = 0;
    for region in &node.regions {
        graph.visit_regions(*region, &mut |r| ops += graph.regions[r].nodes.len());
    }
    if ops > LONGEST {
        return None;
    }
    let run = Writer { graph, of, names: HashMap::new() }.function(node)?;
    Some(Written { form: form(graph, node, of), run })
}

fn rust(dtype: DType) -> TokenStream {
    match dtype {
        DType::Bool => quote! { bool },
        DType::U8 => quote! { u8 },
        DType::I32 => quote! { i32 },
        DType::I64 => quote! { i64 },
        DType::Usize => quote! { usize },
        DType::F32 => quote! { f32 },
        DType::F64 => quote! { f64 },
    }
}

fn literal(value: Scalar) -> TokenStream {
    match value {
        Scalar::Bool(v) => quote! { #v },
        Scalar::U8(v) => quote! { #v },
        Scalar::I32(v) => quote! { (#v) },
        Scalar::I64(v) => quote! { (#v) },
        Scalar::Usize(v) => quote! { #v },
        Scalar::F32(v) => {
            let bits = v.to_bits();
            quote! { f32::from_bits(#bits) }
        }
        Scalar::F64(v) => {
            let bits = v.to_bits();
            quote! { f64::from_bits(#bits) }
        }
    }
}

struct Writer<'a> {
    graph: &'a Graph,
    of: &'a ScalarLoop,
    names: HashMap<ValueId, Ident>,
}

impl Writer<'_> {
    fn function(&mut self, node: &Node) -> Option<TokenStream> {
        let mut out = TokenStream::new();
        for (k, value) in self.of.scalars.iter().enumerate() {
            let ty = rust(self.dtype(*value)?);
            let name = self.define(*value);
            out.extend(quote! { let #name = memory.get::<#ty>(#k); });
        }
        for (slot, (dtype, written)) in self.of.slots.tensors.iter().enumerate() {
            let (name, ty) = (format_ident!("t{slot}"), rust(*dtype));
            let elements = if *written {
                quote! { elements_mut }
            } else {
                quote! { elements }
            };
            out.extend(quote! { let #name = memory.#elements::<#ty>(#slot); });
        }
        out.extend(self.repeat(node)?);
        let results = node.results.iter().filter(|v| self.graph.ty(**v).is_scalar());
        for (k, value) in results.enumerate() {
            let value = self.read(*value)?;
            out.extend(quote! { memory.set(#k, #value); });
        }
        Some(out)
    }

    fn dtype(&self, value: ValueId) -> Option<DType> {
        match self.graph.ty(value) {
            Type::Scalar(d) => Some(*d),
            _ => None,
        }
    }

    fn define(&mut self, value: ValueId) -> Ident {
        let name = format_ident!("v{}", self.names.len());
        self.names.insert(value, name.clone());
        name
    }

    /// A scalar as an expression.
    fn read(&self, value: ValueId) -> Option<TokenStream> {
        if let Some(constant) = self.of.constants.get(&value) {
            return Some(literal(*constant));
        }
        let name = self.names.get(&value)?;
        Some(quote! { #name })
    }

    fn reads(&self, values: &[ValueId]) -> Option<Vec<TokenStream>> {
        values.iter().map(|v| self.read(*v)).collect()
    }

    /// The values of a region that are scalars, where the results beside them are.
    fn scalars(&self, values: &[ValueId], results: &[ValueId]) -> Option<Vec<TokenStream>> {
        let scalars = values.iter().zip(results).filter(|(_, r)| self.dtype(**r).is_some());
        scalars.map(|(v, _)| self.read(*v)).collect()
    }

    fn tensor(&self, value: ValueId) -> Option<Ident> {
        self.of.slots.of.get(&value).map(|slot| format_ident!("t{slot}"))
    }

    fn region(&mut self, region: RegionId) -> Option<TokenStream> {
        let nodes: &[NodeId] = &self.graph.regions[region].nodes;
        nodes.iter().map(|id| self.node(&self.graph.nodes[*id])).collect()
    }

    fn node(&mut self, node: &Node) -> Option<TokenStream> {
        match node.op {
            // They are written where they are read.
            Op::Const => Some(TokenStream::new()),
            Op::If => self.branch(node),
            Op::Loop => self.repeat(node),
            Op::Assert => {
                let condition = self.read(node.operands[0])?;
                Some(quote! { if !#condition { return ::core::option::Option::None; } })
            }
            Op::SetIndex => self.write(node),
            _ => {
                let value = self.value(node)?;
                let ty = rust(self.dtype(node.results[0])?);
                let name = self.define(node.results[0]);
                Some(quote! { let #name: #ty = #value; })
            }
        }
    }

    /// What a node with one scalar result computes.
    fn value(&self, node: &Node) -> Option<TokenStream> {
        let to = rust(self.dtype(node.results[0])?);
        match node.op {
            Op::Undef => return Some(quote! { unset::<#to>() }),
            Op::Index | Op::Item if self.graph.ty(node.operands[0]).is_tensor() => {
                let from = self.tensor(node.operands[0])?;
                return Some(match &self.positions(&node.operands[1..])?[..] {
                    [i] => quote! { #from.at1(#i)? },
                    [i, j] => quote! { #from.at2(#i, #j)? },
                    at => quote! { #from.at([#(#at),*])? },
                });
            }
            Op::Dim | Op::Len => {
                let of = self.tensor(node.operands[0])?;
                return Some(match (node.op, node.attrs.axes.as_deref()) {
                    (Op::Dim, Some([axis, ..])) => quote! { #of.dim(#axis)? },
                    (Op::Dim, _) => return None,
                    _ => quote! { #of.count()? },
                });
            }
            _ => {}
        }
        let types = node.operands.iter().map(|v| self.dtype(*v)).collect::<Option<Vec<DType>>>()?;
        let args = self.reads(&node.operands)?;
        let from = rust(*types.first()?);
        let alike = types.iter().all(|t| *t == types[0]);
        let op = Ident::new(&format!("{:?}", node.op), proc_macro2::Span::call_site());
        Some(match (node.op, &args[..]) {
            (Op::Cast, [a]) => quote! { cast::<#from, #to>(#a) },
            (Op::Select, [mask, a, b]) if types[0] == DType::Bool && types[1] == types[2] => {
                quote! { if #mask { #a } else { #b } }
            }
            (Op::Powi, [x, n]) if types[1] == DType::I32 => quote! { power::<#from>(#x, #n)? },
            _ if !alike => return None,
            (Op::Clamp, [x, low, high]) => quote! { clamp::<#from>(#x, #low, #high)? },
            (Op::MulAdd, [a, b, c]) => quote! { fused::<#from>(#a, #b, #c)? },
            (Op::Host, [a, rest @ ..]) => {
                let name = node.attrs.text.as_deref()?;
                let b = match rest {
                    [] => quote! { ::core::option::Option::None },
                    [b] => quote! { ::core::option::Option::Some(#b) },
                    _ => return None,
                };
                quote! { function::<#from, #to>(#name, #a, #b)? }
            }
            (_, [a]) => quote! { unary::<#from, #to>(Op::#op, #a)? },
            (_, [a, b]) => quote! { binary::<#from, #to>(Op::#op, #a, #b)? },
            _ => return None,
        })
    }

    fn positions(&self, values: &[ValueId]) -> Option<Vec<TokenStream>> {
        let usize = |v: &&ValueId| self.dtype(**v) == Some(DType::Usize);
        if values.iter().filter(usize).count() == values.len() { self.reads(values) } else { None }
    }

    fn write(&mut self, node: &Node) -> Option<TokenStream> {
        let to = self.tensor(node.operands[0])?;
        let (value, places) = node.operands[1..].split_last()?;
        if self.dtype(*value) != self.graph.ty(node.operands[0]).dtype() {
            return None;
        }
        let value = self.read(*value)?;
        Some(match &self.positions(places)?[..] {
            [i] => quote! { #to.set1(#i, #value)?; },
            [i, j] => quote! { #to.set2(#i, #j, #value)?; },
            at => quote! { #to.set([#(#at),*], #value)?; },
        })
    }

    fn branch(&mut self, node: &Node) -> Option<TokenStream> {
        let condition = self.read(node.operands[0])?;
        let mut sides = Vec::new();
        for side in &node.regions {
            let body = self.region(*side)?;
            let values = self.scalars(&self.graph.regions[*side].results, &node.results)?;
            sides.push(quote! { #body (#(#values,)*) });
        }
        let (mut names, mut types) = (Vec::new(), Vec::new());
        for result in &node.results {
            if let Some(dtype) = self.dtype(*result) {
                types.push(rust(dtype));
                names.push(self.define(*result));
            }
        }
        let [then, other] = &sides[..] else { return None };
        Some(quote! { let (#(#names,)*): (#(#types,)*) = if #condition { #then } else { #other }; })
    }

    fn repeat(&mut self, node: &Node) -> Option<TokenStream> {
        let counted = usize::from(node.attrs.keep);
        let [condition, body] = node.regions[..] else { return None };
        let [while_args, args] = [condition, body].map(|r| self.graph.regions[r].args.clone());
        let starts = self.scalars(&node.operands[counted..], &node.results)?;
        let (mut names, mut types) = (Vec::new(), Vec::new());
        for (i, result) in node.results.iter().enumerate() {
            let Some(dtype) = self.dtype(*result) else { continue };
            types.push(rust(dtype));
            let name = self.define(*result);
            // One variable before, in and after the loop.
            for arg in [while_args[i], args[i + counted]] {
                self.names.insert(arg, name.clone());
            }
            names.push(name);
        }
        let (mut before, mut top, mut end) = (TokenStream::new(), TokenStream::new(), TokenStream::new());
        if counted == 1 {
            let (count, index) = (self.read(node.operands[0])?, self.define(args[0]));
            before = quote! { let mut #index: usize = 0; };
            top = quote! { if #index >= #count { break; } };
            end = quote! { #index += 1; };
        }
        let asked = self.region(condition)?;
        let holds = self.read(self.graph.regions[condition].results[0])?;
        let steps = self.region(body)?;
        let next = self.scalars(&self.graph.regions[body].results, &node.results)?;
        Some(quote! {
            let (#(mut #names,)*): (#(#types,)*) = (#(#starts,)*);
            #before
            loop {
                #top
                #asked
                if !#holds { break; }
                #steps
                (#(#names,)*) = (#(#next,)*);
                #end
            }
        })
    }
}
