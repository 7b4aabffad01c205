//! What a thread's runs did: for tests that count kernels and temporaries, and for `stats`.

use std::cell::Cell;

thread_local! {
    static KERNELS: Cell<u64> = const { Cell::new(0) };
    static TENSORS: Cell<u64> = const { Cell::new(0) };
    static FALLBACKS: Cell<u64> = const { Cell::new(0) };
}

/// Counts one elementwise kernel that made so many tensors.
pub(crate) fn kernel(tensors: usize) {
    KERNELS.set(KERNELS.get() + 1);
    TENSORS.set(TENSORS.get() + tensors as u64);
}

/// Runs `body`, which counts as so many kernels, however often it runs each.
pub(crate) fn as_kernels<R>(kernels: usize, body: impl FnOnce() -> R) -> R {
    let before = (KERNELS.get(), TENSORS.get());
    let result = body();
    KERNELS.set(before.0 + kernels as u64);
    TENSORS.set(before.1 + kernels as u64);
    result
}

/// Elementwise kernels run on this thread so far, and tensors that they made.
pub fn kernels() -> (u64, u64) {
    (KERNELS.get(), TENSORS.get())
}

/// Counts an optimised run that met an error.
pub(crate) fn fell_back() {
    FALLBACKS.set(FALLBACKS.get() + 1);
}

/// Optimised runs of this thread that met an error, so that the graph was run as it was written.
pub fn fallbacks() -> u64 {
    FALLBACKS.get()
}
