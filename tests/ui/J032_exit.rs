use jit_runtime::prelude::*;

#[script]
fn leaves(x: &Tensor) -> Tensor {
    break;
    x * 2.0
}

fn main() {}
