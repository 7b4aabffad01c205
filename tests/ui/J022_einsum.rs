use jit_runtime::prelude::*;

#[script]
fn unknown_letter(a: &Tensor, b: &Tensor) -> Tensor {
    Tensor::einsum("ij,jk->iz", &[a, b])
}

#[script]
fn too_few(a: &Tensor) -> Tensor {
    Tensor::einsum("ij,jk->ik", &[a])
}

const PRODUCT: &str = "ij,jk->ik";

#[script]
fn named(a: &Tensor, b: &Tensor) -> Tensor {
    Tensor::einsum(PRODUCT, &[a, b])
}

fn main() {}
