//! The header of an annotated function.

use std::collections::BTreeSet;

use jit_ir::DType;
use quote::ToTokens;
use syn::{FnArg, GenericParam, ItemFn, Pat, ReturnType, WherePredicate};

use crate::diag::{Code, Errors, source};
use crate::options::{Options, Shape};
use crate::types::{Declared, Generics};

/// What the lowering needs to know of the header.
pub(crate) struct Signature {
    pub(crate) name: String,
    pub(crate) params: Vec<(Pat, Declared)>,
    pub(crate) result: Declared,
    pub(crate) generics: Generics,
    /// Declared shapes of parameters.
    pub(crate) shapes: Vec<Shape>,
    /// Whether `fast_math` is set.
    pub(crate) fast: bool,
    /// Names that are written with type arguments somewhere in the function.
    pub(crate) with_parameters: BTreeSet<String>,
}

/// The names followed by a `<`, with or without `::`.
fn with_parameters(tokens: proc_macro2::TokenStream, out: &mut BTreeSet<String>) {
    use proc_macro2::TokenTree;
    let mut last = None;
    for token in tokens {
        match token {
            TokenTree::Ident(name) => last = Some(name.to_string()),
            TokenTree::Punct(p) if p.as_char() == ':' => {}
            TokenTree::Punct(p) if p.as_char() == '<' => out.extend(last.take()),
            TokenTree::Group(g) => with_parameters(g.stream(), out),
            _ => last = None,
        }
    }
}

/// Messages about forms that neither scripts nor traces take.
pub(crate) fn check_header(sig: &syn::Signature, what: &str, errors: &mut Errors) {
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
    for param in &sig.generics.params {
        if let GenericParam::Const(param) = param {
            refuse(param, "generic over a constant", "take the number as an argument of type `usize`");
        }
    }
    if let Some(FnArg::Receiver(receiver)) = sig.inputs.first() {
        let help = "write `#[script]` or `#[trace]` above the `impl` block";
        refuse(receiver, "a method in a plain `impl`", help);
    }
    if let Some(own) = names_self(sig.to_token_stream()) {
        let help = "write `#[script]` or `#[trace]` above the `impl` block";
        refuse(&own, "a function of a plain `impl`", help);
    }
    for input in &sig.inputs {
        if let FnArg::Typed(typed) = input
            && let syn::Type::ImplTrait(ty) = &*typed.ty
        {
            refuse(ty, "a function of `impl Trait`", "name the type, or a type parameter such as `T: Float`");
        }
    }
    if sig.inputs.len() > 12 {
        refuse(
            &sig.inputs,
            "a function of more than 12 parameters",
            "put some of them into a tuple or struct",
        );
    }
}

/// `Self` in a header, which only a function of an `impl` has.
fn names_self(tokens: proc_macro2::TokenStream) -> Option<proc_macro2::Ident> {
    tokens.into_iter().find_map(|tree| match tree {
        proc_macro2::TokenTree::Ident(ident) if ident == "Self" => Some(ident),
        proc_macro2::TokenTree::Group(g) => names_self(g.stream()),
        _ => None,
    })
}

/// The type parameters that stand for element types.
pub(crate) fn element_params(generics: &syn::Generics) -> Vec<proc_macro2::Ident> {
    let is_element = |param: &&syn::TypeParam| {
        bounds(generics, param).iter().any(|b| matches!(b.as_str(), "Float" | "Num" | "Elem"))
    };
    generics.type_params().filter(is_element).map(|p| p.ident.clone()).collect()
}

/// The names of a type parameter's bounds, inline and in `where`.
fn bounds(generics: &syn::Generics, param: &syn::TypeParam) -> Vec<String> {
    let mut all = names(&param.bounds);
    for predicate in generics.where_clause.iter().flat_map(|w| &w.predicates) {
        if let WherePredicate::Type(p) = predicate
            && param.ident == p.bounded_ty.to_token_stream().to_string()
        {
            all.extend(names(&p.bounds));
        }
    }
    all
}

/// The element types that each type parameter may stand for, by its bounds.
pub(crate) fn instances(generics: &syn::Generics, errors: &mut Errors) -> Vec<(String, Vec<DType>)> {
    let mut all = Vec::new();
    for param in generics.type_params() {
        let bounds = bounds(generics, param);
        let has = |name: &str| bounds.iter().any(|b| b == name);
        let float = [DType::F32, DType::F64];
        let num = [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8];
        let elem = [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8, DType::Bool];
        let dtypes: &[DType] = if has("Float") {
            &float
        } else if has("Num") {
            &num
        } else if has("Elem") {
            &elem
        } else {
            errors.push(
                param,
                Code::Signature,
                format!("the type parameter `{}` of a script stands for an element type", param.ident),
                format!("bound it: `{}: Float`, `Num` or `Elem`", param.ident),
            );
            &float
        };
        all.push((param.ident.to_string(), dtypes.to_vec()));
    }
    all
}

/// A type parameter is known from an argument.
pub(crate) fn check_constrained(sig: &syn::Signature, params: &[(String, Vec<DType>)], errors: &mut Errors) {
    struct Find<'a>(&'a str, bool);
    impl syn::visit::Visit<'_> for Find<'_> {
        fn visit_ident(&mut self, ident: &proc_macro2::Ident) {
            self.1 |= ident == self.0;
        }
    }
    for (name, _) in params {
        let mut find = Find(name, false);
        sig.inputs.iter().for_each(|input| syn::visit::Visit::visit_fn_arg(&mut find, input));
        if !find.1 {
            errors.push(
                &sig.ident,
                Code::Signature,
                format!("no parameter of this script tells what `{name}` is"),
                format!("take an argument with `{name}` in its type, such as `x: &Tensor<{name}>`"),
            );
        }
    }
}

fn names<P>(bounds: &syn::punctuated::Punctuated<syn::TypeParamBound, P>) -> Vec<String> {
    let name = |bound: &syn::TypeParamBound| match bound {
        syn::TypeParamBound::Trait(t) => t.path.segments.last().map(|s| s.ident.to_string()),
        _ => None,
    };
    bounds.iter().filter_map(name).collect()
}

/// Every choice of element types for the type parameters.
pub(crate) fn choices(params: &[(String, Vec<DType>)]) -> Vec<Generics> {
    let mut all = vec![Generics::new()];
    for (name, dtypes) in params {
        let grown = all.iter().flat_map(|g| {
            dtypes.iter().map(|d| {
                let mut g = g.clone();
                g.insert(name.clone(), Some(*d));
                g
            })
        });
        all = grown.collect();
    }
    all
}

impl Signature {
    /// Reads a script's header, for one choice of element types.
    pub(crate) fn read(
        item: &ItemFn,
        generics: &Generics,
        options: &Options,
        errors: &mut Errors,
    ) -> Signature {
        let sig = &item.sig;
        let mut params = Vec::new();
        for input in &sig.inputs {
            let FnArg::Typed(typed) = input else { continue };
            let declared = Declared::read(&typed.ty, generics).unwrap_or_else(|| {
                if !matches!(&*typed.ty, syn::Type::ImplTrait(_)) {
                    refuse_parameter(&typed.ty, errors);
                }
                Declared::Open
            });
            params.push(((*typed.pat).clone(), declared));
        }
        let result = match &sig.output {
            ReturnType::Default => Declared::Tuple(vec![]),
            ReturnType::Type(_, ty) => Declared::read(ty, generics).unwrap_or_else(|| {
                refuse_result(ty, errors);
                Declared::Open
            }),
        };
        if let (Declared::Result(_), ReturnType::Type(_, ty)) = (&result, &sig.output) {
            check_error_type(ty, errors);
        }
        let name = sig.ident.to_string();
        let (shapes, fast) = (options.shapes.clone(), options.fast);
        let mut named = BTreeSet::new();
        with_parameters(item.to_token_stream(), &mut named);
        let generics = generics.clone();
        Signature { name, params, result, generics, shapes, fast, with_parameters: named }
    }
}

fn refuse_parameter(ty: &syn::Type, errors: &mut Errors) {
    let (message, help) = match ty {
        syn::Type::Reference(r) if r.mutability.is_some() => (
            "a script cannot change its caller's values".to_string(),
            "take it by value, `mut x: Tensor`, and return the new value",
        ),
        _ => (
            format!("a script cannot take a `{}`", source(ty)),
            "take tensors, scalars (f32 f64 i32 i64 u8 usize bool), tuples, lists, `Option`s, or structs with `#[derive(Pytree)]`",
        ),
    };
    errors.push(ty, Code::Parameter, message, help);
}

/// Refuses the parameters that a recording cannot be for.
pub(crate) fn check_traced(sig: &syn::Signature, errors: &mut Errors) {
    struct Find<'a>(&'a mut Errors);
    impl syn::visit::Visit<'_> for Find<'_> {
        fn visit_type_reference(&mut self, r: &syn::TypeReference) {
            if r.mutability.is_some() {
                let message = "a traced function cannot change its caller's values";
                let help = "take it by value, `mut x: Tensor`, and return the new value";
                self.0.push(r, Code::Parameter, message, help);
            } else {
                syn::visit::visit_type_reference(self, r);
            }
        }
        fn visit_type_trait_object(&mut self, object: &syn::TypeTraitObject) {
            let message = format!("a traced function cannot tell one `{}` from another", source(object));
            let help = "capture it in a closure, `jit_runtime::trace(|x: &Tensor| ..)`, or take a struct with \
                        `#[derive(Pytree)]`";
            self.0.push(object, Code::Parameter, message, help);
        }
    }
    sig.inputs.iter().for_each(|input| syn::visit::Visit::visit_fn_arg(&mut Find(errors), input));
}

fn refuse_result(ty: &syn::Type, errors: &mut Errors) {
    errors.push(
        ty,
        Code::Result,
        format!("a script cannot return a `{}`", source(ty)),
        "return tensors, scalars (f32 f64 i32 i64 u8 usize bool), tuples, lists, structs with `#[derive(Pytree)]`, or a `Result` of one",
    );
}

/// A script's error is the library's.
fn check_error_type(ty: &syn::Type, errors: &mut Errors) {
    let syn::Type::Path(p) = ty else { return };
    let Some(syn::PathArguments::AngleBracketed(a)) = p.path.segments.last().map(|s| &s.arguments) else {
        return;
    };
    let Some(error) = a.args.iter().nth(1) else { return };
    if !error.to_token_stream().to_string().ends_with("Error") {
        errors.push(
            error,
            Code::Result,
            "the error of a script is `jit_runtime::Error`",
            "write `Result<Tensor>`, and `Err(Error::msg(\"..\"))` for an error of your own",
        );
    }
}
