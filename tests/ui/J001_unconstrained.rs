use jit_runtime::prelude::*;

#[derive(Clone, Pytree)]
struct Dense<T: Float> {
    weight: Tensor<T>,
}

#[script]
impl<T: Float> Dense<T> {
    fn zeros(n: usize) -> Tensor<T> {
        Tensor::<T>::zeros([n])
    }
}

fn main() {}
