use jit_runtime::prelude::*;

#[derive(Clone, Pytree)]
struct Model {
    weight: Tensor,
}

impl Model {
    fn forward(&self, x: &Tensor) -> Tensor {
        x * &self.weight
    }
}

#[script]
fn applied(model: &Model, x: &Tensor) -> Tensor {
    model.forward(x)
}

fn main() {}
