//! Approximated functions, written without branches so that loops over them become vector code.
//!
//! Each is written once, in f64; for f32 it is rounded from there, which leaves digits to spare. Those that are hot in
//! networks are in f32 from end to end besides. Where none is written, the row's body calls std. Measured errors stand
//! in `docs/accuracy.md`, which a test keeps true.

mod exponential;
mod gaussian;
mod logistic;
mod single;
mod trigonometric;

use jit_ir::Op;
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
            /// Whether an argument needs the row's body, which std computes.
            #[inline(always)]
            fn is_rare(self, op: Op) -> bool {
                let _ = op;
                false
            }
        }

        /// The runtime's value of an approximated op on host scalars, as its kernels compute it.
        pub(crate) fn approx(op: Op, args: &[jit_ir::Scalar]) -> Option<jit_ir::Scalar> {
            use jit_ir::Scalar;
            Some(match (op, args) {
                $(
                    (Op::$ua, [Scalar::F32(a)]) if a.is_rare(op) => Scalar::F32(lanes::$ua::eval(*a)),
                    (Op::$ua, [Scalar::F32(a)]) => Scalar::F32(Approx::$ua_name(*a)),
                    (Op::$ua, [Scalar::F64(a)]) if a.is_rare(op) => Scalar::F64(lanes::$ua::eval(*a)),
                    (Op::$ua, [Scalar::F64(a)]) => Scalar::F64(Approx::$ua_name(*a)),
                )*
                $((Op::$bf, [Scalar::F32(a), Scalar::F32(b)]) => Scalar::F32(Approx::$bf_name(*a, *b)),)*
                $((Op::$bf, [Scalar::F64(a), Scalar::F64(b)]) => Scalar::F64(Approx::$bf_name(*a, *b)),)*
                _ => return None,
            })
        }
    };
}
jit_ir::elementwise_rows!(declare);

/// Methods by functions of a module.
macro_rules! double {
    (f64: $($name:ident)*; $module:ident) => {$(
        #[inline(always)]
        fn $name(self) -> f64 {
            $module::$name(self)
        }
    )*};
    (f32: $($name:ident)*; single) => {$(
        #[inline(always)]
        fn $name(self) -> f32 {
            single::$name(self)
        }
    )*};
    (f32: $($name:ident)*; $module:ident) => {$(
        #[inline(always)]
        fn $name(self) -> f32 {
            $module::$name(f64::from(self)) as f32
        }
    )*};
}

impl Approx for f64 {
    double!(f64: exp exp_m1 ln ln_1p log2 sinh cosh tanh sigmoid silu gelu_tanh softplus; exponential);
    double!(f64: sin cos tan asin acos atan; trigonometric);
    double!(f64: erf gelu; gaussian);
    #[inline(always)]
    fn atan2(self, x: f64) -> f64 {
        trigonometric::atan2(self, x)
    }
    #[inline(always)]
    fn is_rare(self, op: Op) -> bool {
        matches!(op, Op::Sin | Op::Cos | Op::Tan) && self.abs() > trigonometric::REDUCED
    }
}

impl Approx for f32 {
    double!(f32: exp_m1 ln_1p log2 sinh cosh softplus; exponential);
    double!(f32: sin cos tan asin acos atan; trigonometric);
    double!(f32: gelu; gaussian);
    double!(f32: erf exp ln tanh sigmoid silu gelu_tanh; single);
    #[inline(always)]
    fn atan2(self, x: f32) -> f32 {
        trigonometric::atan2(f64::from(self), f64::from(x)) as f32
    }
    #[inline(always)]
    fn powf(self, y: f32) -> f32 {
        single::powf(self, y)
    }
    #[inline(always)]
    fn is_rare(self, op: Op) -> bool {
        matches!(op, Op::Sin | Op::Cos | Op::Tan) && f64::from(self.abs()) > trigonometric::REDUCED
    }
}

/// The polynomial with these coefficients, from the constant on.
#[inline(always)]
fn horner<const N: usize>(x: f64, coefficients: &[f64; N]) -> f64 {
    let mut y = coefficients[N - 1];
    for c in coefficients[..N - 1].iter().rev() {
        y = y.mul_add(x, *c);
    }
    y
}

/// As [`horner`] for a long polynomial, the even and the odd powers side by side.
#[inline(always)]
fn halves<const N: usize>(x: f64, coefficients: &[f64; N]) -> f64 {
    const { assert!(N.is_multiple_of(2)) };
    let (square, mut even, mut odd) = (x * x, coefficients[N - 2], coefficients[N - 1]);
    for pair in coefficients[..N - 2].chunks_exact(2).rev() {
        even = even.mul_add(square, pair[0]);
        odd = odd.mul_add(square, pair[1]);
    }
    odd.mul_add(x, even)
}

/// The nearest integer of a number below 2^51, as a float and as an integer.
#[inline(always)]
fn round(x: f64) -> (f64, i64) {
    // Adding and subtracting this rounds; its bits are those of the integer and its own.
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let shifted = x + MAGIC;
    (shifted - MAGIC, (shifted.to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64))
}
