//! The forms of the script language, each in the modes of `conform!`.
#![allow(clippy::assign_op_pattern, clippy::needless_range_loop, unused_assignments)]

use jit_runtime::prelude::*;
use jit_tests::conform;

fn v(values: &[f32]) -> Tensor {
    Tensor::from(values)
}

fn m() -> Tensor {
    Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
}

const LIMIT: i64 = 40;
const SIZES: [usize; 2] = [3, 2];
mod config {
    pub(super) const EPSILON: f32 = 0.25;
}

type Pair = (Tensor, f32);

#[derive(Clone, Debug, Pytree)]
struct Layer {
    weight: Tensor,
    bias: Option<Tensor>,
    scale: f32,
    name: String,
}

#[derive(Clone, Debug, Pytree)]
struct Mlp {
    layers: Vec<Layer>,
    head: Layer,
    steps: usize,
    pair: (Tensor, i64),
}

fn layer(k: f32, bias: bool) -> Layer {
    Layer {
        weight: Tensor::from([[k, 1.0], [0.5, -k]]),
        bias: bias.then(|| v(&[k, 0.25])),
        scale: k,
        name: format!("layer {k}"),
    }
}

fn mlp(n: usize) -> Mlp {
    Mlp {
        layers: (0..n).map(|i| layer(i as f32 + 0.5, i % 2 == 0)).collect(),
        head: layer(2.0, n > 1),
        steps: n,
        pair: (v(&[1.0, 2.0]), 7),
    }
}

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

#[script]
fn scaled<T: Float>(x: &Tensor<T>, by: T) -> Tensor<T> {
    let half = T::of(0.5);
    let mut y = Tensor::<T>::ones([2]) * by;
    if x.sum() > half {
        y = y + x;
    }
    y * half
}

#[script]
fn counted<T>(x: &Tensor<T>, n: usize) -> Tensor<T>
where
    T: Num,
{
    let mut y = x.clone();
    for _ in 0..n {
        y = &y + x * T::of(2.0);
    }
    y
}

#[test]
fn generics() {
    assert_eq!(scaled(&v(&[1.0, 2.0]), 3.0), v(&[2.0, 2.5]));
    assert_eq!(scaled(&Tensor::<f64>::from([-1.0, 0.0]), 3.0), Tensor::<f64>::from([1.5, 1.5]));
    assert_eq!(counted(&Tensor::from([1_i64, 2]), 2), Tensor::from([5_i64, 10]));
    assert_eq!(counted(&Tensor::from([1_u8, 2]), 1), Tensor::from([3_u8, 6]));
    scaled::check(&Tensor::<f64>::from([0.1, 0.2]), 0.3).unwrap();
    assert_eq!(scaled::stats().compilations, 2);
    let graph = scaled::graph();
    assert_eq!(jit_runtime::Graph::parse(&graph.to_string()).unwrap(), graph);
    assert!(graph.to_string().contains("fn scaled(%x: _, %by: _) -> _"), "{graph}");
    #[script]
    fn both(x: &Tensor<f64>) -> Tensor<f64> {
        scaled(x, 2.0) + scaled(&counted(x, 1), 1.0)
    }
    both::check(&Tensor::<f64>::from([0.1, 0.2])).unwrap();
}

#[derive(Clone, Debug, Pytree)]
struct Encoder {
    weight: Tensor,
    shift: f32,
}

#[script]
impl Encoder {
    const GAIN: f32 = 1.5;

    /// Documented.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.scaled(&x.matmul(&self.weight)) + self.shift
    }

    fn scaled(&self, x: &Tensor) -> Tensor {
        x * Self::GAIN
    }

    fn new_weight(n: usize) -> Tensor {
        Tensor::<f32>::ones([n, n])
    }

    fn grown(&self, by: f32) -> Self {
        Self { weight: &self.weight * by + Self::new_weight(2), shift: self.shift }
    }

    fn fallible(&self, limit: f32) -> Result<f32> {
        if self.shift > limit {
            return Err(Error::msg("shifted too far"));
        }
        Ok(self.shift * 2.0)
    }
}

#[derive(Clone, Debug, Pytree)]
struct Stack {
    encoders: Vec<Encoder>,
    last: Option<Encoder>,
}

#[script]
impl Stack {
    fn run(&self, x: &Tensor) -> Tensor {
        let mut y = x.clone();
        for encoder in &self.encoders {
            y = encoder.forward(&y);
        }
        if let Some(last) = &self.last {
            y = last.forward(&y);
        }
        let first = &self.encoders[0];
        first.forward(&y)
    }
}

#[script]
fn applied(stack: &Stack, x: &Tensor, n: usize) -> Tensor {
    let mut y = x.clone();
    for _ in 0..n {
        y = stack.run(&y);
    }
    y
}

#[test]
fn methods() {
    let encoder = Encoder { weight: Tensor::from([[1.0, 2.0], [0.5, 1.0]]), shift: 0.5 };
    let x = v(&[1.0, 2.0]);
    assert_eq!(encoder.forward(&x), v(&[3.5, 6.5]));
    assert_eq!(jit_runtime::eager(|| encoder.forward(&x)), v(&[3.5, 6.5]));
    let handle = Encoder::forward_script();
    assert!(handle.graph().to_string().contains("matmul"), "{}", handle.graph());
    assert_eq!(handle.try_call(&encoder, &x).unwrap(), v(&[3.5, 6.5]));
    assert_eq!(handle.stats().compilations, 1);
    handle.check(&encoder, &x).unwrap();
    assert!(handle.lower(&encoder, &x).explain().contains("forward"));
    let grown = encoder.grown(2.0);
    assert_eq!(grown.weight, Tensor::from([[3.0, 5.0], [2.0, 3.0]]));
    assert_eq!(encoder.fallible(1.0).unwrap(), 1.0);
    assert_eq!(encoder.fallible(0.0).unwrap_err().to_string(), "shifted too far");
    assert_eq!(Encoder::fallible_script().try_call(&encoder, 1.0).unwrap(), 1.0);

    let stack = Stack { encoders: vec![encoder.clone(), grown], last: Some(encoder) };
    Stack::run_script().check(&stack, &x).unwrap();
    applied::check(&stack, &x, 2).unwrap();
    let none = Stack { last: None, ..stack };
    applied::check(&none, &x, 2).unwrap();
}

#[test]
fn pytrees_in_traces() {
    #[trace]
    fn traced(model: &Mlp, xs: &[Tensor], bias: Option<&Tensor>) -> (Layer, Vec<Tensor>) {
        let mut y = xs[0].clone();
        for layer in &model.layers {
            y = y.matmul(&layer.weight) + layer.scale;
        }
        if let Some(bias) = bias {
            y = y + bias;
        }
        let head = Layer { weight: &model.head.weight * 2.0, ..model.head.clone() };
        (head, xs.iter().map(|x| x + &y).collect())
    }
    let xs = [v(&[1.0, 2.0]), v(&[3.0, 4.0])];
    for (model, xs, bias) in [
        (mlp(2), &xs[..], None),
        (mlp(2), &xs[..], Some(&xs[1])),
        (mlp(1), &xs[..1], None),
        (mlp(0), &xs[..], Some(&xs[0])),
    ] {
        let expected = format!("{:?}", jit_runtime::eager(|| traced(&model, xs, bias)));
        for _ in 0..3 {
            assert_eq!(format!("{:?}", traced(&model, xs, bias)), expected);
        }
    }
    assert_eq!(traced::stats().recordings, 4);
    #[script]
    fn through(model: &Mlp, x: &Tensor) -> Tensor {
        let xs = vec![x.clone(), x * 2.0];
        let (head, ys): (Layer, Vec<Tensor>) = traced(model, &xs, None);
        ys[1].matmul(&head.weight)
    }
    let expected = jit_runtime::eager(|| through(&mlp(2), &xs[0]));
    assert_eq!(through(&mlp(2), &xs[0]), expected);
    assert_eq!(through(&mlp(2), &xs[0]), expected);
}

#[trace]
impl Stack {
    fn traced_run(&self, x: &Tensor) -> Tensor {
        self.encoders.iter().fold(x.clone(), |y, e| y.matmul(&e.weight) + e.shift)
    }
}

#[test]
fn traced_methods() {
    let encoder = Encoder { weight: Tensor::from([[1.0, 2.0], [0.5, 1.0]]), shift: 0.5 };
    let stack = Stack { encoders: vec![encoder.clone(), encoder], last: None };
    let x = v(&[1.0, 2.0]);
    let expected = jit_runtime::eager(|| stack.traced_run(&x));
    for _ in 0..3 {
        assert_eq!(stack.traced_run(&x), expected);
    }
    assert_eq!(Stack::traced_run_trace().stats().replays, 2);
}

#[test]
fn writes_do_not_reach_other_tensors() {
    #[script]
    fn written(x: Tensor, n: usize) -> (Tensor, Tensor) {
        let mut y = x.clone();
        let before = y.clone();
        for i in 0..n {
            y[i] = 9.0;
        }
        (y, before + x)
    }
    let x = v(&[1.0, 2.0, 3.0]);
    let (y, before) = written(x.clone(), 2);
    assert_eq!((y, before), (v(&[9.0, 9.0, 3.0]), v(&[2.0, 4.0, 6.0])));
    assert_eq!(x, v(&[1.0, 2.0, 3.0]));
    let error = written::try_call(x, 4).unwrap_err().to_string();
    assert!(error.starts_with("set_index: index [3] is out of range for shape [3]"), "{error}");
}

#[test]
fn assertions_show_scalars() {
    #[script]
    fn asserted(n: i64, x: f32) -> i64 {
        assert!(n < 5, "n is {n}, x is {:.2} or {x:?}", x);
        assert_eq!(n % 2, 0, "odd");
        if n < 0 {
            unreachable!("n = {}", n);
        }
        n
    }
    assert_eq!(asserted(4, 1.0), 4);
    let text = |n| asserted::try_call(n, 1.0).unwrap_err().to_string();
    assert!(text(7).starts_with("n is 7, x is 1.00 or 1.0 (at "), "{}", text(7));
    assert!(
        text(3).starts_with("assertion `left == right` failed: odd\n  left: 1\n right: 0 (at "),
        "{}",
        text(3)
    );
    assert!(text(-2).starts_with("internal error: entered unreachable code: n = -2"), "{}", text(-2));
}

#[script(shape(x = [n, 3], w = [3, m], b = [m], all = [.., _, 3]))]
fn declared(x: &Tensor, w: &Tensor, b: &Tensor, all: &Tensor) -> Tensor {
    x.matmul(w) + b + all.sum()
}

#[test]
fn declared_shapes_are_checked_on_entry() {
    let (x, w, b) = (m(), m().t(), v(&[1.0, 2.0]));
    declared::check(&x, &w, &b, &m()).unwrap();
    let graph = declared::graph().to_string();
    assert!(graph.contains("%x: f32[n0, 3], %w: f32[3, n1], %b: f32[n1], %all: f32[*]"), "{graph}");
    let cases: [(&Tensor, &Tensor, &Tensor, &Tensor, &str); 5] = [
        (&b, &w, &b, &x, "shape: `x` has rank 1, declared [n, 3]"),
        (&w, &w, &b, &x, "shape: axis 1 of `x` is 2, not 3: declared [n, 3]"),
        (&x, &w, &v(&[1.0]), &x, "shape: axis 0 of `b` is 1, and `m` is 2: declared [m]"),
        (&x, &w, &b, &b, "shape: `all` has rank 1, declared [.., _, 3]"),
        (&x, &w, &b, &w, "shape: axis -1 of `all` is 2, not 3: declared [.., _, 3]"),
    ];
    for (x, w, b, all, message) in cases {
        let error = declared::try_call(x, w, b, all).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
        let eager = jit_runtime::eager(|| declared::try_call(x, w, b, all)).unwrap_err().to_string();
        assert!(eager.starts_with(message), "{eager}");
    }
    let all = Tensor::<f32>::ones([2, 2, 5, 3]);
    assert_eq!(declared(&x, &w, &b, &all), jit_runtime::eager(|| declared(&x, &w, &b, &all)));
}

#[script]
fn ping(x: &Tensor, n: usize) -> Tensor {
    if n == 0 { x.clone() } else { pong(x, n - 1) }
}

#[script]
fn pong(x: &Tensor, n: usize) -> Tensor {
    if n == 0 { x * 2.0 } else { ping(x, n - 1) }
}

#[test]
fn recursion_is_reported_with_its_path() {
    let error = ping::try_call(&v(&[1.0]), 3).unwrap_err().to_string();
    assert!(error.contains("scripts cannot call themselves: ping calls pong calls ping"), "{error}");
    assert!(error.contains(file!()), "{error}");
}

#[script]
fn noisy(key: Key, x: &Tensor, n: usize) -> (Tensor, Tensor<f64>, Key) {
    let keys = key.split(3);
    let mut y = x + Tensor::<f32>::normal(keys[0], [2, 3]);
    for k in keys[1].split(n) {
        y = y * Tensor::<f32>::uniform(k, x.shape());
    }
    let fixed = Tensor::<f64>::uniform(Key::new(5), [n]);
    (y, fixed, keys[2])
}

#[test]
fn keys() {
    for n in [0, 1, 4] {
        let expected = jit_runtime::eager(|| noisy(Key::new(9), &m(), n));
        assert_eq!(noisy(Key::new(9), &m(), n), expected);
        noisy::check(Key::new(8), &m(), n).unwrap();
    }
    #[trace]
    fn drawn(key: Key, x: &Tensor) -> (Tensor, Key) {
        let keys = key.split(2);
        (x * Tensor::uniform(keys[0], [3]), keys[1])
    }
    // A key is no part of the signature.
    let x = v(&[1.0, 2.0, 3.0]);
    for seed in 0..4 {
        let expected = jit_runtime::eager(|| drawn(Key::new(seed), &x));
        assert_eq!(drawn(Key::new(seed), &x), expected);
    }
    assert_eq!(drawn::stats().recordings, 1);
    assert_ne!(drawn(Key::new(1), &x).0, drawn(Key::new(2), &x).0);
}

#[test]
fn scripts_and_methods_of_another_crate() {
    use jit_tests::Halving;
    #[script]
    fn across(x: &Tensor, halving: &Halving) -> Tensor {
        let mine = Halving { factor: 0.25, shift: x.clone() };
        jit_tests::halved(x, halving.clone()) + jit_tests::halved(x, mine) + halving.twice(x)
    }
    let (x, halving) = (v(&[1.0, 2.0]), Halving { factor: 0.5, shift: v(&[1.0]) });
    across::check(&x, &halving).unwrap();
    assert_eq!(across(&x, &halving), v(&[0.5 + 1.0 + 0.25 + 3.0 + 0.25, 1.0 + 1.0 + 0.5 + 3.0 + 0.5]));
}
