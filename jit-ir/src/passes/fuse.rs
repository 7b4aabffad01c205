//! `fuse`: elementwise nodes that feed each other become one `fused` node, which runs as one kernel.
//!
//! Grouping looks at ops and element types only, never at sizes. A node joins the group of one of
//! its producers unless a path from that group to the node leads through a node outside.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::graph::{Graph, Node};
use crate::ids::{NodeId, RegionId, ValueId};
use crate::ops::{Attrs, Op};
use crate::types::Type;

/// Groups the elementwise nodes of every region.
pub fn fuse(graph: &mut Graph) -> usize {
    let mut changes = 0;
    for region in graph.all_regions() {
        let groups = Groups::of(graph, region);
        changes += rebuild(graph, region, &groups);
    }
    changes
}

/// Whether a node may stand in a group: elementwise on tensors, and never failing by value.
fn fusible(graph: &Graph, node: &Node) -> bool {
    let integer = node.operands.iter().any(|v| graph.ty(*v).dtype().is_some_and(|d| d.is_int()));
    let typed = node.operands.iter().chain(&node.results).all(|v| *graph.ty(*v) != Type::Hole);
    node.op.is_elementwise()
        && typed
        && graph.ty(node.results[0]).is_tensor()
        && !(node.op.divides() && integer)
        && !matches!(node.op, Op::Shl | Op::Shr)
}

/// Which node of a region is in which group.
struct Groups {
    of: HashMap<NodeId, usize>,
    /// For each group, those on which it depends through a node outside.
    behind: Vec<BTreeSet<usize>>,
    /// For each node outside, the groups on which it depends.
    reach: HashMap<NodeId, BTreeSet<usize>>,
}

impl Groups {
    fn of(graph: &Graph, region: RegionId) -> Groups {
        let mut groups = Groups { of: HashMap::new(), behind: Vec::new(), reach: HashMap::new() };
        let mut producer: HashMap<ValueId, NodeId> = HashMap::new();
        for id in &graph.regions[region].nodes {
            let node = &graph.nodes[*id];
            let mut direct = BTreeSet::new();
            let mut behind = BTreeSet::new();
            for value in uses(graph, node) {
                let Some(from) = producer.get(&value) else { continue };
                match groups.of.get(from) {
                    Some(g) => {
                        direct.insert(*g);
                        behind.extend(groups.behind[*g].iter().copied());
                    }
                    None => behind.extend(groups.reach[from].iter().copied()),
                }
            }
            if fusible(graph, node) {
                groups.join(*id, &direct, behind);
            } else {
                behind.extend(direct);
                groups.reach.insert(*id, behind);
            }
            node.results.iter().for_each(|v| {
                producer.insert(*v, *id);
            });
        }
        groups
    }

    fn join(&mut self, id: NodeId, direct: &BTreeSet<usize>, mut behind: BTreeSet<usize>) {
        // The latest producer's group is the one that the fewest nodes stand between.
        let home = direct.iter().rev().find(|g| !behind.contains(g)).copied();
        let group = home.unwrap_or_else(|| {
            self.behind.push(BTreeSet::new());
            self.behind.len() - 1
        });
        for other in direct.iter().filter(|g| **g != group) {
            let apart = !self.behind[*other].contains(&group) && !self.behind[group].contains(other);
            if apart && !behind.contains(other) && !behind.contains(&group) {
                self.merge(*other, group);
            } else {
                behind.insert(*other);
            }
        }
        self.of.insert(id, group);
        self.behind[group].extend(behind);
        self.close(group);
    }

    /// Moves the members of one group to another; no path leads from one to the other outside.
    fn merge(&mut self, from: usize, to: usize) {
        self.of.values_mut().filter(|g| **g == from).for_each(|g| *g = to);
        let moved = std::mem::take(&mut self.behind[from]);
        self.behind[to].extend(moved);
        for set in self.behind.iter_mut().chain(self.reach.values_mut()) {
            if set.remove(&from) {
                set.insert(to);
            }
        }
    }

    /// What depends on a group depends on all that it depends on.
    fn close(&mut self, group: usize) {
        let grown = self.behind[group].clone();
        for set in self.behind.iter_mut().chain(self.reach.values_mut()) {
            if set.contains(&group) {
                set.extend(&grown);
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
    let mut changes = 0;
    let mut home: HashMap<NodeId, NodeId> = HashMap::new();
    for group in members.iter().filter(|m| m.len() > 1) {
        let fused = make_node(graph, region, group);
        group.iter().for_each(|id| {
            home.insert(*id, fused);
        });
        changes += 1;
    }
    if changes == 0 {
        return 0;
    }
    graph.regions[region].nodes = order(graph, &nodes, &home);
    changes
}

fn make_node(graph: &mut Graph, region: RegionId, group: &[NodeId]) -> NodeId {
    let inside: HashSet<NodeId> = group.iter().copied().collect();
    let used = used_outside(graph, region, &inside);
    let inner = graph.region();
    graph.regions[inner].nodes = group.to_vec();
    let made: Vec<ValueId> = group.iter().flat_map(|id| graph.nodes[*id].results.clone()).collect();
    let outputs: Vec<ValueId> = made.into_iter().filter(|v| used.contains(v)).collect();
    graph.regions[inner].results = outputs.clone();
    let types: Vec<Type> = outputs.iter().map(|v| graph.ty(*v).clone()).collect();
    let location = group.last().and_then(|id| graph.nodes[*id].location.clone());
    let fused = graph.push(region, Op::Fused, vec![], Attrs::default(), types, location);
    graph.nodes[fused].regions.push(inner);
    graph.regions[region].nodes.pop();
    let results = graph.nodes[fused].results.clone();
    for (old, new) in outputs.iter().zip(&results) {
        graph.values[*new].name = graph.values[*old].name.clone();
    }
    let renamed: HashMap<ValueId, ValueId> = outputs.into_iter().zip(results).collect();
    let all: Vec<RegionId> = graph.all_regions();
    for r in all {
        for id in graph.regions[r].nodes.clone() {
            if !inside.contains(&id) {
                rename(&mut graph.nodes[id].operands, &renamed);
            }
        }
        if r != inner {
            let mut results = std::mem::take(&mut graph.regions[r].results);
            rename(&mut results, &renamed);
            graph.regions[r].results = results;
        }
    }
    fused
}

fn rename(values: &mut [ValueId], renamed: &HashMap<ValueId, ValueId>) {
    values.iter_mut().for_each(|v| *v = renamed.get(v).copied().unwrap_or(*v));
}

fn used_outside(graph: &Graph, region: RegionId, inside: &HashSet<NodeId>) -> HashSet<ValueId> {
    let mut used: HashSet<ValueId> = graph.regions[region].results.iter().copied().collect();
    for r in graph.all_regions() {
        if r != region {
            used.extend(graph.regions[r].results.iter().copied());
        }
        for id in graph.regions[r].nodes.iter().filter(|id| !inside.contains(id)) {
            used.extend(graph.nodes[*id].operands.iter().copied());
        }
    }
    used
}

/// The region's nodes, groups in place of their members, each after what it uses.
fn order(graph: &Graph, nodes: &[NodeId], home: &HashMap<NodeId, NodeId>) -> Vec<NodeId> {
    let mut units: Vec<NodeId> = Vec::new();
    for id in nodes {
        let unit = home.get(id).copied().unwrap_or(*id);
        if !units.contains(&unit) {
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
