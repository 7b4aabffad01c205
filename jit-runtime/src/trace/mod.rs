//! Tracing: a function runs once as plain Rust while its tensor ops are recorded.
//!
//! [`function`] decides whether a call replays or records, [`record`] is the recorder, [`keep`] makes a recording of
//! what it recorded, [`compare`] compares body and plan, [`cache`] holds signatures with their recordings, [`report`]
//! and [`warn`] tell about them. [`join`] records a script that a body calls, [`step`] is a traced function as a
//! step of a script's plan, [`inline`] puts its recordings there instead, where they
//! [`fit`].

mod cache;
mod closure;
mod compare;
mod fit;
mod function;
mod inline;
mod join;
mod keep;
mod limits;
mod record;
mod report;
mod signature;
mod step;
pub(crate) mod warn;

pub use closure::{Traced, trace};
pub(crate) use function::Call;
pub use function::TraceFn;
pub(crate) use inline::{Uses, expand};
pub(crate) use join::joined;
pub(crate) use record::{
    KeyTag, Tag, element_written, failed, is_open, is_recorded, is_recording, key_tag, observe, rank_is_open,
    record, spoil, tag_of_key,
};
pub use report::{CompiledTrace, Guard, Path, TraceStats};
pub(crate) use signature::names;
pub use step::Step;
pub(crate) use step::{ActiveScript, find as find_step, name_of as step_name};
