use jit_runtime::prelude::*;

#[script]
fn scale<T: Float>(x: &Tensor<T>) -> Tensor<T> {
    x * T::of(2.0)
}

#[script]
async fn waits(x: &Tensor) -> Tensor {
    x * 2.0
}

#[trace]
unsafe fn traced(x: &Tensor) -> Tensor {
    x * 2.0
}

fn main() {}
