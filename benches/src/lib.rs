//! What the benchmark binaries share: reproducible inputs, and timing of several systems in turns.

pub mod inputs;
pub mod measure;

/// The product of `a`, which has as many rows as `out`, and an `n x n` matrix, `turned` or not, by faer alone, on this
/// thread. All stand row by row.
pub fn faer_product(a: &[f32], b: &[f32], turned: bool, out: &mut [f32], n: usize) {
    let rows = out.len() / n;
    let b = faer::MatRef::from_row_major_slice(b, n, n);
    faer::linalg::matmul::matmul(
        faer::MatMut::from_row_major_slice_mut(out, rows, n),
        faer::Accum::Replace,
        faer::MatRef::from_row_major_slice(a, rows, n),
        if turned { b.transpose() } else { b },
        1.0,
        faer::Par::Seq,
    );
}
