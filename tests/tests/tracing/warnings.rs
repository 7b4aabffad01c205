//! Warnings: each is given once for each place, with the line, the reason and the advice.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jit_runtime::eager;
use jit_runtime::prelude::*;
use tracing_subscriber::util::SubscriberInitExt;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The warnings that `body` gives on this thread, a line each.
fn warnings(body: impl FnOnce()) -> Vec<String> {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    let scope = subscriber.set_default();
    body();
    drop(scope);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_string).collect()
}

/// One warning, of these parts.
fn only(found: &[String], parts: &[&str]) {
    assert_eq!(found.len(), 1, "{found:#?}");
    for part in parts {
        assert!(found[0].contains(part), "no {part:?} in {}", found[0]);
    }
}

static CLOCK: AtomicUsize = AtomicUsize::new(0);

#[trace]
fn clocked(x: &Tensor, n: usize) -> Tensor {
    x + (CLOCK.fetch_add(n, Ordering::Relaxed) as f32)
}

#[test]
fn a_constant_that_changes() {
    let line = line!() - 5;
    let x = Tensor::from([1.0]);
    let found = warnings(|| {
        // Two signatures, one place.
        for n in [1, 2] {
            for _ in 0..4 {
                clocked(&x, n);
            }
        }
    });
    let at = format!("(at tests/tests/tracing/warnings.rs:{line}:");
    only(
        &found,
        &["WARN", "`clocked`: it runs eagerly from now on: a constant differs", &at, "passed as an argument"],
    );
    assert!(found[0].contains("function=\"clocked\"") && found[0].contains("advice="), "{}", found[0]);
}

#[trace]
fn unrolls(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for _ in 0..20_000 {
        y = y * 0.5 + x;
    }
    y
}

#[test]
fn a_loop_that_is_unrolled_too_far() {
    let x = Tensor::from([1.0]);
    let found = warnings(|| {
        for _ in 0..3 {
            assert_eq!(unrolls(&x).item(), 2.0);
        }
    });
    only(
        &found,
        &[
            "more than 10000 operations were recorded",
            "of them on one line (at tests/tests/tracing/warnings.rs:",
            "`#[script]`",
        ],
    );
    assert_eq!((unrolls::stats().recordings, unrolls::stats().eager), (1, 2));
}

#[trace]
fn many_paths(x: &Tensor) -> Tensor {
    let n = x.max().item();
    x * n
}

#[test]
fn too_many_recordings() {
    let line = line!() - 6;
    let found = warnings(|| {
        for _ in 0..2 {
            for n in 0..80 {
                let x = Tensor::from([n as f32, -1.0]);
                assert_eq!(many_paths(&x)[0], (n * n) as f32);
            }
        }
    });
    let at = format!("(at tests/tests/tracing/warnings.rs:{line}:");
    only(
        &found,
        &["`many_paths`: the values that it looks at have led to 64 recordings", &at, "`#[script]`"],
    );
    let stats = many_paths::stats();
    assert_eq!((stats.paths, stats.eager), (64, 32), "what was recorded is replayed still: {stats}");
}

#[trace]
fn many_operations(x: &Tensor) -> Tensor {
    let n = x.max().item() as usize;
    let mut y = x.clone();
    for _ in 0..4000 + n {
        y = y + 1.0;
    }
    y
}

#[test]
fn too_many_operations_in_all_recordings() {
    let found = warnings(|| {
        for n in 0..9 {
            let x = Tensor::from([n as f32]);
            assert_eq!(many_operations(&x), eager(|| many_operations(&x)));
        }
    });
    only(&found, &["`many_operations`: its recordings hold more than 50000 operations", "`#[script]`"]);
    assert_eq!(many_operations::stats().paths, 7);
}

#[trace]
fn parts_of_constants(x: &Tensor) -> Tensor {
    let n = x.max().item();
    let made: Tensor = Tensor::full([20_000_000], n);
    x + made.slice_axis(0, 0, 1)
}

#[test]
fn a_small_part_of_a_large_constant_is_all_that_is_kept() {
    let found = warnings(|| {
        for n in 0..7 {
            let x = Tensor::from([n as f32]);
            assert_eq!(parts_of_constants(&x).item(), 2.0 * n as f32);
        }
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[trace]
fn whole_constants(x: &Tensor) -> Tensor {
    let n = x.max().item();
    let made: Tensor = Tensor::full([20_000_000], n);
    x + made.sum() * 0.0 + (&made * x).slice_axis(0, 0, 1)
}

#[test]
fn too_many_bytes_that_are_kept() {
    let found = warnings(|| {
        for n in 0..7 {
            let x = Tensor::from([n as f32]);
            assert_eq!(whole_constants(&x).item(), (n + n * n) as f32);
        }
    });
    only(&found, &["`whole_constants`: its recordings keep more than 256 MiB of constants", "`#[script]`"]);
    assert_eq!(whole_constants::stats().paths, 5);
}

#[trace]
fn static_rate(x: &Tensor, rate: f32, n: usize) -> Tensor {
    x * rate + (n as f32)
}

#[test]
fn a_float_argument_that_keeps_changing() {
    let x = Tensor::from([1.0]);
    let early = warnings(|| {
        for rate in [0.1, 0.2, 0.1, 0.2] {
            static_rate(&x, rate, 1);
            static_rate(&x, rate, 2);
        }
    });
    assert!(early.is_empty(), "{early:#?}");
    let found = warnings(|| {
        for i in 0..9 {
            static_rate(&x, 0.3 + i as f32, 1);
        }
    });
    only(&found, &["its argument `rate` keeps changing, and each value is recorded", "`Tensor::scalar(v)`"]);
}

#[trace]
fn static_count(x: &Tensor, n: usize) -> Tensor {
    x + (n as f32)
}

#[test]
fn too_many_signatures() {
    let x = Tensor::from([1.0]);
    let found = warnings(|| (0..70).for_each(|n| assert_eq!(static_count(&x, n).item(), 1.0 + n as f32)));
    only(&found, &["`static_count`: called with more than 64 combinations of arguments", "as a tensor"]);
}

#[trace(freeze)]
fn frozen(x: &Tensor) -> Tensor {
    if x.sum() > 0.0 { x * 2.0 } else { x - 1.0 }
}

#[test]
fn a_frozen_branch() {
    let line = line!() - 5;
    let x = Tensor::from([1.0]);
    let found = warnings(|| (0..3).for_each(|_| assert_eq!(frozen(&x).item(), 2.0)));
    let at = format!("tests/tests/tracing/warnings.rs:{line}:");
    only(
        &found,
        &["`frozen`: what it does on the values seen at", &at, "is kept for all others", "remove `freeze`"],
    );
}

#[trace]
fn layout(x: &Tensor) -> Tensor {
    if x.as_slice().is_some() { x * 2.0 } else { x * 3.0 }
}

#[test]
fn the_layout_in_memory() {
    let x = Tensor::from([1.0]);
    let found = warnings(|| (0..3).for_each(|_| assert_eq!(layout(&x).item(), 2.0)));
    only(
        &found,
        &[
            "`as_slice` depends on the layout in memory",
            "(at tests/tests/tracing/warnings.rs:",
            "use `to_vec`",
        ],
    );
}

#[trace]
fn sent(x: &Tensor) -> Tensor {
    std::thread::scope(|s| s.spawn(|| x * 2.0).join().unwrap())
}

#[test]
fn a_tensor_sent_away() {
    let x = Tensor::from([1.0]);
    let found = warnings(|| (0..3).for_each(|_| assert_eq!(sent(&x).item(), 2.0)));
    only(&found, &["a traced tensor was used on another thread", "`to_vec`"]);
}

#[trace]
fn handles_failure(x: &Tensor) -> Tensor {
    let wrong = jit_runtime::trace(|y: &Tensor| y.t()).try_call(x);
    wrong.unwrap_or_else(|_| x * 2.0)
}

#[test]
fn a_call_that_always_fails() {
    let x = Tensor::from([1.0]);
    let found = warnings(|| (0..20).for_each(|_| assert_eq!(handles_failure(&x).item(), 2.0)));
    only(&found, &["`handles_failure`: 8 recordings in a row were not kept", "`#[script]`"]);
    assert_eq!((handles_failure::stats().recordings, handles_failure::stats().eager), (8, 12));
}

#[test]
fn closures_warn_by_their_lines() {
    let x = Tensor::from([1.0]);
    let found = warnings(|| {
        for _ in 0..3 {
            // One place in the source: one warning, however many closures are made there.
            let f = jit_runtime::trace(|x: &Tensor| x + (CLOCK.fetch_add(1, Ordering::Relaxed) as f32));
            (0..3).for_each(|_| drop(f.call(&x)));
        }
        let g = jit_runtime::trace(|x: &Tensor| x - (CLOCK.fetch_add(1, Ordering::Relaxed) as f32));
        (0..3).for_each(|_| drop(g.call(&x)));
    });
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("`closure at tests/tests/tracing/warnings.rs:"), "{}", found[0]);
}
