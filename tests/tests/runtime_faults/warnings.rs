//! What a trace cannot repeat is said: by `check` before the first call, and on stderr where nobody listens.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use jit_runtime::prelude::*;

static COUNT: AtomicUsize = AtomicUsize::new(1);

/// Where `counting` uses what it counts.
const LINE: u32 = line!() + 5;

#[trace]
fn counting(x: &Tensor) -> Tensor {
    let n = COUNT.fetch_add(1, Relaxed);
    x * (n as f32)
}

#[trace]
fn weights(x: &Tensor) -> Tensor {
    let seed = COUNT.fetch_add(1, Relaxed) as u64;
    x + &Tensor::<f32>::normal(Key::new(seed), [2])
}

#[trace]
fn of_number(x: &Tensor, n: usize) -> Tensor {
    x * n as f32 + COUNT.fetch_add(1, Relaxed) as f32
}

#[trace]
fn steady(x: &Tensor, k: f32) -> Tensor {
    if x.sum() > k { x * k } else { x - 1.0 }
}

#[test]
fn check_finds_what_changes_before_the_first_call() {
    let x = Tensor::from([1.0_f32, 2.0]);
    let error = counting::check(&x).unwrap_err().to_string();
    let at = format!("(at tests/tests/runtime_faults/warnings.rs:{LINE}:");
    assert!(
        error.starts_with("`counting`: a constant differs between two runs of the body: ")
            && error.contains(&at),
        "{error}"
    );
    assert!(error.contains(".0, then "), "it names both values: {error}");
    let error = weights::check(&x).unwrap_err().to_string();
    assert!(error.contains("a constant differs") && error.contains("f32[2], then other elements"), "{error}");
    let closure = jit_runtime::trace(|x: &Tensor| x + COUNT.fetch_add(1, Relaxed) as f32);
    let error = closure.check(&x).unwrap_err().to_string();
    assert!(error.contains("a constant differs") && error.contains("warnings.rs:"), "{error}");
    // Again, and after calls.
    assert!(counting::check(&x).is_err());
    counting(&x);
    counting(&x);
    assert!(counting::check(&x).is_err());
    // With more signatures than are kept, too.
    let found = (0..100).filter(|n| of_number(&x, *n) != of_number(&x, *n)).count();
    assert!(found > 0 && of_number::check(&x, 1000).is_err() && decayed::check(&x, 0.5).is_ok());
    // What depends on its arguments alone is fine, called or not, on each path.
    for k in [0.5, 100.0] {
        steady::check(&x, k).unwrap();
        steady::check(&x, k).unwrap();
        assert_eq!(steady(&x, k), jit_runtime::eager(|| steady(&x, k)));
        steady::check(&-&x, k).unwrap();
    }
}

#[trace]
fn decayed(x: &Tensor, t: f32) -> Tensor {
    x * (-t).exp()
}

#[trace]
fn parted(x: &Tensor) -> Tensor {
    x * x.sum().item()
}

#[trace]
fn recorded_again(x: &Tensor) -> Tensor {
    x + x.sum().item()
}

#[script]
fn calls_it(x: &Tensor) -> Tensor {
    recorded_again(x) * 2.0
}

/// The program that the tests below run: what it prints is theirs to look at.
#[test]
fn child() {
    let Ok(mode) = std::env::var("JIT_TEST_CHILD") else { return };
    if mode == "subscriber" {
        tracing_subscriber::fmt().with_writer(std::io::stdout).init();
    }
    let x = Tensor::from([1.0_f32, 2.0]);
    for i in 0..200 {
        decayed(&x, i as f32 * 0.01);
        counting(&x);
        parted(&(&x + i as f32));
        calls_it(&(&x + (i / 3) as f32));
    }
    println!("done");
}

fn run(mode: &str, jit: Option<&str>) -> (String, Vec<String>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["warnings::child", "--exact", "--nocapture"]).env("JIT_TEST_CHILD", mode).env_remove("JIT");
    if let Some(jit) = jit {
        command.env("JIT", jit);
    }
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let out = text(&output.stdout);
    assert!(output.status.success() && out.contains("done"), "{out}");
    let printed = text(&output.stderr);
    let warnings = printed.lines().filter(|l| l.starts_with("warning: jit-runtime: "));
    (out, warnings.map(String::from).collect())
}

#[test]
fn warnings_go_to_stderr_where_nobody_listens() {
    let (_, warnings) = run("plain", None);
    let place = "(at tests/tests/runtime_faults/warnings.rs:";
    for (function, reason, located) in [
        ("decayed", "its argument `t` keeps changing", false),
        ("decayed", "called with more than 64 combinations of arguments", false),
        ("counting", "it runs eagerly from now on: a constant differs", true),
        ("parted", "have led to 64 recordings", true),
        ("calls_it", "compiled 16 times", true),
    ] {
        let prefix = format!("warning: jit-runtime: `{function}`: ");
        let found =
            warnings.iter().filter(|w| w.starts_with(&prefix) && w.contains(reason)).collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "{function}, {reason}: {warnings:#?}");
        assert!(!located || found[0].contains(place), "{}", found[0]);
    }
}

#[test]
fn a_subscriber_gets_them_instead_and_quiet_silences_them() {
    let (out, warnings) = run("subscriber", None);
    assert!(warnings.is_empty(), "{warnings:#?}");
    assert!(out.contains("called with more than 64 combinations"), "{out}");
    for jit in ["quiet", "explain,quiet"] {
        assert!(run("plain", Some(jit)).1.is_empty());
    }
}
