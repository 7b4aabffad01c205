use jit_runtime::prelude::*;

#[script]
fn assigned(x: f32) -> f32 {
    let y = &x;
    *y = 2.0;
    x + 1.0 = 3.0;
    x
}

fn main() {}
