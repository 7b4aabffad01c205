use jit_runtime::prelude::*;

#[script]
fn mapped(n: usize) -> usize {
    let mut s = 0;
    for a in (0..n).map(|i| i * i) {
        s += a;
    }
    s
}

fn main() {}
