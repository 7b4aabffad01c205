//! `fuse`: elementwise nodes that feed each other become one `fused` node, which runs as one kernel. Reductions
//! over the last axis, or over everything, stand in such a group with what is before and after them: it runs row by
//! row.
//!
//! Grouping looks at ops, element types and ranks only, never at sizes. A node joins the group of one of
//! its producers unless a path from that group to the node leads through a node outside. Groups of elementwise nodes that
//! read the same tensors (`siblings.rs`) are joined at last: what they read goes by once.

use std::collections::{BTreeSet, HashMap, HashSet};

use fixedbitset::FixedBitSet;

use super::siblings;
use crate::graph::{Graph, Node};
use crate::ids::{NodeId, RegionId, ValueId};
use crate::ops::{Attrs, Op, rows};
use crate::types::{Dim, Type};

/// Groups the elementwise nodes of every region.
pub fn fuse(graph: &mut Graph) -> usize {
    let mut changes = 0;
    for region in graph.all_regions() {
        let groups = Groups::of(graph, region);
        changes += rebuild(graph, region, &groups);
    }
    changes
}

/// What the reductions of a group run over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extent {
    /// The last axis.
    Last,
    /// All elements.
    All,
}

/// What an op on floats that reduces, or is made of reductions, runs over, if a group can hold it.
pub(super) fn extent(graph: &Graph, node: &Node) -> Option<Extent> {
    if !rows::is_fold(node.op) && rows::steps(node.op).is_none() {
        return None;
    }
    let Type::Tensor(dtype, Some(dims)) = graph.ty(*node.operands.first()?) else { return None };
    // Of no elements a reduction may have no value, of one it has nothing to do.
    let short = |d: &Dim| matches!(d, Dim::Known(0 | 1));
    if !dtype.is_float() || dims.is_empty() || short(&dims[dims.len() - 1]) || dims.contains(&Dim::Known(0)) {
        return None;
    }
    let reduced = crate::ops::shape::reduced(&node.attrs.axes, dims.len()).ok()?;
    match node.attrs.axes {
        Some(_) if reduced.iter().filter(|r| **r).count() == 1 => {
            (reduced[dims.len() - 1]).then_some(Extent::Last)
        }
        _ => (reduced.iter().all(|r| *r) && !node.attrs.keep).then_some(Extent::All),
    }
}

/// The extent of a reduction that a group can hold as it is.
fn fold_extent(graph: &Graph, node: &Node) -> Option<Extent> {
    extent(graph, node).filter(|e| rows::is_fold(node.op) && node.attrs.keep == (*e == Extent::Last))
}

/// Whether a node may stand in a group: elementwise on tensors, and never failing by value.
pub(crate) fn fusible(graph: &Graph, node: &Node) -> bool {
    let integer = node.operands.iter().any(|v| graph.ty(*v).dtype().is_some_and(|d| d.is_int()));
    let typed = node.operands.iter().chain(&node.results).all(|v| *graph.ty(*v) != Type::Hole);
    node.op.is_elementwise()
        && typed
        && graph.ty(node.results[0]).is_tensor()
        && !(node.op.divides() && integer)
        && !matches!(node.op, Op::Shl | Op::Shr)
}

/// Which node of a region is in which group.
#[derive(Default)]
pub(super) struct Groups {
    pub(super) of: HashMap<NodeId, usize>,
    /// For each group, those on which it depends through a node outside.
    pub(super) behind: Vec<FixedBitSet>,
    /// For each node outside, the groups on which it depends.
    reach: Vec<FixedBitSet>,
    /// For each group what its reductions run over, if it has any.
    pub(super) extents: Vec<Option<Extent>>,
}

/// What makes a value.
#[derive(Clone, Copy)]
enum Producer {
    Member(NodeId),
    /// A node outside of all groups, by its position in `reach`.
    Outside(usize),
}

impl Groups {
    fn of(graph: &Graph, region: RegionId) -> Groups {
        let mut groups = Groups::default();
        let mut producer: HashMap<ValueId, Producer> = HashMap::new();
        for id in &graph.regions[region].nodes {
            let node = &graph.nodes[*id];
            let mut direct = BTreeSet::new();
            let mut behind = FixedBitSet::new();
            for value in uses(graph, node) {
                match producer.get(&value) {
                    Some(Producer::Member(from)) => {
                        let group = groups.of[from];
                        if direct.insert(group) {
                            behind.union_with(&groups.behind[group]);
                        }
                    }
                    Some(Producer::Outside(at)) => behind.union_with(&groups.reach[*at]),
                    None => {}
                }
            }
            let fold = fold_extent(graph, node);
            let made = if fold.is_some() || fusible(graph, node) {
                groups.join(*id, &direct, behind, fold);
                Producer::Member(*id)
            } else {
                direct.iter().for_each(|g| behind.grow_and_insert(*g));
                groups.reach.push(behind);
                Producer::Outside(groups.reach.len() - 1)
            };
            producer.extend(node.results.iter().map(|v| (*v, made)));
        }
        siblings::join(graph, region, &mut groups);
        groups
    }

    fn join(&mut self, id: NodeId, direct: &BTreeSet<usize>, mut behind: FixedBitSet, fold: Option<Extent>) {
        let agree = |a: Option<Extent>, b: Option<Extent>| a.is_none() || b.is_none() || a == b;
        // The latest producer's group is the one that the fewest nodes stand between.
        let home =
            direct.iter().rev().find(|g| !behind.contains(**g) && agree(self.extents[**g], fold)).copied();
        let group = home.unwrap_or_else(|| {
            self.behind.push(FixedBitSet::new());
            self.extents.push(None);
            self.behind.len() - 1
        });
        self.extents[group] = self.extents[group].or(fold);
        for other in direct.iter().filter(|g| **g != group) {
            let apart = !self.behind[*other].contains(group)
                && !self.behind[group].contains(*other)
                && agree(self.extents[*other], self.extents[group]);
            if apart && !behind.contains(*other) && !behind.contains(group) {
                self.merge(*other, group);
            } else {
                behind.grow_and_insert(*other);
            }
        }
        self.of.insert(id, group);
        if !behind.is_subset(&self.behind[group]) {
            self.behind[group].union_with(&behind);
            self.close(group);
        }
    }

    /// Moves the members of one group to another; no path leads from one to the other outside.
    pub(super) fn merge(&mut self, from: usize, to: usize) {
        self.of.values_mut().filter(|g| **g == from).for_each(|g| *g = to);
        self.extents[to] = self.extents[to].or(self.extents[from]);
        let moved = std::mem::take(&mut self.behind[from]);
        self.behind[to].union_with(&moved);
        for set in self.behind.iter_mut().chain(self.reach.iter_mut()) {
            if set.contains(from) {
                set.remove(from);
                set.grow_and_insert(to);
            }
        }
        self.close(to);
    }

    /// What depends on a group depends on all that it depends on.
    fn close(&mut self, group: usize) {
        let grown = self.behind[group].clone();
        for set in self.behind.iter_mut().chain(self.reach.iter_mut()) {
            if set.contains(group) {
                set.union_with(&grown);
            }
        }
    }
}

/// Values that a node uses, those used inside its regions included.
fn uses(graph: &Graph, node: &Node) -> Vec<ValueId> {
    let mut all = node.operands.clone();
    for r in &node.regions {
        graph.visit_regions(*r, &mut |r| {
            all.extend(graph.regions[r].results.iter().copied());
            for n in &graph.regions[r].nodes {
                all.extend(graph.nodes[*n].operands.iter().copied());
            }
        });
    }
    all
}

/// Puts each group of two or more nodes into one node and orders the region anew.
fn rebuild(graph: &mut Graph, region: RegionId, groups: &Groups) -> usize {
    let nodes = graph.regions[region].nodes.clone();
    let mut members: Vec<Vec<NodeId>> = vec![Vec::new(); groups.behind.len()];
    for id in &nodes {
        if let Some(g) = groups.of.get(id) {
            members[*g].push(*id);
        }
    }
    members.retain(|m| m.len() > 1);
    if members.is_empty() {
        return 0;
    }
    let uses = count_uses(graph);
    let mut home: HashMap<NodeId, NodeId> = HashMap::new();
    let mut outputs = Outputs::new();
    for group in &members {
        let fused = make_node(graph, region, group, &uses, &mut outputs);
        home.extend(group.iter().map(|id| (*id, fused)));
    }
    rename(graph, &outputs);
    graph.regions[region].nodes = order(graph, &nodes, &home);
    members.len()
}

/// Results of groups: what stands for a value outside of the group, and the group's region.
type Outputs = HashMap<ValueId, (ValueId, RegionId)>;

/// How often each value is used.
fn count_uses(graph: &Graph) -> HashMap<ValueId, usize> {
    let mut uses: HashMap<ValueId, usize> = HashMap::new();
    for region in graph.all_regions() {
        let data = &graph.regions[region];
        let operands = data.nodes.iter().flat_map(|n| &graph.nodes[*n].operands);
        operands.chain(&data.results).for_each(|v| *uses.entry(*v).or_default() += 1);
    }
    uses
}

fn make_node(
    graph: &mut Graph,
    region: RegionId,
    group: &[NodeId],
    uses: &HashMap<ValueId, usize>,
    outputs: &mut Outputs,
) -> NodeId {
    let mut inside: HashMap<ValueId, usize> = HashMap::new();
    for value in group.iter().flat_map(|id| &graph.nodes[*id].operands) {
        *inside.entry(*value).or_default() += 1;
    }
    let made = group.iter().flat_map(|id| graph.nodes[*id].results.iter().copied());
    let used_outside = |v: &ValueId| uses.get(v).copied() > inside.get(v).copied();
    let given: Vec<ValueId> = made.filter(used_outside).collect();
    let inner = graph.region();
    graph.regions[inner].nodes = group.to_vec();
    graph.regions[inner].results = given.clone();
    let types: Vec<Type> = given.iter().map(|v| graph.ty(*v).clone()).collect();
    let location = group.last().and_then(|id| graph.nodes[*id].location.clone());
    let fused = graph.push(region, Op::Fused, vec![], Attrs::default(), types, location);
    graph.nodes[fused].regions.push(inner);
    graph.regions[region].nodes.pop();
    for (i, old) in given.into_iter().enumerate() {
        let new = graph.nodes[fused].results[i];
        graph.values[new].name = graph.values[old].name.clone();
        outputs.insert(old, (new, inner));
    }
    fused
}

/// Uses of members' values outside of their groups become those of the groups' results. The members still stand
/// in the region around their groups.
fn rename(graph: &mut Graph, outputs: &Outputs) {
    let inner: HashSet<RegionId> = outputs.values().map(|(_, inner)| *inner).collect();
    let grouped: HashMap<NodeId, RegionId> =
        inner.iter().flat_map(|r| graph.regions[*r].nodes.iter().map(|n| (*n, *r))).collect();
    let stands_for = |v: ValueId, here: Option<RegionId>| match outputs.get(&v) {
        Some((new, group)) if here != Some(*group) => *new,
        _ => v,
    };
    for region in graph.all_regions() {
        for id in graph.regions[region].nodes.clone() {
            let here = grouped.get(&id).copied();
            graph.nodes[id].operands.iter_mut().for_each(|v| *v = stands_for(*v, here));
        }
        graph.regions[region].results.iter_mut().for_each(|v| *v = stands_for(*v, None));
    }
}

/// The region's nodes, groups in place of their members, each after what it uses.
fn order(graph: &Graph, nodes: &[NodeId], home: &HashMap<NodeId, NodeId>) -> Vec<NodeId> {
    let mut units: Vec<NodeId> = Vec::new();
    let mut known: HashSet<NodeId> = HashSet::new();
    for id in nodes {
        let unit = home.get(id).copied().unwrap_or(*id);
        if known.insert(unit) {
            units.push(unit);
        }
    }
    let mut maker: HashMap<ValueId, NodeId> = HashMap::new();
    for unit in &units {
        graph.nodes[*unit].results.iter().for_each(|v| {
            maker.insert(*v, *unit);
        });
    }
    let mut done: HashSet<NodeId> = HashSet::new();
    let mut out = Vec::new();
    for unit in units {
        // Effects keep their order because they are visited in it.
        visit(graph, unit, &maker, &mut done, &mut out);
    }
    out
}

fn visit(
    graph: &Graph,
    unit: NodeId,
    maker: &HashMap<ValueId, NodeId>,
    done: &mut HashSet<NodeId>,
    out: &mut Vec<NodeId>,
) {
    if !done.insert(unit) {
        return;
    }
    for value in uses(graph, &graph.nodes[unit]) {
        if let Some(from) = maker.get(&value)
            && *from != unit
        {
            visit(graph, *from, maker, done, out);
        }
    }
    out.push(unit);
}
