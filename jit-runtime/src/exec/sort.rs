//! Elements in order along an axis. Floats are sorted by integer keys of the same order, which
//! compare without branches; positions ride along with their keys.

use jit_ir::ops::shape::only_axis;
use jit_ir::{Attrs, Op, Prim, with_dtype};

use crate::tensor::raw::RawTensor;

/// An element type with an order in which NaN is last and both zeros are one.
trait Key: Prim {
    /// Whether keys take more than 32 bits.
    const WIDE: bool;
    /// Integers in the order of the elements; NaN has the greatest.
    fn key(self) -> u64;
    /// An element with such a key.
    fn of_key(key: u64) -> Self;
    /// NaN.
    fn is_last(self) -> bool {
        false
    }
    /// Whether several elements have this key.
    fn is_one_of_many(self) -> bool {
        false
    }
}

macro_rules! int_keys {
    ($($T:ident $wide:literal $flip:expr;)*) => {$(
        impl Key for $T {
            const WIDE: bool = $wide;
            #[inline(always)]
            fn key(self) -> u64 {
                (self as i64 ^ $flip) as u64 & if $wide { u64::MAX } else { u64::from(u32::MAX) }
            }
            #[inline(always)]
            fn of_key(key: u64) -> $T {
                (key as i64 ^ $flip) as $T
            }
        }
    )*};
}
int_keys! {
    u8 false 0;
    i32 false 1 << 31;
    i64 true i64::MIN;
    usize true 0;
}

impl Key for bool {
    const WIDE: bool = false;
    fn key(self) -> u64 {
        u64::from(self)
    }
    fn of_key(key: u64) -> bool {
        key != 0
    }
}

macro_rules! float_keys {
    ($($T:ident $Bits:ident $Int:ident $wide:literal;)*) => {$(
        impl Key for $T {
            const WIDE: bool = $wide;
            #[inline(always)]
            fn key(self) -> u64 {
                // Adding zero makes both zeros one.
                let bits = (self + 0.0).to_bits();
                let sign = (bits as $Int >> ($Int::BITS - 1)) as $Bits | 1 << ($Bits::BITS - 1);
                u64::from(if self.is_nan() { $Bits::MAX } else { bits ^ sign })
            }
            #[inline(always)]
            fn of_key(key: u64) -> $T {
                let key = key as $Bits;
                let sign = (!(key as $Int) >> ($Int::BITS - 1)) as $Bits | 1 << ($Bits::BITS - 1);
                $T::from_bits(key ^ sign)
            }
            #[inline(always)]
            fn is_last(self) -> bool {
                self.is_nan()
            }
            #[inline(always)]
            fn is_one_of_many(self) -> bool {
                self == 0.0 || self.is_nan()
            }
        }
    )*};
}
float_keys! {
    f32 u32 i32 false;
    f64 u64 i64 true;
}

/// `sort`, `argsort` and `topk`; the axis fits. `sizes` are those of the result.
pub(super) fn eval(op: Op, attrs: &Attrs, x: &RawTensor, sizes: &[usize]) -> Result<RawTensor, String> {
    let axis = only_axis(attrs, x.rank())?;
    let lanes = Lanes { n: x.shape[axis], kept: sizes[axis], inner: x.shape[axis + 1..].iter().product() };
    let x = x.contiguous();
    let mut out = RawTensor::uninit(if op == Op::Sort { x.dtype } else { jit_ir::DType::I64 }, sizes);
    if out.len() > 0 {
        with_dtype!(x.dtype, T => {
            let from = x.as_slice::<T>().unwrap_or(&[]);
            match op {
                Op::Sort => lanes.each(from, out.fresh::<T>(), sort_lane),
                Op::ArgSort => lanes.each(from, out.fresh::<i64>(), |lane, to| positions(lane, to, false)),
                _ => lanes.each(from, out.fresh::<i64>(), |lane, to| positions(lane, to, true)),
            }
        });
    }
    Ok(out)
}

/// The lanes along an axis: `n` elements each, of which the result has `kept`.
struct Lanes {
    n: usize,
    kept: usize,
    inner: usize,
}

impl Lanes {
    fn each<T: Prim, U: Prim>(&self, from: &[T], to: &mut [U], one: impl Fn(&mut [T], &mut [U])) {
        let Lanes { n, kept, inner } = *self;
        let mut lane = vec![T::ZERO; n];
        let mut result = vec![U::ZERO; kept];
        for (block, out) in from.chunks_exact(n * inner).zip(to.chunks_exact_mut(kept * inner)) {
            if inner == 1 {
                lane.copy_from_slice(block);
                one(&mut lane, out);
                continue;
            }
            for i in 0..inner {
                for (v, s) in lane.iter_mut().zip(block[i..].iter().step_by(inner)) {
                    *v = *s;
                }
                one(&mut lane, &mut result);
                for (v, s) in out[i..].iter_mut().step_by(inner).zip(&result) {
                    *v = *s;
                }
            }
        }
    }
}

fn sort_lane<T: Key>(lane: &mut [T], to: &mut [T]) {
    // Zeros of both signs and NaNs of all kinds share keys: they are put back in their order.
    let same = |v: &&T| v.is_one_of_many();
    let (zeros, nans): (Vec<T>, Vec<T>) = lane.iter().filter(same).partition(|v| !v.is_last());
    if T::WIDE {
        let mut keys: Vec<u64> = lane.iter().map(|v| v.key()).collect();
        keys.sort_unstable();
        to.iter_mut().zip(&keys).for_each(|(v, k)| *v = T::of_key(*k));
    } else {
        let mut keys: Vec<u32> = lane.iter().map(|v| v.key() as u32).collect();
        keys.sort_unstable();
        to.iter_mut().zip(&keys).for_each(|(v, k)| *v = T::of_key(u64::from(*k)));
    }
    let last = to.len() - nans.len();
    to[last..].copy_from_slice(&nans);
    if let Some(zero) = zeros.first() {
        let first = to.partition_point(|v| v.key() < zero.key());
        to[first..first + zeros.len()].copy_from_slice(&zeros);
    }
}

/// The positions of the first elements in ascending order, or in descending order with NaNs last.
fn positions<T: Key>(lane: &mut [T], to: &mut [i64], descending: bool) {
    let top = if T::WIDE { u64::MAX } else { u64::from(u32::MAX) };
    let key = |v: &T| if descending && !v.is_last() { top - v.key() } else { v.key() };
    let few = !T::WIDE && u32::try_from(lane.len()).is_ok();
    if few {
        let mut pairs: Vec<u64> = lane.iter().enumerate().map(|(i, v)| key(v) << 32 | i as u64).collect();
        first(&mut pairs, to.len());
        to.iter_mut().zip(&pairs).for_each(|(p, pair)| *p = i64::from(*pair as u32));
    } else {
        let mut pairs: Vec<(u64, usize)> = lane.iter().map(key).zip(0..).collect();
        first(&mut pairs, to.len());
        to.iter_mut().zip(&pairs).for_each(|(p, pair)| *p = pair.1 as i64);
    }
}

/// The first `k` in order.
fn first<P: Ord>(pairs: &mut Vec<P>, k: usize) {
    if k < pairs.len() {
        pairs.select_nth_unstable(k);
        pairs.truncate(k);
    }
    pairs.sort_unstable();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_the_elements() {
        let floats =
            [f64::NEG_INFINITY, -3e300, -1.0, -5e-324, 0.0, 5e-324, 1.0, 2.5, f64::MAX, f64::INFINITY];
        for pair in floats.windows(2) {
            assert!(pair[0].key() < pair[1].key(), "{pair:?}");
            assert!((pair[0] as f32).key() <= (pair[1] as f32).key(), "{pair:?}");
            assert_eq!(f64::of_key(pair[0].key()), pair[0]);
            assert_eq!(f32::of_key((pair[0] as f32).key()), pair[0] as f32);
        }
        assert_eq!((-0.0_f32).key(), 0.0_f32.key());
        assert!(f32::NAN.key() > f32::INFINITY.key() && (-f64::NAN).key() > f64::INFINITY.key());
        for v in [i32::MIN, -1, 0, 1, i32::MAX] {
            assert_eq!((i32::of_key(v.key()), i64::of_key(i64::from(v).key())), (v, i64::from(v)));
        }
        assert!(
            (-1_i32).key() < 0_i32.key() && i64::MIN.key() < i64::MAX.key() && (-1_i64).key() < 1_i64.key()
        );
    }
}
