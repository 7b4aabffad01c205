//! Sine, cosine, tangent and their inverses, in f64.
//!
//! Coefficients are interpolations at Chebyshev nodes, computed with 400 bits.

use super::pack::Pack;

/// The polynomial with these coefficients, from the constant on.
#[inline(always)]
fn horner<const M: usize>(x: f64, coefficients: &[f64; M]) -> f64 {
    super::horner(Pack::one(x), coefficients).value()
}

/// Beyond this size of an argument more digits of pi are needed than the reduction here has.
pub(super) const REDUCED: f64 = 1_000_000.0;

/// Pi / 2 as a sum.
const HALF_PI: [f64; 3] =
    [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];

/// (sin(x) / x - 1) / x^2 in x^2, for |x| <= pi / 4.
const SIN: [f64; 7] = [
    -0.166_666_666_666_666_66,
    0.008_333_333_333_333_331,
    -0.000_198_412_698_412_645_67,
    2.755_731_921_895_476_2e-6,
    -2.505_210_610_025_599e-8,
    1.605_851_087_531_919_5e-10,
    -7.585_486_485_235_938e-13,
];

/// (cos(x) - 1 + x^2 / 2) / x^4 in x^2, for |x| <= pi / 4.
const COS: [f64; 6] = [
    0.041_666_666_666_666_664,
    -0.001_388_888_888_888_724_1,
    2.480_158_729_853_226e-5,
    -2.755_731_715_185_886_6e-7,
    2.087_612_153_460_845_4e-9,
    -1.138_086_817_144_991_4e-11,
];

/// (atan(x) / x - 1) / x^2 in x^2, for |x| <= tan(pi / 8).
const ATAN: [f64; 12] = [
    -0.333_333_333_333_333_3,
    0.199_999_999_999_997_6,
    -0.142_857_142_856_489_62,
    0.111_111_111_041_070_74,
    -0.090_909_087_018_633_98,
    0.076_922_948_971_717_11,
    -0.066_663_986_103_826_04,
    0.058_786_299_273_374_004,
    -0.052_282_736_994_074_81,
    0.045_417_459_565_482_53,
    -0.034_319_834_300_453_71,
    0.016_010_652_907_274_72,
];

/// (asin(x) / x - 1) / x^2 in x^2, for |x| <= 1/2.
const ASIN: [f64; 13] = [
    0.166_666_666_666_666_69,
    0.074_999_999_999_984_25,
    0.044_642_857_146_373_38,
    0.030_381_944_137_085_216,
    0.022_372_173_002_005_596,
    0.017_352_391_265_909_227,
    0.013_971_235_301_124_539,
    0.011_478_952_690_257_387,
    0.010_324_318_288_744_113,
    0.005_450_878_187_720_55,
    0.017_419_357_964_884_856,
    -0.014_881_409_392_818_066,
    0.028_778_442_612_593_04,
];

/// Sine and cosine of an argument less a multiple of pi / 2, each as a sum of two, and that multiple.
struct Circle {
    sin: (f64, f64),
    cos: (f64, f64),
    quadrant: i64,
}

/// For |x| up to [`REDUCED`].
#[inline(always)]
fn circle(x: f64) -> Circle {
    let (n, quadrant) = super::round(Pack::one(x * std::f64::consts::FRAC_2_PI));
    let (n, quadrant) = (n.value(), quadrant.value());
    // x - n pi / 2 as r + low.
    let first = n.mul_add(-HALF_PI[0], x);
    let product = n * HALF_PI[1];
    let product_low = n.mul_add(HALF_PI[1], -product);
    let r = first - product;
    // The rounding of that difference, whichever of the two is larger.
    let back = first - r;
    let low = (first - (r + back)) + (back - product) - product_low - n * HALF_PI[2];
    let z = r * r;
    let sin_tail = (z * r).mul_add(horner(z, &SIN), low * (1.0 - 0.5 * z));
    let sin = r + sin_tail;
    let half = 0.5 * z;
    let half_low = (0.5 * r).mul_add(r, -half);
    let top = 1.0 - half;
    let cos_tail = (1.0 - top) - half - half_low + (z * z).mul_add(horner(z, &COS), -(r * low));
    let cos = top + cos_tail;
    Circle { sin: (sin, sin_tail - (sin - r)), cos: (cos, cos_tail - (cos - top)), quadrant }
}

#[inline(always)]
pub(super) fn sin(x: f64) -> f64 {
    let c = circle(x);
    let y = if c.quadrant & 1 == 0 { c.sin.0 } else { c.cos.0 };
    let y = if c.quadrant & 2 == 0 { y } else { -y };
    if x.abs() < 1e-9 { x } else { y }
}

#[inline(always)]
pub(super) fn cos(x: f64) -> f64 {
    let c = circle(x);
    let y = if c.quadrant & 1 == 0 { c.cos.0 } else { c.sin.0 };
    if (c.quadrant.wrapping_add(1)) & 2 == 0 { y } else { -y }
}

#[inline(always)]
pub(super) fn tan(x: f64) -> f64 {
    let c = circle(x);
    let odd = c.quadrant & 1 == 1;
    let (top, bottom) = if odd { (c.cos, c.sin) } else { (c.sin, c.cos) };
    let (top, top_low) = if odd { (-top.0, -top.1) } else { top };
    let inverse = 1.0 / bottom.0;
    let y = top * inverse;
    let rest = (-y).mul_add(bottom.0, top) + top_low - y * bottom.1;
    let y = rest.mul_add(inverse, y);
    if x.abs() < 1e-9 { x } else { y }
}

/// The angle of (b, a) for a, b >= 0 that are neither both 0 nor too large to add, as a sum of two.
#[inline(always)]
fn angle(a: f64, b: f64) -> (f64, f64) {
    const EIGHTH: f64 = 0.414_213_562_373_095_03;
    // Past 3/8 pi against pi / 2, past 1/8 pi against pi / 4.
    let steep = a * EIGHTH > b;
    let flat = a <= b * EIGHTH;
    let (sum, difference) = (a + b, a - b);
    let sum_low = if a > b { b - (sum - a) } else { a - (sum - b) };
    let back = a - difference;
    let difference_low = (a - (difference + back)) + (back - b);
    let zero = (0.0, 0.0, 0.0, 0.0);
    let (top, top_low, bottom, bottom_low) = (difference, difference_low, sum, sum_low);
    let (top, top_low) = if steep { (-b, zero.0) } else { (top, top_low) };
    let (bottom, bottom_low) = if steep { (a, zero.0) } else { (bottom, bottom_low) };
    let (top, top_low) = if flat { (a, zero.0) } else { (top, top_low) };
    let (bottom, bottom_low) = if flat { (b, zero.0) } else { (bottom, bottom_low) };
    let base = if steep { HALF_PI[0] } else { 0.5 * HALF_PI[0] };
    let base_low = if steep { HALF_PI[1] } else { 0.5 * HALF_PI[1] };
    let (base, base_low) = if flat { (0.0, 0.0) } else { (base, base_low) };
    let inverse = 1.0 / bottom;
    let t = top / bottom;
    let t_low = ((-t).mul_add(bottom, top) + top_low - t * bottom_low) * inverse;
    // Where the quotient is so small that the remainder is not exact, there is none.
    let t_low = if t.abs() < 1e-270 { 0.0 } else { t_low };
    let z = t * t;
    let tail = (z * t).mul_add(horner(z, &ATAN), t_low) + base_low;
    let high = base + t;
    let lost = if flat { 0.0 } else { t - (high - base) };
    (high, lost + tail)
}

#[inline(always)]
pub(super) fn atan(x: f64) -> f64 {
    let a = x.abs();
    let (high, low) = angle(a.min(1e300), 1.0);
    let y = (high + low).copysign(x);
    let y = if a < 1e-9 { x } else { y };
    if x.is_nan() { x } else { y }
}

#[inline(always)]
pub(super) fn atan2(y: f64, x: f64) -> f64 {
    let (a, b) = (y.abs(), x.abs());
    let (large, small) = if a > b { (a, b) } else { (b, a) };
    // Scaled, so that sums stay finite and small ones keep their digits.
    let scale = if large > 1e300 { 1e-50 } else { 1.0 };
    let scale = if large < 1e-200 { 1.329_227_995_784_916e36 } else { scale };
    let both = |v: f64, same: bool| if same { 1.0 } else { v * scale };
    let infinite = small == f64::INFINITY;
    // A finite number beside an infinite one is 0.
    let one = large == f64::INFINITY;
    let a1 = if one { if a == large { 1.0 } else { 0.0 } } else { both(a, infinite) };
    let b1 = if one { if b == large { 1.0 } else { 0.0 } } else { both(b, infinite) };
    // The angle of nothing is 0.
    let b1 = if large == 0.0 { 1.0 } else { b1 };
    let (high, low) = angle(a1, b1);
    let back = x.is_sign_negative();
    let (pi, pi_low) = (2.0 * HALF_PI[0], 2.0 * HALF_PI[1]);
    let turned = pi - high;
    let lost = (pi - turned) - high;
    let angle = if back { turned + (lost + pi_low - low) } else { high + low };
    if y.is_nan() || x.is_nan() { f64::NAN } else { angle.copysign(y) }
}

/// asin(s) for s up to 1/2 as s + tail, or of sqrt((1 - a) / 2) for a beyond it: s, what was lost of s, the tail.
#[inline(always)]
fn arc(a: f64) -> (f64, f64, f64) {
    let far = a > 0.5;
    let z = if far { 0.5 * (1.0 - a) } else { a * a };
    let s = if far { z.sqrt() } else { a };
    let lost = if far && z > 0.0 { (-s).mul_add(s, z) / (2.0 * s) } else { 0.0 };
    (s, lost, s * z * horner(z, &ASIN))
}

#[inline(always)]
pub(super) fn asin(x: f64) -> f64 {
    let a = x.abs();
    let (s, lost, tail) = arc(a);
    let near = s + tail;
    let far = HALF_PI[0] - 2.0 * s;
    let far_lost = (HALF_PI[0] - far) - 2.0 * s;
    let far = far + (far_lost + HALF_PI[1] - 2.0 * (tail + lost));
    let y = if a > 0.5 { far } else { near };
    let y = if a < 1e-9 { x } else { y.copysign(x) };
    if a <= 1.0 { y } else { f64::NAN }
}

#[inline(always)]
pub(super) fn acos(x: f64) -> f64 {
    let a = x.abs();
    let (s, lost, tail) = arc(a);
    let signed = if x < 0.0 { -1.0 } else { 1.0 };
    let middle = HALF_PI[0] - signed * s;
    let middle_lost = (HALF_PI[0] - middle) - signed * s;
    let middle = middle + (middle_lost + HALF_PI[1] - signed * tail);
    let right = 2.0 * (s + (tail + lost));
    let left = 2.0 * HALF_PI[0] - 2.0 * s;
    let left_lost = (2.0 * HALF_PI[0] - left) - 2.0 * s;
    let left = left + (left_lost + 2.0 * (HALF_PI[1] - (tail + lost)));
    let far = if x < 0.0 { left } else { right };
    let y = if a > 0.5 { far } else { middle };
    if a <= 1.0 { y } else { f64::NAN }
}
