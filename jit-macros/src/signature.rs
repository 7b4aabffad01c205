//! The header of an annotated function.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{FnArg, ItemFn, Pat, ReturnType};

use crate::diag::{Code, Errors, source};
use crate::types::Declared;

/// What the lowering needs to know of the header.
pub(crate) struct Signature {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) params: Vec<(Pat, Declared)>,
    pub(crate) result: Declared,
}

/// Messages about forms that neither scripts nor traces take.
pub(crate) fn check_header(item: &ItemFn, what: &str, errors: &mut Errors) {
    let sig = &item.sig;
    let mut refuse = |at: &dyn crate::diag::ToTokensDyn, form: &str, help: &str| {
        errors.push_dyn(at, Code::Signature, &format!("{what} cannot be {form}"), help);
    };
    if let Some(token) = &sig.asyncness {
        refuse(token, "async", "await outside and pass the value as an argument");
    }
    if let Some(token) = &sig.constness {
        refuse(token, "const", "remove `const`");
    }
    if let Some(token) = &sig.abi {
        refuse(token, "extern", "remove the ABI");
    }
    if sig.safety.to_token_stream().to_string() == "unsafe" {
        refuse(&sig.safety, "unsafe", "remove `unsafe`");
    }
    if !sig.generics.params.is_empty() {
        refuse(
            &sig.generics.params,
            "generic yet",
            "write the function for one element type, such as `Tensor<f32>`",
        );
    }
    if let Some(FnArg::Receiver(receiver)) = sig.inputs.first() {
        refuse(receiver, "a method yet", "write a free function that takes the tensors as arguments");
    }
    if sig.inputs.len() > 12 {
        refuse(&sig.inputs, "a function of more than 12 parameters", "put some of them into a tuple");
    }
}

impl Signature {
    /// Reads a script's header.
    pub(crate) fn read(item: &ItemFn, errors: &mut Errors) -> Signature {
        check_header(item, "a script", errors);
        let sig = &item.sig;
        let mut params = Vec::new();
        for input in &sig.inputs {
            let FnArg::Typed(typed) = input else { continue };
            match Declared::read(&typed.ty) {
                Some(declared) => params.push(((*typed.pat).clone(), declared)),
                None => {
                    let ty = source(&typed.ty);
                    errors.push(
                        &typed.ty,
                        Code::Parameter,
                        format!("a script cannot take a `{ty}`"),
                        "take `&Tensor`, `Tensor`, one of f32 f64 i32 i64 u8 usize bool, or a tuple of these",
                    );
                    params.push(((*typed.pat).clone(), Declared::Open));
                }
            }
        }
        let result = match &sig.output {
            ReturnType::Default => Declared::Tuple(vec![]),
            ReturnType::Type(_, ty) => Declared::read(ty).unwrap_or_else(|| {
                let text = source(ty);
                errors.push(
                    ty,
                    Code::Result,
                    format!("a script cannot return a `{text}`"),
                    "return `Tensor`, one of f32 f64 i32 i64 u8 usize bool, or a tuple of these",
                );
                Declared::Open
            }),
        };
        Signature { name: sig.ident.to_string(), span: sig.ident.span(), params, result }
    }
}
