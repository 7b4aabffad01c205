//! Every op that a body can call, recorded at one size and replayed at others: what was recorded holds for any.

use std::collections::BTreeSet;
use std::fmt::Debug;

use jit_ir::Op;
use jit_ir::ops::Class;
use jit_runtime::eager;
use jit_runtime::prelude::*;

/// Floats, a second operand, indices, truth values, a key.
type Given = (Tensor, Tensor, Tensor<i64>, Tensor<bool>, Key);

/// Arguments of `[n, k]`; the second operand is of `[rows, columns]`.
fn given(n: usize, k: usize, rows: usize, columns: usize) -> Given {
    let numbers = |n: usize, k: usize, seed: usize| -> Tensor {
        let values = (0..n * k).map(|i| ((i * 7 + seed) % 23) as f32 * 0.25 - 2.0).collect();
        Tensor::from_vec(values, [n, k]).unwrap()
    };
    let indices = (0..n * k).map(|i| (i % n.max(1)) as i64).collect();
    let mask = (0..n * k).map(|i| i % 3 == 0).collect();
    (
        numbers(n, k, 3 + n + 2 * k),
        numbers(rows, columns, 11),
        Tensor::from_vec(indices, [n, k]).unwrap(),
        Tensor::from_vec(mask, [n, k]).unwrap(),
        Key::new((n * 100 + k) as u64),
    )
}

/// Records `f` at one size and replays it at others; notes the ops in the recording.
fn check<R: jit_runtime::Returns + Debug>(
    seen: &mut BTreeSet<Op>,
    name: &str,
    looks_at_sizes: bool,
    f: impl Fn(&Given) -> R,
) {
    let f = jit_runtime::trace(f);
    let first = given(3, 4, 3, 4);
    f.try_call(&first).unwrap_or_else(|e| panic!("{name}: {e}"));
    for (n, k) in [(3, 4), (1, 4), (3, 1), (1, 1), (4, 4), (0, 4), (3, 0), (0, 0), (5, 7), (70, 3), (2, 130)]
    {
        for (rows, columns) in [(n, k), (1, k), (n, 1), (1, 1)] {
            let args = given(n, k, rows, columns);
            for _ in 0..2 {
                match (f.try_call(&args), eager(|| f.try_call(&args))) {
                    (Ok(a), Ok(b)) => {
                        assert!(jit_tests::same(&a, &b), "{name} at {n} {k}, {rows} {columns}: {a:?}\n{b:?}");
                    }
                    (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string(), "{name} at {n} {k}"),
                    (a, b) => panic!("{name} at {n} {k}, {rows} {columns}: {a:?}\n{b:?}"),
                }
            }
        }
    }
    assert_eq!(f.stats().recordings == 1, !looks_at_sizes, "{name}: {}", f.stats());
    for path in f.traces() {
        assert!(path.checked || path.runs == 0, "{name}");
        for id in path.graph.nodes.ids() {
            seen.insert(path.graph.nodes[id].op);
        }
    }
}

macro_rules! cases {
    ($seen:ident, $looks:literal: $(|$x:ident, $y:ident, $i:ident, $m:ident, $k:ident| $body:expr;)*) => {$(
        #[allow(unused_variables)]
        check($seen, stringify!($body), $looks, |($x, $y, $i, $m, $k): &Given| $body);
    )*};
}

macro_rules! unary {
    ($seen:ident: $($name:ident)*) => {$(
        check($seen, stringify!($name), false, |(x, ..): &Given| x.$name());
    )*};
}

macro_rules! binary {
    ($seen:ident: $($name:ident)*) => {$(
        check($seen, stringify!($name), false, |(x, y, ..): &Given| (x.$name(y), y.$name(x), x.$name(0.75)));
    )*};
}

fn elementwise(seen: &mut BTreeSet<Op>) {
    unary!(seen: abs neg signum square sqrt rsqrt recip floor ceil round trunc exp exp_m1 ln ln_1p log2 sin cos tan
        asin acos atan sinh cosh tanh sigmoid silu erf gelu gelu_tanh softplus relu is_nan is_finite);
    binary!(seen: add sub mul maximum minimum div rem div_euclid rem_euclid powf atan2 gt ge lt le eq ne);
    cases! { seen, false:
        |x, y, i, m, k| (x + y, x - y, x * y, x / y, x % y, -x, 2.0 * x, x + 1.0);
        |x, y, i, m, k| (i & 3, i | 1, i ^ (!i), m & (!m), m | (!m), m ^ (!m));
        |x, y, i, m, k| (m.and(m), m.or(m), i.xor(2));
        |x, y, i, m, k| (x.powi(0), x.powi(3), x.powi(-2));
        |x, y, i, m, k| (x.clamp(-1.0, 1.0), x.clamp(y, 3.0), x.mul_add(y, 2.0));
        |x, y, i, m, k| (m.select(x, y), m.select(x, 0.5), x.gt(y).select::<f32, _, _>(1.0, 0.0));
        |x, y, i, m, k| (x.cast::<f64>(), x.cast::<i32>(), x.cast::<u8>(), x.cast::<bool>(), m.cast::<f32>());
        |x, y, i, m, k| { let mut z = x.clone(); z += y; z -= 1.0; z *= y; z /= 3.0; z };
    }
}

fn reductions(seen: &mut BTreeSet<Op>) {
    cases! { seen, false:
        |x, y, i, m, k| (x.sum(), x.sum_axis(0), x.sum_keepdim(-1), x.sum_axis([0, 1]));
        |x, y, i, m, k| (x.mean(), x.mean_axis(1), x.mean_keepdim(0));
        |x, y, i, m, k| (x.prod(), x.prod_axis(0), x.var(), x.var_axis(-1), x.std(), x.std_keepdim(0));
        |x, y, i, m, k| (x.max(), x.min());
        |x, y, i, m, k| (x.max_axis(0), x.min_keepdim(0));
        |x, y, i, m, k| (x.max_keepdim(1), x.min_axis(1));
        |x, y, i, m, k| (m.all(), m.any(), m.all_axis(0), m.any_keepdim(1));
        |x, y, i, m, k| (x.argmax(), x.argmin());
        |x, y, i, m, k| (x.argmax_axis(1), x.argmin_axis(0));
        |x, y, i, m, k| (x.cumsum(0), x.cumsum(-1), x.cumprod(0), x.cumprod(-1));
        |x, y, i, m, k| (x.norm(), x.linear(y, &Tensor::scalar(0.5)), x.rms_norm(&y.sum_axis(0), 1e-5));
        |x, y, i, m, k| x.layer_norm(&y.sum_axis(0), &x.mean_axis(0), 1e-5);
        |x, y, i, m, k| Tensor::scaled_dot_product_attention(x, x, x, false);
        |x, y, i, m, k| Tensor::scaled_dot_product_attention(x, x, &x.abs(), true);
        |x, y, i, m, k| (x.softmax(-1), x.log_softmax(0), x.logsumexp(1));
    }
}

fn shapes(seen: &mut BTreeSet<Op>) {
    cases! { seen, false:
        |x, y, i, m, k| (x.flatten(), x.t(), x.transpose(0, -1), x.permute([1, 0]), x.unsqueeze(1), x.unsqueeze(-1));
        |x, y, i, m, k| x.reshape([-1, 1]);
        |x, y, i, m, k| x.reshape([3, -1]);
        |x, y, i, m, k| (x.sum_keepdim(0).squeeze(0), x.sum_keepdim(1).squeeze(-1));
        |x, y, i, m, k| x.broadcast_to([3, 4]);
        |x, y, i, m, k| (x.flip(0), x.flip(-1), x.triu(0), x.tril(-1), x.triu(1));
        |x, y, i, m, k| x.split(1, 2).into_iter().rev().collect::<Vec<_>>();
        |x, y, i, m, k| x.split_sizes(-1, [1, 3]);
        |x, y, i, m, k| (x.roll(0, 1), x.roll(-1, -3), x.repeat([2, 3]), x.pad([(1, 0), (0, 2)], 0.5));
        |x, y, i, m, k| (x.slice_step(0, 0, 3, 2), x.slice_step(0, 0, 2, 1));
        |x, y, i, m, k| x.index_axis(0, 2);
        |x, y, i, m, k| x.slice_axis(-1, 1, 3);
        |x, y, i, m, k| { let mut z = x.clone(); z.set_axis(0, 1, &y.sum_axis(0)); z.set_axis(-1, 0, &x.max_axis(1)); z };
        |x, y, i, m, k| { let mut z = Tensor::zeros_like(x); z.set_slice(0, 1, &x.slice_axis(0, 0, 1)); z };
        |x, y, i, m, k| (x.gather(0, i), x.scatter_add(0, i, &(x * 2.0)));
        |x, y, i, m, k| (x.sort(0), x.argsort(-1), i.sort(1));
        |x, y, i, m, k| (x.topk(1, 1), i.topk(2, 0));
        |x, y, i, m, k| (Tensor::einsum("ij,kj->ik", &[x, y]), Tensor::einsum("...i->i", &[x]));
        |x, y, i, m, k| x.reshape([1, 1, 3, -1]).conv2d(&y.slice_axis(0, 0, 1).slice_axis(1, 0, 1).reshape([1, 1, 1, 1]), 1, [1, 0], 2, 1);
        |x, y, i, m, k| (x.unsqueeze(0).unsqueeze(0).max_pool2d([2, 1], 1, [1, 0]), y.unsqueeze(0).unsqueeze(0).avg_pool2d(1, 2, 0));
        |x, y, i, m, k| x.cross_entropy(&x.argmax_axis(1));
        |x, y, i, m, k| x.take(0, &i.index_axis(1, 0));
        |x, y, i, m, k| i.one_hot::<f32>(80);
        |x, y, i, m, k| (Tensor::concat(&[x, x], 0), Tensor::stack(&[x, x], 1));
        |x, y, i, m, k| Tensor::concat(&[x, y], -1);
        |x, y, i, m, k| x.matmul(&y.t());
        |x, y, i, m, k| x.matmul(&y.sum_axis(0));
        |x, y, i, m, k| x.flatten().dot(&y.flatten());
        |x, y, i, m, k| x.flatten().outer(&y.flatten());
        |x, y, i, m, k| (Tensor::zeros_like(x), Tensor::ones_like(m));
        |x, y, i, m, k| x.unsqueeze(0).matmul(&y.t().unsqueeze(0));
        |x, y, i, m, k| [x, y].into_iter().cloned().sum::<Tensor>();
    }
    // What is made from nothing but sizes is a constant beside the ops.
    cases! { seen, false:
        |x, y, i, m, k| x.sum() + Tensor::<f32>::arange(0.0, 3.0, 1.0) + Tensor::<f32>::linspace(0.0, 1.0, 3);
        |x, y, i, m, k| x.sum() * Tensor::<f32>::eye(2) + Tensor::<f32>::full([2, 2], 0.5);
        |x, y, i, m, k| x.sum() + Tensor::scalar(1.0);
        |x, y, i, m, k| (Tensor::<f32>::uniform(k, [5]), Tensor::<f64>::normal(k.split(3)[2], [2, 2]));
    }
}

fn looks(seen: &mut BTreeSet<Op>) {
    cases! { seen, true:
        |x, y, i, m, k| x * (x.dim(0) as f32) + (x.dim(-1) as f32);
        |x, y, i, m, k| x * (x.len() as f32);
        |x, y, i, m, k| Tensor::<f32>::ones(x.shape()) + x;
        |x, y, i, m, k| x.rows().map(|r| r * 2.0).collect::<Vec<_>>();
        |x, y, i, m, k| if x.sum() > y.sum() { x + 1.0 } else { x - 1.0 };
        |x, y, i, m, k| x * x.sum().item();
        |x, y, i, m, k| x * x[[0, 0]];
        |x, y, i, m, k| if x == y { x + 1.0 } else { x - 1.0 };
        |x, y, i, m, k| x * (x.to_vec().len() as f32);
        |x, y, i, m, k| x * (format!("{x}{x:?}").len() as f32);
        |x, y, i, m, k| { let mut z = x + 1.0; z[[0, 0]] = 5.0; z };
        |x, y, i, m, k| if x.is_empty() { x + 1.0 } else { x * 2.0 };
    }
}

#[test]
fn every_op_recorded_at_one_size_is_right_at_others() {
    let mut seen = BTreeSet::new();
    elementwise(&mut seen);
    reductions(&mut seen);
    shapes(&mut seen);
    looks(&mut seen);
    // Made from sizes alone, so that a recording holds what they gave; of scripts only; of scalars alone.
    let elsewhere = [
        Op::Zeros,
        Op::Ones,
        Op::Full,
        Op::Eye,
        Op::Arange,
        Op::Linspace,
        Op::ToTensor,
        Op::Split,
        Op::Sizes,
        Op::Rank,
        Op::Same,
        Op::Host,
        Op::Powi,
        Op::Shl,
        Op::Shr,
        Op::List,
        Op::Push,
    ];
    let missing: Vec<Op> = Op::ALL
        .iter()
        .filter(|op| op.info().class != Class::Structure && !seen.contains(op) && !elsewhere.contains(op))
        .copied()
        .collect();
    assert_eq!(missing, [], "each op has a case");
    let needless: Vec<Op> = elsewhere.into_iter().filter(|op| seen.contains(op)).collect();
    assert_eq!(needless, []);
}
