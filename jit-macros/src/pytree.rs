//! `#[derive(Pytree)]`.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Data, DeriveInput, Fields, Index, Type};

use crate::diag::{Code, Errors};

/// The impls that make a struct an argument and a result.
pub(crate) fn derive(item: &DeriveInput, errors: &mut Errors) -> TokenStream {
    let Data::Struct(data) = &item.data else {
        errors.push(
            &item.ident,
            Code::Pytree,
            "only a struct can be a Pytree",
            "make a struct of the tensors, with an `Option` where one may be missing",
        );
        return TokenStream::new();
    };
    let members: Vec<TokenStream> = match &data.fields {
        Fields::Named(fields) => {
            fields.named.iter().filter_map(|f| f.ident.as_ref()).map(|n| quote! { #n }).collect()
        }
        Fields::Unnamed(fields) => (0..fields.unnamed.len())
            .map(|i| {
                let i = Index::from(i);
                quote! { #i }
            })
            .collect(),
        Fields::Unit => Vec::new(),
    };
    let types: Vec<&Type> = data.fields.iter().map(|f| &f.ty).collect();
    let names: Vec<String> = members.iter().map(TokenStream::to_string).collect();
    let name = &item.ident;
    let generics = bounded(&item.generics);
    let (impl_generics, ty_generics, clause) = generics.split_for_impl();
    let private = quote! { ::jit_runtime::__private };
    let values: Vec<Ident> = (0..members.len()).map(|i| format_ident!("field{i}")).collect();
    let construct = quote! { #name { #(#members: #values),* } };
    // A field that is no Pytree itself is handed through: which it is, method resolution decides.
    let probes: Vec<TokenStream> =
        types.iter().map(|ty| quote! { (&&#private::Probe::<#ty>(::core::marker::PhantomData)) }).collect();
    quote! {
        const _: () = {
            #[allow(unused_imports)]
            use #private::{FieldOfPytree as _, FieldOfOther as _};
            impl #impl_generics #private::Argument for #name #ty_generics #clause {
                type Traced = Self;
                const FLAT: bool = false;
                fn tree() -> #private::Tree {
                    #private::record(::std::vec![#((#names, #probes.tree())),*])
                }
                #[allow(unused_variables)]
                fn push_leaves<'jit>(&'jit self, out: &mut #private::Leaves<'jit>) {
                    #(#probes.push_leaves(&self.#members, out);)*
                }
                #[allow(unused_variables)]
                fn traced(&self, inputs: &mut #private::Inputs) -> Self {
                    #(let #values = #probes.traced(&self.#members, inputs);)*
                    #construct
                }
                #[allow(unused_variables)]
                fn rebuild(values: &mut #private::Outputs) -> Self {
                    <Self as #private::Returns>::restore(values)
                }
            }
            impl #impl_generics #private::Returns for #name #ty_generics #clause {
                const FLAT: bool = false;
                fn tree() -> #private::Tree {
                    <Self as #private::Argument>::tree()
                }
                #[allow(unused_variables)]
                fn restore(values: &mut #private::Outputs) -> Self {
                    #(let #values = #probes.restore(values);)*
                    #construct
                }
                #[allow(unused_variables)]
                fn collect(&self, out: &mut #private::Results) {
                    #(#probes.collect(&self.#members, out);)*
                }
            }
        };
    }
}

/// A type parameter without a bound has to be a Pytree, too.
fn bounded(generics: &syn::Generics) -> syn::Generics {
    let mut bounded = generics.clone();
    let named: Vec<String> = generics
        .where_clause
        .iter()
        .flat_map(|clause| &clause.predicates)
        .filter_map(|p| {
            if let syn::WherePredicate::Type(p) = p {
                Some(p.bounded_ty.to_token_stream().to_string())
            } else {
                None
            }
        })
        .collect();
    for param in bounded.type_params_mut() {
        if param.bounds.is_empty() && !named.contains(&param.ident.to_string()) {
            let own = param.ident.clone();
            param.bounds.push(syn::parse_quote!(::jit_runtime::__private::Argument<Traced = #own>));
            param.bounds.push(syn::parse_quote!(::jit_runtime::__private::Returns));
        }
    }
    bounded
}
