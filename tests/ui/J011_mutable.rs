use jit_runtime::prelude::*;

#[script]
fn borrowed(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    let z = &mut y;
    z.exp()
}

fn main() {}
