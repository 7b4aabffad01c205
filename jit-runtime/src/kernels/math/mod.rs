//! Approximated functions, written without branches so that loops over them become vector code.
//!
//! Each is written once, in f64; for f32 it is rounded from there, which leaves digits to spare. Those that are hot in
//! networks are in f32 from end to end besides. Where none is written, the row's body calls std. Measured errors stand
//! in `docs/accuracy.md`, which a test keeps true.

mod exponential;
mod gaussian;
mod logistic;
mod pack;
mod single;
mod trigonometric;
#[cfg(target_arch = "x86_64")]
pub(super) mod vectors;

use exponential::Doubles;
use jit_ir::Op;
use jit_ir::ops::lanes::{self, Binary, Unary};

pub use pack::{Eight, Four, One, Pack, Turns};

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
                fn $ua_name<P: Turns>(x: Pack<Self, P>) -> Pack<Self, P> {
                    x.map(<lanes::$ua as Unary<Self>>::eval)
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
                    (Op::$ua, [Scalar::F32(a)]) => Scalar::F32(Approx::$ua_name(Pack::one(*a)).value()),
                    (Op::$ua, [Scalar::F64(a)]) if a.is_rare(op) => Scalar::F64(lanes::$ua::eval(*a)),
                    (Op::$ua, [Scalar::F64(a)]) => Scalar::F64(Approx::$ua_name(Pack::one(*a)).value()),
                )*
                $((Op::$bf, [Scalar::F32(a), Scalar::F32(b)]) => Scalar::F32(Approx::$bf_name(*a, *b)),)*
                $((Op::$bf, [Scalar::F64(a), Scalar::F64(b)]) => Scalar::F64(Approx::$bf_name(*a, *b)),)*
                _ => return None,
            })
        }
    };
}
jit_ir::elementwise_rows!(declare);

/// Whether the f32 of an op is computed in f32 from end to end.
pub(super) const fn is_single(op: Op) -> bool {
    matches!(op, Op::Erf | Op::Exp | Op::Ln | Op::Tanh | Op::Sigmoid | Op::Silu | Op::GeluTanh)
}

/// Methods by functions of a module: of packs, or of single numbers in f64.
macro_rules! by {
    ($T:ident packs: $($name:ident)*; $module:ident) => {$(
        #[inline(always)]
        fn $name<P: Turns>(x: Pack<$T, P>) -> Pack<$T, P> {
            $module::$name(x)
        }
    )*};
    ($T:ident rounded: $($name:ident)*; $module:ident) => {$(
        #[inline(always)]
        fn $name<P: Turns>(x: Pack<$T, P>) -> Pack<$T, P> {
            $module::$name(x.map(f64::from)).map(|y| y as $T)
        }
    )*};
    ($T:ident singly: $($name:ident)*; $module:ident) => {$(
        #[inline(always)]
        fn $name<P: Turns>(x: Pack<$T, P>) -> Pack<$T, P> {
            x.map(|x| $module::$name(f64::from(x)) as $T)
        }
    )*};
}

impl Approx for f64 {
    by!(f64 packs: exp exp_m1 ln ln_1p log2 sinh cosh tanh sigmoid silu gelu_tanh softplus; exponential);
    by!(f64 singly: sin cos tan asin acos atan; trigonometric);
    by!(f64 packs: erf gelu; gaussian);
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
    by!(f32 rounded: exp_m1 ln_1p log2 sinh cosh softplus; exponential);
    by!(f32 singly: sin cos tan asin acos atan; trigonometric);
    by!(f32 rounded: gelu; gaussian);
    by!(f32 packs: erf exp ln tanh sigmoid silu gelu_tanh; single);
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
fn horner<P: Turns, const M: usize>(x: Doubles<P>, coefficients: &[f64; M]) -> Doubles<P> {
    let mut y = coefficients[M - 1].into();
    for c in coefficients[..M - 1].iter().rev() {
        y = x.mul_add(y, *c);
    }
    y
}

/// As [`horner`] for a long polynomial, the even and the odd powers side by side.
#[inline(always)]
fn halves<P: Turns, const M: usize>(x: Doubles<P>, coefficients: &[f64; M]) -> Doubles<P> {
    const { assert!(M.is_multiple_of(2)) };
    let (square, mut even, mut odd): (_, Doubles<P>, Doubles<P>) =
        (x * x, coefficients[M - 2].into(), coefficients[M - 1].into());
    for pair in coefficients[..M - 2].chunks_exact(2).rev() {
        even = even.mul_add(square, pair[0]);
        odd = odd.mul_add(square, pair[1]);
    }
    odd.mul_add(x, even)
}

/// The nearest integer of a number below 2^51, as a float and as an integer.
#[inline(always)]
fn round<P: Turns>(x: Doubles<P>) -> (Doubles<P>, Pack<i64, P>) {
    // Adding and subtracting this rounds; its bits are those of the integer and its own.
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let shifted = x + MAGIC;
    let whole = shifted.map(|v| (v.to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64));
    (shifted - MAGIC, whole)
}
