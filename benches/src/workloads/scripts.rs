//! The workloads as scripts. Their names, formulas and inputs are the same for every system that is measured.

use jit_runtime::prelude::*;

#[script]
pub(crate) fn fused_chain(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
    (a * x + b).tanh() * x.sigmoid() - 0.5 * x * x
}

#[script]
pub(crate) fn gelu_tanh(x: &Tensor) -> Tensor {
    0.5 * x * (1.0 + (0.7978845608 * (x + 0.044715 * x * x * x)).tanh())
}

#[script]
pub(crate) fn softmax(x: &Tensor) -> Tensor {
    x.softmax(-1)
}

#[script]
pub(crate) fn layernorm(x: &Tensor, gamma: &Tensor, beta: &Tensor) -> Tensor {
    x.layer_norm(gamma, beta, 1e-5)
}

#[script]
pub(crate) fn mlp(
    x: &Tensor,
    w1: &Tensor,
    b1: &Tensor,
    w2: &Tensor,
    b2: &Tensor,
    w3: &Tensor,
    b3: &Tensor,
) -> Tensor {
    let h = (x.matmul(w1) + b1).relu();
    let h = (h.matmul(w2) + b2).relu();
    (h.matmul(w3) + b3).softmax(-1)
}

#[script]
pub(crate) fn tiny_mlp(
    x: &Tensor,
    w1: &Tensor,
    b1: &Tensor,
    w2: &Tensor,
    b2: &Tensor,
    w3: &Tensor,
    b3: &Tensor,
) -> Tensor {
    let h = (x.matmul(w1) + b1).tanh();
    let h = (h.matmul(w2) + b2).tanh();
    h.matmul(w3) + b3
}

#[script]
pub(crate) fn rnn(x: &Tensor, w: &Tensor, u: &Tensor, b: &Tensor) -> Tensor {
    let mut h = Tensor::zeros([x.dim(1), w.dim(1)]);
    for t in 0..x.dim(0) {
        h = (x.index_axis(0, t).matmul(w) + h.matmul(u) + b).tanh();
    }
    h
}

#[script]
pub(crate) fn newton_sqrt(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    let mut it = 0;
    while it < 50 && (&y * &y - x).abs().max() > 1e-5 {
        y = 0.5 * (&y + x / &y);
        it += 1;
    }
    y
}

#[script]
pub(crate) fn conditional(x: &Tensor) -> Tensor {
    if x.sum() > 0.0 { x * 2.0 } else { x + 1.0 }
}

#[script]
pub(crate) fn attention(q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    Tensor::scaled_dot_product_attention(q, k, v, true)
}

#[script]
pub(crate) fn mandelbrot(cr: &Tensor, ci: &Tensor) -> Tensor {
    let mut zr = Tensor::zeros_like(cr);
    let mut zi = Tensor::zeros_like(cr);
    let mut count = Tensor::zeros_like(cr);
    for _ in 0..100 {
        let zr2 = &zr * &zr;
        let zi2 = &zi * &zi;
        let inside = (&zr2 + &zi2).le(4.0);
        count = count + inside.cast::<f32>();
        zi = inside.select(2.0 * &zr * &zi + ci, &zi);
        zr = inside.select(zr2 - zi2 + cr, &zr);
    }
    count
}

#[script]
pub(crate) fn black_scholes(s: &Tensor, k: &Tensor, t: &Tensor) -> Tensor {
    let vol = 0.2 * t.sqrt();
    let d1 = ((s / k).ln() + (0.03 + 0.5 * 0.2 * 0.2) * t) / &vol;
    let d2 = &d1 - vol;
    let upper = 0.5 * (1.0 + (d1 * 0.70710678).erf());
    let lower = 0.5 * (1.0 + (d2 * 0.70710678).erf());
    s * upper - k * (-0.03 * t).exp() * lower
}

/// One block with 4 heads over 64 channels each.
#[derive(Clone, Pytree)]
pub(crate) struct Transformer {
    pub(crate) g1: Tensor,
    pub(crate) c1: Tensor,
    pub(crate) wqkv: Tensor,
    pub(crate) bqkv: Tensor,
    pub(crate) wo: Tensor,
    pub(crate) bo: Tensor,
    pub(crate) g2: Tensor,
    pub(crate) c2: Tensor,
    pub(crate) w1: Tensor,
    pub(crate) b1: Tensor,
    pub(crate) w2: Tensor,
    pub(crate) b2: Tensor,
}

#[script]
pub(crate) fn transformer(x: &Tensor, p: &Transformer) -> Tensor {
    let n = x.dim(0);
    let qkv = x.layer_norm(&p.g1, &p.c1, 1e-5).matmul(&p.wqkv) + &p.bqkv;
    let qkv = qkv.reshape([n, 3, 4, 64]).permute([1, 2, 0, 3]);
    let (q, k, v) = (qkv.index_axis(0, 0), qkv.index_axis(0, 1), qkv.index_axis(0, 2));
    let a = Tensor::scaled_dot_product_attention(&q, &k, &v, false);
    let x = x + a.permute([1, 0, 2]).reshape([n, 256]).matmul(&p.wo) + &p.bo;
    let h = x.layer_norm(&p.g2, &p.c2, 1e-5).matmul(&p.w1) + &p.b1;
    &x + h.gelu_tanh().matmul(&p.w2) + &p.b2
}

#[script]
pub(crate) fn matmul(a: &Tensor, b: &Tensor) -> Tensor {
    a.matmul(b)
}

/// Loss and new weights after a step; the gradients are written out.
#[script]
pub(crate) fn train_step(
    x: &Tensor,
    y: &Tensor<i64>,
    w1: &Tensor,
    b1: &Tensor,
    w2: &Tensor,
    b2: &Tensor,
) -> (Tensor, Tensor, Tensor, Tensor, Tensor) {
    let h = (x.matmul(w1) + b1).relu();
    let logits = h.matmul(w2) + b2;
    let loss = logits.cross_entropy(y);
    let dz = (logits.softmax(-1) - y.one_hot::<f32>(10)) / 128.0;
    let dh = dz.matmul(&w2.t()) * h.gt(0.0).cast::<f32>();
    (
        loss,
        w1 - 0.1 * x.t().matmul(&dh),
        b1 - 0.1 * dh.sum_axis(0),
        w2 - 0.1 * h.t().matmul(&dz),
        b2 - 0.1 * dz.sum_axis(0),
    )
}

#[script]
pub(crate) fn cheap_chain(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
    (a * x + b) * (x - a) + b * 0.5
}
