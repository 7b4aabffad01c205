use jit_runtime::prelude::*;

#[script]
fn negated(x: &Tensor) -> Tensor {
    if !x.gt(1.0) { x * 0.5 } else { x.clone() }
}

fn main() {}
