use jit_runtime::prelude::*;

#[script]
fn wrong(x: &Tensor) -> f32 {
    x * 2.0
}

fn main() {}
