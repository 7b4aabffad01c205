//! Kernels whose ops take long to answer: they go through blocks of some vectors, each op for all of them before the next
//! op, so that what one vector waits for hides behind the others.

use jit_ir::form::Input;
use jit_ir::{DType, Prim};
use pulp::{Simd, WithSimd};

use super::{Kernel, Tile, packs};
use crate::few::few;
use crate::kernels::arch;
use crate::kernels::table::Approximated;

/// Kernels are called for so many elements at least.
const UNIT: usize = 32;
/// The most elements of a block.
const LONG: usize = 128;

/// The block of an input that begins with element `at`, or the last one: what it has in common with the block before is
/// computed twice.
#[inline(always)]
pub fn part<T, const W: usize>(all: &[T], at: usize) -> &[T; W] {
    all[at.min(all.len() - W)..].first_chunk().expect("there is a block")
}

/// The block of an output, as [`part`].
#[inline(always)]
pub fn part_mut<T, const W: usize>(all: &mut [T], at: usize) -> &mut [T; W] {
    let at = at.min(all.len() - W);
    all[at..].first_chunk_mut().expect("there is a block")
}

struct Run<'a, K>(Tile<'a>, std::marker::PhantomData<K>);

impl<K: Kernel> WithSimd for Run<'_, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let tile = self.0;
        match (S::F32_LANES, K::WIDE) {
            (16.., false) => {
                let rest = tile.n % LONG;
                let long = if tile.n > LONG && rest > LONG / 2 { tile.n } else { tile.n - rest };
                if long > 0 {
                    K::run::<LONG, 8>(tile.part(0, long));
                }
                if long < tile.n {
                    let from = long.min(tile.n - UNIT);
                    K::run::<UNIT, 2>(tile.part(from, tile.n - from));
                }
            }
            (16.., true) | (8.., false) => K::run::<UNIT, 4>(tile),
            (8.., true) => K::run::<{ UNIT / 2 }, 4>(tile),
            _ => K::run::<4, 1>(tile),
        }
    }
}

fn dispatched<K: Kernel>(tile: Tile<'_>) {
    arch().dispatch(Run::<K>(tile, std::marker::PhantomData));
}

/// Runs over any number of elements.
pub(super) fn run<K: Kernel>(tile: Tile<'_>) {
    match tile.n {
        0 => {}
        1..UNIT => padded(&tile, dispatched::<K>),
        UNIT.. => dispatched::<K>(tile),
    }
}

/// The kernel of one approximated op.
struct Alone<O, T>(std::marker::PhantomData<(O, T)>);

impl<O: Approximated<T>, T: Prim> Kernel for Alone<O, T> {
    const FORM: &'static str = "";
    const IN_TURNS: bool = true;
    const WIDE: bool = O::WIDE;
    #[inline(always)]
    fn run<const W: usize, const N: usize>(mut tile: Tile<'_>) {
        #[inline(always)]
        fn each<O: Approximated<T>, T: Prim, const W: usize, const N: usize>(from: &[T; W], to: &mut [T; W]) {
            for j in 0..W / N {
                packs::put::<T, W, N>(to, j, O::in_turns(packs::take(from, j)));
            }
        }
        let (from, to) = (tile.input::<T>(0), tile.output::<T>(0));
        for at in (0..from.len()).step_by(W) {
            each::<O, T, W, N>(part(from, at), part_mut(to, at));
        }
    }
}

/// An approximated op over `n` elements.
///
/// # Safety
/// `from` can be read and `to` written for `n` elements; they do not overlap, and nobody else uses `to` meanwhile.
pub(in crate::kernels) unsafe fn alone<O: Approximated<T>, T: Prim>(to: *mut u8, from: *const u8, n: usize) {
    let input = Input { dtype: T::DTYPE, scalar: false };
    let (inputs, outputs) = (&[(input, from)], &[(T::DTYPE, to)]);
    run::<Alone<O, T>>(Tile { inputs, outputs, from: 0, n, taken: 0 });
}

/// Runs over fewer elements than [`UNIT`], in memory that has room for so many.
fn padded(tile: &Tile<'_>, run: fn(Tile<'_>)) {
    type Room = [u64; UNIT];
    few(tile.inputs.len(), [0; UNIT], |read: &mut [Room]| {
        few(tile.outputs.len(), [0; UNIT], |written: &mut [Room]| {
            let bytes = |dtype: DType| tile.n * dtype.size();
            let input = Input { dtype: DType::Bool, scalar: false };
            few(tile.inputs.len(), (input, std::ptr::null()), |inputs| {
                for (i, (input, start)) in tile.inputs.iter().enumerate() {
                    let start = if input.scalar {
                        *start
                    } else {
                        let from = start.wrapping_add(tile.from * input.dtype.size());
                        let to = read[i].as_mut_ptr().cast::<u8>();
                        // SAFETY: whoever makes a tile says that its elements can be read; there is room for them.
                        unsafe { std::ptr::copy_nonoverlapping(from, to, bytes(input.dtype)) };
                        to.cast_const()
                    };
                    inputs[i] = (*input, start);
                }
                few(tile.outputs.len(), (DType::Bool, std::ptr::null_mut()), |outputs| {
                    for (k, (dtype, _)) in tile.outputs.iter().enumerate() {
                        outputs[k] = (*dtype, written[k].as_mut_ptr().cast::<u8>());
                    }
                    run(Tile { inputs, outputs, from: 0, n: UNIT, taken: 0 });
                    for ((dtype, from), (_, start)) in outputs.iter().zip(tile.outputs) {
                        let to = start.wrapping_add(tile.from * dtype.size());
                        // SAFETY: whoever makes a tile says that its elements can be written by nobody else.
                        unsafe { std::ptr::copy_nonoverlapping(*from, to, bytes(*dtype)) };
                    }
                });
            });
        });
    });
}

#[cfg(test)]
mod tests {
    use jit_ir::Prim;
    use jit_ir::ops::lanes::Unary;

    use super::alone;
    use crate::kernels::table::{Approximated, approximated};

    /// All elements of all lengths, and nothing beside them.
    fn lengths<O: Approximated<T>, T: Prim>(value: impl Fn(usize) -> T, other: T) {
        let bits = |v: &T| format!("{v:?}");
        for n in 0..300 {
            let from: Vec<T> = (0..n + 1).map(&value).collect();
            let mut to = vec![other; n + 2];
            // SAFETY: both have so many elements from there on.
            unsafe { alone::<O, T>(to[1..].as_mut_ptr().cast(), from[1..].as_ptr().cast(), n) };
            let mut expected = vec![other; n + 2];
            for (to, from) in expected[1..].iter_mut().zip(&from[1..]) {
                *to = <O as Unary<T>>::eval(*from);
            }
            assert_eq!(
                to.iter().map(bits).collect::<Vec<_>>(),
                expected.iter().map(bits).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn blocks_of_any_number_of_elements() {
        let value = |i: usize| if i % 17 == 3 { f64::NAN } else { (i as f64 * 0.7).sin() * 30.0 };
        lengths::<approximated::Tanh, f32>(|i| value(i) as f32, -7.0);
        lengths::<approximated::Exp, f32>(|i| value(i) as f32, -7.0);
        lengths::<approximated::ExpM1, f32>(|i| value(i) as f32, -7.0);
        lengths::<approximated::Ln, f64>(value, -7.0);
    }
}
