use jit_runtime::prelude::*;

#[script]
fn shifted(x: &Tensor, k: u32) -> Tensor {
    x * (k as f32)
}

fn main() {}
