//! Which tensors of a scalar loop share one piece of memory.
//!
//! Elements are written in place. That is right if every version of a tensor that the loop makes is
//! read only until the next one is made: then all of them live in one slot. Loops of which this does not
//! hold are run step by step, where a write copies what is shared.

use std::collections::HashMap;

use crate::graph::{Graph, Node};
use crate::ids::{RegionId, ValueId};
use crate::ops::Op;
use crate::types::{DType, Type};

/// The slot of each tensor.
pub struct Slots {
    /// The slot of a tensor.
    pub of: HashMap<ValueId, u8>,
    /// For each slot the element type, and whether it is written.
    pub tensors: Vec<(DType, bool)>,
}

/// The slots of a loop's tensors; `None` if they cannot share.
pub(super) fn storage(graph: &Graph, node: &Node) -> Option<Slots> {
    let mut classes =
        Classes { graph, parent: HashMap::new(), outside: HashMap::new(), written: HashMap::new() };
    classes.unite_loop(node, true)?;
    let counted = usize::from(node.attrs.keep);
    // What fills a carried tensor's memory can be read beside it: then it has memory of its own.
    for (result, value) in node.results.iter().zip(&node.operands[counted..]) {
        if is_tensor(graph, *value) {
            classes.enter(*result, *value)?;
        }
    }
    let mut state = State::default();
    classes.walk_loop(node, &mut state, true)?;
    classes.slots()
}

fn is_tensor(graph: &Graph, value: ValueId) -> bool {
    graph.ty(value).is_tensor()
}

struct Classes<'a> {
    graph: &'a Graph,
    parent: HashMap<ValueId, ValueId>,
    /// Of each class the one value from outside.
    outside: HashMap<ValueId, ValueId>,
    written: HashMap<ValueId, bool>,
}

/// For each class the values that its memory holds now.
type State = HashMap<ValueId, Vec<ValueId>>;

impl Classes<'_> {
    fn root(&self, mut value: ValueId) -> ValueId {
        while let Some(next) = self.parent.get(&value).filter(|p| **p != value) {
            value = *next;
        }
        value
    }

    fn unite(&mut self, a: ValueId, b: ValueId) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent.entry(a).or_insert(a);
        self.parent.insert(b, a);
    }

    fn unite_region(&mut self, region: RegionId) -> Option<()> {
        let graph = self.graph;
        for id in &graph.regions[region].nodes {
            let node = &graph.nodes[*id];
            match node.op {
                Op::SetIndex if is_tensor(graph, node.operands[0]) => {
                    self.unite(node.operands[0], node.results[0]);
                }
                Op::If => {
                    for side in &node.regions {
                        self.unite_region(*side)?;
                        let results = &graph.regions[*side].results;
                        for (a, b) in node.results.iter().zip(results).filter(|(a, _)| is_tensor(graph, **a))
                        {
                            self.unite(*a, *b);
                        }
                    }
                }
                Op::Loop => self.unite_loop(node, false)?,
                // Other ops that make tensors are no scalar code.
                _ if node.results.iter().any(|v| is_tensor(graph, *v)) => return None,
                _ => {}
            }
        }
        Some(())
    }

    fn unite_loop(&mut self, node: &Node, outermost: bool) -> Option<()> {
        let graph = self.graph;
        let counted = usize::from(node.attrs.keep);
        let [condition, body] = [&graph.regions[node.regions[0]], &graph.regions[node.regions[1]]];
        for (i, result) in node.results.iter().enumerate() {
            match graph.ty(*result) {
                Type::Scalar(_) => continue,
                Type::Tensor(..) => {}
                _ => return None,
            }
            let versions = [condition.args[i], body.args[i + counted], body.results[i]];
            versions.iter().for_each(|v| self.unite(*result, *v));
            if !outermost {
                self.unite(*result, node.operands[i + counted]);
            }
        }
        node.regions.iter().try_for_each(|r| self.unite_region(*r))
    }

    /// A value from outside, which fills the memory of another one's class; a class has one.
    fn enter(&mut self, of: ValueId, value: ValueId) -> Option<()> {
        let root = self.root(of);
        let before = self.outside.insert(root, value);
        before.is_none_or(|b| b == value).then_some(())
    }

    fn holds(&mut self, state: &mut State, value: ValueId) -> Option<()> {
        let root = self.root(value);
        if !self.parent.contains_key(&value) {
            // From outside, and never written.
            return self.enter(value, value);
        }
        state.get(&root)?.contains(&value).then_some(())
    }

    fn walk(&mut self, region: RegionId, state: &mut State) -> Option<()> {
        let graph = self.graph;
        for id in &graph.regions[region].nodes {
            let node = &graph.nodes[*id];
            match node.op {
                Op::If => self.walk_if(node, state)?,
                Op::Loop => self.walk_loop(node, state, false)?,
                _ => {
                    for v in node.operands.iter().filter(|v| is_tensor(graph, **v)) {
                        self.holds(state, *v)?;
                    }
                    if node.op == Op::SetIndex {
                        let root = self.root(node.results[0]);
                        self.written.insert(root, true);
                        state.insert(root, vec![node.results[0]]);
                    }
                }
            }
        }
        let results = graph.regions[region].results.clone();
        results.into_iter().filter(|v| is_tensor(graph, *v)).try_for_each(|v| self.holds(state, v))
    }

    fn walk_if(&mut self, node: &Node, state: &mut State) -> Option<()> {
        let before = state.clone();
        let mut sides = Vec::new();
        for side in &node.regions {
            let mut state = before.clone();
            self.walk(*side, &mut state)?;
            sides.push(state);
        }
        let results: Vec<ValueId> =
            node.results.iter().copied().filter(|v| is_tensor(self.graph, *v)).collect();
        let roots: Vec<ValueId> = results.iter().map(|v| self.root(*v)).collect();
        if roots.iter().enumerate().any(|(i, r)| roots[..i].contains(r)) {
            return None;
        }
        state.retain(|class, held| sides.iter().all(|s| s.get(class) == Some(held)));
        for (root, result) in roots.into_iter().zip(results) {
            state.entry(root).or_default().push(result);
        }
        Some(())
    }

    fn walk_loop(&mut self, node: &Node, state: &mut State, outermost: bool) -> Option<()> {
        let graph = self.graph;
        let counted = usize::from(node.attrs.keep);
        let carried: Vec<usize> =
            (0..node.results.len()).filter(|i| is_tensor(graph, node.results[*i])).collect();
        let roots: Vec<ValueId> = carried.iter().map(|i| self.root(node.results[*i])).collect();
        if roots.iter().enumerate().any(|(i, r)| roots[..i].contains(r)) {
            return None;
        }
        if !outermost {
            carried.iter().try_for_each(|i| self.holds(state, node.operands[i + counted]))?;
        }
        let before = state.clone();
        for (side, skip) in [(0, 0), (1, counted)] {
            for (i, root) in carried.iter().zip(&roots) {
                state.insert(*root, vec![graph.regions[node.regions[side]].args[i + skip]]);
            }
            self.walk(node.regions[side], state)?;
        }
        // What a trip changes it must carry.
        let kept = |class: &ValueId| roots.contains(class) || before.get(class) == state.get(class);
        if !state.keys().chain(before.keys()).all(kept) {
            return None;
        }
        for (i, root) in carried.iter().zip(&roots) {
            state.insert(*root, vec![node.results[*i]]);
        }
        Some(())
    }

    fn slots(self) -> Option<Slots> {
        let mut slots = Slots { of: HashMap::new(), tensors: Vec::new() };
        let mut number: HashMap<ValueId, u8> = HashMap::new();
        let mut values: Vec<ValueId> = self.parent.keys().copied().collect();
        values.extend(self.outside.keys().filter(|v| !self.parent.contains_key(v)));
        values.sort();
        for value in values {
            let root = self.root(value);
            // Memory that nothing from outside fills: a tensor made inside.
            self.outside.get(&root)?;
            let next = u8::try_from(slots.tensors.len()).ok()?;
            let slot = *number.entry(root).or_insert_with(|| {
                let dtype = self.graph.ty(value).dtype().unwrap_or(DType::F32);
                slots.tensors.push((dtype, self.written.contains_key(&root)));
                next
            });
            slots.of.insert(value, slot);
        }
        Some(slots)
    }
}
