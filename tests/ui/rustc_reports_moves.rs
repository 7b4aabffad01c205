use jit_runtime::prelude::*;

#[script]
fn moves(x: Tensor) -> Tensor {
    let y = x;
    x + y
}

fn main() {}
