//! What an annotated function carries: its graph, its plans, its numbers.

mod arguments;
mod cache;
mod constant;
pub(crate) mod counter;
mod function;
pub(crate) mod misfit;
mod pack;

pub use arguments::{Argument, Inputs, Leaves, Outputs, Pytree, Results, Returns};
pub(crate) use arguments::{collect_opaque, is_leaf, push_opaque, restore_opaque};
pub use cache::Stats;
pub(crate) use cache::key_of;
pub use constant::Constant;
pub(crate) use function::without_passes;
pub use function::{Callee, Compiled, Function, Link, Script};
pub(crate) use pack::{pack, unpack};

use std::cell::Cell;
use std::sync::OnceLock;

thread_local! {
    static EAGER: Cell<usize> = const { Cell::new(0) };
}

struct Scope;

impl Drop for Scope {
    fn drop(&mut self) {
        EAGER.set(EAGER.get() - 1);
    }
}

/// Runs `body`; annotated functions called in it on this thread run their original bodies, so that
/// breakpoints, `dbg!` and backtraces work. The environment variable `JIT=eager` does it for a
/// whole program.
///
/// ```
/// use jit_runtime::prelude::*;
///
/// #[script]
/// fn double(x: &Tensor) -> Tensor {
///     x * 2.0
/// }
///
/// fn main() {
///     let x = Tensor::from([1.0, 2.0]);
///     let y = jit_runtime::eager(|| double(&x));
///     assert_eq!(y, double(&x));
/// }
/// ```
pub fn eager<R>(body: impl FnOnce() -> R) -> R {
    EAGER.set(EAGER.get() + 1);
    let _scope = Scope;
    body()
}

/// Whether annotated functions run their original bodies.
#[inline]
pub(crate) fn is_eager() -> bool {
    static SET: OnceLock<bool> = OnceLock::new();
    EAGER.get() > 0 || *SET.get_or_init(|| has_setting("eager"))
}

/// Whether the environment variable `JIT` has this word, by itself or among others with commas between.
pub(crate) fn has_setting(word: &str) -> bool {
    std::env::var("JIT").is_ok_and(|all| all.split(',').any(|one| one.trim() == word))
}
