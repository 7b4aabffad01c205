use jit_runtime::prelude::*;

#[script]
fn joined(x: &Tensor, flag: bool) -> Tensor {
    let axes = if flag { [0, 1] } else { [1] };
    x.permute(axes)
}

fn main() {}
