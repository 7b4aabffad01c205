use jit_runtime::prelude::*;

#[script]
fn debugged(x: &Tensor) -> Tensor {
    dbg!(x.sum());
    x * 2.0
}

fn main() {}
