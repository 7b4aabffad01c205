//! What the code that the macros emit may name. Not for users: no promise is made about it.

pub use crate::script::{
    Argument, Callee, Compiled, Inputs, Leaves, Outputs, Results, Returns, Script, Stats,
};
pub use crate::tensor::raw::Val;
pub use crate::trace::{Path, TraceFn, TraceStats};

use crate::error::{Error, Result, catch, fail};
use crate::script::is_eager;
use crate::trace;

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
pub trait Callable {
    /// How.
    fn callee() -> Callee;
}

/// How a function is called with arguments of the types `A`.
pub trait CallWith<A> {
    /// The function's result.
    type Output: Returns;
    /// The arguments' values.
    fn flatten(args: &A, out: &mut Leaves);
    /// Runs the original body.
    fn eager(args: A) -> Self::Output;
}

/// How a traced function's body is recorded.
pub trait TraceWith<A>: CallWith<A> {
    /// Runs the original body with the tensors of a recording.
    fn traced(args: &A, inputs: &mut Inputs) -> Self::Output;
}

fn leaves<H: CallWith<A>, A>(args: &A) -> Leaves {
    let mut leaves = Leaves::default();
    H::flatten(args, &mut leaves);
    leaves
}

fn run_script<H: CallWith<A> + Scripted, A>(args: &A) -> Result<H::Output> {
    let vals = leaves::<H, A>(args).0;
    let values = H::script().run(vals, || leaves::<H, A>(args).0)?;
    Ok(H::Output::restore(&mut Outputs::new(values)))
}

/// A plain call of a script.
#[track_caller]
pub fn call_script<H: CallWith<A> + Scripted, A>(args: A) -> H::Output {
    // In a recording the ops of the body are recorded.
    if is_eager() || trace::is_recording() {
        return H::eager(args);
    }
    match run_script::<H, A>(&args) {
        Ok(output) => output,
        Err(error) => fail(error),
    }
}

/// A call of a script that gives its error.
pub fn try_script<H: CallWith<A> + Scripted, A>(args: A) -> Result<H::Output> {
    if is_eager() || trace::is_recording() {
        return catch(|| H::eager(args));
    }
    // A tensor too large for memory unwinds.
    catch(|| run_script::<H, A>(&args))?
}

/// Compiles a script for arguments like these.
#[track_caller]
pub fn lower_script<H: CallWith<A> + Scripted, A>(args: &A) -> Compiled {
    match H::script().lower(&leaves::<H, A>(args).0) {
        Ok(compiled) => compiled,
        Err(error) => fail(error),
    }
}

/// Runs a script's body and its plan, and compares the bits of the results.
pub fn check_script<H: CallWith<A> + Scripted, A: Clone>(args: A) -> Result<()> {
    let body = catch(|| crate::eager(|| H::eager(args.clone())));
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
pub fn call_trace<H: TraceWith<A> + TracedFn, A: Clone>(args: A) -> H::Output {
    if is_eager() || trace::is_recording() {
        return H::eager(args);
    }
    let vals = leaves::<H, A>(&args).0;
    H::function().run(&vals, &|inputs| H::traced(&args, inputs), || H::eager(args.clone()))
}

/// A call of a traced function that gives its error.
pub fn try_trace<H: TraceWith<A> + TracedFn, A: Clone>(args: A) -> Result<H::Output> {
    catch(|| call_trace::<H, A>(args))
}

/// Runs a traced function's body and its plan, and compares the bits of the results.
pub fn check_trace<H: TraceWith<A> + TracedFn, A>(args: A) -> Result<()> {
    let vals = leaves::<H, A>(&args).0;
    catch(|| H::function().check(&vals, &|inputs| H::traced(&args, inputs)))?
}

/// A call of a compiled script.
#[track_caller]
pub fn call_compiled<H: CallWith<A> + Scripted, A>(compiled: &Compiled, args: A) -> H::Output {
    let values = compiled.run(|| leaves::<H, A>(&args).0);
    match values {
        Ok(values) => H::Output::restore(&mut Outputs::new(values)),
        Err(error) => fail(error),
    }
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
    let vals = leaves::<H, A>(&args).0;
    match H::function().lower(&vals, &|inputs| H::traced(&args, inputs)) {
        Ok(compiled) => compiled,
        Err(error) => fail(error),
    }
}

/// A call of a traced function as a step of a script's plan.
pub fn trace_step<R: Returns>(vals: &[Val], call: impl FnOnce(&mut Outputs) -> R) -> Result<Vec<Val>> {
    let values = vals.to_vec();
    catch(|| {
        let mut results = Results::default();
        call(&mut Outputs::new(values)).collect(&mut results);
        results.0.into_iter().map(|a| a.val).collect()
    })
}
