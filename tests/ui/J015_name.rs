use jit_runtime::prelude::*;

#[script]
fn misspelt(x: &Tensor, factor: f32) -> Tensor {
    let scaled = x * factr;
    scale + 1.0
}

fn main() {}
