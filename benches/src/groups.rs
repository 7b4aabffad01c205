//! Rows with reductions and loops over elementwise ops as users write them, beside their eager runs, one kernel for each op;
//! and what a second thread adds to reductions, broadcasting and strides.
//!
//! `cargo run --release -p jit-benches --bin groups`

use std::hint::black_box;
use std::time::Duration;

use jit_benches::measure::race;
use jit_runtime::prelude::*;

#[script]
fn root_mean_square(x: &Tensor, gamma: &Tensor) -> Tensor {
    x * (x.square().mean_keepdim(-1) + 1e-6).rsqrt() * gamma
}

#[script]
fn between(x: &Tensor) -> Tensor {
    let (low, high) = (x.min_keepdim(-1), x.max_keepdim(-1));
    (x - &low) / (high - &low + 1e-9)
}

#[script]
fn warmer(x: &Tensor, t: f32) -> Tensor {
    let y = x * t + 0.5;
    let e = (&y - y.max_keepdim(-1)).exp();
    &e / e.sum_keepdim(-1)
}

#[script]
fn correlation(x: &Tensor, y: &Tensor) -> Tensor {
    let (a, b) = (x - x.mean_keepdim(-1), y - y.mean_keepdim(-1));
    let sizes = a.square().sum_keepdim(-1) * b.square().sum_keepdim(-1);
    (&a * &b).sum_keepdim(-1) / (sizes.sqrt() + 1e-9)
}

#[script]
fn root(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    let mut trips = 0;
    while trips < 50 && (&y * &y - x).abs().max() > 1e-4 {
        y = 0.5 * (&y + x / &y);
        trips += 1;
    }
    y
}

#[script]
fn bounded(c: &Tensor) -> Tensor {
    let (mut z, mut count) = (Tensor::zeros_like(c), Tensor::zeros_like(c));
    for _ in 0..200 {
        let inside = z.abs().le(4.0);
        if !inside.any().item() {
            break;
        }
        count = count + inside.cast::<f32>();
        z = inside.select(&z * &z + c, &z);
    }
    count
}

#[script]
fn until_one_leaves(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    while y.abs().max().item() < 4.0 {
        y = &y * 1.02 + 0.001;
    }
    y
}

#[script]
fn logistic_map(x: &Tensor, r: f32) -> Tensor {
    let mut y = x.clone();
    for _ in 0..100 {
        y = r * &y * (1.0 - &y);
    }
    y
}

/// Scripts of another module, whose bodies a caller's macro does not see.
mod others {
    use jit_runtime::prelude::*;

    #[script]
    pub fn bump(x: &Tensor, width: f32) -> Tensor {
        (-(x * x) / width).exp()
    }

    #[script]
    pub fn gate(x: &Tensor, y: &Tensor) -> Tensor {
        let s = (x * 0.5 + y).sigmoid();
        &s * y + (1.0 - s) * x
    }
}

#[script]
fn of_others(x: &Tensor, y: &Tensor) -> Tensor {
    let mixed = others::gate(&(x - y).abs(), &others::bump(y, 3.0));
    others::bump(&(mixed + x), 0.7) * 0.25
}

/// More ops than a kernel has.
#[script]
fn long(x: &Tensor) -> Tensor {
    let a = (x * 0.7 + 0.125).tanh() * 0.75 + x;
    let b = (&a - x).abs().sqrt() * 0.5 - &a / 3.0;
    let c = (&a * &b - 0.5).sigmoid() * 1.5 - x.maximum(&b) * 0.25;
    let d = (&b + &c).square() / (1.0 + c.abs()) + (&a * 0.3).exp() * 0.1;
    let e = (&c * &d + 0.125).tanh() * 0.75 + &a;
    let f = (&d - &e).abs().sqrt() * 0.5 - &b / 3.0;
    let g = (&e * &f - 0.5).sigmoid() * 1.5 - x.minimum(&f) * 0.25;
    let h = (&f + &g).square() / (1.0 + g.abs()) + (&e * 0.3).exp() * 0.1;
    let i = (&g * &h + 0.125).tanh() * 0.75 + &e;
    let j = (&h - &i).abs().sqrt() * 0.5 - &f / 3.0;
    let k = (&i * &j - 0.5).sigmoid() * 1.5 - x.maximum(&j) * 0.25;
    (&j + &k).square() / (1.0 + k.abs()) + (&i * 0.3).exp() * 0.1
}

/// A sine has no code in a kernel.
#[script]
fn around_a_sine(x: &Tensor, y: &Tensor) -> Tensor {
    let a = (x * 0.5 + y).tanh() * y;
    let b = (&a * 3.0).sin();
    (b.clamp(-0.5, 0.5) * &a + 0.25 * x) / (1.0 + a.square())
}

fn row(name: &str, [first, second]: [&dyn Fn() -> usize; 2]) {
    let call = |f: &dyn Fn() -> usize| {
        black_box(f());
    };
    let (first, second) = race(|| call(first), || call(second), Duration::from_millis(300));
    println!("{name:<36} {:>12.1} {:>12.1} {:>9.2}", first * 1e6, second * 1e6, first / second);
}

fn with_script(name: &str, call: impl Fn() -> Tensor) {
    row(name, [&|| jit_runtime::eager(&call).len(), &|| call().len()]);
}

fn with_threads(name: &str, call: impl Fn() -> usize) {
    let on = |threads: usize| {
        jit_runtime::set_threads(threads);
        call()
    };
    row(name, [&|| on(1), &|| on(2)]);
}

fn main() {
    jit_runtime::set_threads(1);
    let x = Tensor::<f32>::normal(Key::new(1), [512, 768]);
    let (y, gamma) = (x.flip(0).exp(), x.index_axis(0, 3).abs());
    println!("512 x 768, one thread                    eager us    script us     ratio");
    with_script("x / rms(x) * gamma", || root_mean_square(&x, &gamma));
    with_script("between least and most", || between(&x));
    with_script("softmax with temperature", || warmer(&x, 0.7));
    with_script("correlation of rows", || correlation(&x, &y));
    let (positive, small) = (x.abs() + 0.1, &x * 0.3);
    with_script("square roots until max < 1e-4", || root(&positive));
    with_script("z^2 + c, break when none is inside", || bounded(&small));
    with_script("growth while max < 4", || until_one_leaves(&small));
    with_script("100 trips of r y (1 - y)", || logistic_map(&positive, 0.9));
    with_script("a script of others' scripts", || of_others(&x, &y));
    with_script("more ops than a kernel has", || long(&x));
    with_script("ops around a sine", || around_a_sine(&x, &y));
    let wide = Tensor::<f32>::normal(Key::new(2), [4000, 2500]);
    let (bias, column) = (wide.slice_axis(0, 0, 1), wide.slice_axis(1, 0, 1));
    let pixels = wide.reshape([2_500_000, 4]);
    let colour = pixels.slice_axis(0, 0, 1);
    let turned = wide.reshape([2500, 4000]).t();
    println!("\n10 million elements, eager             1 thread    2 threads     ratio");
    with_threads("sum", || wide.sum().len());
    with_threads("sums of columns", || wide.sum_axis(0).len());
    with_threads("argmax of rows", || wide.argmax_axis(1).len());
    with_threads("cumsum along rows", || wide.cumsum(1).len());
    with_threads("plus a row", || (&wide + &bias).len());
    with_threads("plus a row of 4", || (&pixels + &colour).len());
    with_threads("times a column", || (&wide * &column).len());
    with_threads("times a transposed matrix", || (&wide * &turned).len());
}
