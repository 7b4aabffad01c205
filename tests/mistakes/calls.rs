// Calls of what is no script, which rustc has nothing against: each is reported once.
#![allow(unused)]
use jit_runtime::prelude::*;

#[derive(Clone, Debug, Pytree)]
struct Layer {
    w: Tensor,
}

impl Layer {
    fn forward(&self, x: &Tensor) -> Tensor { x * &self.w }
}

trait Doubled {
    fn doubled(&self) -> Tensor;
}

impl Doubled for Tensor {
    fn doubled(&self) -> Tensor { self * 2.0 }
}

#[script]
pub fn plain_method(l: &Layer, x: &Tensor) -> Tensor { l.forward(x) } //~ J023
#[script]
pub fn method_of_a_trait(x: &Tensor) -> Tensor { x.doubled() } //~ J020
