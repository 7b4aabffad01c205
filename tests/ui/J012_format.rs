use jit_runtime::prelude::*;

#[script]
fn formatted(x: &Tensor) -> Tensor {
    let name = format!("{}", 1);
    x * 2.0
}

fn main() {}
