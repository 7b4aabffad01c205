use jit_runtime::prelude::*;

#[script]
fn dangerous(x: &Tensor) -> Tensor {
    // SAFETY: nothing in it is unsafe; the block itself is what is refused.
    let k = unsafe { 2.0_f32 };
    x * k
}

fn main() {}
