use jit_runtime::prelude::*;

#[script]
fn applied(x: &Tensor, f: fn(f32) -> f32) -> Tensor {
    x * f(2.0)
}

fn main() {}
