use jit_runtime::prelude::*;

#[script]
fn made(n: usize) -> Result<Tensor> {
    Tensor::<f32>::from_vec(vec![1.0, 2.0], [2])
}

fn main() {}
