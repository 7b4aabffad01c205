//! From a graph to a plan: once for each combination of element types and ranks.

mod ahead;
mod chain;
mod explain;
mod memory;
pub(crate) mod plan;
mod program;

use std::time::{Duration, Instant};

use jit_ir::passes::PIPELINE;
use jit_ir::{Dim, Graph, Type, infer};

use crate::error::{Error, Result};
use crate::script::misfit;
use crate::tensor::raw::Val;
use crate::trace::{self, Uses};
pub(crate) use explain::explain;
use plan::Plan;

/// A plan with what led to it.
pub(crate) struct Compiled {
    /// The graph as it was written, typed.
    pub(crate) source: Graph,
    /// The graph that the plan runs.
    pub(crate) graph: Graph,
    pub(crate) plan: Plan,
    /// Whether an argument has no value.
    unset: bool,
    /// The traced functions that it calls.
    pub(crate) uses: Uses,
    /// How often the plan was made anew before.
    pub(crate) renewals: usize,
    /// The passes that ran, with the number of changes.
    pub(crate) passes: Vec<(&'static str, usize)>,
    pub(crate) time: Duration,
}

/// The types of arguments: element types and ranks, a symbol for each size.
fn argument_types(vals: &[Val]) -> Vec<Type> {
    let mut next = 0;
    let mut symbol = || {
        next += 1;
        Dim::Sym(next - 1)
    };
    vals.iter()
        .map(|v| match v {
            Val::Tensor(t) => Type::Tensor(t.dtype, Some((0..t.rank()).map(|_| symbol()).collect())),
            Val::List(list) => list_type(list),
            other => other.ty(),
        })
        .collect()
}

/// The type of a value, its sizes left open.
pub(crate) fn open_type(val: &Val) -> Type {
    match val {
        Val::Tensor(t) => Type::ranked(t.dtype, t.rank()),
        Val::List(list) => list_type(list),
        other => other.ty(),
    }
}

/// The type of a list: the ranks that its elements have in common.
fn list_type(list: &[Val]) -> Type {
    let element = list.iter().try_fold(Type::Hole, |ty, v| ty.join(&open_type(v)));
    Type::List(Box::new(element.unwrap_or(Type::Hole)))
}

fn typed(graph: &Graph, types: &[Type]) -> Result<Graph> {
    let mut graph = graph.clone();
    if graph.params().len() != types.len() {
        let message = misfit::count(&graph, types);
        return Err(Error::Compile { message, at: None });
    }
    for (i, (value, ty)) in graph.params().to_vec().into_iter().zip(types).enumerate() {
        let declared = graph.ty(value).clone();
        if declared.join(ty).is_none() {
            let message = misfit::argument(&graph, i, ty);
            return Err(Error::Compile { message, at: None });
        }
        graph.values[value].ty = ty.filled(&declared);
    }
    inferred(&mut graph)?;
    Ok(graph)
}

fn inferred(graph: &mut Graph) -> Result<()> {
    infer::infer(graph).map_err(|e| Error::Compile {
        message: format!("`{}` cannot be compiled: {e}", graph.name),
        at: e.location.as_ref().map(Into::into),
    })
}

/// Compiles a linked graph for arguments of the types and ranks of these.
pub(crate) fn compile(graph: &Graph, vals: &[Val]) -> Result<Compiled> {
    renewed(graph, vals, 0)
}

/// As [`compile`], when the plan has been made anew so often because traced functions that it calls had other
/// recordings.
pub(crate) fn renewed(graph: &Graph, vals: &[Val], renewals: usize) -> Result<Compiled> {
    warn_unoptimised();
    let start = Instant::now();
    let source = typed(graph, &argument_types(vals))?;
    let (mut graph, uses) = match trace::expand(&source, renewals) {
        Some((mut expanded, uses)) => {
            inferred(&mut expanded)?;
            (expanded, uses)
        }
        None => (source.clone(), Uses::default()),
    };
    let mut passes = Vec::with_capacity(PIPELINE.len());
    for (name, pass) in PIPELINE {
        passes.push((*name, pass(&mut graph)));
    }
    let unset = vals.iter().any(|v| matches!(v, Val::Undef));
    let plan = Plan::new(&graph, true, unset)?;
    let time = start.elapsed();
    let compiled = Compiled { source, graph, plan, unset, uses, renewals, passes, time };
    if explaining() {
        eprintln!("{}", explain(&compiled, &sizes(vals)));
    }
    Ok(compiled)
}

/// The types of arguments, sizes and all.
pub(crate) fn sizes(vals: &[Val]) -> Vec<Type> {
    vals.iter().map(Val::ty).collect()
}

/// The plan of the graph as it was written, which runs it op by op.
pub(crate) fn plain(compiled: &Compiled) -> Result<Plan> {
    Plan::new(&compiled.source, false, compiled.unset)
}

/// Says once that the kernels were compiled without optimisation.
fn warn_unoptimised() {
    static SAID: std::sync::Once = std::sync::Once::new();
    if cfg!(debug_assertions) {
        SAID.call_once(|| {
            tracing::warn!(
                "jit-runtime was compiled with debug assertions, which makes its kernels many times slower; \
                 its README lists the profile lines that belong into the workspace's Cargo.toml"
            );
        });
    }
}

/// Whether `JIT=explain` is set.
fn explaining() -> bool {
    static SET: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *SET.get_or_init(|| crate::script::has_setting("explain"))
}
