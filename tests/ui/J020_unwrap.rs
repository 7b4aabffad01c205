use jit_runtime::prelude::*;

#[script]
fn opened(x: &Tensor, bias: Option<&Tensor>) -> Tensor {
    x + bias.unwrap()
}

fn main() {}
