use jit_runtime::prelude::*;

#[script]
fn either(a: i64, b: i64) -> i64 {
    match (a, b) {
        (0, k) | (k, 0) => k,
        _ => 1,
    }
}

fn main() {}
