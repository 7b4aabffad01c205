use jit_runtime::prelude::*;

#[script]
fn popped(xs: Vec<Tensor>) -> usize {
    let mut xs = xs;
    xs.pop();
    xs.len()
}

fn main() {}
