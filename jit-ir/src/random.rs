//! Random numbers from a key and a position alone: Philox4x32-10.
//!
//! J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011).
//! A key of 64 bits and a counter of 128 bits give 128 bits. The counter holds the number of a block of elements,
//! and what the bits are for, so that uses of one key for different things do not share bits.

use crate::data::Scalar;
use crate::types::DType;

/// What bits are for.
#[derive(Clone, Copy)]
enum Use {
    Split = 1,
    Uniform = 2,
    Normal = 3,
}

/// Ten rounds of Philox on a counter.
///
/// ```
/// // The first of the authors' known answers.
/// let out = jit_ir::random::philox([0; 4], [0; 2]);
/// assert_eq!(out, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
/// ```
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xd251_1f53;
        let b = u64::from(counter[2]) * 0xcd9e_8d57;
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
    }
    counter
}

fn block(key: i64, number: usize, purpose: Use) -> [u32; 4] {
    let (key, number) = (key as u64, number as u64);
    philox([number as u32, (number >> 32) as u32, purpose as u32, 0], [key as u32, (key >> 32) as u32])
}

/// The key number `i` of those that a key is split into.
pub fn split(key: i64, i: usize) -> i64 {
    let [low, high, ..] = block(key, i, Use::Split);
    (u64::from(low) | u64::from(high) << 32) as i64
}

/// The 53 high bits of two words as a number in 0..1.
fn unit(low: u32, high: u32) -> f64 {
    ((u64::from(low) | u64::from(high) << 32) >> 11) as f64 * (0.5_f64).powi(53)
}

/// Two independent normal numbers, by Box and Muller's transformation.
fn pair(u: f64, v: f64) -> [f64; 2] {
    // 1 - u is never 0.
    let radius = (-2.0 * (1.0 - u).ln()).sqrt();
    let (sin, cos) = (std::f64::consts::TAU * v).sin_cos();
    [radius * cos, radius * sin]
}

/// How many keys a key is split into, if it can be.
///
/// # Errors
/// The number is negative, or of more keys than fit into memory.
pub fn split_count(n: i64) -> Result<usize, String> {
    u32::try_from(n).map(|n| n as usize).map_err(|_| format!("cannot split into {n} keys"))
}

/// The numbers of one block, and how many they are.
type Numbers = ([Scalar; 4], usize);

fn two([a, b]: [f64; 2]) -> Numbers {
    ([Scalar::F64(a), Scalar::F64(b), Scalar::F64(0.0), Scalar::F64(0.0)], 2)
}

/// `n` numbers of the element type, uniform in 0..1: of f32 four to a block, of f64 two.
pub fn uniform(key: i64, n: usize, dtype: DType) -> impl Iterator<Item = Scalar> {
    let of = move |w: [u32; 4]| match dtype {
        DType::F32 => (w.map(|w| Scalar::F32((w >> 8) as f32 * (0.5_f32).powi(24))), 4),
        _ => two([unit(w[0], w[1]), unit(w[2], w[3])]),
    };
    numbers(n, move |i| of(block(key, i, Use::Uniform)))
}

/// `n` numbers of the element type, normal with mean 0 and variance 1: of f32 four to a block, of f64 two.
pub fn normal(key: i64, n: usize, dtype: DType) -> impl Iterator<Item = Scalar> {
    let of = move |w: [u32; 4]| match dtype {
        DType::F32 => {
            let word = |w: u32| f64::from(w) * (0.5_f64).powi(32);
            let (a, b) = (pair(word(w[0]), word(w[1])), pair(word(w[2]), word(w[3])));
            ([a[0], a[1], b[0], b[1]].map(|v| Scalar::F32(v as f32)), 4)
        }
        _ => two(pair(unit(w[0], w[1]), unit(w[2], w[3]))),
    };
    numbers(n, move |i| of(block(key, i, Use::Normal)))
}

fn numbers(n: usize, of: impl Fn(usize) -> Numbers) -> impl Iterator<Item = Scalar> {
    (0..)
        .flat_map(move |i| {
            let (all, count) = of(i);
            all.into_iter().take(count)
        })
        .take(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Prim;

    #[test]
    fn known_answers() {
        let ones = philox([u32::MAX; 4], [u32::MAX; 2]);
        assert_eq!(ones, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]);
        assert_eq!(pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn moments() {
        for dtype in [DType::F32, DType::F64] {
            let n = 100_000;
            let moments = |values: Vec<Scalar>| {
                let values: Vec<f64> = values.into_iter().map(f64::from_scalar).collect();
                let mean = values.iter().sum::<f64>() / n as f64;
                (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64)
            };
            let (mean, var) = moments(uniform(7, n, dtype).collect());
            assert!((mean - 0.5).abs() < 0.005 && (var - 1.0 / 12.0).abs() < 0.002, "{mean} {var}");
            let (mean, var) = moments(normal(7, n, dtype).collect());
            assert!(mean.abs() < 0.02 && (var - 1.0).abs() < 0.02, "{mean} {var}");
            assert!(uniform(3, 1000, dtype).all(|v| (0.0..1.0).contains(&f64::from_scalar(v))));
        }
    }

    #[test]
    fn a_prefix_does_not_depend_on_the_length() {
        let (long, short) = (normal(5, 11, DType::F32), normal(5, 6, DType::F32));
        assert!(long.zip(short).all(|(a, b)| a.same_bits(b)));
        assert_ne!(split(1, 0), split(1, 1));
        assert_ne!(split(1, 0), split(2, 0));
    }
}
