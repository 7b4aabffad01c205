//! Names that linking resolves: constants, functions and methods of the user's.

use jit_ir::link::METHOD;
use jit_ir::ops::{Attrs, composite, host, methods};
use jit_ir::unify::Ty;
use jit_ir::{Op, ValueId};
use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

use super::literal::scalar_literal;
use super::unknown::no_script;
use super::{Item, Link, Lowered, Lowerer};
use crate::diag::{Code, Reason};

/// Whether a name is written as constants are.
pub(crate) fn is_constant(name: &str) -> bool {
    name.chars().any(|c| c.is_ascii_uppercase()) && !name.chars().any(|c| c.is_ascii_lowercase())
}

/// The hidden method that gives a method's handle.
pub(crate) fn handle_method(name: &impl std::fmt::Display) -> proc_macro2::Ident {
    format_ident!("{name}_must_stand_in_a_script_impl")
}

/// An expression for a method's handle. Where there is none, a trait gives a stand-in, which is refused once nothing else is
/// wrong: a misspelt name is reported by rustc alone. References do not have the trait, since method resolution would find
/// it on a reference before it looks at what is behind.
fn found_or_missing(
    place: &TokenStream,
    handle: &proc_macro2::Ident,
    method: &proc_macro2::Ident,
) -> TokenStream {
    let (code, what, help) = no_script(&method.to_string());
    let message = Reason::known(method.span(), code, what, help).message(method);
    let at = method.span();
    // The receiver is evaluated outside of the trait's scope: it may itself declare a trait with a method of that name.
    quote_spanned! { at =>
        match &(#place) { jit_receiver => {
            #[allow(dead_code)]
            struct Missing<T>(::core::marker::PhantomData<T>);
            #[allow(dead_code)]
            impl<T> Missing<T> {
                const CHECK: () = ::jit_runtime::__private::refuse(#message);
            }
            impl<T> ::jit_runtime::__private::Callable for Missing<T> {
                fn callee() -> ::jit_runtime::__private::Callee {
                    let () = Missing::<T>::CHECK;
                    ::core::unreachable!()
                }
            }
            #[allow(dead_code)]
            trait OrMissing {
                fn #handle(&self) -> Missing<()> {
                    Missing(::core::marker::PhantomData)
                }
            }
            impl<T: ::jit_runtime::__private::Returns> OrMissing for T {}
            jit_receiver.#handle()
        } }
    }
}

/// Whether a function is the constructor of a tuple struct: a name in capitals and small letters, in a module or by itself.
fn is_tuple_struct(function: &Expr) -> bool {
    let Expr::Path(p) = function else { return false };
    let upper = |s: &syn::PathSegment| s.ident.to_string().starts_with(|c: char| c.is_ascii_uppercase());
    let names: Vec<&syn::PathSegment> = p.path.segments.iter().collect();
    match names[..] {
        [name] => upper(name) && !matches!(name.ident.to_string().as_str(), "Ok" | "Err" | "Some"),
        [.., module, name] => upper(name) && !upper(module),
        [] => false,
    }
}

/// Whether tensors, numbers or lists have a method of that name.
fn is_of_the_table(name: &str) -> bool {
    methods::find(name).is_some()
        || composite::find(name).is_some()
        || methods::find_scalar(name).is_some()
        || host::FUNCTIONS.iter().any(|(known, _)| *known == name)
        || matches!(
            name,
            "powi" | "pow" | "push" | "clear" | "is_empty" | "split" | "split_sizes" | "topk" | "shape"
        )
}

/// Whether rustc finds the type of a place: no argument of a function in it was left out, from which a generic function's type
/// follows. Methods of the op table, which are generic, are asked for by their handles.
fn is_inferred(place: &TokenStream) -> bool {
    use proc_macro2::{Delimiter, TokenTree};
    let tokens: Vec<TokenTree> = place.clone().into_iter().collect();
    let left_out = |g: &proc_macro2::Group| {
        g.stream().into_iter().any(|t| matches!(t, TokenTree::Ident(name) if name == "unreachable"))
    };
    tokens.iter().enumerate().all(|(i, token)| match token {
        TokenTree::Group(g) => {
            let before = |n: usize| i.checked_sub(n).map(|i| &tokens[i]);
            let called =
                g.delimiter() == Delimiter::Parenthesis && matches!(before(1), Some(TokenTree::Ident(_)));
            let method = matches!(before(2), Some(TokenTree::Punct(p)) if p.as_char() == '.');
            is_inferred(&g.stream()) && !(called && !method && left_out(g))
        }
        _ => true,
    })
}

impl Lowerer<'_> {
    fn linked(&mut self, name: &str, link: Link) {
        if !self.links.iter().any(|(n, _)| n == name) {
            self.links.push((name.to_string(), link));
        }
    }

    /// A constant that rustc knows and the macro does not.
    pub(super) fn named_constant(&mut self, path: &syn::Path) -> ValueId {
        let name = path.to_token_stream().to_string().replace(' ', "");
        self.constant_of(name, path.to_token_stream(), Ty::Hole)
    }

    pub(super) fn constant_of(&mut self, name: String, value: TokenStream, ty: Ty) -> ValueId {
        self.linked(&name, Link::Constant(value));
        let attrs = Attrs { text: Some(name), ..Attrs::default() };
        self.node(Op::Named, vec![], attrs, ty, None)
    }

    /// Says that two values are of one type, for what linking has to find out: the types of parts, results, literals.
    pub(super) fn alike(&mut self, a: &Item, b: &Item) {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        a.leaves(&mut x);
        b.leaves(&mut y);
        if !a.same_structure(b) || a == b {
            return;
        }
        for (x, y) in x.into_iter().zip(y) {
            self.graph.push(self.region, Op::Alike, vec![x, y], Attrs::default(), vec![], None);
        }
    }

    /// Whether a struct may have type parameters, which its name alone does not tell: the function names some with it.
    pub(super) fn is_generic_struct(&self, path: &impl ToTokens) -> bool {
        let name = path.to_token_stream().into_iter().filter(|t| matches!(t, TokenTree::Ident(_))).last();
        let name = name.map(|t| t.to_string()).unwrap_or_default();
        !self.signature.generics.is_empty() || self.signature.with_parameters.contains(&name)
    }

    /// A struct literal: the names of its fields, and if it may be asked of rustc its type.
    pub(super) fn record(
        &mut self,
        names: &[String],
        operands: Vec<ValueId>,
        place: Option<TokenStream>,
        at: proc_macro2::Span,
    ) -> ValueId {
        let mut text = names.join(" ");
        if let Some(place) = place {
            text = format!("{text} :{}", self.structure(place));
        }
        let attrs = Attrs { text: Some(text), ..Attrs::default() };
        self.node(Op::Record, operands, attrs, Ty::Hole, Some(at))
    }

    /// A name for the type of an expression.
    fn structure(&mut self, place: TokenStream) -> String {
        let name = format!("typeof{}", self.links.len());
        self.links.push((name.clone(), Link::Structure(place)));
        name
    }

    /// Says that a value is of the type of an expression, which rustc knows.
    pub(super) fn typed_as(&mut self, value: ValueId, place: TokenStream) {
        let name = self.structure(place);
        let attrs = Attrs { text: Some(name), ..Attrs::default() };
        self.graph.push(self.region, Op::Alike, vec![value], attrs, vec![], None);
    }

    /// A call of another function. Each argument is one value.
    pub(super) fn call_linked(
        &mut self,
        name: String,
        link: Link,
        args: Vec<Item>,
        at: proc_macro2::Span,
    ) -> Lowered {
        let mut operands = Vec::new();
        for item in args {
            operands.push(self.packed(item));
        }
        self.linked(&name, link);
        let attrs = Attrs { text: Some(name), ..Attrs::default() };
        Ok(Item::Value(self.node(Op::Call, operands, attrs, Ty::Hole, Some(at))))
    }

    /// A method of the user's, `self.encoder.forward(x)`.
    pub(super) fn user_method(&mut self, e: &syn::ExprMethodCall, receiver: Item) -> Lowered {
        let args: Vec<Lowered> = e.args.iter().map(|a| self.expr(a)).collect();
        let Some(place) = self.place_of(&e.receiver) else {
            let (code, what, help) = no_script(&e.method.to_string());
            if code == Code::Method {
                return self.after_rustc(e.method.span(), code, what, help);
            }
            let help = "name it where it is bound: `let layer: Layer = ..;`, `let all: Vec<Layer> = vec![];`";
            let what = "the type of this value is not known to the script";
            return self.after_rustc(e.receiver.span(), Code::OpenType, what, help);
        };
        let mut items = vec![receiver];
        for arg in args {
            items.push(arg?);
        }
        let method = handle_method(&e.method);
        let mut handle = format_ident!("{method}");
        handle.set_span(e.method.span());
        let name = format!("{}.{}", place.to_string().replace(' ', ""), e.method);
        let found = found_or_missing(&place, &handle, &e.method);
        self.call_linked(name, Link::Method(found), items, e.span())
    }

    /// An expression with the type of another one, in terms of the function's parameters.
    pub(super) fn place_of(&self, expr: &Expr) -> Option<TokenStream> {
        match expr {
            Expr::Path(p) => self.places.get(&self.find(&p.path.get_ident()?.to_string())?).cloned(),
            Expr::Paren(p) => self.place_of(&p.expr),
            Expr::Group(p) => self.place_of(&p.expr),
            Expr::Reference(r) => self.place_of(&r.expr),
            Expr::Unary(u) if matches!(u.op, syn::UnOp::Deref(_)) => self.place_of(&u.expr),
            Expr::Field(f) => {
                let (base, member) = (self.place_of(&f.base)?, &f.member);
                Some(quote! { (#base).#member })
            }
            Expr::Index(i) => {
                let base = self.place_of(&i.expr)?;
                Some(quote! { (#base)[0] })
            }
            Expr::MethodCall(_) | Expr::Call(_) | Expr::Try(_) => self.place_of_call(expr),
            Expr::Loop(e) => self.value_places.get(&std::ptr::from_ref(&e.body).addr()).cloned(),
            Expr::Array(a) => {
                let first = self.place_of(a.elems.first()?)?;
                Some(quote! { [&(#first)] })
            }
            Expr::Repeat(r) => {
                let value = self.place_of(&r.expr)?;
                Some(quote! { [&(#value)] })
            }
            Expr::Struct(s) => {
                let path = &s.path;
                Some(quote! { { let jit_value: #path = ::core::unreachable!(); jit_value } })
            }
            Expr::Tuple(t) => {
                let parts = t.elems.iter().map(|e| self.place_of(e)).collect::<Option<Vec<_>>>()?;
                Some(quote! { (#(&(#parts),)*) })
            }
            // One of several values of one type: of the first whose type is known.
            Expr::If(e) => {
                let other = e.else_branch.as_ref().map(|(_, other)| &**other);
                self.place_of_block(&e.then_branch).or_else(|| self.place_of(other?))
            }
            Expr::Match(e) => {
                let known = |body: &Expr| self.value_place(body).or_else(|| self.place_of(body));
                e.arms.iter().find_map(|arm| known(&arm.body))
            }
            Expr::Block(e) => self.place_of_block(&e.block),
            Expr::Macro(m) if m.mac.path.is_ident("vec") => {
                if let Ok(repeat) = super::list::repeated(&m.mac) {
                    let value = self.place_of(&repeat.expr)?;
                    return Some(quote! { ::std::vec![(#value).clone()] });
                }
                let parser = syn::punctuated::Punctuated::<Expr, syn::Token![,]>::parse_terminated;
                let elements = syn::parse::Parser::parse2(parser, m.mac.tokens.clone()).ok()?;
                let first = self.place_of(elements.first()?)?;
                Some(quote! { ::std::vec![(#first).clone()] })
            }
            _ => None,
        }
    }

    /// As [`Lowerer::place_of`], of what a call gives.
    fn place_of_call(&self, expr: &Expr) -> Option<TokenStream> {
        match expr {
            Expr::MethodCall(m) if m.args.is_empty() && m.method == "as_ref" => self.place_of(&m.receiver),
            // A method of the user's, or one of the op table, which gives nothing with methods of the user's.
            Expr::MethodCall(m) if is_of_the_table(&m.method.to_string()) => {
                let (receiver, handle) = (self.place_of(&m.receiver)?, handle_method(&m.method));
                let handle = format_ident!("{}", handle);
                Some(quote! {
                    match &(#receiver) { jit_receiver => {
                        #[allow(dead_code)]
                        trait OrNone {
                            fn #handle(&self) -> ::jit_runtime::__private::NoMethod {
                                ::jit_runtime::__private::NoMethod
                            }
                        }
                        impl<T: ::jit_runtime::__private::Returns> OrNone for T {}
                        ::jit_runtime::__private::Gives::given(jit_receiver.#handle())
                    } }
                })
            }
            Expr::MethodCall(m) => {
                let (receiver, method) = (self.place_of(&m.receiver)?, &m.method);
                let args = m.args.iter().map(|arg| self.argument_place(arg));
                Some(quote! { (#receiver).#method(#(#args),*) })
            }
            Expr::Call(c) if matches!(&*c.func, Expr::Path(p) if p.path.is_ident("Some")) => {
                let inner = self.place_of(c.args.first()?)?;
                Some(quote! { ::core::option::Option::Some(&(#inner)) })
            }
            Expr::Call(c) if is_tuple_struct(&c.func) => {
                let path = &c.func;
                Some(quote! { { let jit_value: #path = ::core::unreachable!(); jit_value } })
            }
            Expr::Call(c) => {
                let Expr::Path(path) = &*c.func else { return None };
                let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
                let (name, owners) = segments.split_last()?;
                // What these make is of a type that follows from its uses.
                let open = owners.last().is_some_and(|owner| owner == "Vec" || owner == "Tensor");
                let known = !open && (!owners.is_empty() || self.links.iter().any(|(n, _)| n == name));
                let args = c.args.iter().map(|arg| self.argument_place(arg));
                known.then(|| quote! { #path(#(#args),*) })
            }
            // A handle's value is that behind the `Result`.
            Expr::Try(t) if matches!(&*t.expr, Expr::MethodCall(m) if is_of_the_table(&m.method.to_string())) => {
                self.place_of(&t.expr)
            }
            Expr::Try(t) => {
                let inner = self.place_of(&t.expr)?;
                Some(quote! { (#inner).unwrap() })
            }
            _ => None,
        }
    }

    /// An argument of a call in a place: an expression of its type, or else one that never comes back and so is of any type.
    fn argument_place(&self, expr: &Expr) -> TokenStream {
        let place = match expr {
            _ if scalar_literal(expr).is_some() => Some(quote! { #expr }),
            // A reference to a reference is one where a reference is asked for.
            Expr::Reference(r) => self.place_of(&r.expr).map(|place| quote! { &(#place) }),
            other => self.scalar_place(other).or_else(|| {
                // A parameter is of just its type; of others it is not known whether they are references.
                self.place_of(other).filter(|place| place.clone().into_iter().count() == 1)
            }),
        };
        place.unwrap_or_else(|| quote! { ::core::unreachable!() })
    }

    /// An expression of a variable's type, if that is a known host scalar.
    fn scalar_place(&self, expr: &Expr) -> Option<TokenStream> {
        let Expr::Path(p) = expr else { return None };
        let var = self.find(&p.path.get_ident()?.to_string())?;
        let Some(Item::Value(value)) = self.env.get(var)?.as_ref() else { return None };
        let Ty::Scalar(element) = self.ty(*value) else { return None };
        let name = format_ident!("{}", self.typing.vars.get(element)?.to_string());
        Some(quote! { { let jit_value: #name = ::core::unreachable!(); jit_value } })
    }

    /// A name for the user's method that a method of the op table may mean, of a struct that linking will know.
    pub(super) fn maybe_method(&mut self, e: &syn::ExprMethodCall) -> Option<String> {
        let place = self.place_of(&e.receiver).filter(is_inferred)?;
        let mut handle = format_ident!("{}", handle_method(&e.method));
        handle.set_span(e.method.span());
        let same = |(_, link): &&(String, Link)| match link {
            Link::MaybeMethod(other, known) => *known == handle && other.to_string() == place.to_string(),
            _ => false,
        };
        if let Some((name, _)) = self.links.iter().find(same) {
            return Some(name.clone());
        }
        let name = format!("{METHOD}{}.{}", e.method, self.links.len());
        self.links.push((name.clone(), Link::MaybeMethod(place, handle)));
        Some(name)
    }

    /// Adds the name of the user's method to the node that gives a value.
    pub(super) fn or_method(&mut self, item: &Item, link: Option<String>) {
        let (Item::Value(value), Some(link)) = (item, link) else { return };
        if let Some(node) = self.graph.definition(*value) {
            let text = &mut self.graph.nodes[node].attrs.text;
            *text = Some(text.as_ref().map_or(link.clone(), |own| format!("{own} {link}")));
        }
    }

    /// The place of a match arm's value, found while the names that its pattern binds were known.
    fn value_place(&self, value: &Expr) -> Option<TokenStream> {
        self.value_places.get(&std::ptr::from_ref(value).addr()).cloned()
    }

    /// Remembers the type of a match arm's value while the names in it are known.
    pub(super) fn remember_arm(&mut self, value: &Expr) {
        let at = std::ptr::from_ref(value).addr();
        match self.place_of(value) {
            Some(place) => self.value_places.insert(at, place),
            None => self.value_places.remove(&at),
        };
    }

    fn place_of_block(&self, block: &syn::Block) -> Option<TokenStream> {
        self.value_places.get(&std::ptr::from_ref(block).addr()).cloned()
    }

    /// Remembers the type of a block's value while the names in the block are known.
    pub(super) fn remember_value(&mut self, block: &syn::Block) {
        let place = match block.stmts.last() {
            Some(syn::Stmt::Expr(value, None)) => self.place_of(value),
            _ => None,
        };
        let at = std::ptr::from_ref(block).addr();
        match place {
            Some(place) => self.value_places.insert(at, place),
            None => self.value_places.remove(&at),
        };
    }

    /// Remembers the type of a variable that is assigned a value, or a list that a value is pushed to.
    pub(super) fn learn_place(&mut self, variable: &Expr, place: Option<TokenStream>) {
        if let (Expr::Tuple(t), Some(place)) = (variable, &place) {
            for (i, part) in t.elems.iter().enumerate() {
                let i = syn::Index::from(i);
                self.learn_place(part, Some(quote! { (#place).#i }));
            }
        }
        if let (Expr::Path(p), Some(place)) = (variable, place)
            && let Some(name) = p.path.get_ident()
            && let Some(var) = self.find(&name.to_string())
        {
            self.places.entry(var).or_insert(place);
        }
    }

    /// Remembers an expression with the type of a variable.
    pub(super) fn remember_place(&mut self, pattern: &syn::Pat, place: Option<TokenStream>) {
        match (pattern, place) {
            (syn::Pat::Ident(p), Some(place)) => {
                if let Some(var) = self.find(&p.ident.to_string()) {
                    self.places.insert(var, place);
                }
            }
            (syn::Pat::Type(t), place) => {
                let ty = &t.ty;
                let named = quote! { { let jit_value: #ty = ::core::unreachable!(); jit_value } };
                self.remember_place(&t.pat, place.filter(is_inferred).or(Some(named)));
            }
            (syn::Pat::Reference(r), Some(place)) => self.remember_place(&r.pat, Some(quote! { *(#place) })),
            (syn::Pat::Tuple(t), Some(place)) => {
                for (i, part) in t.elems.iter().enumerate() {
                    let i = syn::Index::from(i);
                    self.remember_place(part, Some(quote! { (#place).#i }));
                }
            }
            (syn::Pat::Struct(s), Some(place)) => {
                for field in &s.fields {
                    let member = &field.member;
                    self.remember_place(&field.pat, Some(quote! { (#place).#member }));
                }
            }
            (syn::Pat::Slice(s), Some(place)) => {
                for part in &s.elems {
                    self.remember_place(part, Some(quote! { (#place)[0] }));
                }
            }
            (syn::Pat::TupleStruct(p), Some(place)) if p.path.is_ident("Some") && p.elems.len() == 1 => {
                self.remember_place(&p.elems[0], Some(quote! { (#place).as_ref().unwrap() }));
            }
            _ => {}
        }
    }
}
