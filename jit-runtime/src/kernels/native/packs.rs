//! The steps of native kernels: ops over some elements in turns.

use jit_ir::Prim;
use jit_ir::ops::lanes::{Binary, Unary};

pub use crate::kernels::math::Pack;
use crate::kernels::table::{self, Approximated, Ternary};

/// Elements `j`, `j + W / N`, .. of a block.
#[inline(always)]
pub fn take<T: Copy, const W: usize, const N: usize>(block: &[T; W], j: usize) -> Pack<T, N> {
    Pack(std::array::from_fn(|k| block[k * (W / N) + j]))
}

/// Writes what [`take`] reads.
#[inline(always)]
pub fn put<T: Copy, const W: usize, const N: usize>(block: &mut [T; W], j: usize, values: Pack<T, N>) {
    for k in 0..N {
        block[k * (W / N) + j] = values.0[k];
    }
}

/// A value that is the same for all elements.
#[inline(always)]
pub fn all<T: Copy, const N: usize>(value: T) -> Pack<T, N> {
    Pack::from(value)
}

/// An op of one operand.
#[inline(always)]
pub fn unary<O: Unary<T>, T: Copy, const N: usize>(a: Pack<T, N>) -> Pack<O::Out, N> {
    a.map(O::eval)
}

/// An approximated op of one operand.
#[inline(always)]
#[allow(private_bounds, reason = "for floats")]
pub fn approximate<O: Approximated<T>, T: Copy, const N: usize>(a: Pack<T, N>) -> Pack<T, N> {
    O::in_turns(a)
}

/// An op of two operands.
#[inline(always)]
pub fn binary<O: Binary<T>, T: Copy, const N: usize>(a: Pack<T, N>, b: Pack<T, N>) -> Pack<O::Out, N> {
    a.zip(b, O::eval)
}

/// `select`.
#[inline(always)]
pub fn select<T: Copy, const N: usize>(mask: Pack<bool, N>, a: Pack<T, N>, b: Pack<T, N>) -> Pack<T, N> {
    mask.pick(a, b)
}

/// `mul_add` of floats.
#[inline(always)]
#[allow(private_bounds, reason = "for floats")]
pub fn mul_add<T: Copy, const N: usize>(a: Pack<T, N>, b: Pack<T, N>, c: Pack<T, N>) -> Pack<T, N>
where
    table::MulAdd: Ternary<T, T>,
{
    ternary::<table::MulAdd, T, N>(a, b, c)
}

/// `clamp`.
#[inline(always)]
pub fn clamp<T: Copy + PartialOrd, const N: usize>(
    x: Pack<T, N>,
    low: Pack<T, N>,
    high: Pack<T, N>,
) -> Pack<T, N> {
    ternary::<table::Clamp, T, N>(x, low, high)
}

#[inline(always)]
fn ternary<O: Ternary<T, T>, T: Copy, const N: usize>(
    a: Pack<T, N>,
    b: Pack<T, N>,
    c: Pack<T, N>,
) -> Pack<T, N> {
    Pack(std::array::from_fn(|k| O::eval(a.0[k], b.0[k], c.0[k])))
}

/// `cast`.
#[inline(always)]
pub fn cast<T: Prim, U: Prim, const N: usize>(a: Pack<T, N>) -> Pack<U, N> {
    a.map(table::Cast::<U>::eval)
}

/// Whether an element is NaN.
#[inline(always)]
pub fn is_nan<T: Prim, const N: usize>(a: Pack<T, N>) -> bool {
    #[allow(clippy::eq_op, reason = "only a NaN is not itself")]
    a.map(|v| v != v).any()
}
