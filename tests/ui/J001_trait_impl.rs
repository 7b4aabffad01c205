use jit_runtime::prelude::*;

struct Model;

trait Forward {
    fn forward(x: &Tensor) -> Tensor;
}

#[script]
impl Forward for Model {
    fn forward(x: &Tensor) -> Tensor {
        x * 2.0
    }
}

fn main() {}
