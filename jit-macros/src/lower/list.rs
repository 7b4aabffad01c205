//! Lists: `Vec`, `vec![]`, elements read and written.

use jit_ir::ops::Attrs;
use jit_ir::unify::Ty;
use jit_ir::{Op, Scalar, ValueId};
use proc_macro2::Span;
use syn::Expr;
use syn::spanned::Spanned;

use super::literal::scalar_literal;
use super::{Item, Lowered, Lowerer, Stop};
use crate::diag::Code;
use crate::types::MAX_ARRAY;

impl Lowerer<'_> {
    /// A list of values.
    pub(super) fn list_of(&mut self, items: Vec<Item>) -> Lowered<ValueId> {
        let values: Vec<ValueId> = items.into_iter().map(|i| self.packed(i)).collect();
        self.op(Op::List, values, Attrs::default(), None)
    }

    /// `[value; n]`
    pub(super) fn repeat_expr(&mut self, e: &syn::ExprRepeat) -> Lowered {
        let value = self.expr(&e.expr)?;
        match scalar_literal(&e.len) {
            Some((n, _)) if (0..=MAX_ARRAY as i64).contains(&n.as_i64()) => {
                Ok(Item::Array(vec![value; n.as_i64() as usize]))
            }
            _ => self.error(
                &e.len,
                Code::Constant,
                format!("an array in a script has at most {MAX_ARRAY} elements, counted by a literal"),
                "use a tensor: `Tensor::<i64>::zeros([n])`",
            ),
        }
    }

    /// `vec![a, b]`
    pub(super) fn vec_macro(&mut self, m: &syn::Macro) -> Lowered {
        use syn::parse::Parser;
        let parser = syn::punctuated::Punctuated::<Expr, syn::Token![,]>::parse_terminated;
        let Ok(elements) = parser.parse2(m.tokens.clone()) else {
            return self.repeated(m);
        };
        let items: Vec<Lowered> = elements.iter().map(|e| self.expr(e)).collect();
        let items: Vec<Item> = items.into_iter().collect::<Lowered<_>>()?;
        self.list_of(items).map(Item::Value)
    }

    /// `vec![value; n]`: the value is pushed so many times.
    fn repeated(&mut self, m: &syn::Macro) -> Lowered {
        // What cannot be parsed is left to rustc.
        let Ok(syn::ExprRepeat { expr, len, .. }) = repeated(m) else {
            return self.left_to_rustc("this is no list");
        };
        let pushed: Expr = syn::parse_quote_spanned! { m.span() => {
            let jit_value = #expr;
            let mut jit_list = ::std::vec::Vec::new();
            for _ in 0..(#len) {
                jit_list.push(jit_value.clone());
            }
            jit_list
        }};
        self.expr(&pushed)
    }

    /// A method of a list; `None` for one that lists do not have.
    pub(super) fn list_method(&mut self, e: &syn::ExprMethodCall, list: ValueId) -> Lowered<Option<Item>> {
        let at = e.method.span();
        Ok(Some(match (e.method.to_string().as_str(), e.args.len()) {
            ("len", 0) => Item::Value(self.op(Op::Len, vec![list], Attrs::default(), Some(at))?),
            ("is_empty", 0) => {
                let len = self.op(Op::Len, vec![list], Attrs::default(), Some(at))?;
                let zero = self.known(Scalar::Usize(0));
                Item::Value(self.op(Op::Eq, vec![len, zero], Attrs::default(), Some(at))?)
            }
            ("push", 1) => {
                let value = self.expr(&e.args[0])?;
                let value = self.packed(value);
                let pushed = self.op(Op::Push, vec![list, value], Attrs::default(), Some(at))?;
                self.assign_to(&e.receiver, Item::Value(pushed))?;
                let place =
                    self.place_of(&e.args[0]).map(|item| quote::quote! { ::std::vec![(#item).clone()] });
                self.learn_place(&e.receiver, place);
                Item::unit()
            }
            ("clear", 0) => {
                let empty = self.node(Op::List, vec![], Attrs::default(), self.ty(list), Some(at));
                self.assign_to(&e.receiver, Item::Value(empty))?;
                Item::unit()
            }
            _ => return Ok(None),
        }))
    }

    /// `x.split(axis, n)`: as many values as the literal says.
    pub(super) fn split(&mut self, e: &syn::ExprMethodCall, x: ValueId) -> Lowered {
        let axis = self.axis(&e.args[0])?;
        let n = match scalar_literal(&e.args[1]) {
            Some((n, _)) if (1..=MAX_ARRAY as i64).contains(&n.as_i64()) => n.as_i64() as usize,
            _ => {
                return self.error(
                    &e.args[1],
                    Code::Constant,
                    format!("a script splits into 1 to {MAX_ARRAY} parts, counted by a literal"),
                    "write the number, or take slices in a loop: `x.slice_axis(0, start, end)`",
                );
            }
        };
        let count = self.known(Scalar::Usize(n));
        let part = |l: &mut Self, i: usize| {
            let i = l.known(Scalar::Usize(i));
            let operands = vec![x, i, count];
            l.op(Op::PartOf, operands, Attrs::axes([axis]), Some(e.method.span())).map(Item::Value)
        };
        (0..n).map(|i| part(self, i)).collect::<Lowered<Vec<_>>>().map(Item::Array)
    }

    /// `x.topk(k, axis)`: the positions, and what stands there.
    pub(super) fn topk(&mut self, e: &syn::ExprMethodCall, x: ValueId) -> Lowered {
        let (k, axis) = (self.value(&e.args[0])?, self.axis(&e.args[1])?);
        self.is_size(k)?;
        let mut op = |op, operands| self.op(op, operands, Attrs::axes([axis]), Some(e.method.span()));
        let places = op(Op::TopK, vec![x, k])?;
        let values = op(Op::Gather, vec![x, places])?;
        Ok(Item::Tuple(vec![Item::Value(values), Item::Value(places)]))
    }

    /// `x.split_sizes(axis, [a, b])`
    pub(super) fn split_sizes(&mut self, e: &syn::ExprMethodCall, x: ValueId) -> Lowered {
        let (axis, at) = (self.axis(&e.args[0])?, e.method.span());
        let sizes = self.positions(&e.args[1])?;
        let mut ends = vec![self.known(Scalar::Usize(0))];
        for size in sizes {
            let end = self.op(Op::Add, vec![ends[ends.len() - 1], size], Attrs::default(), Some(at))?;
            ends.push(end);
        }
        let all = ends[ends.len() - 1];
        let part = |l: &mut Self, ends: &[ValueId]| {
            let operands = vec![x, ends[0], ends[1], all];
            l.op(Op::PartSized, operands, Attrs::axes([axis]), Some(at)).map(Item::Value)
        };
        ends.windows(2).map(|pair| part(self, pair)).collect::<Lowered<Vec<_>>>().map(Item::Array)
    }

    /// `x[i]` and `x[[i, j]]`
    pub(super) fn index(&mut self, e: &syn::ExprIndex) -> Lowered {
        if let Expr::MethodCall(m) = &*e.expr
            && m.method == "shape"
            && let Some((axis, _)) = scalar_literal(&e.index)
        {
            let x = self.value(&m.receiver)?;
            return self.op(Op::Dim, vec![x], Attrs::axes([axis.as_i64()]), Some(e.span())).map(Item::Value);
        }
        if let Expr::Range(r) = &*e.index
            && r.start.is_none()
            && r.end.is_none()
        {
            // `xs[..]` is all of the list.
            return self.expr(&e.expr);
        }
        let base = self.expr(&e.expr);
        let places = self.positions(&e.index);
        let x = match base? {
            Item::Value(v) => v,
            Item::Array(parts) => {
                if let Some((i, _)) = scalar_literal(&e.index) {
                    return parts.get(i.as_i64() as usize).cloned().ok_or(Stop::Error);
                }
                self.list_of(parts)?
            }
            _ => return Err(Stop::Error),
        };
        let mut operands = vec![x];
        operands.extend(places?);
        self.op(Op::Index, operands, Attrs::default(), Some(e.span())).map(Item::Value)
    }

    /// The positions of an index.
    fn positions(&mut self, index: &Expr) -> Lowered<Vec<ValueId>> {
        if let Expr::Range(_) = index {
            return self.error(
                index,
                Code::Expression,
                "slices by a range are not supported in a script",
                "write `x.slice_axis(0, start, end)`",
            );
        }
        let places = match self.expr(index)? {
            Item::Array(items) => items,
            item => vec![item],
        };
        let mut values = Vec::new();
        for place in places {
            let Item::Value(v) = place else { return Err(Stop::Error) };
            self.is_size(v)?;
            values.push(v);
        }
        Ok(values)
    }

    /// `x[[i, j]] = value`
    pub(super) fn write_element(&mut self, e: &syn::ExprIndex, value: Item) -> Lowered<()> {
        let base = self.expr(&e.expr)?;
        let places = self.positions(&e.index)?;
        let x = match base {
            Item::Value(v) => v,
            Item::Array(parts) => self.list_of(parts)?,
            _ => return Err(Stop::Error),
        };
        let mut operands = vec![x];
        operands.extend(places);
        operands.push(self.packed(value));
        let written = self.op(Op::SetIndex, operands, Attrs::default(), Some(e.span()))?;
        self.assign_to(&e.expr, Item::Value(written))
    }

    /// The values of a literal or of constants, as integers.
    pub(super) fn constant_int(&self, value: ValueId) -> Option<i64> {
        self.graph.constant_of(value).filter(|s| s.dtype().is_int()).map(Scalar::as_i64)
    }

    /// Whether a value may be a list.
    pub(super) fn may_be_list(&self, value: ValueId) -> bool {
        matches!(self.ty(value), Ty::List(_) | Ty::Hole)
    }

    /// The first elements of a list.
    pub(super) fn elements_of(
        &mut self,
        list: ValueId,
        count: usize,
        at: Option<Span>,
    ) -> Lowered<Vec<Item>> {
        let element = |l: &mut Self, i: usize| {
            let i = l.known(Scalar::Usize(i));
            l.op(Op::Index, vec![list, i], Attrs::default(), at).map(Item::Value)
        };
        (0..count).map(|i| element(self, i)).collect()
    }

    /// The element of a list at a position.
    pub(super) fn element(&mut self, list: ValueId, index: ValueId, at: Span) -> Lowered<ValueId> {
        self.op(Op::Index, vec![list, index], Attrs::default(), Some(at))
    }
}

/// The value and the count of `vec![value; n]`.
pub(super) fn repeated(m: &syn::Macro) -> syn::Result<syn::ExprRepeat> {
    let tokens = &m.tokens;
    syn::parse2(quote::quote! { [#tokens] })
}
