use jit_runtime::prelude::*;

fn helper(x: &Tensor) -> Tensor {
    x * 2.0
}

#[script]
fn calls(x: &Tensor) -> Tensor {
    helper(x)
}

fn main() {}
