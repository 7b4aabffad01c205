//! Kernels: loops over plain memory, compiled for each instruction level (AVX-512, AVX2, none) by
//! pulp and chosen once at run time.

pub(crate) mod conv;
pub(crate) mod copy;
pub(crate) mod launch;
pub(crate) mod math;
pub(crate) mod matmul;
pub(crate) mod reduce;
pub(crate) mod scalar;
pub(crate) mod table;
pub(crate) mod tile;

use std::sync::OnceLock;

/// The machine's instruction level.
#[inline]
pub(crate) fn arch() -> pulp::Arch {
    static ARCH: OnceLock<pulp::Arch> = OnceLock::new();
    *ARCH.get_or_init(pulp::Arch::new)
}
