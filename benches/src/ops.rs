//! Every elementwise op beside the loop that a Rust programmer would write, other layouts beside row-major ones, and
//! `sort` and `topk` beside std's sort.
//!
//! `cargo run --release -p jit-benches --bin ops`; with `--check` few rounds, and it fails if a ratio is far off.

use std::hint::black_box;
use std::time::Duration;

use jit_benches::measure::race;
use jit_runtime::prelude::*;

/// A kind of element to measure with.
trait Number: Float + 'static {
    const NAME: &'static str;
}
impl Number for f32 {
    const NAME: &'static str = "f32";
}
impl Number for f64 {
    const NAME: &'static str = "f64";
}

/// One op: its name, the call, the loop.
struct Row<T: Elem> {
    name: &'static str,
    ours: fn(&Tensor<T>, &Tensor<T>),
    naive: fn(&[T], &[T]),
}

macro_rules! rows {
    ($T:ident: $(|$x:ident| $name:ident $body:expr;)* ; $(|$a:ident, $b:ident| $two:ident $two_body:expr;)*) => {
        vec![
            $(Row::<$T> {
                name: stringify!($name),
                ours: |x, _| drop(black_box(x.$name())),
                naive: |x, _| drop(black_box(x.iter().map(|v| { let $x = *v; $body }).collect::<Vec<_>>())),
            },)*
            $(Row::<$T> {
                name: stringify!($two),
                ours: |x, y| drop(black_box(x.$two(y))),
                naive: |x, y| drop(black_box(x.iter().zip(y).map(|(a, b)| { let ($a, $b) = (*a, *b); $two_body }).collect::<Vec<_>>())),
            },)*
        ]
    };
}

macro_rules! float_rows {
    ($T:ident) => {
        rows! { $T:
            |x| abs x.abs();
            |x| neg -x;
            |x| signum x.signum();
            |x| square x * x;
            |x| sqrt x.sqrt();
            |x| rsqrt 1.0 / x.sqrt();
            |x| recip 1.0 / x;
            |x| floor x.floor();
            |x| ceil x.ceil();
            |x| round x.round();
            |x| trunc x.trunc();
            |x| relu if x < 0.0 { 0.0 } else { x };
            |x| is_nan x.is_nan();
            |x| is_finite x.is_finite();
            |x| exp x.exp();
            |x| exp_m1 x.exp_m1();
            |x| ln x.ln();
            |x| ln_1p x.ln_1p();
            |x| log2 x.log2();
            |x| sin x.sin();
            |x| cos x.cos();
            |x| tan x.tan();
            |x| asin x.asin();
            |x| acos x.acos();
            |x| atan x.atan();
            |x| sinh x.sinh();
            |x| cosh x.cosh();
            |x| tanh x.tanh();
            |x| erf libm::erf(f64::from(x)) as $T;
            |x| sigmoid 1.0 / (1.0 + (-x).exp());
            |x| silu x / (1.0 + (-x).exp());
            |x| gelu 0.5 * x * (1.0 + libm::erf(f64::from(x) * std::f64::consts::FRAC_1_SQRT_2) as $T);
            |x| gelu_tanh 0.5 * x * (1.0 + (0.797_884_6 * (x + 0.044_715 * x * x * x)).tanh());
            |x| softplus x.exp().ln_1p();
            ;
            |a, b| add a + b;
            |a, b| sub a - b;
            |a, b| mul a * b;
            |a, b| div a / b;
            |a, b| rem a % b;
            |a, b| rem_euclid a.rem_euclid(b);
            |a, b| div_euclid a.div_euclid(b);
            |a, b| maximum if a.is_nan() || a > b { a } else { b };
            |a, b| minimum if a.is_nan() || a < b { a } else { b };
            |a, b| powf a.powf(b);
            |a, b| atan2 a.atan2(b);
            |a, b| gt a > b;
            |a, b| ge a >= b;
            |a, b| lt a < b;
            |a, b| le a <= b;
            |a, b| eq a == b;
            |a, b| ne a != b;
        }
    };
}

fn values<T: Number>(n: usize, seed: usize) -> Tensor<T> {
    let values = (0..n).map(|i| T::of(((i * 7919 + seed) % 1013) as f64 / 1013.0 * 0.9 + 0.05)).collect();
    Tensor::from_vec(values, [n]).unwrap_or_else(|e| unreachable!("{e}"))
}

/// What was slower than it may be.
#[derive(Default)]
struct Flags {
    all: Vec<String>,
    /// Whether something is so much slower that a change must have done it.
    bad: bool,
}

impl Flags {
    /// `ours` may take `most` times as long as `other`.
    fn hold(&mut self, what: String, ours: f64, other: f64, most: f64) {
        self.bad |= ours > 8.0 * most * other;
        if ours > most * other {
            self.all.push(format!("{what}: {:.2} times as long (at most {most})", ours / other));
        }
    }
}

fn elementwise<T: Number>(rows: &[Row<T>], budget: Duration, flags: &mut Flags) {
    println!("\n{} | n = 1e3: ns per element, of the loop, ratio | n = 1e6", T::NAME);
    for row in rows {
        let mut line = format!("{:<12}", row.name);
        for n in [1_000, 1_000_000] {
            let (x, y) = (values::<T>(n, 1), values::<T>(n, 5));
            let (a, b) = (x.to_vec(), y.to_vec());
            let (ours, naive) = race(|| (row.ours)(&x, &y), || (row.naive)(&a, &b), budget);
            let unit = 1e9 / n as f64;
            line += &format!(" | {:>7.3} {:>7.3} {:>6.2}", ours * unit, naive * unit, naive / ours);
            flags.hold(format!("{} {} at {n}", T::NAME, row.name), ours, naive, 1.0);
        }
        println!("{line}");
    }
}

/// Transposed, strided and broadcast operands beside row-major ones.
fn layouts(budget: Duration, flags: &mut Flags) {
    println!("\nlayout | ns per element, of row-major, ratio");
    let n = 1000;
    let x = values::<f32>(n * n, 1).reshape([n, n]);
    let y = values::<f32>(n * n, 3).reshape([n, n]);
    let wide = values::<f32>(2 * n * n, 1).reshape([n, 2 * n]);
    let cases: [(&str, Tensor, Tensor); 6] = [
        ("transposed", x.t(), y.clone()),
        ("both transposed", x.t(), y.t()),
        ("every second column", wide.slice_step(1, 0, 2 * n, 2), y.clone()),
        ("half of the columns", wide.slice_axis(1, 0, n), y.clone()),
        ("row + matrix", x.slice_axis(0, 0, 1), y.clone()),
        ("column + matrix", x.slice_axis(1, 0, 1), y.clone()),
    ];
    for (name, a, b) in cases {
        for (op, apply) in
            [("add", (|a, b| a + b) as fn(&Tensor, &Tensor) -> Tensor), ("tanh", |a, b| (a - b).tanh())]
        {
            let (ours, plain) =
                race(|| drop(black_box(apply(&a, &b))), || drop(black_box(apply(&x, &y))), budget);
            let unit = 1e9 / (n * n) as f64;
            println!("{name:<20} {op:<5} | {:>7.3} {:>7.3} {:>6.2}", ours * unit, plain * unit, ours / plain);
            flags.hold(format!("{name}, {op}"), ours, plain, 2.0);
        }
    }
}

/// `sort`, `argsort` and `topk` beside std's sort with `total_cmp`.
fn sorting<T: Number>(total: fn(&T, &T) -> std::cmp::Ordering, budget: Duration, flags: &mut Flags) {
    println!("\n{} | ns per element, of std's sort, ratio", T::NAME);
    for n in [1_000, 1_000_000] {
        let key = Key::new(7);
        let x = Tensor::<f32>::uniform(key, [n]).cast::<T>();
        let plain = x.to_vec();
        let std = || {
            let mut copy = plain.clone();
            copy.sort_by(total);
            drop(black_box(copy));
        };
        let calls: [(&str, &dyn Fn()); 3] = [
            ("sort", &|| drop(black_box(x.sort(0)))),
            ("argsort", &|| drop(black_box(x.argsort(0)))),
            ("topk 10", &|| drop(black_box(x.topk(10, 0)))),
        ];
        for (name, call) in calls {
            let (ours, other) = race(call, std, budget);
            let unit = 1e9 / n as f64;
            println!("{name:<8} {n:>8} | {:>7.2} {:>7.2} {:>6.2}", ours * unit, other * unit, other / ours);
            flags.hold(format!("{} {name} at {n}", T::NAME), ours, other, 1.0);
        }
    }
}

fn main() {
    jit_runtime::set_threads(1);
    let check = std::env::args().any(|a| a == "--check");
    let budget = Duration::from_millis(if check { 3 } else { 40 });
    let mut flags = Flags::default();
    elementwise::<f32>(&float_rows!(f32), budget, &mut flags);
    elementwise::<f64>(&float_rows!(f64), budget, &mut flags);
    layouts(budget, &mut flags);
    sorting::<f32>(f32::total_cmp, budget, &mut flags);
    sorting::<f64>(f64::total_cmp, budget, &mut flags);
    println!("\n{} slower than asked", flags.all.len());
    flags.all.iter().for_each(|flag| println!("  {flag}"));
    if check && flags.bad {
        eprintln!("something is many times slower than asked");
        std::process::exit(1);
    }
}
