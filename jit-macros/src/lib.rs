//! The attributes of `jit-runtime`, which re-exports them; depend on that crate.
//!
//! `#[script]`: `syn` function → `signature` → `lower` → `emit`. The graph is built here, at
//! build time, and embedded as text.

mod diag;
mod emit;
#[cfg(test)]
mod fuzz;
mod lower;
mod signature;
mod types;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::ItemFn;

use diag::{Code, Errors};
use signature::Signature;

/// Captures the function's body as a graph, control flow included, at build time.
///
/// See the crate `jit-runtime`.
#[proc_macro_attribute]
pub fn script(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(options.into(), item.into(), "script", |item, errors| {
        let signature = Signature::read(item, errors);
        match lower::lower(&signature, &item.block) {
            Ok(captured) => Some(emit::script(item, &captured)),
            Err(more) => {
                errors.append(more);
                if !errors.any() {
                    errors.push(
                        &item.sig.ident,
                        Code::Internal,
                        "this function could not be captured",
                        "mend the type errors that rustc reports; if there are none, run it without the attribute",
                    );
                }
                None
            }
        }
    })
}

/// Runs the function as it is once, records what it does to its tensors, and replays that.
///
/// See the crate `jit-runtime`.
#[proc_macro_attribute]
pub fn trace(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(options.into(), item.into(), "trace", |item, errors| {
        signature::check_header(item, "a traced function", errors);
        Some(emit::trace(item))
    })
}

/// Reads the item and reports all errors at once; with errors the original item is emitted, so that
/// editors keep working and nothing is reported twice.
fn expand(
    options: Tokens,
    item: Tokens,
    name: &str,
    make: impl FnOnce(&ItemFn, &mut Errors) -> Option<Tokens>,
) -> TokenStream {
    let mut errors = Errors::default();
    if !options.is_empty() {
        errors.push(
            &options,
            Code::Option,
            format!("`#[{name}]` does not know this option"),
            format!("write `#[{name}]`"),
        );
    }
    let parsed: ItemFn = match syn::parse2(item.clone()) {
        Ok(parsed) => parsed,
        Err(_) => {
            errors.push(
                &item,
                Code::Signature,
                format!("`#[{name}]` stands on a function"),
                "put it on a `fn` with a body",
            );
            let errors = errors.into_tokens();
            return quote! { #errors #item }.into();
        }
    };
    let made = make(&parsed, &mut errors);
    match (made, errors.into_tokens()) {
        (Some(tokens), None) => tokens.into(),
        (_, errors) => quote! { #errors #[allow(dead_code, unused)] #item }.into(),
    }
}
