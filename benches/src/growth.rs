//! How costs grow: elements, sizes of products, trips of a loop, nodes of a graph, and what new sizes cost.
//!
//! `cargo run --release -p jit-benches --bin growth`, one thread, shortest times. `--quick` stops early on each axis.

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use jit_benches::faer_product;
use jit_benches::inputs::uniform;
use jit_benches::measure::race;
use jit_runtime::prelude::*;
use jit_runtime::{Function, Graph};

#[script]
fn chain(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
    (a * x + b) * (x - a) + b * 0.5
}

#[script]
fn activation(x: &Tensor) -> Tensor {
    x.tanh()
}

#[script]
fn product(a: &Tensor, b: &Tensor) -> Tensor {
    a.matmul(b)
}

/// A loop whose end depends on its values, so that every trip runs its steps.
#[script]
fn halve(x: &Tensor, trips: usize) -> Tensor {
    let mut y = x.clone();
    let mut i = 0;
    while i < trips && y.sum() > -1.0 {
        y = 0.5 * y;
        i += 1;
    }
    y
}

const BUDGET: Duration = Duration::from_millis(300);

fn tensor<const R: usize>(stream: u64, shape: [usize; R]) -> Tensor {
    Tensor::from(uniform(stream, shape.iter().product(), -1.0, 1.0)).reshape(shape)
}

/// The shortest time of a call, in seconds.
fn time(mut call: impl FnMut()) -> f64 {
    call();
    race(&mut call, || {}, BUDGET).0
}

fn elements(most: u32) {
    println!("\nelements       chain ns   an element       tanh ns   an element");
    for n in (2..=most).map(|p| 10_usize.pow(p)) {
        let (a, b, x) = (tensor(1, [n]), tensor(2, [n]), tensor(3, [n]));
        let cheap = time(|| drop(black_box(chain(&a, &b, &x)))) * 1e9;
        let dear = time(|| drop(black_box(activation(&x)))) * 1e9;
        let each = |t: f64| t / n as f64;
        println!("{n:>9} {cheap:>14.0} {:>12.3} {dear:>13.0} {:>12.3}", each(cheap), each(dear));
    }
}

fn products(most: usize) {
    println!("\nproduct n x n        us     GFLOP/s   faer us   ratio");
    let sizes = std::iter::successors(Some(16), |n| Some(n * 2)).take_while(|n| *n <= most);
    for n in sizes {
        let (a, b) = (tensor(1, [n, n]), tensor(2, [n, n]));
        let (av, bv) = (a.to_vec(), b.to_vec());
        let mut out = vec![0.0_f32; n * n];
        drop(product(&a, &b));
        let faer = || faer_product(&av, &bv, false, &mut out, n);
        let (ours, theirs) = race(|| drop(black_box(product(&a, &b))), faer, BUDGET);
        let rate = 2.0 * (n as f64).powi(3) / ours * 1e-9;
        println!("{n:>13} {:>9.2} {rate:>11.1} {:>9.2} {:>7.2}", ours * 1e6, theirs * 1e6, theirs / ours);
    }
}

/// A few rows times a large matrix, as it stands and transposed.
fn rows(n: usize) {
    println!("\nrows times n x n      GFLOP/s  times faer    transposed  times faer");
    let b = tensor(2, [n, n]);
    let (turned, bv) = (b.t(), b.to_vec());
    for rows in (0..9).map(|p| 1 << p) {
        let a = tensor(1, [rows, n]);
        let (av, mut out) = (a.to_vec(), vec![0.0_f32; rows * n]);
        let mut against = |b: &Tensor, turned: bool| {
            let faer = || faer_product(&av, &bv, turned, &mut out, n);
            let (ours, theirs) = race(|| drop(black_box(product(&a, b))), faer, BUDGET);
            (2.0 * (rows * n * n) as f64 / ours * 1e-9, theirs / ours)
        };
        let ((rate, ratio), (turned_rate, turned_ratio)) = (against(&b, false), against(&turned, true));
        println!("{rows:>4} x {n:<10} {rate:>11.1} {ratio:>11.2} {turned_rate:>13.1} {turned_ratio:>11.2}");
    }
}

fn trips(most: usize) {
    println!("\ntrips        us   ns a trip");
    let x = tensor(1, [16]);
    for n in std::iter::successors(Some(1), |n| Some(n * 10)).take_while(|n| *n <= most) {
        let t = time(|| drop(black_box(halve(&x, n))));
        println!("{n:>5} {:>9.2} {:>11.0}", t * 1e6, t * 1e9 / n as f64);
    }
}

/// A graph of so many ops, in groups that end at a reduction.
fn long_graph(nodes: usize) -> String {
    let mut text = String::from("fn long(%x: f32[n0]) -> f32[n0] {\n");
    let mut last = String::from("%x");
    for i in 0..nodes {
        let line = match i % 10 {
            8 => format!("%{i}: f32[] = sum({last})"),
            9 => format!("%{i}: f32[n0] = add(%x, {last})"),
            4 => format!("%{i}: f32[n0] = tanh({last})"),
            k if k % 2 == 0 => format!("%{i}: f32[n0] = mul({last}, %x)"),
            _ => format!("%{i}: f32[n0] = sub({last}, %x)"),
        };
        let _ = writeln!(text, "  {line}");
        last = format!("%{i}");
    }
    let _ = writeln!(text, "  return {last}\n}}");
    text
}

fn nodes(most: usize) -> Result<()> {
    println!("\nnodes   compile us   us a node");
    let x = tensor(1, [64]);
    for n in [20, 100, 1000, 10_000].into_iter().filter(|n| *n <= most) {
        let graph = Graph::parse(&long_graph(n))?;
        let mut best = f64::INFINITY;
        for _ in 0..if n > 1000 { 3 } else { 10 } {
            let function = Function::new(graph.clone())?;
            let _: Tensor = function.call((&x,))?;
            best = best.min(function.stats().compile_time.as_secs_f64() * 1e6);
        }
        println!("{n:>5} {best:>12.0} {:>11.2}", best / n as f64);
    }
    Ok(())
}

/// Calls with the same sizes, and with other sizes each time.
fn bindings() {
    let inputs: Vec<[Tensor; 3]> =
        (0..64).map(|i| [1, 2, 3].map(|stream| tensor(stream, [100 + i]))).collect();
    let call = |i: usize| {
        let [a, b, x] = &inputs[i % inputs.len()];
        drop(black_box(chain(a, b, x)));
    };
    call(0);
    let before = chain::stats();
    let mut next = 0;
    let (same, other) = race(
        || call(32),
        || {
            next += 1;
            call(next);
        },
        BUDGET,
    );
    let after = chain::stats();
    assert_eq!(before.compilations, after.compilations, "sizes do not compile");
    println!(
        "\nchain of about 130 elements: same sizes {:.0} ns, other sizes each time {:.0} ns",
        same * 1e9,
        other * 1e9
    );
}

fn main() -> Result<()> {
    jit_runtime::set_threads(1);
    let quick = std::env::args().any(|a| a == "--quick");
    let start = Instant::now();
    elements(if quick { 5 } else { 8 });
    products(if quick { 128 } else { 2048 });
    let large: &[usize] = if quick { &[256] } else { &[512, 2048, 4096] };
    large.iter().for_each(|n| rows(*n));
    trips(if quick { 100 } else { 10_000 });
    nodes(if quick { 1000 } else { 10_000 })?;
    bindings();
    println!("\n{:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
