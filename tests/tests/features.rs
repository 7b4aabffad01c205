//! Generics, methods, Pytrees, declared shapes, keys, errors of scripts.
#![allow(clippy::assign_op_pattern, clippy::needless_range_loop, unused_assignments)]

use jit_runtime::prelude::*;
use jit_tests::models::{Layer, Mlp, m, mlp, v};

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
    assert!(error.starts_with("x[i]: index 3 is out of range for size 3"), "{error}");
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

#[test]
fn options_are_settled_before_a_plan_is_made() {
    #[script]
    fn layer(x: &Tensor, w: &Tensor, b: Option<&Tensor>, deep: Option<Option<f32>>) -> Tensor {
        let y = x.matmul(w);
        let y = if let Some(b) = b { y + b } else { y };
        let y = match deep {
            Some(Some(k)) => y * k,
            Some(None) => -y,
            None => y,
        };
        y.relu()
    }
    let (x, w, b) = (m(), m().t(), v(&[1.0, -40.0]));
    for bias in [None, Some(&b)] {
        for deep in [None, Some(None), Some(Some(0.5))] {
            layer::check(&x, &w, bias, deep).unwrap();
            let graph = layer::lower(&x, &w, bias, deep).graph();
            assert!(!graph.to_string().contains("if "), "{graph}");
        }
    }
    assert_eq!(layer::stats().compilations, 6);
}

#[test]
fn literals_for_other_scripts_are_rounded_once() {
    #[script]
    fn times(x: &Tensor, k: f32) -> Tensor {
        x * k
    }
    #[script]
    fn passed(x: &Tensor) -> Tensor {
        times(x, 1.0000000596046447754) + times(x, -1.0000000596046447754) * 3.0
    }
    let x = v(&[1.0, 3.0]);
    passed::check(&x).unwrap();
    let graph = passed::graph();
    assert!(graph.to_string().contains("1.0000000596046447754"), "{graph}");
    assert_eq!(jit_runtime::Graph::parse(&graph.to_string()).unwrap(), graph);
}

/// Arguments that hold no tensor say nothing of the element type, which is part of a plan all the same.
#[test]
fn generic_functions_without_tensors_keep_their_types() {
    #[script]
    fn total<T: Float>(xs: &[Tensor<T>], bias: Option<&Tensor<T>>) -> Tensor<T> {
        let mut sum = Tensor::<T>::zeros([2]);
        for x in xs {
            sum = sum + x.sum();
        }
        if let Some(b) = bias { sum + b } else { sum }
    }
    #[trace]
    fn traced<T: Float>(xs: &[Tensor<T>], bias: Option<&Tensor<T>>) -> Tensor<T> {
        let zeros = Tensor::<T>::zeros([2]);
        bias.map_or(zeros.clone(), |b| &zeros + b) + T::of(xs.len() as f64)
    }
    for _ in 0..3 {
        assert_eq!(total::<f32>(&[], None), Tensor::<f32>::from([0.0, 0.0]));
        assert_eq!(total::<f64>(&[], None), Tensor::<f64>::from([0.0, 0.0]));
        assert_eq!(traced::<f32>(&[], None), Tensor::<f32>::from([0.0, 0.0]));
        assert_eq!(traced::<f64>(&[], None), Tensor::<f64>::from([0.0, 0.0]));
        let ranks32 = [Tensor::<f32>::ones([2]), Tensor::<f32>::ones([1, 2])];
        let ranks64 = [Tensor::<f64>::ones([2]), Tensor::<f64>::ones([1, 2])];
        assert_eq!(total(&ranks32, None), Tensor::<f32>::from([4.0, 4.0]));
        assert_eq!(total(&ranks64, None), Tensor::<f64>::from([4.0, 4.0]));
    }
}

/// A plan knows the ranks of list elements: it is for no others.
#[test]
fn plans_are_for_the_ranks_in_lists() {
    #[script]
    fn ranks(xs: &[Vec<Tensor>], ys: &[(Option<Tensor>, f32)]) -> usize {
        let mut total = 0;
        for row in xs {
            for x in row {
                total = total * 10 + x.rank();
            }
        }
        for (y, _) in ys {
            if let Some(t) = y {
                total = total * 10 + t.rank();
            }
        }
        total
    }
    let of = |rank: usize| Tensor::<f32>::ones(vec![2; rank]);
    type Case = (Vec<Vec<Tensor>>, Vec<Option<Tensor>>, usize);
    let cases: [Case; 6] = [
        (vec![vec![of(1)]], vec![None, Some(of(1))], 11),
        (vec![vec![of(2)]], vec![None, Some(of(2))], 22),
        (vec![vec![], vec![of(3)]], vec![Some(of(1)), None], 31),
        (vec![vec![of(1), of(2)]], vec![], 12),
        (vec![vec![of(2)], vec![of(3)]], vec![Some(of(2)), Some(of(0))], 2320),
        (vec![], vec![], 0),
    ];
    for _ in 0..2 {
        for (xs, ys, expected) in &cases {
            let ys: Vec<(Option<Tensor>, f32)> = ys.iter().map(|y| (y.clone(), 0.0)).collect();
            assert_eq!(ranks(xs, &ys), *expected);
        }
    }
}
