//! The tokens of traced functions.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ItemFn, Type};

use super::entries::{Entry, Gives};
use super::{Owner, PRIVATE, Parts, TRY, Takes, as_written, forgetful, probe};
use crate::options::Traced;

/// A traced function.
pub(crate) fn trace(item: &ItemFn, options: Traced) -> TokenStream {
    let parts = Parts::new(item, None);
    let function = parts.function(&quote! { #PRIVATE::call_trace }, &quote! {});
    let beside = trace_beside(&parts, options);
    quote! { #function #beside }
}

/// What is generated next to a traced method's block.
pub(crate) fn trace_method(item: &ItemFn, owner: &Owner, options: Traced) -> TokenStream {
    trace_beside(&Parts::new(item, Some(owner)), options)
}

/// The module of a traced function.
fn trace_module(parts: &Parts<'_>) -> TokenStream {
    let function = quote! { <Handle as #PRIVATE::TracedFn>::function() };
    let own = [
        (
            "The recordings of the signature used last, as one graph.",
            "graph",
            quote! { ::core::option::Option<::jit_runtime::Graph> },
            quote! { #function.graph() },
        ),
        (
            "For each signature its recordings as one graph.",
            "graphs",
            quote! { ::std::vec::Vec<::jit_runtime::Graph> },
            quote! { #function.graphs() },
        ),
        (
            "All recordings: why they were made, what the host saw in them, how often they ran.",
            "traces",
            quote! { ::std::vec::Vec<::jit_runtime::Path> },
            quote! { #function.traces() },
        ),
        (
            "What the function has done so far.",
            "stats",
            quote! { ::jit_runtime::TraceStats },
            quote! { #function.stats() },
        ),
    ];
    let entries = [
        Entry::new(TRY, "try_call", "try_trace", "TraceWith", Gives::Fallible).cloned(),
        Entry::new(
            "Runs the body and the plan, and compares the bits of their results and the recordings.",
            "check",
            "check_trace",
            "TraceWith",
            Gives::Checked,
        )
        .cloned(),
        Entry::new(
            "Records and compiles the function for arguments like these, ahead of the first call.",
            "lower",
            "lower_trace",
            "TraceWith",
            Gives::Compiled,
        )
        .cloned(),
    ];
    let doc = "Calls the function: replays where the guards of a recording hold.";
    let call = Entry::new(doc, "call", "call_trace", "TraceWith", Gives::Output).cloned();
    parts.module("traced function", &quote! { #PRIVATE::CompiledTrace }, &own, &entries, &call)
}

fn trace_beside(parts: &Parts<'_>, options: Traced) -> TokenStream {
    let Traced { strict, freeze, check_every } = options;
    let Parts { name, module, cfgs, args, types, named_types, output, .. } = parts;
    let impls = parts.impls(Takes::Anything);
    let emitted = trace_module(parts);
    let (params, clause) = parts.impl_generics();
    let trace_name = name.to_string();
    let names = args.iter().map(|arg| if arg == "jit_self" { "self".to_string() } else { arg.to_string() });
    let passed: Vec<TokenStream> =
        args.iter().zip(types).map(|(arg, ty)| lent(quote! { #arg }, ty)).collect();
    let eager = match parts.owner {
        Some(owner) => {
            let (self_ty, written) = (&owner.self_ty, as_written(name));
            quote! { <#self_ty>::#written }
        }
        None => quote! { <#module::Handle>::eager },
    };
    let call = match parts.owner {
        Some(owner) => {
            let self_ty = &owner.self_ty;
            quote! { <#self_ty>::#name }
        }
        None => quote! { #name },
    };
    // A script calls the function where its lifetimes have no names.
    let free: Vec<Type> = types.iter().map(forgetful).collect();
    let free_output = forgetful(output);
    let probes: Vec<TokenStream> = free.iter().map(probe).collect();
    let named_probes = named_types.iter().map(probe);
    // A generic function has no one type that a script could call.
    let callable = parts.generics.type_params().next().is_none().then(|| {
        quote! {
            impl #PRIVATE::Callable for #module::Handle {
                fn callee() -> #PRIVATE::Callee {
                    fn trees() -> (::std::vec::Vec<#PRIVATE::Tree>, #PRIVATE::Tree) {
                        (
                            <#module::Handle as #PRIVATE::CallWith<(#(#free,)*)>>::trees(),
                            <<#free_output as #PRIVATE::Outcome>::Value as #PRIVATE::Returns>::tree(),
                        )
                    }
                    fn run(vals: &[#PRIVATE::Val]) -> ::jit_runtime::Result<::std::vec::Vec<#PRIVATE::Val>> {
                        #PRIVATE::trace_step(vals, trees, |jit_values| {
                            #(let #args = #probes.rebuild(jit_values);)*
                            #call(#(#passed),*)
                        })
                    }
                    static STEP: #PRIVATE::Step = #PRIVATE::Step::new(
                        #trace_name,
                        <#module::Handle as #PRIVATE::TracedFn>::function,
                        run,
                        trees,
                    );
                    #PRIVATE::Callee::Trace(&STEP)
                }
            }
        }
    });
    quote! {
        #emitted
        #(#cfgs)*
        const _: () = {
            #[allow(unused_imports)]
            use #PRIVATE::{
                ArgumentByReference as _, ArgumentByValue as _, ArgumentOfTensors as _, NoArgument as _,
            };
            #impls
            impl<#params> #PRIVATE::TraceWith<(#(#named_types,)*)> for #module::Handle #clause {
                #[allow(unused_variables)]
                fn traced(jit_args: &(#(#named_types,)*), jit_inputs: &mut #PRIVATE::Inputs) -> #output {
                    let (#(#args,)*) = jit_args;
                    #(let #args = #named_probes.traced(#args, jit_inputs);)*
                    #eager(#(#passed),*)
                }
            }
            impl #PRIVATE::TracedFn for #module::Handle {
                fn function() -> &'static #PRIVATE::TraceFn {
                    static FUNCTION: #PRIVATE::TraceFn = #PRIVATE::TraceFn::new(#trace_name, &[#(#names),*]).with(#strict, #freeze, #check_every);
                    &FUNCTION
                }
            }
            #callable
        };
    }
}

/// An owned value as what the function takes. A type that comes through a `macro_rules` macro is wrapped.
fn lent(value: TokenStream, ty: &Type) -> TokenStream {
    match ty {
        Type::Group(g) => lent(value, &g.elem),
        Type::Paren(p) => lent(value, &p.elem),
        Type::Reference(r) => match &*r.elem {
            Type::Slice(s) if holds_reference(&s.elem) => {
                quote! { &#value.iter().collect::<::std::vec::Vec<_>>() }
            }
            _ => quote! { &#value },
        },
        Type::Tuple(t) if holds_reference(ty) => {
            let parts = t.elems.iter().enumerate().map(|(i, ty)| {
                let i = syn::Index::from(i);
                lent(quote! { #value.#i }, ty)
            });
            quote! { (#(#parts,)*) }
        }
        Type::Path(p) if holds_reference(ty) => match p.path.segments.last() {
            Some(last) if last.ident == "Option" => quote! { #value.as_ref() },
            Some(last) if last.ident == "Vec" => quote! { #value.iter().collect() },
            _ => value,
        },
        _ => value,
    }
}

fn holds_reference(ty: &Type) -> bool {
    struct Find(bool);
    impl syn::visit::Visit<'_> for Find {
        fn visit_type_reference(&mut self, _: &syn::TypeReference) {
            self.0 = true;
        }
    }
    let mut find = Find(false);
    syn::visit::Visit::visit_type(&mut find, ty);
    find.0
}
