//! The tokens that stand for an annotated function: the function itself, its module, its static.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::visit_mut::VisitMut;
use syn::{FnArg, ItemFn, Type};

use crate::diag::Reason;
use crate::lower::Link;
use crate::methods::without_self;
use crate::options::{Options, Shape, Size};
use crate::signature;
use entries::{Entry, Given, Gives};

mod entries;
mod guess;
mod loops;
mod native;
mod scalar;
mod trace;

pub(crate) use guess::copied;
pub(crate) use trace::{trace, trace_method};

/// The graphs of a script, and the names in them.
#[derive(Default)]
pub(crate) struct Texts {
    /// One for each choice of element types.
    pub(crate) instances: Vec<String>,
    /// The one that leaves element types open; `None` if the body could not be captured.
    pub(crate) open: Option<String>,
    links: Vec<(String, Link)>,
    /// Native kernels in builds that are not optimised, too.
    pub(crate) native: bool,
    /// Fields that are host scalars.
    pub(crate) copied: BTreeSet<String>,
    /// A body could not be captured, and no message says why.
    pub(crate) failed: bool,
    pub(crate) reason: Option<Reason>,
}

impl Texts {
    pub(crate) fn links(&mut self, links: Vec<(String, Link)>) {
        for (name, link) in links {
            if !self.links.iter().any(|(n, _)| *n == name) {
                self.links.push((name, link));
            }
        }
    }
}

/// The block that a method stands in.
pub(crate) struct Owner {
    /// The name of the method's module.
    pub(crate) name: Ident,
    pub(crate) self_ty: TokenStream,
    pub(crate) receiver: bool,
}

/// The name under which a method's body as written stands in its block.
pub(crate) fn as_written(name: &Ident) -> Ident {
    format_ident!("{name}_as_written", span = name.span())
}

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

/// Removes the names of lifetimes.
struct ForgetLifetimes;

impl VisitMut for ForgetLifetimes {
    fn visit_type_reference_mut(&mut self, r: &mut syn::TypeReference) {
        r.lifetime = None;
        syn::visit_mut::visit_type_reference_mut(self, r);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut syn::Lifetime) {
        if lifetime.ident != "static" {
            *lifetime = syn::Lifetime::new("'_", lifetime.span());
        }
    }
}

/// A type whose lifetimes are left to rustc.
fn forgetful(ty: &Type) -> Type {
    let mut ty = ty.clone();
    ForgetLifetimes.visit_type_mut(&mut ty);
    ty
}

/// The parts of a function that emitted code repeats.
struct Parts<'a> {
    owner: Option<&'a Owner>,
    vis: syn::Visibility,
    name: Ident,
    /// The function's module.
    module: Ident,
    generics: syn::Generics,
    cfgs: Vec<syn::Attribute>,
    attrs: Vec<syn::Attribute>,
    /// One name for each parameter: the user's where it is one.
    args: Vec<Ident>,
    types: Vec<Type>,
    named_types: Vec<Type>,
    output: Type,
    body: TokenStream,
    /// Declared shapes, which the body as written is checked by, too.
    shapes: Vec<Shape>,
}

impl<'a> Parts<'a> {
    fn new(item: &ItemFn, owner: Option<&'a Owner>) -> Parts<'a> {
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
        let generics = item.sig.generics.clone();
        let clause = &generics.where_clause;
        let body = quote! { #generics (#inputs) #result #clause #block };
        let cfgs = item.attrs.iter().filter(|a| a.path().is_ident("cfg")).cloned().collect();
        Parts {
            owner,
            vis: item.vis.clone(),
            name: item.sig.ident.clone(),
            module: owner.map_or(item.sig.ident.clone(), |o| o.name.clone()),
            generics,
            cfgs,
            attrs: item.attrs.clone(),
            args,
            types,
            named_types,
            output,
            body,
            shapes: Vec::new(),
        }
    }

    /// The function that users call.
    fn function(&self, call: &TokenStream, check: &TokenStream) -> TokenStream {
        let Parts { vis, name, generics, attrs, args, types, output, .. } = self;
        let clause = &generics.where_clause;
        quote! {
            #(#attrs)*
            #[track_caller]
            #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
            #vis fn #name #generics (#(#args: #types),*) -> #output #clause {
                #check
                #call::<#name::Handle, _>((#(#args,)*))
            }
        }
    }

    /// The parameters of an impl for the function's arguments: a lifetime, the function's own.
    fn impl_generics(&self) -> (TokenStream, TokenStream) {
        let params = &self.generics.params;
        let clause = &self.generics.where_clause;
        (quote! { '__jit, #params }, quote! { #clause })
    }

    /// The original body and how arguments become values.
    fn impls(&self, takes: Takes) -> TokenStream {
        let Parts { module, args, named_types, output, body, .. } = self;
        let (params, clause) = self.impl_generics();
        let (written, eager) = match self.owner {
            Some(owner) => {
                let (self_ty, name) = (&owner.self_ty, as_written(&self.name));
                (quote! {}, quote! { <#self_ty>::#name })
            }
            None => {
                let written = quote! {
                    #[allow(clippy::all, clippy::pedantic)]
                    impl #module::Handle {
                        fn eager #body
                    }
                };
                (written, quote! { <#module::Handle>::eager })
            }
        };
        let shapes = self.shape_checks();
        let (trees, flat) = match takes {
            Takes::Tensors => (
                quote! { #(<#named_types as ::jit_runtime::__private::Argument>::tree()),* },
                quote! { #(<#named_types as ::jit_runtime::__private::Argument>::FLAT &&)* },
            ),
            Takes::Anything => {
                let trees = named_types.iter().map(|ty| {
                    let probe = probe(ty);
                    quote_spanned! { syn::spanned::Spanned::span(ty) => #probe.tree() }
                });
                (quote! { #(#trees),* }, quote! { false && })
            }
        };
        let pushes = args.iter().zip(named_types).map(|(arg, ty)| match takes {
            Takes::Tensors => quote! { ::jit_runtime::__private::Argument::push_leaves(#arg, jit_out); },
            Takes::Anything => {
                let probe = probe(ty);
                quote! { #probe.push_leaves(#arg, jit_out); }
            }
        });
        let variant =
            signature::element_params(&self.generics).into_iter().fold(quote! { 0 }, |before, ty| {
                quote! { (#before) * 8 + <#ty as #PRIVATE::Prim>::DTYPE as u32 + 1 }
            });
        quote! {
            #written
            impl<#params> #PRIVATE::CallWith<(#(#named_types,)*)> for #module::Handle #clause {
                type Given = #output;
                type Output = <#output as #PRIVATE::Outcome>::Value;
                const VARIANT: u32 = #variant;
                const FLAT: bool = #flat
                    <Self::Output as #PRIVATE::Returns>::FLAT;
                fn trees() -> ::std::vec::Vec<#PRIVATE::Tree> {
                    ::std::vec![#trees]
                }
                #[allow(unused_variables)]
                fn flatten<'jit>(jit_args: &'jit (#(#named_types,)*), jit_out: &mut #PRIVATE::Leaves<'jit>) {
                    let (#(#args,)*) = jit_args;
                    #(#pushes)*
                }
                fn eager((#(#args,)*): (#(#named_types,)*)) -> #output {
                    #shapes
                    #eager(#(#args),*)
                }
            }
        }
    }

    /// The checks of the declared shapes, for the body as written.
    fn shape_checks(&self) -> TokenStream {
        if self.shapes.is_empty() {
            return quote! {};
        }
        let checks = self.shapes.iter().map(|shape| {
            let (param, leading, text) = (&shape.param, shape.leading, &shape.text);
            let name = param.to_string();
            let sizes = shape.sizes.iter().map(|size| match size {
                Size::Number(n) => quote! { ::jit_runtime::__private::Size::Number(#n) },
                Size::Name(name) => quote! { ::jit_runtime::__private::Size::Name(#name) },
                Size::Open => quote! { ::jit_runtime::__private::Size::Open },
            });
            let here = quote_spanned! { param.span() => const { ::jit_runtime::__private::here() } };
            quote! { (#name, #param.shape(), #leading, &[#(#sizes),*], #text, #here) }
        });
        quote! { #PRIVATE::check_shapes(&[#(#checks),*]); }
    }

    /// The function's module.
    fn module(
        &self,
        kind: &str,
        inner: &TokenStream,
        own: &[(&str, &str, TokenStream, TokenStream)],
        list: &[Entry],
        call: &Entry,
    ) -> TokenStream {
        let Parts { vis, name, module, cfgs, owner, .. } = self;
        let n = self.args.len();
        let method = owner.is_some();
        let own = own.iter().map(|(doc, name, result, body)| {
            let name = format_ident!("{name}");
            let receiver = method.then(|| quote! { &self });
            quote! {
                #[doc = #doc]
                pub fn #name(#receiver) -> #result {
                    #body
                }
            }
        });
        let list = list.iter().map(|e| e.tokens(n, method));
        let functions = quote! { #(#own)* #(#list)* };
        let functions = if method {
            quote! { impl Handle { #functions } }
        } else {
            functions
        };
        let call = call.tokens(n, true);
        let doc = match owner {
            Some(_) => format!("What the {kind} `{name}` carries."),
            None => format!("What the {kind} [`{name}`](fn@{name}) carries."),
        };
        let handle = from_inside(vis);
        let hidden = owner.map(|_| quote! { #[doc(hidden)] #[allow(non_snake_case)] });
        quote! {
            #(#cfgs)*
            #[doc = #doc]
            #hidden
            #[allow(dead_code, clippy::too_many_arguments)]
            #vis mod #module {
                /// Stands for the function.
                #[derive(Clone, Copy, Debug)]
                #handle struct Handle;

                #functions

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

    /// The static's entry for a name.
    fn link(&self, name: &str, link: &Link) -> TokenStream {
        let generic: Vec<String> = self.generics.type_params().map(|p| p.ident.to_string()).collect();
        let link = match link {
            Link::Method(handle) => Link::Method(replaced(handle.clone(), &generic)),
            Link::Structure(value) => Link::Structure(replaced(value.clone(), &generic)),
            Link::MaybeMethod(place, handle) => {
                Link::MaybeMethod(replaced(place.clone(), &generic), handle.clone())
            }
            other => other.clone(),
        };
        let expression = match &link {
            Link::Function(path) => {
                let span = path.segments.last().map_or_else(Span::call_site, |s| s.ident.span());
                let handle = quote_spanned! { span => #path::Handle };
                quote! { #PRIVATE::Link::Callee(<#handle as #PRIVATE::Callable>::callee()) }
            }
            Link::Method(handle) => {
                let (args, types) = (&self.args, self.concrete_types());
                quote! { #PRIVATE::callee_of(|(#(#args,)*): (#(#types,)*)| #handle) }
            }
            Link::Structure(value) => {
                let (args, types) = (&self.args, self.concrete_types());
                quote! {
                    {
                        #[allow(unused_imports)]
                        use #PRIVATE::{FieldOfPytree as _, FieldOfOther as _};
                        #PRIVATE::Link::Structure(
                            (&&#PRIVATE::type_of(|(#(#args,)*): (#(#types,)*)| #value)).tree(),
                        )
                    }
                }
            }
            Link::MaybeMethod(place, handle) => {
                let (args, types) = (&self.args, self.concrete_types());
                let given = quote! { |(#(#args,)*): (#(#types,)*)| };
                quote! {
                    #PRIVATE::maybe_method(#given match &(#place) {
                        jit_receiver => {
                            #[allow(dead_code)]
                            trait OrNone {
                                fn #handle(&self) -> #PRIVATE::NoMethod {
                                    #PRIVATE::NoMethod
                                }
                            }
                            impl<T: #PRIVATE::Returns> OrNone for T {}
                            jit_receiver.#handle()
                        }
                    })
                }
            }
            Link::Constant(value) => quote! { #PRIVATE::Link::constant(&(#value)) },
        };
        let entry = quote! { (#name, || #expression) };
        match self.owner {
            Some(owner) => without_self(entry, &owner.self_ty),
            None => entry,
        }
    }

    /// The parameters' types where no parameter of a generic function is in scope.
    fn concrete_types(&self) -> Vec<TokenStream> {
        let generic: Vec<String> = self.generics.type_params().map(|p| p.ident.to_string()).collect();
        let concrete = |ty: &Type| replaced(forgetful(ty).to_token_stream(), &generic);
        self.types.iter().map(concrete).collect()
    }
}

/// Tokens with type parameters replaced by an element type.
fn replaced(tokens: TokenStream, generic: &[String]) -> TokenStream {
    use proc_macro2::TokenTree;
    let one = |tree: TokenTree| -> TokenStream {
        match tree {
            TokenTree::Ident(ident) if generic.iter().any(|g| ident == g.as_str()) => quote! { f32 },
            TokenTree::Group(g) => {
                let mut group = proc_macro2::Group::new(g.delimiter(), replaced(g.stream(), generic));
                group.set_span(g.span());
                TokenTree::Group(group).into()
            }
            other => other.into(),
        }
    };
    tokens.into_iter().map(one).collect()
}

/// The visibility of an item in a module that means the same as `vis` beside the module: a handle that is more
/// visible than its function could not name the function's types.
fn from_inside(vis: &syn::Visibility) -> TokenStream {
    match vis {
        syn::Visibility::Public(_) => quote! { pub },
        syn::Visibility::Inherited => quote! { pub(super) },
        syn::Visibility::Restricted(to) => {
            let path = &to.path;
            let first = path.segments.first().map(|s| s.ident.to_string());
            match first.as_deref() {
                Some("crate") => quote! { pub(in #path) },
                Some("self") if path.segments.len() == 1 => quote! { pub(super) },
                _ => quote! { pub(in super::#path) },
            }
        }
    }
}

/// What a function's arguments may be.
#[derive(Clone, Copy)]
enum Takes {
    /// Tensors, scalars and structures of them.
    Tensors,
    /// Values of other types, too: method resolution decides for each.
    Anything,
}

/// What stands for an argument of a type that may be anything.
fn probe(ty: &Type) -> TokenStream {
    quote! { (&&&&#PRIVATE::Probe::<#ty>(::core::marker::PhantomData)) }
}

/// Where the emitted code finds the runtime.
struct Private;
const PRIVATE: Private = Private;

impl quote::ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(quote! { ::jit_runtime::__private });
    }
}

/// A body that could not be captured, although no message says why: rustc has reported it, or else this constant does. A
/// generic function reads it, which is instantiated when code is generated: only if there is no other error.
pub(crate) fn uncaptured(name: &Ident, texts: &Texts) -> TokenStream {
    let reason = texts.reason.clone().unwrap_or_else(|| Reason::unknown("types that do not fit"));
    let message = reason.message(name);
    quote_spanned! { reason.at.unwrap_or_else(Span::call_site) =>
        struct Uncaptured<T>(::core::marker::PhantomData<T>);
        impl<T> Uncaptured<T> {
            const CHECK: () = ::jit_runtime::__private::refuse(#message);
        }
        fn uncaptured<T>() {
            Uncaptured::<T>::CHECK
        }
        uncaptured::<u8>();
    }
}

/// A scripted function.
pub(crate) fn script(item: &ItemFn, texts: &Texts, options: &Options) -> TokenStream {
    let mut parts = Parts::new(item, None);
    parts.shapes = options.shapes.clone();
    let check = if texts.failed {
        uncaptured(&parts.name, texts)
    } else {
        quote! {}
    };
    let function = parts.function(&quote! { #PRIVATE::call_script }, &check);
    let beside = script_module(&parts, texts);
    quote! { #function #beside }
}

/// What is generated next to a scripted method's block.
pub(crate) fn script_method(item: &ItemFn, texts: &Texts, owner: &Owner) -> TokenStream {
    script_module(&Parts::new(item, Some(owner)), texts)
}

fn script_module(parts: &Parts<'_>, texts: &Texts) -> TokenStream {
    let Parts { module, cfgs, name, .. } = parts;
    let script = quote! { <Handle as #PRIVATE::Scripted>::script() };
    let own = [
        ("The captured graph.", "graph", quote! { ::jit_runtime::Graph }, quote! { #script.graph() }),
        (
            "What the script has done so far.",
            "stats",
            quote! { ::jit_runtime::Stats },
            quote! { #script.stats() },
        ),
    ];
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
        .given(Given::WithCompiled);
    let emitted = parts.module("script", &quote! { ::jit_runtime::Compiled }, &own, &entries, &call);
    let impls = parts.impls(Takes::Tensors);
    let script_name = name.to_string();
    let kernels = native::kernels(texts);
    // What a method gives, for methods that are called on that.
    let gives = parts.owner.is_some().then(|| {
        let value = if parts.generics.type_params().next().is_some() {
            quote! { #PRIVATE::NoValue }
        } else {
            let output = forgetful(&parts.output);
            quote! { <#output as #PRIVATE::Outcome>::Value }
        };
        quote! {
            impl #PRIVATE::Gives for #module::Handle {
                type Value = #value;
            }
        }
    });
    let (instances, open) = (&texts.instances, texts.open.clone().unwrap_or_default());
    let links = texts.links.iter().map(|(name, link)| parts.link(name, link));
    quote! {
        #emitted
        #(#cfgs)*
        const _: () = {
            #impls
            #[allow(unused_variables, unused_mut, unreachable_code, clippy::all, clippy::pedantic)]
            impl #PRIVATE::Scripted for #module::Handle {
                fn script() -> &'static #PRIVATE::Script {
                    #kernels
                    static SCRIPT: #PRIVATE::Script =
                        #PRIVATE::Script::new(#script_name, &[#(#instances),*], #open, &[#(#links),*], KERNELS);
                    &SCRIPT
                }
            }
            #gives
            impl #PRIVATE::Callable for #module::Handle {
                fn callee() -> #PRIVATE::Callee {
                    #PRIVATE::Callee::Script(<#module::Handle as #PRIVATE::Scripted>::script())
                }
            }
        };
    }
}

const TRY: &str = "Calls the function; an error is an `Err` instead of a panic.";
