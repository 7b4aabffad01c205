//! `if` and `loop` with structured values.

use super::{Frame, Linked, Linker};
use crate::graph::Node;
use crate::ids::{RegionId, ValueId};
use crate::ops::Op;
use crate::tree::Tree;
use crate::types::{DType, Type};
use crate::unify::Clash;

impl Linker {
    pub(super) fn branch(&mut self, frame: &mut Frame<'_>, node: &Node, into: RegionId) -> Linked<()> {
        let condition = self.operand(frame, node, 0);
        let condition = self.leaf(&condition, Op::If, into)?;
        let regions = [self.graph.region(), self.graph.region()];
        let mut sides = Vec::new();
        for (from, region) in node.regions.iter().zip(regions) {
            sides.push(self.region(frame, *from, region)?);
        }
        let (Some(right), Some(left)) = (sides.pop(), sides.pop()) else { return Ok(()) };
        let mut trees = Vec::new();
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        for (a, b) in left.into_iter().zip(right) {
            let b = self.like(b, &a, regions[1])?;
            let a = self.like(a, &b, regions[0])?;
            lefts.extend(a.leaves());
            rights.extend(b.leaves());
            trees.push(a);
        }
        let types = vec![Type::Hole; lefts.len()];
        let made =
            self.graph.push(into, Op::If, vec![condition], node.attrs.clone(), types, node.location.clone());
        self.graph.nodes[made].regions = regions.to_vec();
        let results = self.graph.nodes[made].results.clone();
        for ((x, y), result) in lefts.iter().zip(&rights).zip(&results) {
            self.joined(*x, *y, *result, Op::If)?;
        }
        self.graph.regions[regions[0]].results = lefts;
        self.graph.regions[regions[1]].results = rights;
        self.bind(frame, node, trees, &results);
        Ok(())
    }

    /// Types `result` as one of two values.
    fn joined(&mut self, x: ValueId, y: ValueId, result: ValueId, op: Op) -> Linked<()> {
        let joined = self.typing.vars.join(self.typing.ty(x), self.typing.ty(y));
        let ty = joined.map_err(|Clash(what)| {
            self.error(format!("{}: the sides give different types: {what}", op.shown()))
        })?;
        for v in [x, y, result] {
            self.typing.types.insert(v, ty);
        }
        Ok(())
    }

    /// Binds a node's results, in the given structures.
    fn bind(&mut self, frame: &mut Frame<'_>, node: &Node, trees: Vec<Tree<ValueId>>, results: &[ValueId]) {
        let mut next = results.iter();
        for (value, tree) in node.results.iter().zip(trees) {
            let tree = tree.map(&mut |v| *next.next().unwrap_or(v));
            if let Tree::Leaf(v) = tree {
                self.graph.values[v].name = frame.source.values[*value].name.clone();
            }
            frame.env.insert(*value, tree);
        }
    }

    pub(super) fn repeat(&mut self, frame: &mut Frame<'_>, node: &Node, into: RegionId) -> Linked<()> {
        let counted = usize::from(node.attrs.keep);
        let at = self.at.clone();
        let count = if counted == 1 {
            let count = self.operand(frame, node, 0);
            let count = self.leaf(&count, Op::Loop, into)?;
            let usize_ty = self.typing.vars.scalar(DType::Usize);
            let joined = self.typing.vars.join(self.typing.ty(count), usize_ty);
            self.fits(joined, Op::Loop)?;
            Some(count)
        } else {
            None
        };
        let inits: Vec<Tree<ValueId>> =
            (counted..node.operands.len()).map(|i| self.operand(frame, node, i)).collect();
        let mut shapes = inits.clone();
        // What a variable holds may be known only after a trip: then the trip is walked again.
        let mut last = false;
        let (regions, condition, results) = loop {
            self.at = at.clone();
            let before = shapes.iter().any(|s| !is_known(s)).then(|| self.typing.clone());
            let outer = self.tentative;
            self.tentative |= before.is_some() && !last;
            let walked = self.trip(frame, node, &shapes);
            self.tentative = outer;
            let (regions, condition, results) = walked?;
            let mut changed = false;
            for (shape, result) in shapes.iter_mut().zip(&results) {
                let grown = grown(shape, result);
                changed |= !same(shape, &grown);
                *shape = grown;
            }
            if !changed && (before.is_none() || last) {
                break (regions, condition, results);
            }
            // What is unknown still stays so.
            last = !changed;
            // Types of what this walk made are kept; what it said about literals is not.
            if let Some(mut before) = before {
                std::mem::swap(&mut self.typing, &mut before);
                self.typing.adopt(before, &shapes.iter().flat_map(Tree::leaves).collect::<Vec<_>>());
            }
        };
        self.at = at;
        let mut operands: Vec<ValueId> = count.into_iter().collect();
        let mut nexts = Vec::new();
        let mut trees = Vec::new();
        for ((init, result), shape) in inits.into_iter().zip(results).zip(&shapes) {
            let init = self.like(init, shape, into)?;
            let next = self.like(result, shape, regions[1])?;
            operands.extend(init.leaves());
            nexts.extend(next.leaves());
            trees.push(init);
        }
        let carried = operands[counted..].to_vec();
        let types = vec![Type::Hole; carried.len()];
        let made =
            self.graph.push(into, Op::Loop, operands, node.attrs.clone(), types, node.location.clone());
        self.graph.nodes[made].regions = regions.to_vec();
        let results = self.graph.nodes[made].results.clone();
        for (i, (init, next)) in carried.iter().zip(&nexts).enumerate() {
            self.joined(*init, *next, results[i], Op::Loop)?;
            let args =
                [self.graph.regions[regions[0]].args[i], self.graph.regions[regions[1]].args[i + counted]];
            for arg in args {
                self.joined(*init, arg, results[i], Op::Loop)?;
            }
        }
        self.graph.regions[regions[0]].results = vec![condition];
        self.graph.regions[regions[1]].results = nexts;
        self.bind(frame, node, trees, &results);
        Ok(())
    }

    /// Walks the while region and the body, the carried values in the given structures.
    fn trip(
        &mut self,
        frame: &mut Frame<'_>,
        node: &Node,
        shapes: &[Tree<ValueId>],
    ) -> Linked<([RegionId; 2], ValueId, Vec<Tree<ValueId>>)> {
        let counted = usize::from(node.attrs.keep);
        let regions = [self.graph.region(), self.graph.region()];
        if counted == 1 {
            let index = self.argument(regions[1], &Type::Scalar(DType::Usize), "");
            self.graph.values[index].name = None;
            frame.env.insert(frame.source.regions[node.regions[1]].args[0], Tree::Leaf(index));
        }
        for (side, skip) in [(0, 0), (1, counted)] {
            let args = frame.source.regions[node.regions[side]].args[skip..].to_vec();
            for (arg, shape) in args.into_iter().zip(shapes) {
                let name = frame.source.values[arg].name.clone();
                let tree = shape.map(&mut |v| {
                    let value = self.graph.arg(regions[side], Type::Hole, name.as_deref());
                    let ty = self.typing.ty(*v);
                    self.typing.types.insert(value, ty);
                    value
                });
                frame.env.insert(arg, tree);
            }
        }
        let condition = self.region(frame, node.regions[0], regions[0])?;
        let condition = self.leaf(&condition[0], Op::Loop, regions[0])?;
        let results = self.region(frame, node.regions[1], regions[1])?;
        Ok((regions, condition, results))
    }
}

/// A structure with what is unknown in it taken from another.
pub(super) fn grown(shape: &Tree<ValueId>, other: &Tree<ValueId>) -> Tree<ValueId> {
    match (shape, other) {
        (Tree::Unset, other) => other.clone(),
        (Tree::Tuple(a), Tree::Tuple(b)) if a.len() == b.len() => {
            Tree::Tuple(a.iter().zip(b).map(|(x, y)| grown(x, y)).collect())
        }
        (Tree::Record(a), Tree::Record(_)) => {
            let field = |(name, x): &(String, Tree<ValueId>)| {
                (name.clone(), other.field(name).map_or(x.clone(), |y| grown(x, y)))
            };
            Tree::Record(a.iter().map(field).collect())
        }
        (Tree::List(a), Tree::List(b)) => Tree::List(Box::new(grown(a, b))),
        // An array whose elements an iteration writes is a list.
        (Tree::Tuple(_), list @ Tree::List(_)) => list.clone(),
        (Tree::Option(flag, a), Tree::Option(_, b)) => Tree::Option(*flag, Box::new(grown(a, b))),
        (shape, _) => shape.clone(),
    }
}

fn is_known(shape: &Tree<ValueId>) -> bool {
    shape.map(&mut |_| Type::Hole).is_known()
}

/// Whether two structures are equal, whatever their leaves.
fn same(a: &Tree<ValueId>, b: &Tree<ValueId>) -> bool {
    a.map(&mut |_| ()) == b.map(&mut |_| ())
}
