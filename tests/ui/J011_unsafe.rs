use jit_runtime::prelude::*;

#[script]
fn dangerous(x: &Tensor) -> Tensor {
    let k = unsafe { 2.0_f32 };
    x * k
}

fn main() {}
