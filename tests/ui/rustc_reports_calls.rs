use jit_runtime::prelude::*;

#[script]
fn called(x: f32, k: f32) -> f32 {
    k(x)
}

#[script]
fn exits(x: f32) -> f32 {
    break;
}

#[script]
fn counts(x: &Tensor) -> Tensor {
    x.exp(2.0).reshape(3)
}

fn main() {}
