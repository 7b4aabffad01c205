//! Products and groups over their results, which run without tensors between where they are about a single row, and some
//! rows at a time where there are many: the bits are those of one op after the other.

use jit_runtime::Float;
use jit_runtime::prelude::*;

fn values<T: Float>(sizes: &[usize]) -> Tensor<T> {
    let element = |i: usize| ((i * 7919) % 1013) as f32 * 0.002 - 1.0;
    Tensor::from((0..sizes.iter().product()).map(element).collect::<Vec<f32>>()).reshape(sizes).cast::<T>()
}

#[derive(Clone, Pytree)]
struct Network<T: Float> {
    w1: Tensor<T>,
    b1: Tensor<T>,
    w2: Tensor<T>,
    b2: Tensor<T>,
}

impl<T: Float> Network<T> {
    fn new([k, m, n]: [usize; 3]) -> Network<T> {
        Network { w1: values(&[k, m]), b1: values(&[m]), w2: values(&[m, n]), b2: values(&[n]) }
    }
}

#[script]
fn network(x: &Tensor, p: &Network<f32>) -> Tensor {
    let h = (x.matmul(&p.w1) + &p.b1).tanh();
    h.matmul(&p.w2) + &p.b2
}

#[script]
fn network64(x: &Tensor<f64>, p: &Network<f64>) -> Tensor<f64> {
    let h = (x.matmul(&p.w1) + &p.b1).relu();
    (h.matmul(&p.w2) + &p.b2) * 0.5
}

/// What is made on the way is read twice, and more than one step later.
#[script]
fn gated(x: &Tensor, h: &Tensor, w: &Tensor, u: &Tensor) -> Tensor {
    let (a, b) = (x.matmul(w), h.matmul(u));
    let z = (&a + &b).sigmoid();
    let n = (&a + &z * b).tanh();
    (1.0 - &z) * n + z * h
}

/// Masks on the way, a scalar argument, a tensor of one element; what is made is a result, too.
#[script]
fn masked(x: &Tensor, w: &Tensor, least: f32, one: &Tensor) -> (Tensor, Tensor) {
    let y = x.matmul(w);
    let positive = y.gt(least);
    let z = positive.select(&y * one, &y - 1.0).matmul(&w.t());
    (y, z)
}

/// What is made is read by a group more than one step later, and is a mask once.
#[script]
fn kept(x: &Tensor, w: &Tensor, one: &Tensor) -> Tensor {
    let y = x.matmul(w);
    let positive = y.gt(0.25);
    positive.select(&y * one, &y - 1.0).matmul(&w.t()) * 0.5
}

#[script]
fn steps(x: &Tensor, w: &Tensor, trips: usize) -> Tensor {
    let mut h = x.clone();
    for _ in 0..trips {
        h = if h.sum() > 0.0 { (h.matmul(w) * 0.5).tanh() } else { h.matmul(w).sigmoid().matmul(w) };
    }
    h
}

#[trace]
fn outside(x: &Tensor, p: &Network<f32>) -> Tensor {
    let h = (x.matmul(&p.w1) + &p.b1).tanh();
    network(x, p) + h.matmul(&p.w2)
}

/// Rows as vectors and as matrices, and more rows than one.
fn rows(k: usize) -> [Vec<usize>; 5] {
    [vec![k], vec![1, k], vec![2, k], vec![0, k], vec![3, 1, k]]
}

#[test]
fn rows_have_the_bits_of_one_op_after_the_other() {
    for sizes in [[16, 32, 32], [1, 1, 1], [5, 1, 3], [100, 65, 1], [7, 3000, 2], [3, 64, 5000], [513, 9, 4]]
    {
        for x in rows(sizes[0]) {
            network::check(&values(&x), &Network::new(sizes)).unwrap();
            network64::check(&values(&x), &Network::new(sizes)).unwrap();
            let (x, p) = (values(&x), Network::new(sizes));
            assert_eq!(outside(&x, &p), jit_runtime::eager(|| outside(&x, &p)));
        }
    }
}

#[test]
fn what_is_made_on_the_way_may_be_read_again() {
    for x in rows(12) {
        let mut h = x.clone();
        *h.last_mut().unwrap() = 8;
        gated::check(&values(&x), &values(&h), &values(&[12, 8]), &values(&[8, 8])).unwrap();
        for one in [vec![], vec![1], vec![8], vec![1, 1], vec![2, 1]] {
            // Where one broadcasts to more rows, all ways agree on that, too.
            masked::check(&values(&x), &values(&[12, 8]), 0.1, &values(&one)).unwrap();
        }
        let w = values(&[12, 12]) * 0.3;
        (0..4).for_each(|trips| steps::check(&values(&x), &w, trips).unwrap());
    }
    // A row and a matrix of one row.
    gated::check(&values(&[12]), &values(&[1, 8]), &values(&[12, 8]), &values(&[8, 8])).unwrap();
    // A matrix that stands by columns.
    gated::check(&values(&[1, 12]), &values(&[1, 8]), &values(&[8, 12]).t(), &values(&[8, 8])).unwrap();
}

#[test]
fn other_shapes_are_errors_of_the_source() {
    let p = Network::<f32>::new([6, 4, 3]);
    for x in [&[1, 7][..], &[7], &[], &[1, 0]] {
        let error = network::try_call(&values(x), &p).unwrap_err().to_string();
        assert!(error.contains("matmul") && error.contains("chains.rs"), "{error}");
    }
    let wrong = Network { b1: values(&[5]), ..p };
    let error = network::try_call(&values(&[1, 6]), &wrong).unwrap_err().to_string();
    assert!(error.contains("add") && error.contains("chains.rs"), "{error}");
    let text = network::lower(&values(&[1, 6]), &wrong).explain();
    assert!(
        text.contains("in one go where it is about one row, some rows at a time where there are many"),
        "{text}"
    );
}

/// So many rows that they go through a few at a time, in batches, too, and of matrices that stand by columns.
#[test]
fn many_rows_have_the_bits_of_one_op_after_the_other() {
    for threads in [1, 3] {
        jit_runtime::set_threads(threads);
        for (rows, sizes) in
            [(1510, [20, 70, 33]), (40, [70, 3000, 2]), (9010, [3, 32, 3]), (700, [1, 129, 1])]
        {
            let (k, p) = (sizes[0], Network::<f32>::new(sizes));
            let x = values(&[rows, k]);
            for x in [&x, &x.reshape([rows / 10, 2, 5, k]), &values(&[k, rows]).t()] {
                network::check(x, &p).unwrap();
                assert_eq!(outside(x, &p), jit_runtime::eager(|| outside(x, &p)));
            }
            network64::check(&values(&[rows, k]), &Network::new(sizes)).unwrap();
        }
    }
}

/// Operands of groups with rows of their own, the same one for all, one element, and columns.
#[test]
fn many_rows_have_operands_of_all_kinds() {
    let (rows, w, u) = (9000, values(&[12, 8]), values(&[8, 8]));
    let x = values(&[rows, 12]);
    gated::check(&x, &values(&[rows, 8]), &w, &u).unwrap();
    gated::check(&x, &values(&[8, rows]).t(), &w, &u).unwrap();
    gated::check(&x.reshape([90, 100, 12]), &values(&[90, 100, 8]), &w, &u).unwrap();
    for one in [vec![], vec![1], vec![8], vec![1, 1], vec![1, 8], vec![rows, 1], vec![rows, 8]] {
        kept::check(&x, &w, &values(&one)).unwrap();
    }
    kept::check(&x.reshape([9, 1000, 12]), &w, &values(&[1, 1, 8])).unwrap();
    kept::check(&x.reshape([9, 1000, 12]), &w, &values(&[1000, 8])).unwrap();
    // More axes than the rows have.
    kept::check(&x, &w, &values(&[1, 1, 8])).unwrap();
    kept::check(&x, &w, &values(&[1, 1, 1])).unwrap();
}

#[test]
fn errors_about_many_rows_are_those_of_the_source() {
    let p = Network::<f32>::new([20, 70, 33]);
    let error = network::try_call(&values(&[5000, 21]), &p).unwrap_err().to_string();
    assert!(
        error.contains("matmul") && error.contains("[5000, 21]") && error.contains("chains.rs"),
        "{error}"
    );
    let wrong = Network { b2: values(&[34]), ..p };
    let error = network::try_call(&values(&[5000, 20]), &wrong).unwrap_err().to_string();
    assert!(error.contains("add") && error.contains("[34]") && error.contains("chains.rs"), "{error}");
}
