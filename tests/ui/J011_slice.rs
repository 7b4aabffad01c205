use jit_runtime::prelude::*;

#[script]
fn sliced(xs: &[Tensor]) -> Tensor {
    Tensor::stack(&xs[1..2], 0)
}

fn main() {}
