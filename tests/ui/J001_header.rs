use jit_runtime::prelude::*;

#[script]
async fn waits(x: &Tensor) -> Tensor {
    x * 2.0
}

#[trace]
unsafe fn traced(x: &Tensor) -> Tensor {
    x * 2.0
}

#[script]
const fn constant(x: f32) -> f32 {
    x * 2.0
}

#[script]
extern "C" fn foreign(x: f32) -> f32 {
    x * 2.0
}

fn main() {}
