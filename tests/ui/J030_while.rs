use jit_runtime::prelude::*;

#[script]
fn looped(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    while y.gt(1.0) {
        y = y * 0.5;
    }
    y
}

fn main() {}
