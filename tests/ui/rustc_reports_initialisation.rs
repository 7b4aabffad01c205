use jit_runtime::prelude::*;

#[script]
fn maybe(x: f32, flag: bool) -> f32 {
    let y;
    if flag {
        y = x;
    }
    y
}

fn main() {}
