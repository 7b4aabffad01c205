use jit_runtime::prelude::*;

#[derive(Clone, Pytree)]
struct Model {
    weight: Tensor,
}

#[script]
impl Model {
    fn forward(&self, x: &Tensor) -> Tensor {
        x * &self.weight
    }
}

#[script]
fn applied(model: &Model, x: &Tensor) -> Tensor {
    let mut models = vec![];
    models.push(model.clone());
    models[0].forward(x)
}

fn main() {}
