use jit_runtime::prelude::*;

#[script]
fn matched(x: &Tensor) -> Tensor {
    match x.sum() {
        _ => x * 2.0,
    }
}

fn main() {}
