//! Traced functions, by chapter: what is guarded, what a recording is for, what a recording can get wrong, mixing
//! with scripts, warnings, every op, many threads.

mod comparison;
mod guards;
mod mixing;
mod ops;
mod signatures;
mod threads;
mod unseen;
mod warnings;
