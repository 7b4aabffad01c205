//! `#[script] impl` and `#[trace] impl`: each function of the block is captured.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{FnArg, ImplItem, ItemFn, ItemImpl, ReceiverKind};

use crate::capture;
use crate::diag::{Code, Errors};
use crate::emit::{self, Owner};
use crate::lower::handle_method;
use crate::options::{Options, Traced};
use crate::signature;

/// What is done with the functions.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Script { fast: bool },
    Trace(Traced),
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Script { .. } => "script",
            Kind::Trace(_) => "trace",
        }
    }
}

/// The block with its functions replaced, and the items generated next to it.
pub(crate) fn expand(item: &ItemImpl, kind: Kind, errors: &mut Errors) -> Option<TokenStream> {
    if let Some((path, _)) = &item.trait_ {
        errors.push(
            path,
            Code::Signature,
            format!("`#[{}]` does not stand on the `impl` of a trait", kind.word()),
            "write the function in an `impl` of the type, and call it from the trait's",
        );
        return None;
    }
    let mut kept = item.clone();
    kept.items.clear();
    let mut beside = TokenStream::new();
    for member in &item.items {
        let ImplItem::Fn(function) = member else {
            kept.items.push(member.clone());
            continue;
        };
        let Some((inside, outside)) = method(item, function, kind, errors) else { continue };
        kept.items.push(ImplItem::Verbatim(inside));
        beside.extend(outside);
    }
    Some(quote! { #kept #beside })
}

fn method(
    block: &ItemImpl,
    function: &syn::ImplItemFn,
    kind: Kind,
    errors: &mut Errors,
) -> Option<(TokenStream, TokenStream)> {
    let mut header = function.sig.clone();
    let receiver = match header.inputs.first() {
        Some(FnArg::Receiver(receiver)) => {
            if matches!(receiver.kind, ReceiverKind::Reference(_, _, Some(_))) {
                errors.push(
                    receiver,
                    Code::Parameter,
                    "a captured method cannot change its receiver",
                    "take `&self`, and return the new value",
                );
                return None;
            }
            Some(receiver.clone())
        }
        _ => None,
    };
    let self_ty = &block.self_ty;
    if let Some(receiver) = &receiver {
        let typed: FnArg = if let ReceiverKind::Reference(..) = receiver.kind {
            syn::parse_quote!(self_: &#self_ty)
        } else {
            syn::parse_quote!(self_: #self_ty)
        };
        header.inputs[0] = typed;
    }
    let what = if let Kind::Script { .. } = kind { "a script" } else { "a traced function" };
    let plain_header = syn::parse2(without_self(header.to_token_stream(), &self_ty.to_token_stream()));
    signature::check_header(plain_header.as_ref().unwrap_or(&header), what, errors);
    if let Kind::Trace(_) = kind {
        signature::check_traced(&header, errors);
    }
    header.generics.params.extend(block.generics.params.iter().cloned());
    if let Some(clause) = &block.generics.where_clause {
        header.generics.make_where_clause().predicates.extend(clause.predicates.iter().cloned());
    }
    // The free function that the method would be.
    let item = ItemFn {
        attrs: function.attrs.clone(),
        vis: function.vis.clone(),
        sig: header,
        block: Box::new(function.block.clone()),
        modifiers: Default::default(),
    };
    let owner = Owner {
        name: format_ident!("jit_{}_{}", plain(self_ty), function.sig.ident),
        self_ty: self_ty.to_token_stream(),
        receiver: receiver.is_some(),
    };
    let mut check = TokenStream::new();
    let outside = match kind {
        Kind::Script { fast } => {
            let item = with_self(&item);
            let options = Options { fast, ..Options::default() };
            let texts = capture::texts(&item, &item.sig.generics, &options, errors);
            if errors.any() {
                return None;
            }
            if texts.failed {
                check = emit::uncaptured(&function.sig.ident, &texts);
            }
            emit::script_method(&renamed(&item, &owner), &texts, &owner)
        }
        Kind::Trace(_) if errors.any() => return None,
        Kind::Trace(options) => emit::trace_method(&renamed(&item, &owner), &owner, options),
    };
    Some((inside(function, &owner, kind, &check), outside))
}

/// The function with `self` in its pattern, as the lowering wants it.
fn with_self(item: &ItemFn) -> ItemFn {
    let mut item = item.clone();
    if let Some(FnArg::Typed(typed)) = item.sig.inputs.first_mut()
        && matches!(&*typed.pat, syn::Pat::Ident(p) if p.ident == "self_")
    {
        let ident = Ident::new("self", proc_macro2::Span::call_site());
        *typed.pat = syn::Pat::Ident(syn::PatIdent {
            attrs: vec![],
            by_ref: None,
            mutability: None,
            ident,
            subpat: None,
        });
    }
    item
}

/// The function for the emitted code: a first parameter that is not `self`, types without `Self`.
fn renamed(item: &ItemFn, owner: &Owner) -> ItemFn {
    let mut item = item.clone();
    if let Some(FnArg::Typed(typed)) = item.sig.inputs.first_mut()
        && matches!(&*typed.pat, syn::Pat::Ident(p) if p.ident == "self" || p.ident == "self_")
    {
        *typed.pat = syn::parse_quote!(jit_self);
    }
    let sig = without_self(item.sig.to_token_stream(), &owner.self_ty);
    if let Ok(sig) = syn::parse2(sig) {
        item.sig = sig;
    }
    item
}

/// Tokens with `Self` written out: as a type, or as the owner of what follows `::`.
pub(crate) fn without_self(tokens: TokenStream, self_ty: &TokenStream) -> TokenStream {
    let list: Vec<TokenTree> = tokens.into_iter().collect();
    let mut out = TokenStream::new();
    for (i, tree) in list.iter().enumerate() {
        match tree {
            TokenTree::Ident(ident) if ident == "Self" => {
                let owns = matches!(list.get(i + 1), Some(TokenTree::Punct(p)) if p.as_char() == ':');
                out.extend(if owns {
                    quote! { <#self_ty> }
                } else {
                    self_ty.clone()
                });
            }
            TokenTree::Group(g) => {
                let mut group = proc_macro2::Group::new(g.delimiter(), without_self(g.stream(), self_ty));
                group.set_span(g.span());
                out.extend([TokenTree::Group(group)]);
            }
            other => out.extend([other.clone()]),
        }
    }
    out
}

/// What stands in the block in place of the function.
fn inside(function: &syn::ImplItemFn, owner: &Owner, kind: Kind, check: &TokenStream) -> TokenStream {
    let (attrs, vis, sig, body) = (&function.attrs, &function.vis, &function.sig, &function.block);
    let (name, module) = (&sig.ident, &owner.name);
    let written = emit::as_written(name);
    let mut wrapper = sig.clone();
    let mut args = Vec::new();
    for (i, input) in wrapper.inputs.iter_mut().enumerate() {
        match input {
            FnArg::Receiver(receiver) => {
                receiver.mutability = None;
                args.push(quote! { self });
            }
            FnArg::Typed(typed) => {
                let name = match &*typed.pat {
                    syn::Pat::Ident(p) => p.ident.clone(),
                    _ => format_ident!("arg{i}"),
                };
                *typed.pat = syn::parse_quote!(#name);
                args.push(quote! { #name });
            }
        }
    }
    let mut original = sig.clone();
    original.ident = written;
    let call = format_ident!("call_{}", kind.word());
    let handle = format_ident!("{name}_{}", kind.word());
    let doc = format!("The handle of [`{name}`](Self::{name}): its graph, its plans, its numbers.");
    let linked = (owner.receiver && matches!(kind, Kind::Script { .. })).then(|| {
        let linked = handle_method(name);
        quote! {
            #[doc(hidden)]
            #vis fn #linked(&self) -> #module::Handle {
                #module::Handle
            }
        }
    });
    quote! {
        #(#attrs)*
        #[track_caller]
        #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
        #vis #wrapper {
            #check
            ::jit_runtime::__private::#call::<#module::Handle, _>((#(#args,)*))
        }

        #[doc = #doc]
        #vis fn #handle() -> #module::Handle {
            #module::Handle
        }

        #linked

        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, dead_code)]
        #original #body
    }
}

/// A type's name as part of an identifier.
fn plain(ty: &syn::Type) -> String {
    ty.to_token_stream().to_string().chars().filter(|c| c.is_alphanumeric() || *c == '_').collect()
}
