use jit_runtime::prelude::*;

#[script]
fn inner(x: &Tensor) -> Tensor {
    use std::f32::consts::PI;
    x * PI
}

fn main() {}
