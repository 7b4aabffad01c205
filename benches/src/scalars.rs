//! Scalar loops: the script beside the same loop in plain Rust over slices.
//!
//! `cargo run --release -p jit-benches --bin scalars`; with `--check` it fails if a script takes more than 2.4 times as long.

use std::hint::black_box;
use std::time::Duration;

use jit_benches::measure::{Case, measure};
use jit_runtime::prelude::*;

/// The same code as a script and as plain Rust.
macro_rules! both {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block)*) => {
        $(
            #[script]
            fn $name($($arg: $ty),*) -> $ret $body
        )*
        mod plain {
            $(
                pub(super) fn $name($($arg: $ty),*) -> $ret $body
            )*
        }
    };
}

both! {
    fn gcds(n: i64) -> i64 {
        let mut total = 0;
        for i in 1..n {
            let (mut a, mut b) = (n * 7919, i);
            while b != 0 { (a, b) = (b, a % b); }
            total += a;
        }
        total
    }

    fn collatz(n: i64) -> i64 {
        let mut total = 0;
        for start in 1..n {
            let mut k = start;
            while k != 1 {
                k = if k % 2 == 0 { k / 2 } else { 3 * k + 1 };
                total += 1;
            }
        }
        total
    }

    fn random_walk(n: usize, seed: i64) -> (i64, f64) {
        let mut state = seed;
        let mut sum = 0.0;
        for _ in 0..n {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            sum += ((state >> 40) & 0xffff) as f64 * 0.5;
        }
        (state, sum)
    }
}

#[script]
fn edit_distance(a: &Tensor<i64>, b: &Tensor<i64>) -> i64 {
    let (n, m) = (a.len(), b.len());
    let mut d = Tensor::<i64>::zeros([n + 1, m + 1]);
    for i in 0..n + 1 {
        d[[i, 0]] = i as i64;
    }
    for j in 0..m + 1 {
        d[[0, j]] = j as i64;
    }
    for i in 1..n + 1 {
        for j in 1..m + 1 {
            let cost = if a[i - 1] == b[j - 1] { 0 } else { 1 };
            let best = (d[[i - 1, j]] + 1).min(d[[i, j - 1]] + 1);
            d[[i, j]] = best.min(d[[i - 1, j - 1]] + cost);
        }
    }
    d[[n, m]]
}

fn plain_edit_distance(a: &[i64], b: &[i64]) -> i64 {
    let (n, m) = (a.len(), b.len());
    let w = m + 1;
    let mut d = vec![0_i64; (n + 1) * w];
    for i in 0..n + 1 {
        d[i * w] = i as i64;
    }
    for (j, v) in d[..w].iter_mut().enumerate() {
        *v = j as i64;
    }
    for i in 1..n + 1 {
        for j in 1..w {
            let cost = i64::from(a[i - 1] != b[j - 1]);
            let best = (d[(i - 1) * w + j] + 1).min(d[i * w + j - 1] + 1);
            d[i * w + j] = best.min(d[(i - 1) * w + j - 1] + cost);
        }
    }
    d[n * w + m]
}

#[script]
fn product(a: &Tensor, b: &Tensor) -> Tensor {
    let (n, k, m) = (a.dim(0), a.dim(1), b.dim(1));
    let mut c = Tensor::<f32>::zeros([n, m]);
    for i in 0..n {
        for j in 0..m {
            let mut s = 0.0;
            for l in 0..k {
                s += a[[i, l]] * b[[l, j]];
            }
            c[[i, j]] = s;
        }
    }
    c
}

fn plain_product(a: &[f32], b: &[f32], n: usize) -> Vec<f32> {
    let mut c = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            let mut s = 0.0;
            for l in 0..n {
                s += a[i * n + l] * b[l * n + j];
            }
            c[i * n + j] = s;
        }
    }
    c
}

#[script]
fn insertion_sort(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for i in 1..y.len() {
        let key = y[i];
        let mut j = i;
        while j > 0 && y[j - 1] > key {
            y[j] = y[j - 1];
            j -= 1;
        }
        y[j] = key;
    }
    y
}

fn plain_insertion_sort(x: &[f32]) -> Vec<f32> {
    let mut y = x.to_vec();
    for i in 1..y.len() {
        let key = y[i];
        let mut j = i;
        while j > 0 && y[j - 1] > key {
            y[j] = y[j - 1];
            j -= 1;
        }
        y[j] = key;
    }
    y
}

/// Gives how many times as long as plain Rust the script takes.
fn compare(name: &str, plain: impl FnMut() -> Vec<f32>, script: impl FnMut() -> Vec<f32>) -> f64 {
    let cases = vec![
        Case { system: "plain", call: Box::new(plain) },
        Case { system: "script", call: Box::new(script) },
    ];
    let figures = measure(cases, Duration::from_millis(400));
    assert_eq!(figures[0].sum, figures[1].sum, "{name}");
    let ratio = figures[1].cpu_min / figures[0].cpu_min;
    println!(
        "{name:<16} plain {:>9.1} us   script {:>9.1} us   ratio {ratio:>5.1}",
        figures[0].cpu_min * 1e6,
        figures[1].cpu_min * 1e6
    );
    ratio
}

fn main() -> std::process::ExitCode {
    let mut ratios = Vec::new();
    ratios.push(compare(
        "gcd",
        || vec![plain::gcds(black_box(2000)) as f32],
        || vec![gcds(black_box(2000)) as f32],
    ));
    ratios.push(compare(
        "collatz",
        || vec![plain::collatz(black_box(3000)) as f32],
        || vec![collatz(black_box(3000)) as f32],
    ));
    let walk = |(s, x): (i64, f64)| vec![(s % 1000) as f32, x as f32];
    ratios.push(compare(
        "a million trips",
        || walk(plain::random_walk(black_box(1_000_000), 7)),
        || walk(random_walk(black_box(1_000_000), 7)),
    ));
    let letters = |n: usize, k: i64| (0..n as i64).map(|i| (i * i * k) % 11).collect::<Vec<i64>>();
    let (a, b) = (letters(300, 3), letters(280, 5));
    let (ta, tb) = (Tensor::from(a.clone()), Tensor::from(b.clone()));
    ratios.push(compare(
        "edit distance",
        || vec![plain_edit_distance(black_box(&a), &b) as f32],
        || vec![edit_distance(black_box(&ta), &tb) as f32],
    ));
    let n = 64;
    let values: Vec<f32> = (0..n * n).map(|i| (i as f32 * 0.37).sin()).collect();
    let matrix = Tensor::from(values.clone()).reshape([n as i64, n as i64]);
    ratios.push(compare(
        "matmul 64",
        || plain_product(black_box(&values), &values, n),
        || product(black_box(&matrix), &matrix).to_vec(),
    ));
    let values = &values[..1000];
    let vector = Tensor::from(values);
    ratios.push(compare(
        "insertion sort",
        || plain_insertion_sort(black_box(values)),
        || insertion_sort(black_box(&vector)).to_vec(),
    ));
    if std::env::args().any(|a| a == "--check") && ratios.iter().any(|r| *r > 2.4) {
        eprintln!("a script takes more than 2.4 times as long as plain Rust");
        return std::process::ExitCode::FAILURE;
    }
    std::process::ExitCode::SUCCESS
}
