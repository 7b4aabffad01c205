use jit_runtime::prelude::*;

#[derive(Clone, Pytree)]
struct Model {
    weight: Tensor,
}

#[script]
impl Model {
    fn step(&mut self, grad: &Tensor) -> f32 {
        self.weight -= grad;
        1.0
    }
}

fn main() {}
