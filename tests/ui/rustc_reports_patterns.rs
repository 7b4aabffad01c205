use jit_runtime::prelude::*;

#[script]
fn texts(n: i64) -> i64 {
    match n {
        "one" => 1,
        _ => 2,
    }
}

fn main() {}
