use jit_runtime::prelude::*;

#[script(shape(x = [n, 784], w = [512, m]))]
fn product(x: &Tensor, w: &Tensor) -> Tensor {
    x.matmul(w)
}

fn main() {}
