//! A scripted function, and a graph that is called without its source.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jit_ir::{Graph, Op, passes};

use super::arguments::{Argument, Leaves, Outputs, Returns, fits};
use super::cache::{Entry, PlanCache, Stats};
use crate::compile::{self, argument_types, plan};
use crate::error::{Error, Result};
use crate::exec::run::{self, Halt};
use crate::tensor::raw::Val;

/// A traced function as a step of a plan.
type TraceStep = fn(&[Val]) -> Result<Vec<Val>>;

/// The names that a script calls, and what stands behind them.
type Callees = &'static [(&'static str, fn() -> Callee)];

/// What a script may call.
#[derive(Clone, Copy)]
pub enum Callee {
    /// Another script: its graph is inlined.
    Script(&'static Script),
    /// A traced function: it is called with concrete values and runs by its own cache.
    Trace(TraceStep),
}

/// The static behind a `#[script]` function.
pub struct Script {
    name: &'static str,
    text: &'static str,
    callees: Callees,
    graph: OnceLock<Result<Graph>>,
    linked: OnceLock<Result<Graph>>,
    plans: PlanCache,
}

impl Script {
    /// A script from the text of its graph; used by `#[script]`.
    #[doc(hidden)]
    pub const fn new(name: &'static str, text: &'static str, callees: Callees) -> Script {
        Script {
            name,
            text,
            callees,
            graph: OnceLock::new(),
            linked: OnceLock::new(),
            plans: PlanCache::new(),
        }
    }

    /// The graph as captured, calls not yet inlined.
    pub fn graph(&self) -> Graph {
        match self.own_graph() {
            Ok(graph) => graph.clone(),
            Err(e) => unreachable!("the macro embeds a valid graph: {e}"),
        }
    }

    fn own_graph(&self) -> &Result<Graph> {
        self.graph.get_or_init(|| Ok(Graph::parse(self.text)?))
    }

    /// What the script has done so far.
    pub fn stats(&self) -> Stats {
        self.plans.stats()
    }

    /// The graph with every called script inlined.
    fn linked(&self) -> Result<&Graph> {
        let linked = self.linked.get_or_init(|| self.link(&mut Vec::new()));
        linked.as_ref().map_err(Clone::clone)
    }

    fn link(&self, path: &mut Vec<&'static str>) -> Result<Graph> {
        path.push(self.name);
        if path.iter().filter(|name| **name == self.name).count() > 1 {
            let message = format!("scripts cannot call themselves: {}", path.join(" calls "));
            return Err(Error::Compile { message, at: None });
        }
        let mut graph = self.own_graph().clone()?;
        let mut ready: HashMap<&str, Graph> = HashMap::new();
        for (name, callee) in self.callees {
            if let Callee::Script(script) = callee() {
                ready.insert(name, script.link(path)?);
            }
        }
        path.pop();
        passes::inline(&mut graph, &|name| ready.get(name).cloned())
            .map_err(|message| Error::Compile { message, at: None })?;
        Ok(graph)
    }

    fn call_step(&self, name: &str) -> Option<plan::Callee> {
        // Calls of traces may come from inlined scripts, too.
        fn find(script: &Script, name: &str) -> Option<TraceStep> {
            script.callees.iter().find_map(|(known, callee)| match callee() {
                Callee::Trace(run) => (*known == name).then_some(run),
                Callee::Script(inner) => find(inner, name),
            })
        }
        find(self, name).map(|run| Arc::new(run) as plan::Callee)
    }

    fn entry(&self, vals: &[Val]) -> Result<Option<&Entry>> {
        self.plans.get(vals, self.name, || {
            compile::compile(self.linked()?, &argument_types(vals), &|name| self.call_step(name))
        })
    }

    /// Runs the plan for these values; `again` gives them once more if the run fails.
    pub(crate) fn run(&self, vals: Vec<Val>, again: impl FnOnce() -> Vec<Val>) -> Result<Vec<Val>> {
        let Some(entry) = self.entry(&vals)? else {
            let graph = self.linked()?;
            let calls = |name: &str| self.call_step(name);
            let compiled = compile::compile(graph, &argument_types(&vals), &calls)?;
            return finish(run::run(&compile::plain(&compiled, &calls)?, vals));
        };
        self.plans.count(entry, &vals);
        run_entry(entry, vals, again, &|name| self.call_step(name))
    }

    /// Compiles for these values ahead of a call.
    pub(crate) fn lower(&'static self, vals: &[Val]) -> Result<Compiled> {
        match self.entry(vals)? {
            Some(entry) => Ok(Compiled { entry, script: self }),
            None => Err(Error::Compile { message: format!("`{}` has too many plans", self.name), at: None }),
        }
    }
}

fn finish(outcome: std::result::Result<Vec<Val>, Halt>) -> Result<Vec<Val>> {
    outcome.map_err(|halt| match halt {
        Halt::Error(e) => e,
        Halt::Guard => Error::msg("a guard of the recording does not hold for these values"),
    })
}

/// Runs a plan. An optimised plan may meet an error that the source does not have (an op that
/// moved out of a loop without trips), or another one first: the graph as it was written decides.
pub(crate) fn run_entry(
    entry: &Entry,
    vals: Vec<Val>,
    again: impl FnOnce() -> Vec<Val>,
    calls: compile::Calls<'_>,
) -> Result<Vec<Val>> {
    match run::run(&entry.compiled.plan, vals) {
        Err(Halt::Error(_)) => {
            let plain = entry.plain.get_or_init(|| compile::plain(&entry.compiled, calls));
            let plain = plain.as_ref().map_err(Clone::clone)?;
            finish(run::run(plain, again()))
        }
        other => finish(other),
    }
}

/// A plan compiled ahead of a call.
#[derive(Clone, Copy)]
pub struct Compiled {
    entry: &'static Entry,
    script: &'static Script,
}

impl Compiled {
    /// The typed, optimised graph.
    pub fn graph(&self) -> Graph {
        self.entry.compiled.graph.clone()
    }

    /// The passes that ran, the optimised graph, the steps and kernels, and the time it took.
    pub fn explain(&self) -> String {
        compile::explain(&self.entry.compiled)
    }

    /// Runs the plan on values of the types that it was compiled for.
    pub(crate) fn run(&self, leaves: impl Fn() -> Vec<Val>) -> Result<Vec<Val>> {
        let vals = leaves();
        if super::key_of(&vals) != *self.entry.key() {
            let message =
                format!("`{}` was compiled for arguments of other types or ranks", self.script.name);
            return Err(Error::Compile { message, at: None });
        }
        run_entry(self.entry, vals, leaves, &|name| self.script.call_step(name))
    }
}

/// A graph that is called without the source that it came from.
///
/// ```
/// use jit_runtime::{Function, Graph, prelude::*};
///
/// #[script]
/// fn double(x: &Tensor) -> Tensor {
///     x * 2.0
/// }
///
/// fn main() -> Result<()> {
///     let graph = Graph::parse(&double::graph().to_string())?;
///     let again = Function::new(graph)?;
///     let y: Tensor = again.call((&Tensor::from([1.0_f32, 2.0]),))?;
///     assert_eq!(y, Tensor::from([2.0, 4.0]));
///     Ok(())
/// }
/// ```
pub struct Function {
    graph: Graph,
    plans: PlanCache,
}

impl Function {
    /// A function of a graph that calls no other.
    ///
    /// # Errors
    /// The graph does not hold the verifier's invariants, or calls another function.
    pub fn new(graph: Graph) -> Result<Function> {
        let wrong = |message: String| Error::Compile { message, at: None };
        jit_ir::verify::verify(&graph).map_err(wrong)?;
        if graph.count_ops(Op::Call) > 0 {
            return Err(wrong(format!(
                "`{}` calls other functions, which this graph does not hold",
                graph.name
            )));
        }
        Ok(Function { graph, plans: PlanCache::new() })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What the function has done so far.
    pub fn stats(&self) -> Stats {
        self.plans.stats()
    }

    /// Calls the function with a tuple of arguments.
    ///
    /// # Errors
    /// What the source would fail with; arguments and results of other types than the graph's.
    pub fn call<A: Argument, R: Returns>(&self, args: A) -> Result<R> {
        let leaves = || {
            let mut leaves = Leaves::default();
            args.push_leaves(&mut leaves);
            leaves.0
        };
        let vals = leaves();
        let none = |_: &str| None;
        let make = || compile::compile(&self.graph, &argument_types(&vals), &none);
        let Some(entry) = self.plans.get(&vals, &self.graph.name, make)? else {
            return Err(Error::msg(format!("`{}` has too many plans", self.graph.name)));
        };
        self.plans.count(entry, &vals);
        let values = run_entry(entry, vals, leaves, &none)?;
        if !fits::<R>(&values) {
            let message =
                format!("`{}` gives results of other types than the call asks for", self.graph.name);
            return Err(Error::Compile { message, at: None });
        }
        Ok(R::restore(&mut Outputs::new(values)))
    }
}
