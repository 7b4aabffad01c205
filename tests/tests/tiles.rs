//! Loops over one group without a native kernel: a tile goes through all trips.

#[macro_use]
mod loops;

bodies!(script);
#[cfg(debug_assertions)]
tests!("all trips tile by tile", "carried values  (");
// Optimised builds have kernels without being asked.
#[cfg(not(debug_assertions))]
tests!("all trips in one native kernel", "all trips in one native kernel");
