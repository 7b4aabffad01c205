use jit_runtime::prelude::*;

#[script]
fn assigned(n: i64) -> i64 {
    let mut k = n;
    while { k -= 1; k > 0 } {}
    k
}

fn main() {}
