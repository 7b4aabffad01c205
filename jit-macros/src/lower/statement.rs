//! Blocks, statements and patterns.

use syn::spanned::Spanned;
use syn::{Block, Expr, Pat, Stmt};

use super::{Item, Lowered, Lowerer, Stop};
use crate::diag::{Code, source};
use crate::types::Declared;
use jit_ir::ValueId;
use jit_ir::unify::Ty;

impl Lowerer<'_> {
    /// A block in a scope of its own.
    pub(super) fn block(&mut self, block: &Block) -> Lowered {
        self.scopes.push(Default::default());
        let outcome = self.statements(&block.stmts);
        self.remember_value(block);
        self.scopes.pop();
        outcome
    }

    /// Statements up to the block's value. After one that may have left the block, the others run
    /// under a condition.
    pub(super) fn statements(&mut self, statements: &[Stmt]) -> Lowered {
        let mut failed = false;
        for (i, statement) in statements.iter().enumerate() {
            let rest = &statements[i + 1..];
            if let Some(branch) = leaving_if(statement)
                && !rest.is_empty()
            {
                return self.if_with_rest(branch, rest);
            }
            let before = self.maybe.len();
            match self.statement(statement, rest.is_empty()) {
                Ok(item) if rest.is_empty() => return if failed { Err(Stop::Error) } else { Ok(item) },
                Ok(_) => {}
                // What stands behind an error is looked at for more errors.
                Err(Stop::Error) => failed = true,
                Err(Stop::Diverged) => return Err(if failed { Stop::Error } else { Stop::Diverged }),
            }
            if self.maybe.len() > before {
                let flags = self.maybe.split_off(before);
                return self.guarded(&flags, rest);
            }
        }
        if failed { Err(Stop::Error) } else { Ok(Item::unit()) }
    }

    fn statement(&mut self, statement: &Stmt, last: bool) -> Lowered {
        match statement {
            Stmt::Local(local) => self.local(local).map(|()| Item::unit()),
            Stmt::Expr(expr, semi) => {
                let item = self.expr(expr)?;
                Ok(if semi.is_some() || !last { Item::unit() } else { item })
            }
            Stmt::Macro(m) => self.macro_call(&m.mac),
            Stmt::Item(item) => self.error(
                item,
                Code::Statement,
                "items inside a script are not supported",
                "move the item out of the function",
            ),
        }
    }

    fn local(&mut self, local: &syn::Local) -> Lowered<()> {
        let Some(init) = &local.init else {
            return self.declare_later(&local.pat);
        };
        if let Some((_, diverge)) = &init.diverge {
            return self.let_else(local, &init.expr, diverge);
        }
        let (pattern, declared) = self.typed_pattern(&local.pat)?;
        let item = self.used(&init.expr);
        let item = match item {
            // The names are known, so that later uses are no errors of their own.
            Err(Stop::Error) => {
                self.declare_names(pattern);
                return Err(Stop::Error);
            }
            other => other?,
        };
        let item = match declared {
            Some(declared) => self.coerce(item, &declared).inspect_err(|_| self.declare_names(pattern))?,
            None => item,
        };
        if let (Item::Value(v), Pat::Type(typed)) = (&item, &local.pat) {
            self.declared_elsewhere(*v, &typed.ty);
        }
        // The value's names are those from before: `let c = c.clone();`.
        let places = self.places_of(&local.pat, &init.expr);
        self.bind(pattern, item)?;
        for (pattern, place) in places {
            self.remember_place(pattern, place);
        }
        Ok(())
    }

    /// A type with a name that rustc knows: an alias, a struct.
    fn declared_elsewhere(&mut self, value: ValueId, ty: &syn::Type) {
        let open = matches!(Declared::read(ty, &self.signature.generics), Some(Declared::Open));
        if open && self.signature.generics.is_empty() && !matches!(ty, syn::Type::Infer(_)) {
            let place = quote::quote! { { let jit_value: #ty = ::core::unreachable!(); jit_value } };
            self.typed_as(value, place);
        }
    }

    /// Expressions with the types of what a `let` binds; of a tuple for each of its parts.
    fn places_of<'p>(
        &self,
        pattern: &'p Pat,
        value: &Expr,
    ) -> Vec<(&'p Pat, Option<proc_macro2::TokenStream>)> {
        match (pattern, value) {
            (Pat::Tuple(t), Expr::Tuple(v)) if t.elems.len() == v.elems.len() => {
                t.elems.iter().zip(&v.elems).flat_map(|(p, e)| self.places_of(p, e)).collect()
            }
            _ => vec![(pattern, self.place_of(value))],
        }
    }

    /// `let Some(x) = option else { leave };`
    fn let_else(&mut self, local: &syn::Local, value: &Expr, diverge: &Expr) -> Lowered<()> {
        let condition = Expr::Let(syn::ExprLet {
            attrs: vec![],
            let_token: local.let_token,
            pat: Box::new(local.pat.clone()),
            eq_token: Default::default(),
            expr: Box::new(value.clone()),
        });
        let test = self.test_of(&condition);
        if test.is_err() {
            self.declare_names(&local.pat);
        }
        let test = test?;
        let stayed = self.branch(|_| Ok(Item::unit()));
        let left = self.branch(|l| l.expr(diverge));
        self.join(test.condition, stayed, left, local.let_token.span())?;
        self.bind_where_holds(&test)
    }

    fn typed_pattern<'p>(&mut self, pattern: &'p Pat) -> Lowered<(&'p Pat, Option<Declared>)> {
        let Pat::Type(typed) = pattern else { return Ok((pattern, None)) };
        match Declared::read(&typed.ty, &self.signature.generics) {
            Some(declared) => Ok((&typed.pat, Some(declared))),
            None => {
                self.declare_names(&typed.pat);
                let ty = source(&typed.ty);
                self.error(
                    &typed.ty,
                    Code::Pattern,
                    format!("`{ty}` is not a type that scripts know"),
                    "use tensors, the scalars f32 f64 i32 i64 u8 usize bool, tuples and lists of them",
                )
            }
        }
    }

    fn declare_later(&mut self, local_pattern: &Pat) -> Lowered<()> {
        let (pattern, _) = self.typed_pattern(local_pattern)?;
        match pattern {
            Pat::Ident(p) => {
                self.declare(&p.ident.to_string(), None);
                self.remember_place(local_pattern, None);
                Ok(())
            }
            other => self.error(
                other,
                Code::Pattern,
                "only a single name can be declared without a value",
                "write `let name;`",
            ),
        }
    }

    /// Gives a value a declared type: settles open literals and results of calls.
    pub(super) fn coerce(&mut self, item: Item, declared: &Declared) -> Lowered {
        match (item, declared) {
            (item, Declared::Open) => Ok(item),
            (item, Declared::Result(inner)) => self.coerce(item, inner),
            (Item::Value(v), Declared::Scalar(_) | Declared::Tensor(_) | Declared::List(_)) => {
                let ty = self.typing.vars.ty(&declared.ty());
                let joined = self.join_types(self.ty(v), ty)?;
                self.typing.types.insert(v, joined);
                self.annotate(v, declared);
                Ok(Item::Value(v))
            }
            (Item::Value(v), Declared::Tuple(_) | Declared::Option(_) | Declared::Array(..))
                if self.ty(v) == Ty::Hole =>
            {
                Ok(self.taken_apart(v, declared))
            }
            (Item::Value(v), Declared::Array(element, n)) if matches!(self.ty(v), Ty::List(_)) => {
                let items = self.elements_of(v, *n, None)?.into_iter().map(|i| self.coerce(i, element));
                Ok(Item::Array(items.collect::<Lowered<_>>()?))
            }
            (Item::Tuple(items), Declared::Tuple(parts)) if items.len() == parts.len() => {
                let items = items.into_iter().zip(parts).map(|(i, d)| self.coerce(i, d));
                Ok(Item::Tuple(items.collect::<Lowered<_>>()?))
            }
            (Item::Array(items), Declared::Array(element, n)) if items.len() == *n => {
                let items = items.into_iter().map(|i| self.coerce(i, element));
                Ok(Item::Array(items.collect::<Lowered<_>>()?))
            }
            (Item::Array(items), Declared::List(_)) => {
                let list = self.list_of(items)?;
                self.coerce(Item::Value(list), declared)
            }
            (Item::Option(flag, inner), Declared::Option(declared)) => {
                let inner = self.coerce(*inner, declared)?;
                Ok(Item::Option(flag, Box::new(inner)))
            }
            // rustc reports it.
            _ => Err(Stop::Error),
        }
    }

    /// Sets the function's result.
    pub(super) fn set_result(&mut self, item: Item) -> Lowered<()> {
        let declared = self.signature.result.clone();
        let item = self.coerce(item, &declared)?;
        self.env[self.result] = Some(item);
        Ok(())
    }
}

/// An `if` statement one of whose branches surely leaves the block, and the other not.
fn leaving_if(statement: &Stmt) -> Option<&syn::ExprIf> {
    let Stmt::Expr(Expr::If(branch), _) = statement else { return None };
    let then = block_leaves(&branch.then_branch);
    let other = branch.else_branch.as_ref().is_some_and(|(_, e)| expr_leaves(e));
    (then != other).then_some(branch)
}

fn block_leaves(block: &Block) -> bool {
    block.stmts.iter().any(|s| match s {
        Stmt::Expr(e, _) => expr_leaves(e),
        Stmt::Macro(m) => m.mac.path.is_ident("panic") || m.mac.path.is_ident("unreachable"),
        _ => false,
    })
}

/// Whether control surely does not come back.
fn expr_leaves(expr: &Expr) -> bool {
    match expr {
        Expr::Return(_) | Expr::Break(_) | Expr::Continue(_) => true,
        Expr::Block(b) => block_leaves(&b.block),
        Expr::Paren(p) => expr_leaves(&p.expr),
        Expr::Macro(m) => m.mac.path.is_ident("panic") || m.mac.path.is_ident("unreachable"),
        Expr::If(e) => {
            block_leaves(&e.then_branch) && e.else_branch.as_ref().is_some_and(|(_, e)| expr_leaves(e))
        }
        _ => false,
    }
}

/// The span of a list of statements, for messages.
pub(super) fn span_of(statements: &[Stmt]) -> proc_macro2::Span {
    statements.first().map_or_else(proc_macro2::Span::call_site, |s| s.span())
}
