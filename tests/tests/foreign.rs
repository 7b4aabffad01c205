//! The table of other libraries' names: what it says to write exists, and gives what the other library gives.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use expect_test::expect_file;
use jit_ir::ops::foreign::{self, Kind};
use jit_ir::ops::{composite, methods};
use jit_runtime::prelude::*;
use jit_tests::methods as real;

/// The names that can follow a dot, and those that can follow `Tensor::` or `Key::`.
fn ours() -> (BTreeSet<String>, BTreeSet<String>) {
    let all = real::all();
    let (dotted, functions): (Vec<_>, Vec<_>) = all.into_iter().partition(|m| m.is_method);
    let mut dotted: BTreeSet<String> = dotted.into_iter().map(|m| m.name).collect();
    dotted.extend(methods::scalar_names());
    dotted.extend(["clone".into()]);
    let functions = functions.into_iter().filter(|m| m.call.starts_with("Tensor::"));
    let mut functions: BTreeSet<String> = functions.map(|m| m.name).collect();
    functions.insert("from".into());
    (dotted, functions)
}

/// The pieces in backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Each name that follows `before`.
fn called<'a>(code: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(before).filter_map(move |(at, _)| {
        let rest = &code[at + before.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let is_name = rest.starts_with(|c: char| c.is_alphabetic());
        (is_name && rest[end..].starts_with(['(', ':'])).then(|| &rest[..end])
    })
}

#[test]
fn what_is_suggested_exists() {
    let (dotted, functions) = ours();
    let texts = foreign::sections().flat_map(|(_, rows)| rows.map(|r| r.instead));
    for text in texts.chain(foreign::differences().map(|(_, text, _)| text)) {
        assert!(text.matches('`').count().is_multiple_of(2), "{text}");
        for code in code(text) {
            for name in called(code, ".").filter(|n| *n != "name") {
                assert!(dotted.contains(name), "`.{name}` of `{code}` is no method");
            }
            for name in called(code, "Tensor::").chain(called(code, "Tensor::<f32>::")) {
                assert!(functions.contains(name), "`Tensor::{name}` of `{code}` is no function");
            }
            for (open, close) in [('(', ')'), ('[', ']')] {
                assert_eq!(code.matches(open).count(), code.matches(close).count(), "{code}");
            }
        }
    }
    // What scripts know is part of what tensors have.
    for name in methods::names().iter().filter(|n| !n.starts_with("arg") || !n.ends_with("_keepdim")) {
        let is_operator = ["cast", "not", "sizes"].contains(&name.as_str());
        assert!(
            is_operator || dotted.contains(name),
            "`{name}` is known to scripts and no method of a tensor"
        );
    }
    for (name, ..) in composite::FUNCTIONS {
        assert!(functions.contains(*name), "{name}");
    }
}

#[test]
fn no_name_of_another_library_is_ours() {
    let (dotted, functions) = ours();
    let tensors: BTreeSet<String> = real::all().into_iter().filter(|m| m.is_method).map(|m| m.name).collect();
    let mut seen = BTreeSet::new();
    for row in foreign::sections().flat_map(|(_, rows)| rows) {
        assert!(row.libraries().count() > 0 && row.kinds().count() > 0, "{row:?}");
        for (name, kind) in row.names().flat_map(|n| row.kinds().map(move |k| (n, k))) {
            assert!(seen.insert((name, kind)), "`{name}` has two rows");
            assert_eq!(foreign::instead(kind, name), Some(row.instead));
            let known = match kind {
                Kind::Method => methods::find(name).is_some() || tensors.contains(name),
                Kind::Function => methods::find_constructor(name).is_some() || functions.contains(name),
                Kind::Scalar => methods::scalar_names().iter().any(|n| n == name),
                Kind::Free => false,
            };
            assert!(!known, "`{name}` is a name of this library, too");
        }
    }
    assert!(seen.len() > 150);
    for (name, ..) in foreign::differences() {
        assert!(dotted.contains(name), "`{name}` is no name of this library");
    }
}

#[test]
fn names_are_found() {
    let method = |name| foreign::instead(Kind::Method, name);
    assert_eq!(method("log"), Some("`x.ln()`"));
    assert_eq!(method("masked_fill"), Some("`mask.select(value, &x)`"));
    for name in ["add_", "mul_", "relu_", "clamp_", "zero_", "masked_fill_", "clip_"] {
        assert!(method(name).unwrap().contains("without the underscore"), "{name}");
    }
    for name in ["relu", "_", "", "frobnicate", "frobnicate_", "sum"] {
        assert_eq!(method(name), None, "{name}");
    }
    assert!(foreign::instead(Kind::Function, "randn").unwrap().contains("Tensor::normal"));
    assert!(foreign::instead(Kind::Free, "fori_loop").unwrap().contains("for"));
    assert!(foreign::instead(Kind::Scalar, "isqrt").unwrap().contains("sqrt"));
}

fn close(got: &Tensor<f64>, exact: impl Fn(f64) -> f64, x: &Tensor<f64>) {
    for (got, x) in got.to_vec().into_iter().zip(x.to_vec()) {
        assert!((got - exact(x)).abs() <= 1e-12 * exact(x).abs().max(1.0), "of {x}: {got}, not {}", exact(x));
    }
}

/// The formulas of the table, against what std or a definition gives.
#[test]
fn formulas_have_the_values_of_the_functions() {
    let x = Tensor::from([-3.5, -0.75, -0.1, 0.1, 0.5, 0.9, 2.0, 40.0]);
    close(&(x.signum() * (x.abs() + x.square() / ((x.square() + 1.0).sqrt() + 1.0)).ln_1p()), f64::asinh, &x);
    close(&(x.signum() * x.abs().powf(1.0 / 3.0)), f64::cbrt, &x);
    close(&Tensor::scalar(2.0).powf(&x), f64::exp2, &x);
    close(&(&x - x.trunc()), f64::fract, &x);
    close(&x.maximum(0.01 * &x), |v| if v > 0.0 { v } else { 0.01 * v }, &x);
    close(&x.gt(0.0).select(&x, x.exp_m1()), |v| if v > 0.0 { v } else { v.exp_m1() }, &x);
    close(&(&x * x.softplus().tanh()), |v| v * v.exp().ln_1p().tanh(), &x);
    close(&-(-&x).softplus(), |v| -(-v).exp().ln_1p(), &x);
    close(&(&x * (&x / 6.0 + 0.5).clamp(0.0, 1.0)), |v| v * (v + 3.0).clamp(0.0, 6.0) / 6.0, &x);
    let above = x.abs() + 1.0;
    close(&(&above + (above.square() - 1.0).sqrt()).ln(), f64::acosh, &above);
    close(&(above.ln() / 10_f64.ln()), f64::log10, &above);
    let part = &x / 41.0;
    close(&((part.ln_1p() - (-&part).ln_1p()) * 0.5), f64::atanh, &part);
    let z = x.clamp(-5.0, 5.0);
    let p = z.sigmoid();
    close(&(&p / (1.0 - &p)).ln(), |p| (p / (1.0 - p)).ln(), &p);
    close(&x.rem_euclid(3.0), |v| v - 3.0 * (v / 3.0).floor(), &x);
    // Of two operands.
    let y = x.flip(0);
    let sums = x.maximum(&y) + (-(&x - &y).abs()).exp().ln_1p();
    let (a, b) = (x.to_vec(), y.to_vec());
    for i in 0..8 {
        assert!((sums[i] - (a[i].exp() + b[i].exp()).ln()).abs() < 1e-12);
    }
    let bits = x.gt(0.0).cast::<f64>();
    let losses = (z.softplus() - &z * &bits).mean().item();
    let with_p = -(&bits * p.ln() + (1.0 - &bits) * (-&p).ln_1p()).mean().item();
    assert!((losses - with_p).abs() < 1e-12, "{losses} {with_p}");
    // Masks and NaN.
    let mut holed = x.clone();
    holed[2] = f64::NAN;
    let rest: Vec<f64> = a.iter().copied().filter(|v| *v != -0.1).collect();
    let sum = holed.is_nan().select(0.0, &holed).sum();
    assert!((sum.item() - rest.iter().sum::<f64>()).abs() < 1e-12);
    assert_eq!((!holed.is_nan()).cast::<f64>().sum().item(), 7.0);
    assert_eq!(holed.is_nan().select(f64::NEG_INFINITY, &holed).max().item(), 40.0);
    let infinite = Tensor::from([f64::INFINITY, 1.0, f64::NAN, f64::NEG_INFINITY]);
    assert_eq!(!(infinite.is_finite() | infinite.is_nan()), Tensor::from([true, false, false, true]));
    assert_eq!(x.ne(0.0).cast::<i64>().sum().item(), 8);
    // Order and shape.
    assert_eq!(x.sort(-1).index_axis(-1, 3).item(), 0.1);
    let m = Tensor::arange(0, 6, 1).reshape([2, 3]);
    assert_eq!(m.t().flip(0), Tensor::from([[2, 5], [1, 4], [0, 3]]));
    assert_eq!(m.slice_axis(1, 1, 3) - m.slice_axis(1, 0, 2), Tensor::from([[1, 1], [1, 1]]));
    assert_eq!(
        Tensor::from([1, 2]).unsqueeze(1).broadcast_to([2, 3]).flatten(),
        Tensor::from([1, 1, 1, 2, 2, 2])
    );
    let square = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    assert_eq!(Tensor::einsum("ii->i", &[&square]), Tensor::from([1.0, 4.0]));
    assert_eq!(Tensor::einsum("ii->", &[&square]).item(), 5.0);
    assert_eq!(
        Tensor::from([1.0, 2.0]).unsqueeze(-1) * Tensor::eye(2),
        Tensor::from([[1.0, 0.0], [0.0, 2.0]])
    );
    let labels = Tensor::from([1_i64, 1, 0]);
    let counts = Tensor::zeros([3]).scatter_add(0, &labels, &Tensor::ones([labels.len()]));
    assert_eq!(counts, Tensor::from([1_i64, 2, 0]));
    let (u, v) = (square.clone(), square.flip(0));
    let apart = (u.unsqueeze(1) - v.unsqueeze(0)).square().sum_axis(-1).sqrt();
    assert_eq!(apart, Tensor::from([[8_f64.sqrt(), 0.0], [0.0, 8_f64.sqrt()]]));
    // Losses.
    let logits: Tensor<f64> = Tensor::from([[1.0, 2.0, 3.0], [0.0, 0.5, -1.0], [2.0, 2.0, 2.0]]);
    let nll = -logits.log_softmax(-1).gather(-1, &labels.unsqueeze(-1)).mean();
    assert!((nll.item() - logits.cross_entropy(&labels).item()).abs() < 1e-15);
    let d = (&x - &y).abs();
    let huber = d.lt(1.0).select(0.5 * d.square(), &d - 0.5).mean().item();
    let exact: f64 =
        d.to_vec().iter().map(|d| if *d < 1.0 { 0.5 * d * d } else { d - 0.5 }).sum::<f64>() / 8.0;
    assert!((huber - exact).abs() < 1e-12);
    // Along one axis as a special case of two.
    let signal = Tensor::arange(0.0, 6.0, 1.0).reshape([1, 1, 6]);
    let w = Tensor::from([[[1.0, -1.0]]]);
    let conv = signal.unsqueeze(2).conv2d(&w.unsqueeze(2), [1, 2], [0, 0], 1, 1);
    assert_eq!(conv.flatten(), Tensor::from([-1.0, -1.0, -1.0]));
    let pooled = signal.unsqueeze(2).max_pool2d([1, 2], [1, 2], [0, 0]);
    assert_eq!(pooled.flatten(), Tensor::from([1.0, 3.0, 5.0]));
    // Random numbers.
    let key = Key::new(3);
    let mut order = Tensor::<f32>::uniform(key, [9]).argsort(0).to_vec();
    order.sort_unstable();
    assert_eq!(order, (0..9).collect::<Vec<i64>>());
    let dice = (Tensor::<f32>::uniform(key, [100]) * 6.0).floor().cast::<i64>();
    assert!(dice.min().item() >= 0 && dice.max().item() <= 5);
    let logs = Tensor::linspace(1_f64.ln(), 8_f64.ln(), 4).exp();
    close(&logs, |i| 2_f64.powf(i), &Tensor::arange(0.0, 4.0, 1.0));
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[test]
fn the_page_for_those_who_know_another_library() {
    let mut page = String::from(include_str!("coming_from.md"));
    for (title, rows) in foreign::sections() {
        let _ = write!(page, "\n## {title}\n\n| there | here | in |\n|---|---|---|\n");
        for row in rows {
            let names: Vec<String> = row.names().map(|n| format!("`{n}`")).collect();
            let libraries: Vec<&str> = row.libraries().collect();
            let _ =
                writeln!(page, "| {} | {} | {} |", names.join(", "), cell(row.instead), libraries.join(", "));
        }
    }
    page += "\n## The same name, something else\n\n| name | here | other than in |\n|---|---|---|\n";
    for (name, here, libraries) in foreign::differences() {
        let _ = writeln!(page, "| `{name}` | {} | {} |", cell(here), libraries.join(", "));
    }
    expect_file!["../../jit-runtime/docs/coming_from.md"].assert_eq(&page);
}
