//! Random programs of nested control flow (written by `build.rs`): plain Rust, eager, script, the interpreter,
//! and the interpreter after all passes but one give the same bits. So do the program as a traced function, a traced
//! function that calls the script, and a script that calls the traced function, each on inputs that take other paths.
//!
//! This is for builds without optimisation: otherwise rustc computes `tanh` of a constant itself, and rounds it otherwise than
//! the same call does when it runs, so that plain Rust disagrees with itself.
#![allow(warnings, clippy::all)]

use std::sync::Arc;

use jit_ir::interp::{self, Value};
use jit_ir::passes::PIPELINE;
use jit_ir::{DType, Graph, Scalar, TensorData, infer};
use jit_runtime::prelude::*;
use jit_runtime::testing::{self, Layout};
use jit_tests::program_inputs as inputs;

type Out = (i64, f32, Tensor);

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
        /// Scripts in traces.
        mod around {
            use super::*;
            $(
                #[trace]
                pub(super) fn $name(a: i64, b: i64, x: f32, t: &Tensor) -> Out {
                    let (n, v, u) = crate::$name(a, b, x, &(t * 1.0));
                    if v > 0.5 { (n, v, u * 2.0) } else { (n + 1, v, u) }
                }
            )*
        }
        /// Traces in scripts.
        mod inside {
            use super::*;
            $(
                #[script]
                pub(super) fn $name(a: i64, b: i64, x: f32, t: &Tensor) -> Out {
                    let (n, v, u) = traced::$name(a, b, x, t);
                    if v > 0.5 { (n, v, u * 2.0) } else { (n + 1, v, u) }
                }
            )*
        }
        mod traces {
            use super::*;
            $(
                #[test]
                fn $name() {
                    for _ in 0..3 {
                        for (a, b, x, t) in inputs() {
                            for t in others(&t) {
                                let expected = plain::$name(a, b, x, &t);
                                let got = text(&traced::$name(a, b, x, &t));
                                assert_eq!(got, text(&expected), "trace on {a} {b} {x} {t:?}");
                                let (n, v, u) = expected;
                                let expected = text(&if v > 0.5 { (n, v, u * 2.0) } else { (n + 1, v, u) });
                                let got = text(&around::$name(a, b, x, &t));
                                assert_eq!(got, expected, "script in trace on {a} {b} {x} {t:?}");
                                let got = text(&inside::$name(a, b, x, &t));
                                assert_eq!(got, expected, "trace in script on {a} {b} {x} {t:?}");
                            }
                        }
                    }
                    for graph in traced::$name::graphs() {
                        let again = Graph::parse_with(&graph.to_string(), &graph.constants()).unwrap();
                        assert_eq!(again, graph);
                    }
                    let stats = traced::$name::stats();
                    assert!(stats.recordings > 0 && stats.recordings as usize == stats.paths, "{stats}");
                }
            )*
        }
        mod modes {
            use super::*;
            $(
                #[test]
                fn $name() {
                    let graph = testing::linked::<(i64, i64, f32, &Tensor), Out>(&crate::$name::graph());
                    for (a, b, x, t) in inputs() {
                        let expected = text(&plain::$name(a, b, x, &t));
                        let script = text(&crate::$name(a, b, x, &t));
                        assert_eq!(script, expected, "script on {a} {b} {x} {t:?}");
                        let eager = text(&jit_runtime::eager(|| crate::$name(a, b, x, &t)));
                        assert_eq!(eager, expected, "eager");
                        compare(&graph, (a, b, x, &t), &plain::$name(a, b, x, &t));
                    }
                    // No run fell back to the graph as written.
                    assert_eq!(testing::fallbacks(), 0);
                }
            )*
        }
    };
}

/// The tensor, and others that may take other paths.
fn others(t: &Tensor) -> [Tensor; 4] {
    [t.clone(), t + 1.0, t * -2.0, t.flip(0)]
}

fn text(out: &Out) -> String {
    format!("{out:?}")
}

fn tensor(t: &Tensor) -> Value {
    let scalars: Vec<Scalar> = t.to_vec().into_iter().map(Scalar::F32).collect();
    Value::Tensor(Arc::new(TensorData::from_scalars(DType::F32, t.shape().to_vec(), &scalars)))
}

fn same(got: &[Value], expected: &Out) -> bool {
    let wanted =
        [Value::Scalar(Scalar::I64(expected.0)), Value::Scalar(Scalar::F32(expected.1)), tensor(&expected.2)];
    got.len() == 3 && got.iter().zip(&wanted).all(|(a, b)| a.same_bits(b))
}

fn compare(graph: &Graph, (a, b, x, t): (i64, i64, f32, &Tensor), expected: &Out) {
    let args = [
        Value::Scalar(Scalar::I64(a)),
        Value::Scalar(Scalar::I64(b)),
        Value::Scalar(Scalar::F32(x)),
        tensor(t),
    ];
    for optimise in [false, true] {
        let got = testing::run(graph, &args, Layout::Plain, optimise).unwrap();
        assert!(same(&got, expected), "optimise: {optimise}\n{graph}");
    }
    let got = interp::run(graph, &args, Some(&testing::approx)).unwrap_or_else(|e| panic!("{e}\n{graph}"));
    assert!(same(&got, expected), "interpreter: {got:?}\n{graph}");
    // All passes, and all but one.
    for left_out in 0..=PIPELINE.len() {
        let mut passed = graph.clone();
        infer::infer(&mut passed).unwrap();
        for (i, (_, pass)) in PIPELINE.iter().enumerate() {
            if i != left_out {
                pass(&mut passed);
            }
        }
        jit_ir::verify::verify(&passed).unwrap();
        let got =
            interp::run(&passed, &args, Some(&testing::approx)).unwrap_or_else(|e| panic!("{e}\n{passed}"));
        assert!(same(&got, expected), "without pass {left_out}\n{passed}");
    }
}

include!(concat!(env!("OUT_DIR"), "/programs.rs"));
