//! Values by their keys, found without a lock.

use std::sync::OnceLock;

/// How many are kept.
const KEPT: usize = 16;

/// What was made for the first keys that were asked for; apart from who holds it, who may be small otherwise.
pub(super) struct Seen<K, V>(Box<[OnceLock<(K, V)>; KEPT]>);

impl<K, V> Default for Seen<K, V> {
    fn default() -> Seen<K, V> {
        Seen(Box::new([const { OnceLock::new() }; KEPT]))
    }
}

impl<K: PartialEq + Clone, V: Clone> Seen<K, V> {
    /// The value of a key, made if it was not there, and kept while there is room.
    pub(super) fn get(&self, key: &K, make: impl FnOnce() -> V) -> V {
        let known = self.0.iter().map_while(OnceLock::get).find(|(k, _)| k == key);
        if let Some((_, value)) = known {
            return value.clone();
        }
        let mut entry = (key.clone(), make());
        let value = entry.1.clone();
        // Another thread may have taken a place meanwhile, for the same key, too, which does no harm.
        for place in self.0.iter() {
            match place.set(entry) {
                Ok(()) => break,
                Err(other) => entry = other,
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{KEPT, Seen};

    #[test]
    fn values_are_made_once_while_there_is_room() {
        let (seen, made) = (Seen::<usize, usize>::default(), AtomicUsize::new(0));
        for round in 1..=3 {
            for key in 0..KEPT + 2 {
                let value = seen.get(&key, || {
                    made.fetch_add(1, Ordering::Relaxed);
                    key * 10
                });
                assert_eq!(value, key * 10);
            }
            assert_eq!(made.load(Ordering::Relaxed), KEPT + 2 * round);
        }
    }

    #[test]
    fn threads_see_the_same() {
        let seen = Seen::<usize, usize>::default();
        std::thread::scope(|s| {
            for t in 0..4 {
                let seen = &seen;
                s.spawn(move || {
                    (0..200).for_each(|i| {
                        assert_eq!(seen.get(&((i + t) % 7), || (i + t) % 7 + 1), (i + t) % 7 + 1)
                    })
                });
            }
        });
    }
}
