//! Loops that multiply slices by their counter: the products are made for many trips at once, with the bits that they have
//! one by one.

use jit_runtime::prelude::*;

fn values(sizes: &[usize]) -> Tensor {
    let element = |i: usize| ((i * 7919) % 1013) as f32 * 0.001 - 0.5;
    Tensor::from((0..sizes.iter().product()).map(element).collect::<Vec<f32>>()).reshape(sizes)
}

#[script]
fn recurrent(x: &Tensor, w: &Tensor, u: &Tensor, b: &Tensor) -> Tensor {
    let mut h = Tensor::zeros([x.dim(1), w.dim(1)]);
    for t in 0..x.dim(0) {
        h = (x.index_axis(0, t).matmul(w) + h.matmul(u) + b).tanh();
    }
    h
}

/// Slices with any axes.
#[script]
fn weighted(x: &Tensor, w: &Tensor, trips: usize) -> Tensor {
    let mut sum = Tensor::zeros_like(w).sum();
    for t in 0..trips {
        sum = sum * 0.5 + x.index_axis(0, t).matmul(w).sum();
    }
    sum
}

/// What is sliced changes from loop to loop; two products in one trip.
#[script]
fn nested(x: &Tensor<f64>, w: &Tensor<f64>) -> Tensor<f64> {
    let mut y = x.clone();
    for k in 0..3 {
        let mut next = Tensor::zeros_like(&y.index_axis(0, 0));
        for t in 0..y.dim(0) {
            next = next * 0.5 + y.index_axis(0, t).matmul(w) - y.index_axis(0, t).matmul(&w.t());
        }
        y = y + next * (k as f64 + 0.1);
    }
    y
}

/// The loop may end early, and the slice is read twice.
#[script]
fn others(x: &Tensor, w: &Tensor) -> Tensor {
    let mut sum = Tensor::zeros_like(&x.index_axis(0, 0));
    for t in 0..x.dim(0) {
        let row = x.index_axis(0, t);
        sum = sum + row.matmul(w) * &row;
    }
    for t in 0..x.dim(0) {
        if sum.max() > 0.5 {
            break;
        }
        sum = sum + x.index_axis(0, t).matmul(w);
    }
    sum
}

#[trace]
fn outside(x: &Tensor, w: &Tensor, u: &Tensor, b: &Tensor) -> Tensor {
    recurrent(x, w, u, b) * 2.0
}

#[test]
fn bits_are_those_of_products_one_by_one() {
    let w = values(&[6, 5]);
    for threads in [1, 3] {
        jit_runtime::set_threads(threads);
        for trips in [0, 1, 2, 7] {
            for rows in [0, 1, 4] {
                let args = (&values(&[trips, rows, 6]), &w, &values(&[5, 5]), &values(&[5]));
                recurrent::check(args.0, args.1, args.2, args.3).unwrap();
                let expected = jit_runtime::eager(|| outside(args.0, args.1, args.2, args.3));
                assert_eq!(outside(args.0, args.1, args.2, args.3), expected);
            }
        }
        for sizes in [&[9, 6][..], &[9, 3, 6], &[9, 2, 3, 6], &[9, 0, 6]] {
            for trips in [0, 1, 2, 9] {
                weighted::check(&values(sizes), &w, trips).unwrap();
                // Slices that are not neighbours.
                weighted::check(&values(sizes).flip(0), &w, trips).unwrap();
            }
        }
        nested::check(&values(&[5, 4, 4]).cast::<f64>(), &values(&[4, 4]).cast::<f64>()).unwrap();
        others::check(&values(&[6, 5]), &values(&[5, 5])).unwrap();
    }
}

#[test]
fn long_loops_make_them_piece_by_piece() {
    // A product of a trip takes 128 KiB, so that eight are made at once; another takes more than all may.
    for (trips, rows, n) in [(21, 128, 256), (3, 700, 400)] {
        let (x, w) = (values(&[trips, rows, 24]), values(&[24, n]));
        recurrent::check(&x, &w, &values(&[n, n]), &values(&[n])).unwrap();
    }
    let text =
        recurrent::lower(&values(&[3, 2, 6]), &values(&[6, 5]), &values(&[5, 5]), &values(&[5])).explain();
    assert!(text.contains("matmul of slices, for many trips at once"), "{text}");
    let text = others::lower(&values(&[6, 5]), &values(&[5, 5])).explain();
    assert!(!text.contains("for many trips"), "{text}");
}

#[test]
fn errors_are_those_of_the_source() {
    let w = values(&[6, 5]);
    let error = weighted::try_call(&values(&[4, 3, 6]), &w, 5).unwrap_err().to_string();
    assert!(error.contains("index_axis") && error.contains("slices.rs"), "{error}");
    let error = weighted::try_call(&values(&[4, 3, 7]), &w, 4).unwrap_err().to_string();
    assert!(error.contains("matmul") && error.contains("slices.rs"), "{error}");
    // No trip, no error.
    assert_eq!(weighted(&values(&[4, 3, 7]), &w, 0).item(), 0.0);
}
