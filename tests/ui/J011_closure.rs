use jit_runtime::prelude::*;

#[script]
fn closure(x: &Tensor) -> Tensor {
    let f = |y: f32| y + 1.0;
    x * f(2.0)
}

fn main() {}
