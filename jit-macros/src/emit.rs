//! The tokens that stand for an annotated function: the function itself, its module, its static.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::visit_mut::VisitMut;
use syn::{FnArg, ItemFn, Type};

use crate::lower::Captured;

/// Gives every elided reference one lifetime, so that a type can stand in an impl's header.
struct NameLifetimes;

impl VisitMut for NameLifetimes {
    fn visit_type_reference_mut(&mut self, r: &mut syn::TypeReference) {
        if r.lifetime.is_none() {
            r.lifetime = Some(syn::Lifetime::new("'__jit", Span::call_site()));
        }
        syn::visit_mut::visit_type_reference_mut(self, r);
    }
}

/// The parts of a function that emitted code repeats.
struct Parts {
    vis: syn::Visibility,
    name: Ident,
    cfgs: Vec<syn::Attribute>,
    attrs: Vec<syn::Attribute>,
    /// One name for each parameter: the user's where it is one.
    args: Vec<Ident>,
    types: Vec<Type>,
    named_types: Vec<Type>,
    output: Type,
    body: TokenStream,
}

impl Parts {
    fn new(item: &ItemFn) -> Parts {
        let mut args = Vec::new();
        let mut types = Vec::new();
        for (i, input) in item.sig.inputs.iter().enumerate() {
            let FnArg::Typed(typed) = input else { continue };
            args.push(match &*typed.pat {
                syn::Pat::Ident(p) if p.subpat.is_none() => p.ident.clone(),
                _ => format_ident!("arg{i}"),
            });
            types.push((*typed.ty).clone());
        }
        let mut named_types = types.clone();
        named_types.iter_mut().for_each(|t| NameLifetimes.visit_type_mut(t));
        let output: Type = match &item.sig.output {
            syn::ReturnType::Default => syn::parse_quote!(()),
            syn::ReturnType::Type(_, ty) => (**ty).clone(),
        };
        let (inputs, result, block) = (&item.sig.inputs, &item.sig.output, &item.block);
        let body = quote! { (#inputs) #result #block };
        let cfgs = item.attrs.iter().filter(|a| a.path().is_ident("cfg")).cloned().collect();
        Parts {
            vis: item.vis.clone(),
            name: item.sig.ident.clone(),
            cfgs,
            attrs: item.attrs.clone(),
            args,
            types,
            named_types,
            output,
            body,
        }
    }

    /// The function that users call.
    fn function(&self, call: &TokenStream) -> TokenStream {
        let Parts { vis, name, attrs, args, types, output, .. } = self;
        quote! {
            #(#attrs)*
            #[track_caller]
            #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
            #vis fn #name(#(#args: #types),*) -> #output {
                #call::<#name::Handle, _>((#(#args,)*))
            }
        }
    }

    /// The original body and how arguments become values.
    fn impls(&self) -> TokenStream {
        let Parts { name, args, named_types, output, body, .. } = self;
        quote! {
            #[allow(clippy::all, clippy::pedantic)]
            impl #name::Handle {
                fn eager #body
            }
            impl<'__jit> ::jit_runtime::__private::CallWith<(#(#named_types,)*)> for #name::Handle {
                type Output = #output;
                #[allow(unused_variables)]
                fn flatten(jit_args: &(#(#named_types,)*), jit_out: &mut ::jit_runtime::__private::Leaves) {
                    let (#(#args,)*) = jit_args;
                    #(::jit_runtime::__private::Argument::push_leaves(#args, jit_out);)*
                }
                fn eager((#(#args,)*): (#(#named_types,)*)) -> #output {
                    <#name::Handle>::eager(#(#args),*)
                }
            }
        }
    }

    /// A function of the module that takes the user's arguments. The module cannot see the user's
    /// types, so that it is generic, and the handle's one impl says what they are.
    fn entry(&self, entry: &Entry) -> TokenStream {
        let n = self.args.len();
        let params: Vec<Ident> = (0..n).map(|i| format_ident!("A{i}")).collect();
        let args: Vec<Ident> = (0..n).map(|i| format_ident!("a{i}")).collect();
        let Entry { doc, name, receiver, cloned, bound, result, call, given } = entry;
        let bounds = if *cloned {
            quote! { : ::core::clone::Clone }
        } else {
            quote! {}
        };
        let tuple = quote! { (#(#params,)*) };
        let result = match result {
            Gives::Output => quote! { <Handle as #PRIVATE::CallWith<#tuple>>::Output },
            Gives::Fallible => {
                quote! { ::jit_runtime::Result<<Handle as #PRIVATE::CallWith<#tuple>>::Output> }
            }
            Gives::Checked => quote! { ::jit_runtime::Result<()> },
            Gives::Compiled => quote! { Compiled },
        };
        let values = match given {
            Given::Tuple => quote! { (#(#args,)*) },
            Given::Reference => quote! { &(#(#args,)*) },
            Given::WithCompiled => quote! { &self.0, (#(#args,)*) },
        };
        let called = quote! { #PRIVATE::#call::<Handle, #tuple>(#values) };
        let called = if matches!(entry.result, Gives::Compiled) {
            quote! { Compiled(#called) }
        } else {
            called
        };
        quote! {
            #[doc = #doc]
            #[track_caller]
            pub fn #name<#(#params #bounds),*>(#receiver #(#args: #params),*) -> #result
            where
                Handle: #PRIVATE::#bound<#tuple>,
            {
                #called
            }
        }
    }

    /// The function's module.
    fn module(
        &self,
        kind: &str,
        inner: &TokenStream,
        own: &TokenStream,
        entries: &[Entry],
        call: &Entry,
    ) -> TokenStream {
        let Parts { vis, name, cfgs, .. } = self;
        let doc = format!("What the {kind} [`{name}`](fn@{name}) carries.");
        let entries = entries.iter().map(|e| self.entry(e));
        let call = self.entry(call);
        quote! {
            #(#cfgs)*
            #[doc = #doc]
            #[allow(dead_code, clippy::too_many_arguments)]
            #vis mod #name {
                /// Stands for the function.
                #[derive(Clone, Copy, Debug)]
                pub struct Handle;

                #own
                #(#entries)*

                /// The function, compiled for certain element types and ranks.
                #[derive(Clone)]
                pub struct Compiled(#inner);

                impl Compiled {
                    /// The typed, optimised graph.
                    pub fn graph(&self) -> ::jit_runtime::Graph {
                        self.0.graph()
                    }

                    /// The passes, the kernels and the time it took.
                    pub fn explain(&self) -> ::std::string::String {
                        self.0.explain()
                    }

                    #call
                }
            }
        }
    }
}

/// Where the emitted code finds the runtime.
struct Private;
const PRIVATE: Private = Private;

impl quote::ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(quote! { ::jit_runtime::__private });
    }
}

/// What an entry gives.
#[derive(Clone, Copy)]
enum Gives {
    Output,
    Fallible,
    Checked,
    Compiled,
}

/// How an entry hands the arguments on.
#[derive(Clone, Copy)]
enum Given {
    Tuple,
    Reference,
    WithCompiled,
}

/// A function of the module.
struct Entry {
    doc: &'static str,
    name: Ident,
    receiver: TokenStream,
    /// Whether the arguments are needed twice.
    cloned: bool,
    bound: Ident,
    result: Gives,
    call: Ident,
    given: Given,
}

impl Entry {
    fn new(doc: &'static str, name: &str, call: &str, bound: &str, result: Gives) -> Entry {
        let [name, call, bound] = [name, call, bound].map(|n| format_ident!("{n}"));
        Entry { doc, name, receiver: quote! {}, cloned: false, bound, result, call, given: Given::Tuple }
    }

    fn cloned(self) -> Entry {
        Entry { cloned: true, ..self }
    }

    fn given(self, given: Given) -> Entry {
        Entry { given, ..self }
    }

    fn method(self) -> Entry {
        Entry { receiver: quote! { &self, }, ..self }
    }
}

const TRY: &str = "Calls the function; an error is an `Err` instead of a panic.";

/// A scripted function.
pub(crate) fn script(item: &ItemFn, captured: &Captured) -> TokenStream {
    let parts = Parts::new(item);
    let Parts { name, cfgs, .. } = &parts;
    let function = parts.function(&quote! { #PRIVATE::call_script });
    let impls = parts.impls();
    let own = quote! {
        /// The captured graph.
        pub fn graph() -> ::jit_runtime::Graph {
            <Handle as #PRIVATE::Scripted>::script().graph()
        }

        /// What the script has done so far.
        pub fn stats() -> ::jit_runtime::Stats {
            <Handle as #PRIVATE::Scripted>::script().stats()
        }
    };
    let entries = [
        Entry::new(TRY, "try_call", "try_script", "CallWith", Gives::Fallible),
        Entry::new(
            "Compiles the function for arguments like these, ahead of the first call.",
            "lower",
            "lower_script",
            "CallWith",
            Gives::Compiled,
        )
        .given(Given::Reference),
        Entry::new(
            "Runs the body and the plan, and compares the bits of their results.",
            "check",
            "check_script",
            "CallWith",
            Gives::Checked,
        )
        .cloned(),
    ];
    let call = Entry::new("Runs the plan.", "call", "call_compiled", "CallWith", Gives::Output)
        .given(Given::WithCompiled)
        .method();
    let module = parts.module("script", &quote! { ::jit_runtime::Compiled }, &own, &entries, &call);
    let (script_name, text) = (name.to_string(), &captured.text);
    let callees = captured.callees.iter().map(|(callee, path)| {
        let span = path.segments.last().map_or_else(Span::call_site, |s| s.ident.span());
        let handle = quote_spanned! { span => #path::Handle };
        quote! { (#callee, || <#handle as #PRIVATE::Callable>::callee()) }
    });
    quote! {
        #function
        #module
        #(#cfgs)*
        const _: () = {
            #impls
            impl #PRIVATE::Scripted for #name::Handle {
                fn script() -> &'static #PRIVATE::Script {
                    static SCRIPT: #PRIVATE::Script = #PRIVATE::Script::new(#script_name, #text, &[#(#callees),*]);
                    &SCRIPT
                }
            }
            impl #PRIVATE::Callable for #name::Handle {
                fn callee() -> #PRIVATE::Callee {
                    #PRIVATE::Callee::Script(<#name::Handle as #PRIVATE::Scripted>::script())
                }
            }
        };
    }
}

/// The module of a traced function.
fn trace_module(parts: &Parts) -> TokenStream {
    let function = quote! { <Handle as #PRIVATE::TracedFn>::function() };
    let own = quote! {
        /// The first recording of the signature used last, if there is one.
        pub fn graph() -> ::core::option::Option<::jit_runtime::Graph> {
            #function.graph()
        }

        /// All recordings.
        pub fn graphs() -> ::std::vec::Vec<::jit_runtime::Graph> {
            #function.graphs()
        }

        /// All recordings with their guards.
        pub fn traces() -> ::std::vec::Vec<::jit_runtime::Path> {
            #function.traces()
        }

        /// What the function has done so far.
        pub fn stats() -> ::jit_runtime::TraceStats {
            #function.stats()
        }
    };
    let entries = [
        Entry::new(TRY, "try_call", "try_trace", "TraceWith", Gives::Fallible).cloned(),
        Entry::new(
            "Runs the body and the plan, and compares the bits of their results and the recordings.",
            "check",
            "check_trace",
            "TraceWith",
            Gives::Checked,
        ),
        Entry::new(
            "Records and compiles the function for arguments like these, ahead of the first call.",
            "lower",
            "lower_trace",
            "TraceWith",
            Gives::Compiled,
        ),
    ];
    let doc = "Calls the function: replays this recording where its guards hold.";
    let call = Entry::new(doc, "call", "call_trace", "TraceWith", Gives::Output).cloned().method();
    parts.module("traced function", &quote! { #PRIVATE::CompiledTrace }, &own, &entries, &call)
}

/// A traced function.
pub(crate) fn trace(item: &ItemFn) -> TokenStream {
    let parts = Parts::new(item);
    let Parts { name, cfgs, args, types, named_types, output, .. } = &parts;
    let function = parts.function(&quote! { #PRIVATE::call_trace });
    let impls = parts.impls();
    let module = trace_module(&parts);
    let trace_name = name.to_string();
    let names = args.iter().map(Ident::to_string);
    let pass = |(arg, ty): (&Ident, &Type)| {
        if is_reference(ty) {
            quote! { &#arg }
        } else {
            quote! { #arg }
        }
    };
    let passed: Vec<TokenStream> = args.iter().zip(types).map(pass).collect();
    quote! {
        #function
        #module
        #(#cfgs)*
        const _: () = {
            #impls
            impl<'__jit> #PRIVATE::TraceWith<(#(#named_types,)*)> for #name::Handle {
                #[allow(unused_variables)]
                fn traced(jit_args: &(#(#named_types,)*), jit_inputs: &mut #PRIVATE::Inputs) -> #output {
                    let (#(#args,)*) = jit_args;
                    #(let #args = ::jit_runtime::__private::Argument::traced(#args, jit_inputs);)*
                    <#name::Handle>::eager(#(#passed),*)
                }
            }
            impl #PRIVATE::TracedFn for #name::Handle {
                fn function() -> &'static #PRIVATE::TraceFn {
                    static FUNCTION: #PRIVATE::TraceFn = #PRIVATE::TraceFn::new(#trace_name, &[#(#names),*]);
                    &FUNCTION
                }
            }
            impl #PRIVATE::Callable for #name::Handle {
                fn callee() -> #PRIVATE::Callee {
                    fn run(vals: &[#PRIVATE::Val]) -> ::jit_runtime::Result<::std::vec::Vec<#PRIVATE::Val>> {
                        #PRIVATE::trace_step(vals, |jit_values| {
                            #(let #args = <#types as ::jit_runtime::__private::Argument>::rebuild(jit_values);)*
                            #name(#(#passed),*)
                        })
                    }
                    #PRIVATE::Callee::Trace(run)
                }
            }
        };
    }
}

/// Whether a type is a reference; one that comes through a `macro_rules` macro is wrapped.
fn is_reference(ty: &Type) -> bool {
    match ty {
        Type::Reference(_) => true,
        Type::Group(g) => is_reference(&g.elem),
        Type::Paren(p) => is_reference(&p.elem),
        _ => false,
    }
}
