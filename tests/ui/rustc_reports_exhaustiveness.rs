use jit_runtime::prelude::*;

#[script]
fn partial(n: i64) -> i64 {
    match n {
        0 => 1,
        1..=5 => 2,
    }
}

fn main() {}
