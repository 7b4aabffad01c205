use jit_runtime::prelude::*;

#[script]
fn widened(x: f32) -> f32 {
    x as u32 as f32
}

fn main() {}
