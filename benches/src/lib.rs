//! What the benchmark binaries share: reproducible inputs, and timing of several systems in turns.

pub mod inputs;
pub mod measure;
