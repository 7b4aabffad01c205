//! Groups without a native kernel of their own: kernels for runs of their members, and tiles for the rest. The bits are those
//! of the ops one by one.

use jit_runtime::prelude::*;
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
    assert!(explained.contains("; no native kernel: no script brought one of this form"), "{explained}");
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
