//! Native kernels: groups of elementwise ops that a macro wrote as one loop, whose values stay in registers.
//!
//! A script brings kernels for the groups, the loops over one group and the scalar loops that its own body seems to have. They are found by the groups' form, so that
//! every graph that has a group of that form profits.

use jit_ir::form::{Form, Input};
use jit_ir::{DType, Prim};
use pulp::{Simd, WithSimd};

use super::arch;
use crate::few::few;

pub mod blocks;
mod known;
pub mod packs;
pub mod trips;
pub mod until;

pub(crate) use known::{Piece, cover, find, find_scalar, find_sum, register};

pub use super::scalar::native as scalar;
pub use super::table::approximated;
pub use jit_ir::ops::lanes as exact;

/// The ops of a group over some elements, written out.
pub trait Kernel {
    /// The text of the group's form.
    const FORM: &'static str;
    /// Whether its ops take long to answer, so that some vectors go through them in turns.
    const IN_TURNS: bool;
    /// Whether its widest elements have eight bytes.
    const WIDE: bool;
    /// Runs over the elements; if in turns, over blocks of `W` elements, so many in turns.
    fn run<const W: usize, P: packs::Turns>(tile: Tile<'_>);
}

/// The memory of a kernel's inputs and outputs.
pub struct Tile<'a> {
    inputs: &'a [(Input, *const u8)],
    outputs: &'a [(DType, *mut u8)],
    n: usize,
    /// Which outputs were handed out.
    taken: u64,
}

impl<'a> Tile<'a> {
    /// How many elements.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there are none.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// The elements of an input.
    #[inline(always)]
    pub fn input<T: Prim>(&self, i: usize) -> &'a [T] {
        let (input, start) = self.inputs[i];
        assert!(input.dtype == T::DTYPE && !input.scalar);
        // SAFETY: whoever makes a tile says that `n` elements of this type can be read there.
        unsafe { std::slice::from_raw_parts(start.cast(), self.n) }
    }

    /// The value of an input that is the same for all elements.
    #[inline(always)]
    pub fn scalar<T: Prim>(&self, i: usize) -> T {
        let (input, start) = self.inputs[i];
        assert!(input.dtype == T::DTYPE && input.scalar);
        // SAFETY: whoever makes a tile says that one element of this type can be read there.
        unsafe { *start.cast() }
    }

    /// The elements of an output, once.
    #[inline(always)]
    pub fn output<T: Prim>(&mut self, k: usize) -> &'a mut [T] {
        let start = self.claim::<T>(k);
        // SAFETY: whoever makes a tile says that `n` elements of this type can be written there by nobody else; an
        // output is handed out once.
        unsafe { std::slice::from_raw_parts_mut(start, self.n) }
    }

    /// The place of a kernel's sum over the elements: its last output, once.
    #[inline(always)]
    pub(super) fn sum<T: Prim>(&mut self, k: usize) -> &'a mut T {
        let start = self.claim::<T>(k);
        // SAFETY: whoever makes a tile says that one element of this type can be written there by nobody else; an
        // output is handed out once.
        unsafe { &mut *start }
    }

    /// The start of an output of this type, which was not handed out before.
    #[inline(always)]
    fn claim<T: Prim>(&mut self, k: usize) -> *mut T {
        let (dtype, start) = self.outputs[k];
        assert!(dtype == T::DTYPE && k < 64 && self.taken & 1 << k == 0);
        self.taken |= 1 << k;
        start.cast()
    }
}

struct Run<'a, K>(Tile<'a>, std::marker::PhantomData<K>);

impl<K: Kernel> WithSimd for Run<'_, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        K::run::<1, packs::One>(self.0);
    }
}

/// A kernel of the runtime's own that sums what it computes.
pub(super) trait Summing {
    /// The text of the group's form, and of which member it is the sum.
    const FORM: &'static str;
    /// Runs over the elements.
    fn run<S: Simd>(simd: S, tile: Tile<'_>);
}

struct Sum<'a, K>(Tile<'a>, std::marker::PhantomData<K>);

impl<K: Summing> WithSimd for Sum<'_, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        K::run(simd, self.0);
    }
}

fn erased_sum<K: Summing>(tile: Tile<'_>) {
    arch().dispatch(Sum::<K>(tile, std::marker::PhantomData));
}

fn erased<K: Kernel>(tile: Tile<'_>) {
    if K::IN_TURNS {
        blocks::run::<K>(tile);
    } else {
        arch().dispatch(Run::<K>(tile, std::marker::PhantomData));
    }
}

/// A kernel with the form that it is for.
#[derive(Clone, Copy)]
pub struct Native {
    form: &'static str,
    code: Code,
    in_turns: bool,
}

#[derive(Clone, Copy)]
enum Code {
    /// A group's loop over elements.
    Group(fn(Tile<'_>)),
    /// All trips of a loop over one group.
    Trips(fn(Tile<'_>, usize)),
    /// Some trips of a loop that goes on while some element asks for it.
    Waves(fn(Tile<'_>, until::Wave<'_>) -> bool),
    /// A loop of scalar code.
    Scalar(scalar::Code),
}

impl Native {
    /// A group's kernel as a value.
    pub const fn of<K: Kernel>() -> Native {
        Native { form: K::FORM, code: Code::Group(erased::<K>), in_turns: K::IN_TURNS }
    }

    /// The kernel of a loop over one group as a value.
    pub const fn trips<K: trips::Repeated>() -> Native {
        Native { form: K::FORM, code: Code::Trips(trips::erased::<K>), in_turns: false }
    }

    /// The kernel of a loop that goes on while some element asks for it as a value.
    pub const fn waves<K: until::Waves>() -> Native {
        Native { form: K::FORM, code: Code::Waves(until::erased::<K>), in_turns: false }
    }

    /// A scalar loop as a value.
    pub const fn scalar<L: scalar::ScalarLoop>() -> Native {
        Native { form: L::FORM, code: Code::Scalar(L::run), in_turns: false }
    }

    #[cfg(test)]
    pub(super) fn form(&self) -> &'static str {
        self.form
    }

    pub(super) const fn summing<K: Summing>() -> Native {
        Native { form: K::FORM, code: Code::Group(erased_sum::<K>), in_turns: false }
    }
}

/// A native kernel in a program, with the types of what it reads and writes.
#[derive(Clone)]
pub(crate) struct Loop {
    run: fn(Tile<'_>),
    inputs: Vec<Input>,
    outputs: Vec<DType>,
}

impl Loop {
    fn new(run: fn(Tile<'_>), form: &Form, outputs: impl Iterator<Item = DType>) -> Loop {
        Loop { run, inputs: form.inputs.clone(), outputs: outputs.collect() }
    }

    pub(super) fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    pub(super) fn outputs(&self) -> &[DType] {
        &self.outputs
    }

    /// Runs over `n` elements.
    ///
    /// # Safety
    /// Inputs can be read and outputs written for `n` elements, of scalars one; outputs overlap neither inputs nor each
    /// other, and nobody else uses them meanwhile.
    pub(super) unsafe fn run(
        &self,
        inputs: impl Iterator<Item = *const u8>,
        outputs: impl Iterator<Item = *mut u8>,
        n: usize,
    ) {
        let (input, output) = (Input { dtype: DType::Bool, scalar: false }, DType::Bool);
        few(self.inputs.len(), (input, std::ptr::null()), |typed| {
            typed.iter_mut().zip(&self.inputs).zip(inputs).for_each(|((to, i), start)| *to = (*i, start));
            few(self.outputs.len(), (output, std::ptr::null_mut()), |given| {
                let types = self.outputs.iter().zip(outputs);
                given.iter_mut().zip(types).for_each(|(to, (o, start))| *to = (*o, start));
                // SAFETY: passed on.
                unsafe { self.run_typed(typed, given, n) };
            });
        });
    }

    /// As [`Loop::run`], with the types that the kernel has.
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn run_typed(
        &self,
        inputs: &[(Input, *const u8)],
        outputs: &[(DType, *mut u8)],
        n: usize,
    ) {
        (self.run)(Tile { inputs, outputs, n, taken: 0 });
    }
}
