//! Types that the source leaves to a later use, to a struct's declaration or to another script's result: each function
//! is plain Rust without the attribute, and has to be captured and give the same.
#![allow(clippy::assign_op_pattern, clippy::needless_range_loop, unused_assignments)]

use jit_runtime::prelude::*;
use jit_tests::conform;
use jit_tests::models::v;

type Ints = Tensor<i64>;
type Count = i64;
type E = f64;

#[derive(Clone, Debug, PartialEq, Pytree)]
struct Inner {
    k: i64,
    w: f32,
}

#[derive(Clone, Debug, PartialEq, Pytree)]
struct S {
    n: usize,
    k: i64,
    c: u8,
    f: f32,
    g: f64,
    ks: Vec<i64>,
    ii: Tensor<i64>,
    arr: [f64; 3],
    grid: [[f32; 2]; 2],
    pair: (i64, f32),
    inner: Inner,
    list: Vec<Inner>,
    pairs: Vec<(i64, f32)>,
    tensors: [Tensor; 2],
}

fn s() -> S {
    S {
        n: 6,
        k: 7,
        c: 200,
        f: 4.0,
        g: 0.5,
        ks: vec![7, 8, 9],
        ii: Tensor::from([1_i64, 2, 3]),
        arr: [1.0, 2.0, 3.0],
        grid: [[1.0, 2.0], [3.0, 4.0]],
        pair: (3, 1.5),
        inner: Inner { k: 5, w: 0.25 },
        list: vec![Inner { k: 1, w: 0.5 }, Inner { k: 2, w: 1.5 }],
        pairs: vec![(1, 0.5), (2, 0.25)],
        tensors: [v(&[1.0, 2.0]), v(&[3.0, 4.0])],
    }
}

#[script]
fn count(x: &Tensor) -> usize {
    x.len()
}

#[script]
fn byte(x: &Tensor) -> u8 {
    x.len() as u8
}

#[script]
fn whole(x: &Tensor) -> i64 {
    x.len() as i64 * 3
}

#[script]
fn scaled(x: &Tensor<i64>, k: i64) -> Tensor<i64> {
    x * k
}

#[script]
fn many(x: &Tensor) -> Vec<Tensor> {
    vec![x.clone(), x * 3.0]
}

#[script]
fn order(x: &Tensor) -> Tensor<i64> {
    x.argsort(0)
}

#[script]
fn both(x: &Tensor) -> (i64, f32) {
    (x.len() as i64, 0.5)
}

#[script]
fn moved(s: Inner) -> Inner {
    Inner { k: s.k + 1, ..s }
}

#[trace]
fn traced_scale(x: &Tensor, by: f32) -> Tensor {
    x * by
}

conform! {
    fn literal_indices(x: &Tensor<f64>) -> Tensor<f64> { x.take(0, &Tensor::from([0, 2, 4])) }
        with [(&Tensor::from([5.0_f64, 4.0, 3.0, 2.0, 1.0]),)]
    fn made_indices(x: &Tensor) -> Tensor { x.sort(0).take(0, &Tensor::arange(0, 2, 1)) }
        with [(&v(&[3.0, 1.0, 2.0]),)]
    fn gathered(x: &Tensor, y: &Tensor) -> (Tensor, Tensor) {
        let at = Tensor::from([1, 0]);
        (x.gather(0, &at), x.scatter_add(0, &Tensor::from([0, 0]), y))
    } with [(&v(&[3.0, 1.0]), &v(&[10.0, 20.0]))]
    fn carried(g: &Tensor<i64>) -> Tensor<i64> {
        let mut g = g.clone();
        for _ in 0..3 {
            let mut n = Tensor::zeros(g.shape());
            for a in -1..=1 { n = n + scaled(&g, a); }
            g = n.eq(3).cast::<i64>();
        }
        g
    } with [(&Tensor::from([1_i64, 0]),)]
    fn shifts(a: &Ints) -> Ints {
        let mut y = Tensor::<i64>::zeros([a.dim(0)]);
        for i in 0..a.dim(0) { y[i] = a[i] << 2; }
        y
    } with [(&Tensor::from([1_i64, -1]),)]
    fn fields(s: &S) -> i64 {
        let mut t = 0;
        for i in 0..s.n { t += i as i64; }
        for i in (1..s.n).rev() { if i > 2 { t += 1; } }
        for i in 0..=s.n { t += i as i64 * 2; }
        let n = s.n;
        for i in (0..n).step_by(2) { t = t * 3 + i as i64; }
        t
    } with [(&s(),)]
    fn called(x: &Tensor) -> i64 {
        let mut t = 0;
        for i in 0..count(x) { t += i as i64; }
        t
    } with [(&v(&[1.0, 2.0, 3.0]),)]
    fn collected(s: &S) -> (Vec<i64>, (usize, i64)) {
        let mut v = Vec::new();
        let mut best = (0, 0);
        for i in 0..s.k { v.push(s.k * i); if i == 3 { best = (s.n, i); } }
        (v, best)
    } with [(&s(),)]
    fn host_functions(s: &S, x: &Tensor) -> (u8, i64, f32, u8) {
        (s.c.wrapping_add(250), s.k.saturating_sub(7), s.f.hypot(3.0), byte(x).wrapping_add(100))
    } with [(&s(), &v(&[1.0]))]
    fn shifted(s: &S, x: &Tensor) -> (i64, i64, i64, u8, usize) {
        let by = 2;
        (s.k << 2, s.k >> 1, whole(x) << 1, s.c >> by, s.n << s.k)
    } with [(&s(), &v(&[1.0]))]
    fn written(s: &S, x: &Tensor) -> (Vec<i64>, Tensor<i64>, Tensor<i64>) {
        let mut a = s.ks.clone();
        a[0] = 3;
        let mut b = s.ii.clone();
        b[0] = 3;
        let mut c = order(x);
        c[0] = 9;
        (a, b, c)
    } with [(&s(), &v(&[1.0, 2.0]))]
    fn array_field(s: &S) -> (S, f64, f64) {
        let mut t = s.clone();
        t.arr[0] = 2.0;
        let mut a = s.arr;
        a[0] = a[1] * 1.0;
        let mut sum = 0.0;
        for v in s.arr { sum += v; }
        for (i, v) in s.arr.iter().enumerate() { sum += v * i as f64; }
        (t, a[0] + a[2], sum)
    } with [(&s(),)]
    fn nested_array_field(s: &S, i: usize) -> (f32, [[f32; 2]; 2], f32) {
        let mut g = s.grid;
        g[i][1] = 9.0;
        g[1] = [0.5, s.grid[i][0]];
        let mut t = 0.0;
        for row in s.grid { for v in row { t = t * 2.0 + v; } }
        (s.grid[0][1] * 2.0, g, t)
    } with [(&s(), 0), (&s(), 1)]
    fn tensor_arrays(s: &S) -> (Tensor, Tensor) {
        let mut t = s.tensors[0].clone();
        for x in &s.tensors { t = t * x; }
        (Tensor::stack(&s.tensors, 0), t)
    } with [(&s(),)]
    fn array_parameter(xs: [f32; 4], n: usize) -> (f32, f32, usize) {
        let mut t = 0.0;
        for x in xs { t = t * 2.0 + x; }
        (xs[n], t, xs.len())
    } with [([1.0, 2.0, 3.0, 4.0], 2)]
    fn array_state(x: &Tensor, z: [f32; 2]) -> (Tensor, [f32; 2]) {
        let mut z = z;
        let mut y = x.clone();
        for i in 0..x.len() { y[i] = x[i] + z[0]; z[0] = z[1]; z[1] = x[i]; }
        (y, z)
    } with [(&v(&[1.0, 2.0, 3.0]), [0.5, 0.25]), (&v(&[]), [0.5, 0.25])]
    fn array_as_shape(x: &Tensor, shape: [usize; 2]) -> Tensor { x.reshape(shape) }
        with [(&v(&[1.0, 2.0]), [2, 1])]
    fn nested_array(h: [[f32; 2]; 2], i: usize, x: f32) -> f32 { h[0][1] * x + h[i][i] }
        with [([[1.0, 2.0], [3.0, 4.0]], 1, 2.0)]
    fn large_array(xs: [f32; 100], n: usize) -> f32 {
        let mut t = xs[n];
        for x in xs { t += x; }
        t
    } with [([0.5; 100], 3)]
    fn from_list(v: Vec<f32>) -> Tensor { Tensor::from(v) } with [(vec![1.0, 4.0],), (vec![],)]
    fn from_slice(v: &[i64]) -> Tensor<i64> { Tensor::from(v) } with [(&[1, 4],)]
    fn from_pushed(x: &Tensor) -> Tensor {
        let mut v: Vec<f32> = Vec::new();
        for i in 0..x.len() { v.push(i as f32 * 2.0); }
        Tensor::from(v)
    } with [(&v(&[7.0, 7.0, 7.0]),), (&v(&[]),)]
    fn from_fields(s: &S) -> (Tensor<i64>, Tensor<f64>, Tensor) {
        let mut a = [1, 2, 3];
        for i in 0..3 { a[i] = a[i] * s.k; }
        (Tensor::from(a), Tensor::from(s.arr), Tensor::from(s.grid))
    } with [(&s(),)]
    fn pushed_tensors(x: &Tensor) -> (Vec<Tensor>, Vec<Tensor>) {
        let mut v = many(x);
        v.push(x * 2.0);
        let mut w = many(x);
        w[0] = x * 2.0;
        (v, w)
    } with [(&v(&[1.0, 2.0]),)]
    fn list_of_structs(s: &S) -> (i64, f32, Vec<Inner>) {
        let mut total = 0;
        let mut sum = 0.0;
        for e in &s.list { total += e.k * 2; sum = sum + e.w * 0.5; }
        let mut all = s.list.clone();
        all.push(Inner { k: 3, w: 0.1 });
        all[0].k = 12;
        (total + s.list[1].k << 1, sum, all)
    } with [(&s(),)]
    fn list_of_pairs(s: &S) -> (i64, f32, Vec<(i64, f32)>) {
        let mut total = 0;
        let mut sum = 0.0;
        for (k, w) in &s.pairs { total += k * 3; sum += w; }
        for (i, p) in s.pairs.iter().enumerate() { total += p.0 + i as i64; }
        let mut all: Vec<(i64, f32)> = vec![];
        all.push((1, 0.1));
        all.push((s.pairs[0].0 + 4, 2.0));
        (total, sum * all[0].1, all)
    } with [(&s(),)]
    fn tuple_field(s: &S) -> (i64, f32) {
        let (k, w) = s.pair;
        let mut t = s.pair;
        t.0 = 9;
        t.1 += 0.1;
        (k * 2 + t.0, w + t.1)
    } with [(&s(),)]
    fn tuple_result(x: &Tensor) -> (i64, f32) {
        let (n, w) = both(x);
        let mut m = 0;
        m = m + n;
        let p = both(x);
        (m << 2, w * 0.1 + p.1)
    } with [(&v(&[1.0, 2.0]),)]
    fn assigned_later(s: &S) -> (i64, f64, i64) {
        let mut a = 3;
        let b = a * 1_000_000_000;
        a = s.k;
        let c;
        if s.f > 1.0 { c = 0.1; } else { c = s.g; }
        let mut d = 0.1;
        let e = d * 3.0;
        d = s.g;
        (a + b, c * e, s.inner.k + 1)
    } with [(&s(),)]
    fn through_alias(k: Count, s: &S) -> i64 {
        let mut n: Count = 3;
        let m = n * 1_000_000_000;
        n = n + 1;
        m + n * k + s.k
    } with [(2, &s())]
    fn local_struct(x: &Tensor) -> (f32, i64, f64) {
        let p = Inner { k: 3_000, w: 0.1 };
        let q = p.k * 3_000_000;
        (p.w * x[0], q, p.w as f64)
    } with [(&v(&[1.0]),)]
    fn passed_struct(s: &S) -> (Inner, i64) {
        let a = moved(Inner { k: 3, w: 0.5 });
        let b = moved(s.inner.clone());
        (a, b.k << 1)
    } with [(&s(),)]
    fn passed_to_trace(x: &Tensor) -> Tensor {
        let mut by = 0.1;
        by = by * 2.0;
        traced_scale(x, by) + traced_scale(x, 0.3)
    } with [(&v(&[1.0, 0.7]),)]
    fn aliases(x: &Tensor, n: i64) -> (Tensor<E>, Tensor<f64>, f64, Tensor<f64>) {
        let z = Tensor::<E>::ones([2]);
        let k = n as E;
        (z * 0.1, x.cast::<E>() * 0.1, k * 0.1, x.cast())
    } with [(&v(&[1.0, 2.0]), 3)]
    fn alias_parameter(x: &Tensor<E>, k: E) -> Tensor<E> { x * 0.1 + k }
        with [(&Tensor::from([1.0_f64, 2.0]), 3.0)]
    fn converted_later(x: &Tensor, m: &Tensor<f64>) -> (Tensor<f64>, f64) {
        let y = x.cast();
        let hot = Tensor::from([0, 1]).one_hot(2);
        let z = m * y;
        (hot.matmul(&z), z[0] * 0.1)
    } with [(&v(&[1.0, 2.0]), &Tensor::from([0.1_f64, 0.2]))]
    fn masks(x: &Tensor, s: &S) -> (Tensor<i64>, Tensor, Tensor<i64>) {
        (x.gt(0.5).sum(), x.gt(0.5).mean(), s.ii.gt(1).sum())
    } with [(&v(&[1.0, 0.0, 2.0]), &s())]
    fn equal_structs(s: &S, x: &Tensor) -> (bool, bool, bool, bool, bool, bool) {
        let mut t = s.clone();
        let same = t == *s;
        t.inner.k += 1;
        let p = both(x);
        (same, t == *s, t.inner != s.inner, s.pair == (3, 1.5), p == s.pair, s.arr == [1.0, 2.0, 3.0])
    } with [(&s(), &v(&[1.0]))]
    fn zipped(s: &S, x: &Tensor, y: &Tensor) -> (f64, f32, i64) {
        let mut t = 0.0;
        for (a, k) in s.arr.iter().zip(&s.ks) { t = t * 2.0 + a * (*k as f64); }
        let mut u = 0.0;
        for (a, b) in x.rows().zip(y.rows()) { u += a.sum().item() * b.sum().item(); }
        let mut w = 0;
        for (i, k) in s.ks.iter().enumerate().skip(1) { w += k * i as i64; }
        for k in s.ks.iter().skip(9) { w += k; }
        for k in s.ks.iter().take(2).rev() { w = w * 2 + k; }
        for (i, k) in (0..s.k).zip(1..) { w = w * 3 + i + k; }
        (t, u, w)
    } with [(&s(), &v(&[1.0, 2.0]), &v(&[3.0, 4.0, 5.0]))]
    fn repeated(s: &S, n: usize) -> (Vec<f32>, Vec<i64>, usize) {
        let mut v = vec![0.0; n];
        for i in 0..n { v[i] = s.f * i as f32; }
        let w = vec![1; s.n];
        let mut k = w.clone();
        k[0] = s.k;
        (v, k, w.len())
    } with [(&s(), 3), (&s(), 0)]
    fn taken_apart(x: &Tensor, s: &S) -> (Tensor, f64, Tensor) {
        let parts = x.split(0, 3);
        let [q, k, v] = &parts[..] else { panic!("three parts") };
        let [a, _, b] = s.arr;
        let all = many(x);
        let c = if let [first, second] = &all[..] { first + second } else { x.clone() };
        (q * k + v, a - b, c)
    } with [(&v(&[1.0, 2.0, 3.0]), &s())]
    fn tuple_shapes(x: &Tensor) -> Tensor { x.unsqueeze(0).reshape((x.dim(0), -1)) }
        with [(&v(&[1.0, 2.0, 3.0]),)]
}
