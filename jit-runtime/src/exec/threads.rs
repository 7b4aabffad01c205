//! How many threads kernels use. Results do not depend on it.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Sets how many threads a call may use; 1 keeps everything on the caller's.
///
/// The environment variable `JIT_THREADS` sets it at start; without either it is the number of
/// cores. Results are the same bits at any number.
///
/// ```
/// jit_runtime::set_threads(1);
/// ```
pub fn set_threads(threads: usize) {
    COUNT.store(threads.max(1), Ordering::Relaxed);
}

thread_local! {
    /// Whether what runs here is one of the pieces that threads share.
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body`, none of which is shared between threads.
pub(crate) fn alone<R>(body: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            ALONE.set(self.0);
        }
    }
    let _before = Before(ALONE.replace(true));
    body()
}

/// How many threads a call may use.
pub(crate) fn count() -> usize {
    if ALONE.get() {
        return 1;
    }
    match COUNT.load(Ordering::Relaxed) {
        0 => {
            let named = std::env::var("JIT_THREADS").ok().and_then(|v| v.parse().ok());
            let cores = || std::thread::available_parallelism().map_or(1, usize::from);
            set_threads(named.unwrap_or_else(cores));
            COUNT.load(Ordering::Relaxed)
        }
        n => n,
    }
}

/// Pieces of work for each thread, where waking one counts beside them: who has to be woken takes fewer.
pub(crate) const PIECES: usize = 4;

/// How often a thread looks whether others are done before it sleeps: waking it takes longer than their last piece.
const LOOKS: usize = 10_000;

/// Runs `body` for each number below `pieces`, on this thread and on others as they come along: one that has to be woken
/// takes fewer.
fn each(pieces: usize, body: &(impl Fn(usize) + Sync)) {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                break;
            }
            body(piece);
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    rayon::in_place_scope(|scope| {
        (1..count().min(pieces)).for_each(|_| scope.spawn(|_| work()));
        work();
        wait_for(&done, pieces);
    });
}

/// Runs both, side by side where there are threads.
pub(crate) fn join(a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    let done = AtomicUsize::new(0);
    rayon::in_place_scope(|scope| {
        scope.spawn(|_| {
            b();
            done.fetch_add(1, Ordering::Relaxed);
        });
        a();
        wait_for(&done, 1);
    });
}

/// Looks for a while whether so many are done.
fn wait_for(done: &AtomicUsize, all: usize) {
    for _ in 0..LOOKS {
        if done.load(Ordering::Relaxed) >= all {
            break;
        }
        std::hint::spin_loop();
    }
}

/// Runs `body` over `from..to` in ranges of at most `share`, which begin at multiples of it from `from` on, side by
/// side where there are threads.
pub(crate) fn ranges(from: usize, to: usize, share: usize, body: &(impl Fn(usize, usize) + Sync)) {
    let share = share.max(1);
    if to - from <= share {
        return body(from, to);
    }
    each((to - from).div_ceil(share), &|i| {
        let at = from + i * share;
        body(at, to.min(at + share));
    });
}

/// Calls `body` with pieces of `out` and where each begins, side by side where there are threads; pieces have at most
/// `share` elements, or one unit, and begin at multiples of `unit`.
pub(crate) fn pieces<T: Send>(
    out: &mut [T],
    unit: usize,
    share: usize,
    body: &(impl Fn(usize, &mut [T]) + Sync),
) {
    let unit = unit.max(1);
    let size = (share / unit).max(1) * unit;
    if out.len() <= size {
        return body(0, out);
    }
    one_each(out.chunks_mut(size).collect(), &|i, piece| body(i * size, piece));
}

/// Calls `body` with each of the pieces and its number, side by side where there are threads.
pub(crate) fn one_each<P: Send>(pieces: Vec<P>, body: &(impl Fn(usize, P) + Sync)) {
    let pieces: Vec<Mutex<Option<P>>> = pieces.into_iter().map(|piece| Mutex::new(Some(piece))).collect();
    each(pieces.len(), &|i| {
        // Nobody else has this number, so that nobody waits for the lock.
        let piece = pieces[i].lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(piece) = piece {
            body(i, piece);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{pieces, ranges, set_threads};

    #[test]
    fn pieces_are_the_whole() {
        for n in [0, 1, 5, 6, 7, 100, 101] {
            for unit in [1, 3, 7] {
                for share in [1, 10, 1000] {
                    let mut out = vec![0; n];
                    pieces(&mut out, unit, share, &|at, piece| {
                        assert!(at % unit == 0 && piece.len() <= share.max(unit));
                        piece.iter_mut().enumerate().for_each(|(i, v)| *v += at + i);
                    });
                    assert!(out.iter().enumerate().all(|(i, v)| i == *v), "{n} {unit} {share}");
                }
            }
        }
    }

    #[test]
    fn ranges_meet_and_errors_end_them() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        set_threads(3);
        for (from, to, share) in [(0, 0, 4), (5, 6, 1), (3, 100, 7), (0, 64, 16), (0, 1000, 1)] {
            let seen: Vec<AtomicUsize> = (0..to).map(|_| AtomicUsize::new(0)).collect();
            ranges(from, to, share, &|a, b| {
                assert!((a - from).is_multiple_of(share) && b - a <= share);
                seen[a..b].iter().for_each(|n| {
                    n.fetch_add(1, Ordering::Relaxed);
                });
            });
            assert!(
                seen.iter().enumerate().all(|(i, n)| n.load(Ordering::Relaxed) == usize::from(i >= from))
            );
        }
        let failed = std::panic::catch_unwind(|| {
            ranges(0, 100, 10, &|from, _| assert!(from != 50, "the sixth fails"));
        });
        assert!(failed.is_err());
    }
}
