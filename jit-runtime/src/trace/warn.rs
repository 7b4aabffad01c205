//! Warnings through the `tracing` crate: once for each function, place and reason.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::error::Place;

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
}

/// A subscriber is not called under the lock.
fn is_new(seen: &Mutex<Option<HashSet<String>>>, warning: String) -> bool {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = seen.get_or_insert_default();
    seen.len() < LIMIT && seen.insert(warning)
}
