use jit_runtime::prelude::*;

#[script]
fn made(n: usize) -> usize {
    let x = Tensor::zeros([n]);
    x.len()
}

fn main() {}
