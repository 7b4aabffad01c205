//! Programs that a user would start from; run them from the root: `cargo run --release --example NAME`.
