//! Values against f64: what would cancel, overflow or be counted in floats if it were computed as it is defined. Each op
//! has one value in every mode: plain Rust, script (with and without native kernels and passes), trace, interpreter.

#![allow(clippy::modulo_one, reason = "the remainder by -1 is among what is tested")]

use std::fmt::Debug;
use std::sync::Arc;

use jit_ir::interp::{self, Value};
use jit_ir::{Graph, Scalar, TensorData};
use jit_runtime::prelude::*;
use jit_runtime::testing;
use proptest::prelude::*;

/// Declares functions as plain Rust, scripts and a trace, and what runs them all: the bits must be those of plain Rust.
macro_rules! modes {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block)*) => {
        mod plain {
            use super::*;
            $(pub(super) fn $name($($arg: $ty),*) -> $ret $body)*
        }
        mod script {
            use super::*;
            $(#[script] pub(super) fn $name($($arg: $ty),*) -> $ret $body)*
        }
        mod native {
            use super::*;
            $(#[script(native)] pub(super) fn $name($($arg: $ty),*) -> $ret $body)*
        }
        mod traced {
            use super::*;
            $(#[trace] pub(super) fn $name($($arg: $ty),*) -> $ret $body)*
        }
        $(fn $name($($arg: $ty),*) -> $ret {
            let expected = plain::$name($($arg),*);
            let is = |got: &$ret, mode: &str| {
                assert!(got.same(&expected), "{} as {mode}: {got:?}, as plain Rust {expected:?}", stringify!($name));
            };
            is(&script::$name($($arg),*), "a script");
            is(&testing::without_passes(|| script::$name($($arg),*)), "a script without passes");
            is(&native::$name($($arg),*), "a script with native kernels");
            for _ in 0..3 {
                is(&traced::$name($($arg),*), "a trace");
            }
            expected
        })*
    };
}

/// Equality of shape and bits, all NaNs alike.
trait Same: Debug {
    fn same(&self, other: &Self) -> bool;
}

macro_rules! same {
    ($($T:ty)*) => {$(
        impl Same for Tensor<$T> {
            fn same(&self, other: &Self) -> bool {
                let bits = |x: &Self| x.to_vec().into_iter().map(jit_ir::Prim::canonical_bits).collect::<Vec<u64>>();
                self.shape() == other.shape() && bits(self) == bits(other)
            }
        }
    )*};
}
same!(f32 f64 i32 i64 u8);

impl<A: Same, B: Same> Same for (A, B) {
    fn same(&self, other: &Self) -> bool {
        self.0.same(&other.0) && self.1.same(&other.1)
    }
}

impl<A: Same, B: Same, C: Same> Same for (A, B, C) {
    fn same(&self, other: &Self) -> bool {
        self.0.same(&other.0) && self.1.same(&other.1) && self.2.same(&other.2)
    }
}

modes! {
    fn last_f32(x: &Tensor<f32>) -> (Tensor<f32>, Tensor<f32>, Tensor<f32>) {
        (x.softmax(-1), x.log_softmax(-1), x.logsumexp(-1))
    }
    fn last_f64(x: &Tensor<f64>) -> (Tensor<f64>, Tensor<f64>, Tensor<f64>) {
        (x.softmax(-1), x.log_softmax(-1), x.logsumexp(-1))
    }
    fn first_f32(x: &Tensor<f32>) -> (Tensor<f32>, Tensor<f32>, Tensor<f32>) {
        (x.softmax(0), x.log_softmax(0), x.logsumexp(0))
    }
    fn first_f64(x: &Tensor<f64>) -> (Tensor<f64>, Tensor<f64>, Tensor<f64>) {
        (x.softmax(0), x.log_softmax(0), x.logsumexp(0))
    }
    fn loss_f32(x: &Tensor<f32>, labels: &Tensor<i64>) -> Tensor<f32> { x.cross_entropy(labels) }
    fn loss_f64(x: &Tensor<f64>, labels: &Tensor<i64>) -> Tensor<f64> { x.cross_entropy(labels) }
    fn spread_f32(x: &Tensor<f32>) -> (Tensor<f32>, Tensor<f32>) { (x.var_axis(-1), x.std_axis(0)) }
    fn spread_f64(x: &Tensor<f64>) -> (Tensor<f64>, Tensor<f64>) { (x.var_axis(-1), x.std_axis(0)) }
    fn written_f32(x: &Tensor<f32>) -> (Tensor<f32>, Tensor<f32>) {
        let most = x.max_keepdim(-1);
        let exps = (x - &most).exp();
        (&exps / exps.sum_keepdim(-1) + (x - &most).maximum(-1.0), most)
    }
    fn written_f64(x: &Tensor<f64>) -> (Tensor<f64>, Tensor<f64>) {
        let most = x.max_keepdim(-1);
        let exps = (x - &most).exp();
        (&exps / exps.sum_keepdim(-1) + (x - &most).maximum(-1.0), most)
    }
    fn steps_i64(a: i64, b: i64, step: i64) -> Tensor<i64> { Tensor::<i64>::arange(a, b, step) }
    fn steps_i32(a: i32, b: i32, step: i32) -> Tensor<i32> { Tensor::<i32>::arange(a, b, step) }
    fn steps_f32(a: f32, b: f32, step: f32) -> Tensor<f32> { Tensor::<f32>::arange(a, b, step) }
    fn near_the_end() -> Tensor<i64> { Tensor::<i64>::arange(9_223_372_036_854_775_804, 9_223_372_036_854_775_807, 2) }
    fn divided(x: &Tensor<i64>, y: &Tensor<i64>) -> (Tensor<i64>, Tensor<i64>) { (x / y, x % y) }
    fn divided_euclid(x: &Tensor<i64>, y: &Tensor<i64>) -> (Tensor<i64>, Tensor<i64>) {
        (x.div_euclid(y), x.rem_euclid(y))
    }
    fn by_minus_one(x: &Tensor<i64>) -> (Tensor<i64>, Tensor<i64>, Tensor<i64>) {
        (x / -1, (x % -1) + x.div_euclid(-1), x.rem_euclid(-1))
    }
    fn signs(x: &Tensor<i64>) -> (Tensor<i64>, Tensor<i64>, Tensor<i64>) { (-x, x.abs(), x.square() - x.signum()) }
    fn divided_i32(x: &Tensor<i32>, y: &Tensor<i32>) -> (Tensor<i32>, Tensor<i32>) { (x / y, x % y) }
    fn signs_i32(x: &Tensor<i32>) -> (Tensor<i32>, Tensor<i32>, Tensor<i32>) {
        (-x, x.abs() + x.div_euclid(-1), x.square() - x.signum())
    }
    fn rolled(x: &Tensor<i64>, by: i64) -> Tensor<i64> { x.roll(0, by) }
    fn triangles(x: &Tensor<i64>, k: i64) -> (Tensor<i64>, Tensor<i64>) { (x.triu(k), x.tril(k)) }
    fn sums(x: &Tensor<i64>) -> (Tensor<i64>, Tensor<i64>, Tensor<i64>) { (x.sum(), x.prod(), x.cumsum(0)) }
    fn extremes(x: &Tensor<i64>) -> (Tensor<i64>, Tensor<i64>, Tensor<i64>) { (x.max() - x.min(), x.argmax(), x.clamp(-1, 1)) }
    fn smooth(x: &Tensor<f64>) -> (Tensor<f64>, Tensor<f64>) { (x.softplus(), x.sigmoid().ln()) }
    fn powers(x: &Tensor<f64>) -> (Tensor<f64>, Tensor<f64>) { (x.powi(-3), x.powi(-2147483647)) }
}

/// The interpreter's value of an op along an axis.
fn interpreted(op: &str, dtype: &str, axis: i64, shape: &[usize], x: &[Scalar]) -> Vec<u64> {
    let text = format!(
        "fn f(%x: {dtype}[*]) -> {dtype}[*] {{\n  %r: {dtype}[*] = {op}(%x) {{axes = [{axis}]}}\n  return %r\n}}\n"
    );
    let graph = Graph::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let x = TensorData::from_scalars(x[0].dtype(), shape.to_vec(), x);
    let got = interp::run(&graph, &[Value::Tensor(Arc::new(x))], Some(&testing::approx)).expect("it runs");
    let Value::Tensor(got) = &got[0] else { panic!("{op} gives a tensor") };
    got.scalars().into_iter().map(Scalar::canonical_bits).collect()
}

/// Softmax, its logarithm and the logarithm of the sum, of a row in f64.
fn reference(row: &[f64]) -> (Vec<f64>, Vec<f64>, f64) {
    let most = row.iter().copied().fold(f64::NEG_INFINITY, |m, v| if v > m || v.is_nan() { v } else { m });
    let distances: Vec<f64> = row.iter().map(|v| v - most).collect();
    let total: f64 = distances.iter().map(|d| d.exp()).sum();
    let log = total.ln();
    let all = match () {
        () if row.iter().any(|v| v.is_nan()) => f64::NAN,
        () if most.is_infinite() => most,
        () => most + log,
    };
    (distances.iter().map(|d| d.exp() / total).collect(), distances.iter().map(|d| d - log).collect(), all)
}

/// Within some roundings of the larger of the value and `size`.
fn near(got: f64, exact: f64, size: f64, eps: f64) -> bool {
    (got.is_nan() && exact.is_nan()) || got == exact || (got - exact).abs() <= eps * exact.abs().max(size)
}

macro_rules! rows {
    ($check:ident $T:ident $last:ident $first:ident $loss:ident $written:ident $spread:ident) => {
        /// Rows of a tensor along its last axis, and along its first.
        fn $check(values: &[f64], n: usize) {
            // The values as the element type has them.
            let values: Vec<$T> = values.iter().map(|v| *v as $T).collect();
            let m = values.len() / n;
            let eps = 16.0 * f64::from($T::EPSILON);
            let x = Tensor::from_vec(values.clone(), [m, n]).unwrap();
            let strided = Tensor::stack(&[&x, &x], 2).index_axis(2, 1);
            let columns = x.t();
            let along_last = $last(&x);
            assert!(along_last.same(&$last(&strided)), "strided rows");
            assert!(along_last.same(&$last(&x.t().flip(0).flip(0).t())), "rows of a transposed copy");
            let along_first = $first(&columns);
            let turned = (along_first.0.t(), along_first.1.t(), along_first.2);
            assert!(
                along_last.same(&turned),
                "rows of {n} along the first axis:\n{turned:?}\n{along_last:?}"
            );
            let (shares, logs, totals) = &along_last;
            for r in 0..m {
                let row: Vec<f64> = values[r * n..(r + 1) * n].iter().map(|v| f64::from(*v)).collect();
                let (s, l, t) = reference(&row);
                assert!(near(f64::from(totals[r]), t, 1.0, eps), "logsumexp of {row:?}: {}", totals[r]);
                for i in 0..n {
                    let (share, log) = (f64::from(shares[[r, i]]), f64::from(logs[[r, i]]));
                    // An error of the distance is one of the quotient.
                    let size = 1.0 + (row[i] - row.iter().copied().fold(f64::MIN, f64::max)).abs();
                    let size = if size.is_finite() { size } else { 1.0 };
                    let least = f64::from($T::MIN_POSITIVE);
                    assert!(
                        near(share, s[i], least, eps * size),
                        "softmax of {row:?}: {share}, not {}",
                        s[i]
                    );
                    // What is too large for the element type is infinite.
                    let exact = f64::from(l[i] as $T);
                    assert!(near(log, exact, 1.0, eps), "log_softmax of {row:?}: {log}, not {exact}");
                }
            }
            let scalars: Vec<Scalar> = values.iter().map(|v| jit_ir::Prim::to_scalar(*v)).collect();
            let bits =
                |x: &Tensor<$T>| x.to_vec().into_iter().map(jit_ir::Prim::canonical_bits).collect::<Vec<_>>();
            let dtype = stringify!($T);
            for (op, got) in [("softmax", shares), ("log_softmax", logs), ("logsumexp", totals)] {
                assert_eq!(interpreted(op, dtype, -1, &[m, n], &scalars), bits(got), "{op} of {values:?}");
            }
            let labels = Tensor::from((0..m).map(|r| (r * 7 % n) as i64).collect::<Vec<i64>>());
            let loss = f64::from($loss(&x, &labels).item());
            let chosen = logs.gather(1, &labels.unsqueeze(1));
            let exact = -f64::from(chosen.mean().item());
            assert!(near(loss, exact, 1e-3, eps), "cross_entropy: {loss}, not {exact}");
            $written(&x);
            $written(&strided);
            let (var, _) = $spread(&x);
            for r in 0..m {
                let row: Vec<f64> = values[r * n..(r + 1) * n].iter().map(|v| f64::from(*v)).collect();
                let mean = row.iter().sum::<f64>() / n as f64;
                let exact = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n as f64;
                let exact = f64::from(exact as $T);
                // The mean's rounding, squared, is all that large elements may leave.
                let size = f64::from(((mean * eps).powi(2) * 4.0) as $T).max(f64::from($T::MIN_POSITIVE));
                let got = f64::from(var[r]);
                assert!(
                    !exact.is_finite() || (got - exact).abs() <= eps * 8.0 * exact + size,
                    "var of {row:?}: {got}, not {exact}"
                );
            }
        }
    };
}
rows!(check_f32 f32 last_f32 first_f32 loss_f32 written_f32 spread_f32);
rows!(check_f64 f64 last_f64 first_f64 loss_f64 written_f64 spread_f64);

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn rows_have_the_values_of_f64(
        n in prop::sample::select(vec![1_usize, 2, 7, 64, 1000]),
        offset in prop::sample::select(vec![0.0, 1e3, -1e4, 1e6, -1e6, 1e8, 3e30]),
        scale in prop::sample::select(vec![0.0, 1e-3, 1.0, 20.0]),
        seed in 0_u64..1000,
    ) {
        let element = |i: u64| ((i.wrapping_add(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / (1 << 23) as f64 - 1.0) * scale;
        let values: Vec<f64> = (0..3 * n as u64).map(|i| offset + element(i)).collect();
        check_f32(&values, n);
        check_f64(&values, n);
    }
}

#[test]
fn special_rows() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for row in [
        [inf, 1.0],
        [inf, inf],
        [-inf, -inf],
        [-inf, 2.0],
        [inf, -inf],
        [nan, 1.0],
        [nan, inf],
        [1.0, nan],
        [-inf, nan],
        [0.0, -0.0],
        [-0.0, -200.0],
        [3e38, -3e38],
    ] {
        for n in [2_usize, 7, 64, 1000] {
            let values: Vec<f64> = (0..n).map(|i| if i == n - 1 { row[0] } else { row[1] }).collect();
            let values = [values, vec![0.5; n]].concat();
            check_f32(&values, n);
            check_f64(&values, n);
        }
    }
    let y = last_f32(&Tensor::from([[f32::INFINITY, 1.0]]));
    assert!(y.0.is_nan().all().item() && y.1.is_nan().all().item() && y.2.item() == f32::INFINITY, "{y:?}");
    let y = last_f32(&Tensor::from([[f32::NEG_INFINITY; 3]]));
    assert!(
        y.0.is_nan().all().item() && y.1.is_nan().all().item() && y.2.item() == f32::NEG_INFINITY,
        "{y:?}"
    );
    // Other rows stay as they are.
    let y = last_f64(&Tensor::from([[nan, 1.0], [1.0, 1.0]])).0;
    assert!(y.index_axis(0, 1) == Tensor::from([0.5, 0.5]), "{y}");
}

#[test]
fn large_logits_lose_nothing() {
    let ln2 = std::f32::consts::LN_2;
    for v in [1e3_f32, 1e4, 1e6, 1e8, -1e6, 3e38] {
        let logs = last_f32(&Tensor::from([[v, v]])).1.to_vec();
        assert!(logs.iter().all(|l| (l + ln2).abs() <= 1e-7), "{v}: {logs:?}");
        let loss = loss_f32(&Tensor::from([[v, v], [v, v]]), &Tensor::from([0_i64, 1])).item();
        assert!((loss - ln2).abs() <= 1e-7, "{v}: {loss}");
    }
    // A label of no weight costs infinitely much, a row without a distribution has no loss.
    let (inf, labels) = (f32::INFINITY, Tensor::from([0_i64]));
    assert_eq!(loss_f32(&Tensor::from([[-inf, 1.0]]), &labels).item(), inf);
    assert!(loss_f32(&Tensor::from([[inf, 1.0]]), &labels).item().is_nan());
    assert!(loss_f32(&Tensor::from([[-inf, -inf]]), &labels).item().is_nan());
}

fn step_by(a: i64, b: i64, step: i64) -> Vec<i64> {
    let (a, b, step) = (i128::from(a), i128::from(b), i128::from(step));
    let mut values = Vec::new();
    let mut v = a;
    while (step > 0 && v < b) || (step < 0 && v > b) {
        values.push(v as i64);
        v += step;
    }
    values
}

#[test]
fn ranges_of_integers() {
    let (least, most) = (i64::MIN, i64::MAX);
    for (a, b, step) in [
        (0, 10, 3),
        (0, 9, 3),
        (10, 0, -3),
        (0, 10, -1),
        (5, 5, 2),
        (most - 2, most, 1),
        (least + 3, least, -1),
        (least, most, 1 << 60),
        (most, least, -(1 << 60)),
        (least, most, most),
        (most, least, least),
        (0, 144_962_911_544_046_900, 1_449_629_115_440_469),
        ((1 << 53) - 2, (1 << 53) + 6, 1),
    ] {
        assert_eq!(steps_i64(a, b, step).to_vec(), step_by(a, b, step), "{a}..{b} by {step}");
        let text = "fn f(%a: i64, %b: i64, %s: i64) -> i64[*] {\n  %r: i64[*] = arange(%a, %b, %s) {dtype = i64}\n  return %r\n}\n";
        let graph = Graph::parse(text).unwrap();
        let args = [a, b, step].map(|v| Value::Scalar(Scalar::I64(v)));
        let got = interp::run(&graph, &args, None).unwrap();
        let Value::Tensor(got) = &got[0] else { panic!("a range is a tensor") };
        let got: Vec<i64> = got.scalars().into_iter().map(Scalar::as_i64).collect();
        assert_eq!(got, step_by(a, b, step), "{a}..{b} by {step}, interpreted");
    }
    let (least, most) = (i32::MIN, i32::MAX);
    assert_eq!(steps_i32(least, most, 1 << 30).to_vec(), [least, -(1 << 30), 0, 1 << 30]);
    assert_eq!(steps_i32(most, least, least).to_vec(), [most, -1]);
    assert_eq!(Tensor::<u8>::arange(250, 255, 2).to_vec(), [250, 252, 254]);
    assert_eq!(near_the_end().to_vec(), [i64::MAX - 3, i64::MAX - 1]);
    // Floats are counted as before.
    assert_eq!(steps_f32(0.0, 1.0, 0.25).to_vec(), [0.0, 0.25, 0.5, 0.75]);
    assert_eq!(steps_f32(1.0, -1.0, -1.0).to_vec(), [1.0, 0.0]);
    for (a, b, step, message) in [
        (0, 5, 0, "arange: step 0 never reaches the end"),
        (
            0,
            i64::MAX,
            1,
            "arange: 0..9223372036854775807 by 1 has 9223372036854775807 values, which is too many for a tensor",
        ),
    ] {
        let error = script::steps_i64::try_call(a, b, step).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
        let error = traced::steps_i64::try_call(a, b, step).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn lengths_of_constant_ranges_are_known_at_build_time() {
    let text =
        "fn f() -> i64[*] {\n  %r: i64[*] = arange(0_i64, 10_i64, 3_i64) {dtype = i64}\n  return %r\n}\n";
    let mut graph = Graph::parse(text).unwrap();
    jit_ir::infer::infer(&mut graph).unwrap();
    assert!(graph.to_string().contains("%r: i64[4] = arange"), "{graph}");
}

#[test]
fn the_smallest_integer_wraps() {
    let (least, most) = (i64::MIN, i64::MAX);
    let values = [least, least + 1, -7, -1, 0, 1, 7, most];
    for n in [1, 8, 100] {
        let x = Tensor::from((0..n).map(|i| values[i % 8]).collect::<Vec<i64>>());
        let narrow = Tensor::from((0..n).map(|i| [i32::MIN, -1, 5, i32::MAX][i % 4]).collect::<Vec<i32>>());
        let got = signs(&x);
        for i in 0..n {
            let v = values[i % 8];
            let expected = (v.wrapping_neg(), v.wrapping_abs(), v.wrapping_mul(v).wrapping_sub(v.signum()));
            assert_eq!((got.0[i], got.1[i], got.2[i]), expected, "{v}");
        }
        for by in [-1, 1, least, most, 3, -3] {
            let y = Tensor::full([n], by);
            let (q, r) = divided(&x, &y);
            let (qe, re) = divided_euclid(&x, &y);
            for i in 0..n {
                let v = values[i % 8];
                let expected = [
                    v.wrapping_div(by),
                    v.wrapping_rem(by),
                    v.wrapping_div_euclid(by),
                    v.wrapping_rem_euclid(by),
                ];
                assert_eq!([q[i], r[i], qe[i], re[i]], expected, "{v} by {by}");
            }
        }
        let (q, sum, r) = by_minus_one(&x);
        let negated = x.to_vec().into_iter().map(i64::wrapping_neg).collect::<Vec<_>>();
        assert_eq!((q.to_vec(), sum.to_vec(), r.to_vec()), (negated.clone(), negated, vec![0; n]));
        divided_i32(&narrow, &Tensor::full([n], -1));
        signs_i32(&narrow);
        let zero = Tensor::<i64>::zeros([n]);
        for error in [
            script::divided::try_call(&x, &zero).unwrap_err(),
            native::divided::try_call(&x, &zero).unwrap_err(),
            traced::divided::try_call(&x, &zero).unwrap_err(),
            script::divided_euclid::try_call(&x, &zero).unwrap_err(),
        ] {
            assert!(error.to_string().contains("division by zero"), "{error}");
        }
    }
}

#[test]
fn offsets_and_sums_at_the_limits() {
    let x = Tensor::<i64>::arange(0, 7, 1);
    let m = Tensor::<i64>::arange(1, 13, 1).reshape([3, 4]);
    for by in [i64::MIN, i64::MIN + 1, -8, 0, 8, i64::MAX - 1, i64::MAX] {
        let expected: Vec<i64> =
            (0..7).map(|i| (i128::from(i) - i128::from(by)).rem_euclid(7) as i64).collect();
        assert_eq!(rolled(&x, by).to_vec(), expected, "by {by}");
        let (upper, lower) = triangles(&m, by);
        for (i, j) in (0..3).flat_map(|i| (0..4).map(move |j| (i, j))) {
            let d = i128::from(j as i64) - i128::from(i as i64);
            let kept = |yes: bool| if yes { m[[i, j]] } else { 0 };
            assert_eq!(upper[[i, j]], kept(d >= i128::from(by)));
            assert_eq!(lower[[i, j]], kept(d <= i128::from(by)));
        }
    }
    let wide = Tensor::from([i64::MAX, 1, i64::MIN, -1, 3]);
    let (sum, product, running) = sums(&wide);
    assert_eq!((sum.item(), product.item()), (2, i64::MAX.wrapping_mul(i64::MIN).wrapping_mul(-3)));
    assert_eq!(running.to_vec(), [i64::MAX, i64::MIN, 0, -1, 2]);
    let (range, at, held) = extremes(&wide);
    assert_eq!((range.item(), at.item(), held.to_vec()), (-1, 0, vec![1, 1, -1, -1, 1]));
}

#[test]
fn functions_far_out() {
    let x = Tensor::from([-1e308, -750.0, -40.0, -1e-20, 0.0, 1e-20, 40.0, 750.0, 1e308]);
    let (soft, logs) = smooth(&x);
    assert_eq!(soft[0], 0.0);
    assert!((soft[2] / (-40.0_f64).exp() - 1.0).abs() < 1e-14);
    assert_eq!((soft[7], soft[8]), (750.0, 1e308));
    assert_eq!(logs[8], 0.0);
    let (cubes, last) = powers(&Tensor::from([2.0, -2.0, 0.0, 1.0, -1.0, f64::INFINITY]));
    assert_eq!(cubes.to_vec(), [0.125, -0.125, f64::INFINITY, 1.0, -1.0, 0.0]);
    assert_eq!(last.to_vec(), [0.0, 0.0, f64::INFINITY, 1.0, -1.0, 0.0]);
    let ends = Tensor::<f64>::linspace(f64::MIN, f64::MAX, 3);
    assert_eq!(ends.to_vec(), [f64::MIN, 0.0, f64::MAX]);
}
