use jit_runtime::prelude::*;

#[script]
fn prints(x: &Tensor) -> Tensor {
    println!("{x}");
    assert!(x.sum() > 0.0, "sum is {}", 1);
    x * 2.0
}

fn main() {}
