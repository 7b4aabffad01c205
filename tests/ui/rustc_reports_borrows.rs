use jit_runtime::prelude::*;

#[script]
fn scale(x: &Tensor, by: f32) -> Tensor {
    x * by
}

#[script]
fn owned(x: Tensor) -> Tensor {
    scale(x, 2.0)
}

fn main() {}
