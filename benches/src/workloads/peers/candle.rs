//! The workloads with candle.

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::ops;
use jit_benches::measure::Case;

use super::{Given, Work};

fn tensor(given: &Given) -> Tensor {
    Tensor::from_vec(given.values.clone(), given.shape.as_slice(), &Device::Cpu)
        .expect("as many as the shape has")
}

fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    let scale = 1.0 / (q.dim(D::Minus1)? as f64).sqrt();
    let mut scores = (q.matmul(&k.transpose(D::Minus2, D::Minus1)?.contiguous()?)? * scale)?;
    if let Some(mask) = mask {
        scores = scores.broadcast_add(mask)?;
    }
    ops::softmax_last_dim(&scores)?.matmul(v)
}

/// 0, and above the diagonal minus infinity.
fn causal(n: usize) -> Result<Tensor> {
    let values = (0..n * n).map(|i| if i % n > i / n { f32::NEG_INFINITY } else { 0.0 });
    Tensor::from_vec(values.collect(), (n, n), &Device::Cpu)
}

fn layer(x: &Tensor, w: &Tensor, b: &Tensor) -> Result<Tensor> {
    x.matmul(w)?.broadcast_add(b)
}

fn run(work: Work, p: &[Tensor], mask: Option<&Tensor>) -> Result<Vec<Tensor>> {
    let one = match work {
        Work::Chain => {
            let (a, b, x) = (&p[0], &p[1], &p[2]);
            ((((a * x)? + b)?.tanh()? * ops::sigmoid(x)?)? - ((x * 0.5)? * x)?)?
        }
        Work::Gelu => p[0].gelu()?,
        Work::Softmax => ops::softmax_last_dim(&p[0])?,
        Work::LayerNorm => ops::layer_norm(&p[0], &p[1], &p[2], 1e-5)?,
        Work::Mlp => {
            let h = layer(&p[0], &p[1], &p[2])?.relu()?;
            let h = layer(&h, &p[3], &p[4])?.relu()?;
            ops::softmax_last_dim(&layer(&h, &p[5], &p[6])?)?
        }
        Work::TinyMlp => {
            let h = layer(&p[0], &p[1], &p[2])?.tanh()?;
            let h = layer(&h, &p[3], &p[4])?.tanh()?;
            layer(&h, &p[5], &p[6])?
        }
        Work::Rnn => {
            let (x, w, u, b) = (&p[0], &p[1], &p[2], &p[3]);
            let mut h = Tensor::zeros((x.dim(1)?, w.dim(1)?), DType::F32, &Device::Cpu)?;
            for t in 0..x.dim(0)? {
                h = (x.get(t)?.matmul(w)? + h.matmul(u)?)?.broadcast_add(b)?.tanh()?;
            }
            h
        }
        Work::Newton => {
            let x = &p[0];
            let mut y = x.clone();
            for _ in 0..50 {
                if ((&y * &y)? - x)?.abs()?.max_all()?.to_scalar::<f32>()? <= 1e-5 {
                    break;
                }
                y = ((&y + (x / &y)?)? * 0.5)?;
            }
            y
        }
        Work::Condition => {
            let x = &p[0];
            if x.sum_all()?.to_scalar::<f32>()? > 0.0 { (x * 2.0)? } else { (x + 1.0)? }
        }
        Work::Attention => attention(&p[0], &p[1], &p[2], mask)?,
        Work::Mandelbrot => mandelbrot(&p[0], &p[1])?,
        Work::BlackScholes => {
            let (s, k, t) = (&p[0], &p[1], &p[2]);
            let vol = (t.sqrt()? * 0.2)?;
            let d1 = (((s / k)?.log()? + (t * (0.03 + 0.5 * 0.2 * 0.2))?)? / &vol)?;
            let d2 = (&d1 - &vol)?;
            let below = |d: Tensor| {
                ((d * std::f64::consts::FRAC_1_SQRT_2)?.erf()?.affine(0.5, 0.5)) as Result<Tensor>
            };
            ((s * below(d1)?)? - ((k * (t * -0.03)?.exp()?)? * below(d2)?)?)?
        }
        Work::Transformer => transformer(p)?,
        Work::Product => p[0].matmul(&p[1])?,
        Work::TrainStep => return train_step(p),
        Work::Cheap => {
            let (a, b, x) = (&p[0], &p[1], &p[2]);
            ((((a * x)? + b)? * (x - a)?)? + (b * 0.5)?)?
        }
    };
    Ok(vec![one])
}

fn mandelbrot(cr: &Tensor, ci: &Tensor) -> Result<Tensor> {
    let (mut zr, mut zi, mut count) = (cr.zeros_like()?, cr.zeros_like()?, cr.zeros_like()?);
    for _ in 0..100 {
        let (zr2, zi2) = ((&zr * &zr)?, (&zi * &zi)?);
        let inside = (&zr2 + &zi2)?.le(4.0)?;
        count = (count + inside.to_dtype(DType::F32)?)?;
        zi = inside.where_cond(&(((&zr * 2.0)? * &zi)? + ci)?, &zi)?;
        zr = inside.where_cond(&((zr2 - zi2)? + cr)?, &zr)?;
    }
    Ok(count)
}

fn transformer(p: &[Tensor]) -> Result<Tensor> {
    let x = &p[0];
    let n = x.dim(0)?;
    let qkv = layer(&ops::layer_norm(x, &p[1], &p[2], 1e-5)?, &p[3], &p[4])?;
    let qkv = qkv.reshape((n, 3, 4, 64))?.permute((1, 2, 0, 3))?.contiguous()?;
    let a = attention(&qkv.get(0)?, &qkv.get(1)?, &qkv.get(2)?, None)?;
    let a = a.permute((1, 0, 2))?.reshape((n, 256))?;
    let x = (x + layer(&a, &p[5], &p[6])?)?;
    let h = layer(&ops::layer_norm(&x, &p[7], &p[8], 1e-5)?, &p[9], &p[10])?.gelu()?;
    &x + layer(&h, &p[11], &p[12])?
}

fn train_step(p: &[Tensor]) -> Result<Vec<Tensor>> {
    let [x, y, w1, b1, w2, b2] = p else { unreachable!("six inputs") };
    let n = x.dim(0)? as f64;
    let h = layer(x, w1, b1)?.relu()?;
    let shares = ops::softmax_last_dim(&layer(&h, w2, b2)?)?;
    let loss = ((shares.log()? * y)?.sum_all()? * (-1.0 / n))?;
    let dz = ((shares - y)? / n)?;
    let dh = (dz.matmul(&w2.t()?)? * h.gt(0.0)?.to_dtype(DType::F32)?)?;
    Ok(vec![
        loss,
        (w1 - (x.t()?.matmul(&dh)? * 0.1)?)?,
        (b1 - (dh.sum(0)? * 0.1)?)?,
        (w2 - (h.t()?.matmul(&dz)? * 0.1)?)?,
        (b2 - (dz.sum(0)? * 0.1)?)?,
    ])
}

pub(super) fn case(work: Work, given: &[Given]) -> Case<'static> {
    let p: Vec<Tensor> = given.iter().map(tensor).collect();
    let mask = (work == Work::Attention).then(|| causal(given[0].shape[1]).expect("a mask"));
    let call = move || run(work, &p, mask.as_ref()).expect("candle runs the workload");
    let read = |t: Tensor| t.flatten_all().and_then(|t| t.to_vec1()).expect("elements of f32");
    super::case("candle", call, read)
}
