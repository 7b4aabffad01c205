use jit_runtime::prelude::*;

#[script]
fn zipped(n: usize) -> usize {
    let mut s = 0;
    for (a, b) in (0..n).zip(1..n) {
        s += a * b;
    }
    s
}

fn main() {}
