use jit_runtime::prelude::*;

#[script]
fn stays(n: usize) -> usize {
    let mut s = 0;
    for i in (0..n).step_by(0) {
        s += i;
    }
    s
}

fn main() {}
