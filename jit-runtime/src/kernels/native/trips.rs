//! Native kernels of loops over one group: a few elements go through all trips before the next ones begin, their values
//! in registers.

use jit_ir::form::Input;
use jit_ir::trips::Trips;
use jit_ir::{DType, Prim};
use pulp::{Simd, WithSimd};

use super::{Code, Tile, known};
use crate::kernels::arch;

/// Trips after which it is asked again whether values repeat. A block whose values are those of so many trips before
/// goes through the trips that are left over only.
pub const CHECKED: usize = 8;
/// Elements that kernels go through together divide this; if the widest have eight bytes, half of it, for which any buffer
/// has room.
pub(crate) const BLOCK: usize = 128;

/// A loop over one group, written out.
pub trait Repeated {
    /// The text of the loop ([`Trips`]).
    const FORM: &'static str;
    /// Whether its widest elements have eight bytes.
    const WIDE: bool;
    /// All trips of the elements, `W` at a time; there is at least one trip.
    fn run<const W: usize>(tile: Tile<'_>, trips: usize);
}

/// Calls a kernel for blocks of a few registers for each value: what one trip waits for hides behind the others.
macro_rules! by_blocks {
    ($S:ident, $K:ident, $($arg:expr),*) => {
        match ($S::F32_LANES >= 16, $K::WIDE) {
            (true, false) => $K::run::<BLOCK>($($arg),*),
            (true, true) => $K::run::<{ BLOCK / 2 }>($($arg),*),
            // There are half the registers.
            (false, false) => $K::run::<{ BLOCK / 4 }>($($arg),*),
            (false, true) => $K::run::<{ BLOCK / 8 }>($($arg),*),
        }
    };
}
pub(super) use by_blocks;

struct Run<'a, K>(Tile<'a>, usize, std::marker::PhantomData<K>);

impl<K: Repeated> WithSimd for Run<'_, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        by_blocks!(S, K, self.0, self.1)
    }
}

pub(super) fn erased<K: Repeated>(tile: Tile<'_>, trips: usize) {
    arch().dispatch(Run::<K>(tile, trips, std::marker::PhantomData));
}

/// An element whose bits are compared.
pub trait Bits: Prim {
    /// Whether both have the same bits.
    fn same(self, other: Self) -> bool;
}

macro_rules! bits {
    ($($T:ty: |$v:ident| $bits:expr),*) => { $(impl Bits for $T {
        #[inline(always)]
        fn same(self, other: Self) -> bool {
            let bits = |$v: Self| $bits;
            bits(self) == bits(other)
        }
    })* };
}
bits!(f32: |v| v.to_bits(), f64: |v| v.to_bits(), bool: |v| v);

/// Whether two blocks have the same bits.
#[inline(always)]
pub fn same<T: Bits, const W: usize>(a: &[T; W], b: &[T; W]) -> bool {
    (0..W).fold(true, |same, j| same & a[j].same(b[j]))
}

/// A loop's kernel, with the types of what it reads and writes.
#[derive(Clone)]
pub(crate) struct Looped {
    run: fn(Tile<'_>, usize),
    inputs: Vec<Input>,
    outputs: Vec<DType>,
}

/// The kernel of a loop, if one is known.
pub(crate) fn find(trips: &Trips) -> Option<Looped> {
    let Code::Trips(run) = known::code(&trips.to_string())? else { return None };
    let outputs = trips.form.outputs.iter().map(|k| trips.form.members[*k].to).collect();
    Some(Looped { run, inputs: trips.form.inputs.clone(), outputs })
}

impl Looped {
    pub(crate) fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// All trips, of which there is at least one, of `n` elements, a multiple of [`BLOCK`].
    ///
    /// # Safety
    /// Inputs can be read and outputs written for `n` elements, of scalars one; outputs overlap neither inputs nor each
    /// other, and nobody else uses them meanwhile.
    pub(crate) unsafe fn run(&self, inputs: &[*const u8], outputs: &[*mut u8], n: usize, trips: usize) {
        debug_assert!(n.is_multiple_of(BLOCK) && trips > 0);
        let inputs: Vec<_> = self.inputs.iter().copied().zip(inputs.iter().copied()).collect();
        let outputs: Vec<_> = self.outputs.iter().copied().zip(outputs.iter().copied()).collect();
        (self.run)(Tile { inputs: &inputs, outputs: &outputs, n, taken: 0 }, trips);
    }
}
