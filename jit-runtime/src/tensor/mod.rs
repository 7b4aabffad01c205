//! `Tensor<T>`: dense, any rank, cheap to clone; views share their buffer.

mod arrange;
mod composite;
mod convert;
mod elem;
mod index;
pub(crate) mod lent;
mod make;
pub(crate) mod methods;
mod operators;
mod print;
mod random;
pub(crate) mod raw;
mod shared;
pub(crate) mod storage;
mod window;

use std::marker::PhantomData;
use std::panic::Location;

use crate::error::{Error, fail};
use crate::exec::ops;
use crate::few::few;
use crate::trace::{self, Tag};
pub use convert::{AsTensor, Axes, Axis, Extent, IntoReshape, IntoShape, Operand, Pair};
pub use elem::{Bits, Elem, Float, Num};
use jit_ir::ops::Attrs;
use jit_ir::{Op, Scalar};
#[doc(hidden)]
pub use methods::is_traced;
pub use random::Key;
use raw::{RawTensor, Val};

/// A dense tensor of `f32`, `f64`, `i32`, `i64`, `u8` or `bool`, of any rank.
///
/// Cloning shares the buffer; transposes, slices and broadcasts are views. A tensor is immutable
/// unless it is uniquely owned.
///
/// ```
/// use jit_runtime::prelude::*;
/// # fn main() {
/// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
/// let y = &x * 2.0 + &x.t();
/// assert_eq!(y, Tensor::from([[3.0, 7.0], [8.0, 12.0]]));
/// assert_eq!(y.sum().item(), 30.0);
/// # }
/// ```
#[derive(Clone)]
pub struct Tensor<T: Elem = f32> {
    pub(crate) any: Any,
    elem: PhantomData<T>,
}

/// A value with its place in a recording, if it belongs to one.
#[derive(Clone)]
pub(crate) struct Any {
    pub(crate) val: Val,
    pub(crate) tag: Option<Tag>,
}

impl Any {
    /// Whether no recording looks: it belongs to none, or to one that has ended, as what a recorded call gave does.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.tag.is_none() || !trace::is_open(self)
    }
}

impl From<RawTensor> for Any {
    fn from(raw: RawTensor) -> Any {
        Any { val: Val::Tensor(raw), tag: None }
    }
}

impl From<Scalar> for Any {
    fn from(scalar: Scalar) -> Any {
        Any { val: Val::Scalar(scalar), tag: None }
    }
}

/// The value of an op; recorded if an operand belongs to a recording.
#[track_caller]
pub(crate) fn call(op: Op, attrs: Attrs, args: &[&Any]) -> Any {
    call_at(op, attrs, args, Location::caller())
}

/// As [`call`], for the line `at`.
#[track_caller]
pub(crate) fn call_at(op: Op, attrs: Attrs, args: &[&Any], at: &'static Location<'static>) -> Any {
    let applied = few(args.len(), &Val::Undef, |vals| {
        vals.iter_mut().zip(args).for_each(|(to, a)| *to = &a.val);
        ops::apply(op, &attrs, vals)
    });
    match applied {
        Ok(val) => {
            let traced = args.iter().any(|a| a.tag.is_some());
            let tag = if traced { trace::record(op, attrs, args, &val, at) } else { None };
            Any { val, tag }
        }
        Err(message) => {
            trace::failed(args.iter().copied());
            fail(Error::op(op, message, Some(at.into())))
        }
    }
}

/// The host scalar that an op gives; a guard if an operand belongs to a recording.
#[track_caller]
pub(crate) fn ask(op: Op, attrs: Attrs, args: &[&Any]) -> Scalar {
    ask_at(op, attrs, args, Location::caller())
}

/// As [`ask`], for the line `at`.
#[track_caller]
pub(crate) fn ask_at(op: Op, attrs: Attrs, args: &[&Any], at: &'static Location<'static>) -> Scalar {
    let answer = call_at(op, attrs, args, at);
    trace::observe(&answer, at);
    match answer.val {
        Val::Scalar(s) => s,
        _ => unreachable!("`{}` gives a host scalar", op.name()),
    }
}

impl<T: Elem> Tensor<T> {
    pub(crate) fn from_any(any: Any) -> Tensor<T> {
        debug_assert!(matches!(&any.val, Val::Tensor(t) if t.dtype == T::DTYPE));
        Tensor { any, elem: PhantomData }
    }

    pub(crate) fn from_raw(raw: RawTensor) -> Tensor<T> {
        Tensor::from_any(raw.into())
    }

    /// The concrete value, unseen by a recording: only for what the host does not get to know.
    #[inline]
    pub(crate) fn raw(&self) -> &RawTensor {
        match &self.any.val {
            Val::Tensor(t) => t,
            _ => unreachable!("a tensor holds a tensor"),
        }
    }

    /// The concrete value for the host: in a recording, a guard on all elements.
    #[track_caller]
    pub(crate) fn seen(&self) -> &RawTensor {
        trace::observe(&self.any, Location::caller());
        self.raw()
    }

    #[track_caller]
    pub(crate) fn unary<U: Elem>(&self, op: Op, attrs: Attrs) -> Tensor<U> {
        Tensor::from_any(call(op, attrs, &[&self.any]))
    }

    #[track_caller]
    pub(crate) fn binary<U: Elem>(&self, op: Op, other: &Any) -> Tensor<U> {
        Tensor::from_any(call(op, Attrs::default(), &[&self.any, other]))
    }
}
