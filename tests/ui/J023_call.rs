use jit_runtime::prelude::*;

#[script]
fn wraps(x: &Tensor) -> Tensor {
    let y = Some(2.0);
    let k = 3.0;
    x * k(2.0)
}

fn main() {}
