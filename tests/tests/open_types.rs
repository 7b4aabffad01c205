//! Bodies with types left out wherever rustc allows it (written by `build.rs`): plain Rust, script, eager mode, the graph without
//! passes, and the function as a trace give the same.
#![allow(warnings, clippy::all)]

use jit_runtime::prelude::*;
use jit_tests::same;

#[derive(Clone, Debug, PartialEq, Pytree)]
struct Inner {
    k: i64,
    w: f32,
}

#[derive(Clone, Debug, PartialEq, Pytree)]
struct S {
    n: usize,
    k: i64,
    i: i32,
    c: u8,
    f: f32,
    g: f64,
    flag: bool,
    t: Tensor,
    ii: Tensor<i64>,
    ks: Vec<i64>,
    fs: Vec<f32>,
    arr: [f64; 3],
    pair: (i64, f32),
    inner: Inner,
    list: Vec<Inner>,
    pairs: Vec<(i64, f32)>,
}

type Out = (i64, f32, f64, usize, Vec<i64>, Inner, [f64; 3], Tensor);

#[script]
fn count(x: &Tensor) -> usize {
    x.len() + 2
}

#[script]
fn byte(x: &Tensor) -> u8 {
    x.len() as u8 * 9
}

#[script]
fn small(x: &Tensor) -> i32 {
    x.len() as i32 - 5
}

#[script]
fn whole(x: &Tensor) -> i64 {
    x.len() as i64 * 7
}

#[script]
fn precise(x: &Tensor) -> f64 {
    x.sum().item() as f64
}

#[script]
fn both(x: &Tensor) -> (i64, f32) {
    (x.len() as i64, x[0] + 0.1)
}

#[script]
fn many(x: &Tensor) -> Vec<Tensor> {
    vec![x.clone(), x * 3.0]
}

#[script]
fn numbers(x: &Tensor) -> Vec<i64> {
    vec![3, 2 * x.len() as i64]
}

#[script]
fn order(x: &Tensor) -> Tensor<i64> {
    x.argsort(0)
}

#[script]
fn moved(s: Inner) -> Inner {
    Inner { k: s.k % 1000 + 1, ..s }
}

fn inputs() -> Vec<(S, Tensor, i64)> {
    let s = |k: i64, f: f32, flag| S {
        n: k.unsigned_abs() as usize % 7,
        k,
        i: (k % 50) as i32,
        c: (k & 127) as u8,
        f,
        g: f as f64 * 0.3,
        flag,
        t: Tensor::from([f, 0.5, -f]),
        ii: Tensor::from([k % 9, 2, 3]),
        ks: vec![k % 11, 4, 5],
        fs: vec![0.1, f],
        arr: [1.0, 0.7, f as f64],
        pair: (k % 13, f * 0.1),
        inner: Inner { k: k % 17, w: 0.3 },
        list: vec![Inner { k: 1, w: 0.5 }, Inner { k: 2, w: f }],
        pairs: vec![(1, 0.5), (k % 5, 0.25)],
    };
    vec![
        (s(7, 0.75, true), Tensor::from([1.0, -0.5, 0.25]), 3),
        (s(-23, -1.5, false), Tensor::from([0.1, 2.0, 0.5]), -8),
        (s(100, 2.5, true), Tensor::from([3.0, 1.0, -2.0]), 50),
    ]
}

macro_rules! programs {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block)*) => {
        $(
            #[script]
            fn $name($($arg: $ty),*) -> $ret $body
        )*
        mod plain {
            use super::*;
            $(pub(super) fn $name($($arg: $ty),*) -> $ret $body)*
        }
        mod traced {
            use super::*;
            $(#[trace] pub(super) fn $name($($arg: $ty),*) -> $ret $body)*
        }
        mod modes {
            use super::*;
            $(
                #[test]
                fn $name() {
                    for (s, x, k) in inputs() {
                        let expected = plain::$name(&s, &x, k);
                        for call in ["first", "second"] {
                            let got = crate::$name(&s, &x, k);
                            assert!(same(&got, &expected), "{call} call: {got:?}, expected {expected:?}");
                        }
                        let got = jit_runtime::testing::without_passes(|| crate::$name(&s, &x, k));
                        assert!(same(&got, &expected), "without passes: {got:?}, expected {expected:?}");
                        let got = jit_runtime::eager(|| crate::$name(&s, &x, k));
                        assert!(same(&got, &expected), "eager: {got:?}, expected {expected:?}");
                        for call in ["recorded", "checked", "replayed"] {
                            let got = traced::$name(&s, &x, k);
                            assert!(same(&got, &expected), "{call}: {got:?}, expected {expected:?}");
                        }
                    }
                }
            )*
        }
    };
}
include!(concat!(env!("OUT_DIR"), "/open_types.rs"));
