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
