use jit_runtime::prelude::*;

#[derive(Clone, Pytree)]
struct Model {
    weight: Tensor,
}

#[script(shape(x = [n, 3]))]
impl Model {
    fn forward(&self, x: &Tensor) -> Tensor {
        x * &self.weight
    }
}

fn main() {}
