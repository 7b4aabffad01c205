use jit_runtime::prelude::*;

#[script]
fn counted(x: f32) -> f32 {
    let counts = [0_i64; 1000];
    x
}

fn main() {}
