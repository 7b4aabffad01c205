//! Annotate a Rust function over tensors: it is captured as a graph and run as fused SIMD kernels.
//!
//! `#[script]` reads a function's body at build time and keeps its control flow; `#[trace]` runs the
//! body once and records what it does. Both give the same [`Graph`]. On the first call with new
//! element types and ranks the graph is optimised and compiled; later calls, of any size, run the
//! plan. Deleting an attribute changes the speed, not the result.
//!
//! ```
//! use jit_runtime::prelude::*;
//!
//! #[script]
//! fn conditional_op(x: &Tensor, threshold: f32) -> Tensor {
//!     if x.sum() > threshold { x * 2.0 } else { x + 1.0 }
//! }
//!
//! fn main() {
//!     let x = Tensor::from([1.0, 2.0, 3.0]);
//!     assert_eq!(conditional_op(&x, 2.0), Tensor::from([2.0, 4.0, 6.0]));
//!     assert_eq!(conditional_op(&x, 9.0), Tensor::from([2.0, 3.0, 4.0]));
//!     println!("{}", conditional_op::graph());
//! }
//! ```
//!
//! The way of a function through the crate: captured by `jit-macros` or `trace`, linked and
//! compiled by `compile`, run by `exec` with `kernels` on the tensors of `tensor`.

mod compile;
mod error;
mod exec;
mod few;
pub mod interop;
mod kernels;
mod script;
mod tensor;
mod trace;

#[doc(hidden)]
#[path = "private/mod.rs"]
pub mod __private;

pub use error::{Error, Place, Result};
pub use exec::threads::set_threads;
pub use jit_ir::{Graph, text::ParseError};
pub use jit_macros::{Pytree, script, trace};
pub use script::{Argument, Compiled, Constant, Function, Pytree, Returns, Stats, eager};
pub use tensor::{
    AsTensor, Axes, Axis, Bits, Elem, Extent, Float, IntoReshape, IntoShape, Key, Num, Operand, Pair, Tensor,
};
pub use trace::{Guard, Path, TraceStats, Traced, trace};

/// The language of scripts and the ways of traces, chapter by chapter, and the messages of the compiler.
pub mod guide {
    #[doc = include_str!("../docs/language.md")]
    pub mod language {}

    #[doc = include_str!("../docs/tracing.md")]
    pub mod tracing {}

    #[doc = include_str!("../docs/ops.md")]
    pub mod ops {}

    #[doc = include_str!("../docs/coming_from.md")]
    pub mod coming_from {}

    #[doc = include_str!("../docs/accuracy.md")]
    pub mod accuracy {}

    #[doc = include_str!("../docs/comparison.md")]
    pub mod comparison {}

    #[doc = include_str!("../docs/messages.md")]
    pub mod messages {}
}

/// What a program needs: `use jit_runtime::prelude::*;`
pub mod prelude {
    pub use crate::{Elem, Error, Float, Key, Num, Pytree, Result, Tensor, script, trace};
}

/// For this workspace's tests; no promise is made about it.
#[doc(hidden)]
pub mod testing;
