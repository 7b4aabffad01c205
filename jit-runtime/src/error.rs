//! Errors, and the one way in which an op fails.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::Arc;

/// A result whose error is [`Error`] unless said otherwise, so that a glob import of the prelude
/// does not break code that writes `Result<i32, String>`.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A place in a source file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file, as rustc names it.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl From<&jit_ir::Location> for Place {
    fn from(at: &jit_ir::Location) -> Place {
        Place { file: at.file.clone(), line: at.line, column: at.column }
    }
}

impl From<&Location<'_>> for Place {
    fn from(at: &Location<'_>) -> Place {
        Place { file: at.file().into(), line: at.line(), column: at.column() }
    }
}

fn show_at(at: &Option<Place>) -> String {
    at.as_ref().map_or(String::new(), |at| format!(" (at {at})"))
}

/// What went wrong.
///
/// ```
/// use jit_runtime::prelude::*;
/// # fn main() {
/// let error = Tensor::from_vec(vec![1.0_f32, 2.0], [3]).unwrap_err();
/// assert_eq!(error.to_string(), "from_vec: 2 elements for shape [3]");
/// # }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An op cannot be applied: shapes, axes, indices or values that do not fit.
    #[error("{op}: {message}{}", show_at(.at))]
    Op {
        /// The op, as a program has it: `matmul`, `x[i]`.
        op: &'static str,
        /// What does not fit, with the shapes or values at hand.
        message: String,
        /// The user's line.
        at: Option<Place>,
    },
    /// A failed assertion of the user's.
    #[error("{message}{}", show_at(.at))]
    Assert {
        /// The user's message.
        message: String,
        /// The user's line.
        at: Option<Place>,
    },
    /// A function cannot be compiled: types that do not fit, recursion.
    #[error("{message}{}", show_at(.at))]
    Compile {
        /// Why.
        message: String,
        /// The user's line.
        at: Option<Place>,
    },
    /// A text that is no valid graph.
    #[error(transparent)]
    Parse(#[from] jit_ir::text::ParseError),
    /// Two ways of running a function differ (see `check`).
    #[error("{0}")]
    Differs(String),
    /// A message of the user's.
    #[error("{0}")]
    Message(String),
}

impl Error {
    /// An error with a message of one's own.
    pub fn msg(message: impl Into<String>) -> Error {
        Error::Message(message.into())
    }

    /// An op's error at a place.
    pub(crate) fn op(op: jit_ir::Op, message: impl Into<String>, at: Option<Place>) -> Error {
        Error::Op { op: op.shown(), message: message.into(), at }
    }

    /// The user's line, where it is known.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Error::Op { at, .. } | Error::Assert { at, .. } | Error::Compile { at, .. } => at.as_ref(),
            _ => None,
        }
    }
}

thread_local! {
    static TRY_DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Ends the current op with an error: unwinds silently inside [`catch`], panics with the message
/// at the caller's line otherwise.
#[track_caller]
pub(crate) fn fail(error: Error) -> ! {
    if TRY_DEPTH.get() > 0 {
        panic::resume_unwind(Box::new(error));
    }
    // The panic itself names the caller's line.
    let text = match &error {
        Error::Op { op, message, at } if at.as_ref() == Some(&Place::from(Location::caller())) => {
            format!("{op}: {message}")
        }
        _ => error.to_string(),
    };
    panic!("{text}");
}

struct Depth;

impl Depth {
    fn enter() -> Depth {
        TRY_DEPTH.set(TRY_DEPTH.get() + 1);
        Depth
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        TRY_DEPTH.set(TRY_DEPTH.get() - 1);
    }
}

/// Runs `body`; failures of ops in it become `Err`. Other panics go on.
///
/// Under `panic = "abort"` nothing can be caught, and a failure ends the process.
pub(crate) fn catch<R>(body: impl FnOnce() -> R) -> Result<R> {
    let depth = Depth::enter();
    let outcome = panic::catch_unwind(AssertUnwindSafe(body));
    drop(depth);
    outcome.map_err(|payload| from_panic(payload).unwrap_or_else(|other| panic::resume_unwind(other)))
}

fn from_panic(payload: Box<dyn Any + Send>) -> std::result::Result<Error, Box<dyn Any + Send>> {
    payload.downcast::<Error>().map(|e| *e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_caught_and_other_panics_go_on() {
        let caught = catch(|| -> () { fail(Error::msg("no")) });
        assert_eq!(caught.unwrap_err().to_string(), "no");
        let other = panic::catch_unwind(|| catch(|| panic::resume_unwind(Box::new(7_i32))));
        assert_eq!(other.err().and_then(|p| p.downcast::<i32>().ok()), Some(Box::new(7)));
        assert_eq!(TRY_DEPTH.get(), 0);
    }

    #[test]
    fn errors_are_send_and_sync() {
        fn check<T: Send + Sync + std::error::Error>() {}
        check::<Error>();
    }
}
