//! Kernels whose ops take long to answer: they go through blocks of some vectors, each op for all of them before the next
//! op, so that what one vector waits for hides behind the others.

use std::mem::MaybeUninit;

use jit_ir::form::Input;
use jit_ir::{DType, Prim};
use pulp::{Simd, WithSimd};

use super::packs::{self, Eight, Four, One, Turns};
use super::{Kernel, Tile};
use crate::few::few;
use crate::kernels::table::Approximated;
use crate::kernels::{arch, levels};

/// Kernels are called for so many elements at least.
const UNIT: usize = 32;
/// The elements of a block of 512 bit vectors.
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

/// A block that is not yet known. What is computed stands in such a block first, as it is known not to overlap what is
/// read.
#[inline(always)]
pub fn blank<T: Prim, const W: usize>() -> [T; W] {
    [T::ZERO; W]
}

struct Run<'a, K>(Tile<'a>, std::marker::PhantomData<K>);

impl<K: Kernel> WithSimd for Run<'_, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        // Constant conditions, so that only what is called is compiled.
        if const { cfg!(target_arch = "x86_64") && S::F32_LANES >= 16 && !K::WIDE } {
            // Only called for so many: there is AVX2 for fewer.
            K::run::<LONG, Eight>(self.0);
        } else if const { S::F32_LANES >= 16 || S::F32_LANES >= 8 && !K::WIDE } {
            K::run::<UNIT, Four>(self.0);
        } else if const { S::F32_LANES > 1 } {
            K::run::<{ UNIT / 2 }, Four>(self.0);
        } else if const { cfg!(target_arch = "x86_64") } {
            unreachable!("there are vectors where such kernels are known");
        } else {
            K::run::<4, One>(self.0);
        }
    }
}

/// Whether the machine has vectors for such kernels. Users' crates compile all of them, and x86-64 without AVX2 is too
/// rare to have them compiled for it, too: groups run tile by tile there, and ops as plain loops.
pub(super) fn supported() -> bool {
    cfg!(not(target_arch = "x86_64")) || levels().len() > 1
}

/// As [`supported`], at the level that runs.
pub(in crate::kernels) fn chosen() -> bool {
    cfg!(not(target_arch = "x86_64")) || !matches!(arch(), pulp::Arch::Scalar)
}

fn dispatched<K: Kernel>(tile: Tile<'_>) {
    let arch = match arch() {
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V4(all) if K::WIDE || tile.n >= LONG => pulp::Arch::V4(all),
        // AVX2; also where a test asks for plain code, after a kernel was found.
        #[cfg(target_arch = "x86_64")]
        _ => levels()[1],
        #[cfg(not(target_arch = "x86_64"))]
        arch => arch,
    };
    arch.dispatch(Run::<K>(tile, std::marker::PhantomData));
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
    fn run<const W: usize, P: Turns>(mut tile: Tile<'_>) {
        let (from, to) = (tile.input::<T>(0), tile.output::<T>(0));
        for at in (0..from.len()).step_by(W) {
            let (from, mut block) = (part::<T, W>(from, at), blank::<T, W>());
            for j in 0..W / P::N {
                packs::put::<T, W, P>(&mut block, j, O::in_turns(packs::take(from, j)));
            }
            *part_mut(to, at) = block;
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
    run::<Alone<O, T>>(Tile { inputs, outputs, n, taken: 0 });
}

/// Runs over fewer elements than [`UNIT`], in memory that has room for so many.
fn padded(tile: &Tile<'_>, run: fn(Tile<'_>)) {
    type Room = MaybeUninit<[u64; UNIT]>;
    let count = tile.inputs.len() + tile.outputs.len();
    few(count, Room::uninit(), |rooms: &mut [Room]| {
        let mut rooms = rooms.iter_mut().map(|room| room.write([0; UNIT]).as_mut_ptr().cast::<u8>());
        let mut room = || rooms.next().expect("there is one for each");
        let bytes = |dtype: DType| tile.n * dtype.size();
        let input = Input { dtype: DType::Bool, scalar: false };
        few(tile.inputs.len(), (input, std::ptr::null()), |inputs| {
            for (to, (input, start)) in inputs.iter_mut().zip(tile.inputs) {
                *to = (*input, *start);
                if !input.scalar {
                    let padded = room();
                    // SAFETY: whoever makes a tile says that its elements can be read; there is room for them.
                    unsafe { std::ptr::copy_nonoverlapping(*start, padded, bytes(input.dtype)) };
                    to.1 = padded.cast_const();
                }
            }
            few(tile.outputs.len(), (DType::Bool, std::ptr::null_mut()), |outputs| {
                outputs.iter_mut().zip(tile.outputs).for_each(|(to, (dtype, _))| *to = (*dtype, room()));
                run(Tile { inputs, outputs, n: UNIT, taken: 0 });
                for ((dtype, from), (_, start)) in outputs.iter().zip(tile.outputs) {
                    // SAFETY: whoever makes a tile says that its elements can be written by nobody else.
                    unsafe { std::ptr::copy_nonoverlapping(*from, *start, bytes(*dtype)) };
                }
            });
        });
    });
}

#[cfg(test)]
mod tests {
    use jit_ir::ops::lanes::Unary;
    use jit_ir::{DType, Op, Prim};

    use super::alone;
    use crate::kernels::table::{Approximated, approximated, kernel};
    use crate::kernels::{choose_level, levels};

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
    fn ops_are_the_same_at_every_level() {
        let from: Vec<f32> = (0..1500).map(|i| (i as f32 - 700.0) * 0.02).collect();
        let tanh = kernel(Op::Tanh, DType::F32, DType::F32).unwrap();
        for level in 0..levels().len() {
            choose_level(Some(level));
            let mut to = vec![0.0_f32; from.len()];
            let none = std::ptr::null();
            // SAFETY: both have so many elements; an op of one operand reads no other.
            unsafe { tanh(to.as_mut_ptr().cast(), from.as_ptr().cast(), none, none, from.len()) };
            let same = to
                .iter()
                .zip(&from)
                .all(|(to, from)| to.to_bits() == <approximated::Tanh as Unary<f32>>::eval(*from).to_bits());
            assert!(same, "level {level}");
        }
        choose_level(None);
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
