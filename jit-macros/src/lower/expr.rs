//! Expressions.

use jit_ir::ops::Attrs;
use jit_ir::{DType, Op, Scalar, ValueId};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{BinOp, Expr, UnOp};

use super::literal::{float_digits, scalar_literal, std_constant};
use super::place::is_constant;
use super::{Item, Lowered, Lowerer, Stop};
use crate::diag::{Code, similar};
use jit_ir::unify::Ty;

use crate::types::Declared;

impl Lowerer<'_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> Lowered {
        if let Some((value, dtype)) = scalar_literal(expr) {
            let item = self.literal(value, dtype);
            if let (Item::Value(v), Some(digits)) = (&item, float_digits(expr)) {
                self.single(*v, &digits, value);
            }
            return Ok(item);
        }
        match expr {
            Expr::Lit(e) => self.error(
                e,
                Code::Literal,
                "this literal is not supported in a script",
                "scripts know numbers and bools",
            ),
            Expr::Path(e) => match without_qself(e) {
                Some(e) => self.path(&e),
                None => self.path(e),
            },
            Expr::Paren(e) => self.expr(&e.expr),
            Expr::Group(e) => self.expr(&e.expr),
            Expr::Reference(e) if e.mutability.is_none() => self.expr(&e.expr),
            Expr::Unary(e) => self.unary(e),
            Expr::Binary(e) => self.binary(e),
            Expr::Assign(e) => self.assign(e),
            Expr::Block(e) if e.label.is_none() => self.block(&e.block),
            Expr::If(e) => self.if_expr(e),
            Expr::While(e) => self.while_expr(e),
            Expr::Loop(e) => self.loop_expr(e),
            Expr::ForLoop(e) => self.for_expr(e),
            Expr::Break(e) => self.break_expr(e),
            Expr::Continue(e) => self.continue_expr(e),
            Expr::Return(e) => self.return_expr(e),
            Expr::Call(e) => self.call(e),
            Expr::MethodCall(e) => self.method(e),
            Expr::Tuple(e) => self.items(e.elems.iter()).map(Item::Tuple),
            Expr::Array(e) => self.items(e.elems.iter()).map(Item::Array),
            Expr::Field(e) => self.field(e),
            Expr::Index(e) => self.index(e),
            Expr::Cast(e) => self.cast(e),
            Expr::Macro(e) => self.macro_call(&e.mac),
            Expr::Match(e) => self.match_expr(e),
            Expr::Try(e) => match self.expr(&e.expr)? {
                Item::Option(..) => self.error(
                    e,
                    Code::Expression,
                    "`?` of an `Option` is not supported in a script",
                    "write `let Some(x) = option else { return None };`",
                ),
                item => Ok(item),
            },
            Expr::Struct(e) => self.struct_expr(e),
            Expr::Repeat(e) => self.repeat_expr(e),
            other => self.unsupported(other),
        }
    }

    fn unsupported(&mut self, expr: &Expr) -> Lowered {
        let (what, help) = match expr {
            Expr::Closure(_) => (
                "closures are not supported in a script",
                "write the code in place, or call another `#[script]` function",
            ),
            Expr::Range(_) => ("a range stands in a script only in `for`", "write `for i in 0..n`"),
            Expr::Async(_) | Expr::Await(_) => {
                ("a script cannot wait", "await outside and pass the value as an argument")
            }
            Expr::Unsafe(_) => {
                ("`unsafe` is not supported in a script", "do it outside and pass the value as an argument")
            }
            Expr::Reference(_) => {
                ("`&mut` is not supported in a script", "assign a new value to the variable")
            }
            Expr::Block(_) => ("labelled blocks are not supported in a script", "use a `loop` with `break`"),
            Expr::Let(_) => {
                ("`let` in a condition stands alone in an `if`", "write `if let Some(b) = bias { .. }`")
            }
            _ => (
                "this expression is not supported in a script",
                "compute it outside and pass it as an argument",
            ),
        };
        self.error(expr, Code::Expression, what, help)
    }

    /// Several expressions; all are looked at even if one fails.
    pub(super) fn items<'e>(&mut self, exprs: impl Iterator<Item = &'e Expr>) -> Lowered<Vec<Item>> {
        let items: Vec<Lowered> = exprs.map(|e| self.used(e)).collect();
        items.into_iter().collect()
    }

    fn path(&mut self, e: &syn::ExprPath) -> Lowered {
        if let Some(value) = std_constant(&e.path) {
            return Ok(Item::Value(self.known(value)));
        }
        let Some(name) = e.path.get_ident() else {
            return self.qualified(e);
        };
        let name = name.to_string();
        match self.find(&name).map(|v| self.env[v].clone()) {
            Some(Some(item)) => Ok(item),
            // Used before it is set, or its own error was reported.
            Some(None) => Err(Stop::Error),
            None if name == "None" => {
                Ok(Item::Value(self.node(Op::None, vec![], Attrs::default(), Ty::Hole, Some(e.span()))))
            }
            None if is_constant(&name) => Ok(Item::Value(self.named_constant(&e.path))),
            // A struct without fields.
            None if name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                let attrs = Attrs { text: Some(String::new()), ..Attrs::default() };
                Ok(Item::Value(self.node(Op::Record, vec![], attrs, Ty::Hole, Some(e.span()))))
            }
            None => {
                let known: Vec<String> = self.scopes.iter().flat_map(|s| s.keys().cloned()).collect();
                let help = match similar(&name, known.iter().map(String::as_str)) {
                    Some(other) => format!("did you mean `{other}`?"),
                    None => "pass it as an argument: a script sees its parameters and variables only".into(),
                };
                self.error(e, Code::Name, format!("`{name}` is no variable of this script"), help)
            }
        }
    }

    /// `config::EPSILON`, `Self::EPSILON`
    fn qualified(&mut self, e: &syn::ExprPath) -> Lowered {
        if e.path.segments.last().is_some_and(|s| is_constant(&s.ident.to_string())) {
            return Ok(Item::Value(self.named_constant(&e.path)));
        }
        self.error(
            e,
            Code::Name,
            "of other modules a script knows functions it calls, and constants in capitals",
            "pass the value as an argument; of an enum pass an integer",
        )
    }

    /// `Layer { w, b: b * 2.0, ..old }`
    fn struct_expr(&mut self, e: &syn::ExprStruct) -> Lowered {
        let mut names = Vec::new();
        let mut operands = Vec::new();
        let mut failed = None;
        for field in &e.fields {
            if let syn::Member::Unnamed(_) = field.member {
                return self.unsupported(&field.expr);
            }
            match self.used(&field.expr) {
                Ok(item) => operands.push(self.packed(item)),
                Err(stop) => failed = Some(stop),
            }
            names.push(field.member.to_token_stream().to_string());
        }
        if let Some(rest) = &e.rest {
            let rest = self.expr(rest)?;
            operands.push(self.packed(rest));
            names.push("..".into());
        }
        if let Some(stop) = failed {
            return Err(stop);
        }
        let asked = e.rest.is_none() && !self.is_generic_struct(&e.path);
        let place = if asked { self.place_of(&Expr::Struct(e.clone())) } else { None };
        Ok(Item::Value(self.record(&names, operands, place, e.span())))
    }

    /// An expression that gives one value.
    pub(super) fn value(&mut self, expr: &Expr) -> Lowered<ValueId> {
        match self.used(expr)? {
            Item::Value(v) => Ok(v),
            // rustc reports it.
            _ => Err(Stop::Error),
        }
    }

    /// An expression that gives one host scalar.
    pub(super) fn scalar(&mut self, expr: &Expr) -> Lowered<ValueId> {
        let v = self.value(expr)?;
        match self.ty(v) {
            Ty::Tensor(_) => Err(Stop::Error),
            _ => Ok(v),
        }
    }

    fn unary(&mut self, e: &syn::ExprUnary) -> Lowered {
        let op = match e.op {
            UnOp::Deref(_) => return self.expr(&e.expr),
            UnOp::Neg(_) => Op::Neg,
            UnOp::Not(_) => Op::Not,
            _ => return self.unsupported(&e.expr),
        };
        let x = self.value(&e.expr)?;
        self.op(op, vec![x], Attrs::default(), Some(e.span())).map(Item::Value)
    }

    fn binary(&mut self, e: &syn::ExprBinary) -> Lowered {
        let (op, assigns) = match e.op {
            BinOp::And(_) => return self.short_circuit(e, Op::And),
            BinOp::Or(_) => return self.short_circuit(e, Op::Or),
            BinOp::Add(_) => (Op::Add, false),
            BinOp::Sub(_) => (Op::Sub, false),
            BinOp::Mul(_) => (Op::Mul, false),
            BinOp::Div(_) => (Op::Div, false),
            BinOp::Rem(_) => (Op::Rem, false),
            BinOp::BitAnd(_) => (Op::And, false),
            BinOp::BitOr(_) => (Op::Or, false),
            BinOp::BitXor(_) => (Op::Xor, false),
            BinOp::Shl(_) => (Op::Shl, false),
            BinOp::Shr(_) => (Op::Shr, false),
            BinOp::Eq(_) => return self.compare(e, Op::Eq),
            BinOp::Ne(_) => return self.compare(e, Op::Ne),
            BinOp::Lt(_) => return self.compare(e, Op::Lt),
            BinOp::Le(_) => return self.compare(e, Op::Le),
            BinOp::Gt(_) => return self.compare(e, Op::Gt),
            BinOp::Ge(_) => return self.compare(e, Op::Ge),
            BinOp::AddAssign(_) => (Op::Add, true),
            BinOp::SubAssign(_) => (Op::Sub, true),
            BinOp::MulAssign(_) => (Op::Mul, true),
            BinOp::DivAssign(_) => (Op::Div, true),
            BinOp::RemAssign(_) => (Op::Rem, true),
            BinOp::BitAndAssign(_) => (Op::And, true),
            BinOp::BitOrAssign(_) => (Op::Or, true),
            BinOp::BitXorAssign(_) => (Op::Xor, true),
            BinOp::ShlAssign(_) => (Op::Shl, true),
            BinOp::ShrAssign(_) => (Op::Shr, true),
            _ => return self.unsupported(&e.left),
        };
        let left = self.value(&e.left);
        let right = self.value(&e.right);
        let (left, mut right) = (left?, right?);
        if matches!(op, Op::Shl | Op::Shr) {
            right = self.shift_count(left, right, scalar_literal(&e.right).is_some(), e.span())?;
        }
        let value = self.op(op, vec![left, right], Attrs::default(), Some(e.span()))?;
        if !assigns {
            return Ok(Item::Value(value));
        }
        self.assign_to(&e.left, Item::Value(value))?;
        Ok(Item::unit())
    }

    /// How far to shift: Rust takes any integer type, the graph that of the value.
    fn shift_count(
        &mut self,
        value: ValueId,
        count: ValueId,
        literal: bool,
        at: proc_macro2::Span,
    ) -> Lowered<ValueId> {
        let (Ty::Scalar(a), Ty::Scalar(b)) = (self.ty(value), self.ty(count)) else { return Ok(count) };
        if literal && self.typing.vars.get(b).is_none() {
            self.join_types(Ty::Scalar(a), Ty::Scalar(b))?;
            return Ok(count);
        }
        let (a, b) = (self.typing.vars.get(a), self.typing.vars.get(b));
        Ok(if a.is_some() && a == b { count } else { self.as_type_of(value, count, at) })
    }

    /// A host number as one of the type of another, which linking may have to find out.
    pub(super) fn as_type_of(&mut self, like: ValueId, value: ValueId, at: proc_macro2::Span) -> ValueId {
        let converted = self.method_node("like", vec![value, like], Some(at));
        let ty = self.ty(like);
        self.typing.types.insert(converted, ty);
        converted
    }

    /// A comparison by an operator: one bool, of host scalars or of rank-0 tensors.
    fn compare(&mut self, e: &syn::ExprBinary, op: Op) -> Lowered {
        let left = self.expr(&e.left);
        let right = self.expr(&e.right);
        self.compare_items(op, left?, right?, &e.op, e.span()).map(Item::Value)
    }

    /// Tuples are equal if all their parts are.
    pub(super) fn compare_items(
        &mut self,
        op: Op,
        left: Item,
        right: Item,
        sign: &BinOp,
        at: proc_macro2::Span,
    ) -> Lowered<ValueId> {
        match (left, right) {
            (Item::Value(a), Item::Value(b)) => self.compare_values(op, a, b, sign, at),
            (Item::Tuple(a) | Item::Array(a), Item::Tuple(b) | Item::Array(b))
                if matches!(op, Op::Eq | Op::Ne) && a.len() == b.len() =>
            {
                let mut all = self.known(Scalar::Bool(true));
                for (a, b) in a.into_iter().zip(b) {
                    let one = self.compare_items(Op::Eq, a, b, sign, at)?;
                    all = self.op(Op::And, vec![all, one], Attrs::default(), Some(at))?;
                }
                if op == Op::Eq { Ok(all) } else { self.op(Op::Not, vec![all], Attrs::default(), Some(at)) }
            }
            (Item::Array(a), Item::Value(b)) if matches!(self.ty(b), Ty::List(_)) => {
                let a = self.list_of(a)?;
                self.compare_values(op, a, b, sign, at)
            }
            (Item::Value(a), Item::Array(b)) if matches!(self.ty(a), Ty::List(_)) => {
                let b = self.list_of(b)?;
                self.compare_values(op, a, b, sign, at)
            }
            (Item::Value(a), b @ (Item::Array(_) | Item::Tuple(_))) if self.ty(a) == Ty::Hole => {
                let b = self.packed(b);
                self.compare_values(op, a, b, sign, at)
            }
            (a @ (Item::Array(_) | Item::Tuple(_)), Item::Value(b)) if self.ty(b) == Ty::Hole => {
                let a = self.packed(a);
                self.compare_values(op, a, b, sign, at)
            }
            (Item::Option(x, a), Item::Option(y, b)) if matches!(op, Op::Eq | Op::Ne) => {
                self.compare_options(op, (x, *a), (y, *b), sign, at)
            }
            (option @ Item::Option(..), Item::Value(v)) | (Item::Value(v), option @ Item::Option(..))
                if self.ty(v) == Ty::Hole =>
            {
                let other = self.taken_apart(v, &Declared::Option(Box::new(Declared::Open)));
                self.compare_items(op, option, other, sign, at)
            }
            (Item::Tuple(a), Item::Tuple(b)) if a.len() == b.len() => self.ordered(op, a, b, sign, at),
            _ => self.left_to_rustc("values that cannot be compared"),
        }
    }

    /// Options are equal if neither has a value, or both have and these are equal.
    fn compare_options(
        &mut self,
        op: Op,
        (x, a): (ValueId, Item),
        (y, b): (ValueId, Item),
        sign: &BinOp,
        at: proc_macro2::Span,
    ) -> Lowered<ValueId> {
        let flags = self.op(Op::Eq, vec![x, y], Attrs::default(), Some(at))?;
        let bool_ty = self.typing.vars.scalar(DType::Bool);
        self.typing.types.insert(flags, bool_ty);
        let both = self.op(Op::And, vec![x, y], Attrs::default(), Some(at))?;
        let asked = self.branch(|l| l.compare_items(Op::Eq, a, b, sign, at).map(Item::Value));
        let not_asked = self.branch(|_| Ok(Item::Value(flags)));
        let Item::Value(equal) = self.join(both, asked, not_asked, at)? else { return Err(Stop::Error) };
        if op == Op::Eq { Ok(equal) } else { self.op(Op::Not, vec![equal], Attrs::default(), Some(at)) }
    }

    /// Tuples are ordered by the first parts that differ.
    fn ordered(
        &mut self,
        op: Op,
        a: Vec<Item>,
        b: Vec<Item>,
        sign: &BinOp,
        at: proc_macro2::Span,
    ) -> Lowered<ValueId> {
        let strict = match op {
            Op::Le => Op::Lt,
            Op::Ge => Op::Gt,
            strict => strict,
        };
        let mut found = None;
        for (a, b) in a.into_iter().zip(b).rev() {
            let Some(rest) = found else {
                found = Some(self.compare_items(op, a, b, sign, at)?);
                continue;
            };
            let equal = self.compare_items(Op::Eq, a.clone(), b.clone(), sign, at)?;
            let here = self.compare_items(strict, a, b, sign, at)?;
            let rest = self.op(Op::And, vec![equal, rest], Attrs::default(), Some(at))?;
            found = Some(self.op(Op::Or, vec![here, rest], Attrs::default(), Some(at))?);
        }
        Ok(found.unwrap_or_else(|| self.known(Scalar::Bool(matches!(op, Op::Le | Op::Ge)))))
    }

    pub(super) fn compare_values(
        &mut self,
        op: Op,
        left: ValueId,
        right: ValueId,
        sign: &BinOp,
        at: proc_macro2::Span,
    ) -> Lowered<ValueId> {
        let bool_ty = self.typing.vars.scalar(DType::Bool);
        let tensor = |l: &Self, v| matches!(l.ty(v), Ty::Tensor(_) | Ty::List(_));
        let equality = matches!(op, Op::Eq | Op::Ne);
        if equality && tensor(self, left) && tensor(self, right) {
            let equal = self.op(Op::Equal, vec![left, right], Attrs::default(), Some(at))?;
            if op == Op::Eq {
                return Ok(equal);
            }
            return self.op(Op::Not, vec![equal], Attrs::default(), Some(at));
        }
        let hole = |l: &Self, v| l.ty(v) == Ty::Hole;
        if equality && (hole(self, left) || hole(self, right)) {
            // Of two tensors or of two scalars: linking knows.
            let found = self.method_node(op.name(), vec![left, right], Some(at));
            self.typing.types.insert(found, bool_ty);
            return Ok(found);
        }
        let mut sides = Vec::new();
        for v in [left, right] {
            if matches!(self.ty(v), Ty::Scalar(_)) {
                sides.push(v);
                continue;
            }
            let attrs = Attrs { text: Some(sign.to_token_stream().to_string()), ..Attrs::default() };
            sides.push(self.op(Op::Item, vec![v], attrs, Some(at))?);
        }
        let found = self.op(op, sides, Attrs::default(), Some(at))?;
        self.typing.types.insert(found, bool_ty);
        Ok(found)
    }

    /// `&&` and `||`: the right side runs only if the left one does not decide.
    fn short_circuit(&mut self, e: &syn::ExprBinary, op: Op) -> Lowered {
        let left = self.condition(&e.left);
        let right = self.branch(|l| l.condition(&e.right).map(Item::Value));
        let left = left?;
        let decided = self.branch(|l| Ok(Item::Value(l.known(Scalar::Bool(op == Op::Or)))));
        if op == Op::And {
            self.join(left, right, decided, e.op.span())
        } else {
            self.join(left, decided, right, e.op.span())
        }
    }

    fn assign(&mut self, e: &syn::ExprAssign) -> Lowered {
        let item = self.used(&e.right)?;
        self.assign_to(&e.left, item)?;
        let place = self.place_of(&e.right);
        self.learn_place(&e.left, place);
        Ok(Item::unit())
    }

    pub(super) fn assign_to(&mut self, target: &Expr, item: Item) -> Lowered<()> {
        match (target, item) {
            (Expr::Infer(_), _) => Ok(()),
            (Expr::Paren(p), item) => self.assign_to(&p.expr, item),
            (Expr::Path(p), item) => {
                let Some(var) = p.path.get_ident().and_then(|i| self.find(&i.to_string())) else {
                    return self.path(p).map(|_| ());
                };
                // `None` for a variable that held `Some(x)`, the result of a call for one that held a tuple.
                let item = match self.env[var].clone() {
                    Some(old) => self.shaped(item.clone(), &old).unwrap_or(item),
                    None => item,
                };
                if let Some(old) = self.env[var].clone() {
                    if let (Item::Value(old), Item::Value(new)) = (&old, &item) {
                        self.join_types(self.ty(*old), self.ty(*new))?;
                    }
                    self.alike(&old, &item);
                }
                if let Item::Value(v) = &item {
                    let name = p.path.get_ident().map(|i| super::plain(&i.to_string()).to_string());
                    let data = &mut self.graph.values[*v];
                    data.name = data.name.take().or(name.as_deref().map(Into::into));
                }
                self.env[var] = Some(item);
                Ok(())
            }
            (Expr::Tuple(t), Item::Tuple(parts)) if t.elems.len() == parts.len() => {
                t.elems.iter().zip(parts).try_for_each(|(e, part)| self.assign_to(e, part))
            }
            (Expr::Tuple(t), Item::Value(v)) if self.ty(v) == Ty::Hole => {
                let parts = self.parts_of(v, t.elems.len());
                t.elems.iter().zip(parts).try_for_each(|(e, part)| self.assign_to(e, part))
            }
            (Expr::Tuple(_), _) => Err(Stop::Error),
            (Expr::Index(e), item) => self.write_element(e, item),
            (Expr::Field(e), item) => self.assign_field(e, item),
            (other @ (Expr::Array(_) | Expr::Struct(_)), _) => self.error(
                other,
                Code::Assignment,
                "a script assigns to variables, tuples of them, their parts and elements",
                "write `(a, b) = ..`, `t.0 = ..` or `x[[i, j]] = ..`",
            ),
            _ => self.left_to_rustc("this is no place for a value"),
        }
    }

    /// `t.0 = value`
    fn assign_field(&mut self, e: &syn::ExprField, item: Item) -> Lowered<()> {
        match (self.expr(&e.base)?, &e.member) {
            (Item::Tuple(mut parts), syn::Member::Unnamed(i)) if (i.index as usize) < parts.len() => {
                parts[i.index as usize] = item;
                self.assign_to(&e.base, Item::Tuple(parts))
            }
            (Item::Value(base), member) if self.ty(base) == Ty::Hole => {
                let name = member.to_token_stream();
                let attrs = Attrs { text: Some(format!("{name} ..")), ..Attrs::default() };
                let value = self.packed(item);
                let changed = self.node(Op::Record, vec![value, base], attrs, Ty::Hole, Some(e.span()));
                self.assign_to(&e.base, Item::Value(changed))
            }
            _ => Err(Stop::Error),
        }
    }

    fn field(&mut self, e: &syn::ExprField) -> Lowered {
        match (self.expr(&e.base)?, &e.member) {
            (Item::Tuple(parts), syn::Member::Unnamed(i)) => {
                parts.get(i.index as usize).cloned().ok_or(Stop::Error)
            }
            (Item::Value(v), member) if self.ty(v) == Ty::Hole => {
                let value = self.field_of(v, member);
                Ok(Item::Value(value))
            }
            // rustc reports it.
            _ => Err(Stop::Error),
        }
    }

    fn cast(&mut self, e: &syn::ExprCast) -> Lowered {
        let x = self.scalar(&e.expr)?;
        match Declared::read(&e.ty, &self.signature.generics) {
            Some(Declared::Scalar(d)) => {
                self.op(Op::Cast, vec![x], Attrs::dtype(d), Some(e.span())).map(Item::Value)
            }
            Some(Declared::Open) if self.signature.generics.is_empty() => {
                // An alias, which rustc knows.
                let value = self.op(Op::Cast, vec![x], Attrs::default(), Some(e.span()))?;
                let ty = &e.ty;
                let place = quote::quote! { { let jit_value: #ty = ::core::unreachable!(); jit_value } };
                self.typed_as(value, place);
                Ok(Item::Value(value))
            }
            _ => self.error(
                &e.ty,
                Code::Expression,
                "`as` in a script converts to f32 f64 i32 i64 u8 usize",
                "use one of these types",
            ),
        }
    }
}

/// `Mlp::RATE` of `<Mlp>::RATE`.
pub(super) fn without_qself(e: &syn::ExprPath) -> Option<syn::ExprPath> {
    let qself = e.qself.as_ref().filter(|q| q.position == 0)?;
    let syn::Type::Path(owner) = &*qself.ty else { return None };
    let mut path = owner.path.clone();
    path.segments.extend(e.path.segments.iter().cloned());
    Some(syn::ExprPath { attrs: vec![], qself: None, path })
}
