//! Comparing what was compiled with the body as written, bit for bit.

use jit_runtime::{Tensor, testing};

/// Numbers of elements: few, many, and those around what tiles and blocks are made of.
pub const SIZES: [usize; 10] = [0, 1, 2, 63, 64, 65, 1000, 1025, 5000, 70_000];

/// Numbers of all kinds, special ones among them.
pub fn values(n: usize, seed: usize) -> Tensor {
    let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e-40, 3e38];
    let value = |i: usize| {
        let k = (i + seed) * 7919 % 4001;
        if k.is_multiple_of(101) { special[k / 101 % 6] } else { k as f32 / 400.0 - 5.0 }
    };
    Tensor::from((0..n).map(value).collect::<Vec<f32>>())
}

/// The bits of the elements.
pub fn bits(x: &Tensor) -> Vec<u32> {
    // One NaN is as good as another.
    x.to_vec().iter().map(|v| if v.is_nan() { u32::MAX } else { v.to_bits() }).collect()
}

/// The body as written and the plan, at every instruction level and number of threads.
pub fn same<R>(call: impl Fn() -> R, seen: impl Fn(&R) -> Vec<Vec<u32>>) {
    for level in 0..testing::levels() {
        testing::at_level(level, || {
            let expected = seen(&jit_runtime::eager(&call));
            for threads in [1, 3] {
                jit_runtime::set_threads(threads);
                assert!(seen(&call()) == expected, "instruction level {level}, {threads} threads");
            }
        });
    }
}
