//! `if`, loops, and what leaves them.

use jit_ir::ops::Attrs;
use jit_ir::{Op, RegionId, Scalar, Type, ValueId};
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Block, Expr, Label, Lifetime, Pat};

use jit_ir::unify::Ty;

use super::range::Iteration;
use super::{Item, LoopScope, Lowered, Lowerer, Stop, VarId, location};
use crate::diag::Code;
use crate::types::Declared;

/// What decides how often a body runs.
enum Trips<'e> {
    While(&'e Expr),
    Forever,
    Counted { pattern: &'e Pat, iteration: Iteration },
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
            // Later uses of the names are no errors of their own.
            self.declare_names(&e.pat);
            return self.error(
                e,
                Code::Expression,
                "`let` in a condition stands alone in an `if`",
                "write `if let Some(b) = bias { .. }`, and further conditions inside",
            );
        }
        match self.expr(expr)? {
            Item::Value(v) => match self.ty(v) {
                Ty::Tensor(_) => {
                    self.hide_body();
                    self.error(
                        expr,
                        Code::TensorCondition,
                        "a tensor is not a condition",
                        "reduce it to one bool: `x.any().item()` or `x.all().item()`",
                    )
                }
                _ => Ok(v),
            },
            _ => Err(Stop::Error),
        }
    }

    pub(super) fn if_expr(&mut self, e: &syn::ExprIf) -> Lowered {
        let test = self.test_of(&e.cond);
        let Ok(test) = test else {
            // The blocks are looked at for more errors, unless names that the pattern binds are missing.
            if !has_let(&e.cond) {
                let _ = self.branch(|l| l.block(&e.then_branch));
            }
            let _ = self.branch(|l| e.else_branch.as_ref().map_or(Ok(Item::unit()), |(_, e)| l.expr(e)));
            return test.map(|_| Item::unit());
        };
        let then = self.branch(|l| l.where_holds(&test, |l| l.block(&e.then_branch)));
        let other = self.branch(|l| match &e.else_branch {
            Some((_, e)) => l.expr(e),
            None => Ok(Item::unit()),
        });
        // Without an else the value of the then-block is `()`, or rustc reports it.
        self.join(test.condition, then, other, e.if_token.span())
    }

    pub(super) fn while_expr(&mut self, e: &syn::ExprWhile) -> Lowered {
        if let Expr::Let(_) = &*e.cond {
            return self.error(
                &e.cond,
                Code::Expression,
                "`while let` is not supported in a script",
                "write a `for` over the list, or a `while` with a condition",
            );
        }
        self.repeat(Trips::While(&e.cond), &e.body, &e.label, e.while_token.span())
    }

    pub(super) fn loop_expr(&mut self, e: &syn::ExprLoop) -> Lowered {
        let item = self.repeat(Trips::Forever, &e.body, &e.label, e.loop_token.span());
        if let Some(place) = self.broken_place.take() {
            self.value_places.insert(std::ptr::from_ref(&e.body).addr(), place);
        }
        item
    }

    pub(super) fn for_expr(&mut self, e: &syn::ExprForLoop) -> Lowered {
        let iteration = self.iteration(&e.expr)?;
        let trips = Trips::Counted { pattern: &e.pat, iteration };
        self.repeat(trips, &e.body, &e.label, e.for_token.span())
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
            let ty = self.typing.vars.scalar(jit_ir::DType::Usize);
            self.typing.types.insert(index, ty);
        }
        let args: Vec<Option<Item>> =
            outer_env.iter().enumerate().map(|(var, i)| self.arguments(body_region, var, i)).collect();
        self.env = args.clone();
        self.loops.push(scope);
        let outcome = self.in_region(body_region, |l| {
            l.set_flag(continued, false);
            l.scopes.push(Default::default());
            let bound = match (&trips, index) {
                (Trips::Counted { pattern, iteration }, Some(index)) => {
                    let item = l.iterated(iteration, index, at);
                    let bound = item.and_then(|item| l.bind(pattern, item));
                    l.remember_place(pattern, iteration.place.clone());
                    bound
                }
                _ => Ok(()),
            };
            let outcome = bound.and_then(|()| l.block(body));
            l.scopes.pop();
            outcome
        });
        self.loops.pop();
        self.broken_place = self.places.remove(&value);
        let mut body_env = std::mem::replace(&mut self.env, outer_env.clone());
        body_env.truncate(outer_env.len());
        self.maybe = outer_maybe;
        if outcome == Err(Stop::Error) {
            return Err(Stop::Error);
        }
        body_env[continued] = None;
        let carried = self.carried(&outer_env, &args, &body_env, body_region)?;
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
                self.typing.types.insert(arg, ty);
                arg
            })
            .collect();
        Some(item.with_leaves(&mut args.into_iter()))
    }

    pub(super) fn in_region<R>(&mut self, region: RegionId, body: impl FnOnce(&mut Self) -> R) -> R {
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
        body: RegionId,
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
            let Some(next) = self.in_region(body, |l| l.shaped(next.clone(), &init)) else {
                return self.left_to_rustc("a variable changes its kind in a loop");
            };
            let leaves = |item: &Item| {
                let mut out = Vec::new();
                item.leaves(&mut out);
                out
            };
            let arg_leaves = arg.as_ref().map(leaves);
            for (leaf, (init, next)) in leaves(&init).into_iter().zip(leaves(&next)).enumerate() {
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
            self.typing.types.insert(arg, types[types.len() - 1]);
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
                self.typing.types.insert(arg, *ty);
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
        if let Trips::Counted { iteration, .. } = trips {
            operands.push(iteration.count);
        }
        operands.extend(carried.iter().map(|c| c.init));
        let attrs = Attrs { keep: counted, ..Attrs::default() };
        let holes = vec![Type::Hole; carried.len()];
        let node = self.graph.push(self.region, Op::Loop, operands, attrs, holes, Some(location(at)));
        self.graph.nodes[node].regions = vec![condition_region, body];
        let results = self.graph.nodes[node].results.clone();
        for ((c, result), ty) in carried.iter().zip(&results).zip(&types) {
            self.typing.types.insert(*result, *ty);
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

    fn find_loop(&mut self, label: &Option<Lifetime>) -> Lowered<usize> {
        let found = match label {
            None => self.loops.len().checked_sub(1),
            Some(name) => self.loops.iter().rposition(|l| l.label.as_ref().is_some_and(|x| name.ident == x)),
        };
        match found {
            Some(i) => Ok(i),
            None => self.left_to_rustc("there is no such loop"),
        }
    }

    pub(super) fn break_expr(&mut self, e: &syn::ExprBreak) -> Lowered {
        let i = self.find_loop(&e.label)?;
        if let Some(value) = &e.expr {
            let item = self.expr(value)?;
            let slot = self.loops[i].value;
            self.env[slot] = Some(item);
            if let Some(place) = self.place_of(value) {
                self.places.entry(slot).or_insert(place);
            }
        }
        let flag = self.loops[i].broken;
        self.leave(flag)
    }

    pub(super) fn continue_expr(&mut self, e: &syn::ExprContinue) -> Lowered {
        let i = self.find_loop(&e.label)?;
        let flag = self.loops[i].continued;
        self.leave(flag)
    }

    pub(super) fn return_expr(&mut self, e: &syn::ExprReturn) -> Lowered {
        let item = match &e.expr {
            Some(value) if *self.signature.result.value() != Declared::Tuple(vec![]) => self.used(value)?,
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
}

/// Whether a condition binds names.
fn has_let(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(e) => has_let(&e.left) || has_let(&e.right),
        Expr::Paren(e) => has_let(&e.expr),
        _ => false,
    }
}
