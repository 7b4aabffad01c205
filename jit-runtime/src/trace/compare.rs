//! Body against plan: at the second call of a recording, and when the user asks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jit_ir::Graph;
use jit_ir::merge::{Relation, relation};

use super::cache::{Recorded, Slot, State};
use super::function::{Call, TraceFn};
use super::keep::{CHANGING, Reason, Run, differs};
use super::record::Spoiled;
use super::report;
use crate::error::{Error, Place, Result, catch};
use crate::exec::frame::Frame;
use crate::exec::run::Halt;
use crate::script::Returns;
use crate::tensor::raw::Val;

impl TraceFn {
    /// Runs the body, too; its result counts.
    pub(super) fn compare<R: Returns>(
        &self,
        call: &Call<'_, R>,
        slot: &Arc<Slot>,
        path: &Arc<Recorded>,
        values: Frame,
    ) -> R {
        /// A body that unwinds leaves the path unchecked.
        struct End<'p>(&'p Recorded, bool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.check.end(self.1);
            }
        }
        let mut end = End(path, path.check.is_done());
        self.checks.fetch_add(1, Ordering::Relaxed);
        let run = self.record(&call.leaves(), call.traced);
        match self.differing(&path.graph, &run, &values) {
            None => {
                let first = !std::mem::replace(&mut end.1, true);
                drop(end);
                if first {
                    self.version.fetch_add(1, Ordering::Release);
                }
            }
            Some(reason) => self.give_up(slot, reason),
        }
        run.result
    }

    /// In what a run of the body differs from a recording for the same arguments, and from its values.
    fn differing<R>(&self, recorded: &Graph, run: &Run<R>, values: &[Val]) -> Option<Reason<'static>> {
        let reason = |what: &str, at: Option<Place>| {
            Some(Reason { kind: "differs", what: what.into(), at, advice: CHANGING })
        };
        let graph = match &run.graph {
            Ok(graph) => graph,
            Err(Spoiled::Path) => {
                return reason("a call in the body fails in one run and not in another", None);
            }
            Err(Spoiled::Function { reason, advice, at }) => {
                return Some(Reason { kind: "spoiled", what: reason.clone(), at: at.clone(), advice });
            }
        };
        // A frozen path is that of other values.
        if !self.freeze {
            match relation(recorded, graph) {
                Relation::Same => {}
                Relation::Parts(at) => {
                    let at = report::guard_at(graph, at).map(|g| g.at);
                    return reason(
                        "the host sees other values in two runs of the body on the same input",
                        at,
                    );
                }
                Relation::Differs { what, at } => {
                    let what = differs(what, recorded, graph);
                    return reason(&what, at.as_ref().map(Into::into));
                }
            }
        }
        let (body, fast) = (&run.values, recorded.is_fast());
        let same = body.len() == values.len() && body.iter().zip(values).all(|(a, b)| a.agrees(b, fast));
        if same { None } else { reason("the plan gives another result than the body", None) }
    }

    fn differ(&self, reason: Reason<'_>) -> Error {
        let at = reason.at.map_or(String::new(), |at| format!(" (at {at})"));
        Error::Differs(format!("`{}`: {}{at}", self.name, reason.what))
    }

    /// Compares two runs of the body, where there is no room for a recording.
    fn check_body<R: Returns>(&self, vals: &[Val], call: &Call<'_, R>) -> Result<()> {
        let [first, second] = [(); 2].map(|()| catch(|| self.record(vals, call.traced)));
        let found = match (&first, &second) {
            (Err(_), Err(_)) => None,
            (Ok(first), Ok(second)) => match &first.graph {
                Ok(graph) => self.differing(graph, second, &first.values),
                Err(Spoiled::Path) => None,
                Err(Spoiled::Function { reason, at, .. }) => {
                    Some(Reason { kind: "spoiled", what: reason.clone(), at: at.clone(), advice: "" })
                }
            },
            _ => {
                let what = "the body fails in one run and not in another".into();
                Some(Reason { kind: "differs", what, at: None, advice: "" })
            }
        };
        found.map_or(Ok(()), |reason| Err(self.differ(reason)))
    }

    /// Compares body and plan for these values; what has no plan yet is recorded, and compared with another run.
    pub(crate) fn check<R: Returns>(&self, call: &Call<'_, R>) -> Result<()> {
        let vals = call.leaves();
        let Some(tree) = self.known(&vals, call) else { return self.check_body(&vals, call) };
        let mut attempt = catch(|| self.record(&vals, call.traced));
        for recorded in [true, false] {
            let Some(tree) = self.cache.tree(&tree.slot) else { return Ok(()) };
            if let State::Eager(reason) = &tree.state {
                return Err(Error::Differs(format!("`{}`: {reason}", self.name)));
            }
            let outcome = match &tree.state {
                State::Replayed(replay) => Some(replay.run(&vals)),
                _ => None,
            };
            let run = match (&attempt, &outcome) {
                // The body's error is the plan's, or there is no plan.
                (Err(_), None | Some(Err(_))) => return Ok(()),
                (Err(e), Some(Ok(_))) => {
                    return Err(Error::Differs(format!(
                        "`{}`: the body fails and the plan does not: {e}",
                        self.name
                    )));
                }
                (Ok(run), _) => run,
            };
            // What fails in the body runs the body: a plan that fails there, too, is as good.
            if matches!(run.graph, Err(Spoiled::Path)) && !matches!(outcome, Some(Ok(_))) {
                return Ok(());
            }
            match outcome {
                Some(Ok((path, values))) => {
                    return self.differing(&path.graph, run, &values).map_or(Ok(()), |r| Err(self.differ(r)));
                }
                Some(Err(Halt::Error(e))) => {
                    return Err(Error::Differs(format!(
                        "`{}`: the plan fails and the body does not: {e}",
                        self.name
                    )));
                }
                _ => {}
            }
            match &run.graph {
                Err(Spoiled::Function { reason, at, .. }) => {
                    let (what, at) = (reason.clone(), at.clone());
                    return Err(self.differ(Reason { kind: "spoiled", what, at, advice: "" }));
                }
                Ok(graph) if recorded => {
                    self.keep(&tree.slot, &vals, Ok(graph.clone()), &run.values);
                }
                _ => {}
            }
            // A recording of this very run says nothing of the next one: that is compared with it.
            attempt = catch(|| self.record(&vals, call.traced));
        }
        Ok(())
    }
}
