//! Closures that are traced.

use std::marker::PhantomData;
use std::panic::Location;

use jit_ir::{Graph, Tree};

use super::function::{Call, TraceFn};
use super::record::is_recording;
use super::report::{Path, TraceStats};
use super::signature;
use crate::error::{Result, catch};
use crate::script::{Inputs, Pytree, Returns};
use crate::tensor::raw::Val;

/// A closure that is traced; see [`trace`].
pub struct Traced<P, F> {
    body: F,
    function: TraceFn,
    of: PhantomData<fn(&P)>,
}

/// Traces a closure of one argument: a tensor, or a tuple, list or `#[derive(Pytree)]` struct of tensors and
/// other values.
///
/// What the closure captures is constant: a captured tensor is shared with the plan, not copied, and cannot
/// change while the closure borrows it.
///
/// ```
/// use jit_runtime::prelude::*;
/// # fn main() {
/// let weight = Tensor::from([2.0, 3.0]);
/// let f = jit_runtime::trace(|x: &Tensor| x * &weight + 1.0);
/// for _ in 0..3 {
///     assert_eq!(f.call(&Tensor::from([1.0, 1.0])), Tensor::from([3.0, 4.0]));
/// }
/// assert_eq!(f.stats().recordings, 1);
///
/// let sum = jit_runtime::trace(|(x, y): &(Tensor, Tensor)| x + y);
/// assert_eq!(sum.call(&(Tensor::from([1.0]), Tensor::from([2.0]))), Tensor::from([3.0]));
/// # }
/// ```
#[track_caller]
pub fn trace<P: Pytree, R: Returns, F: Fn(&P) -> R>(body: F) -> Traced<P, F> {
    let at = Location::caller();
    let name = format!("closure at {}:{}:{}", at.file(), at.line(), at.column());
    Traced { body, function: TraceFn::named(name.into(), &["x"]), of: PhantomData }
}

impl<P: Pytree, F> Traced<P, F> {
    fn with<R: Returns, T>(&self, x: &P, act: impl FnOnce(&TraceFn, &Call<'_, R>) -> T) -> T
    where
        F: Fn(&P) -> R,
    {
        let values = |out: &mut _| x.push_leaves(out);
        let names = |vals: &[Val]| {
            let tree: Tree<jit_ir::Type> = <P as crate::script::Argument>::tree();
            signature::names(self.function.params(), &[tree], vals)
        };
        let traced = |inputs: &mut Inputs| (self.body)(&x.traced(inputs));
        let plain = || (self.body)(x);
        act(&self.function, &Call { values: &values, names: &names, traced: &traced, plain: &plain })
    }

    /// Calls the closure, or replays a recording of it.
    #[track_caller]
    pub fn call<R: Returns>(&self, x: &P) -> R
    where
        F: Fn(&P) -> R,
    {
        if is_recording() {
            return (self.body)(x);
        }
        self.with(x, |function, call| function.run(call))
    }

    /// As [`Traced::call`]; an error of an op is an `Err` instead of a panic.
    ///
    /// # Errors
    /// What an op in the closure fails with.
    pub fn try_call<R: Returns>(&self, x: &P) -> Result<R>
    where
        F: Fn(&P) -> R,
    {
        catch(|| self.call(x))
    }

    /// Runs closure and plan, and compares the bits of the results and the recordings. Without a recording of this case
    /// the closure runs twice, and the two runs are compared.
    ///
    /// # Errors
    /// In what they differ.
    pub fn check<R: Returns>(&self, x: &P) -> Result<()>
    where
        F: Fn(&P) -> R,
    {
        catch(|| self.with(x, |function, call| function.check(call)))?
    }

    /// What the closure has done so far.
    pub fn stats(&self) -> TraceStats {
        self.function.stats()
    }

    /// The recordings of the signature used last, as one graph.
    pub fn graph(&self) -> Option<Graph> {
        self.function.graph()
    }

    /// For each signature its recordings as one graph.
    pub fn graphs(&self) -> Vec<Graph> {
        self.function.graphs()
    }

    /// All recordings with what the host saw in them.
    pub fn traces(&self) -> Vec<Path> {
        self.function.traces()
    }
}
