use jit_runtime::prelude::*;

#[script]
fn scale(x: &Tensor, by: f32) -> Tensor {
    x * by
}

#[script]
fn missing(x: &Tensor) -> Tensor {
    let y: Tensor = scale(x);
    y + 1.0
}

fn main() {}
