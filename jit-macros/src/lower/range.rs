//! What `for` runs over: ranges, rows, lists, and their adaptors.

use jit_ir::ops::Attrs;
use jit_ir::unify::Ty;
use jit_ir::{DType, Op, Scalar, ValueId};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Expr;
use syn::spanned::Spanned;

use super::{Item, Lowered, Lowerer, Stop};
use crate::diag::Code;

/// An iteration whose parts have been evaluated.
pub(super) struct Iteration {
    /// Trips, a `usize`.
    pub(super) count: ValueId,
    base: Base,
    /// What is done with the positions, the innermost first.
    adaptors: Vec<Adaptor>,
    /// An expression with the type of what the iteration gives.
    pub(super) place: Option<TokenStream>,
}

enum Base {
    /// The first value; `None` for 0.
    Range {
        first: Option<ValueId>,
        ty: Ty,
    },
    List(ValueId),
    Rows(ValueId),
}

enum Adaptor {
    /// From the last of so many positions.
    Rev(ValueId),
    StepBy(ValueId),
    Enumerate,
}

impl Lowerer<'_> {
    /// The parts of what a `for` runs over.
    pub(super) fn iteration(&mut self, expr: &Expr) -> Lowered<Iteration> {
        match expr {
            Expr::Paren(p) => self.iteration(&p.expr),
            Expr::Group(p) => self.iteration(&p.expr),
            Expr::Reference(r) if r.mutability.is_none() => self.iteration(&r.expr),
            Expr::Range(r) => self.range(r),
            Expr::MethodCall(m) => match (m.method.to_string().as_str(), m.args.len()) {
                ("iter" | "into_iter" | "copied" | "cloned", 0) => self.iteration(&m.receiver),
                ("rev", 0) => {
                    let mut inner = self.iteration(&m.receiver)?;
                    inner.adaptors.push(Adaptor::Rev(inner.count));
                    Ok(inner)
                }
                ("enumerate", 0) => {
                    let mut inner = self.iteration(&m.receiver)?;
                    inner.adaptors.push(Adaptor::Enumerate);
                    inner.place = None;
                    Ok(inner)
                }
                ("step_by", 1) => self.step_by(m),
                ("rows", 0) => self.rows(m),
                (
                    "map" | "filter" | "zip" | "skip" | "take_while" | "chain" | "windows" | "chunks"
                    | "flat_map",
                    _,
                ) => self.error(
                    &m.method,
                    Code::Loop,
                    format!("the adaptor `{}` is not supported in a script", m.method),
                    "loop over positions, `for i in 0..n`, and write the body out",
                ),
                _ => self.items_of(expr),
            },
            other => self.items_of(other),
        }
    }

    /// The elements of a list or an array.
    fn items_of(&mut self, expr: &Expr) -> Lowered<Iteration> {
        let list = match self.expr(expr)? {
            Item::Array(parts) => self.list_of(parts)?,
            Item::Value(v) if self.may_be_list(v) => v,
            Item::Value(v) if matches!(self.ty(v), Ty::Tensor(_)) => {
                return self.error(
                    expr,
                    Code::Loop,
                    "a tensor is not iterated as it is",
                    "write `for row in x.rows()`, or `for i in 0..x.len()`",
                );
            }
            _ => {
                return self.error(
                    expr,
                    Code::Loop,
                    "`for` in a script runs over a range, rows or a list",
                    "write `for i in 0..n`, with `..=`, `.rev()` or `.step_by(k)` if needed",
                );
            }
        };
        let count = self.op(Op::Len, vec![list], Attrs::default(), Some(expr.span()))?;
        let place = self.place_of(expr).map(|list| quote! { (#list).iter().next().unwrap() });
        Ok(Iteration { count, base: Base::List(list), adaptors: vec![], place })
    }

    fn rows(&mut self, m: &syn::ExprMethodCall) -> Lowered<Iteration> {
        let x = self.value(&m.receiver)?;
        let count = self.op(Op::Dim, vec![x], Attrs::axes([0]), Some(m.method.span()))?;
        Ok(Iteration { count, base: Base::Rows(x), adaptors: vec![], place: None })
    }

    fn step_by(&mut self, m: &syn::ExprMethodCall) -> Lowered<Iteration> {
        let mut inner = self.iteration(&m.receiver)?;
        let at = m.span();
        let step = self.scalar(&m.args[0])?;
        let usize_ty = self.typing.vars.scalar(DType::Usize);
        self.join_types(self.ty(step), usize_ty)?;
        let zero = self.known(Scalar::Usize(0));
        let fits = self.op(Op::Gt, vec![step, zero], Attrs::default(), Some(at))?;
        self.assert(fits, "assertion failed: step != 0", vec![], at);
        // (count + step - 1) / step, without overflow.
        let whole = self.op(Op::Div, vec![inner.count, step], Attrs::default(), Some(at))?;
        let rest = self.op(Op::Rem, vec![inner.count, step], Attrs::default(), Some(at))?;
        let more = self.op(Op::Gt, vec![rest, zero], Attrs::default(), Some(at))?;
        let one = self.op(Op::Cast, vec![more], Attrs::dtype(DType::Usize), Some(at))?;
        inner.count = self.op(Op::Add, vec![whole, one], Attrs::default(), Some(at))?;
        inner.adaptors.push(Adaptor::StepBy(step));
        Ok(inner)
    }

    fn range(&mut self, r: &syn::ExprRange) -> Lowered<Iteration> {
        let Some(start) = &r.start else { return self.left_to_rustc("a range without a start") };
        let at = r.span();
        let inclusive = matches!(r.limits, syn::RangeLimits::Closed(_));
        let from = self.scalar(start);
        let to = r.end.as_ref().map(|end| self.scalar(end)).transpose();
        let (from, to) = (from?, to?);
        let first = (literal(start) != Some(0)).then_some(from);
        let Some((to, end)) = to.zip(r.end.as_ref()) else {
            let count = self.known(Scalar::Usize(i64::MAX as usize));
            return Ok(Iteration {
                count,
                base: Base::Range { first, ty: self.ty(from) },
                adaptors: vec![],
                place: None,
            });
        };
        let ty = self.join_types(self.ty(from), self.ty(to))?;
        let known_usize =
            |l: &Self, v| matches!(l.ty(v), Ty::Scalar(var) if l.typing.vars.get(var) == Some(DType::Usize));
        let count = if first.is_none() && !inclusive && known_usize(self, to) {
            to
        } else if let (Some(a), Some(b)) = (literal(start), literal(end)) {
            let last = if inclusive { b } else { b - 1 };
            self.known(Scalar::Usize(usize::try_from(last - a + 1).unwrap_or(0)))
        } else {
            self.distance(from, to, inclusive, at)?
        };
        Ok(Iteration { count, base: Base::Range { first, ty }, adaptors: vec![], place: None })
    }

    /// How many values lie between two bounds.
    fn distance(&mut self, from: ValueId, to: ValueId, inclusive: bool, at: Span) -> Lowered<ValueId> {
        let compare = if inclusive { Op::Le } else { Op::Lt };
        let some = self.op(compare, vec![from, to], Attrs::default(), Some(at))?;
        let bool_ty = self.typing.vars.scalar(DType::Bool);
        self.typing.types.insert(some, bool_ty);
        let full = self.branch(|l| {
            let distance = l.op(Op::Sub, vec![to, from], Attrs::default(), Some(at))?;
            let mut count = l.op(Op::Cast, vec![distance], Attrs::dtype(DType::Usize), Some(at))?;
            if inclusive {
                let one = l.known(Scalar::Usize(1));
                count = l.op(Op::Add, vec![count, one], Attrs::default(), Some(at))?;
            }
            Ok(Item::Value(count))
        });
        let empty = self.branch(|l| Ok(Item::Value(l.known(Scalar::Usize(0)))));
        match self.join(some, full, empty, at)? {
            Item::Value(v) => Ok(v),
            _ => Err(Stop::Error),
        }
    }

    /// What the iteration gives in trip `index`.
    pub(super) fn iterated(&mut self, iteration: &Iteration, index: ValueId, at: Span) -> Lowered {
        self.adapted(iteration, &iteration.adaptors, index, at)
    }

    fn adapted(&mut self, iteration: &Iteration, adaptors: &[Adaptor], index: ValueId, at: Span) -> Lowered {
        let Some((outer, inner)) = adaptors.split_last() else {
            return self.base_value(&iteration.base, index, at).map(Item::Value);
        };
        match outer {
            Adaptor::Rev(count) => {
                let one = self.known(Scalar::Usize(1));
                let last = self.op(Op::Sub, vec![*count, one], Attrs::default(), Some(at))?;
                let index = self.op(Op::Sub, vec![last, index], Attrs::default(), Some(at))?;
                self.adapted(iteration, inner, index, at)
            }
            Adaptor::StepBy(step) => {
                let index = self.op(Op::Mul, vec![index, *step], Attrs::default(), Some(at))?;
                self.adapted(iteration, inner, index, at)
            }
            Adaptor::Enumerate => {
                let item = self.adapted(iteration, inner, index, at)?;
                Ok(Item::Tuple(vec![Item::Value(index), item]))
            }
        }
    }

    fn base_value(&mut self, base: &Base, index: ValueId, at: Span) -> Lowered<ValueId> {
        match base {
            Base::List(list) => self.element(*list, index, at),
            Base::Rows(x) => self.op(Op::IndexAxis, vec![*x, index], Attrs::axes([0]), Some(at)),
            Base::Range { first, ty } => {
                let value = match (ty, first) {
                    (Ty::Scalar(v), _) if self.typing.vars.get(*v) == Some(DType::Usize) => index,
                    // The element type may be open still: it is filled in when types are settled.
                    (Ty::Scalar(_), _) => self.node(Op::Cast, vec![index], Attrs::default(), *ty, Some(at)),
                    (_, Some(first)) => self.method_node("like", vec![index, *first], Some(at)),
                    // A bound that linking will know, from 0: `0..self.n`.
                    (_, None) => index,
                };
                match first {
                    None => Ok(value),
                    Some(first) => self.op(Op::Add, vec![*first, value], Attrs::default(), Some(at)),
                }
            }
        }
    }
}

/// The value of an integer literal that is no extreme one.
fn literal(expr: &Expr) -> Option<i64> {
    let (value, _) = super::literal::scalar_literal(expr)?;
    let small = value.dtype().is_int() && value.as_i64().unsigned_abs() < 1 << 62;
    small.then(|| value.as_i64())
}
