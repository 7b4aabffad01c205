//! Branches: regions, and what the two sides of an `if` leave behind.

use jit_ir::ops::Attrs;
use jit_ir::{Op, RegionId, Type, ValueId};
use proc_macro2::Span;
use syn::Stmt;
use syn::spanned::Spanned;

use super::{Item, Lowered, Lowerer, Stop, VarId, location};
use crate::diag::Reason;
use crate::types::Declared;
use jit_ir::unify::{Clash, Ty};

/// One side of an `if` after it was walked.
pub(super) struct Branch {
    region: RegionId,
    env: Vec<Option<Item>>,
    outcome: Lowered,
    maybe: Vec<VarId>,
}

impl Lowerer<'_> {
    /// Walks one side in a region of its own; variables are as before afterwards.
    pub(super) fn branch(&mut self, body: impl FnOnce(&mut Self) -> Lowered) -> Branch {
        let region = self.graph.region();
        let outer = std::mem::replace(&mut self.region, region);
        let env = self.env.clone();
        let scopes = self.scopes.clone();
        let maybe = std::mem::take(&mut self.maybe);
        let outcome = body(self);
        let mut after = std::mem::replace(&mut self.env, env);
        after.truncate(self.env.len());
        self.scopes = scopes;
        self.region = outer;
        let maybe = std::mem::replace(&mut self.maybe, maybe);
        Branch { region, env: after, outcome, maybe }
    }

    /// An `if` of two sides; gives the value of both.
    pub(super) fn join(&mut self, condition: ValueId, then: Branch, other: Branch, at: Span) -> Lowered {
        if [&then, &other].iter().any(|b| b.outcome == Err(Stop::Error)) {
            return Err(Stop::Error);
        }
        let mut joined = Joined { sides: [then.region, other.region], leaves: Vec::new() };
        for var in 0..self.env.len() {
            if then.env[var] == other.env[var] {
                self.env[var] = then.env[var].clone();
                continue;
            }
            let before = joined.leaves.len();
            let item = self.join_items(&mut joined, then.env[var].clone(), other.env[var].clone())?;
            for leaf in &mut joined.leaves[before..] {
                leaf.name = self.names.get(&var).cloned();
            }
            self.env[var] = item;
        }
        for flag in then.maybe.iter().chain(&other.maybe) {
            if !self.maybe.contains(flag) {
                self.maybe.push(*flag);
            }
        }
        let value = match (then.outcome, other.outcome) {
            (Ok(a), Ok(b)) => self.join_items(&mut joined, Some(a), Some(b))?,
            (Ok(a), Err(_)) => self.join_items(&mut joined, Some(a), None)?,
            (Err(_), Ok(b)) => self.join_items(&mut joined, None, Some(b))?,
            (Err(_), Err(_)) => None,
        };
        let types = vec![Type::Hole; joined.leaves.len()];
        let node = self.graph.push(
            self.region,
            Op::If,
            vec![condition],
            Attrs::default(),
            types,
            Some(location(at)),
        );
        self.graph.nodes[node].regions = joined.sides.to_vec();
        let results = self.graph.nodes[node].results.clone();
        for (side, region) in joined.sides.iter().enumerate() {
            self.graph.regions[*region].results = joined.leaves.iter().map(|l| l.values[side]).collect();
        }
        for (leaf, result) in joined.leaves.iter().zip(&results) {
            self.typing.types.insert(*result, leaf.ty);
            self.graph.values[*result].name = leaf.name.clone();
        }
        // Until now the joined leaves stood as numbers of places; here they become the results.
        for item in self.env.iter_mut().flatten() {
            *item = place_results(item, &results);
        }
        value.map(|v| place_results(&v, &results)).ok_or(Stop::Diverged)
    }

    fn join_items(&mut self, joined: &mut Joined, a: Option<Item>, b: Option<Item>) -> Lowered<Option<Item>> {
        let (a, b) = match (a, b) {
            (None, None) => return Ok(None),
            (Some(a), None) => {
                let b = self.undefined_like(&a, joined.sides[1]);
                (a, b)
            }
            (None, Some(b)) => {
                let a = self.undefined_like(&b, joined.sides[0]);
                (a, b)
            }
            (Some(a), Some(b)) => (a, b),
        };
        if a == b {
            return Ok(Some(a));
        }
        let [left, right] = joined.sides;
        let b = match self.in_region(right, |l| l.shaped(b.clone(), &a)) {
            Some(shaped) => shaped,
            None => b,
        };
        let Some(a) = self.in_region(left, |l| l.shaped(a, &b)).filter(|a| a.same_structure(&b)) else {
            return self.left_to_rustc("the branches give values of different kinds");
        };
        let (mut x, mut y) = (Vec::new(), Vec::new());
        a.leaves(&mut x);
        b.leaves(&mut y);
        let mut places = Vec::new();
        for (x, y) in x.into_iter().zip(y) {
            if x == y {
                places.push(x);
                continue;
            }
            let ty = self.join_types(self.ty(x), self.ty(y))?;
            joined.leaves.push(Leaf { values: [x, y], ty, name: None });
            places.push(placeholder(joined.leaves.len() - 1));
        }
        Ok(Some(a.with_leaves(&mut places.into_iter())))
    }

    /// A value in the structure of another one: the result of a call is taken apart as a tuple is.
    pub(super) fn shaped(&mut self, item: Item, like: &Item) -> Option<Item> {
        if item.same_structure(like) {
            return Some(item);
        }
        match (item, like) {
            (Item::Value(v), Item::Tuple(parts)) if self.ty(v) == Ty::Hole => {
                let items = self.parts_of(v, parts.len());
                let items = items.into_iter().zip(parts).map(|(i, p)| self.shaped(i, p));
                items.collect::<Option<_>>().map(Item::Tuple)
            }
            (Item::Value(v), Item::Option(_, inner)) if self.ty(v) == Ty::Hole => {
                let open = Declared::Option(Box::new(Declared::Open));
                match self.taken_apart(v, &open) {
                    Item::Option(flag, some) => {
                        self.shaped(*some, inner).map(|some| Item::Option(flag, Box::new(some)))
                    }
                    _ => None,
                }
            }
            (item, Item::Value(v)) if self.ty(*v) == Ty::Hole => Some(Item::Value(self.packed(item))),
            // An array whose elements are written is a list.
            (Item::Array(parts), Item::Value(v)) if matches!(self.ty(*v), Ty::List(_)) => {
                self.list_of(parts).ok().map(Item::Value)
            }
            (Item::Value(v), Item::Array(parts)) if self.may_be_list(v) => {
                let items = self.elements_of(v, parts.len(), None).ok()?;
                let items = items.into_iter().zip(parts).map(|(i, p)| self.shaped(i, p));
                items.collect::<Option<_>>().map(Item::Array)
            }
            (Item::Array(items), Item::Array(parts)) if items.len() == parts.len() => {
                let items = items.into_iter().zip(parts).map(|(i, p)| self.shaped(i, p));
                items.collect::<Option<_>>().map(Item::Array)
            }
            (Item::Tuple(items), Item::Tuple(parts)) if items.len() == parts.len() => {
                let items = items.into_iter().zip(parts).map(|(i, p)| self.shaped(i, p));
                items.collect::<Option<_>>().map(Item::Tuple)
            }
            (Item::Option(flag, a), Item::Option(_, b)) => {
                self.shaped(*a, b).map(|a| Item::Option(flag, Box::new(a)))
            }
            _ => None,
        }
    }

    /// The type of a value that is one of two; what does not fit is left to rustc.
    pub(super) fn join_types(&mut self, a: Ty, b: Ty) -> Lowered<Ty> {
        self.typing.vars.join(a, b).map_err(|Clash(what)| {
            self.reason.get_or_insert(Reason::unknown(what));
            Stop::Error
        })
    }

    /// Values that are never read, in the structure of an item.
    pub(super) fn undefined_like(&mut self, item: &Item, region: RegionId) -> Item {
        let outer = std::mem::replace(&mut self.region, region);
        let mut leaves = Vec::new();
        item.leaves(&mut leaves);
        let values: Vec<ValueId> = leaves.iter().map(|v| self.undef(self.ty(*v))).collect();
        self.region = outer;
        item.with_leaves(&mut values.into_iter())
    }

    /// Whether any of the flags is set.
    pub(super) fn any_flag(&mut self, flags: &[VarId], at: Span) -> ValueId {
        let mut value = None;
        for flag in flags {
            let Some(Item::Value(v)) = self.env[*flag] else { continue };
            value = Some(match value {
                None => v,
                Some(before) => {
                    let ty = self.ty(v);
                    self.node(Op::Or, vec![before, v], Attrs::default(), ty, Some(at))
                }
            });
        }
        value.unwrap_or_else(|| self.known(jit_ir::Scalar::Bool(false)))
    }

    /// Statements that run unless one of the flags is set.
    pub(super) fn guarded(&mut self, flags: &[VarId], rest: &[Stmt]) -> Lowered {
        let at = super::statement::span_of(rest);
        let condition = self.any_flag(flags, at);
        let mut left = self.branch(|_| Err(Stop::Diverged));
        left.maybe = flags.to_vec();
        let stayed = self.branch(|l| l.statements(rest));
        self.join(condition, left, stayed, at)
    }

    /// An `if` one of whose sides leaves the block: the statements after it belong to the other one.
    pub(super) fn if_with_rest(&mut self, branch: &syn::ExprIf, rest: &[Stmt]) -> Lowered {
        let test = match self.test_of(&branch.cond) {
            Ok(test) => test,
            Err(stop) => {
                // What follows is looked at for more errors.
                let _ = self.branch(|l| l.statements(rest));
                return Err(stop);
            }
        };
        let then = self.branch(|l| {
            let first = l.where_holds(&test, |l| l.block(&branch.then_branch));
            l.then_rest(first, rest)
        });
        let other = self.branch(|l| {
            let first = match &branch.else_branch {
                Some((_, e)) => l.expr(e),
                None => Ok(Item::unit()),
            };
            l.then_rest(first, rest)
        });
        self.join(test.condition, then, other, branch.if_token.span())
    }

    fn then_rest(&mut self, first: Lowered, rest: &[Stmt]) -> Lowered {
        first?;
        if self.maybe.is_empty() {
            return self.statements(rest);
        }
        let flags = std::mem::take(&mut self.maybe);
        self.guarded(&flags, rest)
    }
}

/// A value that differs between the sides.
struct Leaf {
    values: [ValueId; 2],
    ty: Ty,
    name: Option<std::sync::Arc<str>>,
}

struct Joined {
    sides: [RegionId; 2],
    leaves: Vec<Leaf>,
}

/// Ids from here on stand for the results of an `if` that is not made yet.
const PLACEHOLDERS: usize = 1 << 31;

fn placeholder(i: usize) -> ValueId {
    jit_ir::Id::from_index(PLACEHOLDERS + i)
}

fn place_results(item: &Item, results: &[ValueId]) -> Item {
    let mut leaves = Vec::new();
    item.leaves(&mut leaves);
    let placed = leaves.iter().map(|v| match jit_ir::Id::index(*v).checked_sub(PLACEHOLDERS) {
        Some(i) => results[i],
        None => *v,
    });
    item.with_leaves(&mut placed.collect::<Vec<_>>().into_iter())
}
