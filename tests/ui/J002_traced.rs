use jit_runtime::prelude::*;

trait Module {
    fn forward(&self, x: &Tensor) -> Tensor;
}

#[trace]
fn changes(x: &mut Tensor) -> f32 {
    1.0
}

#[trace]
fn dynamic(module: &dyn Module, x: &Tensor) -> Tensor {
    module.forward(x)
}

struct Holder {
    weight: Tensor,
}

#[trace]
impl Holder {
    fn boxed(x: &Tensor, modules: &[Box<dyn Module>]) -> Tensor {
        modules[0].forward(x)
    }
}

fn main() {}
