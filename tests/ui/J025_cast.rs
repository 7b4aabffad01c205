use jit_runtime::prelude::*;

#[script]
fn converted(x: &Tensor) -> Tensor<f64> {
    x.cast()
}

fn main() {}
