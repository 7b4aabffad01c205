//! Traced functions: guards, replay, and what a recording must never get wrong.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use jit_runtime::prelude::*;
use jit_runtime::{eager, testing};

#[trace]
fn simple_op(a: &Tensor, b: &Tensor) -> Tensor {
    let c = a + b;
    &c * 2.0
}

#[test]
fn a_recording_is_the_operations() {
    let (a, b) = (Tensor::from([1.0, 2.0]), Tensor::from([3.0, 4.0]));
    assert_eq!(simple_op(&a, &b), Tensor::from([8.0, 12.0]));
    let expected = "\
fn simple_op(%a: f32[?], %b: f32[?]) -> f32[?] {
  %0: f32[?] = add(%a, %b)
  %1: f32[?] = mul(%0, 2.0_f32)
  return %1
}
";
    assert_eq!(simple_op::graph().unwrap().to_string(), expected);
    // Sizes that the body does not look at are free, 0, 1 and broadcasting included.
    for (a, b) in [
        (Tensor::from([1.0, 2.0, 3.0]), Tensor::from([5.0])),
        (Tensor::from(vec![]), Tensor::from(vec![])),
        (Tensor::from([1.0]), Tensor::from([1.0, 2.0])),
    ] {
        assert_eq!(simple_op(&a, &b), eager(|| simple_op(&a, &b)));
    }
    assert_eq!(simple_op::stats().recordings, 1);
    assert!(simple_op::stats().replays >= 3);
    simple_op::check(&a, &b).unwrap();
}

#[trace]
fn conditional(x: &Tensor, threshold: f32) -> Tensor {
    if x.sum() > threshold { x * 2.0 } else { x + 1.0 }
}

#[test]
fn both_branches_are_right_after_either_was_recorded() {
    for round in 0..3 {
        for (values, expected) in [([1.0, 2.0], [2.0, 4.0]), ([-1.0, -2.0], [0.0, -1.0])] {
            let y = conditional(&Tensor::from(values), 1.0);
            assert_eq!(y.to_vec(), expected, "round {round}");
        }
    }
    assert_eq!(conditional::graphs().len(), 1, "one graph with an `if`");
    let guards: Vec<u32> = conditional::traces().iter().map(|t| t.guards[0].at.line).collect();
    assert_eq!(guards[0], guards[1]);
    // A static argument is part of the signature.
    assert_eq!(conditional(&Tensor::from([1.0, 2.0]), 5.0).to_vec(), [2.0, 3.0]);
}

#[trace]
fn reads(x: &Tensor) -> Tensor {
    let k = x[0];
    let n = x.to_vec().len();
    x * k + (n as f32)
}

#[test]
fn values_that_the_host_reads_are_guarded() {
    for values in [vec![1.0, 2.0], vec![3.0, 2.0], vec![1.0, 2.0], vec![1.0, 5.0], vec![1.0, 2.0, 3.0]] {
        let x = Tensor::from(values);
        assert_eq!(reads(&x), eager(|| reads(&x)));
        assert_eq!(reads(&x), eager(|| reads(&x)));
    }
}

#[trace]
fn sizes(x: &Tensor) -> Tensor {
    x / (x.dim(0) as f32)
}

#[test]
fn sizes_that_the_host_reads_are_guarded() {
    for n in [2, 3, 2, 5] {
        let x: Tensor = Tensor::ones([n, 2]);
        assert_eq!(sizes(&x).sum().item(), 2.0);
    }
    assert_eq!(sizes::stats().recordings, 3);
    // The other size was never looked at.
    let x: Tensor = Tensor::ones([2, 7]);
    assert_eq!(sizes(&x).sum().item(), 7.0);
    assert_eq!(sizes::stats().recordings, 3);
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

#[trace]
fn counting(x: &Tensor) -> Tensor {
    x + (CALLS.fetch_add(1, Ordering::Relaxed) as f32)
}

#[test]
fn a_constant_that_changes_is_noticed_at_the_second_call() {
    let x = Tensor::from([10.0]);
    assert_eq!(counting(&x).item(), 10.0);
    // The second call runs the body too, and its result counts.
    assert_eq!(counting(&x).item(), 11.0);
    // From then on the function runs as it is.
    assert_eq!(counting(&x).item(), 12.0);
    assert_eq!(counting(&x).item(), 13.0);
}

#[trace]
fn writes(x: &Tensor) -> Tensor {
    let mut y = x * 2.0;
    y[0] = 7.0;
    y[1] += 1.0;
    &y + x
}

#[test]
fn element_writes_are_constants_under_guards() {
    for values in [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [1.0, 2.0, 3.0]] {
        let x = Tensor::from(values);
        assert_eq!(writes(&x), eager(|| writes(&x)));
        assert_eq!(x.to_vec(), values, "the argument is unchanged");
    }
}

thread_local! {
    static KEPT: Cell<Option<Tensor>> = const { Cell::new(None) };
}

#[trace]
fn keeps(x: &Tensor) -> Tensor {
    let y = x * 3.0;
    KEPT.set(Some(y.clone()));
    y
}

#[test]
fn a_tensor_that_outlives_its_recording_is_plain() {
    let x = Tensor::from([1.0, 2.0]);
    let y = keeps(&x);
    let kept = KEPT.take().unwrap();
    assert!(!testing::is_traced(&kept));
    assert!(!testing::is_traced(&y));
    assert_eq!(&kept + &x, Tensor::from([4.0, 8.0]));
}

#[trace]
fn threads(x: &Tensor) -> Tensor {
    let y = std::thread::scope(|s| s.spawn(|| x * 2.0).join().unwrap());
    &y + 1.0
}

#[test]
fn a_tensor_on_another_thread_is_never_baked_in() {
    for values in [[1.0, 2.0], [5.0, 6.0], [7.0, 8.0]] {
        let x = Tensor::from(values);
        assert_eq!(threads(&x).to_vec(), values.map(|v| v * 2.0 + 1.0));
    }
}

#[trace]
fn inner(x: &Tensor) -> Tensor {
    if x.max() > 3.0 { x - 1.0 } else { x * 10.0 }
}

#[script]
fn scripted(x: &Tensor, n: usize) -> Tensor {
    let mut y = x.clone();
    for _ in 0..n {
        let z: Tensor = inner(&y);
        y = z + 0.5;
    }
    y
}

#[trace]
fn outer(x: &Tensor) -> Tensor {
    let y = inner(x);
    scripted(&y, 2) * 2.0
}

#[test]
fn traces_and_scripts_call_each_other() {
    for values in [[1.0, 2.0], [5.0, 0.0], [0.1, 0.2], [1.0, 2.0]] {
        let x = Tensor::from(values);
        assert_eq!(outer(&x), eager(|| outer(&x)));
        assert_eq!(scripted(&x, 3), eager(|| scripted(&x, 3)));
    }
}

#[trace]
fn fails(x: &Tensor, y: &Tensor) -> Tensor {
    x.matmul(y)
}

#[test]
fn errors_of_a_replay_are_those_of_the_body() {
    let good = Tensor::<f32>::ones([2, 2]);
    let bad = Tensor::<f32>::ones([3, 2]);
    assert!(fails::try_call(&good, &good).is_ok());
    for _ in 0..2 {
        let error = fails::try_call(&good, &bad).unwrap_err().to_string();
        assert!(
            error.starts_with("matmul: inner sizes differ: [2, 2] x [3, 2] (at tests/tests/trace.rs:"),
            "{error}"
        );
    }
    assert!(fails::try_call(&good, &good).is_ok(), "nothing is lost");
}

#[test]
fn a_panic_in_a_body_ends_its_recording() {
    #[trace]
    fn panics(x: &Tensor) -> Tensor {
        assert!(x.rank() == 1, "only vectors");
        x + 1.0
    }
    let outcome = std::panic::catch_unwind(|| panics(&Tensor::from([[1.0]])));
    assert!(outcome.is_err());
    assert_eq!(panics(&Tensor::from([1.0])).item(), 2.0);
    assert!(!testing::is_traced(&(Tensor::from([1.0]) + 1.0)));
}

#[test]
fn closures_capture_tensors() {
    let w = Tensor::from([1.0, 2.0]);
    let f = jit_runtime::trace(|x: &Tensor| (x * &w, x.sum().item()));
    for values in [[1.0, 1.0], [2.0, 3.0], [1.0, 1.0]] {
        let (y, total) = f.call(&Tensor::from(values));
        assert_eq!(y.to_vec(), [values[0], 2.0 * values[1]]);
        assert_eq!(total, values[0] + values[1]);
    }
}

#[test]
fn many_threads_settle_on_one_recording_for_each_path() {
    #[trace]
    fn shared(x: &Tensor) -> Tensor {
        if x.sum() > 0.0 { x * 2.0 } else { x - 1.0 }
    }
    std::thread::scope(|s| {
        for t in 0..8 {
            s.spawn(move || {
                for i in 0..500 {
                    let v = if (i + t) % 2 == 0 { 1.0 } else { -1.0 };
                    let x = Tensor::full([1 + i % 7], v);
                    let expected = if v > 0.0 { 2.0 } else { -2.0 };
                    assert_eq!(shared(&x), Tensor::full([1 + i % 7], expected));
                }
            });
        }
    });
    assert_eq!(shared::traces().len(), 2);
}

#[trace]
fn captures_large(x: &Tensor) -> Tensor {
    let w: Tensor<f32> = Tensor::arange(0.0, 100.0, 1.0);
    x + w
}

#[test]
fn large_constants_stand_in_a_table() {
    let x = Tensor::<f32>::ones([100]);
    for _ in 0..3 {
        assert_eq!(captures_large(&x)[99], 100.0);
    }
    let graph = captures_large::graph().unwrap();
    let text = graph.to_string();
    assert!(text.contains("@c0: f32[100] #"), "{text}");
    assert_eq!(jit_runtime::Graph::parse_with(&text, &graph.constants()).unwrap(), graph);
}

#[trace]
fn equality(x: &Tensor, y: &Tensor) -> Tensor {
    if x == y { x * 0.0 } else { x - y }
}

#[test]
fn equality_is_guarded() {
    let (a, b) = (Tensor::from([1.0]), Tensor::from([2.0]));
    for _ in 0..3 {
        assert_eq!(equality(&a, &b).item(), -1.0);
        assert_eq!(equality(&a, &a).item(), 0.0);
    }
}

#[script]
fn tripled(x: &Tensor) -> Tensor {
    x * 3.0
}

#[trace]
fn leaves_by_a_plan(x: &Tensor) -> Tensor {
    // Neither a plan called by its handle nor a script on another thread belongs to the recording.
    let y = tripled::lower(x).call(x);
    let z = std::thread::scope(|s| s.spawn(|| tripled(x)).join().unwrap());
    y + z
}

#[trace]
fn leaves_by_a_handle(x: &Tensor) -> Tensor {
    tripled::lower(x).call(x) + 1.0
}

#[test]
fn values_that_leave_through_a_plan_are_guarded() {
    for values in [[1.0, 2.0], [5.0, 6.0], [1.0, 2.0], [7.0, 8.0]] {
        let x = Tensor::from(values);
        assert_eq!(leaves_by_a_plan(&x).to_vec(), values.map(|v| 6.0 * v));
        assert_eq!(leaves_by_a_handle(&x).to_vec(), values.map(|v| 3.0 * v + 1.0));
        assert_eq!(leaves_by_a_handle(&x).to_vec(), values.map(|v| 3.0 * v + 1.0));
    }
}

#[trace]
fn asks_for_the_layout(x: &Tensor) -> Tensor {
    if x.t().as_slice().is_some() { x * 2.0 } else { x + 10.0 }
}

#[test]
fn the_layout_in_memory_is_never_baked_in() {
    let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    let same = Tensor::from([[1.0, 3.0], [2.0, 4.0]]).t();
    assert_eq!(x, same);
    for _ in 0..3 {
        assert_eq!(asks_for_the_layout(&x), &x + 10.0);
        assert_eq!(asks_for_the_layout(&same), &x * 2.0);
    }
}

#[trace(strict)]
fn strict_branch(x: &Tensor, n: usize) -> Tensor {
    let mut y = x.reshape([x.len()]) * (x.dim(0) as f32);
    if n > 2 {
        y = y + 1.0;
    }
    if n == 7 && y.sum() > 1.0 { y * 2.0 } else { y }
}

#[test]
fn a_strict_trace_refuses_to_look_at_values() {
    let x = Tensor::from([1.0, 2.0]);
    // Sizes and arguments that are no tensors may be looked at.
    for n in [1, 3] {
        for _ in 0..3 {
            assert_eq!(strict_branch(&x, n), eager(|| strict_branch(&x, n)));
        }
    }
    let line = line!() - 12;
    let error = strict_branch::try_call(&x, 7).unwrap_err();
    assert!(error.to_string().starts_with("a strict trace may not look at the value of a tensor"), "{error}");
    assert_eq!(error.place().unwrap().line, line, "{error}");
    // The function is as usable as before.
    assert_eq!(strict_branch(&x, 1), eager(|| strict_branch(&x, 1)));
}

#[trace(freeze)]
fn frozen_branch(x: &Tensor) -> Tensor {
    if x.sum() > 0.0 { x * 2.0 } else { x - 1.0 }
}

#[test]
fn a_frozen_trace_keeps_the_first_path() {
    let x = Tensor::from([1.0, 2.0]);
    assert_eq!(frozen_branch(&x), Tensor::from([2.0, 4.0]));
    for _ in 0..3 {
        assert_eq!(frozen_branch(&(&x * -1.0)), Tensor::from([-2.0, -4.0]));
    }
    assert_eq!(frozen_branch::stats().recordings, 1);
    assert!(frozen_branch::traces()[0].guards.is_empty());
    assert!(frozen_branch::check(&(&x * -1.0)).is_err());
}

static LATER: AtomicUsize = AtomicUsize::new(1);

#[trace(check_every = 4)]
fn changes_later(x: &Tensor) -> Tensor {
    x * (LATER.load(Ordering::Relaxed) as f32)
}

#[test]
fn repeated_checks_see_what_changes_later() {
    let x = Tensor::from([1.0, 2.0]);
    for _ in 0..4 {
        assert_eq!(changes_later(&x), x);
    }
    LATER.store(3, Ordering::Relaxed);
    // The next check comes with the fourth replay, and the body's result counts from then on.
    let results: Vec<f32> = (0..6).map(|_| changes_later(&x)[0]).collect();
    assert_eq!(results[0], 3.0, "the fourth replay is compared: {results:?}");
    assert!(results.iter().all(|v| *v == 3.0), "{results:?}");
}
