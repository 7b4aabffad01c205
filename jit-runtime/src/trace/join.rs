//! A graph that a body calls joins the recording: its control flow stays what it is.

use std::borrow::Cow;

use jit_ir::Graph;

use super::record::{failed, inline, suspended};
use crate::error::Result;
use crate::exec::frame::Frame;
use crate::tensor::Any;
use crate::tensor::lent::Lent;
use crate::tensor::raw::Val;

/// The results of `graph` for these leaves: `run` computes them, and the recording that the leaves belong to gets
/// the graph.
pub(crate) fn joined<'g>(
    args: Vec<Any>,
    run: impl FnOnce(&[Val], &mut Frame) -> Result<()>,
    graph: impl FnOnce() -> Result<Cow<'g, Graph>>,
) -> Result<Vec<Any>> {
    let mut vals = Lent::default();
    vals.extend(args.iter().map(|a| &a.val));
    let mut results = Frame::new();
    // What the plan calls records for itself.
    suspended(|| run(&vals, &mut results)).inspect_err(|_| failed(&args))?;
    let tags = if args.iter().any(super::is_recorded) { inline(graph()?.as_ref(), &args) } else { None };
    let tags = tags.into_iter().flatten().map(Some).chain(std::iter::repeat(None));
    Ok(results.into_vec().into_iter().zip(tags).map(|(val, tag)| Any { val, tag }).collect())
}
