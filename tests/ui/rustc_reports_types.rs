use jit_runtime::prelude::*;

// What rustc reports well, rustc reports, with the user's own spans.
#[script]
fn mixed(x: &Tensor<f32>, y: &Tensor<f64>) -> Tensor<f32> {
    x + y
}

fn main() {}
