//! A scripted function, and a graph that is called without its source.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use jit_ir::link::{self, Library};
use jit_ir::{Const, Graph, Op, Tree, Type};

use super::arguments::{Argument, Leaves, Outputs, Returns};
use super::cache::{Entry, PlanCache, Stats};
use super::misfit;
use super::pack::{fits, flags, pack, unpack};
use crate::compile;
use crate::error::{Error, Result};
use crate::exec::counters;
use crate::exec::frame::Frame;
use crate::exec::run::{self, Halt};
use crate::kernels::native::{self, Native};
use crate::tensor::Any;
use crate::tensor::raw::Val;
use crate::trace::{self, ActiveScript, Step};

/// What arguments and result consist of.
type Trees = (Vec<Tree<Type>>, Tree<Type>);

/// The names in a script, and what stands behind them.
type Links = &'static [(&'static str, fn() -> Link)];

/// What stands behind a name in a script.
pub enum Link {
    /// A function.
    Callee(Callee),
    /// A constant.
    Constant(Tree<Const>),
    /// A type.
    Structure(Tree<Type>),
    /// A method of the user's, if there is one.
    Method(Option<Callee>),
}

impl Link {
    /// A constant of the user's.
    pub fn constant<C: super::Constant>(value: &C) -> Link {
        Link::Constant(value.constant())
    }
}

/// What a script may call.
#[derive(Clone, Copy)]
pub enum Callee {
    /// Another script: its graph is inlined.
    Script(&'static Script),
    /// A traced function: it is called with concrete values and runs by its own cache, or its recordings are
    /// inlined.
    Trace(&'static Step),
}

/// The static behind a `#[script]` function.
pub struct Script {
    name: &'static str,
    /// One for each choice of element types of a generic function.
    texts: &'static [&'static str],
    /// The one that leaves element types open.
    open: &'static str,
    links: Links,
    /// For groups of its body.
    kernels: &'static [Native],
    graphs: OnceLock<Result<Vec<Graph>>>,
    /// Of a function that is not generic.
    linked: OnceLock<Result<Graph>>,
    /// As `linked`.
    trees: OnceLock<Trees>,
    plans: PlanCache,
}

impl Library for Script {
    fn callee(&self, name: &str) -> Option<link::Callee<'_>> {
        match self.link(name)? {
            Link::Callee(callee) => linked_callee(callee),
            Link::Method(callee) => linked_callee(callee?),
            Link::Constant(_) | Link::Structure(_) => None,
        }
    }

    fn constant(&self, name: &str) -> Option<Tree<Const>> {
        match self.link(name)? {
            Link::Constant(value) => Some(value),
            Link::Callee(_) | Link::Structure(_) | Link::Method(..) => None,
        }
    }

    fn structure(&self, name: &str) -> Option<Tree<Type>> {
        match self.link(name)? {
            Link::Structure(tree) => Some(tree),
            Link::Callee(_) | Link::Constant(_) | Link::Method(..) => None,
        }
    }
}

fn linked_callee(callee: Callee) -> Option<link::Callee<'static>> {
    match callee {
        Callee::Script(script) => {
            let graphs = script.graphs().as_ref().ok()?.iter().collect();
            Some(link::Callee::Function(graphs, script))
        }
        Callee::Trace(step) => {
            let (params, result) = step.trees();
            Some(link::Callee::Step { name: trace::step_name(step), params, result })
        }
    }
}

impl Script {
    /// A script from the texts of its graph, with kernels for its groups; used by `#[script]`.
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        texts: &'static [&'static str],
        open: &'static str,
        links: Links,
        kernels: &'static [Native],
    ) -> Script {
        Script {
            name,
            texts,
            open,
            links,
            kernels,
            graphs: OnceLock::new(),
            linked: OnceLock::new(),
            trees: OnceLock::new(),
            plans: PlanCache::new(),
        }
    }

    /// What arguments and result consist of; `trees` says it anew.
    pub(crate) fn trees(&self, trees: impl Fn() -> Trees) -> Cow<'_, Trees> {
        // Those of a generic function differ from call to call.
        if self.texts.len() > 1 { Cow::Owned(trees()) } else { Cow::Borrowed(self.trees.get_or_init(trees)) }
    }

    fn link(&self, name: &str) -> Option<Link> {
        self.links.iter().find(|(known, _)| *known == name).map(|(_, link)| link())
    }

    /// The graph as captured: calls are not inlined, fields and constants not known.
    pub fn graph(&self) -> Graph {
        match Graph::parse(self.open) {
            Ok(graph) => graph,
            Err(e) => unreachable!("the macro embeds a valid graph: {e}"),
        }
    }

    fn graphs(&self) -> &Result<Vec<Graph>> {
        let parse = |text: &&str| Graph::parse(text).map_err(Error::from);
        self.graphs.get_or_init(|| {
            native::register(self.kernels);
            self.texts.iter().map(parse).collect()
        })
    }

    /// What the script has done so far.
    pub fn stats(&self) -> Stats {
        self.plans.stats()
    }

    /// The graph whose values are leaves, every called script inlined.
    fn linked(&self, trees: &dyn Fn() -> Trees) -> Result<Cow<'_, Graph>> {
        if self.texts.len() > 1 {
            return self.link_graphs(trees).map(Cow::Owned);
        }
        let linked = self.linked.get_or_init(|| self.link_graphs(trees));
        linked.as_ref().map(Cow::Borrowed).map_err(Clone::clone)
    }

    /// Of the graphs of a generic function the first one that the arguments fit.
    fn link_graphs(&self, trees: &dyn Fn() -> Trees) -> Result<Graph> {
        let (params, result) = trees();
        let mut first = None;
        for graph in self.graphs().as_ref().map_err(Clone::clone)? {
            match link::link(graph, &params, Some(&result), self) {
                Ok(linked) => return Ok(linked),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        let (message, location) = first.map_or(("has no graph".into(), None), |e| (e.message, e.location));
        let message = format!("`{}` cannot be compiled: {message}", self.name);
        Err(Error::Compile { message, at: location.as_ref().map(Into::into) })
    }

    fn entry(&self, vals: &[Val], variant: u32, trees: &dyn Fn() -> Trees) -> Result<Option<&Entry>> {
        self.plans.get(vals, variant, self.name, |renewals| {
            let graph = self.linked(trees)?;
            let graph = with_options(graph, &trees().0, vals);
            compile::renewed(&graph, vals, renewals)
        })
    }

    /// Runs the plan for these values.
    pub(crate) fn run(
        &'static self,
        vals: &[Val],
        results: &mut Frame,
        variant: u32,
        trees: &dyn Fn() -> Trees,
    ) -> Result<()> {
        let Some(entry) = self.entry(vals, variant, trees)? else {
            let graph = self.linked(trees)?;
            let compiled = compile::compile(&graph, vals)?;
            return finish(run::run(&compile::plain(&compiled)?, vals, results));
        };
        self.plans.count(entry, vals);
        self.run_entry(entry, vals, results)
    }

    /// Runs a plan; one that calls traced functions must not come back to this script.
    fn run_entry(&'static self, entry: &Entry, vals: &[Val], results: &mut Frame) -> Result<()> {
        if entry.compiled.uses.is_empty() {
            return run_entry(entry, vals, results);
        }
        let _active = ActiveScript::enter(self, self.name)?;
        run_entry(entry, vals, results)
    }

    /// The results of a call that joins the recording of its arguments.
    pub(crate) fn join(
        &'static self,
        args: Vec<Any>,
        variant: u32,
        trees: &dyn Fn() -> Trees,
    ) -> Result<Vec<Any>> {
        let run = |vals: &[Val], results: &mut Frame| self.run(vals, results, variant, trees);
        trace::joined(args, run, || self.linked(trees))
    }

    /// Compiles for these values ahead of a call.
    pub(crate) fn lower(
        &'static self,
        vals: &[Val],
        variant: u32,
        trees: &dyn Fn() -> Trees,
    ) -> Result<Compiled> {
        match self.entry(vals, variant, trees)? {
            Some(entry) => Ok(Compiled { entry, script: self, sizes: compile::sizes(vals).into() }),
            None => Err(Error::Compile { message: format!("`{}` has too many plans", self.name), at: None }),
        }
    }
}

/// The graph for options that hold what these do: which of them hold a value is part of a plan's key, since
/// leaves that are not set have a code of their own.
fn with_options<'g>(mut graph: Cow<'g, Graph>, params: &[Tree<Type>], vals: &[Val]) -> Cow<'g, Graph> {
    for at in flags(params) {
        let Some(Val::Scalar(flag)) = vals.get(at).cloned() else { continue };
        let graph = graph.to_mut();
        let (body, param) = (graph.body, graph.params()[at]);
        let known = graph.scalar(body, flag);
        let nodes = &mut graph.regions[body].nodes;
        nodes.rotate_right(1);
        graph.replace_uses(|v| if v == param { known } else { v });
    }
    graph
}

fn finish(outcome: std::result::Result<usize, Halt>) -> Result<()> {
    outcome.map(drop).map_err(|halt| match halt {
        Halt::Error(e) => e,
        Halt::Guard => Error::msg("a guard of the recording does not hold for these values"),
    })
}

/// Runs a plan. An optimised plan may meet an error that the source does not have (an op that
/// moved out of a loop without trips), or another one first: the graph as it was written decides.
pub(crate) fn run_entry(entry: &Entry, vals: &[Val], results: &mut Frame) -> Result<()> {
    if as_written() {
        return run_plain(entry, vals, results);
    }
    match run::run(&entry.compiled.plan, vals, results) {
        Ok(_) => Ok(()),
        Err(Halt::Error(_)) => {
            counters::fell_back();
            run_plain(entry, vals, results)
        }
        halted => finish(halted),
    }
}

/// Runs the graph as it was written.
#[cold]
fn run_plain(entry: &Entry, vals: &[Val], results: &mut Frame) -> Result<()> {
    let plain = entry.plain.get_or_init(|| compile::plain(&entry.compiled));
    let plain = plain.as_ref().map_err(Clone::clone)?;
    finish(run::run(plain, vals, results))
}

thread_local! {
    static AS_WRITTEN: Cell<bool> = const { Cell::new(false) };
}

fn as_written() -> bool {
    AS_WRITTEN.get()
}

/// Runs `body`, in which plans of this thread run the graph as it was written, op by op.
pub(crate) fn without_passes<R>(body: impl FnOnce() -> R) -> R {
    struct Scope;
    impl Drop for Scope {
        fn drop(&mut self) {
            AS_WRITTEN.set(false);
        }
    }
    AS_WRITTEN.set(true);
    let _scope = Scope;
    body()
}

/// A plan compiled ahead of a call.
#[derive(Clone)]
pub struct Compiled {
    entry: &'static Entry,
    script: &'static Script,
    /// The types of the arguments that it was lowered for, sizes and all.
    sizes: Arc<[Type]>,
}

impl Compiled {
    /// The typed, optimised graph.
    pub fn graph(&self) -> Graph {
        self.entry.compiled.graph.clone()
    }

    /// Whether `fast_math` lets its results differ by roundings from those of the body.
    pub(crate) fn is_fast(&self) -> bool {
        self.entry.compiled.source.is_fast()
    }

    /// The passes that ran, the optimised graph, the steps and kernels, the time it took, and the memory that a run takes for
    /// arguments of the sizes that it was lowered for.
    pub fn explain(&self) -> String {
        compile::explain(&self.entry.compiled, &self.sizes)
    }

    /// Whether it is for values like these.
    ///
    /// # Errors
    /// They have other types or ranks than it was compiled for.
    pub(crate) fn fits(&self, vals: &[Val], variant: u32) -> Result<()> {
        if super::key_of(vals) == *self.entry.key() && self.entry.variant() == variant {
            return Ok(());
        }
        let message = misfit::compiled(self.script.name, &self.entry.compiled.source, &self.sizes, vals);
        Err(Error::Compile { message, at: None })
    }

    /// Runs the plan on values of the types that it was compiled for.
    pub(crate) fn run(&self, vals: &[Val], results: &mut Frame, variant: u32) -> Result<()> {
        self.fits(vals, variant)?;
        self.script.run_entry(self.entry, vals, results)
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
    /// The graph does not hold the verifier's invariants, or names functions or constants.
    pub fn new(graph: Graph) -> Result<Function> {
        let wrong = |message: String| Error::Compile { message, at: None };
        jit_ir::verify::verify(&graph).map_err(wrong)?;
        if graph.count_ops(Op::Call) + graph.count_ops(Op::Named) > 0 {
            return Err(wrong(format!(
                "`{}` names other functions or constants, which this graph does not hold",
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

    /// The graph whose values are leaves. A recording's is so already: then structures are not asked for.
    fn linked<A: Argument, R: Returns>(&self) -> Result<Cow<'_, Graph>> {
        let wrong = |message: String| Error::Compile { message, at: None };
        let Tree::Tuple(params) = A::tree() else {
            return Err(wrong(format!(
                "`{}`: its arguments are given as a tuple: `call((&x, &y))`",
                self.graph.name
            )));
        };
        let leaves: usize = params.iter().map(|p| p.leaves().len()).sum();
        if params.len() != self.graph.params().len() && leaves == self.graph.params().len() {
            return Ok(Cow::Borrowed(&self.graph));
        }
        misfit::arguments(&self.graph, &params).map_err(wrong)?;
        let linked = link::link(&self.graph, &params, Some(&R::tree()), &link::Empty);
        linked.map(Cow::Owned).map_err(|e| {
            // With any result, does it link? Then it is the result that does not fit.
            let open = link::link(&self.graph, &params, None, &link::Empty);
            wrong(match open {
                Ok(graph) => misfit::results(&self.graph.name, &R::tree(), &graph.result_types),
                Err(_) => format!("`{}`: {e}", self.graph.name),
            })
        })
    }

    /// Calls the function with a tuple of arguments.
    ///
    /// # Errors
    /// What the source would fail with; arguments and results of other types than the graph's.
    pub fn call<A: Argument, R: Returns>(&self, args: A) -> Result<R> {
        let tree = [A::tree()];
        if trace::is_recording() {
            let mut leaves = Leaves::joining();
            args.push_leaves(&mut leaves);
            let anys = pack(&tree, leaves.into_anys());
            let run = |vals: &[Val], results: &mut Frame| self.run::<A, R>(vals, results);
            let anys = trace::joined(anys, run, || self.linked::<A, R>())?;
            return Ok(R::restore(&mut Outputs::recorded(unpack(&[R::tree()], anys))));
        }
        let mut leaves = Leaves::default();
        args.push_leaves(&mut leaves);
        let mut results = Frame::new();
        if A::FLAT {
            self.run::<A, R>(&leaves, &mut results)?;
        } else {
            self.run::<A, R>(&pack(&tree, leaves.to_vec()), &mut results)?;
        }
        let results = if R::FLAT { results } else { unpack(&[R::tree()], results.into_vec()).into() };
        Ok(R::restore(&mut Outputs::new(results)))
    }

    fn run<A: Argument, R: Returns>(&self, vals: &[Val], results: &mut Frame) -> Result<()> {
        let make = |_| {
            let linked = self.linked::<A, R>()?;
            misfit::ranks(&self.graph, vals).map_err(|message| Error::Compile { message, at: None })?;
            compile::compile(&linked, vals)
        };
        let Some(entry) = self.plans.get(vals, 0, &self.graph.name, make)? else {
            return Err(Error::msg(format!("`{}` has too many plans", self.graph.name)));
        };
        self.plans.count(entry, vals);
        run_entry(entry, vals, results)?;
        if !fits(&R::tree(), results) {
            let message = {
                let given: Vec<Type> = results.iter().map(compile::open_type).collect();
                misfit::results(&self.graph.name, &R::tree(), &given)
            };
            return Err(Error::Compile { message, at: None });
        }
        Ok(())
    }
}
