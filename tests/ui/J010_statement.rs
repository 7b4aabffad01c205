use jit_runtime::prelude::*;

#[script]
fn nested(x: &Tensor) -> Tensor {
    fn inner() -> f32 {
        2.0
    }
    x * 2.0
}

fn main() {}
