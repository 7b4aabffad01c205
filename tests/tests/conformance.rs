//! Each form of a script body in five modes: plain Rust without the attribute, eager, compiled, traced,
//! and the graph printed, parsed and run where the body is not available. All must give equal bits.
#![allow(clippy::assign_op_pattern, clippy::needless_range_loop, unused_assignments)]

use jit_runtime::prelude::*;
use jit_tests::conform;

fn v(values: &[f32]) -> Tensor {
    Tensor::from(values)
}

#[script]
fn scale(x: &Tensor, by: f32) -> Tensor {
    x * by
}

#[script]
fn split(x: &Tensor) -> (Tensor, f32) {
    let total = x.sum().item();
    (x / total, total)
}

conform! {
    fn branch(x: &Tensor, t: f32) -> Tensor {
        if x.sum() > t { x * 2.0 } else { x + 1.0 }
    } with [(&v(&[1.0, 2.0]), 2.0), (&v(&[1.0, 2.0]), 9.0), (&v(&[]), 0.0), (&v(&[f32::NAN]), 0.0)]

    fn parts_replaced(x: &Tensor, n: usize) -> (Tensor, Tensor) {
        let mut y = Tensor::zeros([n, x.dim(0)]);
        let mut h = x.clone();
        for i in 0..n {
            h = (&h * 0.5).tanh();
            y.set_axis(0, i, &h);
        }
        let kept = y.clone();
        if n > 1 {
            y.set_slice(0, n - 2, &(kept.slice_axis(0, 0, 2) + 1.0));
        }
        y.set_axis(-1, 0, &Tensor::scalar(7.0));
        (y, kept)
    } with [(&v(&[1.0, 2.0]), 3), (&v(&[1.0]), 1), (&v(&[3.0, -1.0, 0.0]), 4)]

    fn moved_and_padded(x: &Tensor, n: usize, by: i64) -> (Tensor, Tensor, Tensor) {
        let y = x.pad([(n, 1)], 0.5).roll(0, by);
        let z = y.unsqueeze(0).repeat([2, n]).cumprod(-1);
        let w = z.slice_step(1, 0, z.dim(1), 2).pad([(0, 0), (1, n)], -1.0);
        (y, z, w)
    } with [(&v(&[1.0, 2.0]), 1, 1), (&v(&[]), 2, -3), (&v(&[3.0, -1.0, 0.5]), 3, 7)]

    fn composites(x: &Tensor, w: &Tensor, causal: bool) -> (Tensor, Tensor, Tensor, Tensor) {
        let y = x.linear(w, &w.sum_axis(1)).gelu();
        let z = y.layer_norm(&y.mean_axis(0), &w.mean(), 1e-5).rms_norm(&y.max_axis(0), 0.25).erf();
        let a = Tensor::scaled_dot_product_attention(&y, &z, x, causal);
        let b = Tensor::scaled_dot_product_attention(x, x, &a, true);
        (y.norm(), z, a, b)
    } with [
        (&Tensor::from([[1.0, 2.0], [0.5, -1.0]]), &Tensor::from([[0.5, 1.0], [2.0, -1.0], [0.0, 0.25]]), true),
        (&Tensor::from([[1.0, 2.0], [0.5, -1.0]]), &Tensor::from([[0.5, 1.0], [2.0, -1.0], [0.0, 0.25]]), false),
        (&Tensor::from([[3.0]]), &Tensor::from([[0.5]]), true)
    ]

    fn picked(x: &Tensor, labels: &Tensor<i64>) -> (Tensor, Tensor<i64>, Tensor, Tensor) {
        let order = x.argsort(-1);
        let sorted = x.gather(1, &order);
        let counts = Tensor::zeros([3]).scatter_add(0, labels, &x.sum_axis(1));
        (sorted - x.sort(1), order, counts, x.cross_entropy(labels))
    } with [
        (&Tensor::from([[1.0, 0.5], [f32::INFINITY, 2.0]]), &Tensor::from([1_i64, 0])),
        (&Tensor::from([[1.0, 3.0, -2.0]]), &Tensor::from([2_i64]))
    ]

    fn windows(x: &Tensor, w: &Tensor, n: usize) -> (Tensor, Tensor, Tensor) {
        let y = x.conv2d(w, n, [1, 0], 1, 1);
        let z = y.max_pool2d([2, 1], 1, [1, 0]);
        (y.avg_pool2d(n, [1, n], 0), z, x.conv2d(&w.flip(2), 1, n, [n, 1], 1))
    } with [
        (&Tensor::arange(0.0, 16.0, 1.0).reshape([1, 1, 4, 4]), &Tensor::from([[[[1.0, 2.0], [0.5, -1.0]]]]), 1),
        (&Tensor::arange(0.0, 32.0, 1.0).reshape([2, 1, 4, 4]), &Tensor::from([[[[1.0, 2.0], [0.5, -1.0]]]]), 2)
    ]

    fn equations(x: &Tensor, xs: &[Tensor]) -> (Tensor, Tensor, Tensor) {
        let y = Tensor::einsum("ij,kj->ik", &[x, &xs[0]]);
        (Tensor::einsum("ij,jk->k", &[y.t(), x.clone()]), Tensor::einsum("i...,j...->ij", xs), Tensor::einsum("ij->", &[x]))
    } with [
        (&Tensor::from([[1.0, 2.0], [3.0, 5.0]]), &[Tensor::from([[0.5, 2.0]]), Tensor::from([[1.0, -2.0]])][..]),
    ]

    fn largest(x: &Tensor, k: usize) -> (Tensor, Tensor<i64>, Tensor) {
        let (values, places) = x.topk(k, -1);
        let best = x.topk(1, 0).0;
        (values, places, best)
    } with [
        (&Tensor::from([[1.0, f32::NAN, 3.0, 3.0]]), 3),
        (&Tensor::from([[1.0, 2.0], [f32::INFINITY, 0.0]]), 0),
        (&Tensor::from([[1.0, 2.0], [f32::INFINITY, 0.0]]), 2)
    ]

    fn in_parts(x: &Tensor, n: usize) -> (Tensor, Vec<Tensor>) {
        let parts = x.split(-1, 2);
        let mut all = vec![];
        for part in x.split_sizes(0, [n, x.dim(0) - n]) {
            all.push(part.sum_axis(0) * 2.0);
        }
        let y = &parts[0] - &parts[1];
        (y, all)
    } with [
        (&Tensor::from([[1.0, 2.0], [3.0, 5.0], [0.0, -1.0]]), 1),
        (&Tensor::from([[1.0, 2.0, 3.0, 4.0]]), 0)
    ]

    fn else_if(x: &Tensor) -> Tensor {
        let s = x.mean();
        let y;
        if s > 1.0 { y = x - 1.0; } else if s < -1.0 { y = x + 1.0; } else { y = x.clone(); }
        y
    } with [(&v(&[5.0]),), (&v(&[-5.0]),), (&v(&[0.5]),)]

    fn while_loop(x: &Tensor, limit: f32) -> (Tensor, i32) {
        let mut y = x.clone();
        let mut n = 0;
        while y.sum() < limit {
            y = &y * 2.0;
            n += 1;
        }
        (y, n)
    } with [(&v(&[1.0, 1.0]), 30.0), (&v(&[1.0, 1.0]), 0.0), (&v(&[40.0]), 30.0)]

    fn for_range(x: &Tensor, n: usize) -> Tensor {
        let mut y = x.clone();
        for i in 0..n { y = &y + (i as f32); }
        y
    } with [(&v(&[1.0]), 0), (&v(&[1.0]), 1), (&v(&[1.0, 2.0]), 5)]

    fn for_from_to(a: i32, b: i32) -> (i32, i32, i32, i32) {
        let (mut up, mut all, mut down, mut steps) = (0, 0, 0, 0);
        for i in a..b { up = up * 3 + i; }
        for i in a..=b { all = all * 2 + i; }
        for i in (a..b).rev() { down = down * 3 + i; }
        for i in (a..b).step_by(3) { steps = steps * 5 + i; }
        (up, all, down, steps)
    } with [(0, 5), (2, 3), (4, 4), (5, 2), (-3, 2)]

    fn literal_ranges(x: i64) -> (i64, i64, i32, usize) {
        let (mut a, mut b, mut c, mut d) = (x, 0, 0, 0_usize);
        for i in 0..4 { a = a * 3 + i; }
        for i in (2..=5).rev() { b = b * 7 + i; }
        for i in (0..3).rev() { c = c * 5 + i; }
        for i in 5..2 { d += i; }
        for _ in 0..=0 { d += 1; }
        (a, b, c, d)
    } with [(1,), (-2,)]

    fn loop_break_value(x: i64) -> i64 {
        let mut n = x;
        let found = loop {
            if n % 7 == 0 { break n * 10; }
            n += 1;
        };
        found + 1
    } with [(1,), (7,), (50,)]

    fn continue_and_break(n: usize) -> (i64, i64) {
        let mut odd = 0;
        let mut last = -1;
        for i in 0..n {
            if i % 2 == 0 { continue; }
            if i > 7 { break; }
            odd += i as i64;
            last = i as i64;
        }
        (odd, last)
    } with [(0,), (4,), (30,)]

    fn labels(n: i32) -> (i32, i32) {
        let mut count = 0;
        let mut at = 0;
        'rows: for i in 0..n {
            for j in 0..n {
                if j > i { continue 'rows; }
                if i * j > 12 { at = i * 100 + j; break 'rows; }
                count += 1;
            }
        }
        (count, at)
    } with [(0,), (3,), (10,)]

    fn early_return(x: &Tensor, n: usize) -> Tensor {
        if n == 0 { return x.clone(); }
        let mut y = x + 1.0;
        for i in 0..n {
            if y.max() > 50.0 { return y * 0.5; }
            y = &y * 3.0 + (i as f32);
        }
        if n > 3 { return y - 7.0; }
        y
    } with [(&v(&[1.0, 2.0]), 0), (&v(&[1.0, 2.0]), 1), (&v(&[1.0, 2.0]), 4), (&v(&[0.0, -9.0]), 4), (&v(&[90.0]), 9)]

    fn return_inside_while(n: i64) -> i64 {
        let mut i = 0;
        while i < 100 {
            i += 1;
            if i * i > n { return i; }
            let mut j = 0;
            while j < i {
                j += 1;
                if i * j == n { return -j; }
            }
        }
        0
    } with [(1,), (6,), (50,), (100_000,)]

    fn short_circuit(i: usize, n: usize) -> (bool, bool) {
        let a = i != 0 && 10 / i > n;
        let b = i == 0 || 10 % i == 0;
        (a, b)
    } with [(0, 1), (2, 3), (3, 1), (5, 2)]

    fn shadowing(x: f32) -> f32 {
        let x = x + 1.0;
        let y = { let x = x * 2.0; x + 0.5 };
        let x = if y > 3.0 { let x = y; x - 1.0 } else { x };
        x * y
    } with [(0.0,), (1.0,), (-4.0,)]

    fn tuples(a: f32, b: f32) -> (f32, (f32, bool)) {
        let (mut x, mut y) = (a, b);
        for _ in 0..3 { (x, y) = (y, x + y); }
        let pair = (x, y > 4.0);
        (pair.0, (y, pair.1))
    } with [(0.0, 1.0), (2.0, 3.0)]

    fn compound(x: &Tensor, k: i32) -> (Tensor, i32) {
        let mut y = x.clone();
        y += 1.0;
        y *= 3.0;
        y -= &v2(x);
        y /= 2.0;
        let mut n = k;
        n += 5; n *= 2; n -= 1; n %= 7; n <<= 2; n |= 1; n ^= 3; n &= 15; n >>= 1;
        (y, n)
    } with [(&v(&[1.0, 2.0]), 3), (&v(&[4.0]), 100)]

    fn casts(x: f32, n: i64) -> (i32, f64, usize, bool, u8) {
        let a = x as i32;
        let b = (n as f64) / 4.0;
        let c = (n.abs() as usize) + 2;
        let d = (a as f32) == x;
        (a, b, c, d, (a as u8) & 7)
    } with [(2.75, -9), (3.0, 1 << 40), (f32::NAN, 0), (1e20, 5), (-2.0, 3)]

    fn scalar_maths(x: f32, y: f64, k: i64) -> (f32, f64, i64, f32) {
        let a = x.exp().max(1.0) + x.abs().sqrt() - x.min(0.5);
        let b = y.sin() * y.cos() + y.powf(2.0) + y.floor() + std::f64::consts::PI;
        let c = k.rem_euclid(7) + k.max(3) + k.abs();
        (a, b, c, -f32::max(x, 2.0))
    } with [(0.5, 1.25, -9), (f32::NAN, 3.0, 12), (9.0, -2.5, 0)]

    fn calls(x: &Tensor) -> (Tensor, f32) {
        let y = scale(x, 3.0);
        let (z, total) = split(&y);
        let w: Tensor = scale(&z, total);
        (&w + 1.0, total * 2.0)
    } with [(&v(&[1.0, 2.0]),), (&v(&[0.5]),)]

    fn call_in_loop(x: &Tensor, n: usize) -> Tensor {
        let mut y = x.clone();
        for _ in 0..n { y = scale(&y, 1.5) + 0.25; }
        y
    } with [(&v(&[1.0, 2.0]), 0), (&v(&[1.0, 2.0]), 3)]

    fn elements(x: &Tensor, i: usize) -> (f32, bool) {
        let row = x.index_axis(0, i);
        let first = x[[i, 0]];
        (first + row.max().item(), x[[0, 1]] > first)
    } with [(&Tensor::from([[1.0, 2.0], [3.0, 4.0]]), 0), (&Tensor::from([[1.0, 2.0], [3.0, 4.0]]), 1)]

    fn shapes(x: &Tensor) -> (Tensor, usize, usize) {
        let n = x.dim(0);
        let m = x.dim(-1);
        let flat = x.reshape([-1]);
        let back = flat.reshape([m, n]).t().unsqueeze(1).squeeze(1);
        let wide = back.broadcast_to([2, n, m]).permute([1, 0, 2]).index_axis(1, 1);
        (Tensor::concat(&[&wide, x], 0).slice_axis(0, 1, n + 1).flip(1), x.len(), x.rank())
    } with [(&Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),), (&Tensor::from([[1.0]]),)]

    fn growing(x: &Tensor, n: usize) -> Tensor {
        let mut all = Tensor::<f32>::zeros([0]);
        for i in 0..n {
            let next = (x * (i as f32)).sum().unsqueeze(0);
            all = Tensor::concat(&[&all, &next], 0);
        }
        all
    } with [(&v(&[1.0, 2.0]), 0), (&v(&[1.0, 2.0]), 4)]

    fn made(n: usize, value: f32) -> (Tensor, Tensor<f64>, Tensor<i64>, Tensor<bool>) {
        let a = Tensor::full([n, 2], value) + Tensor::<f32>::eye(2).sum();
        let b = Tensor::<f64>::linspace(0.0, 1.0, n) * 2.0;
        let c = Tensor::<i64>::arange(0, 10, 3) % 4;
        let d = c.gt(1);
        (a, b, c, d)
    } with [(0, 1.5), (1, 1.5), (5, -2.0)]

    fn masks(x: &Tensor) -> (Tensor, bool, Tensor) {
        let m = x.gt(0.0);
        let n = &m & !x.lt(-1.0);
        let y = n.select(x, 0.0);
        let picked = m.select(1.0, &y);
        (y, m.any().item(), picked + x.is_nan().cast::<f32>())
    } with [(&v(&[1.0, -2.0, 0.5]),), (&v(&[-1.0, f32::NAN]),)]

    fn powers(x: &Tensor) -> (Tensor, Tensor, Tensor) {
        (x.powi(3), x.powi(-2), x.powi(0) + x.powf(1.5))
    } with [(&v(&[1.0, 2.0, 0.1]),)]

    fn unit_if(x: &Tensor, flag: bool) -> Tensor {
        let mut y = x.clone();
        if flag { y = y.exp(); }
        if !flag {} else { y = y.ln(); }
        y
    } with [(&v(&[1.0, 2.0]), true), (&v(&[1.0, 2.0]), false)]

    fn asserts(x: &Tensor, n: usize) -> Tensor {
        assert!(n > 0, "n must be positive");
        assert_eq!(x.rank(), 1);
        assert_ne!(n, 77);
        if n > 1000 { panic!("too many"); }
        x / (n as f32)
    } with [(&v(&[1.0, 2.0]), 2)]

    fn literals(x: f64) -> (f64, i64, u8, f32) {
        let a = 1e-3 + x * 2.5f64;
        let b = 0xff_i64 + 1_000;
        let c = 7u8;
        let d = 3.5_f32 / 2.0;
        (a, b, c, -d)
    } with [(1.0,)]

    fn literals_round_once(x: &Tensor) -> (Tensor, Tensor, f32) {
        let by = 1.0000000596046447754;
        let from = Tensor::<f32>::from([1.0000000596046447754, -1.0000000596046447754]);
        (x * by, from, -1.0000000596046447754)
    } with [(&v(&[1.0, 3.0]),)]

    fn nested(x: &Tensor, n: i32) -> Tensor {
        let mut y = x.clone();
        let mut i = 0;
        while i < n {
            let mut j = i;
            while j > 0 {
                if y.sum() > 100.0 { break; }
                y = y * 1.5 + (j as f32);
                j -= 1;
            }
            if y.sum() > 100.0 { y = y - 100.0; }
            i += 1;
        }
        y
    } with [(&v(&[1.0, 2.0]), 0), (&v(&[1.0, 2.0]), 3), (&v(&[1.0, 2.0]), 7)]

    fn unused_result_can_fail(x: &Tensor, n: usize) -> Tensor {
        let _ = x.reshape([n, 1]);
        x + 1.0
    } with [(&v(&[1.0, 2.0]), 2)]

    fn value_then_exit(x: f32, n: i32) -> f32 {
        let y = 1.0 + if n > 2 { return x * 2.0 } else { x + 1.0 };
        y * 3.0
    } with [(1.5, 0), (1.5, 9)]

    fn names_of_emitted_code(args: &Tensor, out: &Tensor, inputs: f32, values: f32) -> Tensor {
        let vals = args * inputs;
        let text = out + values;
        vals - text
    } with [(&v(&[1.0]), &v(&[2.0]), 3.0, 4.0)]

    fn unit_result(x: f32) -> () {
        assert!(x > 0.0);
    } with [(1.0,)]
}

#[script]
fn v2(x: &Tensor) -> Tensor {
    x * x
}

/// One number, or one row, beside many: around the lengths for which copies of them are written out.
#[test]
fn numbers_and_rows_beside_tensors_of_all_lengths() {
    jit_runtime::set_threads(1);
    for n in [1, 63, 64, 65, 511, 512, 513, 2047, 2048, 2049, 2112, 4096, 5000, 10_001] {
        let x = Tensor::from((0..n).map(|i| (i % 251) as f32 - 100.0).collect::<Vec<f32>>());
        let doubled: Vec<f32> = x.to_vec().iter().map(|v| v * 2.5).collect();
        assert_eq!((&x * 2.5).to_vec(), doubled, "{n}");
        let below: Vec<bool> = x.to_vec().iter().map(|v| *v < 3.0).collect();
        assert_eq!(x.lt(3.0).to_vec(), below, "{n}");
    }
    for (rows, columns) in [(3, 5), (700, 3), (5, 511), (5, 512), (5, 513), (41, 100), (3000, 1)] {
        let x = Tensor::from((0..rows * columns).map(|i| (i % 89) as f64).collect::<Vec<f64>>());
        let row = Tensor::from((0..columns).map(|i| i as f64 * 0.5).collect::<Vec<f64>>());
        let sum = x.reshape([rows, columns]) + &row;
        let expected: Vec<f64> = x
            .to_vec()
            .chunks(columns)
            .flat_map(|r| r.iter().zip(row.to_vec()).map(|(a, b)| a + b).collect::<Vec<_>>())
            .collect();
        assert_eq!(sum.to_vec(), expected, "{rows} x {columns}");
    }
}
