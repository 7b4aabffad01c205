//! The workloads as loops over slices, as one writes them in Rust without a library.

pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The largest of the values, as one folds floats.
fn largest(x: &[f32]) -> f32 {
    x.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Softmax of each row of `n`, in place.
pub(crate) fn softmax(x: &mut [f32], n: usize) {
    for row in x.chunks_mut(n) {
        let max = largest(row);
        let mut sum = 0.0;
        for v in row.iter_mut() {
            *v = (*v - max).exp();
            sum += *v;
        }
        row.iter_mut().for_each(|v| *v /= sum);
    }
}

pub(crate) fn layernorm(x: &[f32], gamma: &[f32], beta: &[f32]) -> Vec<f32> {
    let n = gamma.len();
    let mut out = Vec::with_capacity(x.len());
    for row in x.chunks(n) {
        let mean = row.iter().sum::<f32>() / n as f32;
        let var = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n as f32;
        let scale = 1.0 / (var + 1e-5).sqrt();
        out.extend(row.iter().zip(gamma).zip(beta).map(|((v, g), b)| (v - mean) * scale * g + b));
    }
    out
}

/// `a` of `m` rows times `b` of `n` columns, added to `out`.
pub(crate) fn product(a: &[f32], b: &[f32], out: &mut [f32], n: usize) {
    let k = b.len() / n;
    for (row, out) in a.chunks(k).zip(out.chunks_mut(n)) {
        for (x, b) in row.iter().zip(b.chunks(n)) {
            out.iter_mut().zip(b).for_each(|(o, y)| *o += x * y);
        }
    }
}

/// A layer of weights `w` and bias `b` before its activation.
fn layer(x: &[f32], w: &[f32], b: &[f32]) -> Vec<f32> {
    let rows = x.len() / (w.len() / b.len());
    let mut out = b.repeat(rows);
    product(x, w, &mut out, b.len());
    out
}

/// Three layers with an activation between them.
pub(crate) fn layers(p: &[Vec<f32>], activation: impl Fn(f32) -> f32) -> Vec<f32> {
    let mut h = p[0].clone();
    for (i, wb) in p[1..].chunks(2).enumerate() {
        h = layer(&h, &wb[0], &wb[1]);
        if i < 2 {
            h.iter_mut().for_each(|v| *v = activation(*v));
        }
    }
    h
}

pub(crate) fn rnn(p: &[Vec<f32>], batch: usize) -> Vec<f32> {
    let [x, w, u, b] = p else { unreachable!("four inputs") };
    let mut h = vec![0.0; batch * b.len()];
    for x in x.chunks(batch * w.len() / b.len()) {
        let mut next = layer(x, w, b);
        product(&h, u, &mut next, b.len());
        next.iter_mut().for_each(|v| *v = v.tanh());
        h = next;
    }
    h
}

pub(crate) fn newton_sqrt(x: &[f32]) -> Vec<f32> {
    let mut y = x.to_vec();
    for _ in 0..50 {
        let error = x.iter().zip(&y).map(|(x, y)| (y * y - x).abs()).fold(0.0, f32::max);
        if error <= 1e-5 {
            break;
        }
        y.iter_mut().zip(x).for_each(|(y, x)| *y = 0.5 * (*y + x / *y));
    }
    y
}

pub(crate) fn conditional(x: &[f32]) -> Vec<f32> {
    if x.iter().sum::<f32>() > 0.0 {
        x.iter().map(|v| v * 2.0).collect()
    } else {
        x.iter().map(|v| v + 1.0).collect()
    }
}

/// Causal attention over `heads` of `n` rows of `d`.
pub(crate) fn attention(q: &[f32], k: &[f32], v: &[f32], n: usize, d: usize) -> Vec<f32> {
    let mut out = vec![0.0; q.len()];
    let mut scores = vec![0.0; n];
    let head = n * d;
    for (((q, k), v), out) in q.chunks(head).zip(k.chunks(head)).zip(v.chunks(head)).zip(out.chunks_mut(head))
    {
        for (i, (q, out)) in q.chunks(d).zip(out.chunks_mut(d)).enumerate() {
            let scores = &mut scores[..=i];
            for (s, k) in scores.iter_mut().zip(k.chunks(d)) {
                *s = q.iter().zip(k).map(|(a, b)| a * b).sum::<f32>() * 0.125;
            }
            softmax(scores, i + 1);
            product(scores, &v[..(i + 1) * d], out, d);
        }
    }
    out
}

pub(crate) fn mandelbrot(cr: &[f32], ci: &[f32]) -> Vec<f32> {
    let count = |(cr, ci): (&f32, &f32)| {
        let (mut zr, mut zi, mut count) = (0.0_f32, 0.0_f32, 0.0_f32);
        for _ in 0..100 {
            let (zr2, zi2) = (zr * zr, zi * zi);
            if zr2 + zi2 > 4.0 {
                break;
            }
            count += 1.0;
            zi = 2.0 * zr * zi + ci;
            zr = zr2 - zi2 + cr;
        }
        count
    };
    cr.iter().zip(ci).map(count).collect()
}

pub(crate) fn black_scholes(s: f32, k: f32, t: f32) -> f32 {
    let vol = 0.2 * t.sqrt();
    let d1 = ((s / k).ln() + (0.03 + 0.5 * 0.2 * 0.2) * t) / vol;
    let below = |d: f32| 0.5 * (1.0 + libm::erff(d * 0.707_106_77));
    s * below(d1) - k * (-0.03 * t).exp() * below(d1 - vol)
}

/// Loss and new weights after a step.
pub(crate) fn train_step(p: &[Vec<f32>], labels: &[i64]) -> Vec<f32> {
    let [x, w1, b1, w2, b2] = p else { unreachable!("five inputs") };
    let (n, hidden, classes) = (labels.len(), b1.len(), b2.len());
    let mut h = layer(x, w1, b1);
    h.iter_mut().for_each(|v| *v = v.max(0.0));
    let mut dz = layer(&h, w2, b2);
    softmax(&mut dz, classes);
    let mut loss = 0.0;
    for (row, label) in dz.chunks_mut(classes).zip(labels) {
        loss -= row[*label as usize].ln() / n as f32;
        row[*label as usize] -= 1.0;
    }
    dz.iter_mut().for_each(|v| *v /= n as f32);
    let mut dh = vec![0.0; n * hidden];
    product(&dz, &turned(w2, classes), &mut dh, hidden);
    dh.iter_mut().zip(&h).for_each(|(d, h)| *d = if *h > 0.0 { *d } else { 0.0 });
    let mut out = vec![loss];
    for (input, d, w, b) in [(x, &dh, w1, b1), (&h, &dz, w2, b2)] {
        let (rows, columns) = (input.len() / n, b.len());
        let mut gradient = vec![0.0; w.len()];
        product(&turned(input, rows), d, &mut gradient, columns);
        out.extend(w.iter().zip(&gradient).map(|(w, g)| w - 0.1 * g));
        out.extend((0..columns).map(|c| b[c] - 0.1 * d.chunks(columns).map(|row| row[c]).sum::<f32>()));
    }
    out
}

/// The transpose of a matrix of `n` columns.
fn turned(a: &[f32], n: usize) -> Vec<f32> {
    (0..n).flat_map(|c| a.chunks(n).map(move |row| row[c])).collect()
}
