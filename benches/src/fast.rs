//! What `fast_math` adds: the same bodies with and without it, in turns, on one thread.
//!
//! `cargo run --release -p jit-benches --bin fast`

use std::hint::black_box;
use std::time::Duration;

use jit_benches::measure::race;
use jit_runtime::prelude::*;

/// The same body with and without the option.
macro_rules! both {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block)*) => {
        mod strict {
            use super::*;
            $(
                #[script]
                pub(super) fn $name($($arg: $ty),*) -> $ret $body
            )*
        }
        mod fast {
            use super::*;
            $(
                #[script(fast_math)]
                pub(super) fn $name($($arg: $ty),*) -> $ret $body
            )*
        }
    };
}

both! {
    fn polynomial(x: &Tensor) -> Tensor {
        ((((((((0.1 * x - 0.2) * x + 0.3) * x - 0.4) * x + 0.5) * x - 0.6) * x + 0.7) * x - 0.8) * x + 0.9) * x
    }

    fn sine(x: &Tensor<f64>) -> Tensor<f64> {
        let s = x * x;
        x - x * &s * (1.0 / 6.0 - &s * (1.0 / 120.0 - &s * (1.0 / 5040.0 - &s * (1.0 / 362_880.0))))
    }

    fn gelu(x: &Tensor) -> Tensor {
        0.5 * x * (1.0 + (0.797_884_56 * (x + 0.044715 * x * x * x)).tanh())
    }

    fn scaled(x: &Tensor, by: f32) -> Tensor {
        (x - 0.5) / by + x / 3.0
    }

    fn shares(x: &Tensor) -> Tensor {
        x / x.sum_keepdim(-1)
    }
}

fn row(name: &str, strict: impl Fn() -> usize, fast: impl Fn() -> usize) {
    let call = |f: &dyn Fn() -> usize| {
        black_box(f());
    };
    let (strict, fast) = race(|| call(&strict), || call(&fast), Duration::from_millis(300));
    println!("{name:<28} {:>12.2} {:>12.2} {:>9.2}", strict * 1e6, fast * 1e6, strict / fast);
}

fn main() {
    jit_runtime::set_threads(1);
    let x = Tensor::<f32>::uniform(Key::new(1), [64, 500]);
    let (flat, double) = (x.flatten(), x.flatten().cast::<f64>());
    println!("32,000 elements                 strict us      fast us     ratio");
    row("polynomial of degree 9", || strict::polynomial(&flat).len(), || fast::polynomial(&flat).len());
    row("series of sin, f64", || strict::sine(&double).len(), || fast::sine(&double).len());
    row("gelu by tanh", || strict::gelu(&flat).len(), || fast::gelu(&flat).len());
    row("divided by a scalar", || strict::scaled(&flat, 1.7).len(), || fast::scaled(&flat, 1.7).len());
    row("divided by a row's sum", || strict::shares(&x).len(), || fast::shares(&x).len());
}
