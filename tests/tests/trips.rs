//! Loops over one group by their native kernel: a few elements go through all trips in registers.

#[macro_use]
mod loops;

bodies!(script(native));
tests!("all trips in one native kernel", "all trips in one native kernel");
