//! Groups with reductions, which run row by row: the same bits as op by op, for rows of all lengths, in all layouts, at
//! any number of threads.

use std::sync::Arc;

use jit_ir::interp::{self, Value};
use jit_ir::{DType, Graph, Scalar, TensorData};
use jit_runtime::prelude::*;
use jit_runtime::testing::{self, Layout};

fn tensor(dtype: DType, shape: &[usize], seed: usize) -> Value {
    let n: usize = shape.iter().product();
    let special = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0, 3e38];
    let value = |i: usize| {
        let k = (i + seed) * 7919 % 10_007;
        // Few enough that most rows have none.
        let float = if k.is_multiple_of(997) { special[k / 997 % 5] } else { k as f64 / 999.0 - 5.0 };
        Scalar::F64(float).cast(dtype)
    };
    let scalars: Vec<Scalar> = (0..n).map(value).collect();
    Value::Tensor(Arc::new(TensorData::from_scalars(dtype, shape.to_vec(), &scalars)))
}

/// The optimised graph, beside the graph as it was written.
fn agrees(text: &str, args: &[Value]) {
    let graph = Graph::parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let small = args
        .iter()
        .all(|v| if let Value::Tensor(t) = v { t.shape.iter().product::<usize>() < 5000 } else { true });
    let reference = small.then(|| interp::run(&graph, args, Some(&testing::approx)).expect("it runs"));
    for layout in Layout::ALL {
        let expected = testing::run(&graph, args, layout, false).expect("it runs");
        if let Some(reference) = &reference {
            let same = reference.iter().zip(&expected).all(|(a, b)| a.same_bits(b));
            assert!(same, "{text}{layout:?}\n{expected:?}\nreference: {reference:?}");
        }
        for threads in [1, 2, 5] {
            jit_runtime::set_threads(threads);
            let got = testing::run(&graph, args, layout, true).expect("it runs");
            for (k, (a, b)) in got.iter().zip(&expected).enumerate() {
                assert!(
                    a.same_bits(b),
                    "{text}{layout:?}, {threads} threads, result {k}: {}",
                    first_difference(a, b)
                );
            }
        }
    }
}

fn first_difference(a: &Value, b: &Value) -> String {
    let (Value::Tensor(a), Value::Tensor(b)) = (a, b) else { return format!("{a:?} and {b:?}") };
    let n = a.shape.iter().product::<usize>();
    match (0..n).find(|i| !a.get(*i).same_bits(b.get(*i))) {
        Some(i) => format!("{:?}, element {i}: {:?}, expected {:?}", a.shape, a.get(i), b.get(i)),
        None => format!("{:?}, expected {:?}", a.shape, b.shape),
    }
}

const SHAPES: [[usize; 2]; 14] = [
    [1, 2],
    [3, 2],
    [700, 3],
    [5, 10],
    [1, 63],
    [64, 64],
    [65, 65],
    [130, 100],
    [3, 768],
    [200, 1000],
    [2, 4096],
    [3, 4097],
    [2, 20_000],
    [1, 300_001],
];

#[test]
fn softmax_between_ops() {
    for dtype in ["f32", "f64"] {
        let kind = if dtype == "f32" { DType::F32 } else { DType::F64 };
        let text = format!(
            "fn f(%x: {dtype}[*], %b: {dtype}[*], %s: {dtype}) -> ({dtype}[*], {dtype}[*]) {{
  %0: {dtype}[*] = add(%x, %b)
  %1: {dtype}[*] = mul(%0, %s)
  %2: {dtype}[*] = softmax(%1) {{axes = [-1]}}
  %3: {dtype}[*] = mul(%2, %x)
  %4: {dtype}[*] = logsumexp(%3) {{axes = [1]}}
  return %3, %4
}}
"
        );
        for [m, n] in SHAPES {
            let args = [
                tensor(kind, &[m, n], 1),
                tensor(kind, &[n], 5),
                Value::Scalar(Scalar::F64(0.25).cast(kind)),
            ];
            agrees(&text, &args);
        }
    }
}

#[test]
fn normalised_rows_with_scale_and_shift() {
    let text = "fn f(%x: f32[*], %g: f32[*], %b: f32[*]) -> (f32[*], f32[*], f32[*]) {
  %0: f32[*] = mean(%x) {axes = [-1], keep}
  %1: f32[*] = sub(%x, %0)
  %2: f32[*] = mul(%1, %1)
  %3: f32[*] = mean(%2) {axes = [-1], keep}
  %4: f32[*] = add(%3, 1e-5_f32)
  %5: f32[*] = rsqrt(%4)
  %6: f32[*] = mul(%1, %5)
  %7: f32[*] = mul(%6, %g)
  %8: f32[*] = add(%7, %b)
  %9: bool[*] = gt(%8, %0)
  return %8, %5, %9
}
";
    for [m, n] in SHAPES {
        // The shift is one row for all, or one value for each row.
        for shift in [[1, n], [m, 1], [1, 1], [m, n]] {
            agrees(
                text,
                &[tensor(DType::F32, &[m, n], 3), tensor(DType::F32, &[n], 9), tensor(DType::F32, &shift, 4)],
            );
        }
    }
}

#[test]
fn everything_reduced_between_ops() {
    let text = "fn f(%x: f32[*], %y: f32[*]) -> (f32[*], f32[*], f32[*]) {
  %0: f32[*] = mul(%x, %y)
  %1: f32[*] = abs(%0)
  %2: f32[] = max(%1)
  %3: f32[*] = div(%0, %2)
  %4: f32[] = mean(%3)
  %5: f32[*] = sub(%3, %4)
  %6: f32[] = min(%5)
  %7: f32[] = mul(%6, %2)
  %8: f32[*] = add(%5, %7)
  return %8, %6, %7
}
";
    for [m, n] in SHAPES {
        agrees(text, &[tensor(DType::F32, &[m, n], 2), tensor(DType::F32, &[m, n], 8)]);
        agrees(text, &[tensor(DType::F32, &[m, n], 2), tensor(DType::F32, &[1, n], 8)]);
    }
}

#[test]
fn more_than_two_axes_and_broadcasting_within() {
    let text = "fn f(%x: f32[*], %y: f32[*]) -> (f32[*], f32[*]) {
  %0: f32[*] = add(%x, %y)
  %1: f32[*] = max(%0) {axes = [-1], keep}
  %2: f32[*] = sub(%0, %1)
  %3: f32[*] = exp(%2)
  %4: f32[*] = sum(%3) {axes = [-1], keep}
  %5: f32[*] = ln(%4)
  %6: f32[*] = add(%5, %1)
  return %3, %6
}
";
    for [b, m, n] in [[2, 3, 5], [4, 65, 64], [3, 1, 70], [2, 40, 1000], [2, 2, 5000]] {
        for y in [[m, n], [1, n], [m, 1], [1, 1]] {
            agrees(text, &[tensor(DType::F32, &[b, m, n], 2), tensor(DType::F32, &y, 8)]);
        }
    }
}

#[test]
fn shapes_that_do_not_fit_rows_run_op_by_op() {
    // Values of two shapes with one scale for each row; rows of one element; no elements.
    let text = "fn f(%x: f32[*], %y: f32[*]) -> (f32[*], f32[*]) {
  %0: f32[*] = exp(%x)
  %1: f32[*] = sum(%0) {axes = [-1], keep}
  %2: f32[*] = div(%0, %1)
  %3: f32[*] = mul(%y, %1)
  %4: f32[*] = sum(%3) {axes = [-1], keep}
  %5: f32[*] = sub(%3, %4)
  return %2, %5
}
";
    for ([m, n], k) in [([5, 10], 7), ([5, 1], 1), ([5, 1], 3), ([0, 4], 4), ([3, 0], 2), ([70, 100], 64)] {
        agrees(text, &[tensor(DType::F32, &[m, n], 2), tensor(DType::F32, &[m, k], 8)]);
    }
}

/// Rows that go one by one through the runtime's own native kernels, and rows just too short or too long for it.
#[test]
fn ops_along_long_rows() {
    const LONG: [[usize; 2]; 7] = [[1, 383], [1, 384], [3, 500], [2, 2048], [1, 4096], [1, 4097], [90, 400]];
    let normalised = "  %0: T[*] = mean(%x) {axes = [-1], keep}
  %1: T[*] = sub(%x, %0)
  %2: T[*] = square(%1)
  %3: T[*] = mean(%2) {axes = [-1], keep}
  %4: T[*] = add(%3, 1e-5_T)
  %5: T[*] = rsqrt(%4)
  %6: T[*] = mul(%1, %5)
  %7: T[*] = mul(%6, %g)
  %r: T[*] = add(%7, %g)
";
    for (kind, dtype) in [(DType::F32, "f32"), (DType::F64, "f64")] {
        let one = ["softmax", "log_softmax", "logsumexp", "var", "std"]
            .map(|op| format!("  %r: T[*] = {op}(%x) {{axes = [-1]}}\n"));
        for body in one.iter().map(String::as_str).chain([normalised]) {
            let text = format!("fn f(%x: T[*], %g: T[*]) -> T[*] {{\n{body}  return %r\n}}\n")
                .replace("T[", &format!("{dtype}["));
            let text = text.replace("_T)", &format!("_{dtype})"));
            for [m, n] in LONG {
                agrees(&text, &[tensor(kind, &[m, n], 6), tensor(kind, &[n], 7)]);
            }
        }
    }
}

#[script]
fn layer(x: &Tensor, gamma: &Tensor, beta: &Tensor) -> Tensor {
    x.layer_norm(gamma, beta, 1e-3)
}

#[script]
fn shares(x: &Tensor) -> (Tensor, Tensor, Tensor) {
    (x.softmax(-1), (x * 0.5).softmax(-1) - 0.1, x.log_softmax(-1) * 2.0)
}

#[script]
fn alone(x: &Tensor) -> Tensor {
    x.softmax(-1)
}

/// Rows that are done in one go, and others.
#[test]
fn whole_rows_in_all_layouts() {
    let values = |sizes: &[usize]| {
        let element = |i: usize| ((i * 7919) % 1013) as f32 * 0.01 - 5.0;
        Tensor::from((0..sizes.iter().product()).map(element).collect::<Vec<f32>>()).reshape(sizes)
    };
    for threads in [1, 3] {
        jit_runtime::set_threads(threads);
        for n in [1, 2, 10, 16, 63, 64, 65, 192, 384, 1000, 4096, 4097] {
            let rows = if n == 192 { 3000 } else { 5 };
            let (x, g) = (values(&[rows, n]), values(&[n]));
            let turned = values(&[n, rows]);
            for x in [&x, &turned.t(), &x.reshape([rows, 1, n]), &x.slice_axis(0, 1, 3), &g] {
                shares::check(x).unwrap();
                alone::check(x).unwrap();
                let one = values(&[1]);
                for (gamma, beta) in
                    [(&g, &g), (&g.reshape([1, n]), &g), (&one, &g), (&g.reshape([1, 1, n]), &g)]
                {
                    layer::check(x, gamma, beta).unwrap();
                }
            }
            layer::check(&x, &x, &g).unwrap();
            layer::check(&values(&[0, n]), &g, &g).unwrap();
            shares::check(&values(&[0, n])).unwrap();
        }
    }
    let row = values(&[100]);
    let text = layer::lower(&values(&[3, 100]), &row, &row).explain();
    assert!(text.contains("a row in one go, row by row: mean sub square"), "{text}");
    let text = alone::lower(&row).explain();
    assert!(text.contains("a row in one go, row by row: max sub exp sum recip mul"), "{text}");
    let mut special = values(&[3, 100]);
    special[[0, 3]] = f32::NAN;
    special[[1, 4]] = f32::INFINITY;
    special[[2, 5]] = f32::NEG_INFINITY;
    shares::check(&special).unwrap();
    alone::check(&special).unwrap();
    layer::check(&special, &values(&[100]), &values(&[100])).unwrap();
}
