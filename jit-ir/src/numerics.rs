//! The orders of addition that hold in every mode.
//!
//! A reduction runs over the elements in logical index order: blocks of [`BLOCK`] elements,
//! [`LANES`] lanes in each (element `i` of a block goes to lane `i % LANES`), a fixed tree over the
//! lanes, then pairs of neighbouring blocks. Lanes without an element hold the identity.
//!
//! An element of a matrix product is one chain of fused multiply-adds over ascending
//! index in blocks of [`CHAIN`]; the blocks' sums are added in order.

/// Elements of a block.
pub const BLOCK: usize = 4096;
/// Lanes of a block.
pub const LANES: usize = 64;
/// Length of a chain of fused multiply-adds.
pub const CHAIN: usize = 512;

/// Reduces by the fixed tree; `None` for no elements.
pub fn tree<T: Copy>(values: &[T], identity: T, combine: impl Fn(T, T) -> T) -> Option<T> {
    let mut sums: Vec<T> = values
        .chunks(BLOCK)
        .map(|block| {
            let mut lanes = [identity; LANES];
            for (i, v) in block.iter().enumerate() {
                lanes[i % LANES] = combine(lanes[i % LANES], *v);
            }
            fold_lanes(&mut lanes, &combine)
        })
        .collect();
    while sums.len() > 1 {
        sums = sums.chunks(2).map(|p| if p.len() == 2 { combine(p[0], p[1]) } else { p[0] }).collect();
    }
    sums.first().copied()
}

/// The tree over the lanes of one block.
#[inline(always)]
pub fn fold_lanes<T: Copy>(lanes: &mut [T; LANES], combine: impl Fn(T, T) -> T) -> T {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = combine(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// A sum of products by chains of fused multiply-adds.
pub fn chain<T: Copy>(pairs: &[(T, T)], zero: T, fma: impl Fn(T, T, T) -> T, add: impl Fn(T, T) -> T) -> T {
    let mut total: Option<T> = None;
    for block in pairs.chunks(CHAIN) {
        let sum = block.iter().fold(zero, |acc, (a, b)| fma(*a, *b, acc));
        total = Some(total.map_or(sum, |t| add(t, sum)));
    }
    total.unwrap_or(zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_of_integers_is_their_sum() {
        for n in [0_u64, 1, 63, 64, 65, 4095, 4096, 4097, 20_000] {
            let values: Vec<u64> = (0..n).collect();
            let sum = tree(&values, 0, |a, b| a + b).unwrap_or(0);
            assert_eq!(sum, values.iter().sum::<u64>());
        }
    }
}
