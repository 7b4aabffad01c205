//! Groups that read the same tensors become one: their inputs go by once, and a loop whose states do not depend on each
//! other may be one group.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::fuse::Groups;
use crate::form;
use crate::graph::Graph;
use crate::ids::{NodeId, RegionId, ValueId};

/// What is known of a group.
struct Sibling {
    group: usize,
    members: usize,
    approximated: usize,
    results: usize,
}

/// Joins groups of elementwise nodes that read the same tensors, neither of which depends on the other, as long as a kernel
/// is written for what they make together.
///
/// Ranks may be unknown here and known when the graph runs, and both have to find the same groups. So all members have to
/// read all of the tensors, which gives them one shape whatever the ranks.
pub(super) fn join(graph: &Graph, region: RegionId, groups: &mut Groups) {
    let mut kept: HashMap<BTreeSet<ValueId>, Vec<Sibling>> = HashMap::new();
    for (reads, found) in siblings(graph, region, groups) {
        let alike = kept.entry(reads).or_default();
        let fits = |other: &&mut Sibling| {
            !groups.behind[found.group].contains(other.group)
                && !groups.behind[other.group].contains(found.group)
                && form::is_short(
                    other.members + found.members,
                    other.approximated + found.approximated,
                    other.results + found.results,
                )
        };
        match alike.iter_mut().find(fits) {
            Some(other) => {
                other.members += found.members;
                other.approximated += found.approximated;
                other.results += found.results;
                groups.merge(found.group, other.group);
            }
            None => alike.push(found),
        }
    }
}

/// The groups without reductions whose members all read, or depend on, the same tensors; those, and the group.
fn siblings(graph: &Graph, region: RegionId, groups: &Groups) -> Vec<(BTreeSet<ValueId>, Sibling)> {
    let nodes = &graph.regions[region].nodes;
    let mut members: Vec<Vec<NodeId>> = vec![Vec::new(); groups.behind.len()];
    for id in nodes {
        if let Some(group) = groups.of.get(id) {
            members[*group].push(*id);
        }
    }
    let outside = read_outside(graph, region, groups);
    let mut found = Vec::new();
    for (group, members) in members.iter().enumerate().filter(|(g, _)| groups.extents[*g].is_none()) {
        let Some(reads) = common_reads(graph, members) else { continue };
        let made = members.iter().flat_map(|id| &graph.nodes[*id].results);
        let sibling = Sibling {
            group,
            members: members.len(),
            approximated: members.iter().filter(|id| graph.nodes[**id].op.info().approx).count(),
            results: made.filter(|v| outside.contains(v)).count(),
        };
        found.push((reads, sibling));
    }
    found
}

/// The tensors on which each member depends, if those are the same for all, and at least one.
fn common_reads(graph: &Graph, members: &[NodeId]) -> Option<BTreeSet<ValueId>> {
    let mut known: HashMap<ValueId, BTreeSet<ValueId>> = HashMap::new();
    let mut common: Option<BTreeSet<ValueId>> = None;
    for id in members {
        let node = &graph.nodes[*id];
        let mut reads = BTreeSet::new();
        for v in node.operands.iter().filter(|v| !graph.ty(**v).is_scalar()) {
            match known.get(v) {
                Some(inner) => reads.extend(inner),
                None => {
                    reads.insert(*v);
                }
            }
        }
        if reads.is_empty() || common.as_ref().is_some_and(|c| *c != reads) {
            return None;
        }
        known.extend(node.results.iter().map(|v| (*v, reads.clone())));
        common.get_or_insert(reads);
    }
    common
}

/// Values that somebody else than a member of the same group reads.
fn read_outside(graph: &Graph, region: RegionId, groups: &Groups) -> HashSet<ValueId> {
    let mut maker: HashMap<ValueId, usize> = HashMap::new();
    for id in &graph.regions[region].nodes {
        if let Some(group) = groups.of.get(id) {
            maker.extend(graph.nodes[*id].results.iter().map(|v| (*v, *group)));
        }
    }
    let mut found = HashSet::new();
    graph.visit_regions(region, &mut |r| {
        found.extend(&graph.regions[r].results);
        for id in &graph.regions[r].nodes {
            let own = groups.of.get(id);
            let others = graph.nodes[*id].operands.iter().filter(|v| own.is_none() || maker.get(v) != own);
            found.extend(others);
        }
    });
    found
}
