//! What a recording is for: element types and ranks of tensors, values of everything else.

use jit_ir::{DType, Scalar, Tree, Type};

use super::limits::MANY_FLOATS;
use crate::tensor::raw::{Opaque, Val};

/// What is fixed of one value of a call.
#[derive(Clone)]
pub(crate) enum Part {
    Tensor(DType, usize),
    Scalar(Scalar),
    Static(Opaque),
    Unset,
}

impl Part {
    fn of(val: &Val) -> Part {
        match val {
            Val::Tensor(t) => Part::Tensor(t.dtype, t.rank()),
            Val::Scalar(s) => Part::Scalar(*s),
            Val::Opaque(value) => Part::Static(value.clone()),
            Val::Undef | Val::List(_) => Part::Unset,
        }
    }

    fn fits(&self, val: &Val) -> bool {
        match (self, val) {
            (Part::Tensor(dtype, rank), Val::Tensor(t)) => t.dtype == *dtype && t.rank() == *rank,
            (Part::Scalar(a), Val::Scalar(b)) => a.dtype() == b.dtype() && bits(*a) == bits(*b),
            (Part::Static(a), Val::Opaque(b)) => a.same(b),
            (Part::Unset, Val::Undef | Val::List(_)) => true,
            _ => false,
        }
    }

    fn same(&self, other: &Part) -> bool {
        match (self, other) {
            (Part::Tensor(d, r), Part::Tensor(e, s)) => d == e && r == s,
            (Part::Scalar(a), Part::Scalar(b)) => a.dtype() == b.dtype() && bits(*a) == bits(*b),
            (Part::Static(a), Part::Static(b)) => a.same(b),
            (Part::Unset, Part::Unset) => true,
            _ => false,
        }
    }

    fn describe(&self) -> String {
        match self {
            Part::Tensor(dtype, rank) => Type::ranked(*dtype, *rank).to_string(),
            Part::Scalar(s) => s.to_string(),
            Part::Static(_) | Part::Unset => "a value of its own type".into(),
        }
    }
}

/// Static floats are compared by all their bits, NaNs included.
fn bits(s: Scalar) -> u64 {
    match s {
        Scalar::F32(v) => u64::from(v.to_bits()),
        Scalar::F64(v) => v.to_bits(),
        other => other.canonical_bits(),
    }
}

/// What the calls of a recording have in common.
#[derive(Clone)]
pub(crate) struct Signature {
    pub(crate) parts: Vec<Part>,
}

impl Signature {
    pub(crate) fn of(vals: &[Val]) -> Signature {
        Signature { parts: vals.iter().map(Part::of).collect() }
    }

    /// Whether it is that of a call.
    pub(crate) fn fits(&self, vals: &[Val]) -> bool {
        self.parts.len() == vals.len() && self.parts.iter().zip(vals).all(|(p, v)| p.fits(v))
    }

    fn differing<'a>(&'a self, other: &'a Signature) -> impl Iterator<Item = usize> + 'a {
        let pairs = self.parts.iter().zip(&other.parts);
        pairs.enumerate().filter(|(_, (a, b))| !a.same(b)).map(|(i, _)| i)
    }

    /// The arguments with what is fixed of them.
    pub(crate) fn describe(&self, names: &[String]) -> String {
        let named = self.parts.iter().zip(names).filter(|(_, name)| *name != ELEMENT_TYPES);
        let parts = named.map(|(part, name)| match part {
            Part::Tensor(..) => format!("{name}: {}", part.describe()),
            _ => format!("{name} = {}", part.describe()),
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// Why a call with this signature finds no recording among those of others: what differs from the most
    /// similar one.
    pub(crate) fn reason(&self, names: &[String], others: &[&Signature]) -> String {
        if others.is_empty() {
            return "the first call".into();
        }
        let alike = others.iter().filter(|o| o.parts.len() == self.parts.len());
        let Some(nearest) = alike.min_by_key(|o| self.differing(o).count()) else {
            return format!("the arguments have another structure: {}", self.describe(names));
        };
        let name = |i: usize| names.get(i).map_or("an argument", String::as_str);
        let one = |i: usize| {
            if name(i) == ELEMENT_TYPES {
                return format!("{ELEMENT_TYPES} are others");
            }
            let (old, new) = (nearest.parts[i].describe(), self.parts[i].describe());
            if old == new {
                format!("`{}` has another value", name(i))
            } else {
                format!("`{}` was {old}, is {new}", name(i))
            }
        };
        let differing: Vec<usize> = self.differing(nearest).collect();
        // Where an argument shows them, it says so.
        let shown = differing.iter().filter(|i| differing.len() == 1 || name(**i) != ELEMENT_TYPES);
        shown.map(|i| one(*i)).collect::<Vec<_>>().join(", ")
    }

    /// The float argument that has had many values while everything else was the same.
    pub(crate) fn changing_float(&self, others: &[&Signature]) -> Option<usize> {
        let float = |p: &Part| matches!(p, Part::Scalar(s) if s.dtype().is_float());
        (0..self.parts.len()).filter(|i| float(&self.parts[*i])).find(|i| {
            let only_here = |o: &&&Signature| {
                o.parts.len() == self.parts.len() && self.differing(o).eq(std::iter::once(*i))
            };
            others.iter().filter(only_here).count() + 1 >= MANY_FLOATS
        })
    }
}

/// The name of the value that stands for a generic function's element types.
const ELEMENT_TYPES: &str = "the element types";

/// The names of a call's values: paths from the parameters.
pub(crate) fn names(params: &[&str], trees: &[Tree<Type>], vals: &[Val]) -> Vec<String> {
    let mut out = Vec::with_capacity(vals.len());
    let mut vals_left = vals.iter();
    for (param, tree) in params.iter().zip(trees) {
        name(tree, (*param).to_string(), &mut vals_left, &mut out);
    }
    out.resize(vals.len(), ELEMENT_TYPES.into());
    out
}

fn name<'v>(
    tree: &Tree<Type>,
    path: String,
    vals: &mut impl Iterator<Item = &'v Val>,
    out: &mut Vec<String>,
) {
    let number = |val: Option<&Val>| match val {
        Some(Val::Scalar(s)) => s.as_i64() as usize,
        _ => 0,
    };
    match tree {
        Tree::Leaf(_) => {
            vals.next();
            out.push(path);
        }
        Tree::Tuple(parts) => {
            parts.iter().enumerate().for_each(|(i, p)| name(p, format!("{path}.{i}"), vals, out));
        }
        Tree::Record(fields) => {
            fields.iter().for_each(|(field, f)| name(f, format!("{path}.{field}"), vals, out));
        }
        Tree::List(_) => {
            let count = number(vals.next());
            let element = tree.element().unwrap_or(Tree::Unset);
            out.push(format!("{path}.len()"));
            (0..count).for_each(|i| name(&element, format!("{path}[{i}]"), vals, out));
        }
        Tree::Option(_, inner) => {
            let some = number(vals.next()) == 1;
            out.push(format!("{path}.is_some()"));
            if some {
                name(inner, path, vals, out);
            }
        }
        Tree::Unset => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Argument, Leaves};
    use crate::tensor::Tensor;

    fn of(n: usize, scale: f32, list: &[Tensor]) -> (Signature, Vec<String>) {
        type Args<'a> = (usize, f32, &'a [Tensor]);
        let args: Args<'_> = (n, scale, list);
        let mut leaves = Leaves::default();
        args.push_leaves(&mut leaves);
        let Tree::Tuple(trees) = <Args<'_> as Argument>::tree() else { unreachable!("a tuple") };
        (Signature::of(&leaves), names(&["n", "scale", "list"], &trees, &leaves))
    }

    #[test]
    fn the_argument_that_differs_is_named() {
        let x = Tensor::from([1.0]);
        let (first, names) = of(1, 0.5, std::slice::from_ref(&x));
        assert_eq!(first.describe(&names), "n = 1, scale = 0.5, list.len() = 1, list[0]: f32[?]");
        assert_eq!(first.reason(&names, &[]), "the first call");
        let (second, names) = of(2, 0.5, std::slice::from_ref(&x));
        assert_eq!(second.reason(&names, &[&first]), "`n` was 1, is 2");
        let (third, names) = of(2, 0.5, &[x.reshape([1, 1])]);
        assert_eq!(third.reason(&names, &[&first, &second]), "`list[0]` was f32[?], is f32[?, ?]");
        let (fourth, names) = of(2, 0.5, &[]);
        assert!(fourth.reason(&names, &[&first]).starts_with("the arguments have another structure: n = 2"));
    }

    #[test]
    fn a_float_that_changes_is_found() {
        let all: Vec<Signature> = [0.1, 0.2, 0.3].iter().map(|v| of(1, *v, &[]).0).collect();
        assert_eq!(all[1].changing_float(&[&all[0]]), None);
        assert_eq!(all[2].changing_float(&[&all[0], &all[1]]), Some(1));
        let other = of(2, 0.4, &[]).0;
        assert_eq!(other.changing_float(&[&all[0], &all[1], &all[2]]), None);
    }
}
