use jit_runtime::prelude::*;

#[script]
fn pattern(x: &Tensor) -> Tensor {
    let ref y = x;
    let name: String = String::new();
    y * 2.0
}

fn main() {}
