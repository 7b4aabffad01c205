//! Convolutions beside candle's, in turns, one thread each.
//!
//! `RAYON_NUM_THREADS=1 cargo run --release -p jit-benches --features peers --bin conv`

use std::hint::black_box;
use std::time::Instant;

use candle_core::{Device, Tensor as Candle};
use jit_runtime::prelude::*;

/// Sizes of the input, of the weights; stride, padding, dilation, groups.
type Shape = ([usize; 4], [usize; 4], [usize; 4]);

const SHAPES: [Shape; 8] = [
    ([1, 3, 224, 224], [64, 3, 7, 7], [2, 3, 1, 1]),
    ([1, 64, 56, 56], [64, 64, 3, 3], [1, 1, 1, 1]),
    ([1, 64, 56, 56], [256, 64, 1, 1], [1, 0, 1, 1]),
    ([8, 32, 28, 28], [64, 32, 3, 3], [1, 1, 1, 1]),
    ([1, 512, 7, 7], [512, 512, 3, 3], [1, 1, 1, 1]),
    ([1, 32, 56, 56], [32, 1, 3, 3], [1, 1, 1, 32]),
    ([1, 16, 40, 40], [16, 16, 3, 3], [1, 2, 2, 1]),
    ([16, 1, 28, 28], [8, 1, 5, 5], [1, 2, 1, 1]),
];

fn values(shape: [usize; 4], seed: usize) -> Vec<f32> {
    (0..shape.iter().product()).map(|i: usize| ((i * 7919 + seed) % 1013) as f32 / 1013.0 - 0.5).collect()
}

fn once(f: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    f();
    start.elapsed().as_secs_f64()
}

fn main() -> candle_core::Result<()> {
    jit_runtime::set_threads(1);
    println!(
        "{:<44} {:>10} {:>10} {:>7}",
        "x, weights, [stride, padding, dilation, groups]", "ours, us", "candle", "ratio"
    );
    for (x, w, numbers) in SHAPES {
        let [stride, padding, dilation, groups] = numbers;
        let (a, b) = (values(x, 1), values(w, 5));
        let (cx, cw) =
            (Candle::from_vec(a.clone(), &x, &Device::Cpu)?, Candle::from_vec(b.clone(), &w, &Device::Cpu)?);
        let fits = "as many as the shape has";
        let (ox, ow) = (Tensor::from_vec(a, x).expect(fits), Tensor::from_vec(b, w).expect(fits));
        let ours = ox.conv2d(&ow, stride, padding, dilation, groups);
        let theirs = cx.conv2d(&cw, padding, stride, dilation, groups)?.flatten_all()?.to_vec1::<f32>()?;
        for (o, t) in ours.to_vec().iter().zip(&theirs) {
            assert!((o - t).abs() <= 1e-4 * t.abs().max(1.0), "{x:?}: {o} and {t}");
        }
        let mut best = [f64::INFINITY; 2];
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < 1.0 {
            best[0] =
                best[0].min(once(&mut || drop(black_box(ox.conv2d(&ow, stride, padding, dilation, groups)))));
            best[1] =
                best[1].min(once(&mut || drop(black_box(cx.conv2d(&cw, padding, stride, dilation, groups)))));
        }
        let case = format!("{x:?} {w:?} {numbers:?}");
        println!("{case:<44} {:>10.1} {:>10.1} {:>7.2}", best[0] * 1e6, best[1] * 1e6, best[1] / best[0]);
    }
    Ok(())
}
