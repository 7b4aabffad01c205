//! A trip of a loop, and a call that was made before, allocate nothing: memory of what is done with is there for what comes.

use jit_runtime::prelude::*;

#[script]
fn recurrent(x: &Tensor, u: &Tensor, b: &Tensor, trips: usize) -> Tensor {
    let mut h = x.clone();
    for _ in 0..trips {
        h = (h.matmul(u) + b).tanh();
    }
    h
}

/// Ends by a sum, a group of which goes along rows.
#[script]
fn descent(a: &Tensor, b: &Tensor, trips: usize) -> Tensor {
    let mut x = b.clone();
    for _ in 0..trips {
        let rest = a.matmul(&x) - b;
        if rest.sum() < -1e30 {
            break;
        }
        x = x - rest * 0.01;
    }
    x
}

#[script]
fn branches(x: &Tensor, trips: usize) -> Tensor {
    let mut y = x.clone();
    for i in 0..trips {
        y = if y.sum() > 0.0 { y - 0.25 } else { y * (i as f32) + x };
    }
    y
}

#[script]
fn rows(x: &Tensor, trips: usize) -> Tensor {
    let mut y = x.clone();
    for _ in 0..trips {
        y = (&y + x).softmax(-1) * 2.0;
    }
    y
}

fn values(sizes: &[usize]) -> Tensor {
    let element = |i: usize| ((i * 7919) % 1013) as f32 * 2e-4 - 0.1;
    Tensor::from((0..sizes.iter().product()).map(element).collect::<Vec<f32>>()).reshape(sizes)
}

/// How often memory is asked for in a call, after some others.
fn count(call: impl Fn()) -> u64 {
    (0..4).for_each(|_| call());
    allocation_counter::measure(call).count_total
}

/// Holds 50 trips more to no allocation.
fn more(name: &str, call: impl Fn(usize)) {
    let (few, many) = (count(|| call(20)), count(|| call(70)));
    assert!(many <= few, "{name}: {few} allocations in 20 trips, {many} in 70");
}

#[test]
fn trips_allocate_nothing() {
    jit_runtime::set_threads(1);
    for (m, n) in [(1, 8), (4, 16), (32, 128), (200, 96)] {
        let (x, u, b) = (values(&[m, n]), values(&[n, n]), values(&[n]));
        let square = values(&[n, n]);
        more("recurrent", |trips| drop(recurrent(&x, &u, &b, trips)));
        more("branches", |trips| drop(branches(&x, trips)));
        more("descent", |trips| drop(descent(&square, &u, trips)));
        more("rows", |trips| drop(rows(&x, trips)));
    }
}

#[test]
fn a_call_made_before_allocates_nothing() {
    jit_runtime::set_threads(1);
    let (x, u, b) = (values(&[1, 16]), values(&[16, 16]), values(&[16]));
    assert_eq!(count(|| drop(recurrent(&x, &u, &b, 3))), 0);
    assert_eq!(count(|| drop(branches(&x, 1))), 0);
    assert_eq!(count(|| drop(rows(&x, 1))), 0);
}
