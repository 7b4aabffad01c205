//! Expressions.

use jit_ir::ops::Attrs;
use jit_ir::{DType, Op, Scalar, ValueId};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{BinOp, Expr, UnOp};

use super::literal::{as_f32, scalar_literal, std_constant};
use super::{Item, Lowered, Lowerer, Stop};
use crate::diag::{Code, similar};
use crate::types::{Declared, Ty};

impl Lowerer<'_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> Lowered {
        if let Some((value, dtype)) = scalar_literal(expr) {
            let item = self.literal(value, dtype);
            if let (Item::Value(v), Some(single)) = (&item, as_f32(expr)) {
                self.singles.insert(*v, single);
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
            Expr::Path(e) => self.path(e),
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
            Expr::Break(e) => self.break_expr(e, expr),
            Expr::Continue(e) => self.continue_expr(e, expr),
            Expr::Return(e) => self.return_expr(e),
            Expr::Call(e) => self.call(e),
            Expr::MethodCall(e) => self.method(e),
            Expr::Tuple(e) => self.items(e.elems.iter()).map(Item::Tuple),
            Expr::Array(e) => self.items(e.elems.iter()).map(Item::Array),
            Expr::Field(e) => self.field(e),
            Expr::Index(e) => self.index(e),
            Expr::Cast(e) => self.cast(e),
            Expr::Macro(e) => self.macro_call(&e.mac),
            other => self.unsupported(other),
        }
    }

    fn unsupported(&mut self, expr: &Expr) -> Lowered {
        let (what, help) = match expr {
            Expr::Closure(_) => (
                "closures are not supported in a script",
                "write the code in place, or call another `#[script]` function",
            ),
            Expr::Match(_) => ("`match` is not supported in a script yet", "write it as `if` / `else if`"),
            Expr::Try(_) => (
                "`?` is not supported in a script yet",
                "let errors panic, and call the script by `try_call`",
            ),
            Expr::Range(_) => ("a range stands in a script only in `for`", "write `for i in 0..n`"),
            Expr::Async(_) | Expr::Await(_) => {
                ("a script cannot wait", "await outside and pass the value as an argument")
            }
            Expr::Unsafe(_) => {
                ("`unsafe` is not supported in a script", "do it outside and pass the value as an argument")
            }
            Expr::Struct(_) => ("struct literals are not supported in a script yet", "return a tuple"),
            Expr::Reference(_) => {
                ("`&mut` is not supported in a script", "assign a new value to the variable")
            }
            Expr::Block(_) => ("labelled blocks are not supported in a script", "use a `loop` with `break`"),
            Expr::Let(_) => {
                ("`if let` and `while let` are not supported in a script", "compare values with `if`")
            }
            _ => (
                "this expression is not supported in a script",
                "compute it outside and pass it as an argument",
            ),
        };
        self.error(expr, Code::Expression, what, help)
    }

    /// Several expressions; all are looked at even if one fails.
    fn items<'e>(&mut self, exprs: impl Iterator<Item = &'e Expr>) -> Lowered<Vec<Item>> {
        let items: Vec<Lowered> = exprs.map(|e| self.expr(e)).collect();
        items.into_iter().collect()
    }

    fn path(&mut self, e: &syn::ExprPath) -> Lowered {
        if let Some(value) = std_constant(&e.path) {
            return Ok(Item::Value(self.known(value)));
        }
        let Some(name) = e.path.get_ident() else {
            return self.error(
                e,
                Code::Name,
                "constants of other modules are not supported in a script yet",
                "pass the value as an argument, or write the number",
            );
        };
        let name = name.to_string();
        match self.find(&name).map(|v| self.env[v].clone()) {
            Some(Some(item)) => Ok(item),
            // Used before it is set, or its own error was reported.
            Some(None) => Err(Stop::Error),
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

    /// An expression that gives one value.
    pub(super) fn value(&mut self, expr: &Expr) -> Lowered<ValueId> {
        match self.expr(expr)? {
            Item::Value(v) => Ok(v),
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
        let ty = self.ty(x);
        Ok(Item::Value(self.node(op, vec![x], Attrs::default(), ty, Some(e.span()))))
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
        let value = self.elementwise(op, vec![left?, right?], e.span())?;
        if !assigns {
            return Ok(Item::Value(value));
        }
        self.assign_to(&e.left, Item::Value(value))?;
        Ok(Item::unit())
    }

    /// An elementwise op whose operands have one element type.
    pub(super) fn elementwise(
        &mut self,
        op: Op,
        operands: Vec<ValueId>,
        at: proc_macro2::Span,
    ) -> Lowered<ValueId> {
        let skip = usize::from(op == Op::Select);
        let mut ty = self.ty(operands[skip]);
        let shifts = matches!(op, Op::Shl | Op::Shr);
        for v in &operands[skip + 1..] {
            let other = self.ty(*v);
            ty = if shifts { ty } else { self.combine(ty, other) };
        }
        if skip == 1 {
            // The mask is a tensor, and so is the result.
            ty = match ty {
                Ty::Scalar(v) => Ty::Tensor(v),
                other => other,
            };
        }
        if op.is_test() {
            let bool_var = self.vars.known(DType::Bool);
            ty = match ty {
                Ty::Scalar(_) => Ty::Scalar(bool_var),
                Ty::Tensor(_) => Ty::Tensor(bool_var),
                Ty::Hole => Ty::Hole,
            };
        }
        let mut operands = operands;
        if shifts {
            // Rust shifts by any integer type; the graph by the operand's own.
            let by = self.ty(operands[1]);
            if let (Ty::Scalar(a), Ty::Scalar(b)) = (ty, by) {
                if self.vars.get(b).is_none() {
                    self.vars.unify(b, a);
                } else if self.vars.get(a) != self.vars.get(b) {
                    operands[1] = self.node(Op::Cast, vec![operands[1]], Attrs::default(), ty, Some(at));
                }
            }
        }
        Ok(self.node(op, operands, Attrs::default(), ty, Some(at)))
    }

    /// The type of an elementwise op's result from two operands'.
    fn combine(&mut self, a: Ty, b: Ty) -> Ty {
        match (a, b) {
            (Ty::Scalar(x), Ty::Scalar(y)) => {
                self.vars.unify(x, y);
                a
            }
            (Ty::Tensor(x), Ty::Scalar(y) | Ty::Tensor(y)) => {
                self.vars.unify(x, y);
                a
            }
            (Ty::Scalar(x), Ty::Tensor(y)) => {
                self.vars.unify(y, x);
                b
            }
            (Ty::Hole, Ty::Hole) => Ty::Hole,
            (Ty::Hole, other) | (other, Ty::Hole) => {
                if let Ty::Scalar(v) | Ty::Tensor(v) = other {
                    self.vars.link(v);
                }
                if matches!(other, Ty::Tensor(_)) { other } else { Ty::Hole }
            }
        }
    }

    /// A comparison by an operator: one bool, of host scalars or of rank-0 tensors.
    fn compare(&mut self, e: &syn::ExprBinary, op: Op) -> Lowered {
        let left = self.value(&e.left);
        let right = self.value(&e.right);
        let (left, right) = (left?, right?);
        let bool_ty = Ty::Scalar(self.vars.known(DType::Bool));
        let tensor = |l: &Self, v| matches!(l.ty(v), Ty::Tensor(_));
        if matches!(op, Op::Eq | Op::Ne) && tensor(self, left) && tensor(self, right) {
            self.combine(self.ty(left), self.ty(right));
            let equal = self.node(Op::Equal, vec![left, right], Attrs::default(), bool_ty, Some(e.span()));
            if op == Op::Eq {
                return Ok(Item::Value(equal));
            }
            return Ok(Item::Value(self.node(
                Op::Not,
                vec![equal],
                Attrs::default(),
                bool_ty,
                Some(e.span()),
            )));
        }
        let mut scalar = |v: ValueId| {
            let ty = match self.ty(v) {
                Ty::Tensor(var) => Ty::Scalar(var),
                Ty::Hole => Ty::Hole,
                Ty::Scalar(_) => return v,
            };
            let sign = e.op.to_token_stream().to_string();
            let attrs = Attrs { text: Some(sign), ..Attrs::default() };
            self.node(Op::Item, vec![v], attrs, ty, Some(e.span()))
        };
        let (a, b) = (scalar(left), scalar(right));
        self.combine(self.ty(a), self.ty(b));
        Ok(Item::Value(self.node(op, vec![a, b], Attrs::default(), bool_ty, Some(e.span()))))
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
        let item = self.expr(&e.right)?;
        self.assign_to(&e.left, item)?;
        Ok(Item::unit())
    }

    fn assign_to(&mut self, target: &Expr, item: Item) -> Lowered<()> {
        match (target, item) {
            (Expr::Infer(_), _) => Ok(()),
            (Expr::Paren(p), item) => self.assign_to(&p.expr, item),
            (Expr::Path(p), item) => {
                let Some(var) = p.path.get_ident().and_then(|i| self.find(&i.to_string())) else {
                    return self.path(p).map(|_| ());
                };
                if let (Some(Item::Value(old)), Item::Value(new)) = (self.env[var].clone(), &item) {
                    self.join_types(self.ty(old), self.ty(*new))?;
                }
                if let Item::Value(v) = &item {
                    let name = p.path.get_ident().map(|i| i.to_string());
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
                let parts = self.split_call(v, t.elems.len());
                t.elems.iter().zip(parts).try_for_each(|(e, part)| self.assign_to(e, Item::Value(part)))
            }
            (Expr::Tuple(_), _) => Err(Stop::Error),
            (other, _) => self.error(
                other,
                Code::Assignment,
                "only variables can be assigned in a script yet",
                "build the tensor with `select`, `concat` or `stack`",
            ),
        }
    }

    fn field(&mut self, e: &syn::ExprField) -> Lowered {
        let syn::Member::Unnamed(index) = &e.member else {
            return self.error(
                e,
                Code::Expression,
                "fields are not supported in a script yet",
                "pass the tensors as arguments of their own",
            );
        };
        match self.expr(&e.base)? {
            Item::Tuple(parts) => parts.get(index.index as usize).cloned().ok_or(Stop::Error),
            _ => self.error(
                &e.base,
                Code::OpenType,
                "the type of this value is not known to the script",
                "take the result of a call apart by a pattern: `let (a, b) = f(x);`",
            ),
        }
    }

    fn index(&mut self, e: &syn::ExprIndex) -> Lowered {
        let x = self.value(&e.expr);
        let places = match self.expr(&e.index) {
            Ok(Item::Array(items)) => items,
            Ok(item) => vec![item],
            Err(stop) => return Err(stop),
        };
        let x = x?;
        let Ty::Tensor(var) = self.ty(x) else {
            return self.open_type(&e.expr);
        };
        let mut operands = vec![x];
        for place in places {
            let Item::Value(v) = place else { return Err(Stop::Error) };
            let usize_var = self.vars.known(DType::Usize);
            self.join_types(self.ty(v), Ty::Scalar(usize_var))?;
            operands.push(v);
        }
        Ok(Item::Value(self.node(Op::Index, operands, Attrs::default(), Ty::Scalar(var), Some(e.span()))))
    }

    pub(super) fn open_type<T>(&mut self, at: &Expr) -> Lowered<T> {
        self.error(
            at,
            Code::OpenType,
            "the type of this value is not known to the script",
            "name it: `let y: Tensor = f(x);`",
        )
    }

    fn cast(&mut self, e: &syn::ExprCast) -> Lowered {
        let x = self.scalar(&e.expr)?;
        match Declared::read(&e.ty) {
            Some(Declared::Scalar(d)) => {
                let ty = Ty::Scalar(self.vars.known(d));
                Ok(Item::Value(self.node(Op::Cast, vec![x], Attrs::dtype(d), ty, Some(e.span()))))
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
