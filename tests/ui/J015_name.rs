use jit_runtime::prelude::*;

static SCALE: f32 = 2.0;
const OFFSET: f32 = 1.0;

#[script]
fn outside(factor: f32, x: &Tensor) -> Tensor {
    x * SCALE + OFFSET * factor
}

fn main() {}
