use jit_runtime::prelude::*;

#[script(shape(x = [n, 3], b = [4]))]
fn added(x: &Tensor, b: &Tensor) -> Tensor {
    let y = x * 2.0;
    y + b
}

fn main() {}
