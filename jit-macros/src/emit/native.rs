//! Native kernels: the groups that a script's body seems to have, each written out as one loop, and its scalar loops.
//!
//! The passes that make groups look at ops and element types, so that most of them are known at build time. A kernel
//! whose group turns out otherwise is never called; a group without a kernel runs tile by tile.

use std::collections::BTreeSet;

use jit_ir::form::{Arg, Form};
use jit_ir::{DType, Graph, Op};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{PRIVATE, guess, scalar};

/// The constant `KERNELS`: the kernels for the groups of captured graphs; `always` in builds that are not optimised, too.
pub(super) fn kernels(texts: &[String], always: bool) -> TokenStream {
    let mut known = BTreeSet::new();
    let (mut values, mut items) = (Vec::new(), Vec::new());
    for graph in texts.iter().filter_map(|t| Graph::parse(t).ok()).filter_map(|g| optimised(&g)) {
        for form in forms(&graph).filter(|f| known.insert(f.to_string())) {
            let name = format_ident!("Kernel{}", items.len());
            if let Some(item) = kernel(&name, &form) {
                items.push(item);
                values.push(quote! { #PRIVATE::native::Native::of::<#name>() });
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
    if always || items.is_empty() {
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

/// The graph after the passes; `None` if it has values of whose types nothing speaks.
fn optimised(graph: &Graph) -> Option<Graph> {
    let params = graph.params().iter().map(|v| guess::structure(graph, *v)).collect::<Option<Vec<_>>>()?;
    let mut graph = jit_ir::link::link(graph, &params, None, &jit_ir::link::Empty).ok()?;
    jit_ir::infer::infer(&mut graph).ok()?;
    for (_, pass) in jit_ir::passes::PIPELINE {
        pass(&mut graph);
    }
    Some(graph)
}

/// The forms of the groups that the passes made.
fn forms(graph: &Graph) -> impl Iterator<Item = Form> + '_ {
    let fused = graph.nodes.ids().map(|n| &graph.nodes[n]).filter(|n| n.op == Op::Fused);
    fused.filter_map(|n| Form::of(graph, n.regions[0])).map(|(form, _)| form)
}

fn element(dtype: DType) -> Option<TokenStream> {
    Some(match dtype {
        DType::F32 => quote! { f32 },
        DType::F64 => quote! { f64 },
        DType::Bool => quote! { bool },
        _ => return None,
    })
}

/// One kernel; `None` for groups that tiles run as fast, or for which there is no code here.
fn kernel(name: &Ident, form: &Form) -> Option<TokenStream> {
    if form.obstacle().is_some() {
        return None;
    }
    let text = form.to_string();
    let input = |i: usize| format_ident!("i{i}");
    let output = |k: usize| format_ident!("o{k}");
    let member = |k: usize| format_ident!("m{k}");
    let (mut params, mut given, mut cut) = (Vec::new(), Vec::new(), Vec::new());
    for (i, of) in form.inputs.iter().enumerate() {
        let (name, ty) = (input(i), element(of.dtype)?);
        if of.scalar {
            params.push(quote! { #name: #ty });
            given.push(quote! { tile.scalar::<#ty>(#i) });
        } else {
            params.push(quote! { #name: &[#ty] });
            given.push(quote! { tile.input::<#ty>(#i) });
            cut.push(quote! { let #name = &#name[..n]; });
        }
    }
    for (j, k) in form.outputs.iter().enumerate() {
        let (name, ty) = (output(j), element(form.members[*k].to)?);
        params.push(quote! { #name: &mut [#ty] });
        given.push(quote! { tile.output::<#ty>(#j) });
        cut.push(quote! { let #name = &mut #name[..n]; });
    }
    let mut steps = Vec::new();
    for (k, m) in form.members.iter().enumerate() {
        let args: Vec<TokenStream> = m
            .args
            .iter()
            .map(|arg| match arg {
                Arg::Input(i) if form.inputs[*i].scalar => {
                    let name = input(*i);
                    quote! { #name }
                }
                Arg::Input(i) => {
                    let name = input(*i);
                    quote! { #name[j] }
                }
                Arg::Member(k) => {
                    let name = member(*k);
                    quote! { #name }
                }
            })
            .collect();
        let typed = m.args.iter().enumerate().all(|(at, arg)| {
            let dtype = match arg {
                Arg::Input(i) => form.inputs[*i].dtype,
                Arg::Member(k) => form.members[*k].to,
            };
            dtype == m.from || (m.op == Op::Select && at == 0)
        });
        let (value, name) = (call(m.op, m.from, m.to, &args).filter(|_| typed)?, member(k));
        steps.push(quote! { let #name = #value; });
    }
    let stores = form.outputs.iter().enumerate().map(|(j, k)| {
        let (name, value) = (output(j), member(*k));
        quote! { #name[j] = #value; }
    });
    // What are parameters is known not to overlap.
    Some(quote! {
        struct #name;
        impl #PRIVATE::native::Kernel for #name {
            const FORM: &'static str = #text;
            #[inline(always)]
            fn run(mut tile: #PRIVATE::native::Tile<'_>) {
                #[inline(always)]
                #[allow(clippy::too_many_arguments)]
                fn each(n: usize, #(#params),*) {
                    #(#cut)*
                    for j in 0..n {
                        #(#steps)*
                        #(#stores)*
                    }
                }
                each(tile.len(), #(#given),*);
            }
        }
    })
}

/// An op's value as an expression.
fn call(op: Op, from: DType, to: DType, args: &[TokenStream]) -> Option<TokenStream> {
    let native = quote! { #PRIVATE::native };
    let (from, to) = (element(from)?, element(to)?);
    let marker = format_ident!("{op:?}");
    Some(match op {
        Op::Select => quote! { #native::select(#(#args),*) },
        Op::MulAdd => quote! { #native::mul_add(#(#args),*) },
        Op::Clamp => quote! { #native::clamp(#(#args),*) },
        Op::Cast => quote! { #native::cast::<#from, #to>(#(#args),*) },
        _ if op.info().approx => {
            quote! { #native::unary::<#native::approximated::#marker, #from>(#(#args),*) }
        }
        _ if args.len() == 1 => quote! { #native::unary::<#native::exact::#marker, #from>(#(#args),*) },
        _ if args.len() == 2 => quote! { #native::binary::<#native::exact::#marker, #from>(#(#args),*) },
        _ => return None,
    })
}
