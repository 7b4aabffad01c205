//! The workloads' inputs, and for each the systems that run it.

use std::sync::OnceLock;
use std::time::Duration;

use jit_benches::faer_product;
use jit_benches::inputs::uniform;
use jit_benches::measure::{Case, Figures, measure};
use jit_runtime::eager;
use jit_runtime::prelude::*;

use crate::peers::{self, Work};
use crate::{plain, scripts};

/// The systems that are wanted; all if there are none.
pub(crate) static SYSTEMS: OnceLock<Vec<String>> = OnceLock::new();

fn run(work: Work, inputs: &[&Tensor], mut cases: Vec<Case<'_>>, budget: Duration) -> Vec<Figures> {
    cases.extend(peers::cases(work, inputs));
    let wanted = SYSTEMS.get().map_or(&[][..], Vec::as_slice);
    cases.retain(|c| wanted.is_empty() || c.system == "jit" || wanted.iter().any(|w| w == c.system));
    measure(cases, budget)
}

/// A result's elements for the checksum the first time; later its last one, so that it is made in any case.
fn seen(values: &[f32], whole: &mut bool) -> Vec<f32> {
    if std::mem::replace(whole, false) {
        values.to_vec()
    } else {
        values.last().copied().into_iter().collect()
    }
}

fn shown(tensors: &[Tensor], whole: &mut bool) -> Vec<f32> {
    if std::mem::replace(whole, false) {
        return tensors.iter().flat_map(Tensor::to_vec).collect();
    }
    let last = |t: &Tensor| t.as_slice().and_then(<[f32]>::last).copied();
    tensors.iter().filter_map(last).collect()
}

/// The script, and the same in eager mode.
fn both<'a, const N: usize>(call: impl Fn() -> [Tensor; N] + Copy + 'a) -> Vec<Case<'a>> {
    let (mut jit, mut body) = (true, true);
    vec![
        Case { system: "jit", call: Box::new(move || shown(&call(), &mut jit)) },
        Case { system: "jit_eager", call: Box::new(move || shown(&eager(call), &mut body)) },
    ]
}

fn plainly<'a>(call: impl Fn() -> Vec<f32> + 'a) -> Case<'a> {
    let mut whole = true;
    Case { system: "plain_rust", call: Box::new(move || seen(&call(), &mut whole)) }
}

/// A plain scalar loop that writes into a buffer of its own.
fn each<'a>(n: usize, value: impl Fn(usize) -> f32 + 'a) -> Case<'a> {
    let mut out = vec![0.0_f32; n];
    let mut whole = true;
    let call = move || {
        out.iter_mut().enumerate().for_each(|(i, o)| *o = value(i));
        seen(&out, &mut whole)
    };
    Case { system: "plain_rust", call: Box::new(call) }
}

/// Inputs in the order of a workload: its number, then shapes with ranges.
struct Inputs {
    workload: u64,
    made: u64,
}

impl Inputs {
    fn of(workload: u64) -> Inputs {
        Inputs { workload, made: 0 }
    }

    fn values(&mut self, n: usize, lo: f64, hi: f64) -> Vec<f32> {
        self.made += 1;
        uniform(100 * self.workload + self.made - 1, n, lo, hi)
    }

    fn tensor<const R: usize>(&mut self, shape: [usize; R], lo: f64, hi: f64) -> Tensor {
        let n = shape.iter().product();
        // In memory of the library's own, as the other systems' inputs are.
        Tensor::from(self.values(n, lo, hi).as_slice()).reshape(shape)
    }

    fn unit<const R: usize>(&mut self, shape: [usize; R]) -> Tensor {
        self.tensor(shape, -1.0, 1.0)
    }

    /// Weights of a layer with so many inputs.
    fn weights<const R: usize>(&mut self, shape: [usize; R], fan_in: usize) -> Tensor {
        let bound = 1.0 / (fan_in as f64).sqrt();
        self.tensor(shape, -bound, bound)
    }
}

fn slices(tensors: &[&Tensor]) -> Vec<Vec<f32>> {
    tensors.iter().map(|t| t.to_vec()).collect()
}

pub(crate) fn chain(n: usize, budget: Duration) -> Vec<Figures> {
    let mut inputs = Inputs::of(1);
    let (ta, tb, tx) = (inputs.unit([n]), inputs.unit([n]), inputs.tensor([n], -3.0, 3.0));
    let (a, b, x) = (ta.to_vec(), tb.to_vec(), tx.to_vec());
    let mut cases = both(|| [scripts::fused_chain(&ta, &tb, &tx)]);
    cases.push(each(n, |i| (a[i] * x[i] + b[i]).tanh() * plain::sigmoid(x[i]) - 0.5 * x[i] * x[i]));
    run(Work::Chain, &[&ta, &tb, &tx], cases, budget)
}

pub(crate) fn gelu(n: usize, budget: Duration) -> Vec<Figures> {
    let tx = Inputs::of(2).tensor([n], -4.0, 4.0);
    let x = tx.to_vec();
    let mut cases = both(|| [scripts::gelu_tanh(&tx)]);
    cases.push(each(n, |i| {
        let v = x[i];
        0.5 * v * (1.0 + (0.797_884_6 * (v + 0.044715 * v * v * v)).tanh())
    }));
    run(Work::Gelu, &[&tx], cases, budget)
}

pub(crate) fn softmax(n: usize, budget: Duration) -> Vec<Figures> {
    let x = Inputs::of(3).tensor([n, n], -4.0, 4.0);
    let values = x.to_vec();
    let mut cases = both(|| [scripts::softmax(&x)]);
    cases.push(plainly(|| {
        let mut out = values.clone();
        plain::softmax(&mut out, n);
        out
    }));
    run(Work::Softmax, &[&x], cases, budget)
}

pub(crate) fn layernorm(n: usize, budget: Duration) -> Vec<Figures> {
    let mut inputs = Inputs::of(4);
    let (x, g, b) = (inputs.unit([n, 768]), inputs.tensor([768], 0.5, 1.5), inputs.unit([768]));
    let p = slices(&[&x, &g, &b]);
    let mut cases = both(|| [scripts::layernorm(&x, &g, &b)]);
    cases.push(plainly(|| plain::layernorm(&p[0], &p[1], &p[2])));
    run(Work::LayerNorm, &[&x, &g, &b], cases, budget)
}

/// An input and three layers of these sizes.
fn layers(workload: u64, batch: usize, sizes: [usize; 4]) -> [Tensor; 7] {
    let mut inputs = Inputs::of(workload);
    let x = inputs.unit([batch, sizes[0]]);
    let mut layer = |i: usize| {
        let (m, n) = (sizes[i], sizes[i + 1]);
        (inputs.weights([m, n], m), inputs.weights([n], m))
    };
    let [(w1, b1), (w2, b2), (w3, b3)] = [0, 1, 2].map(&mut layer);
    [x, w1, b1, w2, b2, w3, b3]
}

pub(crate) fn mlp(batch: usize, budget: Duration) -> Vec<Figures> {
    let [x, w1, b1, w2, b2, w3, b3] = &layers(5, batch, [784, 512, 512, 10]);
    let p = slices(&[x, w1, b1, w2, b2, w3, b3]);
    let mut cases = both(|| [scripts::mlp(x, w1, b1, w2, b2, w3, b3)]);
    cases.push(plainly(|| {
        let mut out = plain::layers(&p, |v| v.max(0.0));
        plain::softmax(&mut out, 10);
        out
    }));
    run(Work::Mlp, &[x, w1, b1, w2, b2, w3, b3], cases, budget)
}

pub(crate) fn tiny_mlp(batch: usize, budget: Duration) -> Vec<Figures> {
    let [x, w1, b1, w2, b2, w3, b3] = &layers(12, batch, [16, 32, 32, 1]);
    let p = slices(&[x, w1, b1, w2, b2, w3, b3]);
    let mut cases = both(|| [scripts::tiny_mlp(x, w1, b1, w2, b2, w3, b3)]);
    cases.push(plainly(|| plain::layers(&p, f32::tanh)));
    run(Work::TinyMlp, &[x, w1, b1, w2, b2, w3, b3], cases, budget)
}

pub(crate) fn rnn(steps: usize, budget: Duration) -> Vec<Figures> {
    let mut inputs = Inputs::of(6);
    let x = inputs.unit([steps, 32, 128]);
    let (w, u) = (inputs.weights([128, 128], 128), inputs.weights([128, 128], 128));
    let b = inputs.weights([128], 128);
    let p = slices(&[&x, &w, &u, &b]);
    let mut cases = both(|| [scripts::rnn(&x, &w, &u, &b)]);
    cases.push(plainly(|| plain::rnn(&p, 32)));
    run(Work::Rnn, &[&x, &w, &u, &b], cases, budget)
}

pub(crate) fn newton(n: usize, budget: Duration) -> Vec<Figures> {
    let x = Inputs::of(7).tensor([n], 0.5, 2.0);
    let values = x.to_vec();
    let mut cases = both(|| [scripts::newton_sqrt(&x)]);
    cases.push(plainly(|| plain::newton_sqrt(&values)));
    run(Work::Newton, &[&x], cases, budget)
}

pub(crate) fn condition(n: usize, budget: Duration) -> Vec<Figures> {
    let x = Inputs::of(8).unit([n]);
    let values = x.to_vec();
    let mut cases = both(|| [scripts::conditional(&x)]);
    cases.push(plainly(|| plain::conditional(&values)));
    run(Work::Condition, &[&x], cases, budget)
}

pub(crate) fn attention(n: usize, budget: Duration) -> Vec<Figures> {
    let mut inputs = Inputs::of(9);
    let [q, k, v] = [(); 3].map(|()| inputs.unit([8, n, 64]));
    let p = slices(&[&q, &k, &v]);
    let mut cases = both(|| [scripts::attention(&q, &k, &v)]);
    cases.push(plainly(|| plain::attention(&p[0], &p[1], &p[2], n, 64)));
    run(Work::Attention, &[&q, &k, &v], cases, budget)
}

pub(crate) fn mandelbrot(n: usize, budget: Duration) -> Vec<Figures> {
    let grid = |low: f64, at: &dyn Fn(usize) -> usize| -> Tensor {
        let value = |i: usize| (low + 2.5 * at(i) as f64 / n as f64) as f32;
        Tensor::from((0..n * n).map(value).collect::<Vec<f32>>()).reshape([n, n])
    };
    let (cr, ci) = (grid(-2.0, &|i| i % n), grid(-1.25, &|i| i / n));
    let (r, i) = (cr.to_vec(), ci.to_vec());
    let mut cases = both(|| [scripts::mandelbrot(&cr, &ci)]);
    cases.push(plainly(|| plain::mandelbrot(&r, &i)));
    run(Work::Mandelbrot, &[&cr, &ci], cases, budget)
}

pub(crate) fn black_scholes(n: usize, budget: Duration) -> Vec<Figures> {
    let mut inputs = Inputs::of(11);
    let (ts, tk) = (inputs.tensor([n], 80.0, 120.0), inputs.tensor([n], 80.0, 120.0));
    let tt = inputs.tensor([n], 0.1, 2.0);
    let (s, k, t) = (ts.to_vec(), tk.to_vec(), tt.to_vec());
    let mut cases = both(|| [scripts::black_scholes(&ts, &tk, &tt)]);
    cases.push(each(n, |i| plain::black_scholes(s[i], k[i], t[i])));
    run(Work::BlackScholes, &[&ts, &tk, &tt], cases, budget)
}

pub(crate) fn transformer(n: usize, budget: Duration) -> Vec<Figures> {
    const D: usize = 256;
    const WIDE: usize = 1024;
    let mut i = Inputs::of(13);
    let x = i.unit([n, D]);
    let p = scripts::Transformer {
        g1: i.tensor([D], 0.5, 1.5),
        c1: i.unit([D]),
        wqkv: i.weights([D, 3 * D], D),
        bqkv: i.weights([3 * D], D),
        wo: i.weights([D, D], D),
        bo: i.weights([D], D),
        g2: i.tensor([D], 0.5, 1.5),
        c2: i.unit([D]),
        w1: i.weights([D, WIDE], D),
        b1: i.weights([WIDE], D),
        w2: i.weights([WIDE, D], WIDE),
        b2: i.weights([D], WIDE),
    };
    run(
        Work::Transformer,
        &[&x, &p.g1, &p.c1, &p.wqkv, &p.bqkv, &p.wo, &p.bo, &p.g2, &p.c2, &p.w1, &p.b1, &p.w2, &p.b2],
        both(|| [scripts::transformer(&x, &p)]),
        budget,
    )
}

pub(crate) fn product(n: usize, budget: Duration) -> Vec<Figures> {
    let mut inputs = Inputs::of(14);
    let (a, b) = (inputs.unit([n, n]), inputs.unit([n, n]));
    let mut cases = both(|| [scripts::matmul(&a, &b)]);
    let (av, bv) = (a.to_vec(), b.to_vec());
    let mut out = vec![0.0_f32; n * n];
    let mut whole = true;
    let call = move || {
        faer_product(&av, &bv, false, &mut out, n);
        seen(&out, &mut whole)
    };
    cases.push(Case { system: "faer", call: Box::new(call) });
    run(Work::Product, &[&a, &b], cases, budget)
}

pub(crate) fn train_step(n: usize, budget: Duration) -> Vec<Figures> {
    let mut i = Inputs::of(15);
    let x = i.unit([n, 64]);
    let labels: Vec<i64> = i.values(n, 0.0, 10.0).into_iter().map(|v| v as i64).collect();
    let y = Tensor::from(labels.clone());
    let (w1, b1) = (i.weights([64, 128], 64), i.weights([128], 64));
    let (w2, b2) = (i.weights([128, 10], 128), i.weights([10], 128));
    let p = slices(&[&x, &w1, &b1, &w2, &b2]);
    let mut cases = both(|| {
        let (loss, w1, b1, w2, b2) = scripts::train_step(&x, &y, &w1, &b1, &w2, &b2);
        [loss, w1, b1, w2, b2]
    });
    cases.push(plainly(|| plain::train_step(&p, &labels)));
    run(Work::TrainStep, &[&x, &y.one_hot::<f32>(10), &w1, &b1, &w2, &b2], cases, budget)
}

pub(crate) fn cheap(n: usize, budget: Duration) -> Vec<Figures> {
    let mut inputs = Inputs::of(1);
    let (ta, tb, tx) = (inputs.unit([n]), inputs.unit([n]), inputs.tensor([n], -3.0, 3.0));
    let (a, b, x) = (ta.to_vec(), tb.to_vec(), tx.to_vec());
    let mut cases = both(|| [scripts::cheap_chain(&ta, &tb, &tx)]);
    cases.push(each(n, |i| (a[i] * x[i] + b[i]) * (x[i] - a[i]) + b[i] * 0.5));
    run(Work::Cheap, &[&ta, &tb, &tx], cases, budget)
}
