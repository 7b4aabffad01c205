//! What the code that the macros emit may name. Not for users: no promise is made about it.

mod probe;
mod script;
mod shape;
mod trace;

pub use crate::kernels::native;
pub use crate::script::{
    Argument, Callee, Compiled, Inputs, Leaves, Link, Outputs, Results, Returns, Script, Stats,
};
pub use crate::tensor::raw::Val;
pub use crate::trace::{CompiledTrace, Guard, Path, Step, TraceFn, TraceStats};
pub use jit_ir::Prim;
pub use probe::{
    ArgumentByReference, ArgumentByValue, ArgumentOfTensors, FieldOfOther, FieldOfPytree, NoArgument, Probe,
    Static, record, type_of,
};
pub use script::{call_compiled, call_script, check_script, lower_script, try_script};
pub use shape::{Size, check_shapes, here};
pub use trace::{call_trace, check_trace, lower_trace, trace_step, try_trace};

use crate::error::{Error, Result, catch, fail};

/// What an argument or a result consists of.
pub type Tree = jit_ir::Tree<jit_ir::Type>;

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

/// Ends the build with a message: in a constant that is evaluated once nothing else is wrong.
#[track_caller]
pub const fn refuse(message: &str) {
    panic!("{}", message)
}

/// A call of the function whose handle an expression gives; the expression is not evaluated.
pub fn callee_of<A, H: Callable>(_: impl FnOnce(A) -> H) -> Link {
    Link::Callee(H::callee())
}

/// What may be a script: the user's method of that name, or nothing.
pub trait MaybeCallable {
    /// How, if it is one.
    fn callee() -> Option<Callee>;
}

impl<H: Callable> MaybeCallable for H {
    fn callee() -> Option<Callee> {
        Some(H::callee())
    }
}

/// There is no script of that name.
#[derive(Clone, Copy, Debug)]
pub struct NoMethod;

impl MaybeCallable for NoMethod {
    fn callee() -> Option<Callee> {
        None
    }
}

/// A method of the user's, where the op table has one of that name, too: an expression for its handle, which is not
/// evaluated.
pub fn maybe_method<A, H: MaybeCallable>(_: impl FnOnce(A) -> H) -> Link {
    Link::Method(H::callee())
}

/// What a method of the user's gives, by its handle.
pub trait Gives {
    /// The type of its result.
    type Value;
    /// Stands for the result where only its type is asked for.
    fn given(self) -> Self::Value
    where
        Self: Sized,
    {
        unreachable!("only the type is asked for")
    }
}

/// What is given where there is no script, or one that is generic.
#[derive(Clone, Copy, Debug)]
pub struct NoValue;

impl Gives for NoMethod {
    type Value = NoValue;
}

impl Returns for NoValue {
    const FLAT: bool = false;
    fn tree() -> Tree {
        Tree::Unset
    }
    fn restore(_: &mut Outputs) -> NoValue {
        NoValue
    }
    fn collect(&self, _: &mut Results) {}
}

/// What an annotated function declares to give: a value, or a `Result` of one.
pub trait Outcome: Sized {
    /// The value.
    type Value: Returns;
    /// From a run's outcome; without `Result` an error panics at the caller's line.
    fn give(result: Result<Self::Value>) -> Self;
    /// Runs `body`; with `Result` failures of its ops are errors.
    fn eager(body: impl FnOnce() -> Self) -> Self;
    /// As `eager`, of the original body of a function, at the caller's line: a closure would not pass it on.
    fn eager_of<H: CallWith<A, Given = Self>, A>(args: A) -> Self;
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
    #[track_caller]
    fn eager_of<H: CallWith<A, Given = R>, A>(args: A) -> R {
        H::eager(args)
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
    fn eager_of<H: CallWith<A, Given = Self>, A>(args: A) -> Self {
        catch(|| H::eager(args))?
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
    fn flatten<'v>(args: &'v A, out: &mut Leaves<'v>);
    /// Runs the original body. It knows the caller's line, for what is checked before the body.
    #[track_caller]
    fn eager(args: A) -> Self::Given;
}

/// How a traced function's body is recorded.
pub trait TraceWith<A>: CallWith<A> {
    /// Runs the original body with the tensors of a recording.
    fn traced(args: &A, inputs: &mut Inputs) -> Self::Given;
}
