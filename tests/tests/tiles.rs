//! Loops over one group without a native kernel: a tile goes through all trips.

#[macro_use]
mod loops;

bodies!(script);
tests!("all trips tile by tile", "carried values  (");
