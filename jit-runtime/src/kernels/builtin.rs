//! Native kernels of the runtime's own: what stands between the reductions of `softmax`, `logsumexp`, `var`,
//! `layer_norm` and `rms_norm`.

use super::native::{Kernel, Native, Tile, approximated, exact, select, unary};

/// An input with a value for `each` element, or `one` for all.
macro_rules! input {
    ($tile:ident each $T:ident $at:literal) => {
        &$tile.input::<$T>($at)[..$tile.len()]
    };
    ($tile:ident one $T:ident $at:literal) => {
        $tile.scalar::<$T>($at)
    };
}

macro_rules! value {
    (each $i:ident $j:ident) => {
        $i[$j]
    };
    (one $i:ident $j:ident) => {
        $i
    };
}

/// A kernel: the text of its form, its inputs, its outputs with their values.
macro_rules! kernel {
    ($T:ident $name:ident $form:expr, ($($i:ident: $kind:ident $at:literal),*)
        -> ($($o:ident: $k:literal = $value:expr),*)) => {
        struct $name;
        impl Kernel for $name {
            const FORM: &'static str = $form;
            #[inline(always)]
            fn run(mut tile: Tile<'_>) {
                $(let $i = input!(tile $kind $T $at);)*
                $(let $o = &mut tile.output::<$T>($k)[..tile.len()];)*
                for j in 0..tile.len() {
                    $(let $i = value!($kind $i j);)*
                    $($o[j] = $value;)*
                }
            }
        }
    };
}

macro_rules! kernels {
    ($module:ident $T:ident $d:literal) => {
        mod $module {
            use super::*;

            kernel!($T Shift concat!($d, "[] ", $d, "; is_finite i0; is_nan i0; or m0 m1; select m2 i0 i1 -> 3"),
                (max: each 0, zero: one 1) -> (o: 0 = select(max.is_finite() | max.is_nan(), max, zero)));
            kernel!($T Exps concat!($d, "[] ", $d, "; sub i0 i1; exp m0 -> 1"),
                (x: each 0, shift: one 1) -> (o: 0 = unary::<approximated::Exp, $T>(x - shift)));
            kernel!($T Share concat!($d, "[]; recip i0 -> 0"),
                (sum: each 0) -> (o: 0 = unary::<exact::Recip, $T>(sum)));
            kernel!($T Scaled concat!($d, "[] ", $d, "; mul i0 i1 -> 0"),
                (x: each 0, by: one 1) -> (o: 0 = x * by));
            kernel!($T Total concat!($d, "[] ", $d, "[]; ln i0; add m0 i1 -> 1"),
                (sum: each 0, shift: each 1) -> (o: 0 = unary::<approximated::Ln, $T>(sum) + shift));
            kernel!($T Less concat!($d, "[] ", $d, "; sub i0 i1 -> 0"),
                (x: each 0, by: one 1) -> (o: 0 = x - by));
            kernel!($T Distances concat!($d, "[] ", $d, "; sub i0 i1; mul m0 m0 -> 1"),
                (x: each 0, mean: one 1) -> (o: 0 = (x - mean) * (x - mean)));
            kernel!($T Centred concat!($d, "[] ", $d, "; sub i0 i1; square m0 -> 0 1"),
                (x: each 0, mean: one 1)
                    -> (o: 0 = x - mean, squares: 1 = unary::<exact::Square, $T>(x - mean)));
            kernel!($T Squares concat!($d, "[]; square i0 -> 0"),
                (x: each 0) -> (o: 0 = unary::<exact::Square, $T>(x)));
            kernel!($T Scale concat!($d, "[] ", $d, "; add i0 i1; rsqrt m0 -> 1"),
                (mean: each 0, eps: one 1) -> (o: 0 = unary::<exact::Rsqrt, $T>(mean + eps)));
            kernel!($T Affine concat!($d, "[] ", $d, " ", $d, "[] ", $d, "[]; mul i0 i1; mul m0 i2; add m1 i3 -> 2"),
                (x: each 0, scale: one 1, gamma: each 2, beta: each 3) -> (o: 0 = x * scale * gamma + beta));
            kernel!($T Weighted concat!($d, "[] ", $d, " ", $d, "[]; mul i0 i1; mul m0 i2 -> 1"),
                (x: each 0, scale: one 1, gamma: each 2) -> (o: 0 = x * scale * gamma));

            pub(super) const ALL: [Native; 12] = [
                Native::of::<Shift>(),
                Native::of::<Exps>(),
                Native::of::<Share>(),
                Native::of::<Scaled>(),
                Native::of::<Total>(),
                Native::of::<Less>(),
                Native::of::<Distances>(),
                Native::of::<Centred>(),
                Native::of::<Squares>(),
                Native::of::<Scale>(),
                Native::of::<Affine>(),
                Native::of::<Weighted>(),
            ];
        }
    };
}

kernels!(single f32 "f32");
kernels!(double f64 "f64");

/// All of them.
pub(super) fn all() -> impl Iterator<Item = Native> {
    single::ALL.into_iter().chain(double::ALL)
}
