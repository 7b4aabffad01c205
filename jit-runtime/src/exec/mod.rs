//! Running: one op at a time, groups of them, whole plans.

mod ahead;
mod attention;
mod blocks;
pub(crate) mod counters;
mod einsum;
pub(crate) mod frame;
pub(crate) mod group;
mod instructions;
mod known;
pub(crate) mod lists;
pub(crate) mod ops;
mod pick;
mod reduce;
pub(crate) mod rows;
pub(crate) mod run;
mod seen;
mod sort;
pub(crate) mod threads;
pub(crate) mod until;
mod views;
mod window;
