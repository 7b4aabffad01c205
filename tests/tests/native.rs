//! Native kernels: what the macro wrote out gives the bits of the ops one by one, and is used where it should be.

use jit_runtime::prelude::*;
use jit_tests::bits::{SIZES, bits, same, values};

#[script(native)]
fn activations(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
    (a * x + b).tanh() * x.sigmoid() - 0.5 * x * x
}

#[script(native)]
fn masks(x: &Tensor, y: &Tensor, t: f32) -> (Tensor, Tensor<bool>, Tensor) {
    let near = (x - y).abs().lt(t) & x.is_finite();
    let both = near.select(x.maximum(y), &(x * t));
    let steps = both.floor().clamp(-3.0, 3.0) + near.cast::<f32>();
    (both, !near, steps.mul_add(y, x))
}

#[script(native)]
fn doubles(x: &Tensor<f64>, y: &Tensor<f64>) -> Tensor<f64> {
    (x * 0.25).exp() / (1.0 + y * y) - x.recip().sqrt()
}

/// Many arrays, so that a loop over them needs many checks that they do not overlap.
#[script(native)]
fn many(a: &Tensor, b: &Tensor, c: &Tensor, d: &Tensor, e: &Tensor) -> (Tensor, Tensor, Tensor, Tensor) {
    let s = a * b + c;
    let t = &s * d - e;
    let u = &t * a + b * c;
    let v = &u - &s * &t;
    (s, t, u, v)
}

#[script(native)]
fn generic<T: Float>(x: &Tensor<T>, y: &Tensor<T>) -> Tensor<T> {
    (x - y) * (x + y) + x
}

#[script(native)]
fn looped(x: &Tensor, n: usize) -> Tensor {
    let mut y = x.clone();
    for _ in 0..n {
        y = 0.5 * (&y + x / &y);
    }
    y
}

#[script(native)]
fn root_mean_square(x: &Tensor, gamma: &Tensor) -> Tensor {
    let scale = (x.square().mean_keepdim(-1) + 1e-6).rsqrt();
    x * scale * gamma
}

#[script(native)]
fn between(x: &Tensor) -> Tensor {
    let low = x.min_keepdim(-1);
    let high = x.max_keepdim(-1);
    (x - &low) / (high - &low + 1e-9)
}

#[script(native)]
fn warmer(x: &Tensor, t: f32) -> (Tensor, Tensor) {
    let y = x * t + 0.5;
    let e = (&y - y.max_keepdim(-1)).exp();
    (&e / e.sum_keepdim(-1), y)
}

#[script(native)]
fn correlation(x: &Tensor<f64>, y: &Tensor<f64>) -> Tensor<f64> {
    let a = x - x.mean_keepdim(-1);
    let b = y - y.mean_keepdim(-1);
    let sizes = a.square().sum_keepdim(-1) * b.square().sum_keepdim(-1);
    (&a * &b).sum_keepdim(-1) / (sizes.sqrt() + 1e-9)
}

#[script(native)]
fn spread(x: &Tensor) -> Tensor {
    (x - x.mean()).abs().sum() * 0.25
}

#[test]
fn the_bits_are_those_of_the_ops() {
    for n in SIZES {
        let (a, b, x) = (values(n, 1), values(n, 2), values(n, 3));
        same(|| activations(&a, &b, &x), |y| vec![bits(y)]);
        same(
            || masks(&a, &b, 0.75),
            |(y, m, z)| vec![bits(y), m.to_vec().iter().map(|m| u32::from(*m)).collect(), bits(z)],
        );
        let (c, d) = (values(n, 4), values(n, 5));
        same(|| many(&a, &b, &c, &d, &x), |(s, t, u, v)| vec![bits(s), bits(t), bits(u), bits(v)]);
        let (p, q) = (a.cast::<f64>(), b.cast::<f64>());
        let halves = |y: &Tensor<f64>| {
            let bits = |v: &f64| if v.is_nan() { u64::MAX } else { v.to_bits() };
            vec![y.to_vec().iter().flat_map(|v| [bits(v) as u32, (bits(v) >> 32) as u32]).collect()]
        };
        same(|| doubles(&p, &q), halves);
        same(|| generic(&p, &q), halves);
        same(|| generic(&a, &b), |y| vec![bits(y)]);
        for trips in [0, 1, 2, 5] {
            same(|| looped(&a, trips), |y| vec![bits(y)]);
        }
    }
}

#[test]
fn broadcasting_and_views() {
    for (m, n) in [(3, 5), (70, 100), (2, 3000)] {
        let x = values(m * n, 1).reshape([m, n]);
        let row = values(n, 2);
        let column = values(m, 3).reshape([m, 1]);
        let one = Tensor::scalar(0.5);
        let turned = values(m * n, 4).reshape([n, m]).t();
        let gaps = values(2 * m * n, 5).reshape([m, 2 * n]).slice_step(1, 0, 2 * n, 2);
        for other in [&row, &column, &one, &turned, &gaps, &x] {
            same(|| activations(&x, other, &turned), |y| vec![bits(y)]);
            same(|| activations(other, other, other), |y| vec![bits(y)]);
            same(|| generic(other, &gaps), |y| vec![bits(y)]);
        }
    }
}

#[test]
fn rows_with_reductions() {
    for (m, n) in [(1, 2), (3, 100), (5, 383), (70, 384), (3, 1000), (2, 4096), (2, 4097), (9, 20_001)] {
        // Without NaN, which would be all that there is to see.
        let x = values(m * n, 1).clamp(-4.0, 4.0).reshape([m, n]);
        let x = x.is_nan().select(Tensor::scalar(0.5), &x);
        let other = &x * 0.5 - x.abs();
        let row = other.slice_axis(0, 0, 1);
        let column = x.slice_axis(1, 0, 1);
        let turned = x.reshape([n, m]).t();
        for x in [&x, &turned] {
            for gamma in [&row, &column, &other] {
                same(|| root_mean_square(x, gamma), |y| vec![bits(y)]);
            }
            same(|| between(x), |y| vec![bits(y)]);
            same(|| warmer(x, 1.25), |(y, z)| vec![bits(y), bits(z)]);
            same(
                || correlation(&x.cast(), &other.cast()),
                |y| {
                    vec![
                        y.to_vec()
                            .iter()
                            .flat_map(|v| [v.to_bits() as u32, (v.to_bits() >> 32) as u32])
                            .collect(),
                    ]
                },
            );
            same(|| spread(x), |y| vec![bits(y)]);
        }
    }
    let x = values(1000, 1).reshape([2, 500]);
    let doubles = x.cast();
    for explained in [
        root_mean_square::lower(&x, &x).explain(),
        between::lower(&x).explain(),
        warmer::lower(&x, 0.5).explain(),
        correlation::lower(&doubles, &doubles).explain(),
        spread::lower(&x).explain(),
    ] {
        assert!(explained.contains("native kernels, row by row"), "{explained}");
    }
}

#[test]
fn groups_say_that_they_are_native() {
    let x = values(100, 1);
    let native = "one native kernel: mul add tanh sigmoid mul mul mul sub";
    let explained = activations::lower(&x, &x, &x).explain();
    assert!(explained.contains(native), "{explained}");
    // Any graph profits: a recording of the same ops.
    for _ in 0..3 {
        assert_eq!(bits(&recorded(&x, &x, &x)), bits(&activations(&x, &x, &x)));
    }
    let explained = recorded::lower(&x, &x, &x).explain();
    assert!(explained.contains(native), "{explained}");
}

#[trace]
fn recorded(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
    (a * x + b).tanh() * x.sigmoid() - 0.5 * x * x
}

#[derive(Clone, Pytree)]
struct Scaling {
    factor: Tensor,
    shift: Tensor,
}

#[derive(Clone, Pytree)]
struct Model {
    inner: Scaling,
    outer: Scaling,
    name: String,
}

#[script(native)]
fn of_fields(x: &Tensor, model: &Model) -> Tensor {
    let y = (x * &model.inner.factor + &model.inner.shift).tanh();
    (y * &model.outer.factor - &model.outer.shift).sigmoid() * x
}

#[script(native)]
fn of_double_fields(x: &Tensor<f64>, p: &(Tensor<f64>, f64)) -> Tensor<f64> {
    (x * &p.0 + p.1).abs() - x
}

#[test]
fn fields_of_structs_are_taken_for_tensors() {
    for n in [0, 1, 70, 1000] {
        let scaling = |seed| Scaling { factor: values(n, seed), shift: values(n, seed + 1) };
        let model = Model { inner: scaling(3), outer: scaling(5), name: "two".into() };
        let x = values(n, 7);
        of_fields::check(&x, &model).unwrap();
        let explain = of_fields::lower(&x, &model).explain();
        assert!(explain.contains("one native kernel: mul add tanh mul sub sigmoid mul"), "{explain}");
        assert!(!model.name.is_empty());
        let pair = (values(n, 2).cast::<f64>(), 0.5);
        of_double_fields::check(&x.cast::<f64>(), &pair).unwrap();
        assert_eq!(of_fields(&x, &model).shape(), of_double_fields(&x.cast::<f64>(), &pair).shape());
    }
}

#[derive(Clone, Pytree)]
struct Norm {
    gamma: Tensor,
    inner: Limits,
}

#[derive(Clone, Pytree)]
struct Limits {
    eps: f32,
    scale: f32,
}

#[script(native)]
fn of_rows(x: &Tensor, norm: &Norm) -> Tensor {
    let size = (x.square().mean_keepdim(-1) + norm.inner.eps).sqrt();
    x / size * &norm.gamma
}

#[script(native)]
fn of_scalar_fields(x: &Tensor, norm: &Norm) -> Tensor {
    (x * norm.inner.scale + &norm.gamma).tanh() * (norm.inner.eps)
}

#[test]
fn fields_that_are_copied_are_taken_for_scalars() {
    for n in [2, 100, 1000] {
        let norm = Norm { gamma: values(n, 3), inner: Limits { eps: 1e-3, scale: 0.75 } };
        let x = values(n, 1).clamp(-2.0, 2.0);
        same(|| of_scalar_fields(&x, &norm), |y| vec![bits(y)]);
        let explain = of_scalar_fields::lower(&x, &norm).explain();
        assert!(explain.contains("one native kernel: mul add tanh mul"), "{explain}");
        let rows = x.reshape([1, n]);
        same(|| of_rows(&rows, &norm), |y| vec![bits(y)]);
        let explain = of_rows::lower(&rows, &norm).explain();
        assert!(explain.contains("native kernels, row by row"), "{explain}");
    }
}

/// What reads the same tensors is one group, whatever the shapes turn out to be.
#[test]
fn groups_that_read_the_same_are_one() {
    #[script(native)]
    fn wave(x: &Tensor, y: &Tensor) -> (Tensor, Tensor, Tensor<bool>, Tensor) {
        let (up, down) = (x.tanh() * 2.0, 1.0 - x * 0.5);
        let near = (x - y).abs().lt(0.5);
        (up, down, near, y.maximum(x) / 3.0)
    }
    #[script(native)]
    fn after_all(x: &Tensor) -> (Tensor, Tensor) {
        let half = x * 0.5;
        // Depends on all of the first group, so that it cannot be one with it.
        let total = half.cumsum(0);
        (&half * 3.0 + 1.0, x - 2.0 + total)
    }
    #[script(native)]
    fn apart(x: &Tensor, n: usize) -> (Tensor, Tensor) {
        let (mut slow, mut fast) = (x.clone(), x * 0.0);
        for _ in 0..n {
            slow = &slow * 0.75 + x;
            fast = &fast * 0.25 + x;
        }
        (slow, fast)
    }
    for n in [0, 1, 33, 128, 5000] {
        let (x, y) = (values(n, 1), values(n, 5));
        let row = values(1, 7);
        let seen = |(a, b, c, d): &(Tensor, Tensor, Tensor<bool>, Tensor)| {
            vec![bits(a), bits(b), c.to_vec().iter().map(|v| u32::from(*v)).collect(), bits(d)]
        };
        for (x, y) in [(&x, &y), (&x, &row), (&row, &y), (&x.reshape([n, 1]), &row)] {
            same(|| wave(x, y), seen);
        }
        same(|| after_all(&x), |(a, b)| vec![bits(a), bits(b)]);
        for trips in [0, 1, 9] {
            same(|| apart(&x, trips), |(a, b)| vec![bits(a), bits(b)]);
        }
    }
    let (x, y) = (values(40, 1), values(40, 5));
    let explained = wave::lower(&x, &y).explain();
    assert_eq!(explained.matches("one native kernel").count(), 2, "{explained}");
    assert!(explained.contains("one native kernel: sub abs lt maximum div"), "{explained}");
    let explained = apart::lower(&x, 3).explain();
    assert!(explained.contains("all trips"), "{explained}");
}

#[test]
fn misses_are_explained() {
    #[script(native)]
    fn sines(x: &Tensor) -> Tensor {
        (x + 1.0).sin() * x
    }
    #[script(native)]
    fn counts(x: &Tensor<i64>) -> Tensor<i64> {
        x * 3 + x
    }
    #[trace]
    fn unseen(x: &Tensor) -> Tensor {
        (x - 0.25).relu().sqrt() + x.tanh() / 7.0
    }
    let x = values(10, 1);
    let said = |explained: String, why: &str| {
        let tiled = explained.lines().find(|l| l.contains("tile by tile")).unwrap_or_default();
        assert!(tiled.contains(&format!("; no native kernel: {why}")), "{explained}");
    };
    said(sines::lower(&x).explain(), "`sin` is no loop of vector code");
    said(counts::lower(&x.cast::<i64>()).explain(), "elements of i64");
    said(unseen::lower(&x).explain(), "no script brought one of this form");
}

const EPS: f32 = 0.125;
const STEPS: usize = 12;

mod others {
    use jit_runtime::prelude::*;

    #[script(native)]
    pub fn gate(x: &Tensor, y: &Tensor) -> (Tensor, Tensor<bool>) {
        let s = x.sigmoid();
        let open = s.gt(y);
        (s * y - x, open)
    }
}

#[derive(Clone, Pytree)]
struct Layer {
    w: Tensor,
    b: Tensor,
}

#[derive(Clone, Pytree)]
struct Layers {
    all: Vec<Layer>,
    scale: f32,
}

#[script]
impl Layer {
    fn forward(&self, x: &Tensor) -> Tensor {
        (x.matmul(&self.w) + &self.b).tanh()
    }
}

#[script(native)]
fn of_constants(x: &Tensor, y: &Tensor) -> Tensor {
    let mut z = (x * y + EPS).tanh() - y;
    for _ in 0..STEPS {
        z = z * EPS + x;
    }
    z
}

#[script(native)]
fn of_lists(x: &Tensor, layers: &Layers) -> Tensor {
    let mut h = x.clone();
    for layer in &layers.all {
        h = (h.matmul(&layer.w) + &layer.b).tanh() * 0.5;
    }
    (h * layers.scale + &layers.all[0].b).sigmoid()
}

#[script(native)]
fn of_methods(x: &Tensor, layers: &Layers) -> Tensor {
    let mut h = x.clone();
    for layer in &layers.all {
        h = layer.forward(&h) * 0.5 + &h;
    }
    h
}

#[script(native)]
fn of_parts(x: &Tensor, p: &(Tensor, f32, Tensor), bs: &[Tensor]) -> Tensor {
    let mut h = (x * &p.0 + p.1).tanh();
    for b in bs {
        h = (h + b).sigmoid() * 0.5;
    }
    h
}

#[script(native)]
fn of_options(x: &Tensor, b: Option<&Tensor>) -> Tensor {
    let y = x * 0.5 + 1.0;
    match b {
        Some(b) => (y + b).tanh(),
        None => y,
    }
}

#[script(native)]
fn of_results(x: &Tensor, y: &Tensor) -> Tensor {
    let (g, open) = others::gate(x, y);
    open.select(&(g * 0.25 + x), &(x - y)).tanh()
}

#[test]
fn what_linking_knows_is_guessed() {
    for (m, n) in [(0, 3), (1, 4), (3, 70), (40, 65)] {
        let x = values(m * n, 1).clamp(-3.0, 3.0);
        let x = x.is_nan().select(Tensor::scalar(0.5), &x).reshape([m, n]);
        let layer = |seed| Layer { w: values(n * n, seed).sin().reshape([n, n]), b: values(n, seed) };
        let layers = Layers { all: (1..4).map(layer).collect(), scale: 1.5 };
        let (row, other) = (values(n, 2), values(m * n, 3).reshape([m, n]));
        let parts = (row.clone(), 0.25, row.clone());
        let seen = |y: &Tensor| vec![bits(y)];
        same(|| of_constants(&x, &other), seen);
        same(|| of_lists(&x, &layers), seen);
        same(|| of_methods(&x, &layers), seen);
        same(|| of_parts(&x, &parts, &[row.clone(), row.clone()]), seen);
        same(|| of_options(&x, Some(&row)), seen);
        same(|| of_options(&x, None), seen);
        same(|| of_results(&x, &other), seen);
    }
    let layer = Layer { w: Tensor::ones([4, 4]), b: Tensor::ones([4]) };
    let layers = Layers { all: vec![layer.clone(), layer], scale: 2.0 };
    let (x, row) = (Tensor::ones([2, 4]), Tensor::ones([4]));
    let says = |explained: String, kernels: &[&str]| {
        for kernel in kernels {
            assert!(explained.contains(kernel), "`{kernel}` in {explained}");
        }
    };
    let trips = "all trips in one native kernel";
    says(of_constants::lower(&x, &x).explain(), &["one native kernel: mul add tanh sub", trips]);
    let kernels = ["one native kernel: add tanh mul", "one native kernel: mul add sigmoid"];
    says(of_lists::lower(&x, &layers).explain(), &kernels);
    says(of_methods::lower(&x, &layers).explain(), &["of them native kernels, tile by tile: ["]);
    let kernels = ["one native kernel: mul add tanh", "one native kernel: add sigmoid mul"];
    says(
        of_parts::lower(&x, &(row.clone(), 0.5, row.clone()), std::slice::from_ref(&row)).explain(),
        &kernels,
    );
    says(of_options::lower(&x, Some(&row)).explain(), &["[mul add] [add tanh]"]);
    says(of_results::lower(&x, &x).explain(), &["[sigmoid gt mul sub] [mul add sub select tanh]"]);
}
