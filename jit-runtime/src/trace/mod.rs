//! Tracing: a function runs once as plain Rust while its tensor ops are recorded.

mod function;
mod record;

pub use function::{Path, TraceFn, TraceStats, Traced, trace};
pub(crate) use record::{KeyTag, Tag, is_open, is_recording, key_tag, observe, record, spoil, tag_of_key};
