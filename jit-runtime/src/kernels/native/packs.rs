//! The steps of native kernels: ops over some elements in turns.

use jit_ir::Prim;
use jit_ir::ops::lanes::{Binary, Unary};

pub use crate::kernels::math::{Eight, Four, One, Pack, Turns};
use crate::kernels::table::{self, Approximated, Ternary};

/// Elements `j`, `j + W / P::N`, .. of a block.
#[inline(always)]
pub fn take<T: Copy, const W: usize, P: Turns>(block: &[T; W], j: usize) -> Pack<T, P> {
    Pack(P::take(block, j))
}

/// Writes what [`take`] reads.
#[inline(always)]
pub fn put<T: Copy, const W: usize, P: Turns>(block: &mut [T; W], j: usize, values: Pack<T, P>) {
    P::put(block, j, values.0);
}

/// A value that is the same for all elements.
#[inline(always)]
pub fn all<T: Copy, P: Turns>(value: T) -> Pack<T, P> {
    Pack::from(value)
}

/// An op of one operand.
#[inline(always)]
pub fn unary<O: Unary<T, Out: Copy>, T: Copy, P: Turns>(a: Pack<T, P>) -> Pack<O::Out, P> {
    a.map(O::eval)
}

/// An approximated op of one operand.
#[inline(always)]
#[allow(private_bounds, reason = "for floats")]
pub fn approximate<O: Approximated<T>, T: Copy, P: Turns>(a: Pack<T, P>) -> Pack<T, P> {
    O::in_turns(a)
}

/// An op of two operands.
#[inline(always)]
pub fn binary<O: Binary<T, Out: Copy>, T: Copy, P: Turns>(a: Pack<T, P>, b: Pack<T, P>) -> Pack<O::Out, P> {
    a.zip(b, O::eval)
}

/// `select`.
#[inline(always)]
pub fn select<T: Copy, P: Turns>(mask: Pack<bool, P>, a: Pack<T, P>, b: Pack<T, P>) -> Pack<T, P> {
    mask.pick(a, b)
}

/// `mul_add` of floats.
#[inline(always)]
#[allow(private_bounds, reason = "for floats")]
pub fn mul_add<T: Copy, P: Turns>(a: Pack<T, P>, b: Pack<T, P>, c: Pack<T, P>) -> Pack<T, P>
where
    table::MulAdd: Ternary<T, T>,
{
    ternary::<table::MulAdd, T, P>(a, b, c)
}

/// `clamp`.
#[inline(always)]
pub fn clamp<T: Copy + PartialOrd, P: Turns>(x: Pack<T, P>, low: Pack<T, P>, high: Pack<T, P>) -> Pack<T, P> {
    ternary::<table::Clamp, T, P>(x, low, high)
}

#[inline(always)]
fn ternary<O: Ternary<T, T>, T: Copy, P: Turns>(a: Pack<T, P>, b: Pack<T, P>, c: Pack<T, P>) -> Pack<T, P> {
    a.zip3(b, c, O::eval)
}

/// `cast`.
#[inline(always)]
pub fn cast<T: Prim, U: Prim, P: Turns>(a: Pack<T, P>) -> Pack<U, P> {
    a.map(table::Cast::<U>::eval)
}

/// Whether an element is NaN.
#[inline(always)]
pub fn is_nan<T: Prim, P: Turns>(a: Pack<T, P>) -> bool {
    #[allow(clippy::eq_op, reason = "only a NaN is not itself")]
    a.map(|v| v != v).any()
}
