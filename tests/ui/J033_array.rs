use jit_runtime::prelude::*;

#[script]
fn swapped(a: f32, b: f32) -> f32 {
    let (mut a, mut b) = (a, b);
    [a, b] = [b, a];
    a - b
}

fn main() {}
