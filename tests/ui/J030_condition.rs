use jit_runtime::prelude::*;

#[script]
fn mask(x: &Tensor) -> Tensor {
    if x.gt(0.0) { x * 2.0 } else { x + 1.0 }
}

fn main() {}
