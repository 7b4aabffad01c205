//! Methods made of several ops, against loops over plain numbers.

use jit_runtime::prelude::*;

fn tensor(shape: [usize; 2], seed: usize) -> Tensor<f64> {
    let n = shape.iter().product();
    let values = (0..n).map(|i| ((i * 37 + seed * 11) % 23) as f64 * 0.25 - 2.0).collect();
    Tensor::from_vec(values, shape).unwrap()
}

fn rows(x: &Tensor<f64>) -> Vec<Vec<f64>> {
    x.rows().map(|r| r.to_vec()).collect()
}

fn close(got: &Tensor<f64>, expected: &[Vec<f64>]) {
    let got = rows(got);
    assert_eq!(got.len(), expected.len());
    for (a, b) in got.iter().flatten().zip(expected.iter().flatten()) {
        assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{a} is not {b}");
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn norms() {
    for (n, k) in [(3, 5), (1, 7), (4, 1)] {
        let (x, gamma, beta) = (tensor([n, k], 1), tensor([1, k], 2).flatten(), tensor([1, k], 3).flatten());
        let layer = |row: &Vec<f64>| -> Vec<f64> {
            let mean = row.iter().sum::<f64>() / k as f64;
            let var = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / k as f64;
            (0..k).map(|i| (row[i] - mean) / (var + 1e-3).sqrt() * gamma[i] + beta[i]).collect()
        };
        close(&x.layer_norm(&gamma, &beta, 1e-3), &rows(&x).iter().map(layer).collect::<Vec<_>>());
        let rms = |row: &Vec<f64>| -> Vec<f64> {
            let square = dot(row, row) / k as f64;
            (0..k).map(|i| row[i] / (square + 1e-3).sqrt() * gamma[i]).collect()
        };
        close(&x.rms_norm(&gamma, 1e-3), &rows(&x).iter().map(rms).collect::<Vec<_>>());
        let flat = x.to_vec();
        assert!((x.norm().item() - dot(&flat, &flat).sqrt()).abs() < 1e-12);
    }
    assert_eq!(Tensor::<f32>::zeros([0]).norm().item(), 0.0);
}

#[test]
fn linear_layers() {
    let (x, w, b) = (tensor([3, 4], 1), tensor([2, 4], 2), Tensor::from([0.5, -0.5]));
    let one = |row: &Vec<f64>| -> Vec<f64> {
        rows(&w).iter().enumerate().map(|(i, w)| dot(row, w) + b[i]).collect()
    };
    close(&x.linear(&w, &b), &rows(&x).iter().map(one).collect::<Vec<_>>());
    assert_eq!(x.index_axis(0, 1).linear(&w, &b), x.linear(&w, &b).index_axis(0, 1), "a vector is one row");
    let error = jit_runtime::trace(|x: &Tensor<f64>| x.linear(&w.t(), &b)).try_call(&x).unwrap_err();
    assert!(error.to_string().starts_with("matmul: inner sizes differ: [3, 4] x [2, 4]"), "{error}");
}

#[test]
fn attention() {
    let (q, k, v) = (tensor([3, 4], 1), tensor([5, 4], 2), tensor([5, 2], 3));
    for causal in [false, true] {
        let one = |(i, q): (usize, &Vec<f64>)| -> Vec<f64> {
            let seen = if causal { i + 1 } else { 5 };
            let scores: Vec<f64> = rows(&k)[..seen].iter().map(|k| dot(q, k) / 2.0).collect();
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let exps: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
            let total: f64 = exps.iter().sum();
            let column = |c: usize| (0..seen).map(|j| exps[j] / total * rows(&v)[j][c]).sum();
            (0..2).map(column).collect()
        };
        let expected: Vec<Vec<f64>> = rows(&q).iter().enumerate().map(one).collect();
        close(&Tensor::scaled_dot_product_attention(&q, &k, &v, causal), &expected);
        // A batch is its entries.
        let batch = |x: &Tensor<f64>| Tensor::stack(&[x, &(x * 0.5)], 0);
        let all = Tensor::scaled_dot_product_attention(&batch(&q), &batch(&k), &batch(&v), causal);
        close(&all.index_axis(0, 0), &expected);
    }
}

#[test]
fn attention_sees_nothing_of_what_is_hidden() {
    let x = Tensor::<f32>::uniform(Key::new(1), [3, 200, 8]);
    let whole = Tensor::scaled_dot_product_attention(&x, &x, &x, true);
    let mut spoiled = x.clone();
    spoiled.set_slice(1, 150, &Tensor::full([3, 50, 8], f32::NAN));
    let seen = Tensor::scaled_dot_product_attention(&x, &spoiled, &spoiled, true);
    assert_eq!(seen.slice_axis(1, 0, 150), whole.slice_axis(1, 0, 150));
    assert!(seen.slice_axis(1, 150, 200).is_nan().all().item());
    for threads in [1, 2, 5] {
        jit_runtime::set_threads(threads);
        let long = Tensor::<f64>::uniform(Key::new(2), [2, 700, 32]);
        let both =
            [false, true].map(|causal| Tensor::scaled_dot_product_attention(&long, &long, &long, causal));
        // A row alone is the row of the whole.
        for (i, causal) in [(0, true), (63, true), (64, true), (699, true), (699, false)] {
            let rows = long.slice_axis(1, i, i + 1);
            let seen = if causal { long.slice_axis(1, 0, i + 1) } else { long.clone() };
            let one = Tensor::scaled_dot_product_attention(&rows, &seen, &seen, false);
            assert_eq!(one, both[usize::from(causal)].slice_axis(1, i, i + 1), "row {i}, {threads} threads");
        }
    }
}

#[test]
fn attention_names_what_does_not_fit() {
    let make = |shape: &[usize]| Tensor::<f32>::ones(shape);
    for (q, k, v, message) in [
        (
            [3, 4].as_slice(),
            [5, 3].as_slice(),
            [5, 2].as_slice(),
            "the rows of q and k differ in size: [3, 4] and [5, 3]",
        ),
        (&[3, 4], &[5, 4], &[4, 2], "k and v differ in their number of rows: [5, 4] and [4, 2]"),
        (&[4], &[5, 4], &[5, 2], "needs matrices, got [4], [5, 4] and [5, 2]"),
        (&[2, 3, 4], &[3, 5, 4], &[5, 2], "batch sizes do not broadcast"),
    ] {
        let (q, k, v) = (make(q), make(k), make(v));
        let call =
            jit_runtime::trace(move |x: &Tensor| Tensor::scaled_dot_product_attention(x, &k, &v, true));
        let error = call.try_call(&q).unwrap_err().to_string();
        assert!(error.starts_with("scaled_dot_product_attention: ") && error.contains(message), "{error}");
    }
}
