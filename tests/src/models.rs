//! Tensors and structs that several tests use.
#![allow(missing_docs, reason = "of no use outside these tests")]

use jit_runtime::prelude::*;

/// A vector.
pub fn v(values: &[f32]) -> Tensor {
    Tensor::from(values)
}

/// A matrix of two rows and three columns.
pub fn m() -> Tensor {
    Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
}

#[derive(Clone, Debug, Pytree)]
pub struct Layer {
    pub weight: Tensor,
    pub bias: Option<Tensor>,
    pub scale: f32,
    pub name: String,
}

#[derive(Clone, Debug, Pytree)]
pub struct Mlp {
    pub layers: Vec<Layer>,
    pub head: Layer,
    pub steps: usize,
    pub pair: (Tensor, i64),
}

pub fn layer(k: f32, bias: bool) -> Layer {
    Layer {
        weight: Tensor::from([[k, 1.0], [0.5, -k]]),
        bias: bias.then(|| v(&[k, 0.25])),
        scale: k,
        name: format!("layer {k}"),
    }
}

pub fn mlp(n: usize) -> Mlp {
    Mlp {
        layers: (0..n).map(|i| layer(i as f32 + 0.5, i % 2 == 0)).collect(),
        head: layer(2.0, n > 1),
        steps: n,
        pair: (v(&[1.0, 2.0]), 7),
    }
}
