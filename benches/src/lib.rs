//! What the benchmark binaries share: reproducible inputs, and timing of several systems in turns.

pub mod inputs;
pub mod measure;

/// The product of two row-major `n x n` matrices by faer alone, on this thread.
pub fn square_product(a: &[f32], b: &[f32], out: &mut [f32], n: usize) {
    faer::linalg::matmul::matmul(
        faer::MatMut::from_row_major_slice_mut(out, n, n),
        faer::Accum::Replace,
        faer::MatRef::from_row_major_slice(a, n, n),
        faer::MatRef::from_row_major_slice(b, n, n),
        1.0,
        faer::Par::Seq,
    );
}
