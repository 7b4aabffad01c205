//! The workloads with burn, on its ndarray backend.

use burn_ndarray::{NdArray, NdArrayDevice};
use burn_tensor::activation::{relu, sigmoid, softmax};
use burn_tensor::{Bool, Tensor, TensorData};
use jit_benches::measure::Case;

use super::{Given, Work};

type B = NdArray<f32>;

fn load<const R: usize>(given: &Given) -> Tensor<B, R> {
    let data = TensorData::new(given.values.clone(), given.shape.clone());
    Tensor::from_data(data, &NdArrayDevice::Cpu)
}

/// A vector as a row.
fn row(given: &Given) -> Tensor<B, 2> {
    load::<1>(given).unsqueeze()
}

/// A case with one result.
fn of<const R: usize>(call: impl Fn() -> Tensor<B, R> + 'static) -> Case<'static> {
    super::case(
        "burn",
        move || vec![call()],
        |t: Tensor<B, R>| t.into_data().to_vec().expect("elements of f32"),
    )
}

fn layer_norm(x: Tensor<B, 2>, gamma: Tensor<B, 2>, beta: Tensor<B, 2>) -> Tensor<B, 2> {
    let centred = x.clone() - x.mean_dim(1);
    let var = (centred.clone() * centred.clone()).mean_dim(1);
    centred / (var + 1e-5).sqrt() * gamma + beta
}

fn attention(q: Tensor<B, 3>, k: Tensor<B, 3>, v: Tensor<B, 3>, causal: bool) -> Tensor<B, 3> {
    let [heads, n, d] = q.dims();
    let mut scores = q.matmul(k.swap_dims(1, 2)) / (d as f32).sqrt();
    if causal {
        let mask = Tensor::<B, 2, Bool>::tril_mask([n, n], 0, &NdArrayDevice::Cpu);
        scores = scores.mask_fill(mask.unsqueeze::<3>().expand([heads, n, n]), f32::NEG_INFINITY);
    }
    softmax(scores, 2).matmul(v)
}

pub(super) fn case(work: Work, given: &[Given]) -> Case<'static> {
    match work {
        Work::Chain | Work::Cheap => {
            let (a, b, x) = (load::<1>(&given[0]), load::<1>(&given[1]), load::<1>(&given[2]));
            of(move || {
                let (a, b, x) = (a.clone(), b.clone(), x.clone());
                if work == Work::Cheap {
                    return (a.clone() * x.clone() + b.clone()) * (x - a) + b * 0.5;
                }
                (a * x.clone() + b).tanh() * sigmoid(x.clone()) - x.clone() * 0.5 * x
            })
        }
        Work::Gelu => {
            let x = load::<1>(&given[0]);
            of(move || gelu(x.clone()))
        }
        Work::Newton => {
            let x = load::<1>(&given[0]);
            of(move || {
                let mut y = x.clone();
                for _ in 0..50 {
                    if (y.clone() * y.clone() - x.clone()).abs().max().into_scalar() <= 1e-5 {
                        break;
                    }
                    y = (y.clone() + x.clone() / y) * 0.5;
                }
                y
            })
        }
        Work::Condition => {
            let x = load::<1>(&given[0]);
            of(move || if x.clone().sum().into_scalar() > 0.0 { x.clone() * 2.0 } else { x.clone() + 1.0 })
        }
        Work::Mandelbrot => {
            let (cr, ci) = (load::<2>(&given[0]), load::<2>(&given[1]));
            of(move || mandelbrot(&cr, &ci))
        }
        Work::BlackScholes => {
            let (s, k, t) = (load::<1>(&given[0]), load::<1>(&given[1]), load::<1>(&given[2]));
            of(move || {
                let (s, k, t) = (s.clone(), k.clone(), t.clone());
                let vol = t.clone().sqrt() * 0.2;
                let d1 = ((s.clone() / k.clone()).log() + t.clone() * (0.03 + 0.5 * 0.2 * 0.2)) / vol.clone();
                let d2 = d1.clone() - vol;
                let below = |d: Tensor<B, 1>| ((d * 0.707_106_77).erf() + 1.0) * 0.5;
                s * below(d1) - k * (t * -0.03).exp() * below(d2)
            })
        }
        _ => products(work, given),
    }
}

fn gelu<const R: usize>(x: Tensor<B, R>) -> Tensor<B, R> {
    let cube = x.clone() * x.clone() * x.clone();
    let inner = ((x.clone() + cube * 0.044715) * 0.797_884_6).tanh();
    x * 0.5 * (inner + 1.0)
}

fn mandelbrot(cr: &Tensor<B, 2>, ci: &Tensor<B, 2>) -> Tensor<B, 2> {
    let (mut zr, mut zi, mut count) = (cr.zeros_like(), cr.zeros_like(), cr.zeros_like());
    for _ in 0..100 {
        let (zr2, zi2) = (zr.clone() * zr.clone(), zi.clone() * zi.clone());
        let inside = (zr2.clone() + zi2.clone()).lower_equal_elem(4.0);
        count = count + inside.clone().float();
        let next = zr.clone() * 2.0 * zi.clone() + ci.clone();
        zi = zi.mask_where(inside.clone(), next);
        zr = zr.mask_where(inside, zr2 - zi2 + cr.clone());
    }
    count
}

/// The workloads with matrix products or rows.
fn products(work: Work, given: &[Given]) -> Case<'static> {
    match work {
        Work::Softmax => {
            let x = load::<2>(&given[0]);
            of(move || softmax(x.clone(), 1))
        }
        Work::LayerNorm => {
            let (x, g, b) = (load::<2>(&given[0]), row(&given[1]), row(&given[2]));
            of(move || layer_norm(x.clone(), g.clone(), b.clone()))
        }
        Work::Product => {
            let (a, b) = (load::<2>(&given[0]), load::<2>(&given[1]));
            of(move || a.clone().matmul(b.clone()))
        }
        Work::Mlp | Work::TinyMlp => {
            let x = load::<2>(&given[0]);
            let layers: Vec<_> = given[1..].chunks(2).map(|wb| (load::<2>(&wb[0]), row(&wb[1]))).collect();
            of(move || {
                let mut h = x.clone().matmul(layers[0].0.clone()) + layers[0].1.clone();
                for (w, b) in &layers[1..] {
                    h = if work == Work::Mlp { relu(h) } else { h.tanh() };
                    h = h.matmul(w.clone()) + b.clone();
                }
                if work == Work::Mlp { softmax(h, 1) } else { h }
            })
        }
        Work::Rnn => {
            let (x, w, u, b) =
                (load::<3>(&given[0]), load::<2>(&given[1]), load::<2>(&given[2]), row(&given[3]));
            of(move || {
                let [steps, batch, _] = x.dims();
                let mut h = Tensor::<B, 2>::zeros([batch, w.dims()[1]], &NdArrayDevice::Cpu);
                for t in 0..steps {
                    let x = x.clone().slice_dim(0, t..t + 1).squeeze_dim::<2>(0);
                    h = (x.matmul(w.clone()) + h.matmul(u.clone()) + b.clone()).tanh();
                }
                h
            })
        }
        Work::Attention => {
            let (q, k, v) = (load::<3>(&given[0]), load::<3>(&given[1]), load::<3>(&given[2]));
            of(move || attention(q.clone(), k.clone(), v.clone(), true))
        }
        Work::Transformer => transformer(given),
        _ => train_step(given),
    }
}

fn transformer(given: &[Given]) -> Case<'static> {
    let x = load::<2>(&given[0]);
    let norms = [1, 7].map(|i| (row(&given[i]), row(&given[i + 1])));
    let layers = [3, 5, 9, 11].map(|i| (load::<2>(&given[i]), row(&given[i + 1])));
    let layer = move |i: usize, x: Tensor<B, 2>| x.matmul(layers[i].0.clone()) + layers[i].1.clone();
    let norm = move |i: usize, x: Tensor<B, 2>| layer_norm(x, norms[i].0.clone(), norms[i].1.clone());
    of(move || {
        let n = x.dims()[0];
        let qkv = layer(0, norm(0, x.clone())).reshape([n, 3, 4, 64]).permute([1, 2, 0, 3]);
        let part = |i: usize| qkv.clone().slice_dim(0, i..i + 1).squeeze_dim::<3>(0);
        let a = attention(part(0), part(1), part(2), false).permute([1, 0, 2]).reshape([n, 256]);
        let x = x.clone() + layer(1, a);
        x.clone() + layer(3, gelu(layer(2, norm(1, x))))
    })
}

fn train_step(given: &[Given]) -> Case<'static> {
    let (x, y) = (load::<2>(&given[0]), load::<2>(&given[1]));
    let (w1, b1, w2, b2) = (load::<2>(&given[2]), row(&given[3]), load::<2>(&given[4]), row(&given[5]));
    let call = move || {
        let n = x.dims()[0] as f32;
        let h = relu(x.clone().matmul(w1.clone()) + b1.clone());
        let shares = softmax(h.clone().matmul(w2.clone()) + b2.clone(), 1);
        let loss = (shares.clone().log() * y.clone()).sum() / -n;
        let dz = (shares - y.clone()) / n;
        let dh = dz.clone().matmul(w2.clone().transpose()) * h.clone().greater_elem(0.0).float();
        vec![
            loss.unsqueeze(),
            w1.clone() - x.clone().transpose().matmul(dh.clone()) * 0.1,
            b1.clone() - dh.sum_dim(0) * 0.1,
            w2.clone() - h.transpose().matmul(dz.clone()) * 0.1,
            b2.clone() - dz.sum_dim(0) * 0.1,
        ]
    };
    super::case("burn", call, |t: Tensor<B, 2>| t.into_data().to_vec().expect("elements of f32"))
}
