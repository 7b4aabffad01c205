use jit_runtime::prelude::*;

#[script]
fn scale(x: &Tensor) -> Tensor {
    x * 2.0
}

#[script]
fn chained(x: &Tensor) -> Tensor {
    let y = scale(x);
    let w = Tensor::from([1.0, 2.0]);
    y.exp() * w
}

fn main() {}
