//! What a recording can get wrong: each way is noticed, or stands in the chapter of what no check can see.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use jit_runtime::prelude::*;
use jit_runtime::{eager, testing};

static CLOCK: AtomicUsize = AtomicUsize::new(0);

fn tick() -> f32 {
    CLOCK.fetch_add(1, Ordering::Relaxed) as f32
}

#[trace]
fn reads_a_clock(x: &Tensor) -> Tensor {
    let noise = Tensor::from([tick(), 0.0]);
    x * 2.0 + noise
}

#[test]
fn data_from_elsewhere_is_compared_at_the_second_call() {
    let x = Tensor::from([1.0, 1.0]);
    let line = line!() - 6;
    let first = reads_a_clock(&x)[0];
    // Each call sees a later time, as without the attribute.
    for i in 1..5 {
        assert_eq!(reads_a_clock(&x)[0], first + i as f32);
    }
    let error = reads_a_clock::check(&x).unwrap_err().to_string();
    assert!(error.starts_with("`reads_a_clock`: a constant differs between two runs of the body"), "{error}");
    assert!(error.contains(&format!("(at tests/tests/tracing/unseen.rs:{line}:")), "{error}");
    assert!(reads_a_clock::graph().is_none(), "nothing is replayed");
    assert_eq!(reads_a_clock::stats().replays, 1);
}

static STATE: AtomicUsize = AtomicUsize::new(0);

#[trace]
fn branches_on_state(x: &Tensor) -> Tensor {
    if STATE.load(Ordering::Relaxed) == 0 { x + 1.0 } else { x.exp() }
}

#[test]
fn other_operations_at_the_second_call_are_noticed() {
    let x = Tensor::from([1.0]);
    assert_eq!(branches_on_state(&x).item(), 2.0);
    STATE.store(1, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(branches_on_state(&x), x.exp());
    }
}

#[test]
fn a_captured_variable_that_changes_is_noticed() {
    let factor = Cell::new(1.0_f32);
    let f = jit_runtime::trace(|x: &Tensor| x * factor.get());
    let x = Tensor::from([3.0]);
    assert_eq!(f.call(&x).item(), 3.0);
    factor.set(2.0);
    assert_eq!(f.call(&x).item(), 6.0);
    factor.set(5.0);
    assert_eq!(f.call(&x).item(), 15.0);
    assert!(f.check(&x).is_err());
}

thread_local! {
    static KEPT: RefCell<Vec<Tensor>> = const { RefCell::new(Vec::new()) };
}

#[trace]
fn keeps_and_uses(x: &Tensor) -> Tensor {
    let mut y = x * 3.0;
    // The tensor of an earlier call: plain by now, so that it is a constant, and constants are compared.
    if let Some(last) = KEPT.with_borrow_mut(Vec::pop) {
        y = y + last;
    }
    KEPT.with_borrow_mut(|kept| kept.push(x * 1.0));
    y
}

#[test]
fn a_tensor_kept_past_its_recording_is_a_constant() {
    for i in 1..6 {
        let x = Tensor::from([i as f32]);
        let expected = 3.0 * i as f32 + if i > 1 { (i - 1) as f32 } else { 0.0 };
        assert_eq!(keeps_and_uses(&x).item(), expected);
        assert!(KEPT.with_borrow(|k| k.iter().all(|t| !testing::is_traced(t))));
    }
}

thread_local! {
    static LENT: RefCell<Option<Tensor>> = const { RefCell::new(None) };
}

#[trace]
fn borrows_from_outside(x: &Tensor) -> Tensor {
    match LENT.with_borrow(Clone::clone) {
        Some(other) => x + other,
        None => x.clone(),
    }
}

#[script]
fn in_between(x: &Tensor) -> Tensor {
    borrows_from_outside(x)
}

#[trace]
fn lends(x: &Tensor) -> Tensor {
    LENT.set(Some(x * 10.0));
    let y = in_between(x);
    LENT.set(None);
    y
}

#[test]
fn a_tensor_of_another_recording_is_never_baked_in() {
    for v in [1.0, 2.0, 3.0, 4.0] {
        let x = Tensor::from([v]);
        assert_eq!(lends(&x).item(), 11.0 * v);
        assert_eq!(in_between(&x).item(), v);
    }
    assert!(lends::graph().is_none());
}

#[trace]
fn outer_of_closure(x: &Tensor) -> Tensor {
    let scale = x.sum().item();
    let inner = jit_runtime::trace(|y: &Tensor| y * scale + x);
    inner.call(&(x + 1.0)) + inner.call(x)
}

#[test]
fn a_recording_in_a_recording_is_one_recording() {
    for _ in 0..3 {
        for values in [[1.0, 2.0], [3.0, 4.0]] {
            let x = Tensor::from(values);
            assert_eq!(outer_of_closure(&x), eager(|| outer_of_closure(&x)));
        }
    }
    assert_eq!(outer_of_closure::stats().recordings, 2);
}

static PANIC: Mutex<bool> = Mutex::new(true);

#[trace]
fn may_panic(x: &Tensor) -> Tensor {
    let y = x * 2.0;
    let now = *PANIC.lock().unwrap_or_else(|e| e.into_inner());
    assert!(!now, "not now");
    y + 1.0
}

#[test]
fn a_panic_leaves_the_function_as_it_was() {
    let x = Tensor::from([1.0]);
    let quiet = |f: &dyn Fn() -> Tensor| std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    let payload = quiet(&|| may_panic(&x)).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"not now"), "the user's own panic goes on");
    *PANIC.lock().unwrap() = false;
    assert_eq!(may_panic(&x).item(), 3.0);
    // A panic in the run that compares: the recording stays unchecked, and is compared at the next call.
    *PANIC.lock().unwrap() = true;
    assert!(quiet(&|| may_panic(&x)).is_err());
    assert!(!may_panic::traces()[0].checked);
    *PANIC.lock().unwrap() = false;
    assert_eq!(may_panic(&x).item(), 3.0);
    assert!(may_panic::traces()[0].checked);
    // From here on the body does not run: what it would do now is not seen.
    *PANIC.lock().unwrap() = true;
    assert_eq!(may_panic(&x).item(), 3.0);
    assert!(!testing::is_traced(&(x + 1.0)));
}

#[trace]
fn spawns(x: &Tensor) -> Tensor {
    let values = x.to_vec();
    let sum: f32 = std::thread::scope(|s| s.spawn(|| values.iter().sum()).join().unwrap());
    x + sum
}

#[test]
fn threads_in_a_body_are_fine_without_traced_tensors() {
    for values in [[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [3.0, 4.0], [1.0, 2.0]] {
        let x = Tensor::from(values);
        assert_eq!(spawns(&x), eager(|| spawns(&x)));
    }
    assert_eq!(spawns::stats().recordings, 2);
}

#[trace]
fn sends(x: &Tensor) -> Tensor {
    let (y, z) = std::thread::scope(|s| {
        let a = s.spawn(|| x * 2.0);
        let b = s.spawn(|| x.sum().item());
        (a.join().unwrap(), b.join().unwrap())
    });
    y + z
}

#[test]
fn a_traced_tensor_on_another_thread_ends_replaying() {
    for values in [[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]] {
        let x = Tensor::from(values);
        assert_eq!(sends(&x), eager(|| sends(&x)));
    }
    assert!(sends::graph().is_none());
    let reason = sends::check(&Tensor::from([1.0])).unwrap_err().to_string();
    assert!(reason.contains("a traced tensor was used on another thread"), "{reason}");
}

#[trace]
fn plain_sum(x: &Tensor, w: &Tensor) -> Tensor {
    if x.sum() > 0.0 { x.matmul(w) } else { x.matmul(w) * 0.5 }
}

#[test]
fn check_takes_other_inputs_than_were_recorded() {
    let w = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    plain_sum(&Tensor::from([1.0, 2.0]), &w);
    // Perturbed inputs, other sizes, the other branch, inputs that fail.
    for values in [vec![1.0 + 1e-6, 2.0], vec![-1.0, -2.0], vec![f32::NAN, 1.0]] {
        plain_sum::check(&Tensor::from(values), &w).unwrap();
    }
    let rows: Tensor = Tensor::ones([5, 2]);
    plain_sum::check(&rows, &w).unwrap();
    plain_sum::check(&Tensor::from([1.0, 2.0, 3.0]), &w).unwrap();
    assert_eq!(plain_sum::traces().len(), 3);
}

#[trace]
fn product(x: &Tensor, y: &Tensor) -> Tensor {
    x.matmul(y)
}

#[trace]
fn handles_errors(x: &Tensor, y: &Tensor) -> Tensor {
    // A failed op leaves no node behind; whether it failed must not be baked in.
    match product::try_call(x, y) {
        Ok(z) => z * 2.0,
        Err(_) => x + 1.0,
    }
}

#[trace]
fn catches_panics(x: &Tensor, y: &Tensor) -> Tensor {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut z = y + 0.0;
        z[2] = 5.0;
        z
    }));
    caught.map_or_else(|_| x - 1.0, |z| z.sum() + x)
}

#[test]
fn errors_that_the_body_handles_are_not_baked_in() {
    let x = Tensor::from([[1.0, 2.0]]);
    let (good, bad) = (Tensor::from([[1.0], [1.0]]), Tensor::from([[1.0]]));
    for _ in 0..2 {
        for y in [&bad, &good, &bad] {
            assert_eq!(handles_errors(&x, y), eager(|| handles_errors(&x, y)));
        }
    }
    assert_eq!(handles_errors::stats().paths, 1);
    for y in [&good, &bad] {
        handles_errors::check(&x, y).unwrap();
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let (long, short) = (Tensor::from([0.0, 0.0, 0.0]), Tensor::from([0.0]));
    for _ in 0..2 {
        for y in [&short, &long, &short] {
            assert_eq!(catches_panics(&x, y), eager(|| catches_panics(&x, y)));
        }
    }
    std::panic::set_hook(hook);
}

static SCALE: AtomicUsize = AtomicUsize::new(1);

#[trace]
fn changes_after_inlining(x: &Tensor) -> Tensor {
    x * (SCALE.load(Ordering::Relaxed) as f32)
}

#[script]
fn inlines_it(x: &Tensor) -> Tensor {
    changes_after_inlining(x) + 1.0
}

#[trace]
fn inlines_it_too(x: &Tensor) -> Tensor {
    inlines_it(x) * 2.0
}

#[test]
fn a_recording_that_is_given_up_leaves_the_plans_that_hold_it() {
    let x = Tensor::from([3.0]);
    for _ in 0..4 {
        assert_eq!(inlines_it(&x).item(), 4.0);
        assert_eq!(inlines_it_too(&x).item(), 8.0);
    }
    let text = inlines_it::lower(&x).graph().to_string();
    assert!(!text.contains("call("), "{text}");
    SCALE.store(2, Ordering::Relaxed);
    // Another signature: what it records there differs at its second call.
    let flat = Tensor::from([[3.0]]);
    assert_eq!(changes_after_inlining(&flat).item(), 6.0);
    SCALE.store(3, Ordering::Relaxed);
    assert_eq!(changes_after_inlining(&flat).item(), 9.0);
    // That one is given up; the first one holds what it was compared on.
    assert_eq!(inlines_it(&flat).item(), 10.0);
    assert_eq!(inlines_it_too(&flat).item(), 20.0);
    assert_eq!(inlines_it(&x).item(), 4.0);
}

// What no check can see. Each of these is in the chapter.

static LATER: AtomicUsize = AtomicUsize::new(2);

#[trace]
fn state_that_changes_later(x: &Tensor) -> Tensor {
    x * (LATER.load(Ordering::Relaxed) as f32)
}

#[test]
fn host_state_that_changes_after_the_second_call_is_not_seen() {
    let x = Tensor::from([1.0]);
    for _ in 0..2 {
        assert_eq!(state_that_changes_later(&x).item(), 2.0);
    }
    LATER.store(7, Ordering::Relaxed);
    assert_eq!(state_that_changes_later(&x).item(), 2.0, "the recording has 2");
    // Asked, it is seen.
    let error = state_that_changes_later::check(&x).unwrap_err().to_string();
    assert!(error.contains("a constant differs"), "{error}");
}

#[test]
fn interior_mutability_is_not_seen() {
    let shared = Rc::new(Cell::new(1.0_f32));
    let f = jit_runtime::trace(|x: &Tensor| x + shared.get());
    let x = Tensor::from([0.0]);
    for _ in 0..2 {
        assert_eq!(f.call(&x).item(), 1.0);
    }
    shared.set(5.0);
    assert_eq!(f.call(&x).item(), 1.0, "the recording has 1");
    assert!(f.check(&x).is_err(), "asked, it is seen");
}

static EFFECTS: AtomicUsize = AtomicUsize::new(0);

#[trace]
fn side_effect(x: &Tensor) -> Tensor {
    EFFECTS.fetch_add(1, Ordering::Relaxed);
    x + 1.0
}

#[test]
fn side_effects_happen_at_recordings_and_checks_only() {
    let x = Tensor::from([1.0]);
    for _ in 0..10 {
        assert_eq!(side_effect(&x).item(), 2.0);
    }
    assert_eq!(EFFECTS.load(Ordering::Relaxed), 2);
}

static BOTH: AtomicUsize = AtomicUsize::new(0);

#[trace]
fn same_twice(x: &Tensor) -> Tensor {
    // The same in the first two runs.
    x * ((BOTH.fetch_add(1, Ordering::Relaxed) / 2) as f32 + 1.0)
}

#[test]
fn a_value_that_is_the_same_twice_is_not_seen_to_change() {
    let x = Tensor::from([1.0]);
    for _ in 0..6 {
        assert_eq!(same_twice(&x).item(), 1.0);
    }
}
