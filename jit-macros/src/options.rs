//! What stands between the brackets of an attribute.

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Ident, LitInt, Token};

use crate::diag::{Code, Errors, similar};

/// A declared size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Size {
    Number(usize),
    /// The same name is the same size everywhere.
    Name(String),
    /// Any.
    Open,
}

/// The declared shape of a parameter.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) param: Ident,
    /// Whether further axes may stand before those declared.
    pub(crate) leading: bool,
    pub(crate) sizes: Vec<Size>,
    /// As the user writes it.
    pub(crate) text: String,
}

/// The options of `#[script]` and `#[trace]`.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) shapes: Vec<Shape>,
    /// Native kernels in builds that are not optimised, too.
    pub(crate) native: bool,
    /// Whether ops may be contracted and reassociated.
    pub(crate) fast: bool,
    /// What a traced function does with the values that its body looks at.
    pub(crate) traced: Traced,
}

/// The options of `#[trace]`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Traced {
    /// Looking at a value is an error.
    pub(crate) strict: bool,
    /// The path taken first is kept.
    pub(crate) freeze: bool,
    /// After how many replays body and plan are compared again; 0 for never.
    pub(crate) check_every: u64,
}

impl Parse for Shape {
    fn parse(input: ParseStream<'_>) -> syn::Result<Shape> {
        let param: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        let content;
        syn::bracketed!(content in input);
        let leading = content.peek(Token![..]);
        if leading {
            content.parse::<Token![..]>()?;
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        let sizes = Punctuated::<Size, Token![,]>::parse_terminated(&content)?.into_iter().collect();
        let mut shape = Shape { param, leading, sizes, text: String::new() };
        shape.text = shape.written();
        Ok(shape)
    }
}

impl Shape {
    fn written(&self) -> String {
        let size = |s: &Size| match s {
            Size::Number(n) => n.to_string(),
            Size::Name(name) => name.clone(),
            Size::Open => "_".into(),
        };
        let mut parts: Vec<String> = self.leading.then(|| "..".to_string()).into_iter().collect();
        parts.extend(self.sizes.iter().map(size));
        format!("[{}]", parts.join(", "))
    }
}

impl Parse for Size {
    fn parse(input: ParseStream<'_>) -> syn::Result<Size> {
        if input.peek(LitInt) {
            return Ok(Size::Number(input.parse::<LitInt>()?.base10_parse()?));
        }
        if input.peek(Token![_]) {
            input.parse::<Token![_]>()?;
            return Ok(Size::Open);
        }
        Ok(Size::Name(input.parse::<Ident>()?.to_string()))
    }
}

impl Options {
    /// Reads the options of an attribute that knows those of `known`.
    pub(crate) fn read(tokens: &TokenStream, name: &str, known: &[&str], errors: &mut Errors) -> Options {
        let mut options = Options::default();
        let parser = Punctuated::<syn::Meta, Token![,]>::parse_terminated;
        let Ok(list) = parser.parse2(tokens.clone()) else {
            errors.push(
                tokens,
                Code::Option,
                format!("the options of `#[{name}]` cannot be read"),
                help(name, known),
            );
            return options;
        };
        for meta in list {
            let word = meta.path().get_ident().map(Ident::to_string).unwrap_or_default();
            match (&meta, word.as_str()) {
                (syn::Meta::List(list), "shape") if known.contains(&"shape") => {
                    let parser = Punctuated::<Shape, Token![,]>::parse_terminated;
                    match parser.parse2(list.tokens.clone()) {
                        Ok(shapes) => options.shapes.extend(shapes),
                        Err(_) => errors.push(
                            &list.tokens,
                            Code::Option,
                            "these shapes cannot be read",
                            "write `shape(x = [n, 784], w = [784, m])`: names, numbers, `_`, and `..` for leading axes",
                        ),
                    }
                }
                (syn::Meta::Path(_), "native") if known.contains(&"native") => options.native = true,
                (syn::Meta::Path(_), "strict") if known.contains(&"strict") => options.traced.strict = true,
                (syn::Meta::Path(_), "freeze") if known.contains(&"freeze") => options.traced.freeze = true,
                (syn::Meta::NameValue(pair), "check_every") if known.contains(&"check_every") => {
                    match times(&pair.value) {
                        Some(n) => options.traced.check_every = n,
                        None => errors.push(
                            &pair.value,
                            Code::Option,
                            "`check_every` takes a number of calls",
                            "write `check_every = 100`",
                        ),
                    }
                }
                (syn::Meta::Path(_), "fast_math") if known.contains(&"fast_math") => options.fast = true,
                _ => {
                    let help = match similar(&word, known.iter().copied()) {
                        Some(other) => format!("did you mean `{other}`?"),
                        None => help(name, known),
                    };
                    errors.push(&meta, Code::Option, format!("`#[{name}]` does not know this option"), help);
                }
            }
        }
        options
    }
}

/// A literal number above 0.
fn times(value: &syn::Expr) -> Option<u64> {
    match value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(n), .. }) => {
            n.base10_parse().ok().filter(|n| *n > 0)
        }
        _ => None,
    }
}

fn help(name: &str, known: &[&str]) -> String {
    let example = if known.contains(&"shape") { "shape(x = [n, 3])" } else { "strict" };
    format!("write `#[{name}]`, or `#[{name}({example})]`")
}
