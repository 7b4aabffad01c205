//! e^x and its relatives, ln x and its relatives, in f64.
//!
//! Coefficients are interpolations at Chebyshev nodes, computed with 400 bits.

use super::logistic::logistic;
use super::pack::{Pack, Turns};
use super::{horner, round};

pub(super) type Doubles<P> = Pack<f64, P>;

const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2.
const EXP: [f64; 11] = [
    0.5,
    0.166_666_666_666_666_7,
    0.041_666_666_666_666_67,
    0.008_333_333_333_325_544,
    0.001_388_888_888_888_332_7,
    0.000_198_412_698_768_643_56,
    2.480_158_732_700_718_7e-5,
    2.755_725_283_351_691e-6,
    2.755_727_181_021_98e-7,
    2.510_627_473_357_329_6e-8,
    2.091_544_229_778_011_6e-9,
];

/// (2 atanh(s) / s - 2) / s^2 in s^2, for |s| <= (sqrt 2 - 1) / (sqrt 2 + 1).
const LOG: [f64; 8] = [
    0.666_666_666_666_666_6,
    0.400_000_000_000_010_07,
    0.285_714_285_707_232_5,
    0.222_222_224_097_501_14,
    0.181_817_937_321_117_53,
    0.153_863_424_496_451_43,
    0.132_660_488_122_030_02,
    0.131_148_348_695_975,
];

/// e^x is 0 below, and so is x e^x.
const LEAST: f64 = -800.0;

/// e^x as `(high + low) 2^power`, `high + low` near 1.
#[derive(Clone, Copy)]
pub(super) struct Exp<P: Turns> {
    pub(super) high: Doubles<P>,
    pub(super) low: Doubles<P>,
    power: Pack<i64, P>,
}

impl<P: Turns> Exp<P> {
    #[inline(always)]
    fn new(x: Doubles<P>) -> Self {
        Exp::of_sum(x, 0.0.into())
    }

    /// e^(x + rest); `rest` is small beside x.
    #[inline(always)]
    pub(super) fn of_sum(x: Doubles<P>, rest: Doubles<P>) -> Self {
        // Past these bounds the result is 0 or infinite.
        let (t, t_low, power) = reduced(x.clamp(LEAST, 800.0), rest);
        let high = t + 1.0;
        Exp { high, low: t - (high - 1.0) + t_low, power }
    }

    /// `v 2^power`, in two steps so that results underflow gradually.
    #[inline(always)]
    pub(super) fn scale(self, v: Doubles<P>) -> Doubles<P> {
        scale(v, self.power)
    }

    /// High and low part times 2^power, or some number as small where that is below the normal ones.
    #[inline(always)]
    fn parts(self) -> (Doubles<P>, Doubles<P>) {
        let power = self.power.map(|n| f64::from_bits(((n.max(-1022) + 1023) as u64) << 52));
        (self.high * power, self.low * power)
    }
}

/// `e^r - 1` as a sum of two, and `n`, with `x + rest = r + n ln 2`.
#[inline(always)]
fn reduced<P: Turns>(x: Doubles<P>, rest: Doubles<P>) -> (Doubles<P>, Doubles<P>, Pack<i64, P>) {
    let (n, power) = round(x * std::f64::consts::LOG2_E);
    let r = n.mul_add(-LN_2_HIGH, x);
    let low = n.mul_add(-LN_2_LOW, rest);
    let sum = r + low;
    let lost = low - (sum - r);
    let tail = (sum * sum).mul_add(horner(sum, &EXP), lost);
    let t = sum + tail;
    (t, tail - (t - sum), power)
}

/// `v 2^n` for |n| < 2048.
#[inline(always)]
fn scale<P: Turns>(v: Doubles<P>, n: Pack<i64, P>) -> Doubles<P> {
    // The half by a logical shift, which every instruction set has.
    let half = n.map(|n| (n.wrapping_add(4096) as u64 >> 1) as i64 - 2048);
    let power = |n: i64| f64::from_bits((n.wrapping_add(1023) as u64) << 52);
    v * half.map(power) * n.zip(half, |n, half| power(n.wrapping_sub(half)))
}

#[inline(always)]
pub(super) fn exp<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    let e = Exp::new(x);
    e.scale(e.high)
}

/// e^x / 2, where e^x alone might be infinite.
#[inline(always)]
fn half_exp<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    let e = Exp::new(x);
    scale(e.high, e.power.map(|n| n - 1))
}

/// e^x - 1 as a sum of two, but for the largest x.
#[inline(always)]
fn less_one<P: Turns>(x: Doubles<P>) -> (Doubles<P>, Doubles<P>) {
    let (t, t_low, n) = reduced(x.clamp(LEAST, 700.0), 0.0.into());
    // 2^n t + (2^n - 1), whose rounding is made up for.
    let (part, rest) = (scale(t, n), scale(1.0.into(), n) - 1.0);
    let sum = part + rest;
    (sum, part - (sum - rest) + scale(t_low, n))
}

#[inline(always)]
pub(super) fn exp_m1<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    let (high, low) = less_one(x);
    let y = x.gt(100.0).pick(exp(x), high + low);
    // Near 0, and there with its sign, the result is x.
    x.abs().lt(1e-17).pick(x, y)
}

/// `(t + low) / (t + low + k)` as a sum of two.
#[inline(always)]
fn over_more<P: Turns>((t, low): (Doubles<P>, Doubles<P>), k: f64) -> (Doubles<P>, Doubles<P>) {
    let d = t + k;
    let d_low = t.abs().gt(k).pick(-(d - t) + k, t - (d - k));
    let inverse = Pack::from(1.0) / d;
    let q = t * inverse;
    let rest = (-q).mul_add(d, t) + low - q * (d_low + low);
    (q, rest * inverse)
}

#[inline(always)]
pub(super) fn sinh<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    let a = x.abs();
    let t = less_one(a);
    let q = over_more(t, 1.0);
    let sum = t.0 + q.0;
    let near = (sum + (q.0 - (sum - t.0) + (t.1 + q.1))) * 0.5;
    let y: Doubles<P> = a.gt(30.0).pick(half_exp(a), near);
    a.lt(1e-9).pick(x, y.copysign(x))
}

#[inline(always)]
pub(super) fn cosh<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    let half = half_exp(x.abs());
    half + Pack::from(0.25) / half
}

#[inline(always)]
pub(super) fn tanh<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    let a = x.abs();
    // Beyond, the result is 1.
    let (q, low) = over_more(less_one(a.min(40.0) * 2.0), 2.0);
    let y = (q + low).copysign(x);
    a.lt(1e-9).or(x.is_nan()).pick(x, y)
}

/// 1 / (1 + e^-x), from the side where nothing cancels.
#[inline(always)]
pub(super) fn sigmoid<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    let e = Exp::new(-x.abs());
    let y = share(x, e);
    let y = x.lt(0.0).pick(e.scale(y), y);
    x.is_nan().pick(x, y)
}

logistic!(f64, least LEAST);

#[inline(always)]
pub(super) fn softplus<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    let e = Exp::new(-x.abs());
    let (high, low) = (e.scale(e.high), e.scale(e.low));
    let u = high + 1.0;
    let tail = log(u, high - (u - 1.0) + low);
    // Of e^x that is nothing beside 1.
    let tail = high.lt(1e-17).pick(high, tail);
    x.gt(0.0).pick(x + tail, tail)
}

/// A number as m 2^e with m in [sqrt 1/2, sqrt 2): m - 1 and e.
#[inline(always)]
fn parts<P: Turns>(x: Doubles<P>) -> (Doubles<P>, Doubles<P>) {
    let tiny = x.lt(f64::MIN_POSITIVE);
    let scaled: Doubles<P> = tiny.pick(x * 18_014_398_509_481_984.0, x);
    // The mantissa from sqrt(1/2) on.
    let from = 0x3fe6_a09e_667f_3bcd_u64;
    let shifted = scaled.map(|v| v.to_bits().wrapping_sub(from).wrapping_add(1023 << 52));
    let m = shifted.map(|bits| f64::from_bits((bits & 0x000f_ffff_ffff_ffff).wrapping_add(from)));
    // The bits of 2^52 + e + 1023.
    let e = shifted.map(|bits| f64::from_bits(0x4330_0000_0000_0000 | bits >> 52));
    (m - 1.0, e - 4_503_599_627_371_519.0 - tiny.pick(54.0, 0.0))
}

/// ln(1 + f) as a sum of two: f - f^2/2 + s (f^2/2 + s^2 p(s^2)) for s = f / (2 + f).
#[inline(always)]
fn log_1p<P: Turns>(f: Doubles<P>) -> (Doubles<P>, Doubles<P>) {
    let s = f / (f + 2.0);
    let z = s * s;
    let half = f * 0.5 * f;
    let tail = s * (half + z * horner(z, &LOG));
    let half_low = (f * 0.5).mul_add(f, -half);
    let high = f - half;
    (high, (f - high) - half - half_low + tail)
}

/// The results of ln where there is no logarithm.
#[inline(always)]
fn edges<P: Turns>(x: Doubles<P>, y: Doubles<P>) -> Doubles<P> {
    let y = x.is(f64::INFINITY).pick(x, y);
    let y = x.is(0.0).pick(f64::NEG_INFINITY, y);
    x.lt(0.0).or(x.is_nan()).pick(f64::NAN, y)
}

/// e ln 2 + high + low.
#[inline(always)]
fn joined<P: Turns>(e: Doubles<P>, high: Doubles<P>, low: Doubles<P>) -> Doubles<P> {
    let low = e.mul_add(LN_2_LOW, low);
    let top = e * LN_2_HIGH;
    let sum = top + high;
    sum + (high - (sum - top) + low)
}

/// ln(u + rest); `rest` is what was lost when u was rounded.
#[inline(always)]
fn log<P: Turns>(u: Doubles<P>, rest: Doubles<P>) -> Doubles<P> {
    let (f, e) = parts(u);
    let (high, low) = log_1p(f);
    joined(e, high, low + rest / u)
}

#[inline(always)]
pub(super) fn ln<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    let (f, e) = parts(x);
    let (high, low) = log_1p(f);
    edges(x, joined(e, high, low))
}

#[inline(always)]
pub(super) fn ln_1p<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    let u = x + 1.0;
    // What rounding took from the sum, whichever of the two is larger.
    let rest = x.abs().lt(1.0).pick(x - (u - 1.0), -(u - x) + 1.0);
    let rest = u.map(f64::is_finite).pick(rest, 0.0);
    let y = edges(u, log(u, rest));
    x.abs().lt(1e-17).pick(x, y)
}

#[inline(always)]
pub(super) fn log2<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    const HIGH: f64 = 1.442_694_664_001_464_8;
    const LOW: f64 = 3.768_874_985_636_099e-7;
    let (f, e) = parts(x);
    let (high, low) = log_1p(f);
    // A product with HIGH is exact for a factor of few digits.
    let short = (high + low).map(|v| f64::from_bits(v.to_bits() & 0xffff_ffff_0000_0000));
    let rest = high - short + low;
    let low = (short + rest).mul_add(LOW, rest * HIGH);
    let product = short * HIGH;
    let sum = e + product;
    let lost = product - (sum - e);
    edges(x, sum + (lost + low))
}
