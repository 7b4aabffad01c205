//! Lists of lists, options in lists, arrays: what is known of their elements comes late. And names, paths and literals of
//! structs as Rust allows them. Each function is plain Rust without the attribute.
#![allow(
    clippy::assign_op_pattern,
    clippy::needless_range_loop,
    clippy::manual_find,
    clippy::type_complexity
)]

use jit_runtime::prelude::*;
use jit_tests::conform;
use jit_tests::models::v;

#[derive(Clone, Debug, PartialEq, Pytree)]
struct In {
    k: i64,
    o: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Pytree)]
struct Config {
    dims: [usize; 2],
    limits: (f64, f64),
    ks: Vec<i64>,
    o: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Pytree)]
struct Point(f64, i64);

#[derive(Clone, Debug, PartialEq, Pytree)]
struct Nothing;

#[derive(Clone, Debug, PartialEq, Pytree)]
struct Wide<T: Float> {
    a: Tensor<T>,
    t: (T, i64),
}

#[derive(Clone, Debug, PartialEq, Pytree)]
struct Both<A, B> {
    a: A,
    b: Vec<B>,
}

impl Point {
    const HALF: f64 = 0.5;
}

#[script]
impl Point {
    fn value(&self) -> f64 {
        self.0
    }
    fn made(k: i64) -> Self {
        Self(0.25, k)
    }
    fn push(self, k: i64) -> Self {
        Self(self.0, k)
    }
    fn further(mut self) -> Self {
        self.1 += 1;
        self
    }
}

#[script]
fn made(k: i64) -> In {
    In { k, o: None }
}

#[script]
fn scaled<T: Float>(x: &Tensor<T>, k: T) -> Tensor<T> {
    x * k
}

#[script]
fn added<T: Num>(a: T, b: T) -> T {
    a * b + T::of(2.0)
}

#[script]
fn all_of<T: Float>(p: &[T]) -> T {
    let mut t = T::of(0.0);
    for x in p {
        t = t + *x;
    }
    t
}

#[trace]
fn summed(xs: &[Tensor]) -> Tensor {
    xs.iter().fold(Tensor::zeros([2]), |a, b| a + b)
}

#[trace]
fn moved(o: Option<i64>, p: (f64, u8), x: &Tensor) -> Tensor {
    x * o.unwrap_or(1) as f32 + p.0 as f32 + p.1 as f32
}

#[trace]
fn mixed(p: &[In], x: &Tensor) -> Tensor {
    p.iter().fold(x.clone(), |x, q| x * 2.0 + q.k as f32)
}

fn config() -> Config {
    Config { dims: [2, 3], limits: (0.2, 0.8), ks: vec![1, 2], o: Some(3) }
}

conform! {
    fn listed_empty(n: usize) -> (Vec<Vec<f64>>, Vec<Vec<f64>>, usize) {
        let mut g = vec![Vec::new(); n];
        for i in 0..n { g[i].push(i as f64); }
        let h: Vec<Vec<f64>> = vec![Vec::new(); n];
        (g, vec![vec![], vec![0.1]], h.len())
    } with [(0,), (2,)]
    fn pushed_empty(n: usize) -> Vec<Vec<f64>> {
        let mut g: Vec<Vec<f64>> = Vec::new();
        for _ in 0..n { g.push(Vec::new()); }
        g[0].push(0.1);
        g
    } with [(1,), (3,)]
    fn pairs_with_lists(x: &Tensor, n: usize) -> Vec<(i64, Vec<Tensor>)> {
        let mut g = vec![];
        for i in 0..n { g.push((i as i64, vec![])); g[i].1.push(x * i as f32); }
        g
    } with [(&v(&[1.0]), 0), (&v(&[1.0]), 3)]
    fn buckets(ks: &[i64]) -> [Vec<i64>; 2] {
        let mut b = [vec![], vec![]];
        for k in ks { b[(*k % 2) as usize].push(*k); }
        b
    } with [(&[7, 8, 9],), (&[],)]
    fn grown(g: Vec<Vec<f64>>) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let mut h = g.clone();
        let mut g = g;
        g.push(vec![]);
        h[0] = vec![];
        (g, h)
    } with [(vec![vec![1.0], vec![2.0]],)]
    fn none_in_lists(k: i64, l: &[In]) -> (Vec<Option<i64>>, Vec<Option<f64>>, Vec<In>, Vec<In>) {
        let mut a = Vec::new();
        for i in 0..k { if i % 2 == 0 { a.push(Some(i as f64)); } else { a.push(None); } }
        let mut b = l.to_vec();
        b.push(In { k: 1, o: None });
        b[0] = In { k: 2, o: None };
        b[1].o = None;
        let c = vec![made(2), l[0].clone(), In { k: 1, o: None }];
        (vec![None, Some(k)], a, b, c)
    } with [(3, &[In { k: 2, o: Some(3) }])]
    fn searched(x: &Tensor, ks: &[i64]) -> (Option<usize>, Option<i64>) {
        let mut first = None;
        for i in 0..x.len() { if x[i] > 1.5 { first = Some(i); break; } }
        for k in ks { if *k == 99 { return (first, None); } }
        (first, Some(3))
    } with [(&v(&[1.0, 2.0]), &[1, 99]), (&v(&[1.0]), &[])]
    fn empty(x: &Tensor, ks: &[i64]) -> (bool, bool) { (x.is_empty(), ks.is_empty()) }
        with [(&v(&[]), &[1]), (&v(&[1.0]), &[])]
    fn found(ks: &[i64]) -> Option<usize> {
        let mut i = 0;
        while i < ks.len() {
            if ks[i] == 8 { return Some(i); }
            i += 1;
        }
        None
    } with [(&[7, 8],), (&[],)]
    fn equal(c: &Config, x: &Tensor, a: Option<i64>, n: usize) -> (bool, bool, bool, bool, bool, bool, bool) {
        assert_eq!(x.shape(), [2]);
        (
            a == Some(3), a != None, c.dims == [2, 3], c.limits == (0.2, 0.8), c.ks == [1, 2],
            (n, 3) < (2, 4), (n, 3) >= (2, 3),
        )
    } with [(&config(), &v(&[1.0, 2.0]), Some(3), 2), (&config(), &v(&[1.0, 2.0]), None, 1)]
    fn given_to_traces(x: &Tensor, p: &In) -> Tensor {
        let all = [x.clone(), x * 2.0];
        summed(&all) + summed(&[x.clone()]) + moved(None, (0.5, 3), x) + moved(Some(3), (0.1, 2), x) + mixed(&[p.clone(), In { k: 4, o: None }], x)
    } with [(&v(&[1.0, 2.0]), &In { k: 2, o: None })]
    fn shifted_literals(p: &In) -> (In, bool, i64, Option<i64>) {
        let m = 1 << 40;
        let mut a = None;
        if p.k > 1 { a = Some(1 << 35); }
        (In { k: 1 << 40, o: None }, p.k > 1 << 40, p.k & (m - 1), a)
    } with [(&In { k: 2, o: None },)]
    fn generic_literals(x: &Tensor, k: f64, n: i64) -> (bool, f64, i64, Tensor<f64>, f64) {
        let a = all_of(&[0.1, 0.2]);
        let y = x.cast();
        (a > 0.3, all_of(&[0.5, 0.25]) * k, added(3_000_000, 4_000) + n, scaled(&y, 0.5), added::<f64>(0.5, 0.5))
    } with [(&v(&[1.0, 0.3]), 2.0, 3)]
    fn tuple_structs(k: i64) -> (f64, f64, f64, Point, Point) {
        let a = Point(0.1, k);
        let p = if k > 2 { Point(0.1, 2) } else { Point(0.2, k) };
        let mut t = 0.0;
        for q in &[Point(0.1, 2), Point(0.3, k)] { t += q.value(); }
        (a.value(), p.value(), t, Point::made(3).further().push(7), <Point>::made(k))
    } with [(1,), (4,)]
    fn names(r#type: i64, x: f64) -> (i64, f64, Nothing) {
        let r#loop = r#type * 2;
        let nothing = Nothing;
        (r#loop + 1, <Point>::HALF * x, nothing)
    } with [(3, 0.5)]
    fn rebound(p: &In, ps: Vec<Point>) -> (Point, f64, f64) {
        let ps = ps;
        let p = Point(0.5, p.k);
        let p = p.further();
        let mut t = 0.0;
        for q in &ps { let q = q.clone(); let q = q.further(); t += q.value() * q.1 as f64; }
        (p.clone(), p.value(), t)
    } with [(&In { k: 2, o: None }, vec![Point(0.5, 1), Point(0.25, 2)])]
    fn generic_struct(w: &Wide<f64>) -> Wide<f64> { Wide { a: w.a.clone(), t: (0.1, w.t.1 << 3) } }
        with [(&Wide { a: Tensor::from([1.0_f64]), t: (0.25, 4) },)]
    fn unbounded(b: &Both<Tensor, f64>) -> Both<Tensor, f64> { Both { a: &b.a * 2.0, b: vec![b.b[0], 0.1] } }
        with [(&Both { a: v(&[1.0]), b: vec![0.3] },)]
}

mod inner {
    use jit_runtime::prelude::*;

    #[script]
    pub(super) fn by_path(x: &super::Point) -> super::Point {
        super::Point(x.0, 4)
    }
}

#[script]
fn r#move(x: i64) -> i64 {
    x * 2
}

#[test]
fn paths_and_raw_names() {
    for _ in 0..2 {
        assert_eq!(inner::by_path(&Point(0.5, 1)), Point(0.5, 4));
        assert_eq!(r#move(3), 6);
    }
}
