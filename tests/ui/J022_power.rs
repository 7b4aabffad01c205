use jit_runtime::prelude::*;

#[script]
fn powered(x: &Tensor, n: i32) -> Tensor {
    x.powi(n)
}

fn main() {}
