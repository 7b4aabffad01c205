//! Rows of numbers for tests of kernels that do a whole row.

use super::levels;
use crate::testing::at_level;

/// How many there are.
pub(super) const ROWS: usize = 8;

/// Element `i` of a row: numbers of several sizes, infinities and a NaN in some rows.
pub(super) fn element(row: usize, i: usize) -> f64 {
    match (row, (i * 7919 + row) % 13) {
        (1, 0) | (3, _) => f64::NEG_INFINITY,
        (2, 5) => f64::INFINITY,
        (4, 7) => f64::NAN,
        (5, k) => (k as f64 - 6.0) * 1e30,
        (6, k) => [0.0, -0.0][k % 2],
        (_, k) => (k as f64 - 6.0) * (i % 29) as f64 * 0.7,
    }
}

/// Calls `body` at every instruction level of the machine.
pub(super) fn at_every_level(mut body: impl FnMut(usize)) {
    (0..levels().len()).for_each(|level| at_level(level, || body(level)));
}
