use jit_runtime::prelude::*;

#[script]
fn folded(xs: &[Tensor]) -> f32 {
    xs.iter().map(|x| x.sum().item()).sum()
}

fn main() {}
