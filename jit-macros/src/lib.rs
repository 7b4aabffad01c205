//! The attributes of `jit-runtime`, which re-exports them; depend on that crate.
//!
//! `#[script]`: `syn` function → `signature` → `lower` → `emit`. The graph is built here, at
//! build time, and embedded as text.

mod capture;
mod diag;
mod emit;
#[cfg(test)]
mod fuzz;
mod lower;
mod methods;
mod options;
mod pytree;
mod signature;
mod types;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::visit_mut::VisitMut;
use syn::{Item, ItemFn};

use diag::{Code, Errors};
use options::Options;

/// Captures the function's body as a graph, control flow included, at build time. Above an `impl`
/// block it captures each of its functions.
///
/// See the crate `jit-runtime`.
#[proc_macro_attribute]
pub fn script(options: TokenStream, item: TokenStream) -> TokenStream {
    script_tokens(&options.into(), item.into()).into()
}

fn script_tokens(options: &Tokens, item: Tokens) -> Tokens {
    let mut errors = Errors::default();
    let options = Options::read(options, "script", &["shape", "native", "fast_math"], &mut errors);
    let function = |item: &ItemFn, errors: &mut Errors| capture::script(item, &options, errors);
    expand(errors, item, "script", function, |item, errors| {
        if let Some(shape) = options.shapes.first() {
            errors.push(
                &shape.param,
                Code::Option,
                "shapes are declared for one function, and this is an `impl` block",
                "write `assert_eq!(x.dim(0), n)` in the method",
            );
        }
        if options.native {
            errors.push(
                item,
                Code::Option,
                "`native` is for one function, and this is an `impl` block",
                "leave it away: optimised builds have native kernels of methods, too",
            );
        }
        methods::expand(item, methods::Kind::Script { fast: options.fast }, errors)
    })
}

/// Runs the function as it is once, records what it does to its tensors, and replays that where everything that
/// the host saw of them is as it was. Above an `impl` block it traces each of its functions.
///
/// Options: `strict` (looking at a value is an error), `freeze` (the first path is kept, with a warning),
/// `check_every = n` (body and plan are compared again at each n-th replay). The chapter
/// `jit_runtime::guide::tracing` has the rest.
#[proc_macro_attribute]
pub fn trace(options: TokenStream, item: TokenStream) -> TokenStream {
    trace_tokens(&options.into(), item.into()).into()
}

fn trace_tokens(options: &Tokens, item: Tokens) -> Tokens {
    let mut errors = Errors::default();
    let options = Options::read(options, "trace", &["strict", "freeze", "check_every"], &mut errors);
    let function = |item: &ItemFn, errors: &mut Errors| capture::trace(item, options.traced, errors);
    expand(errors, item, "trace", function, |item, errors| {
        methods::expand(item, methods::Kind::Trace(options.traced), errors)
    })
}

/// Makes a struct of tensors, scalars, lists, tuples, options and other such structs an argument and a
/// result of annotated functions.
///
/// See `jit_runtime::Pytree`.
#[proc_macro_derive(Pytree)]
pub fn pytree(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let made = match syn::parse(item) {
        Ok(item) => pytree::derive(&item, &mut errors),
        Err(error) => return error.to_compile_error().into(),
    };
    errors.into_tokens().unwrap_or(made).into()
}

/// The item with the bodies of these functions left out, since rustc would report the same mistake in other words.
fn without_bodies(item: &Tokens, hidden: &std::collections::BTreeSet<String>) -> Tokens {
    struct Hide<'a>(&'a std::collections::BTreeSet<String>);
    impl Hide<'_> {
        fn hide(&self, name: &proc_macro2::Ident, body: &mut syn::Block) {
            if self.0.contains(&name.to_string()) {
                // The build has failed, so that this never runs; it only has to be of every type.
                *body = syn::parse_quote!({ ::core::unreachable!() });
            }
        }
    }
    impl VisitMut for Hide<'_> {
        fn visit_item_fn_mut(&mut self, item: &mut ItemFn) {
            self.hide(&item.sig.ident, &mut item.block);
        }
        fn visit_impl_item_fn_mut(&mut self, item: &mut syn::ImplItemFn) {
            self.hide(&item.sig.ident, &mut item.block);
        }
    }
    let Ok(mut shown) = syn::parse2::<Item>(item.clone()) else { return item.clone() };
    Hide(hidden).visit_item_mut(&mut shown);
    quote! { #shown }
}

/// Reads the item and reports all errors at once; with errors the original item is emitted, so that
/// editors keep working and nothing is reported twice.
fn expand(
    mut errors: Errors,
    item: Tokens,
    name: &str,
    function: impl FnOnce(&ItemFn, &mut Errors) -> Option<Tokens>,
    methods: impl FnOnce(&syn::ItemImpl, &mut Errors) -> Option<Tokens>,
) -> Tokens {
    let made = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Fn(item)) => function(&item, &mut errors),
        Ok(Item::Impl(item)) => methods(&item, &mut errors),
        // What is no Rust is left to rustc.
        Err(_) => None,
        Ok(_) => {
            errors.push(
                &item,
                Code::Signature,
                format!("`#[{name}]` stands on a function or an `impl` block"),
                "put it on a `fn` with a body; for methods, above their `impl`",
            );
            None
        }
    };
    let hidden = std::mem::take(&mut errors.hidden);
    match (made, errors.into_tokens()) {
        (Some(tokens), None) => tokens,
        (_, errors) if hidden.is_empty() => quote! { #errors #[allow(dead_code, unused)] #item },
        (_, errors) => {
            let shown = without_bodies(&item, &hidden);
            quote! { #errors #[allow(dead_code, unused)] #shown }
        }
    }
}
