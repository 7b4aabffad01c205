use jit_runtime::prelude::*;

#[derive(Clone, Pytree)]
struct Scale(f32);

#[script]
fn wrapped(x: f32) -> Scale {
    Scale(x)
}

fn main() {}
