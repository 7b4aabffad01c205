use jit_runtime::prelude::*;

#[derive(Clone, Pytree)]
struct Model {
    weight: Tensor,
}

#[script]
impl Model {
    fn scaled(&self, by: f32) -> Model {
        Model { weight: &self.weight * by }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        x * &self.weight
    }
}

#[script]
fn applied(model: &Model, x: &Tensor) -> Tensor {
    let scaled = model.scaled(2.0);
    scaled.forward(x)
}

fn main() {}
