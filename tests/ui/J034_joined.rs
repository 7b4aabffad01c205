use jit_runtime::prelude::*;

#[script]
fn pair(x: &Tensor) -> (Tensor, f32) {
    (x * 2.0, 1.0)
}

#[script]
fn joined(x: &Tensor, flag: bool) -> Tensor {
    let both = if flag { pair(x) } else { (x.clone(), 2.0) };
    both.0
}

fn main() {}
