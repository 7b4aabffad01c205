use jit_runtime::prelude::*;

#[script]
fn rooted(x: f32) -> f32 {
    x.sqrtt()
}

fn main() {}
