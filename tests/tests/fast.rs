//! `fast_math`: what it changes, and what it does not.

use jit_runtime::prelude::*;
use jit_runtime::{Graph, testing};
use jit_tests::same;

/// The same body with and without the option.
macro_rules! both {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block)*) => {
        mod strict {
            use super::*;
            $(
                #[script]
                pub(super) fn $name($($arg: $ty),*) -> $ret $body
            )*
        }
        mod fast {
            use super::*;
            $(
                #[script(fast_math)]
                pub(super) fn $name($($arg: $ty),*) -> $ret $body
            )*
        }
    };
}

both! {
    fn polynomial(x: &Tensor) -> Tensor {
        ((0.25 * x - 0.5) * x + 1.5) * x - 2.0
    }

    fn remainder(x: &Tensor, y: &Tensor, z: &Tensor) -> Tensor {
        x * y - z
    }

    fn normalised(x: &Tensor) -> Tensor {
        x / x.sum_keepdim(-1) * 3.0 * 0.5 / 7.0
    }

    fn scaled(x: &Tensor<f64>, by: f64) -> Tensor<f64> {
        (x / by + 1.0) + 2.0
    }

    fn looped(x: &Tensor, n: usize) -> Tensor {
        let mut y = x.clone();
        for i in 0..n {
            if i % 2 == 0 { y = &y * x + 0.5; } else { y = x - &y * 0.25; }
        }
        y
    }

    fn integers(x: &Tensor<i64>) -> Tensor<i64> {
        x * 3 + 2
    }
}

#[script(fast_math)]
fn of_another(x: &Tensor, y: &Tensor, z: &Tensor) -> (Tensor, Tensor) {
    (strict::remainder(x, y, z), x * y - z)
}

#[script]
fn of_a_fast_one(x: &Tensor, y: &Tensor, z: &Tensor) -> (Tensor, Tensor) {
    (fast::remainder(x, y, z), x * y - z)
}

#[trace]
fn traced(x: &Tensor, y: &Tensor, z: &Tensor) -> Tensor {
    fast::remainder(x, y, z) + 1.0
}

#[script(fast_math)]
fn generic<T: Float>(x: &Tensor<T>) -> Tensor<T> {
    x * x + x.powi(3)
}

#[derive(Clone, Pytree)]
struct Line {
    slope: Tensor,
    start: f32,
}

#[script(fast_math)]
impl Line {
    fn at(&self, x: &Tensor) -> Tensor {
        x * &self.slope + self.start
    }
}

fn values(n: usize, from: f32) -> Tensor {
    Tensor::from((0..n).map(|i| from + (i * 7919 % 4001) as f32 / 1000.0).collect::<Vec<f32>>())
}

/// x with x * x rounded, and that square: their difference is what the rounding lost.
fn lossy() -> (Tensor, Tensor) {
    let x = Tensor::from([1.000_000_1, 3.000_000_2, 0.100_000_01]);
    let square = &x * &x;
    (x, square)
}

#[test]
fn a_product_that_is_added_is_not_rounded() {
    let (x, square) = lossy();
    let lost = |v: f32, s: f32| (f64::from(v) * f64::from(v) - f64::from(s)) as f32;
    let expected: Vec<f32> = x.to_vec().into_iter().zip(square.to_vec()).map(|(v, s)| lost(v, s)).collect();
    assert!(expected.iter().all(|e| *e != 0.0));
    for _ in 0..2 {
        assert_eq!(fast::remainder(&x, &x, &square).to_vec(), expected);
        assert_eq!(strict::remainder(&x, &x, &square).to_vec(), [0.0; 3]);
    }
    assert_eq!(jit_runtime::eager(|| fast::remainder(&x, &x, &square)).to_vec(), [0.0; 3]);
}

#[test]
fn ops_of_other_functions_keep_their_roundings() {
    let (x, square) = lossy();
    let kept = [0.0; 3];
    let (inner, own) = of_another(&x, &x, &square);
    assert!(inner.to_vec() == kept && own.to_vec() != kept);
    let (inner, own) = of_a_fast_one(&x, &x, &square);
    assert!(inner.to_vec() != kept && own.to_vec() == kept);
}

#[test]
fn results_are_near() {
    for n in [0, 1, 5, 64, 1000, 100_000] {
        let (x, y) = (values(n, 0.5), values(n, -1.0));
        fast::polynomial::check(&x).unwrap();
        fast::remainder::check(&x, &y, &y).unwrap();
        fast::normalised::check(&x.reshape([-1, 1]).repeat([1, 5])).unwrap();
        fast::scaled::check(&x.cast::<f64>(), 3.0).unwrap();
        fast::looped::check(&x, 5).unwrap();
        fast::integers::check(&x.cast::<i64>()).unwrap();
        generic::check(&x).unwrap();
        generic::check(&x.cast::<f64>()).unwrap();
        let line = Line { slope: y.clone(), start: 0.1 };
        Line::at_script().check(&line, &x).unwrap();
        let double = x.cast::<f64>();
        assert_eq!(strict::polynomial(&x).shape(), strict::looped(&x, 2).shape());
        assert_eq!(strict::scaled(&double, 3.0).shape(), fast::scaled(&double, 3.0).shape());
        assert_eq!(strict::normalised(&x).shape(), fast::normalised(&x).shape());
        assert!(same(&strict::integers(&x.cast()), &fast::integers(&x.cast())));
    }
}

#[test]
fn what_is_no_number_stays_so() {
    let x = Tensor::from([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e30, 1e-40]);
    fast::polynomial::check(&x).unwrap();
    fast::looped::check(&x, 3).unwrap();
    let zero = Tensor::from([[0.0, 0.0], [-0.0, 1.0]]);
    fast::normalised::check(&zero).unwrap();
    assert!(strict::normalised(&zero).to_vec()[0].is_nan());
}

#[test]
fn the_ops_become_fewer() {
    let x = values(70, 0.5);
    let count = |graph: &Graph, op: &str| graph.to_string().matches(&format!("= {op}(")).count();
    let graph = fast::polynomial::lower(&x).graph();
    assert_eq!((count(&graph, "mul_add"), count(&graph, "mul"), count(&graph, "sub")), (3, 0, 0), "{graph}");
    let graph = fast::normalised::lower(&x.reshape([7, 10])).graph();
    // One division for each row; the constants are one.
    assert_eq!((count(&graph, "recip"), count(&graph, "mul")), (1, 2), "{graph}");
    let graph = fast::scaled::lower(&x.cast::<f64>(), 2.5).graph();
    assert_eq!((count(&graph, "mul_add"), count(&graph, "add"), count(&graph, "mul")), (1, 0, 0), "{graph}");
    let graph = generic::lower(&x).graph();
    assert_eq!((count(&graph, "mul_add"), count(&graph, "add")), (1, 0), "{graph}");
    let graph = strict::polynomial::lower(&x).graph();
    assert_eq!((count(&graph, "mul_add"), count(&graph, "mul")), (0, 3), "{graph}");
}

#[test]
fn the_mark_is_part_of_the_text() {
    let graph = fast::polynomial::graph();
    assert!(graph.is_fast() && graph.to_string().contains("{fast}"), "{graph}");
    assert_eq!(Graph::parse(&graph.to_string()).unwrap(), graph);
    assert!(!strict::polynomial::graph().is_fast());
    assert!(!fast::integers::graph().is_fast());
    assert_ne!(strict::polynomial::graph(), graph);
}

#[test]
fn every_level_and_number_of_threads_gives_the_same_bits() {
    let (x, y) = (values(70_001, 0.5), values(70_001, -1.0));
    let run = || (fast::polynomial(&x), fast::remainder(&x, &y, &y), fast::looped(&x, 4));
    let expected = run();
    for level in 0..testing::levels() {
        testing::at_level(level, || {
            for threads in [1, 3] {
                jit_runtime::set_threads(threads);
                assert!(same(&run(), &expected), "instruction level {level}, {threads} threads");
            }
        });
    }
}

#[test]
fn traces_take_fast_scripts_as_they_are() {
    let (x, square) = lossy();
    let expected = fast::remainder(&x, &x, &square) + 1.0;
    for _ in 0..4 {
        assert_eq!(traced(&x, &x, &square), expected);
    }
    traced::check(&x, &x, &square).unwrap();
    let graph = traced::graph().unwrap();
    assert!(graph.is_fast(), "{graph}");
}
