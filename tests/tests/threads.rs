//! What is long enough for several threads has the bits that one thread gives.

use jit_runtime::prelude::*;

/// The bits of a tensor's elements.
trait Bits {
    fn bits(&self) -> Vec<u64>;
}
macro_rules! bits {
    ($($T:ty: |$v:ident| $bits:expr),*) => { $(impl Bits for Tensor<$T> {
        fn bits(&self) -> Vec<u64> {
            self.to_vec().iter().map(|$v| $bits).collect()
        }
    })* };
}
bits!(f32: |v| u64::from(v.to_bits()), f64: |v| v.to_bits(), i64: |v| *v as u64, bool: |v| u64::from(*v));

fn same<R: Bits>(what: &str, call: impl Fn() -> R) {
    jit_runtime::set_threads(1);
    let expected = call().bits();
    for threads in [2, 5] {
        jit_runtime::set_threads(threads);
        assert!(call().bits() == expected, "{what}, {threads} threads");
    }
}

const SHAPES: [[usize; 2]; 6] =
    [[3, 700_001], [1000, 2101], [2111, 1024], [64_011, 33], [300_003, 7], [1, 2_100_001]];

#[test]
fn reductions() {
    for shape in SHAPES {
        let x = Tensor::<f32>::normal(Key::new(5), shape);
        let whole = (&x * 1000.0).cast::<i64>();
        for axis in [0, 1] {
            let what = |op: &str| format!("{op} of {shape:?} along {axis}");
            same(&what("sum"), || x.sum_axis(axis));
            same(&what("max"), || x.max_axis(axis));
            same(&what("mean"), || x.cast::<f64>().mean_axis(axis));
            same(&what("sum of integers"), || whole.sum_axis(axis));
            same(&what("argmax"), || x.argmax_axis(axis));
            same(&what("any"), || x.gt(4.0).any_axis(axis));
            same(&what("cumsum"), || x.cumsum(axis));
        }
        same(&format!("sum of {shape:?}"), || x.sum());
        same(&format!("max of {shape:?}"), || x.flatten().max());
        same(&format!("any of {shape:?}"), || x.gt(5.0).any());
    }
    let x = Tensor::<f32>::normal(Key::new(6), [1000, 50, 61]);
    same("sums of the middle axis", || x.sum_axis(1));
    let few = Tensor::<f32>::normal(Key::new(6), [5, 9001, 61]);
    same("sums of a long middle axis", || few.sum_axis(1));
}

#[script]
fn chained(x: &Tensor, y: &Tensor) -> (Tensor, Tensor<bool>) {
    let z = (x * 0.5 + y) * (x - y);
    let above = z.gt(x);
    (z, above)
}

#[test]
fn broadcasting_and_strides() {
    for [m, n] in SHAPES {
        let x = Tensor::<f32>::normal(Key::new(1), [m, n]);
        let (row, column) = (x.slice_axis(0, 0, 1), x.slice_axis(1, 0, 1));
        let turned = Tensor::<f32>::normal(Key::new(2), [n, m]).t();
        let gaps = Tensor::<f32>::normal(Key::new(3), [m, 2 * n]).slice_step(1, 1, 2 * n, 2);
        let stacked = Tensor::<f32>::normal(Key::new(4), [3, m.div_ceil(3), n]).transpose(0, 1);
        for (name, y) in [("a row", &row), ("a column", &column), ("turned", &turned), ("gaps", &gaps)] {
            let what = format!("{m} x {n} and {name}");
            same(&what, || &x + y);
            same(&format!("{what}, compared"), || x.le(y));
            same(&format!("{what}, in f64"), || x.cast::<f64>() * y.cast::<f64>());
            same(&format!("{what}, a group's second result"), || chained(y, &x).1);
        }
        same(&format!("{m} x {n}, all turned"), || &turned + turned.abs().t().exp().t());
        same(&format!("{m} x {n}, three axes"), || &stacked - stacked.slice_axis(0, 0, 1));
    }
}
