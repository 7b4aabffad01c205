//! `if`, loops, and what leaves them.

use jit_ir::ops::Attrs;
use jit_ir::{Op, RegionId, Scalar, Type, ValueId};
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Block, Expr, Label, Lifetime, Pat};

use super::{Item, LoopScope, Lowered, Lowerer, Stop, VarId, location};
use crate::diag::Code;
use crate::types::Ty;

/// What decides how often a body runs.
enum Trips<'e> {
    While(&'e Expr),
    Forever,
    Counted { pattern: &'e Pat, range: Range },
}

/// A range whose bounds have been evaluated.
struct Range {
    /// Trips, a `usize`.
    count: ValueId,
    /// The first value; `None` for 0.
    first: Option<ValueId>,
    down: bool,
    /// Distance between two values; `None` for 1.
    step: Option<ValueId>,
    ty: Ty,
}

/// A carried value: which leaf of which variable, and its value at the start.
struct Carried {
    var: VarId,
    leaf: usize,
    init: ValueId,
    arg: Option<ValueId>,
    next: ValueId,
}

impl Lowerer<'_> {
    /// A host bool.
    pub(super) fn condition(&mut self, expr: &Expr) -> Lowered<ValueId> {
        if let Expr::Let(e) = expr {
            return self.error(
                e,
                Code::Expression,
                "`if let` and `while let` are not supported in a script",
                "compare values with `if`",
            );
        }
        match self.expr(expr)? {
            Item::Value(v) => match self.ty(v) {
                Ty::Tensor(_) => self.error(
                    expr,
                    Code::TensorCondition,
                    "a tensor is not a condition",
                    "reduce it to one bool: `x.any().item()` or `x.all().item()`",
                ),
                _ => Ok(v),
            },
            _ => Err(Stop::Error),
        }
    }

    pub(super) fn if_expr(&mut self, e: &syn::ExprIf) -> Lowered {
        if let Expr::Let(_) = &*e.cond {
            // The names that it would bind are missing in the block: one message is enough.
            return self.condition(&e.cond).map(Item::Value);
        }
        let condition = self.condition(&e.cond);
        let then = self.branch(|l| l.block(&e.then_branch));
        let other = self.branch(|l| match &e.else_branch {
            Some((_, e)) => l.expr(e),
            None => Ok(Item::unit()),
        });
        // Without an else the value of the then-block is `()`, or rustc reports it.
        self.join(condition?, then, other, e.if_token.span())
    }

    pub(super) fn while_expr(&mut self, e: &syn::ExprWhile) -> Lowered {
        self.repeat(Trips::While(&e.cond), &e.body, &e.label, e.while_token.span())
    }

    pub(super) fn loop_expr(&mut self, e: &syn::ExprLoop) -> Lowered {
        self.repeat(Trips::Forever, &e.body, &e.label, e.loop_token.span())
    }

    pub(super) fn for_expr(&mut self, e: &syn::ExprForLoop) -> Lowered {
        let range = self.range(&e.expr, false, None);
        match range {
            Ok(range) => {
                let trips = Trips::Counted { pattern: &e.pat, range };
                self.repeat(trips, &e.body, &e.label, e.for_token.span())
            }
            Err(stop) => Err(stop),
        }
    }

    /// The values of a range expression.
    fn range(&mut self, expr: &Expr, down: bool, step: Option<&Expr>) -> Lowered<Range> {
        match expr {
            Expr::Paren(p) => self.range(&p.expr, down, step),
            Expr::MethodCall(m) if m.method == "rev" && m.args.is_empty() && step.is_none() && !down => {
                self.range(&m.receiver, true, None)
            }
            Expr::MethodCall(m) if m.method == "step_by" && m.args.len() == 1 && step.is_none() && !down => {
                self.range(&m.receiver, false, m.args.first())
            }
            Expr::Range(r) => self.bounds(r, down, step),
            _ => self.error(
                expr,
                Code::Loop,
                "`for` in a script runs over a range",
                "write `for i in 0..n`, with `..=`, `.rev()` or `.step_by(k)` if needed",
            ),
        }
    }

    fn bounds(&mut self, r: &syn::ExprRange, down: bool, step: Option<&Expr>) -> Lowered<Range> {
        let (Some(start), Some(end)) = (&r.start, &r.end) else {
            return self.error(
                r,
                Code::Loop,
                "a range without a bound cannot be counted",
                "write both bounds, or a `loop` with `break`",
            );
        };
        let at = r.span();
        let inclusive = matches!(r.limits, syn::RangeLimits::Closed(_));
        let from = self.scalar(start);
        let to = self.scalar(end);
        let step = step.map(|s| self.scalar(s)).transpose();
        let (from, to, step) = (from?, to?, step?);
        let ty = self.join_types(self.ty(from), self.ty(to))?;
        let first = (!is_zero(start)).then_some(from);
        let plain = !down && !inclusive && step.is_none() && is_zero(start);
        if plain && matches!(self.ty(to), Ty::Scalar(v) if self.vars.get(v) == Some(jit_ir::DType::Usize)) {
            return Ok(Range { count: to, first, down, step, ty });
        }
        if let (Some(a), Some(b), None) = (literal(start), literal(end), step) {
            let last = if inclusive { b } else { b - 1 };
            let count = usize::try_from(last - a + 1).unwrap_or(0);
            let first = if down { Some(self.constant(Scalar::I64(last), ty)) } else { first };
            return Ok(Range { count: self.known(Scalar::Usize(count)), first, down, step, ty });
        }
        let bool_ty = Ty::Scalar(self.vars.known(jit_ir::DType::Bool));
        let compare = if inclusive { Op::Le } else { Op::Lt };
        let some = self.node(compare, vec![from, to], Attrs::default(), bool_ty, Some(at));
        let usize_ty = Ty::Scalar(self.vars.known(jit_ir::DType::Usize));
        let full = self.branch(|l| {
            let distance = l.node(Op::Sub, vec![to, from], Attrs::default(), ty, Some(at));
            let mut count =
                l.node(Op::Cast, vec![distance], Attrs::dtype(jit_ir::DType::Usize), usize_ty, Some(at));
            let one = l.known(Scalar::Usize(1));
            // The last value's number, or one more.
            let add = |l: &mut Self, v| l.node(Op::Add, vec![v, one], Attrs::default(), usize_ty, Some(at));
            match step {
                Some(step) => {
                    if !inclusive {
                        count = l.node(Op::Sub, vec![count, one], Attrs::default(), usize_ty, Some(at));
                    }
                    count = l.node(Op::Div, vec![count, step], Attrs::default(), usize_ty, Some(at));
                    count = add(l, count);
                }
                None if inclusive => count = add(l, count),
                None => {}
            }
            Ok(Item::Value(count))
        });
        let empty = self.branch(|l| Ok(Item::Value(l.known(Scalar::Usize(0)))));
        let count = match self.join(some, full, empty, at)? {
            Item::Value(v) => v,
            _ => return Err(Stop::Error),
        };
        if let Some(step) = step {
            let var = self.vars.known(jit_ir::DType::Usize);
            self.join_types(self.ty(step), Ty::Scalar(var))?;
            let zero = self.known(Scalar::Usize(0));
            let fits = self.node(Op::Gt, vec![step, zero], Attrs::default(), bool_ty, Some(at));
            self.assert(fits, "assertion failed: step != 0", at);
        }
        let first =
            if down { Some(if inclusive { to } else { self.last_below(some, to, ty, at)? }) } else { first };
        Ok(Range { count, first, down, step, ty })
    }

    /// `to - 1` where there is a trip.
    fn last_below(&mut self, some: ValueId, to: ValueId, ty: Ty, at: Span) -> Lowered<ValueId> {
        let below = self.branch(|l| {
            let one = l.constant(Scalar::I64(1), ty);
            Ok(Item::Value(l.node(Op::Sub, vec![to, one], Attrs::default(), ty, Some(at))))
        });
        let none = self.branch(|_| Ok(Item::Value(to)));
        match self.join(some, below, none, at)? {
            Item::Value(v) => Ok(v),
            _ => Err(Stop::Error),
        }
    }

    /// The value of a range in trip `index`.
    fn range_value(&mut self, range: &Range, index: ValueId, at: Span) -> ValueId {
        let usize_ty = self.ty(index);
        let mut distance = index;
        if let Some(step) = range.step {
            distance = self.node(Op::Mul, vec![distance, step], Attrs::default(), usize_ty, Some(at));
        }
        let same = matches!((range.ty, usize_ty), (Ty::Scalar(a), Ty::Scalar(_)) if self.vars.get(a) == Some(jit_ir::DType::Usize));
        if !same {
            // The element type may be open still: it is filled in when types are settled.
            distance = self.node(Op::Cast, vec![distance], Attrs::default(), range.ty, Some(at));
        }
        match range.first {
            None => distance,
            Some(first) => {
                let op = if range.down { Op::Sub } else { Op::Add };
                self.node(op, vec![first, distance], Attrs::default(), range.ty, Some(at))
            }
        }
    }

    fn repeat(&mut self, trips: Trips<'_>, body: &Block, label: &Option<Label>, at: Span) -> Lowered {
        let scope = LoopScope {
            label: label.as_ref().map(|l| l.name.ident.to_string()),
            broken: self.hidden(),
            continued: self.hidden(),
            value: self.hidden(),
        };
        let (broken, continued, value) = (scope.broken, scope.continued, scope.value);
        self.set_flag(broken, false);
        let outer_env = self.env.clone();
        let outer_maybe = std::mem::take(&mut self.maybe);
        let body_region = self.graph.region();
        let index = matches!(trips, Trips::Counted { .. }).then(|| self.argument(body_region, Type::Hole));
        if let Some(index) = index {
            let ty = Ty::Scalar(self.vars.known(jit_ir::DType::Usize));
            self.types.insert(index, ty);
        }
        let args: Vec<Option<Item>> =
            outer_env.iter().enumerate().map(|(var, i)| self.arguments(body_region, var, i)).collect();
        self.env = args.clone();
        self.loops.push(scope);
        let outcome = self.in_region(body_region, |l| {
            l.set_flag(continued, false);
            l.scopes.push(Default::default());
            let bound = match (&trips, index) {
                (Trips::Counted { pattern, range }, Some(index)) => {
                    let value = l.range_value(range, index, at);
                    l.bind(pattern, Item::Value(value))
                }
                _ => Ok(()),
            };
            let outcome = bound.and_then(|()| l.block(body));
            l.scopes.pop();
            outcome
        });
        self.loops.pop();
        let mut body_env = std::mem::replace(&mut self.env, outer_env.clone());
        body_env.truncate(outer_env.len());
        self.maybe = outer_maybe;
        if outcome == Err(Stop::Error) {
            return Err(Stop::Error);
        }
        body_env[continued] = None;
        let carried = self.carried(&outer_env, &args, &body_env, at)?;
        self.close_loop(&trips, body_region, carried, [broken, value], at)
    }

    fn argument(&mut self, region: RegionId, ty: Type) -> ValueId {
        self.graph.arg(region, ty, None)
    }

    /// Arguments of a region for the leaves of a variable.
    fn arguments(&mut self, region: RegionId, var: VarId, item: &Option<Item>) -> Option<Item> {
        let item = item.as_ref()?;
        let mut leaves = Vec::new();
        item.leaves(&mut leaves);
        let args: Vec<ValueId> = leaves
            .into_iter()
            .map(|leaf| {
                let arg = self.argument(region, Type::Hole);
                self.graph.values[arg].name = self.names.get(&var).cloned();
                let ty = self.ty(leaf);
                self.types.insert(arg, ty);
                arg
            })
            .collect();
        Some(item.with_leaves(&mut args.into_iter()))
    }

    fn in_region<R>(&mut self, region: RegionId, body: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::replace(&mut self.region, region);
        let result = body(self);
        self.region = outer;
        result
    }

    /// The values that a trip changes.
    fn carried(
        &mut self,
        outer: &[Option<Item>],
        args: &[Option<Item>],
        after: &[Option<Item>],
        at: Span,
    ) -> Lowered<Vec<Carried>> {
        let mut carried = Vec::new();
        let mut unchanged: Vec<(ValueId, ValueId)> = Vec::new();
        for var in 0..outer.len() {
            let Some(next) = &after[var] else { continue };
            let (init, arg) = match (&outer[var], &args[var]) {
                (Some(init), Some(arg)) => (init.clone(), Some(arg.clone())),
                // First assigned in the loop: nobody reads what it was before.
                _ => {
                    let init = self.undefined_like(next, self.region);
                    self.env[var] = Some(init.clone());
                    (init, None)
                }
            };
            if !init.same_structure(next) {
                self.errors.push_span(
                    at,
                    Code::Joined,
                    "a variable changes its kind in this loop",
                    "keep the same kind of value in it; name the type of a call's result",
                );
                return Err(Stop::Error);
            }
            let leaves = |item: &Item| {
                let mut out = Vec::new();
                item.leaves(&mut out);
                out
            };
            let arg_leaves = arg.as_ref().map(leaves);
            for (leaf, (init, next)) in leaves(&init).into_iter().zip(leaves(next)).enumerate() {
                let arg = arg_leaves.as_ref().map(|a| a[leaf]);
                if arg == Some(next) {
                    unchanged.push((next, init));
                    continue;
                }
                carried.push(Carried { var, leaf, init, arg, next });
            }
        }
        self.replace(&unchanged, &mut carried);
        Ok(carried)
    }

    /// Uses outer values in place of arguments that no trip changes.
    fn replace(&mut self, unchanged: &[(ValueId, ValueId)], carried: &mut [Carried]) {
        let to = |v: ValueId| unchanged.iter().find(|(from, _)| *from == v).map_or(v, |(_, to)| *to);
        let nodes: Vec<_> = self.graph.nodes.ids().collect();
        for id in nodes {
            self.graph.nodes[id].operands.iter_mut().for_each(|v| *v = to(*v));
        }
        let regions: Vec<_> = self.graph.regions.ids().collect();
        for id in regions {
            let region = &mut self.graph.regions[id];
            region.results.iter_mut().for_each(|v| *v = to(*v));
            region.args.retain(|v| !unchanged.iter().any(|(from, _)| from == v));
        }
        carried.iter_mut().for_each(|c| c.next = to(c.next));
    }

    /// Makes the loop node from the walked body.
    fn close_loop(
        &mut self,
        trips: &Trips<'_>,
        body: RegionId,
        carried: Vec<Carried>,
        [broken, value]: [VarId; 2],
        at: Span,
    ) -> Lowered {
        let changed = |flag: VarId| carried.iter().any(|c| c.var == flag);
        let outer_flags: Vec<VarId> = std::iter::once(self.returned)
            .chain(self.loops.iter().flat_map(|l| [l.broken, l.continued]))
            .filter(|f| changed(*f))
            .collect();
        if matches!(trips, Trips::Forever) && !changed(broken) && outer_flags.is_empty() {
            self.errors.push_span(at, Code::Loop, "this loop has no exit", "add a `break` or a `return`");
            return Err(Stop::Error);
        }
        let mut flags = outer_flags.clone();
        flags.extend(changed(broken).then_some(broken));

        let condition_region = self.graph.region();
        let outer_env = self.env.clone();
        let mut types = Vec::new();
        for c in &carried {
            types.push(self.join_types(self.ty(c.init), self.ty(c.next))?);
            let arg = self.argument(condition_region, Type::Hole);
            self.types.insert(arg, types[types.len() - 1]);
            self.graph.values[arg].name = self.names.get(&c.var).cloned();
            self.set_leaf(c, arg);
        }
        // Arguments of the body in the order of the carried values, those for new variables added.
        let counted = matches!(trips, Trips::Counted { .. });
        let mut args: Vec<ValueId> =
            self.graph.regions[body].args.iter().take(usize::from(counted)).copied().collect();
        for (c, ty) in carried.iter().zip(&types) {
            let arg = c.arg.unwrap_or_else(|| {
                let arg = self.graph.value(Type::Hole);
                self.types.insert(arg, *ty);
                arg
            });
            args.push(arg);
        }
        self.graph.regions[body].args = args;
        self.graph.regions[body].results = carried.iter().map(|c| c.next).collect();

        let go = self.in_region(condition_region, |l| l.trip_condition(trips, &flags, at));
        self.env = outer_env;
        let go = go?;
        self.graph.regions[condition_region].results = vec![go];

        let mut operands: Vec<ValueId> = Vec::new();
        if let Trips::Counted { range, .. } = trips {
            operands.push(range.count);
        }
        operands.extend(carried.iter().map(|c| c.init));
        let attrs = Attrs { keep: counted, ..Attrs::default() };
        let holes = vec![Type::Hole; carried.len()];
        let node = self.graph.push(self.region, Op::Loop, operands, attrs, holes, Some(location(at)));
        self.graph.nodes[node].regions = vec![condition_region, body];
        let results = self.graph.nodes[node].results.clone();
        for ((c, result), ty) in carried.iter().zip(&results).zip(&types) {
            self.types.insert(*result, *ty);
            self.graph.values[*result].name = self.names.get(&c.var).cloned();
            self.set_leaf(c, *result);
        }
        self.maybe
            .extend(outer_flags.iter().filter(|f| !self.maybe.contains(f)).copied().collect::<Vec<_>>());
        if matches!(trips, Trips::Forever) {
            if !changed(broken) {
                return Err(Stop::Diverged);
            }
            return Ok(self.env[value].clone().unwrap_or_else(Item::unit));
        }
        Ok(Item::unit())
    }

    /// Sets one leaf of a variable.
    fn set_leaf(&mut self, c: &Carried, to: ValueId) {
        let Some(item) = self.env[c.var].clone() else { return };
        let mut leaves = Vec::new();
        item.leaves(&mut leaves);
        if let Some(slot) = leaves.get_mut(c.leaf) {
            *slot = to;
        }
        self.env[c.var] = Some(item.with_leaves(&mut leaves.into_iter()));
    }

    /// Whether there is another trip.
    fn trip_condition(&mut self, trips: &Trips<'_>, flags: &[VarId], at: Span) -> Lowered<ValueId> {
        let before = self.env.clone();
        let go = match trips {
            Trips::While(condition) if flags.is_empty() => self.condition(condition)?,
            Trips::While(condition) => {
                let left = self.any_flag(flags, at);
                let stop = self.branch(|l| Ok(Item::Value(l.known(Scalar::Bool(false)))));
                let ask = self.branch(|l| l.condition(condition).map(Item::Value));
                match self.join(left, stop, ask, at)? {
                    Item::Value(v) => v,
                    _ => return Err(Stop::Error),
                }
            }
            _ if flags.is_empty() => self.known(Scalar::Bool(true)),
            _ => {
                let left = self.any_flag(flags, at);
                let ty = self.ty(left);
                self.node(Op::Not, vec![left], Attrs::default(), ty, Some(at))
            }
        };
        if self.env[..before.len()] != before[..] || !self.maybe.is_empty() {
            self.errors.push_span(
                at,
                Code::Loop,
                "the condition of this loop assigns variables or leaves the function",
                "write `loop { if !condition { break; } .. }`",
            );
            return Err(Stop::Error);
        }
        Ok(go)
    }

    fn find_loop(&mut self, label: &Option<Lifetime>, at: &Expr) -> Lowered<usize> {
        let found = match label {
            None => self.loops.len().checked_sub(1),
            Some(name) => self.loops.iter().rposition(|l| l.label.as_ref().is_some_and(|x| name.ident == x)),
        };
        match found {
            Some(i) => Ok(i),
            None => self.error(
                at,
                Code::Exit,
                "there is no such loop here",
                "use it inside a loop, with a label of one",
            ),
        }
    }

    pub(super) fn break_expr(&mut self, e: &syn::ExprBreak, at: &Expr) -> Lowered {
        let i = self.find_loop(&e.label, at)?;
        if let Some(value) = &e.expr {
            let item = self.expr(value)?;
            let slot = self.loops[i].value;
            self.env[slot] = Some(item);
        }
        let flag = self.loops[i].broken;
        self.leave(flag)
    }

    pub(super) fn continue_expr(&mut self, e: &syn::ExprContinue, at: &Expr) -> Lowered {
        let i = self.find_loop(&e.label, at)?;
        let flag = self.loops[i].continued;
        self.leave(flag)
    }

    pub(super) fn return_expr(&mut self, e: &syn::ExprReturn) -> Lowered {
        let item = match &e.expr {
            Some(value) => self.expr(value)?,
            None => Item::unit(),
        };
        self.set_result(item)?;
        self.leave(self.returned)
    }

    fn leave(&mut self, flag: VarId) -> Lowered {
        self.set_flag(flag, true);
        if !self.maybe.contains(&flag) {
            self.maybe.push(flag);
        }
        Err(Stop::Diverged)
    }

    /// A check with a message of the user's.
    pub(super) fn assert(&mut self, condition: ValueId, message: &str, at: Span) {
        let attrs = Attrs { text: Some(message.to_string()), ..Attrs::default() };
        self.graph.push(self.region, Op::Assert, vec![condition], attrs, vec![], Some(location(at)));
    }
}

/// The value of an integer literal that is no extreme one.
fn literal(expr: &Expr) -> Option<i64> {
    let (value, _) = super::literal::scalar_literal(expr)?;
    let small = value.dtype().is_int() && value.as_i64().unsigned_abs() < 1 << 62;
    small.then(|| value.as_i64())
}

fn is_zero(expr: &Expr) -> bool {
    literal(expr) == Some(0)
}
