//! From a function to the tokens that stand for it.

use proc_macro2::TokenStream;
use syn::ItemFn;

use crate::diag::Errors;
use crate::emit::{self, Texts};
use crate::lower;
use crate::options::{Options, Traced};
use crate::signature::{self, Signature};
use crate::types::Generics;

/// More combinations of element types than these are not captured.
const MAX_INSTANCES: usize = 36;

/// A scripted function.
pub(crate) fn script(item: &ItemFn, options: &Options, errors: &mut Errors) -> Option<TokenStream> {
    signature::check_header(&item.sig, "a script", errors);
    if matches!(item.sig.inputs.first(), Some(syn::FnArg::Receiver(_))) {
        return None;
    }
    let texts = texts(item, &item.sig.generics, options, errors);
    (!errors.any()).then(|| emit::script(item, &texts, options))
}

/// A traced function.
pub(crate) fn trace(item: &ItemFn, options: Traced, errors: &mut Errors) -> Option<TokenStream> {
    signature::check_header(&item.sig, "a traced function", errors);
    signature::check_traced(&item.sig, errors);
    Some(emit::trace(item, options))
}

/// The graphs of a function: one for each choice of element types, and one that leaves them open.
/// Without messages they may be empty: then rustc has reported what is wrong.
pub(crate) fn texts(
    item: &ItemFn,
    generics: &syn::Generics,
    options: &Options,
    errors: &mut Errors,
) -> Texts {
    let params = signature::instances(generics, errors);
    signature::check_constrained(&item.sig, &params, errors);
    let mut choices = signature::choices(&params);
    choices.truncate(MAX_INSTANCES);
    let mut texts = Texts::default();
    texts.native = options.native;
    texts.copied = emit::copied(item);
    for choice in &choices {
        let mut found = Errors::default();
        let signature = Signature::read(item, choice, options, &mut found);
        match lower::lower(&signature, &item.block) {
            Ok(captured) => {
                texts.instances.push(captured.text);
                texts.links(captured.links);
            }
            Err(refused) => {
                texts.reason = texts.reason.or(refused.reason);
                found.append(refused.errors);
                texts.failed = true;
            }
        }
        if found.any() {
            // Another choice would say the same.
            errors.append(found);
            return texts;
        }
        if texts.failed {
            return texts;
        }
    }
    if params.is_empty() {
        texts.open = texts.instances.first().cloned();
        return texts;
    }
    let open: Generics = params.into_iter().map(|(name, _)| (name, None)).collect();
    let signature = Signature::read(item, &open, options, &mut Errors::default());
    let open = lower::lower(&signature, &item.block).ok().map(|c| c.text);
    texts.open = open.or(texts.instances.first().cloned());
    texts
}
