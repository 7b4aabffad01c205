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
    /// How many items it gives, a `usize`.
    pub(super) count: ValueId,
    source: Source,
    /// An expression with the type of an item.
    pub(super) place: Option<TokenStream>,
}

/// Where item `i` comes from.
enum Source {
    Range(Range),
    List(ValueId),
    Rows(ValueId),
    /// The items from the last on.
    Rev(Box<Iteration>),
    StepBy(Box<Iteration>, ValueId),
    Skip(Box<Iteration>, ValueId),
    Take(Box<Iteration>),
    Enumerate(Box<Iteration>),
    Zip(Box<Iteration>, Box<Iteration>),
}

struct Range {
    /// The first value; `None` for 0.
    first: Option<ValueId>,
    /// A bound, whose type is that of the values.
    bound: ValueId,
    /// Whether the type has room for the distance of each value from the first.
    narrow: bool,
}

/// Adaptors that a loop over positions replaces.
const OTHERS: &[&str] = &[
    "map",
    "filter",
    "take_while",
    "skip_while",
    "chain",
    "windows",
    "chunks",
    "chunks_exact",
    "flat_map",
    "flatten",
    "filter_map",
    "scan",
    "cycle",
    "peekable",
    "iter_mut",
];

impl Lowerer<'_> {
    /// The parts of what a `for` runs over.
    pub(super) fn iteration(&mut self, expr: &Expr) -> Lowered<Iteration> {
        match expr {
            Expr::Paren(p) => self.iteration(&p.expr),
            Expr::Group(p) => self.iteration(&p.expr),
            Expr::Reference(r) if r.mutability.is_none() => self.iteration(&r.expr),
            Expr::Range(r) => self.range(r),
            Expr::MethodCall(m) => match (m.method.to_string().as_str(), m.args.len()) {
                ("iter" | "into_iter" | "copied" | "cloned" | "by_ref", 0) => self.iteration(&m.receiver),
                ("rev", 0) => self.wrapped(m, Source::Rev),
                ("enumerate", 0) => {
                    let mut all = self.wrapped(m, Source::Enumerate)?;
                    all.place = all.place.map(|place| quote! { (0_usize, #place) });
                    Ok(all)
                }
                ("step_by", 1) => self.step_by(m),
                ("skip", 1) => self.skip(m),
                ("take", 1) => self.take(m),
                ("zip", 1) => self.zip(m),
                ("rows", 0) => self.rows(m),
                (other, _) if OTHERS.contains(&other) => self.error(
                    &m.method,
                    Code::Loop,
                    format!("the adaptor `{other}` is not supported in a script"),
                    "loop over positions, `for i in 0..n`, and write the body out",
                ),
                _ => self.items_of(expr),
            },
            other => self.items_of(other),
        }
    }

    /// As many items as the receiver gives.
    fn wrapped(&mut self, m: &syn::ExprMethodCall, wrap: fn(Box<Iteration>) -> Source) -> Lowered<Iteration> {
        let inner = self.iteration(&m.receiver)?;
        let (count, place) = (inner.count, inner.place.clone());
        Ok(Iteration { count, source: wrap(Box::new(inner)), place })
    }

    /// The elements of a list or an array.
    fn items_of(&mut self, expr: &Expr) -> Lowered<Iteration> {
        let list = match self.expr(expr)? {
            Item::Array(parts) => self.list_of(parts)?,
            Item::Value(v) if self.may_be_list(v) => v,
            Item::Value(v) if matches!(self.ty(v), Ty::Scalar(_)) => {
                return self.left_to_rustc("a number is not iterated");
            }
            Item::Value(v) if matches!(self.ty(v), Ty::Tensor(_)) => {
                self.hide_body();
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
                    "`for` in a script runs over a range, the rows of a tensor, a list or an array",
                    "write `for i in 0..n`, with `..=`, `.rev()` or `.step_by(k)` if needed",
                );
            }
        };
        let count = self.op(Op::Len, vec![list], Attrs::default(), Some(expr.span()))?;
        let place = self.place_of(expr).map(|list| quote! { (#list).iter().next().unwrap() });
        Ok(Iteration { count, source: Source::List(list), place })
    }

    fn rows(&mut self, m: &syn::ExprMethodCall) -> Lowered<Iteration> {
        let x = self.value(&m.receiver)?;
        let count = self.op(Op::Dim, vec![x], Attrs::axes([0]), Some(m.method.span()))?;
        Ok(Iteration { count, source: Source::Rows(x), place: None })
    }

    /// A count that an adaptor takes.
    fn amount(&mut self, m: &syn::ExprMethodCall) -> Lowered<ValueId> {
        let amount = self.scalar(&m.args[0])?;
        self.is_size(amount)?;
        Ok(amount)
    }

    fn step_by(&mut self, m: &syn::ExprMethodCall) -> Lowered<Iteration> {
        let inner = self.iteration(&m.receiver)?;
        let at = m.span();
        if literal(&m.args[0]) == Some(0) {
            return self.error(
                &m.args[0],
                Code::Loop,
                "a step of 0 never comes to the end",
                "step by 1 or more; `.rev()` goes backwards",
            );
        }
        let step = self.amount(m)?;
        let zero = self.known(Scalar::Usize(0));
        let fits = self.op(Op::Gt, vec![step, zero], Attrs::default(), Some(at))?;
        self.assert(fits, "assertion failed: step != 0", vec![], at);
        // (count + step - 1) / step, without overflow.
        let whole = self.op(Op::Div, vec![inner.count, step], Attrs::default(), Some(at))?;
        let rest = self.op(Op::Rem, vec![inner.count, step], Attrs::default(), Some(at))?;
        let more = self.op(Op::Gt, vec![rest, zero], Attrs::default(), Some(at))?;
        let one = self.op(Op::Cast, vec![more], Attrs::dtype(DType::Usize), Some(at))?;
        let count = self.op(Op::Add, vec![whole, one], Attrs::default(), Some(at))?;
        let place = inner.place.clone();
        Ok(Iteration { count, source: Source::StepBy(Box::new(inner), step), place })
    }

    fn skip(&mut self, m: &syn::ExprMethodCall) -> Lowered<Iteration> {
        let inner = self.iteration(&m.receiver)?;
        let skipped = self.amount(m)?;
        let count = self.host("saturating_sub", vec![inner.count, skipped], m.span())?;
        let place = inner.place.clone();
        Ok(Iteration { count, source: Source::Skip(Box::new(inner), skipped), place })
    }

    fn take(&mut self, m: &syn::ExprMethodCall) -> Lowered<Iteration> {
        let inner = self.iteration(&m.receiver)?;
        let most = self.amount(m)?;
        let count = self.op(Op::Minimum, vec![inner.count, most], Attrs::default(), Some(m.span()))?;
        let place = inner.place.clone();
        Ok(Iteration { count, source: Source::Take(Box::new(inner)), place })
    }

    fn zip(&mut self, m: &syn::ExprMethodCall) -> Lowered<Iteration> {
        let (a, b) = (self.iteration(&m.receiver)?, self.iteration(&m.args[0])?);
        let count = self.op(Op::Minimum, vec![a.count, b.count], Attrs::default(), Some(m.span()))?;
        // What no place is known of has no methods of the user's.
        let unknown = || quote! { () };
        let place = (a.place.is_some() || b.place.is_some()).then(|| {
            let (a, b) = (a.place.clone().unwrap_or_else(unknown), b.place.clone().unwrap_or_else(unknown));
            quote! { (#a, #b) }
        });
        Ok(Iteration { count, source: Source::Zip(Box::new(a), Box::new(b)), place })
    }

    /// A function of host numbers by its name in std.
    fn host(&mut self, name: &str, operands: Vec<ValueId>, at: Span) -> Lowered<ValueId> {
        let attrs = Attrs { text: Some(name.to_string()), ..Attrs::default() };
        self.op(Op::Host, operands, attrs, Some(at))
    }

    fn range(&mut self, r: &syn::ExprRange) -> Lowered<Iteration> {
        let Some(start) = &r.start else { return self.left_to_rustc("a range without a start") };
        let at = r.span();
        let inclusive = matches!(r.limits, syn::RangeLimits::Closed(_));
        let from = self.scalar(start);
        let to = r.end.as_ref().map(|end| self.scalar(end)).transpose();
        let (from, to) = (from?, to?);
        let first = (literal(start) != Some(0)).then_some(from);
        let not_negative = literal(start).is_some_and(|n| n >= 0);
        let Some((to, end)) = to.zip(r.end.as_ref()) else {
            let count = self.known(Scalar::Usize(i64::MAX as usize));
            let range = Range { first, bound: from, narrow: true };
            return Ok(Iteration { count, source: Source::Range(range), place: None });
        };
        self.join_types(self.ty(from), self.ty(to))?;
        self.alike(&Item::Value(from), &Item::Value(to));
        let known = if let (Some(a), Some(b)) = (literal(start), literal(end)) {
            let last = if inclusive { b } else { b - 1 };
            Some(usize::try_from(last - a + 1).unwrap_or(0))
        } else {
            None
        };
        let count = match known {
            Some(n) => self.known(Scalar::Usize(n)),
            None if first.is_none() && !inclusive && self.known_type(to) == Some(DType::Usize) => to,
            None => self.distance(from, to, inclusive, at)?,
        };
        let narrow = not_negative || known.is_some_and(|n| n <= i8::MAX as usize);
        let range = Range { first, bound: to, narrow };
        Ok(Iteration { count, source: Source::Range(range), place: None })
    }

    fn known_type(&self, value: ValueId) -> Option<DType> {
        match self.ty(value) {
            Ty::Scalar(var) => self.typing.vars.get(var),
            _ => None,
        }
    }

    /// How many values lie between two bounds. Their own type may have no room for that number: the difference of
    /// two `i64`, taken modulo 2^64, is right as a `usize`.
    fn distance(&mut self, from: ValueId, to: ValueId, inclusive: bool, at: Span) -> Lowered<ValueId> {
        let compare = if inclusive { Op::Le } else { Op::Lt };
        let some = self.op(compare, vec![from, to], Attrs::default(), Some(at))?;
        let bool_ty = self.typing.vars.scalar(DType::Bool);
        self.typing.types.insert(some, bool_ty);
        let full = self.branch(|l| {
            let mut count = if l.known_type(to) == Some(DType::Usize) {
                l.op(Op::Sub, vec![to, from], Attrs::default(), Some(at))?
            } else {
                let to = l.op(Op::Cast, vec![to], Attrs::dtype(DType::I64), Some(at))?;
                let from = l.op(Op::Cast, vec![from], Attrs::dtype(DType::I64), Some(at))?;
                let distance = l.host("wrapping_sub", vec![to, from], at)?;
                l.op(Op::Cast, vec![distance], Attrs::dtype(DType::Usize), Some(at))?
            };
            if inclusive {
                let one = l.known(Scalar::Usize(1));
                count = l.host("saturating_add", vec![count, one], at)?;
            }
            Ok(Item::Value(count))
        });
        let empty = self.branch(|l| Ok(Item::Value(l.known(Scalar::Usize(0)))));
        match self.join(some, full, empty, at)? {
            Item::Value(v) => Ok(v),
            _ => Err(Stop::Error),
        }
    }

    /// The item of iteration `index`.
    pub(super) fn iterated(&mut self, iteration: &Iteration, index: ValueId, at: Span) -> Lowered {
        let combined = |l: &mut Self, op, a, b| l.op(op, vec![a, b], Attrs::default(), Some(at));
        match &iteration.source {
            Source::Range(range) => self.ranged(range, index, at).map(Item::Value),
            Source::List(list) => self.element(*list, index, at).map(Item::Value),
            Source::Rows(x) => {
                self.op(Op::IndexAxis, vec![*x, index], Attrs::axes([0]), Some(at)).map(Item::Value)
            }
            Source::Rev(inner) => {
                let one = self.known(Scalar::Usize(1));
                let last = combined(self, Op::Sub, inner.count, one)?;
                let index = combined(self, Op::Sub, last, index)?;
                self.iterated(inner, index, at)
            }
            Source::StepBy(inner, step) => {
                let index = combined(self, Op::Mul, index, *step)?;
                self.iterated(inner, index, at)
            }
            Source::Skip(inner, skipped) => {
                let index = combined(self, Op::Add, index, *skipped)?;
                self.iterated(inner, index, at)
            }
            Source::Take(inner) => self.iterated(inner, index, at),
            Source::Enumerate(inner) => {
                let item = self.iterated(inner, index, at)?;
                Ok(Item::Tuple(vec![Item::Value(index), item]))
            }
            Source::Zip(a, b) => {
                let (a, b) = (self.iterated(a, index, at)?, self.iterated(b, index, at)?);
                Ok(Item::Tuple(vec![a, b]))
            }
        }
    }

    fn ranged(&mut self, range: &Range, index: ValueId, at: Span) -> Lowered<ValueId> {
        let value = match self.known_type(range.bound) {
            Some(DType::Usize) => index,
            _ => self.as_type_of(range.bound, index, at),
        };
        match range.first {
            None => Ok(value),
            Some(first) if range.narrow || self.known_type(range.bound) == Some(DType::Usize) => {
                self.op(Op::Add, vec![first, value], Attrs::default(), Some(at))
            }
            // The distance may have wrapped, and the sum wraps back.
            Some(first) => self.host("wrapping_add", vec![first, value], at),
        }
    }
}

/// The value of an integer literal that is no extreme one.
fn literal(expr: &Expr) -> Option<i64> {
    let (value, _) = super::literal::scalar_literal(expr)?;
    let small = value.dtype().is_int() && value.as_i64().unsigned_abs() < 1 << 62;
    small.then(|| value.as_i64())
}
