//! Recordings of one signature become one graph: where the host saw different values, an `if`.
//!
//! A recording is a straight line of nodes, `guard`s among them: what the host saw there decided what was recorded
//! after it. Two recordings of a function that depends on nothing else are equal up to the first guard of unequal
//! values. Values have the same ids in both as far as they are equal.

use std::collections::HashMap;
use std::ops::Range;

use crate::copy::{Copier, same_node};
use crate::data::{Const, Scalar};
use crate::graph::{Graph, Location};
use crate::ids::{NodeId, RegionId, ValueId};
use crate::ops::{Attrs, Op};
use crate::types::{DType, Type};

/// How two recordings relate.
#[derive(Clone, PartialEq, Debug)]
pub enum Relation {
    /// They are equal.
    Same,
    /// They are equal up to a guard, which saw another value; the number of nodes before it.
    Parts(usize),
    /// They differ although the host saw the same values.
    Differs {
        /// How.
        what: Difference,
        /// Where in the user's source, in the second one.
        at: Option<Location>,
    },
}

/// How recordings of the same values differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Difference {
    /// In a constant.
    Constant,
    /// In an operation.
    Operation,
    /// In the number of operations, or in what they return.
    Length,
}

fn nodes(graph: &Graph) -> &[NodeId] {
    &graph.regions[graph.body].nodes
}

/// How a second recording relates to a first one.
pub fn relation(first: &Graph, second: &Graph) -> Relation {
    let (x, y) = (nodes(first), nodes(second));
    for (i, (m, n)) in x.iter().zip(y).enumerate() {
        if same_node(first, *m, second, *n) {
            continue;
        }
        let (a, b) = (&first.nodes[*m], &second.nodes[*n]);
        if a.op == Op::Guard && b.op == Op::Guard && a.operands == b.operands {
            return Relation::Parts(i);
        }
        let constant = a.op == Op::Const && b.op == Op::Const;
        let what = if constant { Difference::Constant } else { Difference::Operation };
        // A constant has no line of its own; the op that takes it has.
        let at = y[i..].iter().find_map(|n| second.nodes[*n].location.clone());
        return Relation::Differs { what, at };
    }
    let results = |g: &Graph| g.regions[g.body].results.clone();
    if x.len() == y.len() && results(first) == results(second) {
        return Relation::Same;
    }
    let at = y.get(x.len()..).unwrap_or(&[]).iter().find_map(|n| second.nodes[*n].location.clone());
    Relation::Differs { what: Difference::Length, at }
}

/// What happens where no recording fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Miss<'a> {
    /// A guard leaves the graph.
    Leave,
    /// The function is called by this name, with all parameters.
    Call(&'a str),
}

/// One graph of several recordings.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The graph. If numbered, `path` says which recording's path a run takes.
    pub graph: Graph,
    /// For each recording where its results stand.
    pub places: Vec<Range<usize>>,
}

/// Merges recordings that part from each other at guards.
pub fn merge(paths: &[&Graph], numbered: bool, miss: Miss<'_>) -> Merged {
    let first = paths[0];
    let mut graph = Graph::new(first.name.as_str());
    let body = graph.body;
    for param in first.params() {
        let value = &first.values[*param];
        graph.arg(body, value.ty.clone(), value.name.as_deref());
    }
    let (places, types) = places(paths);
    let params = graph.params().to_vec();
    let map = first.params().iter().copied().zip(params.iter().copied()).collect();
    let mut merger = Merger { paths, graph, params, types, places, numbered, miss };
    let all: Vec<usize> = (0..paths.len()).collect();
    let results = merger.paths(body, &all, 0, map);
    let Merger { mut graph, places, types, .. } = merger;
    graph.regions[body].results = results;
    graph.result_types = types;
    Merged { graph, places }
}

/// Where each recording's results stand, and their types: in the same places if all types have something in
/// common, beside those of the others if not.
fn places(paths: &[&Graph]) -> (Vec<Range<usize>>, Vec<Type>) {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut types: Vec<Type> = Vec::new();
    let mut places = Vec::new();
    for path in paths {
        let own = &path.result_types;
        let joined = |at: &Range<usize>, types: &[Type]| -> Option<Vec<Type>> {
            let fits = at.len() == own.len();
            fits.then(|| types[at.clone()].iter().zip(own).map(|(a, b)| a.join(b)).collect())?
        };
        match groups.iter().find_map(|at| joined(at, &types).map(|j| (at.clone(), j))) {
            Some((at, joined)) => {
                types[at.clone()].clone_from_slice(&joined);
                places.push(at);
            }
            None => {
                let at = types.len()..types.len() + own.len();
                types.extend(own.iter().cloned());
                groups.push(at.clone());
                places.push(at);
            }
        }
    }
    (places, types)
}

struct Merger<'a> {
    paths: &'a [&'a Graph],
    graph: Graph,
    params: Vec<ValueId>,
    types: Vec<Type>,
    places: Vec<Range<usize>>,
    numbered: bool,
    miss: Miss<'a>,
}

impl Merger<'_> {
    /// Appends what recordings have in common from a position on, and the branches after it; gives the results.
    fn paths(
        &mut self,
        region: RegionId,
        paths: &[usize],
        mut at: usize,
        mut map: HashMap<ValueId, ValueId>,
    ) -> Vec<ValueId> {
        let lead = self.paths[paths[0]];
        while let Some(id) = nodes(lead).get(at) {
            if lead.nodes[*id].op == Op::Guard {
                let groups = self.groups(paths, at);
                let alone = groups.len() == 1 && self.miss == Miss::Leave;
                if !alone {
                    return self.branches(region, &groups, at, map);
                }
            }
            let mut copier = Copier { source: Some(lead), into: &mut self.graph, map };
            copier.node(*id, region, &mut |_, _, _, _| None);
            map = copier.map;
            at += 1;
        }
        self.leaf(region, paths[0], &map)
    }

    /// The recordings by what the host saw at a guard, `true` first.
    fn groups(&self, paths: &[usize], at: usize) -> Vec<(Const, Vec<usize>)> {
        let mut groups: Vec<(Const, Vec<usize>)> = Vec::new();
        for path in paths {
            let graph = self.paths[*path];
            let Some(seen) = &graph.nodes[nodes(graph)[at]].attrs.value else { continue };
            match groups.iter_mut().find(|(value, _)| value.same_bits(seen)) {
                Some((_, members)) => members.push(*path),
                None => groups.push((seen.clone(), vec![*path])),
            }
        }
        groups.sort_by_key(|(value, _)| !matches!(value, Const::Scalar(Scalar::Bool(true))));
        groups
    }

    /// An `if` for what the host saw; the last group needs none if nothing else can be seen.
    fn branches(
        &mut self,
        region: RegionId,
        groups: &[(Const, Vec<usize>)],
        at: usize,
        map: HashMap<ValueId, ValueId>,
    ) -> Vec<ValueId> {
        let Some(((value, members), rest)) = groups.split_first() else { return self.called(region) };
        let lead = self.paths[members[0]];
        let guard = &lead.nodes[nodes(lead)[at]];
        let (seen, location) = (map[&guard.operands[0]], guard.location.clone());
        if rest.is_empty() && self.miss == Miss::Leave {
            let attrs = guard.attrs.clone();
            self.graph.push(region, Op::Guard, vec![seen], attrs, vec![], location);
            return self.paths(region, members, at + 1, map);
        }
        let is_bool = |c: &Const| matches!(c, Const::Scalar(Scalar::Bool(_)));
        let complete = is_bool(value) && rest.len() == 1;
        let condition = match value {
            Const::Scalar(Scalar::Bool(true)) => seen,
            Const::Scalar(Scalar::Bool(false)) => self.ask(region, Op::Not, vec![seen], location.clone()),
            _ => {
                let expected = self.graph.constant(region, value.clone());
                self.ask(region, Op::Same, vec![seen, expected], location.clone())
            }
        };
        let types = self.types.clone();
        let node = self.graph.push(region, Op::If, vec![condition], Attrs::default(), types, location);
        let (then, other) = (self.graph.region(), self.graph.region());
        self.graph.nodes[node].regions = vec![then, other];
        let results = self.paths(then, members, at + 1, map.clone());
        self.graph.regions[then].results = results;
        let results = if complete {
            self.paths(other, &rest[0].1, at + 1, map)
        } else {
            self.branches(other, rest, at, map)
        };
        self.graph.regions[other].results = results;
        self.graph.nodes[node].results.clone()
    }

    fn ask(&mut self, region: RegionId, op: Op, operands: Vec<ValueId>, at: Option<Location>) -> ValueId {
        let ty = Type::Scalar(DType::Bool);
        let node = self.graph.push(region, op, operands, Attrs::default(), vec![ty], at);
        self.graph.nodes[node].results[0]
    }

    /// A call of the function instead of a recording.
    fn called(&mut self, region: RegionId) -> Vec<ValueId> {
        let Miss::Call(name) = self.miss else { return Vec::new() };
        let attrs = Attrs { text: Some(name.into()), ..Attrs::default() };
        let (operands, types) = (self.params.clone(), self.types.clone());
        let node = self.graph.push(region, Op::Call, operands, attrs, types, None);
        self.graph.nodes[node].results.clone()
    }

    /// The results of one recording, at their places.
    fn leaf(&mut self, region: RegionId, path: usize, map: &HashMap<ValueId, ValueId>) -> Vec<ValueId> {
        let graph = self.paths[path];
        let own: Vec<ValueId> = graph.regions[graph.body].results.iter().map(|v| map[v]).collect();
        let place = self.places[path].clone();
        if self.numbered {
            let attrs = Attrs { value: Some(Const::Scalar(Scalar::Usize(path))), ..Attrs::default() };
            self.graph.push(region, Op::Path, vec![], attrs, vec![], None);
        }
        let mut results = Vec::with_capacity(self.types.len());
        for i in 0..self.types.len() {
            results.push(match i.checked_sub(place.start).and_then(|k| own.get(k)) {
                Some(value) => *value,
                None => {
                    let ty = self.types[i].clone();
                    let node = self.graph.push(region, Op::Undef, vec![], Attrs::default(), vec![ty], None);
                    self.graph.nodes[node].results[0]
                }
            });
        }
        results
    }
}
