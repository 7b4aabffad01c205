use jit_runtime::prelude::*;

#[trace(freez)]
fn frozen(x: &Tensor) -> Tensor {
    x * 2.0
}

#[trace(check_every = 0)]
fn checked(x: &Tensor) -> Tensor {
    x * 2.0
}

fn main() {}
