use jit_runtime::prelude::*;

#[script]
fn ranged(n: usize) -> usize {
    let r = 0..n;
    n + 1
}

fn main() {}
