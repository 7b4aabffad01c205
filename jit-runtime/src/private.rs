//! What the code that the macros emit may name. Not for users: no promise is made about it.

use std::marker::PhantomData;

pub use crate::script::{
    Argument, Callee, Compiled, Inputs, Leaves, Link, Outputs, Results, Returns, Script, Stats,
};
pub use crate::tensor::raw::Val;
pub use crate::trace::{Path, TraceFn, TraceStats};
pub use jit_ir::Prim;

use crate::error::{Error, Result, catch, fail};
use crate::script::{collect_opaque, is_eager, pack, push_opaque, restore_opaque, unpack, unpack_all};
use crate::trace;

/// What an argument or a result consists of.
pub type Tree = jit_ir::Tree<jit_ir::Type>;

/// A declared size.
pub enum Size {
    /// This one.
    Number(usize),
    /// The same wherever the name stands.
    Name(&'static str),
    /// Any.
    Open,
}

/// A parameter's name and shape; whether further axes may come first; the declared sizes, as written too.
type DeclaredShape<'a> = (&'a str, &'a [usize], bool, &'a [Size], &'a str);

/// Fails unless the shapes are those declared, with the messages that a graph's assertions have.
#[track_caller]
pub fn check_shapes(shapes: &[DeclaredShape<'_>]) {
    let mut known: Vec<(&str, usize)> = Vec::new();
    let fails = |message: String| fail(Error::Assert { message, at: None });
    for (param, shape, leading, sizes, text) in shapes {
        let rank = shape.len();
        if rank < sizes.len() || (rank > sizes.len() && !leading) {
            fails(format!("shape: `{param}` has rank {rank}, declared {text}"));
        }
        for (i, size) in sizes.iter().enumerate() {
            let found = shape[rank - sizes.len() + i];
            let axis = if *leading { i as i64 - sizes.len() as i64 } else { i as i64 };
            match size {
                Size::Number(n) if *n != found => {
                    fails(format!("shape: axis {axis} of `{param}` is {found}, not {n}: declared {text}"));
                }
                Size::Name(name) => match known.iter().find(|(other, _)| other == name) {
                    Some((_, n)) if *n != found => fails(format!(
                        "shape: axis {axis} of `{param}` is {found}, and `{name}` is {n}: declared {text}"
                    )),
                    Some(_) => {}
                    None => known.push((*name, found)),
                },
                _ => {}
            }
        }
    }
}

/// A scripted function's static, found through the handle in its module.
pub trait Scripted {
    /// The static.
    fn script() -> &'static Script;
}

/// A traced function's static, found through the handle in its module.
pub trait TracedFn {
    /// The static.
    fn function() -> &'static TraceFn;
}

/// Something that a script may call by name.
#[diagnostic::on_unimplemented(message = "a script cannot call this: it is neither a script nor traced")]
pub trait Callable {
    /// How.
    fn callee() -> Callee;
}

/// A call of the function whose handle an expression gives; the expression is not evaluated.
pub fn callee_of<A, H: Callable>(_: impl FnOnce(A) -> H) -> Link {
    Link::Callee(H::callee())
}

/// What an annotated function declares to give: a value, or a `Result` of one.
pub trait Outcome: Sized {
    /// The value.
    type Value: Returns;
    /// From a run's outcome; without `Result` an error panics at the caller's line.
    fn give(result: Result<Self::Value>) -> Self;
    /// Runs the original body; with `Result` failures of its ops are errors.
    fn eager(body: impl FnOnce() -> Self) -> Self;
    /// The value; an error ends the current op.
    fn value(self) -> Self::Value;
}

impl<R: Returns> Outcome for R {
    type Value = R;
    #[track_caller]
    fn give(result: Result<R>) -> R {
        match result {
            Ok(value) => value,
            Err(error) => fail(error),
        }
    }
    fn eager(body: impl FnOnce() -> R) -> R {
        body()
    }
    fn value(self) -> R {
        self
    }
}

impl<R: Returns> Outcome for Result<R, Error> {
    type Value = R;
    fn give(result: Result<R>) -> Self {
        result
    }
    fn eager(body: impl FnOnce() -> Self) -> Self {
        catch(body)?
    }
    fn value(self) -> R {
        match self {
            Ok(value) => value,
            Err(error) => fail(error),
        }
    }
}

/// How a function is called with arguments of the types `A`.
pub trait CallWith<A> {
    /// The function's result as declared.
    type Given: Outcome<Value = Self::Output>;
    /// The value of the result.
    type Output: Returns;
    /// Whether arguments and result are leaves as they are.
    const FLAT: bool;
    /// Which element types a generic function is called with; 0 for one that is not generic.
    const VARIANT: u32;
    /// What the arguments consist of.
    fn trees() -> Vec<Tree>;
    /// The arguments' values.
    fn flatten(args: &A, out: &mut Leaves);
    /// Runs the original body.
    fn eager(args: A) -> Self::Given;
}

/// How a traced function's body is recorded.
pub trait TraceWith<A>: CallWith<A> {
    /// Runs the original body with the tensors of a recording.
    fn traced(args: &A, inputs: &mut Inputs) -> Self::Given;
}

/// The stream of the arguments' values.
fn stream<H: CallWith<A>, A>(args: &A) -> Vec<Val> {
    let mut leaves = Leaves::default();
    H::flatten(args, &mut leaves);
    leaves.0
}

/// The leaves of the arguments.
fn leaves<H: CallWith<A> + Scripted, A>(args: &A) -> Vec<Val> {
    let stream = stream::<H, A>(args);
    if H::FLAT { stream } else { pack(&H::script().trees(structure::<H, A>).0, stream) }
}

/// The values of a traced function's arguments. Element types that no tensor among them may tell are part of the
/// signature as a value of their own.
fn recorded<H: CallWith<A>, A>(args: &A) -> Vec<Val> {
    let mut vals = stream::<H, A>(args);
    if H::VARIANT > 0 {
        vals.push(Val::Scalar(jit_ir::Scalar::Usize(H::VARIANT as usize)));
    }
    vals
}

fn structure<H: CallWith<A>, A>() -> (Vec<Tree>, Tree) {
    (H::trees(), H::Output::tree())
}

fn restored<H: CallWith<A> + Scripted, A>(values: Vec<Val>) -> H::Output {
    let values = if H::FLAT { values } else { unpack(&H::script().trees(structure::<H, A>).1, values) };
    H::Output::restore(&mut Outputs::new(values))
}

fn run_script<H: CallWith<A> + Scripted, A>(args: &A) -> Result<H::Output> {
    let vals = leaves::<H, A>(args);
    let values = H::script().run(vals, H::VARIANT, &structure::<H, A>, || leaves::<H, A>(args))?;
    Ok(restored::<H, A>(values))
}

/// A plain call of a script.
#[track_caller]
pub fn call_script<H: CallWith<A> + Scripted, A>(args: A) -> H::Given {
    // In a recording the ops of the body are recorded.
    if is_eager() || trace::is_recording() {
        return H::Given::eager(|| H::eager(args));
    }
    H::Given::give(run_script::<H, A>(&args))
}

/// A call of a script that gives its error.
pub fn try_script<H: CallWith<A> + Scripted, A>(args: A) -> Result<H::Output> {
    if is_eager() || trace::is_recording() {
        return catch(|| H::eager(args).value());
    }
    // A tensor too large for memory unwinds.
    catch(|| run_script::<H, A>(&args))?
}

/// Compiles a script for arguments like these.
#[track_caller]
pub fn lower_script<H: CallWith<A> + Scripted, A>(args: &A) -> Compiled {
    match H::script().lower(&leaves::<H, A>(args), H::VARIANT, &structure::<H, A>) {
        Ok(compiled) => compiled,
        Err(error) => fail(error),
    }
}

/// Runs a script's body and its plan, and compares the bits of the results.
pub fn check_script<H: CallWith<A> + Scripted, A: Clone>(args: A) -> Result<()> {
    let body = catch(|| crate::eager(|| H::eager(args.clone())).value());
    let plan = run_script::<H, A>(&args);
    let values = |r: &H::Output| {
        let mut out = Results::default();
        r.collect(&mut out);
        out.0
    };
    match (body, plan) {
        (Err(_), Err(_)) => Ok(()),
        (Ok(_), Err(e)) => Err(Error::Differs(format!("the plan fails and the body does not: {e}"))),
        (Err(e), Ok(_)) => Err(Error::Differs(format!("the body fails and the plan does not: {e}"))),
        (Ok(a), Ok(b)) => {
            let (a, b) = (values(&a), values(&b));
            if a.len() == b.len() && a.iter().zip(&b).all(|(x, y)| x.val.same_bits(&y.val)) {
                Ok(())
            } else {
                Err(Error::Differs("body and plan give different results".into()))
            }
        }
    }
}

/// A plain call of a traced function.
#[track_caller]
pub fn call_trace<H: TraceWith<A> + TracedFn, A: Clone>(args: A) -> H::Given {
    if is_eager() || trace::is_recording() {
        return H::Given::eager(|| H::eager(args));
    }
    H::Given::eager(|| {
        let vals = recorded::<H, A>(&args);
        let traced = |inputs: &mut Inputs| H::traced(&args, inputs).value();
        H::Given::give(Ok(H::function().run(&vals, &traced, || H::eager(args.clone()).value())))
    })
}

/// A call of a traced function that gives its error.
pub fn try_trace<H: TraceWith<A> + TracedFn, A: Clone>(args: A) -> Result<H::Output> {
    catch(|| call_trace::<H, A>(args).value())
}

/// Runs a traced function's body and its plan, and compares the bits of the results.
pub fn check_trace<H: TraceWith<A> + TracedFn, A>(args: A) -> Result<()> {
    let vals = recorded::<H, A>(&args);
    catch(|| H::function().check(&vals, &|inputs| H::traced(&args, inputs).value()))?
}

/// A call of a compiled script.
#[track_caller]
pub fn call_compiled<H: CallWith<A> + Scripted, A>(compiled: &Compiled, args: A) -> H::Given {
    let values = compiled.run(H::VARIANT, || leaves::<H, A>(&args));
    H::Given::give(values.map(restored::<H, A>))
}

/// A recording, compiled.
#[derive(Clone)]
pub struct CompiledTrace {
    pub(crate) graph: jit_ir::Graph,
    pub(crate) explain: String,
}

impl CompiledTrace {
    /// The typed, optimised graph.
    pub fn graph(&self) -> jit_ir::Graph {
        self.graph.clone()
    }

    /// The passes, the kernels and the time it took.
    pub fn explain(&self) -> String {
        self.explain.clone()
    }
}

/// Records and compiles a traced function for arguments like these.
#[track_caller]
pub fn lower_trace<H: TraceWith<A> + TracedFn, A>(args: A) -> CompiledTrace {
    let vals = recorded::<H, A>(&args);
    match H::function().lower(&vals, &|inputs| H::traced(&args, inputs).value()) {
        Ok(compiled) => compiled,
        Err(error) => fail(error),
    }
}

/// A call of a traced function as a step of a script's plan.
pub fn trace_step<O: Outcome>(
    vals: &[Val],
    trees: fn() -> (Vec<Tree>, Tree),
    call: impl FnOnce(&mut Outputs) -> O,
) -> Result<Vec<Val>> {
    let (params, result) = trees();
    let values = unpack_all(&params, vals.to_vec());
    catch(|| {
        let mut results = Results::default();
        call(&mut Outputs::new(values)).value().collect(&mut results);
        pack(&[result], results.0.into_iter().map(|a| a.val).collect())
    })
}

/// The structure of a struct, its fields in the order of the declaration.
pub fn record(fields: Vec<(&str, Tree)>) -> Tree {
    Tree::Record(fields.into_iter().map(|(name, tree)| (name.to_string(), tree)).collect())
}

/// Stands for a field's type, so that method resolution can decide what it is.
pub struct Probe<T>(pub PhantomData<T>);

/// A field that is a Pytree itself.
pub trait FieldOfPytree<T> {
    /// As in [`Argument`].
    fn tree(&self) -> Tree;
    /// As in [`Argument`].
    fn push_leaves(&self, value: &T, out: &mut Leaves);
    /// As in [`Argument`].
    fn traced(&self, value: &T, inputs: &mut Inputs) -> T;
    /// As in [`Returns`].
    fn restore(&self, values: &mut Outputs) -> T;
    /// As in [`Returns`].
    fn collect(&self, value: &T, out: &mut Results);
}

impl<T: Argument<Traced = T> + Returns> FieldOfPytree<T> for &Probe<T> {
    fn tree(&self) -> Tree {
        <T as Argument>::tree()
    }
    fn push_leaves(&self, value: &T, out: &mut Leaves) {
        value.push_leaves(out);
    }
    fn traced(&self, value: &T, inputs: &mut Inputs) -> T {
        value.traced(inputs)
    }
    fn restore(&self, values: &mut Outputs) -> T {
        T::restore(values)
    }
    fn collect(&self, value: &T, out: &mut Results) {
        value.collect(out);
    }
}

/// A field of another type, which is handed through.
pub trait FieldOfOther<T> {
    /// As in [`Argument`].
    fn tree(&self) -> Tree;
    /// As in [`Argument`].
    fn push_leaves(&self, value: &T, out: &mut Leaves);
    /// As in [`Argument`].
    fn traced(&self, value: &T, inputs: &mut Inputs) -> T;
    /// As in [`Returns`].
    fn restore(&self, values: &mut Outputs) -> T;
    /// As in [`Returns`].
    fn collect(&self, value: &T, out: &mut Results);
}

impl<T: Clone + PartialEq + Send + Sync + 'static> FieldOfOther<T> for Probe<T> {
    fn tree(&self) -> Tree {
        Tree::Leaf(jit_ir::Type::Opaque)
    }
    fn push_leaves(&self, value: &T, out: &mut Leaves) {
        push_opaque(value, out);
    }
    fn traced(&self, value: &T, _: &mut Inputs) -> T {
        value.clone()
    }
    fn restore(&self, values: &mut Outputs) -> T {
        restore_opaque(values)
    }
    fn collect(&self, value: &T, out: &mut Results) {
        collect_opaque(value, out);
    }
}
