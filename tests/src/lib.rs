//! Tests across the crates live in `tests/`; the code in the README is compiled here.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
