use jit_runtime::prelude::*;

#[script]
fn reduced(x: &Tensor, axis: usize) -> Tensor {
    x.sum_axis(axis)
}

fn main() {}
