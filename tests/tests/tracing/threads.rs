//! Traced functions called from many threads at once.

use std::sync::Barrier;

use jit_runtime::prelude::*;

const THREADS: usize = 8;
const ROUNDS: usize = 4000;

/// The same numbers on every run.
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

fn on_all_threads(body: impl Fn(usize, &mut u64) + Sync) {
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|s| {
        for t in 0..THREADS {
            let (body, barrier) = (&body, &barrier);
            s.spawn(move || {
                let mut state = t as u64 + 1;
                barrier.wait();
                for _ in 0..ROUNDS {
                    body(t, &mut state);
                }
            });
        }
    });
}

#[trace]
fn mixed(x: &Tensor, n: usize) -> Tensor {
    let y = if x.sum() > 0.0 { x * 2.0 } else { x - 1.0 };
    match n {
        0 => y,
        1 => y + 10.0,
        _ => y * (x.max().item()),
    }
}

fn expected(v: f32, n: usize) -> f32 {
    let y = if v > 0.0 { v * 2.0 } else { v - 1.0 };
    match n {
        0 => y,
        1 => y + 10.0,
        _ => y * v,
    }
}

#[test]
fn one_recording_for_each_path_of_each_signature() {
    on_all_threads(|_, state| {
        let (v, n, len) = ([1.0, -1.0, 2.0][next(state) % 3], next(state) % 3, 1 + next(state) % 5);
        let square = next(state).is_multiple_of(2);
        let x = if square { Tensor::full([len, len], v) } else { Tensor::full([len], v) };
        let y = mixed(&x, n);
        assert_eq!(y, Tensor::full(x.shape(), expected(v, n)));
    });
    let stats = mixed::stats();
    // Ranks 1 and 2, n of 0, 1 and 2; two branches, and for n = 2 each maximum.
    assert_eq!((stats.signatures, stats.paths), (6, 2 * (2 + 2 + 3)), "{stats}");
    assert_eq!(stats.recordings as usize, stats.paths, "{stats}");
    assert_eq!(stats.calls as usize, THREADS * ROUNDS);
    assert!(mixed::traces().iter().all(|t| t.checked && t.runs > 0));
}

#[trace]
fn first(x: &Tensor, depth: usize) -> Tensor {
    if depth == 0 { x + 1.0 } else { second_script(x, depth) }
}

#[trace]
fn second(x: &Tensor, depth: usize) -> Tensor {
    if depth == 0 { x * 2.0 } else { first_script(x, depth) }
}

#[script]
fn first_script(x: &Tensor, depth: usize) -> Tensor {
    first(x, depth - 1)
}

#[script]
fn second_script(x: &Tensor, depth: usize) -> Tensor {
    second(x, depth - 1)
}

#[test]
fn traces_that_call_each_other_do_not_lock_each_other_out() {
    // One thread records `first`, which needs `second`; another the other way round.
    on_all_threads(|t, state| {
        let v = next(state) as f32 % 7.0;
        let x = Tensor::full([2], v);
        let depth = next(state) % 2;
        let (a, b) = match depth {
            0 => (v + 1.0, v * 2.0),
            _ => (v * 2.0, v + 1.0),
        };
        if t % 2 == 0 {
            assert_eq!(first(&x, depth), Tensor::full([2], a));
        } else {
            assert_eq!(second(&x, depth), Tensor::full([2], b));
        }
    });
    assert_eq!((first::traces().len(), second::traces().len()), (2, 2));
}

#[trace]
fn churned(x: &Tensor, n: usize) -> Tensor {
    x + (n as f32)
}

#[test]
fn signatures_come_and_go_under_calls() {
    on_all_threads(|_, state| {
        let n = next(state) % 100;
        assert_eq!(churned(&Tensor::from([1.0]), n).item(), 1.0 + n as f32);
    });
    let stats = churned::stats();
    assert!(stats.signatures == 64 && stats.evictions > 0, "{stats}");
    assert_eq!(stats.calls as usize, THREADS * ROUNDS, "{stats}");
}

#[script]
fn loops_over(x: &Tensor, n: usize) -> Tensor {
    let mut y = x.clone();
    for _ in 0..n {
        y = stepped(&y);
    }
    y
}

#[trace]
fn stepped(x: &Tensor) -> Tensor {
    if x.max() > 4.0 { x * 0.5 } else { x + 3.0 }
}

#[test]
fn plans_are_made_anew_under_calls() {
    on_all_threads(|_, state| {
        let (v, n) = (next(state) as f32 % 9.0, next(state) % 4);
        let mut expected = v;
        for _ in 0..n {
            expected = if expected > 4.0 { expected * 0.5 } else { expected + 3.0 };
        }
        assert_eq!(loops_over(&Tensor::from([v]), n).item(), expected);
    });
    // Several threads may make the same plan anew at once; one of them is kept, a bounded number of times.
    assert!(loops_over::stats().compilations <= 17, "{}", loops_over::stats());
}

#[test]
fn closures_are_shared_between_threads() {
    let weight = Tensor::from([1.0, 2.0]);
    let f = jit_runtime::trace(|x: &Tensor| if x.sum() > 0.0 { x * &weight } else { x - &weight });
    on_all_threads(|_, state| {
        let v = if next(state).is_multiple_of(2) { 1.0 } else { -1.0 };
        let expected = if v > 0.0 { [1.0, 2.0] } else { [-2.0, -3.0] };
        assert_eq!(f.call(&Tensor::full([2], v)).to_vec(), expected);
    });
    assert_eq!((f.stats().recordings, f.stats().paths), (2, 2));
}
