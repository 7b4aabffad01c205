//! Running: one op at a time, groups of them, whole plans.

pub(crate) mod counters;
pub(crate) mod group;
pub(crate) mod lists;
pub(crate) mod ops;
mod pick;
mod reduce;
pub(crate) mod run;
pub(crate) mod threads;
mod views;
