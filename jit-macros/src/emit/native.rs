//! Native kernels: the groups that a script's body seems to have, each written out as one loop, the loops over one
//! group, and the scalar loops.
//!
//! The passes that make groups look at ops and element types, so that most of them are known at build time. A kernel
//! whose group turns out otherwise is never called; a group without a kernel runs tile by tile.

use std::collections::BTreeSet;

use jit_ir::form::{Arg, Form};
use jit_ir::ops::{Class, rows};
use jit_ir::stages::{Stages, is_built_in};
use jit_ir::{DType, Dim, Graph, Op, Type};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{PRIVATE, Texts, guess, loops, scalar};

/// The constant `KERNELS`: the kernels for the groups and loops of captured graphs.
pub(super) fn kernels(texts: &Texts) -> TokenStream {
    let mut known = BTreeSet::new();
    let (mut values, mut items) = (Vec::new(), Vec::new());
    let graphs = texts.instances.iter().filter_map(|t| Graph::parse(t).ok());
    for graph in graphs.flat_map(|g| guesses(&g, &texts.copied)) {
        for form in forms(&graph).into_iter().filter(|f| known.insert(f.to_string())) {
            let name = format_ident!("Kernel{}", items.len());
            if let Some(item) = kernel(&name, &form) {
                items.push(item);
                values.push(quote! { #PRIVATE::native::Native::of::<#name>() });
            }
        }
        for (form, run) in loops::all(&graph) {
            let name = format_ident!("Trips{}", items.len());
            if known.insert(form)
                && let Some((item, value)) = run(&name)
            {
                items.push(item);
                values.push(value);
            }
        }
        for found in scalar::loops(&graph).into_iter().filter(|l| known.insert(l.form.clone())) {
            let name = format_ident!("Loop{}", items.len());
            items.push(found.item(&name));
            values.push(quote! { #PRIVATE::native::Native::scalar::<#name>() });
        }
    }
    let list = quote! { &[#PRIVATE::native::Native] };
    let kernels = quote! { const KERNELS: #list = { #(#items)* &[#(#values),*] }; };
    if texts.native || items.is_empty() {
        return kernels;
    }
    // Not optimised they would be slower than the tiles.
    quote! {
        #[cfg(not(debug_assertions))]
        #kernels
        #[cfg(debug_assertions)]
        const KERNELS: #list = &[];
    }
}

/// The graph after the passes. Reductions stand in groups only where ranks are known, so that for a graph with some there
/// is one more guess: that all tensors are matrices.
fn guesses(graph: &Graph, copied: &BTreeSet<String>) -> Vec<Graph> {
    let reduces = |op: Op| op.info().class == Class::Reduce || rows::steps(op).is_some();
    let twice = graph.nodes.ids().any(|n| reduces(graph.nodes[n].op));
    let matrices: &[bool] = if twice { &[false, true] } else { &[false] };
    matrices.iter().filter_map(|matrices| optimised(graph, copied, *matrices)).collect()
}

/// The graph after the passes; `None` if it has values of whose types nothing speaks.
fn optimised(graph: &Graph, copied: &BTreeSet<String>, matrices: bool) -> Option<Graph> {
    let guesses = guess::of(graph, copied)?;
    let mut graph = jit_ir::link::link(graph, &guesses.params, None, &guesses.names).ok()?;
    if matrices {
        for v in graph.params().to_vec() {
            if let Type::Tensor(_, dims @ None) = &mut graph.values[v].ty {
                *dims = Some(vec![Dim::Unknown; 2]);
            }
        }
    }
    jit_ir::infer::infer(&mut graph).ok()?;
    for (_, pass) in jit_ir::passes::PIPELINE {
        pass(&mut graph);
    }
    Some(graph)
}

/// The forms of the groups that the passes made, and of the parts of those with reductions; where there is no code for all of
/// one, of pieces of it.
fn forms(graph: &Graph) -> Vec<Form> {
    let mut found = Vec::new();
    for node in graph.nodes.ids().map(|n| &graph.nodes[n]).filter(|n| n.op == Op::Fused) {
        let Some((form, _)) = Form::of(graph, node.regions[0]) else { continue };
        if form.members.iter().any(|m| rows::is_fold(m.op)) {
            let levels = Stages::guess(&form);
            let parts = Stages::new(&form, &levels).parts().into_iter().map(|part| part.form);
            found.extend(parts.filter(|form| !is_built_in(&form.to_string())).flat_map(or_pieces));
        } else {
            found.extend(or_pieces(form));
        }
    }
    found
}

fn or_pieces(form: Form) -> Vec<Form> {
    match form.obstacle() {
        None => vec![form],
        Some(_) => form.pieces(),
    }
}

fn element(dtype: DType) -> Option<TokenStream> {
    Some(match dtype {
        DType::F32 => quote! { f32 },
        DType::F64 => quote! { f64 },
        DType::Bool => quote! { bool },
        _ => return None,
    })
}

/// What a group computes, in tokens.
pub(super) struct Written {
    pub(super) inputs: Vec<(Ident, TokenStream)>,
    /// For each output its name, its type and the member that it is.
    pub(super) outputs: Vec<(Ident, TokenStream, Ident)>,
    /// Statements that compute the members for some elements, from packs with the inputs' names.
    pub(super) steps: Vec<TokenStream>,
}

impl Written {
    /// `None` for groups that tiles run as fast, or for which there is no code here.
    pub(super) fn of(form: &Form) -> Option<Written> {
        if form.obstacle().is_some() {
            return None;
        }
        let inputs = form.inputs.iter().enumerate();
        let inputs: Vec<(Ident, TokenStream)> =
            inputs.map(|(i, of)| Some((input(i), element(of.dtype)?))).collect::<Option<_>>()?;
        let output = |(j, k): (usize, &usize)| {
            Some((format_ident!("o{j}"), element(form.members[*k].to)?, member(*k)))
        };
        let outputs = form.outputs.iter().enumerate().map(output).collect::<Option<_>>()?;
        let dtype = |arg: &Arg| match arg {
            Arg::Input(i) => form.inputs[*i].dtype,
            Arg::Member(k) => form.members[*k].to,
        };
        let mut steps = Vec::new();
        for (k, m) in form.members.iter().enumerate() {
            let mut args = m.args.iter().enumerate();
            if !args.all(|(at, arg)| dtype(arg) == m.from || (m.op == Op::Select && at == 0)) {
                return None;
            }
            let args: Vec<Ident> = m.args.iter().map(|arg| value(*arg)).collect();
            let (name, value) = (member(k), call(m.op, m.from, m.to, &args)?);
            steps.push(quote! { let #name = #value; });
        }
        Some(Written { inputs, outputs, steps })
    }
}

fn input(i: usize) -> Ident {
    format_ident!("i{i}")
}

pub(super) fn member(k: usize) -> Ident {
    format_ident!("m{k}")
}

/// The name of an operand's values for some elements.
pub(super) fn value(arg: Arg) -> Ident {
    match arg {
        Arg::Input(i) => input(i),
        Arg::Member(k) => member(k),
    }
}

/// The kernel of a group.
fn kernel(name: &Ident, form: &Form) -> Option<TokenStream> {
    let written = Written::of(form)?;
    let (text, in_turns, wide) = (form.to_string(), form.waits(), form.is_wide());
    let body = if in_turns { written.in_turns(form) } else { written.at_once(form) };
    let native = quote! { #PRIVATE::native };
    Some(quote! {
        struct #name;
        impl #native::Kernel for #name {
            const FORM: &'static str = #text;
            const IN_TURNS: bool = #in_turns;
            const WIDE: bool = #wide;
            #[inline(always)]
            #[allow(unused)]
            fn run<const W: usize, P: #native::packs::Turns>(mut tile: #native::Tile<'_>) {
                #body
            }
        }
    })
}

impl Written {
    /// One loop over all elements.
    fn at_once(&self, form: &Form) -> TokenStream {
        let Written { inputs, outputs, steps } = self;
        let packs = quote! { #PRIVATE::native::packs };
        let (mut params, mut given, mut cut, mut loads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (i, (name, ty)) in inputs.iter().enumerate() {
            if form.inputs[i].scalar {
                params.push(quote! { #name: #ty });
                given.push(quote! { tile.scalar::<#ty>(#i) });
                cut.push(quote! { let #name = #packs::Pack::one(#name); });
            } else {
                params.push(quote! { #name: &[#ty] });
                given.push(quote! { tile.input::<#ty>(#i) });
                cut.push(quote! { let #name = &#name[..n]; });
                loads.push(quote! { let #name = #packs::Pack::one(#name[j]); });
            }
        }
        for (j, (name, ty, _)) in outputs.iter().enumerate() {
            params.push(quote! { #name: &mut [#ty] });
            given.push(quote! { tile.output::<#ty>(#j) });
            cut.push(quote! { let #name = &mut #name[..n]; });
        }
        let stores = outputs.iter().map(|(name, _, member)| quote! { #name[j] = #member.value(); });
        // What are parameters is known not to overlap.
        quote! {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn each(n: usize, #(#params),*) {
                #(#cut)*
                for j in 0..n {
                    #(#loads)*
                    #(#steps)*
                    #(#stores)*
                }
            }
            each(tile.len(), #(#given),*);
        }
    }

    /// Block by block, the vectors of a block in turns.
    fn in_turns(&self, form: &Form) -> TokenStream {
        let Written { inputs, outputs, steps } = self;
        let (packs, blocks) = (quote! { #PRIVATE::native::packs }, quote! { #PRIVATE::native::blocks });
        let (mut memory, mut first, mut loads) = (Vec::new(), Vec::new(), Vec::new());
        for (i, (name, ty)) in inputs.iter().enumerate() {
            if form.inputs[i].scalar {
                memory.push(quote! { let #name = #packs::all::<#ty, P>(tile.scalar::<#ty>(#i)); });
            } else {
                let all = format_ident!("all_{name}");
                memory.push(quote! { let #all = tile.input::<#ty>(#i); });
                first.push(quote! { let #name = #blocks::part::<#ty, W>(#all, at); });
                loads.push(quote! { let #name = #packs::take::<#ty, W, P>(#name, j); });
            }
        }
        let (mut stores, mut last) = (Vec::new(), Vec::new());
        for (j, (name, ty, member)) in outputs.iter().enumerate() {
            let all = format_ident!("all_{name}");
            memory.push(quote! { let #all = tile.output::<#ty>(#j); });
            first.push(quote! { let mut #name = #blocks::blank::<#ty, W>(); });
            stores.push(quote! { #packs::put::<#ty, W, P>(&mut #name, j, #member); });
            last.push(quote! { *#blocks::part_mut::<#ty, W>(#all, at) = #name; });
        }
        quote! {
            #(#memory)*
            for at in (0..tile.len()).step_by(W) {
                #(#first)*
                for j in 0..W / P::N {
                    #(#loads)*
                    #(#steps)*
                    #(#stores)*
                }
                #(#last)*
            }
        }
    }
}

/// An op's value as an expression.
fn call(op: Op, from: DType, to: DType, args: &[Ident]) -> Option<TokenStream> {
    let native = quote! { #PRIVATE::native };
    let packs = quote! { #native::packs };
    let (from, to) = (element(from)?, element(to)?);
    let marker = format_ident!("{op:?}");
    Some(match op {
        Op::Select => quote! { #packs::select(#(#args),*) },
        Op::MulAdd => quote! { #packs::mul_add(#(#args),*) },
        Op::Clamp => quote! { #packs::clamp(#(#args),*) },
        Op::Cast => quote! { #packs::cast::<#from, #to, _>(#(#args),*) },
        _ if op.info().approx => {
            quote! { #packs::approximate::<#native::approximated::#marker, #from, _>(#(#args),*) }
        }
        _ if args.len() == 1 => quote! { #packs::unary::<#native::exact::#marker, #from, _>(#(#args),*) },
        _ if args.len() == 2 => quote! { #packs::binary::<#native::exact::#marker, #from, _>(#(#args),*) },
        _ => return None,
    })
}
