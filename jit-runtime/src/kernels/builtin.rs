//! Native kernels of the runtime's own: what runs between the reductions of `softmax`, `log_softmax`, `logsumexp`,
//! `cross_entropy`, `var`, `layer_norm` and `rms_norm`.

use jit_ir::numerics::LANES;
use jit_ir::ops::lanes::Unary;
use pulp::Simd;

use super::exps;
use super::native::packs::{Eight, Four, One, Pack, Turns, put, take, unary};
use super::native::{Kernel, Native, Summing, Tile, approximated, exact};
use super::wide;

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
            const IN_TURNS: bool = false;
            const WIDE: bool = size_of::<$T>() == 8;
            #[inline(always)]
            fn run<const W: usize, P: Turns>(mut tile: Tile<'_>) {
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

/// An input's elements `j`, `j + LANES / P::N`, .. of a row of [`LANES`] elements.
macro_rules! pack {
    (each $i:ident $row:ident $j:ident) => {
        take::<_, LANES, P>($i[$row * LANES..].first_chunk().expect("there are as many"), $j)
    };
    (one $i:ident $row:ident $j:ident) => {
        Pack::from($i)
    };
}

/// A kernel that sums a value that it computes.
macro_rules! summed {
    ($T:ident $wide:ident $lanes:ident $name:ident $form:expr, ($($i:ident: $kind:ident $at:literal),*)
        -> $value:expr) => {
        struct $name;
        impl $name {
            #[inline(always)]
            fn value<P: Turns>($($i: Pack<$T, P>),*) -> Pack<$T, P> {
                $value
            }

            /// Some vectors of a row in turns.
            #[inline(always)]
            fn in_turns<S: Simd, P: Turns>(simd: S, mut tile: Tile<'_>) {
                $(let $i = input!(tile $kind $T $at);)*
                let rows = tile.len() / LANES;
                let mut last = [-0.0; LANES];
                for j in rows * LANES..tile.len() {
                    last[j - rows * LANES] = Self::value::<One>($(Pack::one(value!($kind $i j))),*).value();
                }
                let row = |row| {
                    let mut values = [0.0; LANES];
                    for j in 0..LANES / P::N {
                        put::<_, LANES, P>(&mut values, j, Self::value($(pack!($kind $i row j)),*));
                    }
                    values
                };
                *tile.sum::<$T>(0) = $wide::sum_of(simd, rows, row, &last);
            }
        }
        impl Summing for $name {
            const FORM: &'static str = $form;
            #[inline(always)]
            fn run<S: Simd>(simd: S, tile: Tile<'_>) {
                match LANES / S::$lanes {
                    4 => Self::in_turns::<S, Four>(simd, tile),
                    8 => Self::in_turns::<S, Eight>(simd, tile),
                    16 => Self::in_turns::<S, Eight>(simd, tile),
                    _ => Self::in_turns::<S, One>(simd, tile),
                }
            }
        }
    };
}

macro_rules! kernels {
    ($module:ident $T:ident $lanes:ident $d:literal) => {
        mod $module {
            use super::wide::$module;
            use super::*;

            kernel!($T Shift concat!($d, "[] ", $d, "; is_finite i0; is_nan i0; or m0 m1; select m2 i0 i1 -> 3"),
                (max: each 0, zero: one 1) -> (o: 0 = if max.is_finite() | max.is_nan() { max } else { zero }));
            kernel!($T Exps concat!($d, "[] ", $d, "; sub i0 i1; exp m0 -> 1"),
                (x: each 0, shift: one 1) -> (o: 0 = <approximated::Exp as Unary<$T>>::eval(x - shift)));
            kernel!($T Share concat!($d, "[]; recip i0 -> 0"),
                (sum: each 0) -> (o: 0 = <exact::Recip as Unary<$T>>::eval(sum)));
            kernel!($T Scaled concat!($d, "[] ", $d, "; mul i0 i1 -> 0"),
                (x: each 0, by: one 1) -> (o: 0 = x * by));
            kernel!($T Total concat!($d, "[] ", $d, "[]; ln i0; add m0 i1 -> 1"),
                (sum: each 0, shift: each 1) -> (o: 0 = <approximated::Ln as Unary<$T>>::eval(sum) + shift));
            kernel!($T Log concat!($d, "[]; ln i0 -> 0"),
                (sum: each 0) -> (o: 0 = <approximated::Ln as Unary<$T>>::eval(sum)));
            // Of `cross_entropy`: the label's distance from the largest logit, and the loss.
            kernel!($T Apart concat!($d, "[] ", $d, "[]; sub i0 i1 -> 0"),
                (a: each 0, b: each 1) -> (o: 0 = a - b));
            kernel!($T Loss concat!($d, "[] ", $d, "[]; ln i0; sub m0 i1 -> 1"),
                (sum: each 0, distance: each 1) -> (o: 0 = <approximated::Ln as Unary<$T>>::eval(sum) - distance));
            kernel!($T Logs concat!($d, "[] ", $d, " ", $d, "; sub i0 i1; sub m0 i2 -> 1"),
                (x: each 0, max: one 1, log: one 2) -> (o: 0 = (x - max) - log));
            kernel!($T Less concat!($d, "[] ", $d, "; sub i0 i1 -> 0"),
                (x: each 0, by: one 1) -> (o: 0 = x - by));
            kernel!($T Distances concat!($d, "[] ", $d, "; sub i0 i1; mul m0 m0 -> 1"),
                (x: each 0, mean: one 1) -> (o: 0 = (x - mean) * (x - mean)));
            kernel!($T Deviations concat!($d, "[] ", $d, "; sub i0 i1; square m0 -> 1"),
                (x: each 0, mean: one 1) -> (o: 0 = <exact::Square as Unary<$T>>::eval(x - mean)));
            kernel!($T Squares concat!($d, "[]; square i0 -> 0"),
                (x: each 0) -> (o: 0 = <exact::Square as Unary<$T>>::eval(x)));
            kernel!($T Scale concat!($d, "[] ", $d, "; add i0 i1; rsqrt m0 -> 1"),
                (mean: each 0, eps: one 1) -> (o: 0 = <exact::Rsqrt as Unary<$T>>::eval(mean + eps)));
            kernel!($T Affine concat!($d, "[] ", $d, " ", $d, " ", $d, "[] ", $d,
                    "[]; sub i0 i1; mul m0 i2; mul m1 i3; add m2 i4 -> 3"),
                (x: each 0, mean: one 1, scale: one 2, gamma: each 3, beta: each 4)
                    -> (o: 0 = (x - mean) * scale * gamma + beta));
            struct ExpsSummed;
            impl Summing for ExpsSummed {
                const FORM: &'static str = concat!($d, "[] ", $d, "; sub i0 i1; exp m0 -> 1; sum 1");
                #[inline(always)]
                fn run<S: Simd>(simd: S, mut tile: Tile<'_>) {
                    let (x, shift, to) = (tile.input(0), tile.scalar(1), tile.output(0));
                    *tile.sum::<$T>(1) = <$T as exps::Exps>::exps_summed(simd, x, shift, to);
                }
            }
            summed!($T $module $lanes DistancesSummed concat!($d, "[] ", $d, "; sub i0 i1; mul m0 m0 ->; sum 1"),
                (x: each 0, mean: one 1) -> (x - mean) * (x - mean));
            summed!($T $module $lanes DeviationsSummed concat!($d, "[] ", $d, "; sub i0 i1; square m0 ->; sum 1"),
                (x: each 0, mean: one 1) -> unary::<exact::Square, $T, P>(x - mean));
            summed!($T $module $lanes SquaresSummed concat!($d, "[]; square i0 ->; sum 0"),
                (x: each 0) -> unary::<exact::Square, $T, P>(x));
            kernel!($T Weighted concat!($d, "[] ", $d, " ", $d, "[]; mul i0 i1; mul m0 i2 -> 1"),
                (x: each 0, scale: one 1, gamma: each 2) -> (o: 0 = x * scale * gamma));

            pub(super) const ALL: [Native; 20] = [
                Native::of::<Shift>(),
                Native::of::<Exps>(),
                Native::of::<Share>(),
                Native::of::<Scaled>(),
                Native::of::<Total>(),
                Native::of::<Log>(),
                Native::of::<Apart>(),
                Native::of::<Loss>(),
                Native::of::<Logs>(),
                Native::of::<Less>(),
                Native::of::<Distances>(),
                Native::of::<Deviations>(),
                Native::of::<Squares>(),
                Native::of::<Scale>(),
                Native::of::<Affine>(),
                Native::summing::<ExpsSummed>(),
                Native::summing::<DistancesSummed>(),
                Native::summing::<DeviationsSummed>(),
                Native::summing::<SquaresSummed>(),
                Native::of::<Weighted>(),
            ];
        }
    };
}

kernels!(single f32 F32_LANES "f32");
kernels!(double f64 F64_LANES "f64");

/// All of them.
pub(super) fn all() -> impl Iterator<Item = Native> {
    single::ALL.into_iter().chain(double::ALL)
}

#[cfg(test)]
mod tests {
    /// Macros write kernels for all other forms.
    #[test]
    fn macros_know_which_kernels_there_are() {
        for form in super::all().map(|k| k.form()).filter(|form| !form.contains("; sum ")) {
            assert!(jit_ir::stages::is_built_in(form), "{form}");
        }
        assert!(!jit_ir::stages::is_built_in("f32[]; neg i0 -> 0"));
    }
}
