//! Traced functions, by chapter: what is guarded, what a recording is for, what a recording can get wrong, mixing
//! with scripts, warnings.

mod guards;
mod mixing;
mod signatures;
