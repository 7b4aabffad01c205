//! Kernels: loops over plain memory, compiled for each instruction level (AVX-512, AVX2, none) by
//! pulp and chosen once at run time.

mod builtin;
pub(crate) mod chain;
pub(crate) mod conv;
pub(crate) mod copy;
pub(crate) mod exps;
mod gemm;
pub(crate) mod launch;
pub(crate) mod math;
pub(crate) mod matmul;
pub mod native;
mod nest;
pub(crate) mod norm;
mod periodic;
pub(crate) mod reduce;
pub(crate) mod repeat;
pub(crate) mod rows;
#[cfg(test)]
mod samples;
pub(crate) mod scalar;
pub(crate) mod sequential;
pub(crate) mod table;
pub(crate) mod tile;
mod turn;
pub(crate) mod vector_product;
pub(crate) mod waves;
mod wide;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Which of [`levels`] runs, counted from 1; 0 is the best one.
static LEVEL: AtomicUsize = AtomicUsize::new(0);

/// The machine's instruction level, or the one that a test chose.
#[inline]
pub(crate) fn arch() -> pulp::Arch {
    static BEST: OnceLock<pulp::Arch> = OnceLock::new();
    match LEVEL.load(Ordering::Relaxed) {
        0 => *BEST.get_or_init(pulp::Arch::new),
        n => levels()[n - 1],
    }
}

/// Every instruction level that the machine has, plain code first.
pub(crate) fn levels() -> &'static [pulp::Arch] {
    static LEVELS: OnceLock<Vec<pulp::Arch>> = OnceLock::new();
    LEVELS.get_or_init(|| {
        let mut all = vec![pulp::Arch::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(pulp::x86::V3::try_new().map(pulp::Arch::V3));
            all.extend(pulp::x86::V4::try_new().map(pulp::Arch::V4));
        }
        all
    })
}

/// Chooses one of [`levels`] for all threads; results are the same bits at each.
pub(crate) fn choose_level(level: Option<usize>) {
    LEVEL.store(level.map_or(0, |n| n + 1), Ordering::Relaxed);
}
