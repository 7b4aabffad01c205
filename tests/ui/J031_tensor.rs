use jit_runtime::prelude::*;

#[script]
fn looped(x: &Tensor) -> f32 {
    let mut s = 0.0;
    for v in x {
        s += v;
    }
    s
}

fn main() {}
