//! Sizes and strides: short lists that are copied at every call.
//!
//! Up to four entries lie inside the value, so that copying one is a few moves; general small
//! vectors copy by a call of `memcpy`, which costs more than the work of a small op.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// Entries that lie inside the value.
const INLINE: usize = 4;

/// A short list of numbers.
#[derive(Clone)]
pub(crate) struct Dims<T> {
    inline: [T; INLINE],
    len: u8,
    /// All entries, where there are more than fit inside.
    long: Option<Box<Vec<T>>>,
}

impl<T: Copy + Default> Dims<T> {
    /// No entries.
    #[inline]
    pub(crate) fn new() -> Dims<T> {
        Dims { inline: [T::default(); INLINE], len: 0, long: None }
    }

    #[inline]
    pub(crate) fn from_slice(entries: &[T]) -> Dims<T> {
        let mut dims = Dims::new();
        if entries.len() > INLINE {
            dims.long = Some(Box::new(entries.to_vec()));
            return dims;
        }
        for (slot, entry) in dims.inline.iter_mut().zip(entries) {
            *slot = *entry;
        }
        dims.len = entries.len() as u8;
        dims
    }

    /// `n` times the same entry.
    pub(crate) fn from_elem(entry: T, n: usize) -> Dims<T> {
        std::iter::repeat_n(entry, n).collect()
    }

    pub(crate) fn push(&mut self, entry: T) {
        self.insert(self.len(), entry);
    }

    pub(crate) fn insert(&mut self, at: usize, entry: T) {
        let n = self.len();
        if let Some(long) = &mut self.long {
            long.insert(at, entry);
        } else if n < INLINE {
            self.inline.copy_within(at..n, at + 1);
            self.inline[at] = entry;
            self.len += 1;
        } else {
            let mut long = self.inline.to_vec();
            long.insert(at, entry);
            self.long = Some(Box::new(long));
        }
    }

    pub(crate) fn remove(&mut self, at: usize) {
        let mut entries = self.to_vec();
        entries.remove(at);
        *self = Dims::from_slice(&entries);
    }
}

impl<T> Deref for Dims<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        match &self.long {
            None => &self.inline[..usize::from(self.len)],
            Some(long) => long,
        }
    }
}

impl<T> DerefMut for Dims<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.long {
            None => &mut self.inline[..usize::from(self.len)],
            Some(long) => long,
        }
    }
}

impl<T: Copy + Default> FromIterator<T> for Dims<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Dims<T> {
        let mut dims = Dims::new();
        iter.into_iter().for_each(|entry| dims.push(entry));
        dims
    }
}

impl<T: Copy + Default> From<&[T]> for Dims<T> {
    fn from(entries: &[T]) -> Dims<T> {
        Dims::from_slice(entries)
    }
}

impl<'a, T> IntoIterator for &'a Dims<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: PartialEq> PartialEq for Dims<T> {
    fn eq(&self, other: &Dims<T>) -> bool {
        **self == **other
    }
}

impl<T: fmt::Debug> fmt::Debug for Dims<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_lists_behave_alike() {
        for n in 0..8_usize {
            let mut dims: Dims<usize> = (0..n).collect();
            let mut list: Vec<usize> = (0..n).collect();
            assert_eq!(*dims, list[..]);
            dims.insert(n / 2, 9);
            list.insert(n / 2, 9);
            assert_eq!(*dims, list[..]);
            dims.remove(0);
            list.remove(0);
            assert_eq!(*dims, list[..]);
            assert_eq!(dims, Dims::from_slice(&list));
        }
        assert_eq!(*Dims::from_elem(7, 5), [7; 5]);
    }
}
