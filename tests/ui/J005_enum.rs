use jit_runtime::prelude::*;

#[derive(Clone, Pytree)]
enum Activation {
    Relu,
    Scaled(f32),
}

fn main() {}
