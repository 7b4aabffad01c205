//! Functions that are hot in networks, in f32 from end to end.
//!
//! Coefficients are minimax fits.

use super::exponential;
use super::logistic::logistic;
use super::pack::{Pack, Turns};

type Floats<P> = Pack<f32, P>;

/// Adding and subtracting this rounds a small float to the nearest integer.
pub(super) const MAGIC: f32 = 12_582_912.0;

/// e^x is 0 below, and so is x e^x.
const LEAST: f32 = -170.0;

/// The least and the largest argument of `exp`: past them the result is 0 or infinite, times such a number too.
pub(super) const EXP_BOUNDS: [f32; 2] = [LEAST, 129.0 * std::f32::consts::LN_2];

/// ln 2 as a sum of two.
pub(super) const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// (e^r - 1 - r) / r^2, from the highest power on.
pub(super) const EXP_REST: [f32; 5] =
    [0.001_381_458_1, 0.008_368_725, 0.041_668_39, 0.166_665_21, 0.499_999_94];

/// What is added to the exponent of a float in its bits.
const BIAS: i32 = 127;

/// e^x as `(high + low) 2^n`, `high + low` near 1.
#[derive(Clone, Copy)]
struct Exp<P: Turns> {
    high: Floats<P>,
    low: Floats<P>,
    /// `n` with the bias of two factors, in the lowest bits.
    bits: Pack<u32, P>,
}

/// The polynomial with these coefficients, from the highest power on.
#[inline(always)]
fn polynomial<P: Turns>(x: Floats<P>, coefficients: &[f32]) -> Floats<P> {
    let (first, others) = coefficients.split_first().expect("a polynomial has coefficients");
    others.iter().fold((*first).into(), |y: Floats<P>, c| y.mul_add(x, *c))
}

/// `x = r + n ln 2`, x no larger than some hundreds: r, and `n + bias` in the lowest bits of a number, so that shifted to
/// their place they are the exponent of a float.
#[inline(always)]
fn reduced<P: Turns>(x: Floats<P>, bias: i32) -> (Floats<P>, Pack<u32, P>) {
    let (n, bits) = nearest_power(x, bias);
    let r = n.mul_add(-LN_2[0], x);
    (n.mul_add(-LN_2[1], r), bits)
}

/// `n` of `reduced`, as a number and with the bias.
#[inline(always)]
fn nearest_power<P: Turns>(x: Floats<P>, bias: i32) -> (Floats<P>, Pack<u32, P>) {
    let magic = MAGIC + bias as f32;
    let shifted = x.mul_add(std::f32::consts::LOG2_E, magic);
    (shifted - magic, shifted.map(f32::to_bits))
}

/// e^r - 1 near 0.
#[inline(always)]
fn less_one<P: Turns>(r: Floats<P>) -> Floats<P> {
    (r * r).mul_add(polynomial(r, &EXP_REST), r)
}

/// e^r near 0, with a step less than `less_one` takes, and rounded once less.
#[inline(always)]
fn near_one<P: Turns>(r: Floats<P>) -> Floats<P> {
    polynomial(r, &EXP_REST).mul_add(r, 1.0).mul_add(r, 1.0)
}

/// 2^n of a normal number, from the bits of `n` with its bias.
#[inline(always)]
fn two_to<P: Turns>(bits: Pack<u32, P>) -> Floats<P> {
    bits.map(|bits| f32::from_bits(bits << 23))
}

/// `-|x|`, or the bound where that is larger; a NaN stays one.
#[inline(always)]
fn below_zero<P: Turns>(x: Floats<P>, least: f32) -> Floats<P> {
    x.map(|x| if least > -x.abs() { least } else { -x.abs() })
}

impl<P: Turns> Exp<P> {
    #[inline(always)]
    fn new(x: Floats<P>) -> Self {
        let (r, bits) = reduced(x.clamp(EXP_BOUNDS[0], EXP_BOUNDS[1]), 2 * BIAS);
        let t = less_one(r);
        let high = t + 1.0;
        Exp { high, low: t - (high - 1.0), bits }
    }

    #[inline(always)]
    fn scale(self, v: Floats<P>) -> Floats<P> {
        scaled(v, self.bits)
    }

    /// High and low part times 2^n, or some number as small where that is below the normal ones.
    #[inline(always)]
    fn parts(self) -> (Floats<P>, Floats<P>) {
        let least = (MAGIC + (2 * BIAS) as f32).to_bits() as i32 - 126;
        let power = two_to(self.bits.map(|bits| (bits as i32).max(least).wrapping_sub(BIAS) as u32));
        (self.high * power, self.low * power)
    }
}

/// `v 2^n`, `n` with the bias of two factors: in two steps, so that results underflow gradually.
#[inline(always)]
fn scaled<P: Turns>(v: Floats<P>, bits: Pack<u32, P>) -> Floats<P> {
    let half = bits.map(|bits| bits >> 1);
    v * two_to(half) * two_to(bits.zip(half, u32::wrapping_sub))
}

#[inline(always)]
pub(super) fn exp<P: Turns>(x: Floats<P>) -> Floats<P> {
    let (r, bits) = reduced(x.clamp(EXP_BOUNDS[0], EXP_BOUNDS[1]), 2 * BIAS);
    scaled(near_one(r), bits)
}

/// ln x for x = m 2^e with m in [sqrt 1/2, sqrt 2): f - f^2/2 + f^3 p(f) for f = m - 1, plus e ln 2.
#[inline(always)]
pub(super) fn ln<P: Turns>(x: Floats<P>) -> Floats<P> {
    const P: [f32; 9] = [
        0.069_155_39,
        -0.117_898_51,
        0.118_729_19,
        -0.123_843_37,
        0.142_186_66,
        -0.166_692_51,
        0.200_022_27,
        -0.249_999_87,
        0.333_333_1,
    ];
    let tiny = x.lt(f32::MIN_POSITIVE);
    let scaled: Floats<P> = tiny.pick(x * 8_388_608.0, x);
    // The mantissa from sqrt(1/2) on.
    let from = 0x3f35_04f3_u32;
    let shifted = scaled.map(|v| v.to_bits().wrapping_sub(from) as i32);
    let m = shifted.map(|bits| f32::from_bits((bits as u32 & 0x007f_ffff).wrapping_add(from)));
    let e = shifted.map(|bits| (bits >> 23) as f32) - tiny.pick(23.0, 0.0);
    let f = m - 1.0;
    let p = polynomial(f, &P);
    let f2 = f * f;
    let tail = e.mul_add(LN_2[1], (f2 * f) * p);
    let tail = f2.mul_add(-0.5, tail);
    let y = e.mul_add(LN_2[0], f + tail);
    let y = x.is(f32::INFINITY).pick(x, y);
    let y = x.is(0.0).pick(f32::NEG_INFINITY, y);
    x.lt(0.0).or(x.is_nan()).pick(f32::NAN, y)
}

/// tanh x = -h / (h + 1) for h = (e^-2|x| - 1) / 2, with the sign of x; the roundings of the quotient and of its divisor,
/// whose inverse is 1 + tanh |x|, are made up for.
#[inline(always)]
pub(super) fn tanh<P: Turns>(x: Floats<P>) -> Floats<P> {
    // Beyond, the result is 1.
    let a = below_zero(x, -10.0);
    let twice = a + a;
    // Half the power. One ln 2 is enough: where n is large, little of e^-2|x| is in the result.
    let (n, bits) = nearest_power(twice, BIAS - 1);
    let half = two_to(bits);
    let t = less_one(n.mul_add(-std::f32::consts::LN_2, twice));
    let h = t.mul_add(half, half - 0.5);
    let d = h + 1.0;
    let d_low = h - (d - 1.0);
    let y = h / d;
    let rest = (-y).mul_add(d_low, (-y).mul_add(d, h));
    rest.mul_add(Pack::from(1.0) - y, y).copysign(x)
}

/// 1 / (1 + e) for e = e^-|x| where x is positive, e / (1 + e) where it is not; the rounding of the divisor is made up
/// for.
#[inline(always)]
pub(super) fn sigmoid<P: Turns>(x: Floats<P>) -> Floats<P> {
    // Below, the result is 0.
    let a = below_zero(x, -110.0);
    let (r, bits) = reduced(a, 64);
    // e^a 2^64 is normal: n + 64 is added to the exponent. e^a may be below the normal numbers; a NaN is added, as the sum
    // of bits may be anything.
    let large = near_one(r).zip(bits, |v, bits| f32::from_bits(v.to_bits().wrapping_add(bits << 23)));
    #[allow(clippy::eq_op, reason = "0, or NaN")]
    let e = large.mul_add(1.0 / 18_446_744_073_709_551_616.0, a - a);
    let d = e + 1.0;
    let d_low = e - (d - 1.0);
    let y = x.lt(0.0).pick(e, 1.0) / d;
    (-y).mul_add(d_low, y)
}

logistic!(f32, least LEAST);

/// erf x: an odd polynomial near 0, 1 - erfc(|x|) by a polynomial for its logarithm to base 2 elsewhere.
#[inline(always)]
pub(super) fn erf<P: Turns>(x: Floats<P>) -> Floats<P> {
    const NEAR: [f32; 6] =
        [-0.000_599_085_3, 0.004_993_180_3, -0.026_766_617, 0.112_818_16, -0.376_124_95, 0.128_379_15];
    const FAR: [f32; 6] =
        [0.000_308_301_8, -0.004_634_930_4, 0.033_013_232, -0.151_845_95, -0.917_158_25, -1.628_099_2];
    let near = x.mul_add(polynomial(x * x, &NEAR), x);
    // Beyond, the result is 1.
    let a = x.abs().min(4.0);
    let far = -two_to_the(polynomial(a, &FAR) * a) + 1.0;
    // A NaN is not far.
    x.map(|x| x.abs() >= 0.921_875).pick(far.copysign(x), near)
}

/// 2^z for z from -100 to 100, within 2 ulp.
#[inline(always)]
fn two_to_the<P: Turns>(z: Floats<P>) -> Floats<P> {
    const E: [f32; 6] =
        [0.001_327_643_5, 0.009_675_564, 0.055_507_135, 0.240_221_19, 0.693_146_94, 1.000_000_1];
    let shifted = z + MAGIC;
    let e = polynomial(z - (shifted - MAGIC), &E);
    // The whole part of z stands in the lowest bits of `shifted`.
    e.zip(shifted, |e, shifted| f32::from_bits(e.to_bits().wrapping_add(shifted.to_bits() << 23)))
}

/// x^y by f64, which has digits to spare.
#[inline(always)]
pub(super) fn powf(x: f32, y: f32) -> f32 {
    let log = exponential::ln(Pack::one(f64::from(x.abs()))).value();
    let power = exponential::exp(Pack::one(log * f64::from(y))).value() as f32;
    // Any number to the power 0, and 1 to any, is 1.
    let power = if y == 0.0 || x.abs() == 1.0 { 1.0 } else { power };
    let whole = y.trunc() == y;
    let odd = whole && (0.5 * y).trunc() != 0.5 * y;
    let signed = if odd { power.copysign(x) } else { power };
    let defined = x >= 0.0 || whole || x == f32::NEG_INFINITY || x == 0.0;
    let signed = if defined { signed } else { f32::NAN };
    let nan = x.is_nan() && y != 0.0 || y.is_nan() && x != 1.0;
    if nan { f32::NAN } else { signed }
}
