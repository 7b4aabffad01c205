//! Warnings: once for each function, place and reason, through the `tracing` crate, or on stderr where nobody listens.
//!
//! What they say concerns whether results are those of the body, or why a function has become slow for good, so that
//! a program without a subscriber must not lose them. A subscriber is looked for where the warning is given, on this
//! thread: `tracing::dispatcher::has_been_set` would also be true for one that was in scope once, or elsewhere. One that
//! filters warnings out has been asked to, and nothing is printed instead. `JIT=quiet` turns printing off.

use std::collections::HashSet;
use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::subscriber::NoSubscriber;

use crate::error::Place;
use crate::script::has_setting;

/// Places that are remembered; further ones are not warned of.
const LIMIT: usize = 10_000;

/// Warns once. `kind` tells reasons apart whose words hold numbers.
pub(crate) fn warn(function: &str, kind: &str, at: Option<&Place>, reason: &str, advice: &str) {
    static SEEN: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let place = at.map_or(String::new(), |at| format!(" (at {at})"));
    if !is_new(&SEEN, format!("{function} {kind}{place}")) {
        return;
    }
    let line = at.map_or(String::new(), Place::to_string);
    tracing::warn!(target: "jit_runtime::trace", function, line, reason, advice, "`{function}`: {reason}{place}; {advice}");
    if !has_subscriber() {
        print(&format!("`{function}`: {reason}{place}; {advice}"));
    }
}

/// A subscriber is not called under the lock.
fn is_new(seen: &Mutex<Option<HashSet<String>>>, warning: String) -> bool {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = seen.get_or_insert_default();
    seen.len() < LIMIT && seen.insert(warning)
}

fn has_subscriber() -> bool {
    tracing::dispatcher::get_default(|to| !to.is::<NoSubscriber>())
}

fn print(warning: &str) {
    static QUIET: OnceLock<bool> = OnceLock::new();
    if !QUIET.get_or_init(|| has_setting("quiet")) {
        // Unlike `eprintln`, without a panic where stderr is closed.
        let _ = writeln!(std::io::stderr(), "warning: jit-runtime: {warning} (`JIT=quiet` hides this)");
    }
}
