//! The list in which a run has its values: the arguments at first, then all slots, at last the results.
//!
//! It is passed on as one pointer, and the thread keeps it for later runs.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut, Range};

use crate::tensor::raw::Val;

/// The values of a run.
pub(crate) struct Frame(Option<Box<Slots>>);

#[derive(Default)]
struct Slots {
    list: Vec<Val>,
    /// What the frame is about: the arguments before a run, the results after it.
    shown: Range<usize>,
}

thread_local! {
    /// The lists of earlier runs on this thread, emptied.
    #[allow(clippy::vec_box, reason = "they are handed on as pointers")]
    static KEPT: RefCell<Vec<Box<Slots>>> = const { RefCell::new(Vec::new()) };
}

/// Lists that a thread keeps for later runs.
const MOST: usize = 4;

impl Frame {
    /// An empty one. A nested call finds the list of the outer one taken and gets another.
    pub(crate) fn new() -> Frame {
        Frame(Some(KEPT.with(|kept| kept.borrow_mut().pop()).unwrap_or_default()))
    }

    #[inline]
    fn list(&mut self) -> &mut Slots {
        self.0.get_or_insert_default()
    }

    /// Appends an argument.
    #[inline]
    pub(crate) fn push(&mut self, val: Val) {
        let slots = self.list();
        debug_assert_eq!(slots.shown.end, slots.list.len());
        slots.list.push(val);
        slots.shown.end += 1;
    }

    /// Appends a copy of an argument, written where it will stand.
    #[inline]
    pub(crate) fn push_copy(&mut self, val: &Val) {
        let slots = self.list();
        debug_assert_eq!(slots.shown.end, slots.list.len());
        slots.list.extend_from_slice(std::slice::from_ref(val));
        slots.shown.end += 1;
    }

    /// All slots.
    #[inline]
    pub(super) fn slots(&mut self) -> &mut Vec<Val> {
        &mut self.list().list
    }

    /// Only these slots are the frame's values now.
    #[inline]
    pub(super) fn show(&mut self, slots: Range<usize>) {
        debug_assert!(slots.end <= self.slots().len());
        self.list().shown = slots;
    }

    /// Only these of the values.
    pub(crate) fn narrow(&mut self, part: Range<usize>) {
        let from = self.list().shown.start;
        self.show(from + part.start..from + part.end);
    }

    /// The values alone.
    pub(crate) fn into_vec(mut self) -> Vec<Val> {
        let Slots { list, shown } = self.list();
        if *shown == (0..list.len()) {
            *shown = 0..0;
            return std::mem::take(list);
        }
        list.drain(shown.clone()).collect()
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        let Some(mut slots) = self.0.take() else { return };
        slots.list.clear();
        slots.shown = 0..0;
        // The thread may be ending.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < MOST {
                kept.push(slots);
            }
        });
    }
}

impl Clone for Frame {
    fn clone(&self) -> Frame {
        let mut copy = Frame::new();
        self.iter().for_each(|val| copy.push_copy(val));
        copy
    }
}

impl Deref for Frame {
    type Target = [Val];
    #[inline]
    fn deref(&self) -> &[Val] {
        match &self.0 {
            Some(slots) => &slots.list[slots.shown.clone()],
            None => &[],
        }
    }
}

impl DerefMut for Frame {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Val] {
        let Slots { list, shown } = self.list();
        &mut list[shown.clone()]
    }
}

impl From<Vec<Val>> for Frame {
    fn from(list: Vec<Val>) -> Frame {
        let shown = 0..list.len();
        Frame(Some(Box::new(Slots { list, shown })))
    }
}

#[cfg(test)]
mod tests {
    use jit_ir::Scalar;

    use super::*;

    fn numbers(vals: &[Val]) -> Vec<i64> {
        vals.iter().map(|v| v.scalar().map_or(-1, Scalar::as_i64)).collect()
    }

    #[test]
    fn a_frame_shows_its_arguments_then_its_results() {
        let mut frame = Frame::new();
        (0..3).for_each(|i| frame.push(Val::Scalar(Scalar::I64(i))));
        assert_eq!(numbers(&frame), [0, 1, 2]);
        frame.slots().push(Val::Scalar(Scalar::I64(7)));
        frame.show(1..4);
        frame.narrow(1..3);
        assert_eq!(numbers(&frame), [2, 7]);
        let copy = frame.clone();
        assert_eq!(numbers(&frame.into_vec()), [2, 7]);
        assert_eq!(numbers(&copy.into_vec()), [2, 7]);
        assert!(Frame::new().is_empty());
    }
}
