//! The workloads that this project is measured by, side by side with its own eager mode and with
//! plain Rust loops in the same run.
//!
//! `cargo run --release -p jit-benches --bin workloads -- [--threads N] [--only W1,W2] [--rounds R]
//! [--systems jit,plain_rust] [--json FILE] [--quick] [--check]`
//!
//! Built with `--features peers` it runs them with ndarray, candle and burn, too; candle takes its number of threads from
//! `RAYON_NUM_THREADS`.
//!
//! With `--check` it fails if a workload has lost more than a third of its lead over the plain loops.

mod cases;
mod peers;
mod plain;
mod scripts;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jit_benches::measure::Figures;

struct Options {
    threads: usize,
    only: Vec<String>,
    rounds: usize,
    json: Option<String>,
    quick: bool,
    check: bool,
}

fn options() -> Options {
    let mut options =
        Options { threads: 1, only: Vec::new(), rounds: 3, json: None, quick: false, check: false };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
        match arg.as_str() {
            "--threads" => options.threads = value().parse().expect("a number of threads"),
            "--rounds" => options.rounds = value().parse().expect("a number of rounds"),
            "--only" => options.only = value().split(',').map(String::from).collect(),
            "--json" => options.json = Some(value()),
            "--systems" => {
                let systems = value().split(',').map(String::from).collect();
                cases::SYSTEMS.set(systems).expect("systems are named once");
            }
            "--quick" => options.quick = true,
            "--check" => options.check = true,
            other => panic!("unknown option {other}"),
        }
    }
    options
}

type Workload = (&'static str, fn(usize, Duration) -> Vec<Figures>, usize);

const WORKLOADS: &[Workload] = &[
    ("W1_fused_chain_1e3", cases::chain, 1_000),
    ("W1_fused_chain_1e5", cases::chain, 100_000),
    ("W1_fused_chain_1e7", cases::chain, 10_000_000),
    ("W2_gelu_tanh", cases::gelu, 1_000_000),
    ("W3_softmax", cases::softmax, 1024),
    ("W4_layernorm", cases::layernorm, 4096),
    ("W5_mlp", cases::mlp, 64),
    ("W6_rnn", cases::rnn, 128),
    ("W7_newton_sqrt", cases::newton, 100_000),
    ("W8_conditional_16", cases::condition, 16),
    ("W8_conditional_1e6", cases::condition, 1_000_000),
    ("W9_attention", cases::attention, 512),
    ("W10_mandelbrot", cases::mandelbrot, 512),
    ("W11_black_scholes", cases::black_scholes, 1_000_000),
    ("W12_tiny_mlp", cases::tiny_mlp, 1),
    ("W13_transformer", cases::transformer, 128),
    ("W14_matmul_64", cases::product, 64),
    ("W14_matmul_256", cases::product, 256),
    ("W14_matmul_1024", cases::product, 1024),
    ("W15_train_step", cases::train_step, 128),
    ("cheap_chain_1e5", cases::cheap, 100_000),
    ("cheap_chain_1e7", cases::cheap, 10_000_000),
];

/// How many times as fast as the plain loops some workloads are, on one thread with AVX-512.
const LEADS: &[(&str, f64)] = &[
    ("W1_fused_chain_1e5", 15.5),
    ("W2_gelu_tanh", 23.0),
    ("W3_softmax", 7.0),
    ("W4_layernorm", 2.3),
    ("W8_conditional_1e6", 4.5),
    ("W9_attention", 16.0),
    ("W10_mandelbrot", 3.5),
    ("W11_black_scholes", 9.0),
    ("W15_train_step", 3.5),
    ("cheap_chain_1e5", 5.0),
];

/// Names the workloads that have lost more than a third of their lead.
fn lost(results: &BTreeMap<&str, BTreeMap<&str, Figures>>) -> Vec<String> {
    let slow = |(name, lead): &(&str, f64)| {
        let systems = results.get(name)?;
        let ratio = systems.get("plain_rust")?.cpu_min / systems["jit"].cpu_min;
        (ratio < lead / 1.5).then(|| format!("{name}: {ratio:.2} times the plain loop, was {lead}"))
    };
    LEADS.iter().filter_map(slow).collect()
}

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
    #[cfg(target_arch = "x86_64")]
    let measured_so = std::arch::is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    let measured_so = false;
    let lost = lost(&results);
    if options.check && !measured_so {
        println!("without AVX-512 the leads are not held");
    } else if options.check && !lost.is_empty() {
        eprintln!("slower than they were:\n  {}", lost.join("\n  "));
        std::process::exit(1);
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
