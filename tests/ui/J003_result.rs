use jit_runtime::prelude::*;

#[script]
fn listed(x: &Tensor) -> Vec<Tensor> {
    vec![x.clone()]
}

fn main() {}
