use jit_runtime::prelude::*;

#[script]
fn scaled<T: Copy>(x: T) -> T {
    x
}

fn main() {}
