//! Lloyd's algorithm on 1,797 real handwritten digits; the whole loop is one script.
//!
//! `cargo run --release --example kmeans_digits [picture.svg]`
//!
//! The data: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
//! Learning Repository, CC BY 4.0 (see `examples/data/README.md`).

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use jit_runtime::prelude::*;

const DATA: &str = include_str!("data/digits.csv");
const PIXELS: usize = 64;
const CLUSTERS: [usize; 4] = [10, 12, 16, 20];
const SEEDS: u64 = 10;

/// From starting centroids `[k, d]` to `(centroids, labels, inertias of all iterations)`: points
/// `[n, d]` go to the nearest centroid and centroids to the mean of their points, until the sum of
/// squared distances stops falling.
#[script]
fn lloyd(points: &Tensor, start: &Tensor, most: usize) -> (Tensor, Tensor<i64>, Tensor) {
    let k = start.dim(0);
    let norms = points.square().sum_axis(1).unsqueeze(1);
    let mut centroids = start.clone();
    let mut labels = Tensor::<i64>::zeros([points.dim(0)]);
    let mut inertias = Tensor::<f32>::zeros([0]);
    let mut last = f32::INFINITY;
    let mut falling = true;
    while falling && inertias.len() < most {
        // |p - c|^2 = |p|^2 - 2 p.c + |c|^2, for all pairs at once.
        let products = points.matmul(&centroids.t());
        let distances = &norms - 2.0 * &products + centroids.square().sum_axis(1);
        labels = distances.argmin_axis(1);
        let inertia = distances.min_axis(1).sum();
        inertias = Tensor::concat(&[&inertias, &inertia.unsqueeze(0)], 0);
        falling = inertia.item() < last;
        last = inertia.item();

        let members = labels.one_hot::<f32>(k);
        let counts = members.sum_axis(0).unsqueeze(1);
        let means = members.t().matmul(points) / counts.maximum(1.0);
        // A cluster that lost all its points stays where it is.
        centroids = counts.gt(0.0).select(&means, &centroids);
    }
    (centroids, labels, inertias)
}

fn digits() -> (Tensor, Vec<usize>) {
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for line in DATA.lines() {
        let mut fields = line.split(',').map(|f| f.trim().parse::<f32>().expect("a number"));
        pixels.extend(fields.by_ref().take(PIXELS));
        labels.push(fields.next().expect("a label") as usize);
    }
    let points = Tensor::from_vec(pixels, [labels.len(), PIXELS]).expect("64 pixels in each line");
    (points, labels)
}

/// `k` different points, chosen by a splitmix64 stream.
fn choose(points: &Tensor, k: usize, seed: u64) -> Tensor {
    let n = points.dim(0);
    let mut state = seed;
    let mut chosen: Vec<i64> = Vec::new();
    while chosen.len() < k {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let pick = ((z ^ (z >> 31)) % n as u64) as i64;
        if !chosen.contains(&pick) {
            chosen.push(pick);
        }
    }
    points.take(0, &Tensor::from(chosen))
}

/// The share of points whose label is the commonest one of their cluster.
fn purity(labels: &[usize], clusters: &[i64], k: usize) -> f64 {
    let mut counts = vec![[0_usize; 10]; k];
    for (label, cluster) in labels.iter().zip(clusters) {
        counts[*cluster as usize][*label] += 1;
    }
    let right: usize = counts.iter().map(|c| c.iter().max().copied().unwrap_or(0)).sum();
    right as f64 / labels.len() as f64
}

struct Run {
    k: usize,
    seed: u64,
    centroids: Tensor,
    inertias: Vec<f32>,
    purity: f64,
}

fn main() -> std::io::Result<()> {
    let (points, labels) = digits();
    println!("{} digits of {PIXELS} pixels", labels.len());

    let total = CLUSTERS.len() as u64 * SEEDS;
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} restarts  {msg}  {elapsed}");
    bar.set_style(style.expect("a valid template"));
    let mut best: Vec<Run> = Vec::new();
    let (mut scripted, mut eager) = (Duration::ZERO, Duration::ZERO);
    for k in CLUSTERS {
        for seed in 0..SEEDS {
            bar.set_message(format!("k = {k}"));
            let start = choose(&points, k, seed);
            let clock = Instant::now();
            let (centroids, clusters, inertias) = lloyd(&points, &start, 300);
            scripted += clock.elapsed();
            let clock = Instant::now();
            let plain = jit_runtime::eager(|| lloyd(&points, &start, 300));
            eager += clock.elapsed();
            assert!(plain.0 == centroids && plain.1 == clusters && plain.2 == inertias, "the modes agree");

            let inertias = inertias.to_vec();
            let run = Run { k, seed, purity: purity(&labels, &clusters.to_vec(), k), centroids, inertias };
            match best.iter_mut().find(|r| r.k == k) {
                Some(old) if run.inertias.last() < old.inertias.last() => *old = run,
                Some(_) => {}
                None => best.push(run),
            }
            bar.inc(1);
        }
    }
    bar.finish();

    println!("\n  k  seed  iterations  first inertia   last inertia  purity");
    for r in &best {
        let (first, last) = (r.inertias[0], r.inertias[r.inertias.len() - 1]);
        println!(
            "{:3}  {:4}  {:10}  {first:13.0}  {last:13.0}  {:.3}",
            r.k,
            r.seed,
            r.inertias.len(),
            r.purity
        );
    }
    let top = best.iter().max_by(|a, b| a.purity.total_cmp(&b.purity)).expect("there are runs");
    println!("\nbest purity {:.3} at k = {}; its inertias:", top.purity, top.k);
    println!("{}", Tensor::from(top.inertias.as_slice()));
    assert!(top.purity >= 0.70, "the clusters follow the digits");
    println!(
        "\n{total} runs: {:.1} ms compiled, {:.1} ms eager (ratio {:.2})",
        scripted.as_secs_f64() * 1e3,
        eager.as_secs_f64() * 1e3,
        eager.as_secs_f64() / scripted.as_secs_f64()
    );
    println!("{}", lloyd::stats());

    let path = std::env::args().nth(1).unwrap_or_else(|| "kmeans_digits.svg".into());
    std::fs::write(&path, picture(&top.centroids))?;
    println!("the centroids are drawn in {path}");
    Ok(())
}

/// The centroids as 8 x 8 pictures, in rows of five.
fn picture(centroids: &Tensor) -> String {
    let (cell, gap, columns) = (12, 16, 5);
    let step = 8 * cell + gap;
    let k = centroids.dim(0);
    let (width, height) = (columns * step + gap, k.div_ceil(columns) * step + gap);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (i, value) in centroids.to_vec().into_iter().enumerate() {
        let (digit, pixel) = (i / PIXELS, i % PIXELS);
        let x = gap + digit % columns * step + pixel % 8 * cell;
        let y = gap + digit / columns * step + pixel / 8 * cell;
        let ink = 255 - (value.clamp(0.0, 16.0) * 255.0 / 16.0) as u8;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{cell}\" height=\"{cell}\" fill=\"rgb({ink},{ink},{ink})\"/>"
        );
    }
    svg.push_str("</svg>\n");
    svg
}
