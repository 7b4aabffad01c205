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
                fn flatten(args: &(#(#named_types,)*), out: &mut ::jit_runtime::__private::Leaves) {
                    let (#(#args,)*) = args;
                    #(::jit_runtime::__private::Argument::push_leaves(#args, out);)*
                }
                fn eager((#(#args,)*): (#(#named_types,)*)) -> #output {
                    <#name::Handle>::eager(#(#args),*)
                }
            }
        }
    }

    /// Type parameters and arguments for the functions of the module.
    fn generic(&self) -> (Vec<Ident>, Vec<Ident>, TokenStream) {
        let n = self.args.len();
        let params: Vec<Ident> = (0..n).map(|i| format_ident!("A{i}")).collect();
        let args: Vec<Ident> = (0..n).map(|i| format_ident!("a{i}")).collect();
        let tuple = quote! { (#(#params,)*) };
        (params, args, tuple)
    }
}

/// A scripted function.
pub(crate) fn script(item: &ItemFn, captured: &Captured) -> TokenStream {
    let parts = Parts::new(item);
    let Parts { vis, name, cfgs, .. } = &parts;
    let function = parts.function(&quote! { ::jit_runtime::__private::call_script });
    let impls = parts.impls();
    let (params, args, tuple) = parts.generic();
    let text = &captured.text;
    let script_name = name.to_string();
    let callees = captured.callees.iter().map(|(callee, path)| {
        let span = path.segments.last().map_or_else(Span::call_site, |s| s.ident.span());
        let handle = quote_spanned! { span => #path::Handle };
        quote! { (#callee, || <#handle as ::jit_runtime::__private::Callable>::callee()) }
    });
    let doc = format!("What the script [`{name}`](fn@{name}) carries.");
    quote! {
        #function
        #(#cfgs)*
        #[doc = #doc]
        #[allow(dead_code, clippy::too_many_arguments)]
        #vis mod #name {
            /// Stands for the function.
            #[derive(Clone, Copy, Debug)]
            pub struct Handle;

            /// The captured graph.
            pub fn graph() -> ::jit_runtime::Graph {
                <Handle as ::jit_runtime::__private::Scripted>::script().graph()
            }

            /// What the script has done so far.
            pub fn stats() -> ::jit_runtime::Stats {
                <Handle as ::jit_runtime::__private::Scripted>::script().stats()
            }

            /// Calls the function; an error is an `Err` instead of a panic.
            pub fn try_call<#(#params),*>(#(#args: #params),*)
                -> ::jit_runtime::Result<<Handle as ::jit_runtime::__private::CallWith<#tuple>>::Output>
            where
                Handle: ::jit_runtime::__private::CallWith<#tuple>,
            {
                ::jit_runtime::__private::try_script::<Handle, #tuple>((#(#args,)*))
            }

            /// Compiles the function for arguments like these, ahead of the first call.
            #[track_caller]
            pub fn lower<#(#params),*>(#(#args: #params),*) -> Compiled
            where
                Handle: ::jit_runtime::__private::CallWith<#tuple>,
            {
                Compiled(::jit_runtime::__private::lower_script::<Handle, #tuple>(&(#(#args,)*)))
            }

            /// Runs the body and the plan, and compares the bits of their results.
            pub fn check<#(#params: ::core::clone::Clone),*>(#(#args: #params),*) -> ::jit_runtime::Result<()>
            where
                Handle: ::jit_runtime::__private::CallWith<#tuple>,
            {
                ::jit_runtime::__private::check_script::<Handle, #tuple>((#(#args,)*))
            }

            /// The function, compiled for certain element types and ranks.
            #[derive(Clone, Copy)]
            pub struct Compiled(::jit_runtime::Compiled);

            impl Compiled {
                /// The typed, optimised graph.
                pub fn graph(&self) -> ::jit_runtime::Graph {
                    self.0.graph()
                }

                /// The passes, the kernels and the time it took.
                pub fn explain(&self) -> ::std::string::String {
                    self.0.explain()
                }

                /// Runs the plan.
                #[track_caller]
                pub fn call<#(#params),*>(&self, #(#args: #params),*)
                    -> <Handle as ::jit_runtime::__private::CallWith<#tuple>>::Output
                where
                    Handle: ::jit_runtime::__private::CallWith<#tuple>,
                {
                    ::jit_runtime::__private::call_compiled::<Handle, #tuple>(&self.0, (#(#args,)*))
                }
            }
        }
        #(#cfgs)*
        const _: () = {
            #impls
            impl ::jit_runtime::__private::Scripted for #name::Handle {
                fn script() -> &'static ::jit_runtime::__private::Script {
                    static SCRIPT: ::jit_runtime::__private::Script = ::jit_runtime::__private::Script::new(
                        #script_name,
                        #text,
                        &[#(#callees),*],
                    );
                    &SCRIPT
                }
            }
            impl ::jit_runtime::__private::Callable for #name::Handle {
                fn callee() -> ::jit_runtime::__private::Callee {
                    ::jit_runtime::__private::Callee::Script(
                        <#name::Handle as ::jit_runtime::__private::Scripted>::script(),
                    )
                }
            }
        };
    }
}

/// A traced function.
pub(crate) fn trace(item: &ItemFn) -> TokenStream {
    let parts = Parts::new(item);
    let Parts { vis, name, cfgs, args: user_args, types, named_types, output, .. } = &parts;
    let function = parts.function(&quote! { ::jit_runtime::__private::call_trace });
    let impls = parts.impls();
    let (params, args, tuple) = parts.generic();
    let trace_name = name.to_string();
    let names = user_args.iter().map(Ident::to_string);
    let pass = |(arg, ty): (&Ident, &Type)| {
        if is_reference(ty) {
            quote! { &#arg }
        } else {
            quote! { #arg }
        }
    };
    let passed: Vec<TokenStream> = user_args.iter().zip(types).map(pass).collect();
    let doc = format!("What the traced function [`{name}`](fn@{name}) carries.");
    let function_of = quote! { <Handle as ::jit_runtime::__private::TracedFn>::function() };
    quote! {
        #function
        #(#cfgs)*
        #[doc = #doc]
        #[allow(dead_code, clippy::too_many_arguments)]
        #vis mod #name {
            /// Stands for the function.
            #[derive(Clone, Copy, Debug)]
            pub struct Handle;

            /// The first recording of the signature used last, if there is one.
            pub fn graph() -> ::core::option::Option<::jit_runtime::Graph> {
                #function_of.graph()
            }

            /// All recordings.
            pub fn graphs() -> ::std::vec::Vec<::jit_runtime::Graph> {
                #function_of.graphs()
            }

            /// All recordings with their guards.
            pub fn traces() -> ::std::vec::Vec<::jit_runtime::Path> {
                #function_of.traces()
            }

            /// What the function has done so far.
            pub fn stats() -> ::jit_runtime::TraceStats {
                #function_of.stats()
            }

            /// Calls the function; an error is an `Err` instead of a panic.
            pub fn try_call<#(#params: ::core::clone::Clone),*>(#(#args: #params),*)
                -> ::jit_runtime::Result<<Handle as ::jit_runtime::__private::CallWith<#tuple>>::Output>
            where
                Handle: ::jit_runtime::__private::TraceWith<#tuple>,
            {
                ::jit_runtime::__private::try_trace::<Handle, #tuple>((#(#args,)*))
            }

            /// Runs the body and the plan, and compares the bits of their results and the recordings.
            pub fn check<#(#params),*>(#(#args: #params),*) -> ::jit_runtime::Result<()>
            where
                Handle: ::jit_runtime::__private::TraceWith<#tuple>,
            {
                ::jit_runtime::__private::check_trace::<Handle, #tuple>((#(#args,)*))
            }

            /// Records and compiles the function for arguments like these, ahead of the first call.
            #[track_caller]
            pub fn lower<#(#params),*>(#(#args: #params),*) -> Compiled
            where
                Handle: ::jit_runtime::__private::TraceWith<#tuple>,
            {
                Compiled(::jit_runtime::__private::lower_trace::<Handle, #tuple>((#(#args,)*)))
            }

            /// A recording, compiled.
            #[derive(Clone)]
            pub struct Compiled(::jit_runtime::__private::CompiledTrace);

            impl Compiled {
                /// The typed, optimised graph.
                pub fn graph(&self) -> ::jit_runtime::Graph {
                    self.0.graph()
                }

                /// The passes, the kernels and the time it took.
                pub fn explain(&self) -> ::std::string::String {
                    self.0.explain()
                }

                /// Calls the function: replays this recording where its guards hold.
                #[track_caller]
                pub fn call<#(#params: ::core::clone::Clone),*>(&self, #(#args: #params),*)
                    -> <Handle as ::jit_runtime::__private::CallWith<#tuple>>::Output
                where
                    Handle: ::jit_runtime::__private::TraceWith<#tuple>,
                {
                    ::jit_runtime::__private::call_trace::<Handle, #tuple>((#(#args,)*))
                }
            }
        }
        #(#cfgs)*
        const _: () = {
            #impls
            impl<'__jit> ::jit_runtime::__private::TraceWith<(#(#named_types,)*)> for #name::Handle {
                #[allow(unused_variables)]
                fn traced(args: &(#(#named_types,)*), inputs: &mut ::jit_runtime::__private::Inputs) -> #output {
                    let (#(#user_args,)*) = args;
                    #(let #user_args = ::jit_runtime::__private::Argument::traced(#user_args, inputs);)*
                    <#name::Handle>::eager(#(#passed),*)
                }
            }
            impl ::jit_runtime::__private::TracedFn for #name::Handle {
                fn function() -> &'static ::jit_runtime::__private::TraceFn {
                    static FUNCTION: ::jit_runtime::__private::TraceFn =
                        ::jit_runtime::__private::TraceFn::new(#trace_name, &[#(#names),*]);
                    &FUNCTION
                }
            }
            impl ::jit_runtime::__private::Callable for #name::Handle {
                fn callee() -> ::jit_runtime::__private::Callee {
                    fn run(
                        vals: &[::jit_runtime::__private::Val],
                    ) -> ::jit_runtime::Result<::std::vec::Vec<::jit_runtime::__private::Val>> {
                        ::jit_runtime::__private::trace_step(vals, |values| {
                            #(let #user_args = <#types as ::jit_runtime::__private::Argument>::rebuild(values);)*
                            #name(#(#passed),*)
                        })
                    }
                    ::jit_runtime::__private::Callee::Trace(run)
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
