//! How much memory a plan's values take, for arguments of certain sizes.

use std::collections::{HashMap, HashSet};
use std::fmt;

use jit_ir::{Dim, Graph, Node, Op, RegionId, Type, ValueId, infer};

use super::plan::uses;

/// What a run holds, in bytes.
#[derive(Debug, Default)]
pub(super) struct Memory {
    arguments: usize,
    results: usize,
    /// Most that is held at once beside the arguments, and in how many buffers.
    peak: usize,
    buffers: usize,
    /// Whether there are values whose sizes only a run knows.
    open: bool,
}

impl Memory {
    /// For arguments of these types, which say their sizes.
    pub(super) fn of(graph: &Graph, arguments: &[Type]) -> Memory {
        let mut graph = graph.clone();
        for (value, ty) in graph.params().to_vec().into_iter().zip(arguments) {
            graph.values[value].ty = ty.clone();
        }
        let mut memory = Memory { open: infer::infer(&mut graph).is_err(), ..Memory::default() };
        memory.arguments = memory.all(&graph, graph.params());
        let mut walk = Walk { graph: &graph, memory, owners: HashMap::new(), held: (0, 0) };
        let results = walk.region(graph.body);
        walk.memory.results = walk.memory.all(&graph, &results);
        walk.memory
    }

    fn all(&mut self, graph: &Graph, values: &[ValueId]) -> usize {
        values.iter().fold(0, |sum, v| sum.saturating_add(self.bytes(graph.ty(*v))))
    }

    fn bytes(&mut self, ty: &Type) -> usize {
        let known = |dim: &Dim| if let Dim::Known(n) = dim { Some(*n) } else { None };
        match ty {
            Type::Tensor(dtype, dims) => {
                let sizes = dims.as_ref().and_then(|d| d.iter().map(known).collect::<Option<Vec<_>>>());
                self.open |= sizes.is_none();
                sizes.map_or(0, |s| s.iter().fold(dtype.size(), |n, d| n.saturating_mul(*d)))
            }
            Type::Scalar(_) => 0,
            _ => {
                self.open = true;
                0
            }
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = if self.open { "at least " } else { "" };
        write!(
            f,
            "memory for these sizes: arguments {}, results {}; beside the arguments {least}{} in {} \
             buffers at once",
            Shown(self.arguments),
            Shown(self.results),
            Shown(self.peak),
            self.buffers
        )
    }
}

/// Bytes, in the unit that suits them.
struct Shown(usize);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n < 10 << 10 => write!(f, "{n} B"),
            n if n < 10 << 20 => write!(f, "{:.1} KiB", n as f64 / 1024.0),
            n => write!(f, "{:.1} MiB", n as f64 / 1024.0 / 1024.0),
        }
    }
}

/// Whether an op's result shares its operand's buffer.
fn is_view(op: Op) -> bool {
    matches!(
        op,
        Op::Transpose
            | Op::Permute
            | Op::Reshape
            | Op::Flatten
            | Op::Unsqueeze
            | Op::Squeeze
            | Op::BroadcastTo
            | Op::Flip
            | Op::IndexAxis
            | Op::SliceAxis
            | Op::SliceStep
            | Op::PartOf
            | Op::PartSized
    )
}

struct Walk<'a> {
    graph: &'a Graph,
    memory: Memory,
    /// Whose buffer a view shares.
    owners: HashMap<ValueId, ValueId>,
    /// Bytes and buffers at present.
    held: (usize, usize),
}

impl Walk<'_> {
    fn owner(&self, value: ValueId) -> ValueId {
        self.owners.get(&value).copied().unwrap_or(value)
    }

    /// Goes through a region once; gives the values whose buffers it leaves behind.
    fn region(&mut self, region: RegionId) -> Vec<ValueId> {
        let data = &self.graph.regions[region];
        let mut last: HashMap<ValueId, usize> = HashMap::new();
        let mut mine: Vec<ValueId> = Vec::new();
        for (i, id) in data.nodes.iter().enumerate() {
            let node = &self.graph.nodes[*id];
            if let ([result], true) = (&node.results[..], is_view(node.op)) {
                let owner = self.owner(node.operands[0]);
                self.owners.insert(*result, owner);
            }
            for value in uses(self.graph, node).iter().chain(&node.results) {
                last.insert(self.owner(*value), i);
            }
        }
        let kept: HashSet<ValueId> = data.results.iter().map(|v| self.owner(*v)).collect();
        for (i, id) in data.nodes.iter().enumerate() {
            let node = &self.graph.nodes[*id];
            mine.extend(self.node(node));
            mine.retain(|value| {
                let dead = last.get(value) == Some(&i) && !kept.contains(value);
                if dead {
                    self.release(*value);
                }
                !dead
            });
        }
        mine
    }

    /// The values of a node that have buffers of their own.
    fn node(&mut self, node: &Node) -> Vec<ValueId> {
        if node.op == Op::Const || is_view(node.op) {
            return Vec::new();
        }
        let is_scalar = |v: &ValueId| matches!(self.graph.ty(*v), Type::Scalar(_));
        let made: Vec<ValueId> = node.results.iter().copied().filter(|v| !is_scalar(v)).collect();
        // A trip holds what the trip before left; what an arm leaves becomes a result.
        if node.op == Op::If {
            self.regions(node);
        }
        for value in &made {
            self.held.0 = self.held.0.saturating_add(self.memory.bytes(self.graph.ty(*value)));
            self.held.1 += 1;
        }
        if self.held.0 >= self.memory.peak {
            (self.memory.peak, self.memory.buffers) = self.held;
        }
        if node.op == Op::Loop {
            self.regions(node);
        }
        made
    }

    fn regions(&mut self, node: &Node) {
        for inner in &node.regions {
            for left in self.region(*inner) {
                self.release(left);
            }
        }
    }

    fn release(&mut self, value: ValueId) {
        self.held.0 = self.held.0.saturating_sub(self.memory.bytes(self.graph.ty(value)));
        self.held.1 -= 1;
    }
}

#[cfg(test)]
mod tests {
    use jit_ir::DType;

    use super::*;

    fn shown(text: &str, sizes: &[usize]) -> String {
        let graph = Graph::parse(text).unwrap();
        let dims: Vec<Dim> = sizes.iter().map(|n| Dim::Known(*n)).collect();
        let types = vec![Type::Tensor(DType::F32, Some(dims)); graph.params().len()];
        Memory::of(&graph, &types).to_string()
    }

    #[test]
    fn what_is_held_at_once() {
        let text = "fn f(%x: f32[n0, n1]) -> f32[] {
  %0: f32[n0, n1] = tanh(%x)
  %1: f32[n1, n0] = transpose(%0) {axes = [0, 1]}
  %2: f32[n0, n0] = matmul(%x, %1)
  %3: f32[n0, n0] = exp(%2)
  %4: f32[] = sum(%3)
  return %4
}";
        // 200 elements of %0 beside the 100 of %2; later the 100 of %2 beside the 100 of %3.
        let expected = "memory for these sizes: arguments 800 B, results 4 B; beside the arguments \
                        1200 B in 2 buffers at once";
        assert_eq!(shown(text, &[10, 20]), expected);
    }

    #[test]
    fn a_trip_holds_what_the_trip_before_left() {
        let text = "fn f(%x: f32[n0]) -> f32[n0] {
  %y: f32[n0] = loop(3, %x) {keep} while (%0: f32[n0]) {
    yield true
  } do (%k: usize, %1: f32[n0]) {
    %2: f32[n0] = exp(%x)
    %3: f32[n0] = add(%1, %2)
    yield %3
  }
  return %y
}";
        assert!(shown(text, &[500]).ends_with("6000 B in 3 buffers at once"), "{}", shown(text, &[500]));
    }

    #[test]
    fn sizes_that_only_a_run_knows_are_said() {
        let text = "fn f(%x: f32[n0], %n: usize) -> f32[?] {
  %0: f32[?] = slice_axis(%x, 0, %n) {axes = [0]}
  %1: f32[?] = exp(%0)
  return %1
}";
        assert!(shown(text, &[500]).contains("at least "), "{}", shown(text, &[500]));
        let text = "fn f(%x: f32[n0]) -> list<f32[n0]> {
  %0: list<f32[n0]> = list(%x, %x)
  return %0
}";
        assert!(shown(text, &[500]).contains("at least "), "{}", shown(text, &[500]));
    }

    #[test]
    fn sizes_beyond_all_memory_are_no_panic() {
        let text = "fn f(%x: f32[n0, n1]) -> f32[n0, n1] {
  %0: f32[n0, n1] = exp(%x)
  %1: f32[n0, n1] = exp(%0)
  return %1
}";
        assert!(shown(text, &[usize::MAX, 8]).contains("MiB in 2 buffers"));
    }
}
