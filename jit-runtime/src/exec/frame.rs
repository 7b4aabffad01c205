//! The list in which a run has its values: all slots at first, at last the results.
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
    /// The results of the run.
    shown: Range<usize>,
}

thread_local! {
    /// The lists of earlier runs on this thread, in which no value is set.
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

    /// Makes room for a run: so many slots, none of them set.
    #[inline]
    pub(super) fn begin(&mut self, slots: usize) {
        let Slots { list, shown } = self.list();
        *shown = 0..0;
        list.iter_mut().for_each(Val::clear);
        // Most runs find the list as the one before left it.
        if list.len() != slots {
            list.resize(slots, Val::Undef);
        }
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
        slots.list.iter_mut().for_each(Val::clear);
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
    fn a_frame_shows_the_results_of_its_last_run() {
        let mut frame = Frame::new();
        assert!(frame.is_empty());
        for first in [0, 10] {
            frame.begin(3);
            assert!(frame.is_empty() && frame.slots().iter().all(|v| matches!(v, Val::Undef)));
            let slots = frame.slots();
            slots.iter_mut().enumerate().for_each(|(i, v)| *v = Val::Scalar(Scalar::I64(first + i as i64)));
            slots.push(Val::Scalar(Scalar::I64(7)));
            frame.show(1..4);
            assert_eq!(numbers(&frame), [first + 1, first + 2, 7]);
        }
        frame.narrow(1..3);
        assert_eq!(numbers(&frame), [12, 7]);
        assert_eq!(numbers(&frame.into_vec()), [12, 7]);
    }
}
