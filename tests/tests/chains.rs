//! Products and groups over their results, which run without tensors between where they are about a single row: the bits
//! are those of one op after the other.

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
    assert!(text.contains("in one go where it is about one row"), "{text}");
}
