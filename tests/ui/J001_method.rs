use jit_runtime::prelude::*;

struct Model {
    weight: Tensor,
}

impl Model {
    #[script]
    fn forward(&self, x: &Tensor) -> Tensor {
        x * &self.weight
    }
}

fn main() {}
