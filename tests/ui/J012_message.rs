use jit_runtime::prelude::*;

#[script]
fn shown(x: &Tensor) -> Tensor {
    assert!(x.len() > 0, "empty: {x}");
    assert!(x.len() > 1, "{:>8}", x.len());
    x * 2.0
}

fn main() {}
