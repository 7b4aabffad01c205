//! The inputs of the workloads: splitmix64 streams, the same in every system that is measured.

/// Values of a stream in `lo..hi`, as f32.
pub fn uniform(stream: u64, n: usize, lo: f64, hi: f64) -> Vec<f32> {
    (1..=n as u64)
        .map(|i| {
            let mut z = stream.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let k = (z ^ (z >> 31)) >> 40;
            (lo + (hi - lo) * (k as f64 * 2.0_f64.powi(-24))) as f32
        })
        .collect()
}
