use jit_runtime::prelude::*;

#[script]
fn wide(x: f32) -> f32 {
    let k = 3_u64;
    x
}

fn main() {}
