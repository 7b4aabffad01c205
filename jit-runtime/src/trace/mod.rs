//! Tracing: a function runs once as plain Rust while its tensor ops are recorded.

mod function;
mod record;

pub use function::{Path, TraceFn, TraceStats, Traced, trace};
pub(crate) use record::{Tag, is_open, is_recording, observe, record, spoil};
