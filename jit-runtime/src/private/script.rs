//! Calls of scripts.

use super::{CallWith, Compiled, Leaves, Outcome, Outputs, Results, Returns, Scripted, Tree, Val};
use crate::error::{Error, Result, catch, fail};
use crate::exec::frame::Frame;
use crate::script::{is_eager, pack, unpack};
use crate::tensor::Any;
use crate::trace;

fn structure<H: CallWith<A>, A>() -> (Vec<Tree>, Tree) {
    (H::trees(), H::Output::tree())
}

/// Calls `body` with the leaves of the arguments of a call that no recording sees.
#[inline]
#[track_caller]
fn with_leaves<H: CallWith<A> + Scripted, A, R>(args: &A, body: impl FnOnce(&[Val]) -> R) -> R {
    let mut stream = Leaves::default();
    H::flatten(args, &mut stream);
    if H::FLAT {
        return body(&stream);
    }
    let trees = &H::script().trees(structure::<H, A>).0;
    if trees.iter().all(Tree::is_flat) {
        return body(&stream);
    }
    body(&pack(trees, stream.to_vec()))
}

/// The leaves of the arguments with their places in the recording of this thread.
#[track_caller]
fn joining<H: CallWith<A> + Scripted, A>(args: &A) -> Vec<Any> {
    let mut leaves = Leaves::joining();
    H::flatten(args, &mut leaves);
    pack(&H::script().trees(structure::<H, A>).0, leaves.into_anys())
}

/// A call in a recording: the script's graph joins it.
#[track_caller]
fn join<H: CallWith<A> + Scripted, A>(args: &A) -> Result<H::Output> {
    let script = H::script();
    let results = script.join(joining::<H, A>(args), H::VARIANT, &structure::<H, A>)?;
    let stream = unpack(std::slice::from_ref(&script.trees(structure::<H, A>).1), results);
    Ok(H::Output::restore(&mut Outputs::recorded(stream)))
}

fn restored<H: CallWith<A> + Scripted, A>(values: Frame) -> H::Output {
    if H::FLAT {
        return H::Output::restore(&mut Outputs::new(values));
    }
    let tree = &H::script().trees(structure::<H, A>).1;
    let stream =
        if tree.is_flat() { values } else { unpack(std::slice::from_ref(tree), values.into_vec()).into() };
    H::Output::restore(&mut Outputs::new(stream))
}

#[track_caller]
fn run_script<H: CallWith<A> + Scripted, A>(args: &A) -> Result<H::Output> {
    if trace::is_recording() {
        return join::<H, A>(args);
    }
    let mut results = Frame::new();
    with_leaves::<H, A, _>(args, |vals| H::script().run(vals, &mut results, H::VARIANT, &structure::<H, A>))?;
    Ok(restored::<H, A>(results))
}

/// A plain call of a script.
#[track_caller]
pub fn call_script<H: CallWith<A> + Scripted, A>(args: A) -> H::Given {
    if is_eager() {
        return H::Given::eager_of::<H, A>(args);
    }
    H::Given::give(run_script::<H, A>(&args))
}

/// A call of a script that gives its error.
#[track_caller]
pub fn try_script<H: CallWith<A> + Scripted, A>(args: A) -> Result<H::Output> {
    if is_eager() {
        return catch(|| H::eager(args).value());
    }
    // A tensor too large for memory unwinds.
    catch(|| run_script::<H, A>(&args))?
}

/// Compiles a script for arguments like these.
#[track_caller]
pub fn lower_script<H: CallWith<A> + Scripted, A>(args: &A) -> Compiled {
    let vals: Vec<Val> = joining::<H, A>(args).into_iter().map(|a| a.val).collect();
    match H::script().lower(&vals, H::VARIANT, &structure::<H, A>) {
        Ok(compiled) => compiled,
        Err(error) => fail(error),
    }
}

/// Runs a script's body and its plan, and compares the results: their bits, or with `fast_math` half of their digits.
pub fn check_script<H: CallWith<A> + Scripted, A: Clone>(args: A) -> Result<()> {
    // A failed `assert!` of the body as written is a panic of the user's, as is an index of a list.
    let eager = || catch(|| crate::eager(|| H::eager(args.clone())).value());
    let body = std::panic::catch_unwind(std::panic::AssertUnwindSafe(eager))
        .unwrap_or_else(|_| Err(Error::msg("the body panics")));
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
            let vals: Vec<Val> = joining::<H, A>(&args).into_iter().map(|a| a.val).collect();
            let compiled = H::script().lower(&vals, H::VARIANT, &structure::<H, A>);
            let fast = compiled.is_ok_and(|c| c.is_fast());
            let (a, b) = (values(&a), values(&b));
            if a.len() == b.len() && a.iter().zip(&b).all(|(x, y)| x.val.agrees(&y.val, fast)) {
                Ok(())
            } else {
                Err(Error::Differs("body and plan give different results".into()))
            }
        }
    }
}

/// A call of a compiled script.
#[track_caller]
pub fn call_compiled<H: CallWith<A> + Scripted, A>(compiled: &Compiled, args: A) -> H::Given {
    if trace::is_recording() {
        let vals: Vec<Val> = joining::<H, A>(&args).into_iter().map(|a| a.val).collect();
        let fits = compiled.fits(&vals, H::VARIANT);
        return H::Given::give(fits.and_then(|()| join::<H, A>(&args)));
    }
    let mut results = Frame::new();
    let run = with_leaves::<H, A, _>(&args, |vals| compiled.run(vals, &mut results, H::VARIANT));
    H::Given::give(run.map(|()| restored::<H, A>(results)))
}
