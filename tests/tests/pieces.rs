//! Groups without a native kernel of their own: kernels for runs of their members, and tiles for the rest. The bits are those
//! of the ops one by one.

use std::sync::Arc;

use jit_ir::interp::Value;
use jit_ir::{DType, Graph, Scalar, TensorData};
use jit_runtime::prelude::*;
use jit_runtime::testing::{self, Layout};
use jit_tests::bits::{SIZES, bits, same, values};

/// Scripts of another module, whose bodies a caller's macro does not see.
mod others {
    use jit_runtime::prelude::*;

    #[script(native)]
    pub fn bump(x: &Tensor, width: f32) -> Tensor {
        (-(x * x) / width).exp()
    }

    #[script(native)]
    pub fn gate(x: &Tensor, y: &Tensor) -> (Tensor, Tensor<bool>) {
        let s = x.sigmoid();
        let open = s.gt(y);
        (s * y - x, open)
    }

    #[script(native)]
    pub fn lift(x: &Tensor) -> Tensor {
        (x * 0.75).tanh() - 0.5
    }

    #[script(native)]
    pub fn halves(x: &Tensor<f64>) -> Tensor<f64> {
        (x * 0.5).tanh() + x
    }
}

#[script(native)]
fn calls(x: &Tensor, y: &Tensor) -> Tensor {
    let b = others::bump(&(x - 1.0), 3.0);
    let (g, open) = others::gate(&b, y);
    open.select(&(g * 0.25), &others::bump(y, 0.7))
}

/// More ops than a kernel has, of which one has no code in one.
#[script(native)]
fn long(x: &Tensor, y: &Tensor) -> (Tensor, Tensor) {
    let a = (x * y + 0.125).tanh() * 0.75 + x;
    let b = (&a - y).abs().sqrt() * 0.5 - &a / 3.0;
    let c = (&a * &b - 0.5).sigmoid() * 1.5 - x.maximum(&b) * 0.25;
    let d = (&b + &c).square() / (1.0 + c.abs()) + (&a * 0.3).exp() * 0.1;
    let e = (&c * &d + 0.125).tanh() * 0.75 + &a;
    let f = (&d - &e).abs().sqrt() * 0.5 - &b / 3.0;
    let g = (&e * &f - 0.5).sigmoid() * 1.5 - x.minimum(&f) * 0.25;
    let h = ((&f + &g).square() / (1.0 + g.abs())).sin() + (&e * 0.3).exp() * 0.1;
    let i = (&g * &h + 0.125).tanh() * 0.75 + &e;
    let j = (&h - &i).abs().sqrt() * 0.5 - &f / 3.0;
    let k = (&i * &j - 0.5).sigmoid() * 1.5 - y.maximum(&j) * 0.25;
    let l = (&j + &k).square() / (1.0 + k.abs()) + (&i * 0.3).exp() * 0.1;
    (l + i, j * k)
}

#[script(native)]
fn integers(x: &Tensor, n: &Tensor<i64>) -> (Tensor<i64>, Tensor) {
    let steps = (x * 3.0 + 0.5).floor().clamp(-8.0, 8.0);
    let k = steps.cast::<i64>() * 2 + n;
    let back = k.cast::<f32>() * 0.25;
    (k, (&back * &back - x).tanh() / (1.0 + back.abs()))
}

#[script(native)]
fn doubles(x: &Tensor<f64>, y: &Tensor<f64>) -> Tensor<f64> {
    let turned = (others::halves(x) * y + 0.5).cos();
    others::halves(&turned) - (x * x + y * y).sqrt()
}

#[script(native)]
fn looped(x: &Tensor, n: usize) -> Tensor {
    let mut y = x.clone();
    for _ in 0..n {
        y = 0.5 * (others::bump(&y, 3.0) + x).cos();
    }
    y
}

#[script(native)]
fn rows(x: &Tensor) -> Tensor {
    let y = (x * 0.5 + 1.0).tanh().sin();
    let z = &y - y.mean_keepdim(-1);
    (&z * &z * 0.5 + 0.25).cos() * 2.0
}

#[trace]
fn recorded(x: &Tensor, y: &Tensor) -> Tensor {
    others::bump(&x.cos(), 3.0) * y
}

fn wide(y: &Tensor<f64>) -> Vec<Vec<u32>> {
    let bits = |v: &f64| if v.is_nan() { u64::MAX } else { v.to_bits() };
    vec![y.to_vec().iter().map(bits).flat_map(|v| [v as u32, (v >> 32) as u32]).collect()]
}

#[test]
fn the_bits_are_those_of_the_ops() {
    for n in SIZES {
        let (x, y) = (values(n, 1), values(n, 2));
        same(|| calls(&x, &y), |z| vec![bits(z)]);
        same(|| long(&x, &y), |(a, b)| vec![bits(a), bits(b)]);
        let numbers = Tensor::from((0..n as i64).map(|i| i % 7 - 3).collect::<Vec<_>>());
        let seen =
            |(k, z): &(Tensor<i64>, Tensor)| vec![k.to_vec().iter().map(|v| *v as u32).collect(), bits(z)];
        let finite = x.is_finite().select(&x, Tensor::scalar(0.5));
        same(|| integers(&finite, &numbers), seen);
        same(|| doubles(&x.cast(), &y.cast()), wide);
        for trips in [0, 1, 2, 20] {
            same(|| looped(&x, trips), |z| vec![bits(z)]);
        }
        for _ in 0..3 {
            same(|| recorded(&x, &y), |z| vec![bits(z)]);
        }
    }
}

#[test]
fn broadcasting_and_views() {
    for (m, n) in [(3, 5), (70, 100), (2, 3000)] {
        let x = values(m * n, 1).reshape([m, n]);
        let one = Tensor::scalar(0.5);
        let turned = values(m * n, 4).reshape([n, m]).t();
        let gaps = values(2 * m * n, 5).reshape([m, 2 * n]).slice_step(1, 0, 2 * n, 2);
        let (row, column) = (values(n, 2), values(m, 3).reshape([m, 1]));
        for other in [&row, &column, &one, &turned, &gaps, &x] {
            same(|| calls(&x, other), |z| vec![bits(z)]);
            same(|| calls(other, &x), |z| vec![bits(z)]);
            same(|| long(other, &x), |(a, b)| vec![bits(a), bits(b)]);
        }
    }
}

#[test]
fn rows_with_reductions() {
    for (m, n) in [(1, 2), (5, 383), (70, 384), (2, 4097), (9, 20_001)] {
        let x = values(m * n, 1).clamp(-4.0, 4.0);
        let x = x.is_nan().select(Tensor::scalar(0.5), &x).reshape([m, n]);
        for x in [&x, &x.reshape([n, m]).t()] {
            same(|| rows(x), |z| vec![bits(z)]);
        }
    }
}

#[test]
fn pieces_are_explained() {
    let (x, y) = (values(100, 1), values(100, 2));
    let explained = calls::lower(&x, &y).explain();
    let how = "of them native kernels, tile by tile: ";
    assert!(explained.contains(how), "{explained}");
    assert!(
        explained.contains("sub [mul neg div exp] [sigmoid gt mul sub] mul [mul neg div exp] select"),
        "{explained}"
    );
    assert!(
        explained.contains("; no native kernel of all: no script brought one of this form"),
        "{explained}"
    );
    for explained in [
        long::lower(&x, &y).explain(),
        integers::lower(&x, &Tensor::zeros([100])).explain(),
        doubles::lower(&x.cast(), &y.cast()).explain(),
        looped::lower(&x, 3).explain(),
    ] {
        assert!(explained.contains(how), "{explained}");
    }
    recorded(&x, &y);
    recorded(&x, &y);
    let explained = recorded::lower(&x, &y).explain();
    assert!(explained.contains(how), "{explained}");
}

/// Graphs of many ops at random, among them the bodies of scripts that brought kernels.
struct Drawn {
    seed: u64,
    lines: Vec<String>,
    floats: Vec<String>,
    bools: Vec<String>,
}

impl Drawn {
    fn below(&mut self, n: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as usize % n
    }

    /// A value, a late one rather than an early one.
    fn float(&mut self) -> String {
        let (a, b) = (self.below(self.floats.len()), self.below(self.floats.len()));
        self.floats[a.max(b)].clone()
    }

    fn op(&mut self, ty: &str, op: &str, args: &[&str]) -> String {
        let name = format!("%v{}", self.lines.len());
        self.lines.push(format!("  {name}: {ty}[n0] = {op}({})", args.join(", ")));
        name
    }

    fn step(&mut self) {
        let (x, y) = (self.float(), self.float());
        let made = match self.below(9) {
            0 | 1 => {
                let square = self.op("f32", "mul", &[&x, &x]);
                let down = self.op("f32", "neg", &[&square]);
                let narrow = self.op("f32", "div", &[&down, "3.0_f32"]);
                self.op("f32", "exp", &[&narrow])
            }
            2 | 3 => {
                let s = self.op("f32", "sigmoid", &[&x]);
                let open = self.op("bool", "gt", &[&s, &y]);
                self.bools.push(open);
                let part = self.op("f32", "mul", &[&s, &y]);
                self.op("f32", "sub", &[&part, &x])
            }
            4 | 5 => {
                let low = self.op("f32", "mul", &[&x, "0.75_f32"]);
                let bent = self.op("f32", "tanh", &[&low]);
                self.op("f32", "sub", &[&bent, "0.5_f32"])
            }
            6 if !self.bools.is_empty() => {
                let at = self.below(self.bools.len());
                let open = self.bools[at].clone();
                self.op("f32", "select", &[&open, &x, &y])
            }
            _ => {
                let op = ["add", "mul", "maximum", "sub"][self.below(4)];
                self.op("f32", op, &[&x, &y])
            }
        };
        self.floats.push(made);
    }

    fn graph(seed: u64) -> String {
        let [floats, bools] = [vec!["%x".to_string(), "%y".to_string()], Vec::new()];
        let mut drawn = Drawn { seed, lines: Vec::new(), floats, bools };
        let steps = 2 + drawn.below(30);
        (0..steps).for_each(|_| drawn.step());
        let mut results: Vec<String> = (0..1 + drawn.below(3)).map(|_| drawn.float()).collect();
        results.push(drawn.floats[steps + 1].clone());
        results.sort();
        results.dedup();
        results.retain(|r| r.starts_with("%v"));
        let mut types = vec!["f32[n0]"; results.len()];
        if let Some(open) = drawn.bools.last() {
            results.push(open.clone());
            types.push("bool[n0]");
        }
        let (types, results) = (types.join(", "), results.join(", "));
        let lines = drawn.lines.join("\n");
        format!("fn drawn(%x: f32[n0], %y: f32[n0]) -> ({types}) {{\n{lines}\n  return {results}\n}}")
    }
}

#[test]
fn drawn_groups_give_the_bits_of_their_ops() {
    let (x, y) = (values(8, 1), values(8, 2));
    // From now on their kernels are known.
    let _ = (others::bump(&x, 3.0), others::gate(&x, &y), others::lift(&x));
    for seed in 0..300 {
        let text = Drawn::graph(seed);
        let graph = Graph::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        for n in [1, 70, 1500] {
            let value = |seed| {
                let numbers: Vec<Scalar> = values(n, seed).to_vec().into_iter().map(Scalar::F32).collect();
                Value::Tensor(Arc::new(TensorData::from_scalars(DType::F32, vec![n], &numbers)))
            };
            let args = [value(seed as usize), value(3 * seed as usize + 1)];
            let expected = testing::run(&graph, &args, Layout::Plain, false).unwrap();
            for layout in [Layout::Plain, Layout::Gaps] {
                let got = testing::run(&graph, &args, layout, true).unwrap();
                let same = got.iter().zip(&expected).all(|(a, b)| a.same_bits(b));
                assert!(
                    same,
                    "{n} elements, seed {seed}, {layout:?}\n{text}\n{got:?}\n{expected:?}\n{args:?}"
                );
            }
        }
    }
}
