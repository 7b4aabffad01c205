use jit_runtime::prelude::*;

#[script]
fn named(x: f32) -> String {
    String::new()
}

fn main() {}
