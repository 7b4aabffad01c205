//! The functions of a companion module that take the user's arguments.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::PRIVATE;

/// What an entry gives.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    Output,
    Fallible,
    Checked,
    Compiled,
}

/// How an entry hands the arguments on.
#[derive(Clone, Copy)]
pub(super) enum Given {
    Tuple,
    Reference,
    WithCompiled,
}

/// A function of the module.
pub(super) struct Entry {
    doc: &'static str,
    name: Ident,
    /// Whether the arguments are needed twice.
    cloned: bool,
    bound: Ident,
    result: Gives,
    call: Ident,
    given: Given,
}

impl Entry {
    pub(super) fn new(doc: &'static str, name: &str, call: &str, bound: &str, result: Gives) -> Entry {
        let [name, call, bound] = [name, call, bound].map(|n| format_ident!("{n}"));
        Entry { doc, name, cloned: false, bound, result, call, given: Given::Tuple }
    }

    pub(super) fn cloned(self) -> Entry {
        Entry { cloned: true, ..self }
    }

    pub(super) fn given(self, given: Given) -> Entry {
        Entry { given, ..self }
    }

    /// The function for `n` arguments. The module cannot see the user's types, so that it is generic, and the
    /// handle's one impl says what they are.
    pub(super) fn tokens(&self, n: usize, method: bool) -> TokenStream {
        let params: Vec<Ident> = (0..n).map(|i| format_ident!("A{i}")).collect();
        let args: Vec<Ident> = (0..n).map(|i| format_ident!("a{i}")).collect();
        let Entry { doc, name, cloned, bound, result, call, given } = self;
        let bounds = if *cloned {
            quote! { : ::core::clone::Clone }
        } else {
            quote! {}
        };
        let tuple = quote! { (#(#params,)*) };
        let compiled = matches!(result, Gives::Compiled);
        let result = match result {
            Gives::Output => quote! { <Handle as #PRIVATE::CallWith<#tuple>>::Given },
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
        let called = if compiled {
            quote! { Compiled(#called) }
        } else {
            called
        };
        let receiver = method.then(|| quote! { &self, });
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
}
