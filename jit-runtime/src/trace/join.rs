//! A graph that a body calls joins the recording: its control flow stays what it is.

use std::borrow::Cow;

use jit_ir::Graph;

use super::record::{failed, inline, suspended};
use crate::error::Result;
use crate::exec::frame::Frame;
use crate::tensor::Any;

/// The results of `graph` for these leaves: `run` computes them, and the recording that the leaves belong to gets
/// the graph.
pub(crate) fn joined<'g>(
    args: Vec<Any>,
    run: impl FnOnce(&mut Frame) -> Result<()>,
    graph: impl FnOnce() -> Result<Cow<'g, Graph>>,
) -> Result<Vec<Any>> {
    let mut vals = Frame::new();
    args.iter().for_each(|a| vals.push_copy(&a.val));
    // What the plan calls records for itself.
    suspended(|| run(&mut vals)).inspect_err(|_| failed(&args))?;
    let tags = if args.iter().any(super::is_recorded) { inline(graph()?.as_ref(), &args) } else { None };
    let tags = tags.into_iter().flatten().map(Some).chain(std::iter::repeat(None));
    Ok(vals.into_vec().into_iter().zip(tags).map(|(val, tag)| Any { val, tag }).collect())
}
