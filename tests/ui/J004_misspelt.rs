use jit_runtime::prelude::*;

#[script(shapes(x = [n, 3]))]
fn scaled(x: &Tensor) -> Tensor {
    x * 2.0
}

fn main() {}
