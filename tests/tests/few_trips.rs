//! Loops of a few trips, whose number stands in the source: their trips take their place, fused with what is around, with the
//! bits of the loop, and with its errors.

use jit_runtime::prelude::*;

#[script]
fn newton(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for _ in 0..4 {
        y = 0.5 * (&y + x / &y);
    }
    y * 2.0
}

/// The counter is a number and a place; the loop has a branch by it, and one by a value.
#[script]
fn layers(x: &Tensor, w: &Tensor) -> (Tensor, Tensor) {
    let mut h = x.clone();
    let mut sum = Tensor::zeros_like(x);
    for i in 0..3 {
        h = if i == 0 { &h * w.index_axis(0, i) } else { (&h + x).tanh() - (i as f32) };
        if h.sum() > 0.0 {
            sum = &sum + &h;
        }
    }
    (h, sum)
}

/// Trips in trips, and values that change places.
#[script]
fn nested(x: &Tensor, y: &Tensor) -> Tensor {
    let (mut a, mut b) = (x.clone(), y.clone());
    for i in 0..2 {
        for j in 0..2 {
            let next = &a * 0.5 + &b * ((i + 2 * j) as f32);
            a = b;
            b = next;
        }
    }
    a - b
}

/// Left as they are: a loop that may end early, one of too many trips, and one whose number an argument says.
#[script]
fn left(x: &Tensor, n: usize) -> Tensor {
    let mut y = x.clone();
    for _ in 0..4 {
        if y.sum() > 100.0 {
            break;
        }
        y = &y * 2.0;
    }
    for _ in 0..20 {
        y = &y * 0.5 + x;
    }
    for _ in 0..n {
        y = &y - 1.0;
    }
    y
}

#[script]
fn ranks(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for _ in 0..2 {
        y = y.matmul(x);
    }
    y
}

#[script]
fn rows(w: &Tensor) -> Tensor {
    let mut sum = w.index_axis(0, 0);
    for i in 1..3 {
        sum = sum + w.index_axis(0, i) * (i as f32);
    }
    sum
}

#[trace]
fn traced(x: &Tensor, w: &Tensor) -> Tensor {
    newton(x) + layers(x, w).1
}

fn values(sizes: &[usize]) -> Tensor {
    let element = |i: usize| ((i * 7919) % 1013) as f32 * 0.002 + 0.1;
    Tensor::from((0..sizes.iter().product()).map(element).collect::<Vec<f32>>()).reshape(sizes)
}

#[test]
fn trips_have_the_bits_of_their_loop() {
    for sizes in [vec![], vec![0], vec![1], vec![3], vec![130], vec![5, 7], vec![40_000]] {
        let x = values(&sizes);
        let w = values(&[&[3], &sizes[..]].concat());
        newton::check(&x).unwrap();
        layers::check(&x, &w).unwrap();
        layers::check(&(&x * -1.0), &w).unwrap();
        nested::check(&x, &(&x * 3.0)).unwrap();
        left::check(&x, 3).unwrap();
        for _ in 0..2 {
            assert_eq!(traced(&x, &w), jit_runtime::eager(|| traced(&x, &w)));
        }
    }
}

#[test]
fn few_trips_are_no_loop() {
    let x = values(&[16]);
    let text = newton::lower(&x).explain();
    assert!(!text.contains("loop of") && text.contains("div add mul div add mul"), "{text}");
    let text = left::lower(&x, 3_usize).explain();
    assert_eq!(text.matches("loop of").count(), 3, "{text}");
}

#[test]
fn errors_are_those_of_the_trip() {
    let error = rows::try_call(&values(&[2, 4])).unwrap_err().to_string();
    assert!(error.contains("index_axis") && error.contains("few_trips.rs"), "{error}");
    rows::check(&values(&[3, 4])).unwrap();
    let error = ranks::try_call(&values(&[3, 2])).unwrap_err().to_string();
    assert!(
        error.contains("matmul") && error.contains("[3, 2]") && error.contains("few_trips.rs"),
        "{error}"
    );
}
