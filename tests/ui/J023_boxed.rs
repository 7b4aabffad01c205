use jit_runtime::prelude::*;

#[script]
fn wrapped(x: f32) -> f32 {
    let y = Box::new(x);
    *y
}

fn main() {}
