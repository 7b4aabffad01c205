//! The types that a script's source declares.

use std::collections::HashMap;

use jit_ir::{DType, Type};

/// What the type parameters of a generic script stand for: an element type, or none that is known.
pub(crate) type Generics = HashMap<String, Option<DType>>;

/// A declared type: of a parameter, a result, a `let`.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Declared {
    Scalar(DType),
    Tensor(DType),
    Tuple(Vec<Declared>),
    /// So many elements.
    Array(Box<Declared>, usize),
    List(Box<Declared>),
    Option(Box<Declared>),
    /// `Result<T>`: errors end the run, so that the value is a `T`.
    Result(Box<Declared>),
    /// `_`, a struct, a type alias: known at linking.
    Open,
}

/// Types that no script takes; other names are structs or aliases, which rustc knows.
pub(crate) const FOREIGN: &[&str] = &[
    "str", "String", "char", "i8", "i16", "i128", "isize", "u16", "u32", "u64", "u128", "f16", "f128", "Box",
    "Rc", "Arc", "RefCell", "Cell", "Mutex", "HashMap", "HashSet", "BTreeMap", "BTreeSet", "VecDeque", "Cow",
    "Path", "PathBuf", "Instant", "Duration",
];

/// An array of more elements is taken apart when it is linked.
pub(crate) const MAX_ARRAY: usize = 64;

impl Declared {
    /// Reads a type; `None` for one that scripts do not know.
    pub(crate) fn read(ty: &syn::Type, generics: &Generics) -> Option<Declared> {
        let read = |ty: &syn::Type| Declared::read(ty, generics);
        match ty {
            syn::Type::Reference(r) if r.mutability.is_none() => read(&r.elem),
            syn::Type::Paren(p) => read(&p.elem),
            syn::Type::Group(g) => read(&g.elem),
            syn::Type::Tuple(t) => Some(Declared::Tuple(t.elems.iter().map(read).collect::<Option<_>>()?)),
            syn::Type::Slice(s) => read(&s.elem).map(|e| Declared::List(Box::new(e))),
            syn::Type::Array(a) => {
                let element = read(&a.elem)?;
                let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(n), .. }) = &a.len else {
                    return Some(Declared::Open);
                };
                let count = n.base10_parse().ok().filter(|n| *n <= MAX_ARRAY);
                Some(count.map_or(Declared::Open, |n| Declared::Array(Box::new(element), n)))
            }
            syn::Type::Infer(_) => Some(Declared::Open),
            syn::Type::Path(p) if p.qself.is_none() => {
                let last = p.path.segments.last()?;
                let name = last.ident.to_string();
                match name.as_str() {
                    "Tensor" => return tensor(&last.arguments, generics),
                    // A key of random numbers is a rank-0 tensor in a graph.
                    "Key" => return Some(Declared::Tensor(DType::I64)),
                    "Vec" => return Some(Declared::List(Box::new(read(argument(&last.arguments)?)?))),
                    "Option" => return Some(Declared::Option(Box::new(read(argument(&last.arguments)?)?))),
                    "Result" => return Some(Declared::Result(Box::new(read(argument(&last.arguments)?)?))),
                    _ => {}
                }
                if let Some(stands_for) = generics.get(&name) {
                    return Some(stands_for.map_or(Declared::Open, Declared::Scalar));
                }
                if let Ok(dtype) = name.parse() {
                    return Some(Declared::Scalar(dtype));
                }
                (!FOREIGN.contains(&name.as_str())).then_some(Declared::Open)
            }
            _ => None,
        }
    }

    /// As a graph's type.
    pub(crate) fn ty(&self) -> Type {
        match self {
            Declared::Scalar(d) => Type::Scalar(*d),
            Declared::Tensor(d) => Type::tensor(*d),
            Declared::Tuple(parts) => Type::Tuple(parts.iter().map(Declared::ty).collect()),
            Declared::Array(element, n) => Type::Tuple(vec![element.ty(); *n]),
            Declared::List(element) => Type::List(Box::new(element.ty())),
            Declared::Option(inner) => Type::Option(Box::new(inner.ty())),
            Declared::Result(inner) => inner.ty(),
            Declared::Open => Type::Hole,
        }
    }

    /// The value behind a `Result`.
    pub(crate) fn value(&self) -> &Declared {
        if let Declared::Result(inner) = self { inner } else { self }
    }
}

fn tensor(arguments: &syn::PathArguments, generics: &Generics) -> Option<Declared> {
    element(arguments, generics).map(|d| d.map_or(Declared::Open, Declared::Tensor))
}

/// The first type between angle brackets.
fn argument(arguments: &syn::PathArguments) -> Option<&syn::Type> {
    let syn::PathArguments::AngleBracketed(a) = arguments else { return None };
    a.args.iter().find_map(|a| if let syn::GenericArgument::Type(ty) = a { Some(ty) } else { None })
}

/// The `T` of `Tensor<T>`; `f32` if it is not written, `Some(None)` for an open type parameter.
pub(crate) fn element(arguments: &syn::PathArguments, generics: &Generics) -> Option<Option<DType>> {
    match arguments {
        syn::PathArguments::None => Some(Some(DType::F32)),
        syn::PathArguments::AngleBracketed(a) if a.args.len() == 1 => match argument(arguments)? {
            syn::Type::Infer(_) => Some(None),
            syn::Type::Path(p) => {
                let name = p.path.get_ident()?.to_string();
                if let Some(stands_for) = generics.get(&name) {
                    return Some(*stands_for);
                }
                // An alias, which rustc knows.
                let Ok(dtype) = name.parse::<DType>() else { return Some(None) };
                (dtype != DType::Usize).then_some(Some(dtype))
            }
            _ => Some(None),
        },
        _ => None,
    }
}
