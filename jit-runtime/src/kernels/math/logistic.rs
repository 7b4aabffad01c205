//! Relatives of `sigmoid`, of it and an `Exp` with `new`, `high`, `low`, `parts` and `scale`: the same for both widths.

macro_rules! logistic {
    ($T:ident, least $least:expr) => {
        /// `(numerator + low) / (1 + e)`, its rounding made up for; numerator and result without e's power.
        #[inline(always)]
        fn over_one_plus(e: Exp, numerator: $T, n_low: $T) -> $T {
            let (high, low) = e.parts();
            let d = 1.0 + high;
            let d_low = high - (d - 1.0) + low;
            let inverse = 1.0 / d;
            let y = numerator * inverse;
            let rest = (-y).mul_add(d, numerator) + n_low - y * d_low;
            rest.mul_add(inverse, y)
        }

        /// 1 / (1 + e^-|x|) where x is positive, e^-|x| / (1 + e^-|x|) without the power where it is not: from the side
        /// where nothing cancels.
        #[inline(always)]
        fn share(x: $T, e: Exp) -> $T {
            let (n, n_low) = if x < 0.0 { (e.high, e.low) } else { (1.0, 0.0) };
            over_one_plus(e, n, n_low)
        }

        #[inline(always)]
        pub(super) fn silu(x: $T) -> $T {
            let e = Exp::new(-x.abs());
            // Scaled after the product: the power alone may be too small for all digits.
            let y = x.max($least) * share(x, e);
            let y = if x < 0.0 { e.scale(y) } else { y };
            if x.is_nan() { x } else { y }
        }

        #[inline(always)]
        pub(super) fn gelu_tanh(x: $T) -> $T {
            // sqrt(2 / pi)
            const FACTOR: f64 = 0.797_884_560_802_865_4;
            let inner = FACTOR as $T * (x + 0.044_715 * x * x * x);
            // 0.5 (1 + tanh(t)) is sigmoid(2t); the other side of 0 loses no digits this way.
            x * sigmoid(2.0 * inner)
        }
    };
}
pub(super) use logistic;
