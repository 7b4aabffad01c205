//! Structs, lists and options in control flow: carried by loops, returned early, written, passed on. Eager mode
//! and the compiled script must agree.

use jit_runtime::prelude::*;

#[derive(Clone, Debug, Pytree)]
struct Layer {
    w: Tensor,
    b: Option<Tensor>,
    k: usize,
    tag: String,
}

#[script]
impl Layer {
    fn step(&self, x: &Tensor) -> Layer {
        Layer { w: &self.w * 0.5 + x, k: self.k + 1, ..self.clone() }
    }
}

#[script]
fn early_struct(l: &Layer, n: usize) -> Layer {
    for i in 0..n {
        if i == l.k {
            return Layer { w: &l.w * (i as f32), b: None, ..l.clone() };
        }
    }
    l.clone()
}

#[script]
fn early_list(x: &Tensor, n: usize) -> Vec<Tensor> {
    let mut all = vec![];
    for i in 0..n {
        all.push(x * (i as f32));
        if i == 3 {
            return all;
        }
    }
    all.push(x.clone());
    all
}

#[script]
fn best_so_far(x: &Tensor, n: i32) -> Tensor {
    let mut best: Option<Tensor> = None;
    for i in 0..n {
        let y = x * ((i * 7 % 5) as f32);
        if let Some(b) = &best {
            if y.sum() > b.sum() {
                best = Some(y);
            }
        } else {
            best = Some(y);
        }
    }
    if let Some(b) = best { b } else { x.clone() }
}

#[script]
fn carried_struct(l: &Layer, x: &Tensor, n: usize) -> (Tensor, usize) {
    let mut m = l.clone();
    for _ in 0..n {
        m = m.step(x);
    }
    (m.w, m.k)
}

#[script]
fn list_of_layers(l: &Layer, x: &Tensor, n: usize) -> (Vec<Layer>, f32) {
    let mut all = vec![l.clone()];
    for i in 0..n {
        let next = all[i].step(x);
        all.push(next);
    }
    let mut s = 0.0;
    for (i, layer) in all.iter().enumerate() {
        s += layer.w[[0, 0]] * (i as f32);
        if layer.k == 3 && layer.b.is_none() {
            s += 100.0;
        }
    }
    (all, s)
}

#[script]
fn write_in_list(x: &Tensor, n: usize) -> Vec<Tensor> {
    let mut xs = vec![x.clone(), x * 2.0];
    let kept = xs.clone();
    for i in 0..n {
        xs[i % 2][0] = i as f32;
        xs[1][1] += kept[0][0];
    }
    xs.push(kept[1].clone());
    xs
}

#[script]
fn mixed_arms(x: &Tensor, n: i64) -> (Tensor, f32) {
    let (y, s) = match n {
        0 => (x.clone(), 1.0),
        1 => pair(x),
        2 => {
            let p = pair(x);
            (p.0 * 2.0, p.1)
        }
        _ => {
            let (a, b) = pair(x);
            if b > 2.0 { pair(&a) } else { (a, b) }
        }
    };
    let t: (Tensor, f32);
    if n > 1 {
        t = pair(&y);
    } else {
        t = (y, s);
    }
    t
}

#[script]
fn pair(x: &Tensor) -> (Tensor, f32) {
    (x + 1.0, x.sum().item())
}

#[script]
fn row_labels(x: &Tensor, limit: f32) -> (f32, usize) {
    let mut total = 0.0;
    let mut skipped = 0;
    'rows: for row in x.rows() {
        for i in 0..row.len() {
            if row[i] > limit {
                skipped += 1;
                continue 'rows;
            }
            if row[i] < 0.0 {
                break 'rows;
            }
        }
        total += row.sum().item();
    }
    (total, skipped)
}

#[script]
fn nested_options(a: Option<(Tensor, f32)>, b: Option<&Layer>) -> f32 {
    let mut s = 0.0;
    if let Some((x, k)) = a {
        s += x.sum().item() * k;
    }
    if let Some(l) = b {
        s += l.w.sum().item();
        if let Some(bias) = &l.b {
            s += bias.sum().item();
        }
    }
    s
}

#[script]
fn swap_lists(x: &Tensor, n: usize) -> (Vec<Tensor>, Vec<Tensor>) {
    let mut a = vec![x.clone()];
    let mut b = vec![];
    for i in 0..n {
        b.push(x * (i as f32));
        (a, b) = (b, a);
    }
    (a, b)
}

#[script]
fn underflow(n: usize, k: usize) -> usize {
    let mut total = 0;
    for i in 0..n {
        total += i - k;
    }
    total
}

#[script]
fn unused_loop_result(x: &Tensor) -> f32 {
    let k = loop {
        if x.sum() > 1.0 {
            break 3.0;
        } else {
            break x.max().item();
        }
    };
    let z = {
        let q = k * 2.0;
        q + 1.0
    };
    z
}

#[script]
fn shadow_in_match(n: i64) -> i64 {
    let n = match n {
        n if n > 10 => {
            let n = n - 10;
            n * 2
        }
        n => n + 1,
    };
    let r = match (n, n % 2 == 0) {
        (0, _) => 1,
        (k, true) if k < 5 => k,
        (_, true) => 100,
        (k, false) => -k,
    };
    r
}

#[derive(Clone, Debug, Pytree)]
struct Scale(f32, Tensor);

#[script]
fn tuple_struct(s: &Scale, x: &Tensor) -> Scale {
    let Scale(k, t) = s;
    Scale(*k * 2.0, t + x * s.0)
}

/// What a call gives, without the line.
fn shown<T: std::fmt::Debug>(result: Result<T>) -> String {
    format!("{:?}", result.map_err(|e| e.to_string().split(" (at").next().map(String::from)))
}

macro_rules! agree {
    ($($f:ident($($a:expr),*);)*) => {$(
        let expected = jit_runtime::eager(|| shown($f::try_call($($a),*)));
        for call in ["first", "second"] {
            assert_eq!(shown($f::try_call($($a),*)), expected, "{call} call of {}", stringify!($f($($a),*)));
        }
        assert!(expected.starts_with("Ok"), "{expected}");
        let plain = jit_runtime::testing::without_passes(|| shown($f::try_call($($a),*)));
        assert_eq!(plain, expected, "without passes");
    )*};
}

#[test]
fn eager_and_compiled_agree() {
    let x = Tensor::from([1.0, 2.0]);
    let m = Tensor::from([[1.0, 2.0], [3.0, 4.0], [-1.0, 0.5]]);
    let l = Layer { w: Tensor::from([[1.0, 2.0], [3.0, 4.0]]), b: Some(x.clone()), k: 2, tag: "t".into() };
    agree! {
        tuple_struct(&Scale(1.5, x.clone()), &x);
        early_struct(&l, 0); early_struct(&l, 2); early_struct(&l, 3);
        early_list(&x, 0); early_list(&x, 3); early_list(&x, 9);
        best_so_far(&x, 0); best_so_far(&x, 1); best_so_far(&x, 6);
        carried_struct(&l, &x, 0); carried_struct(&l, &x, 3);
        list_of_layers(&l, &x, 0); list_of_layers(&l, &x, 3);
        write_in_list(&x, 0); write_in_list(&x, 5);
        mixed_arms(&x, 0); mixed_arms(&x, 1); mixed_arms(&x, 2); mixed_arms(&x, 3);
        row_labels(&m, 3.5); row_labels(&m, 1.5); row_labels(&m, 9.0);
        nested_options(None, None); nested_options(Some((x.clone(), 2.0)), None); nested_options(None, Some(&l));
        swap_lists(&x, 0); swap_lists(&x, 1); swap_lists(&x, 5);
        underflow(3, 0);
        unused_loop_result(&x); unused_loop_result(&(&x * 0.0));
        shadow_in_match(0); shadow_in_match(3); shadow_in_match(11); shadow_in_match(100);
    }
}
