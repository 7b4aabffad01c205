//! Relatives of `sigmoid`, of it and an `Exp` with `new`, `high`, `low`, `parts` and `scale`: the same for both widths.

macro_rules! logistic {
    ($T:ident, least $least:expr) => {
        /// `(numerator + low) / (1 + e)`, its rounding made up for; numerator and result without e's power.
        #[inline(always)]
        fn over_one_plus<P: Turns>(e: Exp<P>, numerator: Pack<$T, P>, n_low: Pack<$T, P>) -> Pack<$T, P> {
            let (high, low) = e.parts();
            let d = high + 1.0;
            let d_low = high - (d - 1.0) + low;
            let inverse = Pack::from(1.0) / d;
            let y = numerator * inverse;
            let rest = (-y).mul_add(d, numerator) + n_low - y * d_low;
            rest.mul_add(inverse, y)
        }

        /// 1 / (1 + e^-|x|) where x is positive, e^-|x| / (1 + e^-|x|) without the power where it is not: from the side
        /// where nothing cancels.
        #[inline(always)]
        fn share<P: Turns>(x: Pack<$T, P>, e: Exp<P>) -> Pack<$T, P> {
            let negative = x.lt(0.0);
            over_one_plus(e, negative.pick(e.high, 1.0), negative.pick(e.low, 0.0))
        }

        #[inline(always)]
        pub(super) fn silu<P: Turns>(x: Pack<$T, P>) -> Pack<$T, P> {
            let e = Exp::new(-x.abs());
            // Scaled after the product: the power alone may be too small for all digits.
            let y = x.max($least) * share(x, e);
            let y = x.lt(0.0).pick(e.scale(y), y);
            x.is_nan().pick(x, y)
        }

        #[inline(always)]
        pub(super) fn gelu_tanh<P: Turns>(x: Pack<$T, P>) -> Pack<$T, P> {
            // sqrt(2 / pi)
            const FACTOR: f64 = 0.797_884_560_802_865_4;
            let inner = (x + x * 0.044_715 * x * x) * (FACTOR as $T);
            // 0.5 (1 + tanh(t)) is sigmoid(2t); the other side of 0 loses no digits this way.
            x * sigmoid(inner * 2.0)
        }
    };
}
pub(super) use logistic;
