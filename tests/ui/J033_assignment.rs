use jit_runtime::prelude::*;

#[script]
fn writes(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    y[0] = 1.0;
    y
}

fn main() {}
