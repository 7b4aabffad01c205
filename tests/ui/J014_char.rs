use jit_runtime::prelude::*;

#[script]
fn lettered(x: f32) -> f32 {
    let c = 'a';
    x
}

fn main() {}
