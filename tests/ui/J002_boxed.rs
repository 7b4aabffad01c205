use jit_runtime::prelude::*;

#[script]
fn boxed(x: Box<Tensor>) -> Tensor {
    x.exp()
}

fn main() {}
