//! Functions that std lacks.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// What is left of 1/sqrt(2) after its nearest `f64`.
const FRAC_1_SQRT_2_LOW: f64 = -4.833_646_656_726_457e-17;

/// The functions of `f32` and `f64`.
pub trait Special {
    /// The error function.
    fn erf(self) -> Self;
    /// x times the share of the normal distribution below x.
    fn gelu(self) -> Self;
}

impl Special for f32 {
    #[inline]
    fn erf(self) -> f32 {
        libm::erf(f64::from(self)) as f32
    }

    #[inline]
    fn gelu(self) -> f32 {
        Special::gelu(f64::from(self)) as f32
    }
}

impl Special for f64 {
    #[inline]
    fn erf(self) -> f64 {
        libm::erf(self)
    }

    #[inline]
    fn gelu(self) -> f64 {
        // Below, the result is no number but 0; and minus infinity times 0 is none.
        if self < -40.0 {
            return -0.0;
        }
        // erfc is steep: what the argument loses to rounding is made good by its derivative.
        let u = -self * FRAC_1_SQRT_2;
        let lost = f64::mul_add(-self, FRAC_1_SQRT_2, -u) - self * FRAC_1_SQRT_2_LOW;
        let slope = if lost.is_finite() { FRAC_2_SQRT_PI * (-u * u).exp() * lost } else { 0.0 };
        0.5 * self * (libm::erfc(u) - slope)
    }
}

#[cfg(test)]
mod tests {
    use super::Special;

    #[test]
    fn known_values() {
        // Abramowitz and Stegun, table 7.1 and 26.1.
        assert!((Special::erf(0.5_f64) - 0.520_499_877_8).abs() < 1e-10);
        assert!((Special::erf(1.0_f64) - 0.842_700_792_9).abs() < 1e-10);
        assert!((Special::gelu(1.0_f64) - 0.841_344_746_068_543).abs() < 1e-14);
        assert!((Special::gelu(-2.0_f64) / (-2.0 * 0.022_750_131_948_179) - 1.0).abs() < 1e-12);
        for x in [f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::NAN, -39.0, 1e300, -1e300] {
            let (wide, narrow) = (Special::gelu(x), Special::gelu(x as f32));
            assert_eq!(wide.is_nan(), x.is_nan(), "{x}: {wide}");
            assert!(x.is_nan() || narrow == wide as f32, "{x}: {narrow} {wide}");
        }
        assert_eq!(Special::gelu(f64::INFINITY), f64::INFINITY);
        assert_eq!(Special::erf(f32::NEG_INFINITY), -1.0);
    }
}
