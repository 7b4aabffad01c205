use jit_runtime::prelude::*;

#[script]
fn hosted(x: &Tensor) -> usize {
    x.to_vec().len()
}

fn main() {}
