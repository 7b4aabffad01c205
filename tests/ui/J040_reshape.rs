use jit_runtime::prelude::*;

#[script(shape(x = [3, 5]))]
fn reshaped(x: &Tensor) -> Tensor {
    x.reshape([4, 4])
}

fn main() {}
