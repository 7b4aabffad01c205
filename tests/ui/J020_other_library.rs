use jit_runtime::prelude::*;

#[script]
fn a(x: &Tensor) -> Tensor {
    x.log()
}

#[script]
fn b(x: &Tensor) -> Tensor {
    x.sum_axis_keepdim(1)
}

#[script]
fn c(x: &Tensor) -> Tensor {
    x.pow(2)
}

#[script]
fn d(x: &Tensor) -> Tensor {
    x.masked_fill(x.gt(0.0), 1.0)
}

#[script]
fn e(x: &Tensor) -> Tensor {
    x.view([2, 3]).contiguous()
}

#[script]
fn f(x: &Tensor) -> Tensor {
    Tensor::cat(&[x, x], 0)
}

#[script]
fn g(k: Key) -> Tensor {
    Tensor::randn(k, [3])
}

#[script]
fn h(x: &Tensor) -> Tensor {
    Tensor::where_(x.gt(0.0), x, 0.0)
}

#[script]
fn i(n: i64) -> i64 {
    n.isqrt() + n.wrapping_pow(2)
}

fn main() {}
