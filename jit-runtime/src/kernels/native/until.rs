//! Native kernels of loops that go on while some element, or all, ask for it: a few elements go through trips in registers
//! until none of them asks, or one does not.

use jit_ir::DType;
use jit_ir::form::Input;
use jit_ir::until::Until;
use pulp::{Simd, WithSimd};

use super::trips::{BLOCK, by_blocks};
use super::{Code, Tile, known};
use crate::kernels::arch;

/// There is one count of trips for so many elements.
pub const UNIT: usize = BLOCK / 8;

/// A loop that goes on while some element, or all, ask for it, written out.
pub trait Waves {
    /// The text of the loop ([`Until`]).
    const FORM: &'static str;
    /// Whether its widest elements have eight bytes.
    const WIDE: bool;
    /// Brings all elements, `W` at a time, to so many trips as the wave says, and on until none of the `W` asks for
    /// another one, or where all have to one does not, or they are at the limit. Where all have to ask, the trips of one
    /// block are the limit of the next. `false` if there is a NaN among what is ordered; the elements are lost then.
    fn run<const W: usize>(tile: Tile<'_>, wave: Wave<'_>) -> bool;
}

/// How far trips go.
pub struct Wave<'a> {
    /// For each [`UNIT`] of elements the trips that it made.
    pub made: &'a mut [u32],
    /// Trips that all elements make, whether they ask or not.
    pub goal: u32,
    /// Trips that no element goes beyond.
    pub limit: u32,
}

struct Run<'a, K>(Tile<'a>, Wave<'a>, std::marker::PhantomData<K>);

impl<K: Waves> WithSimd for Run<'_, K> {
    type Output = bool;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        by_blocks!(S, K, self.0, self.1)
    }
}

pub(super) fn erased<K: Waves>(tile: Tile<'_>, wave: Wave<'_>) -> bool {
    arch().dispatch(Run::<K>(tile, wave, std::marker::PhantomData))
}

/// A loop's kernel, with the types of what it reads and of its states.
#[derive(Clone)]
pub(crate) struct Waved {
    run: fn(Tile<'_>, Wave<'_>) -> bool,
    inputs: Vec<Input>,
    states: Vec<DType>,
    all: bool,
    block: usize,
}

/// The kernel of a loop, if one is known.
pub(crate) fn find(until: &Until) -> Option<Waved> {
    let Code::Waves(run) = known::code(&until.to_string())? else { return None };
    let states = until.form.outputs.iter().map(|k| until.form.members[*k].to).collect();
    let block = if until.form.is_wide() { BLOCK / 2 } else { BLOCK };
    Some(Waved { run, inputs: until.form.inputs.clone(), states, all: until.all, block })
}

impl Waved {
    pub(crate) fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Whether all elements have to ask.
    pub(crate) fn all(&self) -> bool {
        self.all
    }

    pub(crate) fn states(&self) -> &[DType] {
        &self.states
    }

    /// Elements are a multiple of this.
    pub(crate) fn block(&self) -> usize {
        self.block
    }

    /// Brings `n` elements, a multiple of [`Waved::block`], to where a wave says. Inputs that are states are not read.
    ///
    /// # Safety
    /// Inputs can be read for `n` elements, of scalars one; states can be read and written for `n` elements, overlap
    /// neither inputs nor each other, and nobody else uses them meanwhile.
    pub(crate) unsafe fn run(
        &self,
        inputs: &[*const u8],
        states: &[*mut u8],
        n: usize,
        wave: Wave<'_>,
    ) -> bool {
        assert!(n.is_multiple_of(self.block) && wave.made.len() == n / UNIT);
        let inputs: Vec<_> = self.inputs.iter().copied().zip(inputs.iter().copied()).collect();
        let outputs: Vec<_> = self.states.iter().copied().zip(states.iter().copied()).collect();
        (self.run)(Tile { inputs: &inputs, outputs: &outputs, n, taken: 0 }, wave)
    }
}
