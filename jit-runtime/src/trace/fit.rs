//! Whether a call in a script may have a signature, and what must hold for it: the operands of the call are the
//! leaves of its arguments (one list for each leaf of a list's elements), the signature has their values one by one.

use std::collections::HashMap;

use jit_ir::{Attrs, DType, Graph, Op, RegionId, Scalar, Tree, Type, ValueId};

use super::signature::Part;

/// Where a value of an argument is found.
#[derive(Clone)]
enum Place {
    Operand(usize),
    /// An element of a list, of this type.
    Element(Box<Place>, usize, Type),
}

/// What must hold of a value.
#[derive(Clone, Copy)]
enum Wanted {
    Is(Scalar),
    Rank(usize),
    Len(usize),
}

/// What must hold for a signature, as far as types do not tell.
#[derive(Default)]
pub(super) struct Fit {
    /// Of lists and options, outer ones first.
    structure: Vec<(Place, Wanted)>,
    values: Vec<(Place, Wanted)>,
    /// The parameters of the recordings.
    tensors: Vec<Place>,
}

/// A call's operands: their types, and those that are constants.
struct Operands<'a> {
    types: &'a [Type],
    known: &'a [Option<Scalar>],
    next: usize,
}

impl Fit {
    /// How a call's operands fit a signature; `None` if they cannot.
    pub(super) fn new(
        trees: &[Tree<Type>],
        parts: &[Part],
        types: &[Type],
        known: &[Option<Scalar>],
    ) -> Option<Fit> {
        let mut fit = Fit::default();
        let mut operands = Operands { types, known, next: 0 };
        let mut parts = parts.iter();
        for tree in trees {
            let leaves = tree.leaves().len();
            let places: Vec<Place> = (0..leaves).map(|i| Place::Operand(operands.next + i)).collect();
            operands.next += leaves;
            fit.tree(tree, &mut places.into_iter(), &mut parts, &operands)?;
        }
        (operands.next == types.len() && parts.next().is_none()).then_some(fit)
    }

    fn tree<'p>(
        &mut self,
        tree: &Tree<Type>,
        places: &mut std::vec::IntoIter<Place>,
        parts: &mut impl Iterator<Item = &'p Part>,
        operands: &Operands<'_>,
    ) -> Option<()> {
        match tree {
            Tree::Leaf(_) => self.leaf(places.next()?, parts.next()?, operands),
            Tree::Tuple(all) => all.iter().try_for_each(|t| self.tree(t, places, parts, operands)),
            Tree::Record(all) => all.iter().try_for_each(|(_, t)| self.tree(t, places, parts, operands)),
            Tree::Option(_, inner) => {
                let (flag, Part::Scalar(some)) = (places.next()?, parts.next()?) else { return None };
                let mut inside: Vec<Place> = places.by_ref().take(inner.leaves().len()).collect();
                match operands.known(&flag) {
                    Some(other) if !other.same_bits(*some) => return None,
                    Some(_) => {}
                    None => self.structure.push((flag, Wanted::Is(*some))),
                }
                if matches!(some, Scalar::Bool(true)) {
                    self.tree(inner, &mut std::mem::take(&mut inside).into_iter(), parts, operands)?;
                }
                Some(())
            }
            Tree::List(inner) => {
                let Part::Scalar(Scalar::Usize(count)) = parts.next()? else { return None };
                let lists: Vec<Place> = places.by_ref().take(inner.leaves().len()).collect();
                self.structure.push((lists.first()?.clone(), Wanted::Len(*count)));
                let element = tree.element()?;
                for i in 0..*count {
                    let at = |list: &Place| {
                        let ty = operands.ty(list).element().cloned().unwrap_or(Type::Hole);
                        Place::Element(Box::new(list.clone()), i, ty)
                    };
                    let inside: Vec<Place> = lists.iter().map(at).collect();
                    self.tree(&element, &mut inside.into_iter(), parts, operands)?;
                }
                Some(())
            }
            Tree::Unset => None,
        }
    }

    fn leaf(&mut self, place: Place, part: &Part, operands: &Operands<'_>) -> Option<()> {
        match (part, operands.ty(&place)) {
            (Part::Tensor(dtype, rank), Type::Tensor(d, dims)) if d == dtype => {
                match dims {
                    Some(dims) if dims.len() == *rank => {}
                    Some(_) => return None,
                    None => self.values.push((place.clone(), Wanted::Rank(*rank))),
                }
                self.tensors.push(place);
            }
            (Part::Scalar(value), Type::Scalar(d)) if *d == value.dtype() => match operands.known(&place) {
                Some(other) if other.same_bits(*value) => {}
                Some(_) => return None,
                None => self.values.push((place, Wanted::Is(*value))),
            },
            _ => return None,
        }
        Some(())
    }

    /// What must hold, as one bool; `None` if it fits as far as types tell.
    pub(super) fn condition(
        &self,
        graph: &mut Graph,
        region: RegionId,
        operands: &[ValueId],
    ) -> Option<ValueId> {
        self.from(0, graph, region, operands)
    }

    /// The condition without the first so many of the structure. What comes later is looked at only where what
    /// comes before holds: an element that is not there, or what an option does not hold, has no value.
    fn from(
        &self,
        first: usize,
        graph: &mut Graph,
        region: RegionId,
        operands: &[ValueId],
    ) -> Option<ValueId> {
        let Some(outer) = self.structure.get(first) else {
            return all(graph, region, &self.values, operands);
        };
        let outer = holds(graph, region, outer, operands);
        let (then, other) = (graph.region(), graph.region());
        let Some(inner) = self.from(first + 1, graph, then, operands) else { return Some(outer) };
        graph.regions[then].results = vec![inner];
        graph.regions[other].results = vec![graph.scalar(other, Scalar::Bool(false))];
        let ty = vec![Type::Scalar(DType::Bool)];
        let branch = graph.push(region, Op::If, vec![outer], Attrs::default(), ty, None);
        graph.nodes[branch].regions = vec![then, other];
        Some(graph.nodes[branch].results[0])
    }

    /// The values of the recordings' parameters.
    pub(super) fn tensors(&self, graph: &mut Graph, region: RegionId, operands: &[ValueId]) -> Vec<ValueId> {
        self.tensors.iter().map(|place| value(graph, region, place, operands)).collect()
    }
}

impl Operands<'_> {
    fn ty<'o>(&'o self, place: &'o Place) -> &'o Type {
        match place {
            Place::Operand(i) => &self.types[*i],
            Place::Element(_, _, ty) => ty,
        }
    }

    fn known(&self, place: &Place) -> Option<Scalar> {
        match place {
            Place::Operand(i) => self.known[*i],
            Place::Element(..) => None,
        }
    }
}

fn ask(graph: &mut Graph, region: RegionId, op: Op, args: Vec<ValueId>, ty: Type) -> ValueId {
    let node = graph.push(region, op, args, Attrs::default(), vec![ty], None);
    graph.nodes[node].results[0]
}

fn value(graph: &mut Graph, region: RegionId, place: &Place, operands: &[ValueId]) -> ValueId {
    match place {
        Place::Operand(i) => operands[*i],
        Place::Element(list, i, ty) => {
            let list = value(graph, region, list, operands);
            let i = graph.scalar(region, Scalar::Usize(*i));
            ask(graph, region, Op::Index, vec![list, i], ty.clone())
        }
    }
}

/// Whether what is wanted of a value holds.
fn holds(
    graph: &mut Graph,
    region: RegionId,
    (place, wanted): &(Place, Wanted),
    operands: &[ValueId],
) -> ValueId {
    let found = value(graph, region, place, operands);
    let count = |graph: &mut Graph, op| ask(graph, region, op, vec![found], Type::Scalar(DType::Usize));
    let (found, expected) = match wanted {
        Wanted::Is(value) => (found, *value),
        Wanted::Rank(n) => (count(graph, Op::Rank), Scalar::Usize(*n)),
        Wanted::Len(n) => (count(graph, Op::Len), Scalar::Usize(*n)),
    };
    let expected = graph.scalar(region, expected);
    ask(graph, region, Op::Same, vec![found, expected], Type::Scalar(DType::Bool))
}

/// Whether all that is wanted holds.
fn all(
    graph: &mut Graph,
    region: RegionId,
    wanted: &[(Place, Wanted)],
    operands: &[ValueId],
) -> Option<ValueId> {
    wanted.iter().fold(None, |before, wanted| {
        let same = holds(graph, region, wanted, operands);
        let both = |before| ask(graph, region, Op::And, vec![before, same], Type::Scalar(DType::Bool));
        Some(before.map_or(same, both))
    })
}

/// A recording whose results are the leaves that a call gives: lists instead of a length and elements.
pub(super) fn packed(recording: &Graph, tree: &Tree<Type>) -> Option<Graph> {
    let mut graph = recording.clone();
    let known = jit_ir::infer::constants(&graph);
    let body = graph.body;
    let mut stream = graph.regions[body].results.clone().into_iter();
    let mut results = Vec::new();
    pack(&mut graph, tree, &mut stream, &known, &mut results)?;
    graph.result_types = results.iter().map(|v| graph.ty(*v).clone()).collect();
    graph.regions[body].results = results;
    stream.next().is_none().then_some(graph)
}

fn pack(
    graph: &mut Graph,
    tree: &Tree<Type>,
    stream: &mut impl Iterator<Item = ValueId>,
    known: &HashMap<ValueId, Scalar>,
    out: &mut Vec<ValueId>,
) -> Option<()> {
    match tree {
        Tree::Leaf(_) => out.push(stream.next()?),
        Tree::Tuple(parts) => parts.iter().try_for_each(|t| pack(graph, t, stream, known, out))?,
        Tree::Record(fields) => fields.iter().try_for_each(|(_, t)| pack(graph, t, stream, known, out))?,
        Tree::List(inner) => {
            let count = known.get(&stream.next()?)?.as_i64();
            let element = tree.element()?;
            let types = inner.leaves();
            let mut columns: Vec<Vec<ValueId>> = vec![Vec::new(); types.len()];
            for _ in 0..count {
                let mut row = Vec::new();
                pack(graph, &element, stream, known, &mut row)?;
                row.into_iter().zip(&mut columns).for_each(|(v, column)| column.push(v));
            }
            let body = graph.body;
            for (column, ty) in columns.into_iter().zip(types) {
                out.push(ask(graph, body, Op::List, column, ty));
            }
        }
        Tree::Option(_, inner) => {
            let flag = stream.next()?;
            out.push(flag);
            if matches!(known.get(&flag)?, Scalar::Bool(true)) {
                return pack(graph, inner, stream, known, out);
            }
            let body = graph.body;
            out.extend(inner.leaves().into_iter().map(|ty| ask(graph, body, Op::Undef, vec![], ty)));
        }
        Tree::Unset => return None,
    }
    Some(())
}
