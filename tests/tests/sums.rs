//! Sums in their fixed order: how large the error gets, and that nothing changes a bit; reductions that could
//! overflow on the way.

use jit_runtime::prelude::*;

/// A sum with the errors of its additions carried along.
fn exact(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for v in values {
        let next = sum + v;
        lost += if sum.abs() >= v.abs() { (sum - next) + v } else { (v - next) + sum };
        sum = next;
    }
    sum + lost
}

#[test]
fn ten_million_numbers() {
    let n = 10_000_000;
    let x = Tensor::<f32>::uniform(Key::new(3), [n]);
    let values = x.to_vec();
    let sum = exact(values.iter().map(|v| f64::from(*v)));
    let error = |got: f32| ((f64::from(got) - sum) / sum).abs() / f64::from(f32::EPSILON);
    let (tree, naive) = (error(x.sum().item()), error(values.iter().sum::<f32>()));
    println!("relative errors in epsilons: tree {tree:.2}, left to right {naive:.0}");
    assert!(tree <= 2.0, "{tree}");
    assert!(naive > 50.0 * tree, "adding from left to right is worse: {naive}");
    let mean = x.mean().item();
    assert!((f64::from(mean) - sum / n as f64).abs() <= 2e-7, "{mean}");

    // Of both signs the bound is on the sum of the sizes.
    let signed = Tensor::<f64>::normal(Key::new(4), [n]);
    let values = signed.to_vec();
    let (sum, size) = (exact(values.iter().copied()), exact(values.iter().map(|v| v.abs())));
    let error = (signed.sum().item() - sum).abs() / (size * f64::EPSILON);
    println!("of both signs: {error:.4} epsilons of the sum of sizes");
    assert!(error <= 64.0 + 6.0 + (n as f64 / 4096.0).log2());
    assert!(error <= 1.0, "{error}");
}

#[test]
fn layouts_axes_and_threads_give_the_same_bits() {
    for (n, k) in [(7, 70_001), (1000, 513), (4097, 3)] {
        let x = Tensor::<f32>::normal(Key::new(9), [n, k]);
        let rows: Vec<u32> = (0..n).map(|i| x.index_axis(0, i).sum().item().to_bits()).collect();
        let bits = |x: Tensor| -> Vec<u32> { x.to_vec().iter().map(|v| v.to_bits()).collect() };
        let turned = Tensor::from_vec(x.t().to_vec(), [k, n]).unwrap();
        let gaps = Tensor::stack(&[&x, &x], 2);
        let flat = x.sum().item().to_bits();
        for threads in [1, 2, 5] {
            jit_runtime::set_threads(threads);
            assert_eq!(bits(x.sum_axis(1)), rows, "along rows");
            assert_eq!(bits(turned.sum_axis(0)), rows, "down columns");
            assert_eq!(bits(turned.t().sum_axis(1)), rows, "along the rows of a transposed matrix");
            assert_eq!(bits(gaps.index_axis(2, 1).sum_axis(-1)), rows, "with gaps");
            assert_eq!(bits(Tensor::concat(&[&x, &x], 0).sum_axis(1))[n..], rows, "not from the start");
            assert_eq!(bits(x.unsqueeze(1).broadcast_to([n, 2, k]).sum_axis(2))[1], rows[0], "broadcast");
            assert_eq!(x.flatten().sum().item().to_bits(), flat);
            assert_eq!(turned.t().sum().item().to_bits(), flat, "by index, not by memory");
        }
    }
}

/// Softmax as f64 has it.
fn softmax(row: &[f64]) -> Vec<f64> {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exps: Vec<f64> = row.iter().map(|v| (v - top).exp()).collect();
    let sum: f64 = exps.iter().sum();
    exps.iter().map(|e| e / sum).collect()
}

#[test]
fn softmax_and_logsumexp_stay_finite() {
    let inf = f64::INFINITY;
    let rows: [[f64; 4]; 6] = [
        [1e4, 1e4 - 1.0, -1e4, 0.0],
        [-1e4, -1e4 - 2.0, -1e4 - 3.0, -1e4],
        [-inf, 3.0, -inf, 2.0],
        [5.0, -inf, -inf, -inf],
        [0.0, 0.0, 0.0, 0.0],
        [-745.0, 709.0, 1.0, -1.0],
    ];
    for row in rows {
        let exact = softmax(&row);
        let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total = top + row.iter().map(|v| (v - top).exp()).sum::<f64>().ln();
        let (x, y) = (Tensor::from(row), Tensor::from(row).cast::<f32>());
        // As rows, and as columns.
        for (got, single, sum) in [
            (x.softmax(0), y.softmax(0), x.logsumexp(0)),
            (
                x.unsqueeze(1).softmax(0).squeeze(1),
                y.unsqueeze(1).softmax(0).squeeze(1),
                x.unsqueeze(1).logsumexp(0).squeeze(0),
            ),
        ] {
            for i in 0..4 {
                assert!((got[i] - exact[i]).abs() <= 1e-15, "{row:?}: {got}");
                assert!((f64::from(single[i]) - exact[i]).abs() <= 2e-7, "{row:?}: {single}");
            }
            assert!((sum.item() - total).abs() <= 1e-15 * total.abs().max(1.0), "{row:?}: {sum}");
            let logs = x.log_softmax(0);
            for i in (0..4).filter(|i| row[*i] > -inf) {
                assert!(
                    (logs[i] - (row[i] - total)).abs() <= 1e-12 * row[i].abs().max(1.0),
                    "{row:?}: {logs}"
                );
            }
        }
    }
    // Nothing but minus infinity has no distribution, as in PyTorch and JAX; its logarithm of the sum is.
    let none = Tensor::from([-inf, -inf]);
    assert!(none.softmax(0).is_nan().all().item() && none.log_softmax(0).is_nan().all().item());
    assert_eq!(none.logsumexp(0).item(), -inf);
    assert_eq!(Tensor::from([inf, 1.0]).logsumexp(0).item(), inf);
    assert!(Tensor::from([f64::NAN, 1.0]).logsumexp(0).item().is_nan());
}
