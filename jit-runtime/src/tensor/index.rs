//! Elements by index, and comparisons that the host sees.

use std::cmp::Ordering;
use std::ops::{Index, IndexMut};
use std::panic::Location;

use jit_ir::ops::Attrs;
use jit_ir::{Op, Scalar};
use smallvec::SmallVec;

use super::operators::compare;
use super::raw::Val;
use super::{Any, Elem, Tensor, ask};
use crate::error::{Error, fail};
use crate::exec::ops;
use crate::trace;

mod sealed {
    pub trait Sealed {}
    impl Sealed for usize {}
    impl<const N: usize> Sealed for [usize; N] {}
}

/// The position of an element: `i` or `[i, j]`.
pub trait Position: sealed::Sealed {
    #[doc(hidden)]
    fn position(&self) -> &[usize];
}

impl Position for usize {
    fn position(&self) -> &[usize] {
        std::slice::from_ref(self)
    }
}

impl<const N: usize> Position for [usize; N] {
    fn position(&self) -> &[usize] {
        self
    }
}

impl<T: Elem, P: Position> Index<P> for Tensor<T> {
    type Output = T;

    /// The element; out of range is an error.
    #[inline]
    #[track_caller]
    fn index(&self, at: P) -> &T {
        let at = at.position();
        if self.any.is_plain()
            && let Some(element) = self.raw().find(at)
        {
            return element;
        }
        asked(&self.any, at);
        self.raw().get_ref(at)
    }
}

impl<T: Elem, P: Position> IndexMut<P> for Tensor<T> {
    /// The element for writing: in place if nothing else holds the buffer, on a copy otherwise.
    ///
    /// In a recording the write is an op of its own. The reference shows what the element was, so that
    /// this is guarded.
    #[inline]
    #[track_caller]
    fn index_mut(&mut self, at: P) -> &mut T {
        let at = at.position();
        if self.any.tag.is_some() || self.raw().position(T::DTYPE, at).is_none() {
            written(&mut self.any, at);
        }
        match &mut self.any.val {
            Val::Tensor(raw) => raw.element_mut(at),
            _ => unreachable!("a tensor holds a tensor"),
        }
    }
}

/// The position as operands of an op.
fn places(at: &[usize]) -> SmallVec<[Any; 4]> {
    at.iter().map(|i| Scalar::Usize(*i).into()).collect()
}

/// The host reads an element of a traced tensor, which becomes a guard, or one that is not there, which is an error.
#[cold]
#[track_caller]
fn asked(x: &Any, at: &[usize]) {
    let places = places(at);
    let args: SmallVec<[&Any; 5]> = std::iter::once(x).chain(&places).collect();
    ask(Op::Index, Attrs::default(), &args);
}

/// The host writes an element of a traced tensor, which is recorded, or one that is not there, which is an error: that
/// of reading it, as `x[i] += v` does both.
#[cold]
#[track_caller]
fn written(x: &mut Any, at: &[usize]) {
    let line = Location::caller();
    let misfit = {
        let places = places(at);
        let args: SmallVec<[&Val; 5]> =
            std::iter::once(&x.val).chain(places.iter().map(|p| &p.val)).collect();
        ops::result_sizes(Op::Index, &Attrs::default(), &args).err()
    };
    if let Some(message) = misfit {
        trace::failed([&*x]);
        fail(Error::op(Op::Index, message, Some(line.into())));
    }
    trace::element_written(x, at, line);
}

impl<T: Elem> PartialEq for Tensor<T> {
    /// Whether shape and all elements are equal; NaN equals nothing.
    #[track_caller]
    fn eq(&self, other: &Tensor<T>) -> bool {
        matches!(ask(Op::Equal, Attrs::default(), &[&self.any, &other.any]), Scalar::Bool(true))
    }

    #[track_caller]
    #[allow(clippy::partialeq_ne_impl, reason = "the default would lose the caller's line")]
    fn ne(&self, other: &Tensor<T>) -> bool {
        matches!(ask(Op::Equal, Attrs::default(), &[&self.any, &other.any]), Scalar::Bool(false))
    }
}

impl<T: Elem> PartialEq<T> for Tensor<T> {
    /// Compares a rank-0 tensor with a scalar.
    #[track_caller]
    fn eq(&self, other: &T) -> bool {
        compare(Op::Eq, &self.any, &other.to_scalar().into())
    }

    #[track_caller]
    #[allow(clippy::partialeq_ne_impl, reason = "the default would lose the caller's line")]
    fn ne(&self, other: &T) -> bool {
        compare(Op::Ne, &self.any, &other.to_scalar().into())
    }
}

macro_rules! order {
    ($Other:ty, |$o:ident| $any:expr) => {
        impl<T: Elem> PartialOrd<$Other> for Tensor<T> {
            #[track_caller]
            fn partial_cmp(&self, $o: &$Other) -> Option<Ordering> {
                if compare(Op::Lt, &self.any, $any) {
                    Some(Ordering::Less)
                } else if compare(Op::Gt, &self.any, $any) {
                    Some(Ordering::Greater)
                } else {
                    compare(Op::Eq, &self.any, $any).then_some(Ordering::Equal)
                }
            }
            // Written out: the defaults would lose the caller's line.
            #[track_caller]
            fn lt(&self, $o: &$Other) -> bool {
                compare(Op::Lt, &self.any, $any)
            }
            #[track_caller]
            fn le(&self, $o: &$Other) -> bool {
                compare(Op::Le, &self.any, $any)
            }
            #[track_caller]
            fn gt(&self, $o: &$Other) -> bool {
                compare(Op::Gt, &self.any, $any)
            }
            #[track_caller]
            fn ge(&self, $o: &$Other) -> bool {
                compare(Op::Ge, &self.any, $any)
            }
        }
    };
}
order!(T, |o| &o.to_scalar().into());
order!(Tensor<T>, |o| &o.any);
