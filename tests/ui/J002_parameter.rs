use jit_runtime::prelude::*;

#[script]
fn named(x: &Tensor, name: &str) -> Tensor {
    x * 2.0
}

#[script]
fn changes(x: &mut Tensor) -> f32 {
    1.0
}

fn main() {}
