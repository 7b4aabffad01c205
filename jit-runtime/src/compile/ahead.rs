//! Products of a loop's slices, which are made for many trips at once.

use jit_ir::{Node, Op, RegionId, ValueId};

use super::plan::{Ahead, Builder, Kind, Ref};

impl Builder<'_> {
    /// Finds slices by a loop's counter of what stays as it is, whose only use is a product with what stays, too. The loop
    /// makes all its trips.
    pub(super) fn slices(&mut self, body: RegionId, trips: Ref) {
        let graph = self.graph;
        let region = &graph.regions[body];
        let stays = |v: &ValueId| self.places.contains_key(v) && !region.args.contains(v);
        let nodes = || region.nodes.iter().map(|id| &graph.nodes[*id]);
        let is_slice = |n: &&Node| {
            n.op == Op::IndexAxis
                && n.attrs.axes.as_deref() == Some(&[0])
                && stays(&n.operands[0])
                && n.operands[1] == region.args[0]
                && self.readers.get(&n.results[0]) == Some(&1)
        };
        let multiplied = |n: &&Node| {
            nodes().any(|p| p.op == Op::Matmul && p.operands[0] == n.results[0] && stays(&p.operands[1]))
        };
        let found = nodes().filter(is_slice).filter(multiplied);
        let found: Vec<_> = found.map(|n| (n.results[0], [n.operands[0], n.operands[1]])).collect();
        if self.optimised && !self.unset && !found.is_empty() {
            self.counters.insert(region.args[0], (trips, Vec::new()));
            self.slices.extend(found);
        }
    }

    /// A product that is made ahead.
    pub(super) fn ahead(&mut self, counter: ValueId) -> Kind {
        let (made, first) = (self.new_slot(), self.new_slot());
        let (trips, all) = self.counters.get_mut(&counter).expect("the slice is by a counter");
        all.push(made);
        Kind::Product(Ahead { trips: *trips, made, first })
    }
}
