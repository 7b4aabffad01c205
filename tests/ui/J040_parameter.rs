use jit_runtime::prelude::*;

#[script(shape(y = [n], k = [3]))]
fn scaled(x: &Tensor, k: f32) -> Tensor {
    x * k
}

fn main() {}
