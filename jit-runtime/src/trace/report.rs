//! What a traced function tells about itself: its recordings, what the host saw in them, its numbers.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jit_ir::{Const, Graph, NodeId, Op};

use super::cache::{Recorded, Replay, Tree};
use super::limits::{MAX_KEPT_BYTES, MAX_PATHS, MAX_TREE_NODES};
use crate::compile;
use crate::error::Place;
use crate::tensor::raw::Val;

/// What a traced function has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct TraceStats {
    /// All calls.
    pub calls: u64,
    /// Calls that recorded.
    pub recordings: u64,
    /// Calls that ran a recording's plan.
    pub replays: u64,
    /// Calls that ran the body as it is: while another thread recorded or compared, past a limit, or after a
    /// recording turned out not to be repeatable.
    pub eager: u64,
    /// Calls that ran body and plan and compared them.
    pub checks: u64,
    /// Signatures kept.
    pub signatures: usize,
    /// Recordings kept.
    pub paths: usize,
    /// Signatures that made room for others.
    pub evictions: u64,
    /// Time in bodies that were recorded.
    pub record_time: Duration,
    /// Time spent compiling recordings.
    pub compile_time: Duration,
}

impl fmt::Display for TraceStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} calls: {} replays, {} recordings in {:?}, {} eager; {} checks; {} recordings of {} signatures kept, \
             {} signatures evicted; compiled in {:?}",
            self.calls,
            self.replays,
            self.recordings,
            self.record_time,
            self.eager,
            self.checks,
            self.paths,
            self.signatures,
            self.evictions,
            self.compile_time
        )
    }
}

/// Something of a tensor that the host looked at while a body was recorded. Replays look whether it is the same.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Guard {
    /// The line that looked.
    pub at: Place,
    /// What it saw: `gt was true`, `item was 3.0`, `the elements of x`.
    pub seen: String,
}

/// A recording, as `traces()` lists it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Path {
    /// The function and what is fixed of its arguments.
    pub signature: String,
    /// Why it was recorded: the argument that differed from earlier calls, or what the host saw.
    pub why: String,
    /// What was recorded, guards included.
    pub graph: Graph,
    /// What the host looked at, in order.
    pub guards: Vec<Guard>,
    /// How often it was replayed.
    pub runs: u64,
    /// Whether body and plan have been compared.
    pub checked: bool,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checked = if self.checked { "checked" } else { "not yet checked" };
        writeln!(f, "{}: {} runs, {checked}; recorded because: {}", self.signature, self.runs, self.why)?;
        self.guards.iter().try_for_each(|g| writeln!(f, "  {} at {}", g.seen, g.at))
    }
}

/// A signature's recordings, compiled.
#[derive(Clone)]
pub struct CompiledTrace {
    graph: Graph,
    explain: String,
}

impl CompiledTrace {
    /// The typed, optimised graph. With several recordings `path` says which one it takes.
    pub fn graph(&self) -> Graph {
        self.graph.clone()
    }

    /// The recordings, the passes, the kernels and the time it took.
    pub fn explain(&self) -> String {
        self.explain.clone()
    }
}

/// A function's name where a graph's may stand.
pub(super) fn graph_name(name: &str) -> &str {
    name.split_whitespace().next().unwrap_or(name)
}

pub(super) fn path(function: &str, arguments: &str, recorded: &Recorded) -> Path {
    Path {
        signature: format!("{function}({arguments})"),
        why: recorded.why.clone(),
        graph: recorded.graph.clone(),
        guards: guards(&recorded.graph),
        runs: recorded.runs.load(Ordering::Relaxed),
        checked: recorded.check.is_done(),
    }
}

pub(super) fn compiled(function: &str, tree: &Tree, replay: &Replay, vals: &[Val]) -> CompiledTrace {
    let paths = replay.paths.iter().map(|p| path(function, &tree.arguments, p).to_string());
    let plan = compile::explain(&replay.compiled, &compile::sizes(vals));
    let explain = format!("{}{plan}", paths.collect::<String>());
    CompiledTrace { graph: replay.compiled.graph.clone(), explain }
}

/// What a guard saw.
fn guard(graph: &Graph, made: &HashMap<jit_ir::ValueId, NodeId>, id: NodeId) -> Option<Guard> {
    let node = &graph.nodes[id];
    let at = node.location.as_ref().map(Place::from)?;
    let operand = node.operands[0];
    let what = match (made.get(&operand), &graph.values[operand].name) {
        (_, Some(name)) => name.to_string(),
        (Some(op), None) => {
            let made = &graph.nodes[*op];
            made.op.shown_with(&made.attrs).to_string()
        }
        (None, None) => "an argument".into(),
    };
    let seen = match &node.attrs.value {
        Some(Const::Scalar(s)) => format!("`{what}` was {s}"),
        _ => format!("the elements of `{what}` were seen"),
    };
    Some(Guard { at, seen })
}

/// What the host saw in a recording.
pub(super) fn guards(graph: &Graph) -> Vec<Guard> {
    let mut made = HashMap::new();
    let mut out = Vec::new();
    for id in &graph.regions[graph.body].nodes {
        let node = &graph.nodes[*id];
        made.extend(node.results.iter().map(|v| (*v, *id)));
        if node.op == Op::Guard {
            out.extend(guard(graph, &made, *id));
        }
    }
    out
}

/// The guard that is node number `at` of a recording.
pub(super) fn guard_at(graph: &Graph, at: usize) -> Option<Guard> {
    let nodes = &graph.regions[graph.body].nodes;
    let id = *nodes.get(at)?;
    let operand = *graph.nodes[id].operands.first()?;
    let of = nodes[..at].iter().find(|n| graph.nodes[**n].results.contains(&operand));
    let made = of.map(|n| (operand, *n)).into_iter().collect();
    guard(graph, &made, id)
}

/// The line where most recordings left the others.
pub(super) fn busiest(paths: &[Arc<Recorded>]) -> Option<Place> {
    let mut lines: Vec<(&Place, usize)> = Vec::new();
    for at in paths.iter().filter_map(|p| p.parted.as_ref()) {
        match lines.iter_mut().find(|(line, _)| *line == at) {
            Some((_, n)) => *n += 1,
            None => lines.push((at, 1)),
        }
    }
    lines.into_iter().max_by_key(|(_, n)| *n).map(|(at, _)| at.clone())
}

/// Why a signature with these recordings takes no more.
pub(super) fn full(paths: &[Arc<Recorded>]) -> Option<String> {
    if paths.len() >= MAX_PATHS {
        return Some(format!("the values that it looks at have led to {MAX_PATHS} recordings"));
    }
    if paths.iter().map(|p| p.graph.node_count()).sum::<usize>() >= MAX_TREE_NODES {
        return Some(format!("its recordings hold more than {MAX_TREE_NODES} operations"));
    }
    let mebibytes = MAX_KEPT_BYTES >> 20;
    (bytes_kept(paths) > MAX_KEPT_BYTES)
        .then(|| format!("its recordings keep more than {mebibytes} MiB of constants"))
}

/// Bytes of constants that recordings keep, besides those of the first one.
fn bytes_kept(paths: &[Arc<Recorded>]) -> usize {
    let mut known: HashSet<*const u8> = HashSet::new();
    let mut bytes = 0;
    for (i, path) in paths.iter().enumerate() {
        for id in path.graph.nodes.ids() {
            if let Some(Const::Tensor(t)) = &path.graph.nodes[id].attrs.value
                && known.insert(t.start())
                && i > 0
            {
                bytes += t.len() * t.dtype().size();
            }
        }
    }
    bytes
}
