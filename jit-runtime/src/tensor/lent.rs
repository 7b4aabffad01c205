//! Values of somebody else's, in a list of their own.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;

use smallvec::SmallVec;

use super::raw::Val;

/// A list of values that live elsewhere for `'v`. It is read like any list of values, but counts no references to
/// what it holds: for the arguments of a call that costs more than the call of a small kernel.
#[derive(Default)]
pub(crate) struct Lent<'v> {
    vals: SmallVec<[Shown; 8]>,
    /// Those that live nowhere else.
    kept: Vec<Val>,
    of: PhantomData<&'v Val>,
}

/// A value that is dropped elsewhere.
#[repr(transparent)]
struct Shown(ManuallyDrop<Val>);

impl Shown {
    /// # Safety
    /// It is gone before the value is, and before the value is changed.
    unsafe fn of(val: &Val) -> Shown {
        // SAFETY: a second value over the same memory is only read, and never dropped.
        Shown(ManuallyDrop::new(unsafe { std::ptr::read(val) }))
    }
}

impl<'v> Lent<'v> {
    /// Appends a value that is held elsewhere.
    #[inline]
    pub(crate) fn lend(&mut self, val: &'v Val) {
        // SAFETY: the list does not live longer than the loan.
        self.vals.push(unsafe { Shown::of(val) });
    }

    /// Appends a value.
    #[inline]
    pub(crate) fn push(&mut self, val: Val) {
        // SAFETY: what it holds on to is kept beside, unchanged, as long as the list lives. A scalar holds on to nothing.
        self.vals.push(unsafe { Shown::of(&val) });
        if !matches!(val, Val::Scalar(_) | Val::Undef) {
            self.kept.push(val);
        }
    }
}

impl Deref for Lent<'_> {
    type Target = [Val];
    #[inline]
    fn deref(&self) -> &[Val] {
        let vals = self.vals.as_slice();
        // SAFETY: `Shown` and `ManuallyDrop` are laid out as what they hold; nothing is dropped or changed by a
        // shared reference.
        unsafe { std::slice::from_raw_parts(vals.as_ptr().cast(), vals.len()) }
    }
}

impl<'v> Extend<&'v Val> for Lent<'v> {
    fn extend<I: IntoIterator<Item = &'v Val>>(&mut self, vals: I) {
        vals.into_iter().for_each(|val| self.lend(val));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jit_ir::Scalar;

    use super::super::raw::RawTensor;
    use super::*;

    #[test]
    fn lent_values_are_read_and_neither_counted_nor_dropped() {
        let tensor = Val::Tensor(RawTensor::from_slice(&[1.0_f32, 2.0], &[2]));
        let list = Arc::new(vec![tensor.clone(), Val::Scalar(Scalar::I64(3))]);
        for _ in 0..3 {
            let mut lent = Lent::default();
            lent.lend(&tensor);
            lent.push(Val::List(list.clone()));
            lent.push(Val::Scalar(Scalar::I64(4)));
            (0..20).for_each(|_| lent.lend(&tensor));
            assert_eq!(Arc::strong_count(&list), 2);
            assert_eq!(lent.len(), 23);
            assert!(lent[0].same_bits(&tensor) && lent[22].same_bits(&tensor));
            assert!(matches!(lent[2], Val::Scalar(Scalar::I64(4))));
            // A copy of a lent value is a value of its own.
            let copy = lent[1].clone();
            drop(lent);
            assert!(matches!(&copy, Val::List(l) if l[0].same_bits(&tensor)));
        }
        assert_eq!(Arc::strong_count(&list), 1);
        let (Val::Tensor(mut only), list) = (tensor, list) else { unreachable!("a tensor") };
        drop(list);
        assert!(only.is_unique());
    }
}
