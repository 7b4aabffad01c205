use jit_runtime::prelude::*;

#[script]
fn text(x: &Tensor) -> Tensor {
    let label = "label";
    x * 2.0
}

fn main() {}
