//! How many threads kernels use. Results do not depend on it.

use std::sync::atomic::{AtomicUsize, Ordering};

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

/// How many threads a call may use.
pub(crate) fn count() -> usize {
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

/// Runs both, side by side where there are threads.
pub(crate) fn join(a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    rayon::join(a, b);
}

/// Runs `body` over `from..to` in ranges of at most `share`, which begin at multiples of it from `from` on, side by
/// side where there are threads.
pub(crate) fn ranges(from: usize, to: usize, share: usize, body: &(impl Fn(usize, usize) + Sync)) {
    if to - from > share {
        let middle = from + (to - from).div_ceil(2).next_multiple_of(share);
        if middle < to {
            return join(|| ranges(from, middle, share, body), || ranges(middle, to, share, body));
        }
    }
    body(from, to);
}

/// Calls `body` with pieces of `out` and where each begins, side by side where there are threads; pieces have at most
/// `share` elements and begin at multiples of `unit`.
pub(crate) fn pieces<T: Send>(
    out: &mut [T],
    unit: usize,
    share: usize,
    body: &(impl Fn(usize, &mut [T]) + Sync),
) {
    fn split<T: Send>(
        out: &mut [T],
        at: usize,
        unit: usize,
        share: usize,
        body: &(impl Fn(usize, &mut [T]) + Sync),
    ) {
        let middle = (out.len() / 2).next_multiple_of(unit);
        if out.len() <= share || middle >= out.len() {
            return body(at, out);
        }
        let (left, right) = out.split_at_mut(middle);
        join(|| split(left, at, unit, share, body), || split(right, at + middle, unit, share, body));
    }
    split(out, 0, unit.max(1), share.max(1), body);
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn pieces_are_the_whole() {
        for n in [0, 1, 5, 6, 7, 100, 101] {
            for unit in [1, 3, 7] {
                for share in [1, 10, 1000] {
                    let mut out = vec![0; n];
                    pieces(&mut out, unit, share, &|at, piece| {
                        assert!(at % unit == 0 && piece.len() <= share.max(2 * unit));
                        piece.iter_mut().enumerate().for_each(|(i, v)| *v += at + i);
                    });
                    assert!(out.iter().enumerate().all(|(i, v)| i == *v), "{n} {unit} {share}");
                }
            }
        }
    }
}
