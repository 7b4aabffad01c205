//! `inline`: calls are replaced by the bodies of the functions they name.

use std::collections::HashMap;

use crate::graph::Graph;
use crate::ids::{RegionId, ValueId};
use crate::ops::Op;

/// Replaces every call for which `resolve` has a graph; other calls stay.
///
/// # Errors
/// A callee whose numbers of parameters or results differ from the call's.
pub fn inline(graph: &mut Graph, resolve: &dyn Fn(&str) -> Option<Graph>) -> Result<usize, String> {
    let mut changes = 0;
    for region in graph.all_regions() {
        let mut at = 0;
        while at < graph.regions[region].nodes.len() {
            let id = graph.regions[region].nodes[at];
            let node = graph.nodes[id].clone();
            let callee = match (&node.op, &node.attrs.text) {
                (Op::Call, Some(name)) => resolve(name),
                _ => None,
            };
            let Some(callee) = callee else {
                at += 1;
                continue;
            };
            let params = callee.params().to_vec();
            let body = &callee.regions[callee.body];
            if params.len() != node.operands.len() || body.results.len() != node.results.len() {
                return Err(format!(
                    "`{}` takes {} values and gives {}; the call passes {} and expects {}",
                    callee.name,
                    params.len(),
                    body.results.len(),
                    node.operands.len(),
                    node.results.len()
                ));
            }
            let rest = graph.regions[region].nodes.split_off(at);
            let mut map: HashMap<ValueId, ValueId> =
                params.into_iter().zip(node.operands.iter().copied()).collect();
            copy_region(&callee, callee.body, graph, region, &mut map);
            at = graph.regions[region].nodes.len();
            graph.regions[region].nodes.extend_from_slice(&rest[1..]);
            let results: Vec<ValueId> = body.results.iter().map(|v| map[v]).collect();
            let renamed: HashMap<ValueId, ValueId> = node.results.iter().copied().zip(results).collect();
            graph.replace_uses(|v| renamed.get(&v).copied().unwrap_or(v));
            changes += 1;
        }
    }
    Ok(changes)
}

/// Appends copies of the nodes of a region of `source` to a region of `graph`. `map` says which
/// values of `graph` stand for those of `source`, and learns the new ones.
pub fn copy_region(
    source: &Graph,
    from: RegionId,
    graph: &mut Graph,
    into: RegionId,
    map: &mut HashMap<ValueId, ValueId>,
) {
    for id in &source.regions[from].nodes {
        let node = &source.nodes[*id];
        let operands = node.operands.iter().map(|v| map[v]).collect();
        let types = node.results.iter().map(|v| source.ty(*v).clone()).collect();
        let new = graph.push(into, node.op, operands, node.attrs.clone(), types, node.location.clone());
        for (old, new) in node.results.iter().zip(graph.nodes[new].results.clone()) {
            graph.values[new].name = source.values[*old].name.clone();
            map.insert(*old, new);
        }
        for inner in &node.regions {
            let region = graph.region();
            for arg in &source.regions[*inner].args {
                let name = source.values[*arg].name.clone();
                let value = graph.arg(region, source.ty(*arg).clone(), name.as_deref());
                map.insert(*arg, value);
            }
            copy_region(source, *inner, graph, region, map);
            let results = source.regions[*inner].results.iter().map(|v| map[v]).collect();
            graph.regions[region].results = results;
            graph.nodes[new].regions.push(region);
        }
    }
}
