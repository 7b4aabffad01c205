use jit_runtime::prelude::*;

#[derive(Clone, Pytree)]
struct Model {
    weight: Tensor,
}

impl Model {
    #[script]
    fn made(x: &Tensor) -> Self {
        Model { weight: x.clone() }
    }
}

fn main() {}
