//! The forms of the script language, each in the modes of `conform!`.
#![allow(clippy::assign_op_pattern, clippy::needless_range_loop, unused_assignments)]

use jit_runtime::prelude::*;
use jit_tests::conform;
use jit_tests::models::{Layer, Mlp, layer, m, mlp, v};

const LIMIT: i64 = 40;
const SIZES: [usize; 2] = [3, 2];
mod config {
    pub(super) const EPSILON: f32 = 0.25;
}

type Pair = (Tensor, f32);

#[script]
fn doubled(pair: (Tensor, f32)) -> (Tensor, f32) {
    (pair.0 * 2.0, pair.1 + 1.0)
}

#[script]
fn biased(x: &Tensor, bias: Option<&Tensor>) -> Tensor {
    match bias {
        Some(b) => x + b,
        None => x.clone(),
    }
}

#[script]
fn checked(x: &Tensor, limit: f32) -> Result<Tensor> {
    if x.max() > limit {
        return Err(Error::msg("too large"));
    }
    Ok(x * 2.0)
}

conform! {
    fn match_ints(n: i64) -> (i64, i64) {
        let a = match n { 0 => 10, 1 | 2 => 20, 3..=7 => n * 2, i64::MIN..0 => -n, _ => 99 };
        let b = match n % 3 { 0 => 1, k if k > 1 => k * 100, k => k };
        (a, b)
    } with [(0,), (1,), (2,), (5,), (-4,), (100,), (7,), (8,)]

    fn match_bools(a: bool, n: usize) -> i32 {
        match (a, n) {
            (true, 0) => 1,
            (false, 0) => 2,
            (true, k @ 1..=3) => k as i32 * 10,
            (_, large) if large > 100 => -1,
            (flag, _) => if flag { 5 } else { 6 },
        }
    } with [(true, 0), (false, 0), (true, 2), (false, 2), (true, 9), (true, 101)]

    fn match_constants(n: i64) -> i64 {
        match n { LIMIT => 1, i64::MAX => 2, _ => 3 }
    } with [(40,), (i64::MAX,), (0,)]

    fn match_leaves(n: i64, x: &Tensor) -> Tensor {
        let mut y = x.clone();
        for i in 0..n {
            match i {
                0 => continue,
                3 => return y * 10.0,
                4 => break,
                _ => {}
            }
            y = &y + (i as f32);
        }
        y - 1.0
    } with [(0, &v(&[1.0])), (3, &v(&[1.0])), (6, &v(&[1.0]))]

    fn options(x: &Tensor, bias: Option<&Tensor>, scale: Option<f32>) -> (Tensor, bool) {
        let y = if let Some(b) = bias { x + b } else { x.clone() };
        let s = scale.unwrap_or(3.0);
        let Some(k) = scale else { return (y, bias.is_none()) };
        (y * (s + k), bias.is_some())
    } with [(&v(&[1.0]), None, None), (&v(&[1.0]), Some(&v(&[2.0])), None), (&v(&[1.0]), None, Some(2.0)), (&v(&[1.0]), Some(&v(&[5.0])), Some(0.5))]

    fn options_passed_on(x: &Tensor, bias: Option<&Tensor>) -> Tensor {
        biased(x, bias) + biased(x, None) * biased(x, Some(x))
    } with [(&v(&[1.0]), None), (&v(&[1.0]), Some(&v(&[2.0])))]

    fn constants(x: &Tensor, n: i64) -> (Tensor, i64, usize) {
        let y = x * config::EPSILON + f32::EPSILON;
        debug_assert!(n > -1000, "n is {n}");
        let y = if cfg!(debug_assertions) { y * 2.0 } else { y * 3.0 };
        (y, if n > LIMIT { LIMIT } else { n }, SIZES[0] * SIZES[1])
    } with [(&v(&[1.0]), 3), (&v(&[2.0]), 50)]

    fn element_writes(x: &Tensor, n: usize) -> (Tensor, Tensor<i64>) {
        let mut y = x.clone();
        let mut counts = Tensor::<i64>::zeros([4]);
        for i in 0..n {
            y[[i % 2, 1]] = y[[i % 2, 0]] + (i as f32);
            counts[i % 4] += 2;
        }
        let kept = y.clone();
        y[[0, 0]] *= -1.0;
        (y + kept, counts)
    } with [(&m(), 0), (&m(), 1), (&m(), 7)]

    fn rows(x: &Tensor) -> (Tensor, f32) {
        let mut total = Tensor::<f32>::zeros([3]);
        let mut last = 0.0;
        for row in x.rows() { total = total + &row * row.sum(); }
        for (i, row) in x.rows().enumerate() { last = row[i] * 2.0; }
        for row in x.rows().rev() { last += row[0]; }
        (total, last)
    } with [(&m(),), (&Tensor::<f32>::zeros([0, 3]),)]

    fn lists(x: &Tensor, n: usize) -> (Tensor, usize, f32) {
        let mut all = vec![x.clone(), x + 1.0];
        for i in 0..n {
            let last = &all[all.len() - 1];
            let next = last * 1.5 + (i as f32);
            all.push(next);
        }
        let mut total = 0.0;
        for t in &all { total += t.sum().item(); }
        for (i, t) in all.iter().enumerate() { total += t.max().item() * (i as f32); }
        all[0] = x * 100.0;
        (Tensor::stack(&all, 0), all.len(), total)
    } with [(&v(&[1.0, 2.0]), 0), (&v(&[1.0, 2.0]), 1), (&v(&[1.0]), 5)]

    fn list_from_nothing(x: &Tensor, n: usize) -> Tensor {
        let mut all = Vec::new();
        let mut h = x.clone();
        for _ in 0..n {
            h = h.tanh() + x;
            if h.max() > 0.5 { all.push(h.clone()); }
        }
        if all.is_empty() { x.unsqueeze(0) } else { Tensor::stack(&all, 0) }
    } with [(&v(&[1.0, -2.0]), 0), (&v(&[1.0, -2.0]), 3), (&v(&[-1.0]), 3)]

    fn list_of_tuples(x: &Tensor, n: i32) -> (Tensor, i32) {
        let mut pairs = vec![(x.clone(), 1)];
        for i in 0..n { pairs.push((x * (i as f32), i)); }
        let mut sum = x * 0.0;
        let mut count = 0;
        for (t, k) in pairs.iter() { sum = sum + t * 2.0; count += *k; }
        (sum, count + pairs[0].1)
    } with [(&v(&[1.0]), 0), (&v(&[1.0]), 4)]

    fn list_parameters(xs: &[Tensor], w: Vec<Tensor>) -> (Vec<Tensor>, f32) {
        let mut out = vec![];
        let mut s = 0.0;
        for i in 0..xs.len() { out.push(&xs[i] * &w[i]); s += xs[i].sum().item(); }
        (out, s)
    } with [(&[v(&[1.0]), v(&[2.0])], vec![v(&[3.0]), v(&[4.0])]), (&[], vec![])]

    fn scalars_in_lists(n: i64) -> (Vec<i64>, i64) {
        let mut xs = vec![1, 1];
        for i in 2..n { let k = xs.len(); xs.push((xs[k - 1] + xs[k - 2] * i) % 1000); }
        let mut best = 0;
        for x in &xs { if *x > best { best = *x; } }
        (xs, best)
    } with [(0,), (3,), (20,)]

    fn arrays(x: &Tensor, k: usize) -> (Tensor, usize) {
        let shape = [3, 2];
        let axes = [1, 0];
        let y = x.reshape(shape).permute(axes);
        let mut counts = [0_usize; 3];
        for i in 0..k { counts[i % 3] += i; }
        let mut total = 0;
        for c in [4, 5, 6] { total += c; }
        (y, counts[0] * 100 + counts[1] * 10 + counts[2] + total + shape[1])
    } with [(&m(), 0), (&m(), 8)]

    fn sizes(x: &Tensor) -> (Tensor, usize) {
        let mut n = 1;
        for d in x.shape() { n *= d; }
        (Tensor::<f32>::ones(x.shape()) + x.flatten().reshape(x.shape()), n * x.shape()[1])
    } with [(&m(),)]

    fn structs(model: &Mlp, x: &Tensor) -> (Tensor, i64, usize) {
        let mut y = x.clone();
        for layer in &model.layers {
            y = y.matmul(&layer.weight) * layer.scale;
            if let Some(b) = &layer.bias { y = y + b; }
        }
        for i in 0..model.steps { y = y + &model.layers[i].weight.sum(); }
        let head = &model.head;
        if head.bias.is_some() && model.steps > 1 { y = y.relu(); }
        (y + &model.pair.0, model.pair.1 * 2, model.layers.len())
    } with [(&mlp(0), &v(&[1.0, 2.0])), (&mlp(1), &v(&[1.0, 2.0])), (&mlp(3), &v(&[1.0, 2.0]))]

    fn struct_results(model: &Mlp, grad: &Tensor) -> Mlp {
        let mut layers = vec![];
        for layer in model.layers.iter() {
            layers.push(Layer { weight: &layer.weight - grad, ..layer.clone() });
        }
        let head = Layer { bias: None, weight: grad * 2.0, scale: model.head.scale + 1.0, name: model.head.name.clone() };
        Mlp { pair: (grad.clone(), 1), head, layers, steps: model.steps }
    } with [(&mlp(0), &m().slice_axis(1, 0, 2)), (&mlp(2), &m().slice_axis(1, 0, 2))]

    fn struct_patterns(layer: &Layer) -> Tensor {
        let Layer { weight, scale, .. } = layer;
        weight * *scale
    } with [(&layer(2.0, true),)]

    fn tuple_parameters(pair: (Tensor, f32), q: (f32, (i64, bool))) -> (Tensor, i64) {
        let (x, s) = pair;
        let (a, (n, flag)) = q;
        let (y, t) = doubled((x, s * a));
        (y * t, if flag { n } else { q.1.0 * 2 })
    } with [((v(&[1.0]), 2.0), (0.5, (3, true))), ((v(&[1.0]), 2.0), (0.5, (3, false)))]

    fn aliases(p: Pair) -> Pair {
        let (x, s) = p;
        if s > 1.0 { doubled((x, s)) } else { (x + 1.0, s) }
    } with [((v(&[1.0]), 2.0),), ((v(&[1.0]), 0.0),)]

    fn tuple_of_call_carried(x: &Tensor, n: usize) -> (Tensor, f32) {
        let mut state = (x.clone(), 0.5);
        for _ in 0..n { state = doubled((state.0, state.1)); }
        state.1 += 1.0;
        state
    } with [(&v(&[1.0]), 0), (&v(&[1.0]), 3)]

    fn integers(a: i32, b: i64, c: u8, d: usize) -> (i32, i64, u8, usize, i64) {
        let p = a.pow(2) + 3_i32.pow(3);
        let q = b.wrapping_mul(1 << 40).wrapping_add(b) ^ (b >> 3);
        let r = c.saturating_add(200).wrapping_sub(7);
        let s = d.saturating_sub(10).max(1) % 7;
        (p, q, r, s, !b & 0xff)
    } with [(3, 5, 1, 2), (-7, -12345, 99, 40)]

    fn floats(x: f32, y: f64, n: i32) -> (f32, f64, f32, bool) {
        let a = x.powi(n) + x.hypot(2.0) + x.cbrt();
        let b = y.powi(3).exp2().log10() + y.fract() + y.to_radians();
        (a, b, f32::max(x, 1.0).copysign(-1.0), x.is_nan())
    } with [(2.0, 1.5, 3), (0.5, -2.25, -2), (9.0, 0.0, 0)]

    fn ranges(n: i64, m: usize) -> (i64, i64, usize) {
        let mut a = 0;
        for i in (0..n).rev().step_by(2) { a = a * 7 + i; }
        for i in (1..=n).step_by(3) { a = a * 3 - i; }
        for (k, i) in (2..n).enumerate() { a += i * (k as i64); }
        let mut b = 0;
        for i in 0.. { if i * i > n { break; } b += i; }
        let mut c = 0;
        for mut i in 0..m { i *= 2; c += i; }
        for i in 3..m { c += i; }
        (a, b, c)
    } with [(0, 0), (1, 1), (9, 3), (-4, 7)]

    fn deferred(n: i32) -> (i32, f32) {
        let a;
        let b: f32;
        if n > 3 { a = n; b = 1.0; } else if n < 0 { a = -n; b = 2.0; } else { (a, b) = (0, 3.0); }
        (a, b)
    } with [(5,), (-2,), (1,)]

    fn element_lists(n: usize) -> (f32, Tensor) {
        let x = Tensor::from([n as f32, 2.0, 3.5]);
        let y = Tensor::from([1.5, 2.5]);
        (x[0] + y[1], x * 2.0)
    } with [(4,)]

    fn bounds_once(n: i64) -> (i64, i64) {
        let mut m = n;
        let mut trips = 0;
        for _ in 0..m { m += 1; trips += 1; }
        (m, trips)
    } with [(0,), (4,)]

    fn bools(a: bool, b: bool) -> (bool, i32, bool) {
        let c = a & b | (a ^ b);
        (c && !(a == b), a as i32 + b as i32, (a, b) == (true, c) || a > b)
    } with [(true, true), (true, false), (false, true), (false, false)]
}

#[test]
fn results_and_question_marks() {
    #[script]
    fn twice(x: &Tensor, limit: f32) -> Result<Tensor> {
        let y = checked(x, limit)?;
        let z = checked(&y, limit)?;
        if z.min() < 0.0 {
            let low = z.min().item();
            return Err(Error::msg(format!("negative: {low}")));
        }
        Ok(z + 1.0)
    }
    assert_eq!(twice(&v(&[1.0]), 10.0).unwrap(), v(&[5.0]));
    assert_eq!(twice(&v(&[6.0]), 10.0).unwrap_err().to_string(), "too large");
    assert_eq!(twice(&v(&[-1.5]), 10.0).unwrap_err().to_string(), "negative: -6");
    assert_eq!(twice::try_call(&v(&[6.0]), 10.0).unwrap_err().to_string(), "too large");
    let eager = jit_runtime::eager(|| twice(&v(&[-1.5]), 10.0));
    assert_eq!(eager.unwrap_err().to_string(), "negative: -6");
    twice::check(&v(&[1.0]), 10.0).unwrap();
    // A shape error is an `Err`, in both modes.
    #[script]
    fn product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
        Ok(a.matmul(b))
    }
    let error = product(&m(), &m()).unwrap_err().to_string();
    assert!(error.starts_with("matmul: inner sizes differ: [2, 3] x [2, 3]"), "{error}");
    assert!(jit_runtime::eager(|| product(&m(), &m())).is_err());
}
