//! The text form: prints, and parses back to an equal graph.
//!
//! ```text
//! fn conditional_op(%x: f32[*], %threshold: f32) -> f32[*] {
//!   %0: f32[] = sum(%x)
//!   %1: f32 = item(%0)
//!   %2: bool = gt(%1, %threshold)
//!   %3: f32[*] = if %2 {
//!     %4: f32[*] = mul(%x, 2.0_f32)
//!     yield %4
//!   } else {
//!     %5: f32[*] = add(%x, 1.0_f32)
//!     yield %5
//!   }
//!   return %3
//! }
//! ```
//!
//! Scalar constants stand where they are used. A value is named after the user's variable where
//! there is one. Locations, ` @file:line:column` with files numbered in a header, are printed on
//! request only.

mod lex;
mod parse;
mod print;

pub use parse::{ParseError, parse, rounds_twice};
pub use print::{constants, print};

/// Constants of more elements stand in a table beside the text.
pub const INLINE_ELEMENTS: usize = 64;
