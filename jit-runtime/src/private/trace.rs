//! Calls of traced functions.

use super::{
    CallWith, CompiledTrace, Inputs, Leaves, Outcome, Outputs, Results, Returns, TraceWith, TracedFn, Tree,
    Val,
};
use crate::error::{Result, catch, fail};
use crate::script::{is_eager, pack, unpack};
use crate::trace::{self, Call};

/// The values of a traced function's arguments. Element types that no tensor among them may tell are part of the
/// signature as a value of their own.
fn recorded<'v, H: CallWith<A>, A>(args: &'v A, out: &mut Leaves<'v>) {
    H::flatten(args, out);
    if H::VARIANT > 0 {
        out.push(Val::Scalar(jit_ir::Scalar::Usize(H::VARIANT as usize)));
    }
}

/// A call as the function takes it.
fn with<H: TraceWith<A> + TracedFn, A: Clone, T>(
    args: &A,
    act: impl FnOnce(&trace::TraceFn, &Call<'_, H::Output>) -> T,
) -> T {
    let function = H::function();
    let values = |out: &mut _| recorded::<H, A>(args, out);
    let names = |vals: &[Val]| trace::names(function.params(), &H::trees(), vals);
    let traced = |inputs: &mut Inputs| H::traced(args, inputs).value();
    let plain = || H::eager(args.clone()).value();
    act(function, &Call { values: &values, names: &names, traced: &traced, plain: &plain })
}

/// A plain call of a traced function.
#[track_caller]
pub fn call_trace<H: TraceWith<A> + TracedFn, A: Clone>(args: A) -> H::Given {
    if is_eager() || trace::is_recording() {
        return H::Given::eager_of::<H, A>(args);
    }
    H::Given::eager(|| H::Given::give(Ok(with::<H, A, _>(&args, |function, call| function.run(call)))))
}

/// A call of a traced function that gives its error.
pub fn try_trace<H: TraceWith<A> + TracedFn, A: Clone>(args: A) -> Result<H::Output> {
    catch(|| call_trace::<H, A>(args).value())
}

/// Runs a traced function's body and its plan, and compares the bits of the results.
pub fn check_trace<H: TraceWith<A> + TracedFn, A: Clone>(args: A) -> Result<()> {
    catch(|| with::<H, A, _>(&args, |function, call| function.check(call)))?
}

/// Records and compiles a traced function for arguments like these.
#[track_caller]
pub fn lower_trace<H: TraceWith<A> + TracedFn, A: Clone>(args: A) -> CompiledTrace {
    match with::<H, A, _>(&args, |function, call| function.lower(call)) {
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
    let values = unpack(&params, vals.to_vec());
    catch(|| {
        let mut results = Results::default();
        call(&mut Outputs::new(values.into())).value().collect(&mut results);
        pack(&[result], results.0.into_iter().map(|a| a.val).collect())
    })
}
