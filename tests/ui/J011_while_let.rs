use jit_runtime::prelude::*;

#[script]
fn popped(xs: Vec<Tensor>) -> f32 {
    let mut xs = xs;
    let mut total = 0.0;
    while let Some(x) = xs.pop() {
        total += x.sum().item();
    }
    total
}

fn main() {}
