//! Errors of the approximated functions, in units of the last place, against functions of more digits: of `f32` over
//! a spread of all values (`--ignored`: over all), of `f64` over samples. `docs/accuracy.md` holds the largest ones.

use std::cell::RefCell;

use astro_float_num::{BigFloat, Consts, RoundingMode};
use jit_runtime::prelude::*;

/// Binary digits of the reference.
const DIGITS: usize = 320;
/// For arguments that are reduced by many digits of pi.
const MANY_DIGITS: usize = 1400;
const NEAREST: RoundingMode = RoundingMode::None;

thread_local! {
    static CONSTS: RefCell<Consts> = RefCell::new(Consts::new().expect("memory for constants"));
}

type Unary<T> = fn(&Tensor<T>) -> Tensor<T>;
type Exact = fn(&BigFloat, usize, &mut Consts) -> BigFloat;

struct Case {
    name: &'static str,
    single: Unary<f32>,
    double: Unary<f64>,
    /// For `f32`.
    wide: fn(f64) -> f64,
    exact: Exact,
}

macro_rules! cases {
    ($($name:ident $wide:expr, $exact:expr;)*) => {
        [$(Case {
            name: stringify!($name),
            single: |x| x.$name(),
            double: |x| x.$name(),
            wide: $wide,
            exact: $exact,
        },)*]
    };
}

fn big(v: f64, p: usize) -> BigFloat {
    // A subnormal number would come out wrong.
    let scale = 2.0_f64.powi(200);
    let scaled = BigFloat::from_f64(v * scale, p + 64);
    if v.is_subnormal() {
        scaled.div(&BigFloat::from_f64(scale, p), p, NEAREST)
    } else {
        BigFloat::from_f64(v, p)
    }
}

fn one_plus(x: &BigFloat, p: usize) -> BigFloat {
    x.add(&big(1.0, p), p, NEAREST)
}

/// e^-x.
fn falling(x: &BigFloat, p: usize, c: &mut Consts) -> BigFloat {
    x.neg().exp(p, NEAREST, c)
}

/// The series of the error function, summed until nothing is added.
fn erf(x: &BigFloat, p: usize, c: &mut Consts) -> BigFloat {
    // What 1 lacks there is below every f64.
    if to_f64(x).abs() > 40.0 {
        return big(to_f64(x).signum(), p);
    }
    // Its terms grow before they fall: as many digits more.
    let p = p + 2600;
    let square = x.mul(x, p, NEAREST);
    let (mut term, mut sum, mut n) = (x.clone(), x.clone(), 1.0);
    while !term.is_zero() && term.exponent() > sum.exponent().map(|e| e - 1500) {
        term = term.mul(&square, p, NEAREST).neg().div(&big(n, p), p, NEAREST);
        sum = sum.add(&term.div(&big(2.0 * n + 1.0, p), p, NEAREST), p, NEAREST);
        n += 1.0;
    }
    let root = c.pi(p, NEAREST).sqrt(p, NEAREST);
    sum.mul(&big(2.0, p), p, NEAREST).div(&root, p, NEAREST)
}

fn wide_sigmoid(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

fn wide_softplus(x: f64) -> f64 {
    if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }
}

fn wide_gelu(x: f64) -> f64 {
    if x == f64::NEG_INFINITY { -0.0 } else { 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2) }
}

fn wide_silu(x: f64) -> f64 {
    if x == f64::NEG_INFINITY { -0.0 } else { x * wide_sigmoid(x) }
}

fn all() -> Vec<Case> {
    // `JIT_FUNCTION=tan` runs that function alone.
    let only = std::env::var("JIT_FUNCTION").ok();
    let cases = cases! {
        exp f64::exp, |x, p, c| x.exp(p, NEAREST, c);
        exp_m1 f64::exp_m1, |x, p, c| x.exp(p + 1100, NEAREST, c).sub(&big(1.0, p), p + 1100, NEAREST);
        ln f64::ln, |x, p, c| x.ln(p, NEAREST, c);
        ln_1p f64::ln_1p, |x, p, c| one_plus(x, p + 1100).ln(p, NEAREST, c);
        log2 f64::log2, |x, p, c| x.log2(p, NEAREST, c);
        sin f64::sin, |x, p, c| x.sin(p, NEAREST, c);
        cos f64::cos, |x, p, c| x.cos(p, NEAREST, c);
        tan f64::tan, |x, p, c| x.tan(p, NEAREST, c);
        asin f64::asin, |x, p, c| x.asin(p, NEAREST, c);
        acos f64::acos, |x, p, c| x.acos(p, NEAREST, c);
        atan f64::atan, |x, p, c| x.atan(p, NEAREST, c);
        sinh f64::sinh, |x, p, c| x.sinh(p, NEAREST, c);
        cosh f64::cosh, |x, p, c| x.cosh(p, NEAREST, c);
        tanh f64::tanh, |x, p, c| x.tanh(p, NEAREST, c);
        erf libm::erf, erf;
        sigmoid wide_sigmoid, |x, p, c| one_plus(&falling(x, p, c), p).reciprocal(p, NEAREST);
        silu wide_silu, |x, p, c| x.div(&one_plus(&falling(x, p, c), p), p, NEAREST);
        softplus wide_softplus, |x, p, c| one_plus(&x.exp(p, NEAREST, c), p + 1100).ln(p, NEAREST, c);
        gelu wide_gelu, |x, p, c| {
            let root = big(2.0, p).sqrt(p + 2600, NEAREST);
            let share = one_plus(&erf(&x.div(&root, p + 2600, NEAREST), p, c), p + 2600);
            x.mul(&big(0.5, p), p, NEAREST).mul(&share, p, NEAREST)
        };
        rsqrt |x| 1.0 / x.sqrt(), |x, p, _| x.sqrt(p, NEAREST).reciprocal(p, NEAREST);
    };
    cases.into_iter().filter(|case| only.as_ref().is_none_or(|name| name == case.name)).collect()
}

/// Distance from `exact`, which rounds to `near`, in units of the last place of `near`.
fn ulps32(got: f32, exact: f64) -> f64 {
    let near = exact as f32;
    if got.to_bits() == near.to_bits() || (got.is_nan() && near.is_nan()) {
        return if got.is_finite() { (f64::from(got) - exact).abs() / unit32(near) } else { 0.0 };
    }
    if !got.is_finite() || !near.is_finite() {
        return f64::INFINITY;
    }
    // A zero of the other sign is no rounding.
    if got == near && exact == 0.0 {
        return f64::INFINITY;
    }
    (f64::from(got) - exact).abs() / unit32(near)
}

fn unit32(near: f32) -> f64 {
    let exponent = near.abs().max(f32::MIN_POSITIVE).to_bits() >> 23;
    2.0_f64.powi(exponent as i32 - 127 - 23)
}

fn unit64(near: f64) -> f64 {
    let up = near.abs().max(f64::MIN_POSITIVE);
    if up >= f64::MAX { up - up.next_down() } else { up.next_up() - up }
}

fn to_f64(v: &BigFloat) -> f64 {
    v.to_string().parse().unwrap_or(f64::NAN)
}

fn ulps64(got: f64, exact: &BigFloat) -> f64 {
    if exact.is_nan() || got.is_nan() {
        return if exact.is_nan() && got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let near = to_f64(exact);
    if !near.is_finite() || !got.is_finite() {
        return if near == got { 0.0 } else { f64::INFINITY };
    }
    let rest = to_f64(&big(near, DIGITS).sub(exact, DIGITS, NEAREST));
    ((got - near) / unit64(near) + rest / unit64(near)).abs()
}

/// Values that are met exactly or not at all.
const EDGES: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    f64::MAX,
    f64::MIN_POSITIVE,
    -f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
];

/// The largest error over `f32`s by their bits.
fn worst32(case: &Case, bits: impl Iterator<Item = u32>) -> (f64, f32) {
    let mut worst = (0.0, 0.0);
    let mut bits = bits.peekable();
    while bits.peek().is_some() {
        let x: Vec<f32> = bits.by_ref().take(1 << 16).map(f32::from_bits).collect();
        let y = (case.single)(&Tensor::from(x.as_slice())).to_vec();
        for (x, y) in x.iter().zip(y) {
            let error = ulps32(y, (case.wide)(f64::from(*x)));
            if error > worst.0 {
                worst = (error, *x);
            }
        }
    }
    worst
}

/// A spread of `f64`s: by their bits, and evenly around 0.
fn samples(n: u64, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^ state >> 29
    };
    let mut all: Vec<f64> = EDGES.to_vec();
    for i in 0..n {
        let even = (next() >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0;
        let width = [1.0, 2.5, 12.0, 40.0, 750.0][i as usize % 5];
        all.push(even * width);
        // Exponents from -40 to 23.
        let exponent = next() % 64 + 1023 - 40;
        all.push(f64::from_bits((next() & 0x800f_ffff_ffff_ffff) | exponent << 52));
        if i.is_multiple_of(4) {
            all.push(f64::from_bits(next()));
        }
    }
    all
}

/// Whether so far from 0 the result is 0, 1, infinite or the argument.
fn saturates(name: &str, size: f64) -> bool {
    match name {
        "erf" | "gelu" => size > 40.0,
        "tanh" | "sigmoid" | "silu" | "softplus" | "exp" | "exp_m1" => size > 1e4,
        _ => false,
    }
}

fn is_periodic(name: &str) -> bool {
    matches!(name, "sin" | "cos" | "tan")
}

fn worst64(case: &Case, n: u64) -> (f64, f64) {
    let x = samples(n, case.name.len() as u64 * 77);
    let y = (case.double)(&Tensor::from(x.as_slice())).to_vec();
    let mut worst = (0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        // Infinite and undefined ones, and those at zeros, are std's.
        let std = (case.wide)(*x);
        let error = if !x.is_finite() || *x == 0.0 || std.is_nan() || std.is_infinite() {
            let same =
                std.to_bits() == y.to_bits() || (std == y && *x != 0.0) || (std.is_nan() && y.is_nan());
            if same { 0.0 } else { f64::INFINITY }
        } else if saturates(case.name, x.abs()) {
            if std == y { 0.0 } else { f64::INFINITY }
        } else {
            let p = if is_periodic(case.name) && x.abs() > 1e6 { MANY_DIGITS } else { DIGITS };
            let exact = CONSTS.with(|c| (case.exact)(&big(*x, p), p, &mut c.borrow_mut()));
            ulps64(y, &exact)
        };
        if error > worst.0 {
            worst = (error, *x);
        }
    }
    worst
}

/// The bounds of `docs/accuracy.md`.
fn documented() -> Vec<(String, f64, f64)> {
    let page = include_str!("../../jit-runtime/docs/accuracy.md");
    page.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
            Some((name.to_string(), cells[2].parse().ok()?, cells[3].parse().ok()?))
        })
        .collect()
}

fn holds(name: &str, worst: (f64, f64), single: bool) {
    let page = documented();
    let row = page.iter().find(|(n, ..)| n == name).unwrap_or_else(|| panic!("{name} is not documented"));
    let bound = if single { row.1 } else { row.2 };
    println!(
        "{name} {}: {:.3} ulp at {:e}, documented {bound}",
        if single { "f32" } else { "f64" },
        worst.0,
        worst.1
    );
    assert!(
        bound <= 2.0 && worst.0 <= bound,
        "{name}: {:.3} ulp at {:e}, documented {bound}",
        worst.0,
        worst.1
    );
}

#[test]
fn f32_over_a_spread_of_all_values() {
    for case in all() {
        let edges = EDGES.map(|v| (v as f32).to_bits());
        let (error, at) = worst32(&case, edges.into_iter().chain((0..=u32::MAX).step_by(4099)));
        holds(case.name, (error, f64::from(at)), true);
    }
}

#[test]
#[ignore = "minutes: all 2^32 arguments of every function"]
fn f32_over_all_values() {
    for case in all() {
        let halves = std::thread::scope(|scope| {
            let low = scope.spawn(|| worst32(&case, 0..=u32::MAX / 2));
            let high = worst32(&case, u32::MAX / 2 + 1..=u32::MAX);
            [low.join().expect("no panic"), high]
        });
        let worst = if halves[0].0 > halves[1].0 { halves[0] } else { halves[1] };
        holds(case.name, (worst.0, f64::from(worst.1)), true);
    }
}

#[test]
fn f64_over_samples() {
    let n = std::env::var("JIT_SAMPLES").ok().and_then(|v| v.parse().ok()).unwrap_or(300);
    for case in all() {
        holds(case.name, worst64(&case, n), false);
    }
}

/// Pairs of numbers of like size, and special ones with everything.
fn pairs(n: u64) -> Vec<(f64, f64)> {
    let (a, b) = (samples(n, 5), samples(n, 6));
    let special = EDGES.iter().flat_map(|x| EDGES.iter().chain([2.0, -3.0].iter()).map(|y| (*x, *y)));
    special.chain(a.into_iter().zip(b.into_iter().rev())).collect()
}

fn exact_atan2(y: f64, x: f64) -> BigFloat {
    let p = MANY_DIGITS;
    CONSTS.with(|c| {
        let c = &mut c.borrow_mut();
        let angle = big(y, p).div(&big(x, p), p, NEAREST).atan(p, NEAREST, c);
        match (x < 0.0, y < 0.0) {
            (false, _) => angle,
            (true, false) => angle.add(&c.pi(p, NEAREST), p, NEAREST),
            (true, true) => angle.sub(&c.pi(p, NEAREST), p, NEAREST),
        }
    })
}

fn exact_powf(x: f64, y: f64) -> BigFloat {
    CONSTS.with(|c| {
        let power = big(x.abs(), DIGITS).pow(&big(y, DIGITS), DIGITS, NEAREST, &mut c.borrow_mut());
        if x < 0.0 && y % 2.0 != 0.0 { power.neg() } else { power }
    })
}

/// Special values are std's to the bit, whatever the sign of a zero.
fn is_std(got: f64, std: f64) -> bool {
    got.to_bits() == std.to_bits() || (got.is_nan() && std.is_nan())
}

type Two = (&'static str, fn(f64, f64) -> f64, fn(f64, f64) -> BigFloat);

const BINARY: [Two; 2] = [("atan2", f64::atan2, exact_atan2), ("powf", f64::powf, exact_powf)];

#[test]
fn functions_of_two_numbers() {
    for (name, std, exact) in BINARY {
        let pairs = pairs(300);
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let (x, y) = (Tensor::from(a.as_slice()), Tensor::from(b.as_slice()));
        let got = if name == "powf" { x.powf(&y) } else { x.atan2(&y) };
        let mut worst = (0.0, 0.0);
        for ((a, b), got) in pairs.iter().zip(got.to_vec()) {
            let expected = std(*a, *b);
            let plain = a.is_finite() && b.is_finite() && *a != 0.0 && *b != 0.0;
            let error = if !plain || expected.is_nan() || expected.is_infinite() || expected == 0.0 {
                if is_std(got, expected) { 0.0 } else { f64::INFINITY }
            } else {
                ulps64(got, &exact(*a, *b))
            };
            assert!(error.is_finite(), "{name}({a:e}, {b:e}) is {got:e}, std has {expected:e}");
            if error > worst.0 {
                worst = (error, *a);
            }
        }
        holds(name, worst, false);

        let pairs = pairs_of_f32();
        let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
        let (x, y) = (Tensor::from(a.as_slice()), Tensor::from(b.as_slice()));
        let got = if name == "powf" { x.powf(&y) } else { x.atan2(&y) };
        let mut worst = (0.0, 0.0);
        for ((a, b), got) in pairs.iter().zip(got.to_vec()) {
            let error = ulps32(got, std(f64::from(*a), f64::from(*b)));
            assert!(error.is_finite(), "{name}({a:e}, {b:e}) is {got:e}");
            if error > worst.0 {
                worst = (error, f64::from(*a));
            }
        }
        holds(name, worst, true);
    }
}

fn pairs_of_f32() -> Vec<(f32, f32)> {
    let near = pairs(100_000).into_iter().map(|(a, b)| (a as f32, b as f32));
    let spread = (0..1_000_000_u32).map(|i| {
        (f32::from_bits(i.wrapping_mul(2_654_435_761)), f32::from_bits(i.wrapping_mul(2_246_822_519)))
    });
    near.chain(spread).collect()
}
