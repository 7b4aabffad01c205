//! Macros: assertions, panics, and the messages that they show.

use jit_ir::ops::Attrs;
use jit_ir::unify::Ty;
use jit_ir::{DType, Op, Scalar, ValueId};
use proc_macro2::Span;
use quote::{ToTokens, quote};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, Token};

use super::{Item, Lowered, Lowerer, Stop, location};
use crate::diag::{Code, source};

/// A message with places for values.
#[derive(Default)]
struct Message {
    text: String,
    values: Vec<ValueId>,
}

impl Lowerer<'_> {
    /// A check with a message of the user's that may show values.
    pub(super) fn assert(&mut self, condition: ValueId, message: &str, values: Vec<ValueId>, at: Span) {
        let attrs = Attrs { text: Some(message.to_string()), ..Attrs::default() };
        let mut operands = vec![condition];
        operands.extend(values);
        self.graph.push(self.region, Op::Assert, operands, attrs, vec![], Some(location(at)));
    }

    pub(super) fn macro_call(&mut self, m: &syn::Macro) -> Lowered {
        let name = m.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        match name.as_str() {
            "vec" => return self.vec_macro(m),
            "cfg" => {
                let ty = self.typing.vars.scalar(DType::Bool);
                let (name, tokens) = (m.to_token_stream().to_string().replace(' ', ""), m.to_token_stream());
                return Ok(Item::Value(self.constant_of(name, tokens, ty)));
            }
            "debug_assert" | "debug_assert_eq" | "debug_assert_ne" => {
                let ty = self.typing.vars.scalar(DType::Bool);
                let on = self.constant_of(
                    "cfg!(debug_assertions)".into(),
                    quote! { ::core::cfg!(debug_assertions) },
                    ty,
                );
                let checked = self.branch(|l| l.assertion(name.trim_start_matches("debug_"), m));
                let skipped = self.branch(|_| Ok(Item::unit()));
                return self.join(on, checked, skipped, m.span());
            }
            "assert" | "assert_eq" | "assert_ne" | "panic" | "unreachable" | "todo" | "unimplemented" => {}
            _ => return self.unknown_macro(m, &name),
        }
        self.assertion(&name, m)
    }

    fn unknown_macro(&mut self, m: &syn::Macro, name: &str) -> Lowered {
        let (what, help) = match name {
            "println" | "print" | "eprintln" | "eprint" | "dbg" | "info" | "warn" | "debug" | "error" => (
                format!("`{name}!` is not supported in a script: a compiled function prints nothing"),
                "return the value and print it outside, or run the function in `jit_runtime::eager`",
            ),
            "format" | "write" | "writeln" | "concat" | "stringify" => (
                format!("`{name}!` is not supported in a script: scripts know no strings"),
                "make texts outside; `assert!` and `panic!` may show scalars in their messages",
            ),
            _ => (
                format!("the macro `{name}!` is not supported in a script"),
                "write its code out; scripts know `assert!`, `panic!` and their kin, and `vec!`",
            ),
        };
        self.error(m, Code::Macro, what, help)
    }

    fn assertion(&mut self, name: &str, m: &syn::Macro) -> Lowered {
        let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
        // What cannot be parsed is left to rustc.
        let args: Vec<Expr> = parser.parse2(m.tokens.clone()).map_err(|_| Stop::Error)?.into_iter().collect();
        let at = m.span();
        match (name, &args[..]) {
            ("assert", [condition, rest @ ..]) => {
                let holds = self.condition(condition)?;
                let default = format!("assertion failed: {}", source(condition));
                let message = self.message(rest)?;
                let message = message.unwrap_or(Message { text: escaped(&default), values: vec![] });
                self.assert(holds, &message.text, message.values, at);
                Ok(Item::unit())
            }
            ("assert_eq" | "assert_ne", [left, right, rest @ ..]) => {
                self.compared(name == "assert_eq", left, right, rest, at)
            }
            ("panic" | "unreachable" | "todo" | "unimplemented", rest) => {
                let prefix = match name {
                    "panic" => "",
                    "unreachable" => "internal error: entered unreachable code",
                    "todo" => "not yet implemented",
                    _ => "not implemented",
                };
                let Message { text, values } = match self.message(rest)? {
                    Some(message) if prefix.is_empty() => message,
                    Some(Message { text, values }) => Message { text: format!("{prefix}: {text}"), values },
                    None if prefix.is_empty() => Message { text: "explicit panic".into(), values: vec![] },
                    None => Message { text: prefix.into(), values: vec![] },
                };
                let never = self.known(Scalar::Bool(false));
                self.assert(never, &text, values, at);
                Err(Stop::Diverged)
            }
            _ => Err(Stop::Error),
        }
    }

    /// `assert_eq!` and `assert_ne!`; of scalars the message shows both sides, as std's does.
    fn compared(&mut self, equal: bool, left: &Expr, right: &Expr, rest: &[Expr], at: Span) -> Lowered {
        let op: syn::BinOp = if equal { syn::parse_quote!(==) } else { syn::parse_quote!(!=) };
        let (a, b) = (self.expr(left), self.expr(right));
        let (a, b) = (a?, b?);
        let holds = self.compare_items(if equal { Op::Eq } else { Op::Ne }, a.clone(), b.clone(), &op, at)?;
        let mut text = format!("assertion `left {} right` failed", op.to_token_stream());
        let mut values = Vec::new();
        if let Some(message) = self.message(rest)? {
            text = format!("{text}: {}", message.text);
            values = message.values;
        }
        if let (Item::Value(a), Item::Value(b)) = (a, b)
            && [a, b].iter().all(|v| matches!(self.ty(*v), Ty::Scalar(_)))
        {
            text += "\n  left: {:?}\n right: {:?}";
            values.extend([a, b]);
        }
        self.assert(holds, &text, values, at);
        Ok(Item::unit())
    }

    /// `Err(Error::msg("..."))`: the run ends with this error.
    pub(super) fn error_value(&mut self, e: &syn::ExprCall) -> Lowered {
        let message = match e.args.first() {
            Some(Expr::Call(call)) if call.args.len() == 1 && source(&call.func).ends_with("Error::msg") => {
                self.error_message(&call.args[0])?
            }
            _ => None,
        };
        let Some(Message { text, values }) = message else {
            return self.error(
                e,
                Code::Call,
                "an error in a script is made of a message",
                "write `Err(Error::msg(\"..\"))`",
            );
        };
        let never = self.known(Scalar::Bool(false));
        let attrs = Attrs { text: Some(text), keep: true, ..Attrs::default() };
        let mut operands = vec![never];
        operands.extend(values);
        self.graph.push(self.region, Op::Assert, operands, attrs, vec![], Some(location(e.span())));
        Err(Stop::Diverged)
    }

    /// A literal, or `format!("..", ..)`.
    fn error_message(&mut self, expr: &Expr) -> Lowered<Option<Message>> {
        match expr {
            Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => {
                Ok(Some(Message { text: escaped(&text.value()), values: vec![] }))
            }
            Expr::Macro(m) if m.mac.path.is_ident("format") => {
                let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
                let args = parser.parse2(m.mac.tokens.clone()).map_err(|_| Stop::Error)?;
                self.message(&args.into_iter().collect::<Vec<_>>())
            }
            Expr::MethodCall(m) if m.method == "into" || m.method == "to_string" => {
                self.error_message(&m.receiver)
            }
            _ => Ok(None),
        }
    }

    /// The message of an assertion: a literal with scalars in it.
    fn message(&mut self, args: &[Expr]) -> Lowered<Option<Message>> {
        let Some((first, rest)) = args.split_first() else { return Ok(None) };
        let Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(template), .. }) = first else {
            return self.error(
                first,
                Code::Macro,
                "the message in a script is a literal text",
                "write it in quotes; `{n}` shows a scalar",
            );
        };
        let template_text = template.value();
        let mut message = Message::default();
        let mut positional = rest.iter().filter(|a| !matches!(a, Expr::Assign(_)));
        let mut text = template_text.as_str();
        while let Some(at) = text.find(['{', '}']) {
            message.text += &text[..at];
            let (brace, after) = text[at..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                message.text += &format!("{brace}{brace}");
                text = after;
                continue;
            }
            let Some((inside, after)) = after.split_once('}') else { return Err(Stop::Error) };
            let (name, spec) = inside.split_once(':').unwrap_or((inside, ""));
            let shown = match name.trim() {
                "" => positional.next().cloned(),
                name if name.parse::<usize>().is_ok() => {
                    name.parse().ok().and_then(|i: usize| rest.get(i)).cloned()
                }
                name => named_argument(rest, name, template.span()),
            };
            // A missing argument is left to rustc.
            let value = self.shown(&shown.ok_or(Stop::Error)?, spec, first)?;
            message.values.push(value);
            message.text += &if spec.is_empty() { "{}".to_string() } else { format!("{{:{spec}}}") };
            text = after;
        }
        message.text += text;
        Ok(Some(message))
    }

    fn shown(&mut self, expr: &Expr, spec: &str, template: &Expr) -> Lowered<ValueId> {
        let value = self.value(expr)?;
        let digits = spec.trim_end_matches('?');
        let known = digits.is_empty() || digits.strip_prefix('.').is_some_and(|n| n.parse::<usize>().is_ok());
        match self.ty(value) {
            Ty::Scalar(_) | Ty::Hole if known => Ok(value),
            Ty::Scalar(_) | Ty::Hole => self.error(
                template,
                Code::Macro,
                format!("the format `{{:{spec}}}` is not supported in a script's message"),
                "use `{}`, `{:?}` or `{:.3}`",
            ),
            _ => self.error(
                template,
                Code::Macro,
                "a message in a script shows host scalars",
                "show `x.item()`, a size or an element",
            ),
        }
    }
}

/// `name = value` among the arguments, or the variable of that name.
fn named_argument(rest: &[Expr], name: &str, at: Span) -> Option<Expr> {
    let given = rest.iter().find_map(|a| match a {
        Expr::Assign(a) if a.left.to_token_stream().to_string() == name => Some((*a.right).clone()),
        _ => None,
    });
    given.or_else(|| {
        let ident = syn::parse_str::<syn::Ident>(name).ok()?;
        let ident = syn::Ident::new(&ident.to_string(), at);
        Some(Expr::Path(syn::ExprPath { attrs: vec![], qself: None, path: ident.into() }))
    })
}

/// A text without places for values.
fn escaped(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}
