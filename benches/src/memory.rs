//! How much memory a process needs at most for a workload (Linux): the script, eager mode, and with `--features peers`
//! candle. Each runs in a process of its own, five calls after the inputs were made.
//!
//! `cargo run --release -p jit-benches --bin memory`

use std::hint::black_box;

use jit_runtime::prelude::*;

#[script]
fn chain(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
    (a * x + b).tanh() * x.sigmoid() - 0.5 * x * x
}

#[script]
fn rows(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
    (a * x + b).softmax(-1) * x
}

#[script]
fn repeated(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for _ in 0..10 {
        y = (a * &y + b).tanh();
    }
    y
}

const WORKLOADS: [&str; 3] = ["chain", "rows", "repeated"];
const SYSTEMS: &[&str] =
    if cfg!(feature = "peers") { &["jit", "jit_eager", "candle"] } else { &["jit", "jit_eager"] };
/// Rows and columns of each input and of the result.
const SHAPE: [usize; 2] = [2500, 4000];

fn ours(workload: &str) {
    let [a, b, x] = [0.5_f32, 0.25, 0.125].map(|v| Tensor::full(SHAPE, v));
    let call = match workload {
        "chain" => chain,
        "rows" => rows,
        _ => repeated,
    };
    (0..5).for_each(|_| drop(black_box(call(&a, &b, &x))));
}

#[cfg(feature = "peers")]
fn candle(workload: &str) -> candle_core::Result<()> {
    use candle_core::{Device, Tensor};
    use candle_nn::ops::{sigmoid, softmax_last_dim};
    let make = |v: f32| Tensor::full(v, (SHAPE[0], SHAPE[1]), &Device::Cpu)?.contiguous();
    let (a, b, x) = (make(0.5)?, make(0.25)?, make(0.125)?);
    for _ in 0..5 {
        black_box(match workload {
            "chain" => ((((&a * &x)? + &b)?.tanh()? * sigmoid(&x)?)? - ((&x * 0.5)? * &x)?)?,
            "rows" => (softmax_last_dim(&((&a * &x)? + &b)?)? * &x)?,
            _ => {
                let mut y = x.clone();
                for _ in 0..10 {
                    y = ((&a * &y)? + &b)?.tanh()?;
                }
                y
            }
        });
    }
    Ok(())
}

/// The largest resident size of this process so far, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says it");
    let line = status.lines().find(|l| l.starts_with("VmHWM")).expect("a line with the peak");
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).expect("a number") * 1024
}

fn child(system: &str, workload: &str) {
    let before = peak();
    match system {
        "jit" => ours(workload),
        "jit_eager" => jit_runtime::eager(|| ours(workload)),
        #[cfg(feature = "peers")]
        _ => candle(workload).expect("candle runs the workload"),
        #[cfg(not(feature = "peers"))]
        other => panic!("unknown system {other}"),
    }
    println!("{}", peak() - before);
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [system, workload] = &args[..] {
        return child(system, workload);
    }
    let tensor = (SHAPE[0] * SHAPE[1] * 4) as f64;
    println!("three inputs and a result of {:.0} MB; peak in such tensors", tensor / 1e6);
    println!("{:12} {}", "", SYSTEMS.iter().map(|s| format!("{s:>12}")).collect::<String>());
    let program = std::env::current_exe().expect("this program");
    for workload in WORKLOADS {
        print!("{workload:12}");
        for system in SYSTEMS {
            let out =
                std::process::Command::new(&program).args([system, workload]).output().expect("it runs");
            let bytes: f64 = String::from_utf8_lossy(&out.stdout).trim().parse().expect("a number of bytes");
            print!(" {:>11.2}", bytes / tensor);
        }
        println!();
    }
}
