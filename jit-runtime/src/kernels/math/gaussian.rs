//! The error function and `gelu`, in f64.
//!
//! Coefficients are interpolations at Chebyshev nodes, computed with 400 bits.

use super::exponential::{Doubles, Exp};
use super::pack::{Pack, Turns};
use super::{halves, horner};

/// (erf(x) / x - 2 / sqrt pi) / x^2 in x^2, for |x| <= 0.8.
const ERF: [f64; 11] = [
    -0.376_126_389_031_837_54,
    0.112_837_916_709_551_14,
    -0.026_866_170_645_123_65,
    0.005_223_977_625_261_104,
    -0.000_854_832_700_130_675_6,
    0.000_120_553_314_000_319_58,
    -1.492_557_979_056_588_6e-5,
    1.646_008_660_846_673e-6,
    -1.632_822_479_438_965_8e-7,
    1.436_943_824_903_298_9e-8,
    -9.339_954_023_583_302e-10,
];

/// e^(x^2 / 2) erfc(x / sqrt 2) (1 + x) / 2 in (6 - x) / (6 + x), for x from 0 to 40: the constant, the others.
const CENTRE: f64 = 0.453_455_200_271_127_96;
const TAIL: [f64; 22] = [
    0.085_025_362_305_770_72,
    0.039_811_424_562_429_82,
    0.004_373_386_779_593_226,
    -0.016_141_517_332_197_368,
    -0.022_592_467_062_783_016,
    -0.019_766_479_219_970_29,
    -0.013_246_864_154_012_135,
    -0.007_059_819_421_068_707,
    -0.002_935_655_517_914_616_7,
    -0.000_868_994_665_616_747_8,
    -0.000_119_489_655_717_179_59,
    3.779_490_167_737_176e-5,
    2.635_339_357_240_907_2e-5,
    4.412_404_543_912_898e-6,
    -1.783_811_602_295_812_4e-6,
    -9.995_898_526_491_916e-7,
    4.291_365_826_966_141_7e-10,
    1.323_679_015_893_816_7e-7,
    2.002_789_327_827_084_5e-8,
    -1.563_986_494_274_664_4e-8,
    -2.942_639_075_279_788_7e-9,
    1.569_592_163_458_402_5e-9,
];

/// What a standard normal number exceeds `a` with, for `a` up to 40, times `factor`.
#[inline(always)]
fn tail<P: Turns>(a: Doubles<P>, factor: Doubles<P>) -> Doubles<P> {
    let square = a * 0.5 * a;
    let square_low = (a * 0.5).mul_add(a, -square);
    let e = Exp::of_sum(-square, -square_low);
    let d = a + 1.0;
    let d_low = a.gt(1.0).pick(-(d - a) + 1.0, a - (d - 1.0));
    // One division serves both quotients; what it costs in digits is made up for below, or hardly counts.
    let inverse = Pack::from(1.0) / ((a + 6.0) * d);
    let (top, bottom, scale) = (-a + 6.0, a + 6.0, d * inverse);
    let t = top * scale;
    let t = (-t).mul_add(bottom, top).mul_add(scale, t);
    let (p, p_low) = {
        let rest = halves(t, &TAIL);
        let sum = t.mul_add(rest, CENTRE);
        (sum, t.mul_add(rest, -sum + CENTRE))
    };
    let inverse = bottom * inverse;
    // factor p (high + low) / (d + d_low), the roundings on the way made up for.
    let product = factor * p;
    let product_low = factor.mul_add(p, -product) + factor * p_low;
    let q = product * inverse;
    let rest = (-q).mul_add(d, product) + product_low - q * d_low;
    let rest = rest * inverse;
    let y = q * e.high;
    let y_low = q.mul_add(e.high, -y) + q * e.low + rest * e.high;
    e.scale(y + y_low)
}

#[inline(always)]
pub(super) fn erf<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    const SLOPE: f64 = std::f64::consts::FRAC_2_SQRT_PI;
    const SLOPE_LOW: f64 = 1.533_545_961_316_588e-17;
    let a = x.abs();
    let z = x * x;
    let near = x.mul_add(SLOPE, x * z.mul_add(horner(z, &ERF), SLOPE_LOW));
    let far = -tail(a.min(7.0) * std::f64::consts::SQRT_2, 2.0.into()) + 1.0;
    let y = a.lt(0.8).pick(near, far.copysign(x));
    x.is_nan().pick(x, y)
}

/// x times what a standard normal number is below x with.
#[inline(always)]
pub(super) fn gelu<P: Turns>(x: Doubles<P>) -> Doubles<P> {
    let a = x.abs().min(40.0);
    let tail = tail(a, a);
    let y = x.gt(0.0).pick(x - tail, -tail);
    x.is_nan().or(x.is(0.0)).pick(x, y)
}
