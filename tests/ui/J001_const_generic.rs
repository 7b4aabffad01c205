use jit_runtime::prelude::*;

#[script]
fn repeated<const N: usize>(x: &Tensor) -> Tensor {
    x * 2.0
}

fn main() {}
