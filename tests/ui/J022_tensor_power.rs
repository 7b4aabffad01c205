use jit_runtime::prelude::*;

#[script]
fn raised(n: i64, k: usize) -> i64 {
    n.pow(k as u32)
}

fn main() {}
