use jit_runtime::prelude::*;

#[script]
fn matched(x: f32) -> f32 {
    match x {
        0.0 => 1.0,
        _ => x,
    }
}

fn main() {}
