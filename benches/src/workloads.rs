//! The workloads that this project is measured by, side by side with its own eager mode and with
//! plain Rust loops in the same run.
//!
//! `cargo run --release -p jit-benches --bin workloads -- [--threads N] [--only W1,W2] [--rounds R]
//! [--json FILE] [--quick]`

mod inputs;
#[allow(dead_code, reason = "shared with another binary")]
mod measure;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use inputs::uniform;
use jit_runtime::eager;
use jit_runtime::prelude::*;
use measure::{Case, Figures, measure};

#[script]
fn fused_chain(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
    (a * x + b).tanh() * x.sigmoid() - 0.5 * x * x
}

#[script]
fn gelu_tanh(x: &Tensor) -> Tensor {
    0.5 * x * (1.0 + (0.7978845608 * (x + 0.044715 * x * x * x)).tanh())
}

#[script]
fn newton_sqrt(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    let mut it = 0;
    while it < 50 && (&y * &y - x).abs().max() > 1e-5 {
        y = 0.5 * (&y + x / &y);
        it += 1;
    }
    y
}

#[script]
fn conditional(x: &Tensor) -> Tensor {
    if x.sum() > 0.0 { x * 2.0 } else { x + 1.0 }
}

#[script]
fn matmul(a: &Tensor, b: &Tensor) -> Tensor {
    a.matmul(b)
}

#[script]
fn cheap_chain(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
    (a * x + b) * (x - a) + b * 0.5
}

struct Options {
    threads: usize,
    only: Vec<String>,
    rounds: usize,
    json: Option<String>,
    quick: bool,
}

fn options() -> Options {
    let mut options = Options { threads: 1, only: Vec::new(), rounds: 3, json: None, quick: false };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
        match arg.as_str() {
            "--threads" => options.threads = value().parse().expect("a number of threads"),
            "--rounds" => options.rounds = value().parse().expect("a number of rounds"),
            "--only" => options.only = value().split(',').map(String::from).collect(),
            "--json" => options.json = Some(value()),
            "--quick" => options.quick = true,
            other => panic!("unknown option {other}"),
        }
    }
    options
}

/// A result's elements for the checksum: outputs are materialised either way.
fn first(x: Tensor, whole: &mut bool) -> Vec<f32> {
    if std::mem::replace(whole, false) {
        x.to_vec()
    } else {
        vec![x.as_slice().map_or(0.0, |s| s[s.len() - 1])]
    }
}

/// The script, and the same in eager mode.
fn both<'a>(call: impl Fn() -> Tensor + Copy + 'a) -> Vec<Case<'a>> {
    let (mut jit, mut body) = (true, true);
    vec![
        Case { system: "jit", call: Box::new(move || first(call(), &mut jit)) },
        Case { system: "jit_eager", call: Box::new(move || first(eager(call), &mut body)) },
    ]
}

/// A plain scalar loop that writes into a buffer of its own.
fn plain<'a>(n: usize, each: impl Fn(usize) -> f32 + 'a) -> Case<'a> {
    let mut out = vec![0.0_f32; n];
    let mut whole = true;
    let call = move || {
        for (i, o) in out.iter_mut().enumerate() {
            *o = each(i);
        }
        if std::mem::replace(&mut whole, false) { out.clone() } else { vec![out[out.len() - 1]] }
    };
    Case { system: "plain_rust", call: Box::new(call) }
}

fn tensor(stream: u64, n: usize, lo: f64, hi: f64) -> Tensor {
    Tensor::from(uniform(stream, n, lo, hi))
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn chain(n: usize, budget: Duration) -> Vec<Figures> {
    let (a, b, x) = (uniform(100, n, -1.0, 1.0), uniform(101, n, -1.0, 1.0), uniform(102, n, -3.0, 3.0));
    let (ta, tb, tx) = (Tensor::from(&a[..]), Tensor::from(&b[..]), Tensor::from(&x[..]));
    let mut cases = both(|| fused_chain(&ta, &tb, &tx));
    cases.push(plain(n, |i| (a[i] * x[i] + b[i]).tanh() * sigmoid(x[i]) - 0.5 * x[i] * x[i]));
    measure(cases, budget)
}

fn gelu(n: usize, budget: Duration) -> Vec<Figures> {
    let x = uniform(200, n, -4.0, 4.0);
    let tx = Tensor::from(&x[..]);
    let mut cases = both(|| gelu_tanh(&tx));
    cases.push(plain(n, |i| {
        let v = x[i];
        0.5 * v * (1.0 + (0.797_884_6 * (v + 0.044715 * v * v * v)).tanh())
    }));
    measure(cases, budget)
}

fn newton(n: usize, budget: Duration) -> Vec<Figures> {
    let x = tensor(700, n, 0.5, 2.0);
    measure(both(|| newton_sqrt(&x)), budget)
}

fn condition(n: usize, budget: Duration) -> Vec<Figures> {
    let x = tensor(800, n, -1.0, 1.0);
    measure(both(|| conditional(&x)), budget)
}

fn product(n: usize, budget: Duration) -> Vec<Figures> {
    let a = tensor(1400, n * n, -1.0, 1.0).reshape([n, n]);
    let b = tensor(1401, n * n, -1.0, 1.0).reshape([n, n]);
    let mut cases = both(|| matmul(&a, &b));
    let (av, bv) = (a.to_vec(), b.to_vec());
    let mut out = vec![0.0_f32; n * n];
    let mut whole = true;
    let call = move || {
        faer::linalg::matmul::matmul(
            faer::MatMut::from_row_major_slice_mut(&mut out, n, n),
            faer::Accum::Replace,
            faer::MatRef::from_row_major_slice(&av, n, n),
            faer::MatRef::from_row_major_slice(&bv, n, n),
            1.0,
            faer::Par::Seq,
        );
        if std::mem::replace(&mut whole, false) { out.clone() } else { vec![out[0]] }
    };
    cases.push(Case { system: "faer", call: Box::new(call) });
    measure(cases, budget)
}

fn cheap(n: usize, budget: Duration) -> Vec<Figures> {
    let (a, b, x) = (tensor(100, n, -1.0, 1.0), tensor(101, n, -1.0, 1.0), tensor(102, n, -3.0, 3.0));
    measure(both(|| cheap_chain(&a, &b, &x)), budget)
}

type Workload = (&'static str, fn(usize, Duration) -> Vec<Figures>, usize);

const WORKLOADS: &[Workload] = &[
    ("W1_fused_chain_1e3", chain, 1_000),
    ("W1_fused_chain_1e5", chain, 100_000),
    ("W1_fused_chain_1e7", chain, 10_000_000),
    ("W2_gelu_tanh", gelu, 1_000_000),
    ("W7_newton_sqrt", newton, 100_000),
    ("W8_conditional_16", condition, 16),
    ("W8_conditional_1e6", condition, 1_000_000),
    ("W14_matmul_64", product, 64),
    ("W14_matmul_256", product, 256),
    ("W14_matmul_1024", product, 1024),
    ("cheap_chain_1e5", cheap, 100_000),
    ("cheap_chain_1e7", cheap, 10_000_000),
];

fn main() {
    let options = options();
    jit_runtime::set_threads(options.threads);
    let budget = Duration::from_millis(if options.quick { 30 } else { 300 });
    let mut results: BTreeMap<&str, BTreeMap<&str, Figures>> = BTreeMap::new();
    for _ in 0..options.rounds {
        for (name, run, size) in WORKLOADS {
            let wanted = options.only.is_empty()
                || options.only.iter().any(|o| name == o || name.starts_with(&format!("{o}_")));
            if !wanted || (options.quick && name.ends_with("1e7")) {
                continue;
            }
            for figures in run(*size, budget) {
                let systems = results.entry(name).or_default();
                systems
                    .entry(figures.system)
                    .and_modify(|old| {
                        old.min = old.min.min(figures.min);
                        old.median = old.median.min(figures.median);
                        old.cpu_min = old.cpu_min.min(figures.cpu_min);
                    })
                    .or_insert(figures);
            }
        }
    }
    print!("{}", table(&results));
    if let Some(path) = &options.json {
        std::fs::write(path, json(&results, options.threads)).expect("the file can be written");
    }
}

/// Microseconds of CPU time, and how many times the script's.
fn table(results: &BTreeMap<&str, BTreeMap<&str, Figures>>) -> String {
    let mut out = format!(
        "{:22} {:12} {:>12} {:>12} {:>12} {:>8}\n",
        "workload", "system", "first us", "cpu min us", "wall med us", "x jit"
    );
    for (name, _, _) in WORKLOADS {
        let Some(systems) = results.get(name) else { continue };
        let jit = &systems["jit"];
        for f in systems.values() {
            assert!(
                (f.sum - jit.sum).abs() <= 1e-4 * jit.abs_sum.max(1.0),
                "{name}: {} gives another result: {} instead of {}",
                f.system,
                f.sum,
                jit.sum
            );
            let _ = writeln!(
                out,
                "{name:22} {:12} {:12.1} {:12.3} {:12.3} {:8.2}",
                f.system,
                f.first * 1e6,
                f.cpu_min * 1e6,
                f.median * 1e6,
                f.cpu_min / jit.cpu_min
            );
        }
    }
    out
}

fn json(results: &BTreeMap<&str, BTreeMap<&str, Figures>>, threads: usize) -> String {
    let mut out = format!("{{\"threads\": {threads}, \"results\": {{");
    for (i, (name, systems)) in results.iter().enumerate() {
        let _ = write!(out, "{}\n  \"{name}\": {{", if i > 0 { "," } else { "" });
        for (j, f) in systems.values().enumerate() {
            let _ = write!(
                out,
                "{}\"{}\": {{\"first_s\": {:e}, \"min_s\": {:e}, \"median_s\": {:e}, \"cpu_min_s\": {:e}, \
                 \"sum\": {:e}, \"abs_sum\": {:e}}}",
                if j > 0 { ", " } else { "" },
                f.system,
                f.first,
                f.min,
                f.median,
                f.cpu_min,
                f.sum,
                f.abs_sum
            );
        }
        out.push('}');
    }
    out.push_str("\n}}\n");
    out
}
