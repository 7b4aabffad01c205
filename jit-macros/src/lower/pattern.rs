//! Patterns: what they bind, and when they match.

use jit_ir::ops::Attrs;
use jit_ir::unify::Ty;
use jit_ir::{DType, Op, Scalar, ValueId};
use syn::spanned::Spanned;
use syn::{Expr, Pat};

use super::literal::scalar_literal;
use super::place::is_constant;
use super::{Item, Lowered, Lowerer, Stop};
use crate::diag::Code;
use crate::types::Declared;

/// A condition, and what a pattern in it binds where it holds.
pub(super) struct Test<'p> {
    pub(super) condition: ValueId,
    bound: Option<(&'p Pat, Item, Option<proc_macro2::TokenStream>)>,
}

impl Lowerer<'_> {
    /// The condition of an `if`, with or without `let`.
    pub(super) fn test_of<'p>(&mut self, condition: &'p Expr) -> Lowered<Test<'p>> {
        let Expr::Let(e) = condition else {
            let condition = self.condition(condition)?;
            return Ok(Test { condition, bound: None });
        };
        let item = self.expr(&e.expr)?;
        let item = self.opened(item, &e.pat);
        let found = self.matches(&e.pat, &item)?;
        let condition = found.unwrap_or_else(|| self.known(Scalar::Bool(true)));
        Ok(Test { condition, bound: Some((&e.pat, item, self.place_of(&e.expr))) })
    }

    /// Runs `body` with the names that the condition binds.
    pub(super) fn where_holds(
        &mut self,
        test: &Test<'_>,
        body: impl FnOnce(&mut Self) -> Lowered,
    ) -> Lowered {
        let Some((pattern, item, place)) = &test.bound else { return body(self) };
        self.scoped(|l| {
            l.bind(pattern, item.clone())?;
            l.remember_place(pattern, place.clone());
            body(l)
        })
    }

    /// Binds the names of a condition where it surely holds.
    pub(super) fn bind_where_holds(&mut self, test: &Test<'_>) -> Lowered<()> {
        let Some((pattern, item, place)) = &test.bound else { return Ok(()) };
        self.bind(pattern, item.clone())?;
        self.remember_place(pattern, place.clone());
        Ok(())
    }

    pub(super) fn scoped<R>(&mut self, body: impl FnOnce(&mut Self) -> R) -> R {
        self.scopes.push(Default::default());
        let result = body(self);
        self.scopes.pop();
        result
    }

    /// A value of unknown structure as an option, where the pattern asks for one.
    fn opened(&mut self, item: Item, pattern: &Pat) -> Item {
        match item {
            Item::Value(v) if self.ty(v) == Ty::Hole && asks_for_option(pattern) => {
                self.taken_apart(v, &Declared::Option(Box::new(Declared::Open)))
            }
            other => other,
        }
    }

    pub(super) fn match_expr(&mut self, e: &syn::ExprMatch) -> Lowered {
        let mut item = self.expr(&e.expr)?;
        if let Item::Value(v) = &item {
            if matches!(self.ty(*v), Ty::Tensor(_)) {
                return self.error(
                    &e.expr,
                    Code::Match,
                    "a tensor cannot be matched",
                    "match a host scalar, such as `x.item()`, or write `if` / `else if`",
                );
            }
            if matches!(self.ty(*v), Ty::Scalar(var) if self.typing.vars.get(var).is_some_and(DType::is_float))
            {
                return self.error(
                    &e.expr,
                    Code::Match,
                    "`match` in a script does not compare floats",
                    "write `if x < 0.0 { .. } else { .. }`",
                );
            }
        }
        if e.arms.iter().any(|arm| asks_for_option(&arm.pat))
            && let Some(arm) = e.arms.first()
        {
            item = self.opened(
                item,
                if asks_for_option(&arm.pat) { &arm.pat } else { &e.arms[e.arms.len() - 1].pat },
            );
        }
        let place = self.place_of(&e.expr);
        self.arms(&item, &place, &e.arms, e.match_token.span())
    }

    /// The first arm that matches; the last one needs no test, since rustc knows that one does.
    fn arms(
        &mut self,
        item: &Item,
        place: &Option<proc_macro2::TokenStream>,
        arms: &[syn::Arm],
        at: proc_macro2::Span,
    ) -> Lowered {
        let Some((arm, rest)) = arms.split_first() else { return Err(Stop::Error) };
        let (pattern, guard) = match &arm.pat {
            Pat::Guard(g) => (&*g.pat, Some(&*g.guard)),
            pattern => (pattern, None),
        };
        let body = |l: &mut Self| {
            l.scoped(|l| {
                l.bind(pattern, item.clone())?;
                l.remember_place(pattern, place.clone());
                l.remember_arm(&arm.body);
                l.expr(&arm.body)
            })
        };
        let found = self.matches(pattern, item);
        if found == Err(Stop::Error) {
            // The other arms are looked at for more errors.
            let _ = self.branch(body);
            let _ = self
                .branch(|l| if rest.is_empty() { Ok(Item::unit()) } else { l.arms(item, place, rest, at) });
        }
        let found = found?;
        let found = if rest.is_empty() && guard.is_none() { None } else { found };
        let condition = match guard {
            None => found,
            Some(guard) => Some(self.guarded_arm(pattern, item, guard, found, at)?),
        };
        let Some(condition) = condition else { return body(self) };
        let then = self.branch(body);
        let other = self.branch(|l| l.arms(item, place, rest, at));
        self.join(condition, then, other, at)
    }

    /// Whether an arm matches and its guard holds.
    fn guarded_arm(
        &mut self,
        pattern: &Pat,
        item: &Item,
        guard: &Expr,
        found: Option<ValueId>,
        at: proc_macro2::Span,
    ) -> Lowered<ValueId> {
        let ask = |l: &mut Self| {
            l.scoped(|l| {
                l.bind(pattern, item.clone())?;
                l.condition(guard).map(Item::Value)
            })
        };
        let asked = match found {
            None => ask(self)?,
            Some(found) => {
                let then = self.branch(ask);
                let other = self.branch(|l| Ok(Item::Value(l.known(Scalar::Bool(false)))));
                self.join(found, then, other, at)?
            }
        };
        match asked {
            Item::Value(v) => Ok(v),
            _ => Err(Stop::Error),
        }
    }

    /// Whether a pattern matches; `None` if it always does.
    pub(super) fn matches(&mut self, pattern: &Pat, item: &Item) -> Lowered<Option<ValueId>> {
        match (pattern, item) {
            (Pat::Wild(_) | Pat::Rest(_), _) => Ok(None),
            (Pat::Paren(p), item) => self.matches(&p.pat, item),
            (Pat::Guard(p), item) => self.matches(&p.pat, item),
            (Pat::Type(p), item) => self.matches(&p.pat, item),
            (Pat::Reference(p), item) => self.matches(&p.pat, item),
            (Pat::Ident(p), Item::Option(flag, _)) if p.ident == "None" => {
                self.negated(*flag, p.span()).map(Some)
            }
            (Pat::TupleStruct(p), Item::Option(flag, inner))
                if p.path.is_ident("Some") && p.elems.len() == 1 =>
            {
                let mut always = false;
                // Without a value nothing is asked of it.
                let asked = self.branch(|l| {
                    let found = l.matches(&p.elems[0], inner)?;
                    always = found.is_none();
                    Ok(Item::Value(found.unwrap_or_else(|| l.known(Scalar::Bool(true)))))
                });
                if always {
                    return Ok(Some(*flag));
                }
                let none = self.branch(|l| Ok(Item::Value(l.known(Scalar::Bool(false)))));
                match self.join(*flag, asked, none, p.span())? {
                    Item::Value(found) => Ok(Some(found)),
                    _ => Err(Stop::Error),
                }
            }
            (Pat::Ident(p), item) => match &p.subpat {
                Some((_, inner)) => self.matches(inner, item),
                None if is_constant(&p.ident.to_string()) => {
                    let constant = self.named_constant(&syn::Path::from(p.ident.clone()));
                    self.equals(item, constant, p.span())
                }
                None => Ok(None),
            },
            (Pat::Path(p), item) => {
                let constant = self.named_constant(&p.path);
                self.equals(item, constant, p.span())
            }
            (Pat::Lit(p), item) => {
                let value = self.pattern_value(&Expr::Lit(p.clone()))?;
                self.equals(item, value, p.span())
            }
            (Pat::Range(p), Item::Value(v)) => self.in_range(p, *v),
            (Pat::Or(p), item) => {
                let mut any = None;
                for case in &p.cases {
                    let Some(found) = self.matches(case, item)? else { return Ok(None) };
                    any = Some(match any {
                        None => found,
                        Some(before) => {
                            self.op(Op::Or, vec![before, found], Attrs::default(), Some(p.span()))?
                        }
                    });
                }
                Ok(any)
            }
            (Pat::Tuple(t), Item::Tuple(parts)) => self.all_match(t.elems.iter(), parts, t.span()),
            (Pat::Slice(s), Item::Array(parts)) => self.all_match(s.elems.iter(), parts, s.span()),
            (Pat::Slice(s), Item::Value(v)) if self.may_be_list(*v) && !has_rest(s) => self.listed(s, *v),
            (Pat::Tuple(t), Item::Value(v)) if self.ty(*v) == Ty::Hole => {
                let parts = self.parts_of(*v, t.elems.len());
                self.all_match(t.elems.iter(), &parts, t.span())
            }
            (Pat::TupleStruct(p), Item::Value(v)) if is_struct(&p.path) => {
                let parts = self.parts_of(*v, p.elems.len());
                self.all_match(p.elems.iter(), &parts, p.span())
            }
            (Pat::Struct(s), Item::Value(v)) => {
                let mut found = None;
                for field in &s.fields {
                    let part = self.field_of(*v, &field.member);
                    let one = self.matches(&field.pat, &Item::Value(part))?;
                    found = self.both(found, one, s.span())?;
                }
                Ok(found)
            }
            (Pat::Slice(s), _) if has_rest(s) => self.unknown_pattern(pattern),
            (Pat::Tuple(_) | Pat::Range(_) | Pat::Slice(_), _) => Err(Stop::Error),
            (other, _) => self.unknown_pattern(other),
        }
    }

    fn all_match<'p>(
        &mut self,
        patterns: impl Iterator<Item = &'p Pat>,
        parts: &[Item],
        at: proc_macro2::Span,
    ) -> Lowered<Option<ValueId>> {
        let mut found = None;
        for (pattern, part) in patterns.zip(parts) {
            let one = self.matches(pattern, part)?;
            found = self.both(found, one, at)?;
        }
        Ok(found)
    }

    fn both(
        &mut self,
        a: Option<ValueId>,
        b: Option<ValueId>,
        at: proc_macro2::Span,
    ) -> Lowered<Option<ValueId>> {
        match (a, b) {
            (Some(a), Some(b)) => self.op(Op::And, vec![a, b], Attrs::default(), Some(at)).map(Some),
            (a, b) => Ok(a.or(b)),
        }
    }

    /// Whether a list has as many elements as a pattern, and they match.
    fn listed(&mut self, pattern: &syn::PatSlice, list: ValueId) -> Lowered<Option<ValueId>> {
        let (n, at) = (pattern.elems.len(), pattern.span());
        let len = self.op(Op::Len, vec![list], Attrs::default(), Some(at))?;
        let wanted = self.known(Scalar::Usize(n));
        let fits = self.tested(Op::Eq, len, wanted, at)?;
        let mut always = false;
        // Of a list of another length nothing is asked.
        let asked = self.branch(|l| {
            let parts = l.elements_of(list, n, Some(at))?;
            let found = l.all_match(pattern.elems.iter(), &parts, at)?;
            always = found.is_none();
            Ok(Item::Value(found.unwrap_or_else(|| l.known(Scalar::Bool(true)))))
        });
        if always {
            return Ok(Some(fits));
        }
        let other = self.branch(|l| Ok(Item::Value(l.known(Scalar::Bool(false)))));
        match self.join(fits, asked, other, at)? {
            Item::Value(found) => Ok(Some(found)),
            _ => Err(Stop::Error),
        }
    }

    fn negated(&mut self, flag: ValueId, at: proc_macro2::Span) -> Lowered<ValueId> {
        self.op(Op::Not, vec![flag], Attrs::default(), Some(at))
    }

    fn equals(&mut self, item: &Item, value: ValueId, at: proc_macro2::Span) -> Lowered<Option<ValueId>> {
        let Item::Value(v) = item else { return Err(Stop::Error) };
        self.tested(Op::Eq, *v, value, at).map(Some)
    }

    fn tested(&mut self, op: Op, a: ValueId, b: ValueId, at: proc_macro2::Span) -> Lowered<ValueId> {
        let found = self.op(op, vec![a, b], Attrs::default(), Some(at))?;
        let bool_ty = self.typing.vars.scalar(DType::Bool);
        self.typing.types.insert(found, bool_ty);
        Ok(found)
    }

    fn in_range(&mut self, p: &syn::PatRange, v: ValueId) -> Lowered<Option<ValueId>> {
        let mut found = None;
        if let Some(start) = &p.start {
            let start = self.pattern_value(start)?;
            found = Some(self.tested(Op::Ge, v, start, p.span())?);
        }
        if let Some(end) = &p.end {
            let end = self.pattern_value(end)?;
            let op = if matches!(p.limits, syn::RangeLimits::Closed(_)) { Op::Le } else { Op::Lt };
            let below = self.tested(op, v, end, p.span())?;
            found = self.both(found, Some(below), p.span())?;
        }
        Ok(found)
    }

    /// The value of a literal or constant in a pattern.
    fn pattern_value(&mut self, expr: &Expr) -> Lowered<ValueId> {
        if let Expr::Path(p) = expr {
            return Ok(self.named_constant(&p.path));
        }
        match scalar_literal(expr) {
            Some((value, _)) if value.dtype().is_float() => self.error(
                expr,
                Code::Match,
                "patterns in a script do not compare floats",
                "write `if x < 0.0 { .. } else { .. }`",
            ),
            Some((value, dtype)) => match self.literal(value, dtype) {
                Item::Value(v) => Ok(v),
                _ => Err(Stop::Error),
            },
            None => self.left_to_rustc("a pattern that is no number"),
        }
    }

    /// Binds the names of a pattern.
    pub(super) fn bind(&mut self, pattern: &Pat, item: Item) -> Lowered<()> {
        match (pattern, item) {
            (Pat::Ident(p), item) if p.by_ref.is_none() => {
                if let Some((_, inner)) = &p.subpat {
                    self.bind(inner, item.clone())?;
                }
                let name = p.ident.to_string();
                let refutable = p.subpat.is_none() && p.mutability.is_none();
                if refutable && (is_constant(&name) || name == "None") {
                    return Ok(());
                }
                // The elements of an array that changes are found by index.
                let item = match item {
                    Item::Array(parts) if p.mutability.is_some() => Item::Value(self.list_of(parts)?),
                    item => item,
                };
                self.declare(&name, Some(item));
                Ok(())
            }
            (Pat::Wild(_) | Pat::Rest(_) | Pat::Lit(_) | Pat::Range(_) | Pat::Path(_), _) => Ok(()),
            (Pat::Paren(p), item) => self.bind(&p.pat, item),
            (Pat::Type(t), item) => self.bind(&t.pat, item),
            (Pat::Reference(r), item) => self.bind(&r.pat, item),
            (Pat::Tuple(t), Item::Tuple(parts)) => self.bind_all(t.elems.iter(), parts),
            (Pat::Slice(s), Item::Array(parts)) => self.bind_all(s.elems.iter(), parts),
            (Pat::Slice(s), Item::Value(v)) if self.may_be_list(v) && !has_rest(s) => {
                let parts = self.elements_of(v, s.elems.len(), Some(s.span()))?;
                self.bind_all(s.elems.iter(), parts)
            }
            (Pat::Tuple(t), Item::Value(v)) if self.ty(v) == Ty::Hole => {
                let parts = self.parts_of(v, t.elems.len());
                self.bind_all(t.elems.iter(), parts)
            }
            (Pat::TupleStruct(p), Item::Option(_, inner)) if p.elems.len() == 1 => {
                self.bind(&p.elems[0], *inner)
            }
            (Pat::TupleStruct(p), Item::Value(v)) if is_struct(&p.path) => {
                let parts = self.parts_of(v, p.elems.len());
                self.bind_all(p.elems.iter(), parts)
            }
            (Pat::Struct(s), Item::Value(v)) => {
                for field in &s.fields {
                    let part = self.field_of(v, &field.member);
                    self.bind(&field.pat, Item::Value(part))?;
                }
                Ok(())
            }
            // Alternatives with names would have to be told apart where they are used.
            (Pat::Or(p), _) if p.cases.iter().all(binds_nothing) => Ok(()),
            (Pat::Slice(s), _) if has_rest(s) => {
                self.declare_names(pattern);
                self.unknown_pattern(pattern)
            }
            (Pat::Tuple(_) | Pat::Slice(_), _) => {
                self.declare_names(pattern);
                Err(Stop::Error)
            }
            (other, _) => {
                self.declare_names(other);
                self.unknown_pattern(other)
            }
        }
    }

    fn unknown_pattern<T>(&mut self, pattern: &Pat) -> Lowered<T> {
        let (what, help) = match pattern {
            Pat::Ident(_) => {
                ("`ref` patterns are not supported in a script", "borrow where you use it: `&x`")
            }
            Pat::Or(_) => (
                "alternatives that bind names are not supported in a script",
                "write an arm for each alternative",
            ),
            Pat::TupleStruct(_) => (
                "of enums a script knows `Option` alone",
                "pass an integer or a bool that says which case it is",
            ),
            Pat::Slice(_) => (
                "`..` among the elements of a list is not supported in a script",
                "read the elements by index: `xs[0]`, `xs[xs.len() - 1]`",
            ),
            Pat::Macro(_) => ("macros in patterns are not supported in a script", "write the pattern out"),
            _ => ("this pattern is not supported in a script", "bind names, `_`, tuples and structs of them"),
        };
        self.error(pattern, Code::Pattern, what, help)
    }

    fn bind_all<'p>(
        &mut self,
        patterns: impl Iterator<Item = &'p Pat> + Clone,
        parts: Vec<Item>,
    ) -> Lowered<()> {
        let count = patterns.clone().count();
        if count != parts.len() {
            patterns.for_each(|p| self.declare_names(p));
            return Err(Stop::Error);
        }
        patterns.zip(parts).try_for_each(|(p, part)| self.bind(p, part))
    }

    /// Declares the names of a pattern without values, after an error.
    pub(super) fn declare_names(&mut self, pattern: &Pat) {
        let mut names = Names(Vec::new());
        syn::visit::Visit::visit_pat(&mut names, pattern);
        for name in names.0 {
            self.declare(&name, None);
        }
    }

    /// The parts of the result of a call.
    pub(super) fn parts_of(&mut self, value: ValueId, count: usize) -> Vec<Item> {
        (0..count).map(|i| Item::Value(self.part(value, &i.to_string(), &Declared::Open))).collect()
    }

    /// A field by its member name.
    pub(super) fn field_of(&mut self, value: ValueId, member: &syn::Member) -> ValueId {
        let name = match member {
            syn::Member::Named(name) => name.to_string(),
            syn::Member::Unnamed(index) => index.index.to_string(),
        };
        self.part(value, &name, &Declared::Open)
    }
}

/// Whether a pattern has `..` in it.
fn has_rest(pattern: &syn::PatSlice) -> bool {
    pattern.elems.iter().any(|p| match p {
        Pat::Rest(_) => true,
        Pat::Ident(p) => p.subpat.as_ref().is_some_and(|(_, p)| matches!(**p, Pat::Rest(_))),
        _ => false,
    })
}

struct Names(Vec<String>);

impl syn::visit::Visit<'_> for Names {
    fn visit_pat_ident(&mut self, p: &syn::PatIdent) {
        self.0.push(p.ident.to_string());
    }
}

fn binds_nothing(pattern: &Pat) -> bool {
    let mut names = Names(Vec::new());
    syn::visit::Visit::visit_pat(&mut names, pattern);
    names.0.iter().all(|n| is_constant(n) || n == "None")
}

/// Whether a path names a struct rather than a case of an enum: it has one segment.
fn is_struct(path: &syn::Path) -> bool {
    path.get_ident().is_some_and(|name| !matches!(name.to_string().as_str(), "Some" | "Ok" | "Err"))
}

fn asks_for_option(pattern: &Pat) -> bool {
    match pattern {
        Pat::TupleStruct(p) => p.path.is_ident("Some"),
        Pat::Ident(p) => p.ident == "None",
        Pat::Paren(p) => asks_for_option(&p.pat),
        Pat::Guard(p) => asks_for_option(&p.pat),
        Pat::Reference(p) => asks_for_option(&p.pat),
        Pat::Or(p) => p.cases.iter().any(asks_for_option),
        _ => false,
    }
}
