//! Scalar loops that a macro wrote out as Rust.

use jit_ir::Prim;
use jit_ir::ops::host::{self, Host};

use super::cells::Cells;
pub use super::cells::{Elements, ElementsMut};
use super::ops::{Bits, from_bits, to_bits};
pub use jit_ir::Op;

/// A loop over scalars and elements, written out.
pub trait ScalarLoop {
    /// The text of the loop's form.
    const FORM: &'static str;
    /// Runs it; `None` is a fault.
    fn run(memory: &mut Memory<'_>) -> Option<()>;
}

/// What a loop is given and gives.
pub struct Memory<'a> {
    pub(super) values: &'a mut [Bits],
    pub(super) cells: &'a [Cells<'a>],
}

impl<'a> Memory<'a> {
    /// A scalar that the loop is given.
    #[inline(always)]
    pub fn get<T: Prim>(&self, k: usize) -> T {
        from_bits(self.values[k])
    }

    /// A scalar that the loop gives.
    #[inline(always)]
    pub fn set<T: Prim>(&mut self, k: usize, value: T) {
        self.values[k] = to_bits(value);
    }

    /// The elements of a tensor.
    #[inline(always)]
    pub fn elements<T: Prim>(&self, slot: usize) -> Elements<'a, T> {
        Elements::of(&self.cells[slot])
    }

    /// The elements of a tensor that the loop writes.
    #[inline(always)]
    pub fn elements_mut<T: Prim>(&self, slot: usize) -> ElementsMut<'a, T> {
        ElementsMut::of(&self.cells[slot])
    }
}

/// An op of one operand; `None` is a fault.
#[inline(always)]
pub fn unary<T: Host, R: Prim>(op: Op, a: T) -> Option<R> {
    T::unary(op, a).map(R::from_scalar)
}

/// An op of two operands; `None` is a fault.
#[inline(always)]
pub fn binary<T: Host, R: Prim>(op: Op, a: T, b: T) -> Option<R> {
    T::binary(op, a, b).map(R::from_scalar)
}

/// A function by its name in std; `None` is a fault.
#[inline(always)]
pub fn function<T: Host, R: Prim>(name: &str, a: T, b: Option<T>) -> Option<R> {
    T::function(name, a, b).map(R::from_scalar)
}

/// A power; `None` is a fault.
#[inline(always)]
pub fn power<T: Host>(a: T, n: i32) -> Option<T> {
    T::power(a, n).map(T::from_scalar)
}

/// `a * b + c` with one rounding.
#[inline(always)]
pub fn fused<T: Host>(a: T, b: T, c: T) -> Option<T> {
    T::fused(a, b, c).map(T::from_scalar)
}

/// `x` between two bounds; `None` if they are not in order.
#[inline(always)]
pub fn clamp<T: Host + PartialOrd>(x: T, low: T, high: T) -> Option<T> {
    host::clamped(x, low, high)
}

/// Another type's value, as by `as`.
#[inline(always)]
pub fn cast<T: Prim, R: Prim>(a: T) -> R {
    R::from_scalar(a.to_scalar())
}

/// The value of a type that was never set.
#[inline(always)]
pub fn unset<T: Prim>() -> T {
    T::ZERO
}

/// The code of a loop.
pub(crate) type Code = fn(&mut Memory<'_>) -> Option<()>;
