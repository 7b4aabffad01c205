//! The workloads with ndarray.

use jit_benches::measure::Case;
use ndarray::{Array1, Array2, Array3, ArrayD, ArrayView2, Axis, IxDyn, NewAxis, s};

use super::{Given, Work};

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn softmax(x: Array2<f32>) -> Array2<f32> {
    let max = x.fold_axis(Axis(1), f32::NEG_INFINITY, |m, v| m.max(*v)).insert_axis(Axis(1));
    let e = (x - max).mapv_into(f32::exp);
    let sum = e.sum_axis(Axis(1)).insert_axis(Axis(1));
    e / sum
}

fn layer_norm(x: &Array2<f32>, gamma: &Array1<f32>, beta: &Array1<f32>) -> Array2<f32> {
    let n = x.ncols() as f32;
    let centred = x - &(x.sum_axis(Axis(1)) / n).insert_axis(Axis(1));
    let var = (&centred * &centred).sum_axis(Axis(1)) / n;
    let scale = var.mapv(|v| 1.0 / (v + 1e-5).sqrt()).insert_axis(Axis(1));
    centred * scale * gamma + beta
}

fn attention(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, causal: bool) -> Array2<f32> {
    let mut scores = q.dot(&k.t()) / (q.ncols() as f32).sqrt();
    if causal {
        scores.indexed_iter_mut().filter(|((i, j), _)| j > i).for_each(|(_, s)| *s = f32::NEG_INFINITY);
    }
    softmax(scores).dot(&v)
}

fn gelu(x: Array2<f32>) -> Array2<f32> {
    x.mapv_into(|v| 0.5 * v * (1.0 + (0.797_884_6 * (v + 0.044715 * v * v * v)).tanh()))
}

fn one(g: &Given) -> Array1<f32> {
    Array1::from(g.values.clone())
}

fn two(g: &Given) -> Array2<f32> {
    Array2::from_shape_vec([g.shape[0], g.shape[1]], g.values.clone()).expect("a matrix")
}

fn three(g: &Given) -> Array3<f32> {
    Array3::from_shape_vec([g.shape[0], g.shape[1], g.shape[2]], g.values.clone()).expect("three axes")
}

fn any(g: &Given) -> ArrayD<f32> {
    ArrayD::from_shape_vec(IxDyn(&g.shape), g.values.clone()).expect("as many as the shape has")
}

fn case_of(call: impl Fn() -> Vec<ArrayD<f32>> + 'static) -> Case<'static> {
    super::case("ndarray", call, |a: ArrayD<f32>| a.iter().copied().collect())
}

pub(super) fn case(work: Work, given: &[Given]) -> Case<'static> {
    let p: Vec<ArrayD<f32>> = given.iter().map(any).collect();
    match work {
        Work::Chain => case_of(move || {
            let (a, b, x) = (&p[0], &p[1], &p[2]);
            vec![(a * x + b).mapv_into(f32::tanh) * x.mapv(sigmoid) - 0.5 * x * x]
        }),
        Work::Gelu => case_of(move || {
            let x = &p[0];
            vec![0.5 * x * (1.0 + (0.797_884_6 * (x + 0.044715 * x * x * x)).mapv_into(f32::tanh))]
        }),
        Work::Cheap => case_of(move || {
            let (a, b, x) = (&p[0], &p[1], &p[2]);
            vec![(a * x + b) * (x - a) + b * 0.5]
        }),
        Work::Newton => case_of(move || {
            let x = &p[0];
            let mut y = x.clone();
            for _ in 0..50 {
                if (&y * &y - x).fold(0.0, |m: f32, v| m.max(v.abs())) <= 1e-5 {
                    break;
                }
                y = 0.5 * (&y + &(x / &y));
            }
            vec![y]
        }),
        Work::Condition => case_of(move || {
            let x = &p[0];
            vec![if x.sum() > 0.0 { x * 2.0 } else { x + 1.0 }]
        }),
        Work::Mandelbrot => case_of(move || {
            let (cr, ci) = (&p[0], &p[1]);
            let (mut zr, mut zi) = (ArrayD::zeros(cr.raw_dim()), ArrayD::zeros(cr.raw_dim()));
            let mut count = ArrayD::zeros(cr.raw_dim());
            for _ in 0..100 {
                let inside = (&zr * &zr + &zi * &zi).mapv_into(|v| if v <= 4.0 { 1.0 } else { 0.0 });
                count += &inside;
                let (r, i) = (&zr * &zr - &zi * &zi + cr, 2.0 * &zr * &zi + ci);
                ndarray::Zip::from(&mut zr).and(&inside).and(&r).for_each(|z, m, v| {
                    if *m > 0.0 {
                        *z = *v
                    }
                });
                ndarray::Zip::from(&mut zi).and(&inside).and(&i).for_each(|z, m, v| {
                    if *m > 0.0 {
                        *z = *v
                    }
                });
            }
            vec![count]
        }),
        Work::BlackScholes => case_of(move || {
            let (s, k, t) = (&p[0], &p[1], &p[2]);
            let vol = 0.2 * t.mapv(f32::sqrt);
            let d1 = ((s / k).mapv_into(f32::ln) + (0.03 + 0.5 * 0.2 * 0.2) * t) / &vol;
            let d2 = &d1 - &vol;
            let below = |d: ArrayD<f32>| 0.5 * (1.0 + (d * 0.707_106_77).mapv_into(libm::erff));
            vec![s * &below(d1) - k * &(-0.03 * t).mapv_into(f32::exp) * below(d2)]
        }),
        _ => products(work, given),
    }
}

/// The workloads with matrix products or rows.
fn products(work: Work, given: &[Given]) -> Case<'static> {
    match work {
        Work::Softmax => {
            let x = two(&given[0]);
            case_of(move || vec![softmax(x.clone()).into_dyn()])
        }
        Work::LayerNorm => {
            let (x, g, b) = (two(&given[0]), one(&given[1]), one(&given[2]));
            case_of(move || vec![layer_norm(&x, &g, &b).into_dyn()])
        }
        Work::Product => {
            let (a, b) = (two(&given[0]), two(&given[1]));
            case_of(move || vec![a.dot(&b).into_dyn()])
        }
        Work::Mlp | Work::TinyMlp => {
            let x = two(&given[0]);
            let layers: Vec<_> = given[1..].chunks(2).map(|wb| (two(&wb[0]), one(&wb[1]))).collect();
            case_of(move || {
                let mut h = x.dot(&layers[0].0) + &layers[0].1;
                for (w, b) in &layers[1..] {
                    h = match work {
                        Work::Mlp => h.mapv_into(|v| v.max(0.0)),
                        _ => h.mapv_into(f32::tanh),
                    };
                    h = h.dot(w) + b;
                }
                vec![if work == Work::Mlp { softmax(h) } else { h }.into_dyn()]
            })
        }
        Work::Rnn => {
            let (x, w, u, b) = (three(&given[0]), two(&given[1]), two(&given[2]), one(&given[3]));
            case_of(move || {
                let mut h = Array2::zeros([x.shape()[1], w.ncols()]);
                for x in x.outer_iter() {
                    h = (x.dot(&w) + h.dot(&u) + &b).mapv_into(f32::tanh);
                }
                vec![h.into_dyn()]
            })
        }
        Work::Attention => {
            let (q, k, v) = (three(&given[0]), three(&given[1]), three(&given[2]));
            case_of(move || {
                let heads = q.outer_iter().zip(k.outer_iter()).zip(v.outer_iter());
                let heads: Vec<_> = heads.map(|((q, k), v)| attention(q, k, v, true)).collect();
                let views: Vec<_> = heads.iter().map(|h| h.slice(s![NewAxis, .., ..])).collect();
                vec![ndarray::concatenate(Axis(0), &views).expect("heads of one shape").into_dyn()]
            })
        }
        Work::Transformer => transformer(given),
        _ => train_step(given),
    }
}

fn transformer(given: &[Given]) -> Case<'static> {
    let x = two(&given[0]);
    let norms = [1, 7].map(|i| (one(&given[i]), one(&given[i + 1])));
    let layers = [3, 5, 9, 11].map(|i| (two(&given[i]), one(&given[i + 1])));
    case_of(move || {
        let [(wqkv, bqkv), (wo, bo), (w1, b1), (w2, b2)] = &layers;
        let qkv = layer_norm(&x, &norms[0].0, &norms[0].1).dot(wqkv) + bqkv;
        let mut a = Array2::zeros(x.raw_dim());
        for head in 0..4 {
            let part = |i: usize| qkv.slice(s![.., i * 256 + head * 64..i * 256 + (head + 1) * 64]);
            a.slice_mut(s![.., head * 64..(head + 1) * 64]).assign(&attention(
                part(0),
                part(1),
                part(2),
                false,
            ));
        }
        let x = &x + &a.dot(wo) + bo;
        let h = layer_norm(&x, &norms[1].0, &norms[1].1).dot(w1) + b1;
        vec![(&x + &gelu(h).dot(w2) + b2).into_dyn()]
    })
}

fn train_step(given: &[Given]) -> Case<'static> {
    let (x, y) = (two(&given[0]), two(&given[1]));
    let (w1, b1, w2, b2) = (two(&given[2]), one(&given[3]), two(&given[4]), one(&given[5]));
    case_of(move || {
        let n = x.nrows() as f32;
        let h = (x.dot(&w1) + &b1).mapv_into(|v| v.max(0.0));
        let shares = softmax(h.dot(&w2) + &b2);
        let loss = -(shares.mapv(f32::ln) * &y).sum() / n;
        let dz = (shares - &y) / n;
        let dh = dz.dot(&w2.t()) * h.mapv(|v| if v > 0.0 { 1.0 } else { 0.0 });
        vec![
            ndarray::arr0(loss).into_dyn(),
            (&w1 - &(0.1 * x.t().dot(&dh))).into_dyn(),
            (&b1 - &(0.1 * dh.sum_axis(Axis(0)))).into_dyn(),
            (&w2 - &(0.1 * h.t().dot(&dz))).into_dyn(),
            (&b2 - &(0.1 * dz.sum_axis(Axis(0)))).into_dyn(),
        ]
    })
}
