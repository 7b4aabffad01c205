//! Approximated functions, written without branches so that loops over them become vector code.
//!
//! `f32` functions have polynomials of our own (minimax fits); where none is written, and for
//! `f64`, the row's body calls std. Measured errors stand in the tests below.

use jit_ir::ops::lanes::{self, Binary, Unary};

macro_rules! declare {
    (
        unary_num { $($un:ident $un_name:ident $un_doc:literal $un_body:tt)* }
        unary_float {
            exact { $($ue:ident $ue_name:ident $ue_doc:literal |$uea:ident| $uef:expr)* }
            approx { $($ua:ident $ua_name:ident $ua_doc:literal |$uaa:ident| $uaf:expr)* }
        }
        test_float { $($ut:ident $ut_name:ident $ut_doc:literal |$uta:ident| $utf:expr)* }
        binary_num { $($bn:ident $bn_name:ident $bn_doc:literal $bn_body:tt)* }
        binary_div { $($bd:ident $bd_name:ident $bd_doc:literal $bd_body:tt)* }
        binary_float { $($bf:ident $bf_name:ident $bf_doc:literal |$bfa:ident, $bfb:ident| $bff:expr)* }
        $($rest:tt)*
    ) => {
        /// The approximated functions of an element type; by default the rows' bodies.
        pub(crate) trait Approx: Copy
        where
            $(lanes::$ua: Unary<Self, Out = Self>,)*
            $(lanes::$bf: Binary<Self, Out = Self>,)*
        {
            $(
                #[inline(always)]
                fn $ua_name(self) -> Self {
                    <lanes::$ua as Unary<Self>>::eval(self)
                }
            )*
            $(
                #[inline(always)]
                fn $bf_name(self, other: Self) -> Self {
                    <lanes::$bf as Binary<Self>>::eval(self, other)
                }
            )*
        }

        /// The runtime's value of an approximated op on host scalars, as its kernels compute it.
        pub(crate) fn approx(op: jit_ir::Op, args: &[jit_ir::Scalar]) -> Option<jit_ir::Scalar> {
            use jit_ir::{Op, Scalar};
            Some(match (op, args) {
                $((Op::$ua, [Scalar::F32(a)]) => Scalar::F32(Approx::$ua_name(*a)),)*
                $((Op::$ua, [Scalar::F64(a)]) => Scalar::F64(Approx::$ua_name(*a)),)*
                $((Op::$bf, [Scalar::F32(a), Scalar::F32(b)]) => Scalar::F32(Approx::$bf_name(*a, *b)),)*
                $((Op::$bf, [Scalar::F64(a), Scalar::F64(b)]) => Scalar::F64(Approx::$bf_name(*a, *b)),)*
                _ => return None,
            })
        }
    };
}
jit_ir::elementwise_rows!(declare);

impl Approx for f64 {}

impl Approx for f32 {
    #[inline(always)]
    fn exp(self) -> f32 {
        exp(self)
    }
    #[inline(always)]
    fn ln(self) -> f32 {
        ln(self)
    }
    #[inline(always)]
    fn tanh(self) -> f32 {
        tanh(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> f32 {
        sigmoid(self)
    }
    #[inline(always)]
    fn silu(self) -> f32 {
        self * sigmoid(self)
    }
    #[inline(always)]
    fn gelu_tanh(self) -> f32 {
        let inner = 0.797_884_6 * (self + 0.044_715 * self * self * self);
        // 0.5 (1 + tanh(t)) is sigmoid(2t); the other side of 0 loses no digits this way.
        self * sigmoid(2.0 * inner)
    }
    #[inline(always)]
    fn softplus(self) -> f32 {
        let tail = lanes_ln_1p(exp(-self.abs()));
        if self > 0.0 {
            self + tail
        } else if self.is_nan() {
            self
        } else {
            tail
        }
    }
}

/// Adding and subtracting this rounds a small float to the nearest integer.
const MAGIC: f32 = 12_582_912.0;

/// e^x. The argument is reduced to r = x - n ln 2; e^r = 1 + r + r^2 q(r); the scale 2^n is applied
/// in two steps, so that results underflow gradually.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Past these bounds the result is 0 or infinite.
    let held = x.clamp(-152.0 * std::f32::consts::LN_2, 129.0 * std::f32::consts::LN_2);
    let shifted = held.mul_add(std::f32::consts::LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    let r = n.mul_add(-0.693_359_4, held);
    let r = n.mul_add(2.121_944_4e-4, r);
    let mut q = 0.000_199_188_17_f32;
    q = q.mul_add(r, 0.001_394_639_3);
    q = q.mul_add(r, 0.008_333_264);
    q = q.mul_add(r, 0.041_666_266);
    q = q.mul_add(r, 0.166_666_67);
    q = q.mul_add(r, 0.5);
    let p = (r * r).mul_add(q, r) + 1.0;
    let e = (shifted.to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32);
    let half = e >> 1;
    let power = |e: i32| f32::from_bits((e.wrapping_add(127) << 23) as u32);
    p * power(half) * power(e.wrapping_sub(half))
}

/// ln x for x = m 2^e with m in [sqrt 1/2, sqrt 2): f - f^2/2 + f^3 p(f) for f = m - 1, plus e ln 2.
#[inline(always)]
fn ln(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * 8_388_608.0 } else { x };
    let bits = scaled.to_bits();
    // The mantissa from sqrt(1/2) on.
    let from = 0x3f35_04f3_u32;
    let shifted = bits.wrapping_sub(from) as i32;
    let e = shifted >> 23;
    let m = f32::from_bits((shifted as u32 & 0x007f_ffff).wrapping_add(from));
    let e = e as f32 - if tiny { 23.0 } else { 0.0 };
    let f = m - 1.0;
    let mut p = 0.069_155_39_f32;
    p = p.mul_add(f, -0.117_898_51);
    p = p.mul_add(f, 0.118_729_19);
    p = p.mul_add(f, -0.123_843_37);
    p = p.mul_add(f, 0.142_186_66);
    p = p.mul_add(f, -0.166_692_51);
    p = p.mul_add(f, 0.200_022_27);
    p = p.mul_add(f, -0.249_999_87);
    p = p.mul_add(f, 0.333_333_1);
    let f2 = f * f;
    let tail = e.mul_add(-2.121_944_4e-4, (f2 * f) * p);
    let tail = f2.mul_add(-0.5, tail);
    let y = e.mul_add(0.693_359_4, f + tail);
    let y = if x == f32::INFINITY { x } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x < 0.0 || x.is_nan() { f32::NAN } else { y }
}

/// ln(1 + x) for x in [0, 1]: the rounding of 1 + x is made up for.
#[inline(always)]
fn lanes_ln_1p(x: f32) -> f32 {
    let u = 1.0 + x;
    let lost = x - (u - 1.0);
    let y = ln(u) + lost / u;
    if u == 1.0 { x } else { y }
}

/// tanh x: an odd polynomial near 0, 1 - 2 / (e^2|x| + 1) elsewhere.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let u = x * x;
    let mut p = -0.005_717_05_f32;
    p = p.mul_add(u, 0.020_650_592);
    p = p.mul_add(u, -0.053_743_5);
    p = p.mul_add(u, 0.133_314_91);
    p = p.mul_add(u, -0.333_332_84);
    let near = (x * u).mul_add(p, x);
    let far = 1.0 - 2.0 / (exp(2.0 * a) + 1.0);
    let far = far.copysign(x);
    if a < 0.625 {
        near
    } else if x.is_nan() {
        x
    } else {
        far
    }
}

/// 1 / (1 + e^-x), from the side where nothing cancels.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let top = if x < 0.0 { e } else { 1.0 };
    let y = top / (1.0 + e);
    if x.is_nan() { x } else { y }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_ir::ops::special::Special;

    /// Distance in units of the last place of the f32 nearest to `exact`.
    fn ulps(got: f32, exact: f64) -> f64 {
        let near = exact as f32;
        if got.to_bits() == near.to_bits() || (got.is_nan() && near.is_nan()) {
            return 0.0;
        }
        if !got.is_finite() || !near.is_finite() {
            return f64::INFINITY;
        }
        let exponent = near.abs().max(f32::MIN_POSITIVE).to_bits() >> 23;
        let ulp = 2.0_f64.powi(exponent as i32 - 127 - 23);
        (f64::from(got) - exact).abs() / ulp
    }

    /// The largest error over a spread of all f32.
    fn worst(ours: fn(f32) -> f32, exact: fn(f64) -> f64) -> (f64, f32) {
        let mut worst = (0.0, 0.0);
        let edges = [
            0.0,
            -0.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            f32::MAX,
            f32::MIN,
            1e-45,
            88.72284,
            -103.97,
        ];
        let spread = (0..=u32::MAX).step_by(4099).map(f32::from_bits);
        for x in edges.into_iter().chain(spread) {
            let error = ulps(ours(x), exact(f64::from(x)));
            if error > worst.0 {
                worst = (error, x);
            }
        }
        worst
    }

    #[test]
    fn special_values_are_those_of_std() {
        for x in [
            f32::INFINITY,
            f32::NEG_INFINITY,
            0.0,
            -0.0,
            f32::NAN,
            1e-45,
            -1e-45,
            f32::MAX,
            f32::MIN,
            -104.0,
            89.0,
        ] {
            let pairs = [(exp(x), x.exp()), (tanh(x), x.tanh()), (ln(x), x.ln())];
            for (ours, std) in pairs {
                let close = (ours - std).abs() <= 1e-6 * std.abs();
                assert!(
                    ours.to_bits() == std.to_bits() || (ours.is_nan() && std.is_nan()) || close,
                    "{x}: {pairs:?}"
                );
            }
        }
        assert_eq!((sigmoid(f32::NEG_INFINITY), sigmoid(f32::INFINITY)), (0.0, 1.0));
    }

    #[test]
    fn errors_are_below_two_ulps() {
        let sigmoid64 = |x: f64| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) };
        let softplus64 = |x: f64| if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() };
        for (name, ours, exact, bound) in [
            ("exp", exp as fn(f32) -> f32, f64::exp as fn(f64) -> f64, 1.0),
            ("ln", ln, f64::ln, 1.0),
            ("tanh", tanh, f64::tanh, 2.0),
            ("sigmoid", sigmoid, sigmoid64, 2.5),
            ("softplus", |x| Approx::softplus(x), softplus64, 2.5),
            ("erf", |x| Approx::erf(x), |x| Special::erf(x), 0.51),
            ("gelu", |x| Approx::gelu(x), |x| Special::gelu(x), 0.51),
        ] {
            let (error, at) = worst(ours, exact);
            println!("{name}: {error:.3} ulp at {at:e}");
            assert!(error <= bound, "{name}: {error:.3} ulp at {at:e}");
        }
    }
}
