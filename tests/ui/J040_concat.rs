use jit_runtime::prelude::*;

#[script(shape(x = [n, 3], y = [n, 4]))]
fn joined(x: &Tensor, y: &Tensor) -> Tensor {
    Tensor::concat(&[x, y], 0)
}

fn main() {}
