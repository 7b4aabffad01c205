//! Convolution and pooling: each element by itself, in the order that holds in every mode.

use super::combine::dot;
use super::elementwise::element;
use super::layout::{coordinates, position};
use super::{Value, made};
use crate::data::Scalar;
use crate::ops::Op;
use crate::ops::window::Window;
use crate::types::DType;

type Result<T> = std::result::Result<T, String>;

fn counts(operands: &[Value]) -> Result<Vec<usize>> {
    operands.iter().map(|v| v.scalar().map(|s| s.as_i64() as usize)).collect()
}

/// One chain of fused multiply-adds over channels, rows and columns of the window, zeros in the padding.
pub(super) fn conv(operands: &[Value], to: &[usize]) -> Result<Value> {
    let (x, w, numbers) = (operands[0].tensor()?, operands[1].tensor()?, counts(&operands[2..])?);
    let window = Window::of_conv(&w.shape, &numbers);
    let per_group = to[1] / numbers[6].max(1);
    let zero = Scalar::U8(0).cast(x.dtype());
    let one = |i: usize| {
        let at = coordinates(i, to);
        let first = at[1] / per_group * w.shape[1];
        let pairs: Vec<(Scalar, Scalar)> = (0..w.shape[1..].iter().product())
            .map(|k| {
                let in_w = coordinates(k, &w.shape[1..]);
                let row = window.position(0, at[2], in_w[1], x.shape[2]);
                let column = window.position(1, at[3], in_w[2], x.shape[3]);
                let value = match (row, column) {
                    (Some(r), Some(c)) => x.get(position(&[at[0], first + in_w[0], r, c], &x.shape)),
                    _ => zero,
                };
                (w.get(at[1] * w.shape[1..].iter().product::<usize>() + k), value)
            })
            .collect();
        dot(&pairs, zero)
    };
    Ok(made(x.dtype(), to, &(0..to.iter().product()).map(one).collect::<Vec<_>>()))
}

/// Rows and columns of the window in order; the mean counts the padding.
pub(super) fn pool(op: Op, operands: &[Value], to: &[usize]) -> Result<Value> {
    let (x, numbers) = (operands[0].tensor()?, counts(&operands[1..])?);
    let window = Window::of_pool(&numbers);
    let [rows, columns] = window.kernel;
    let (dtype, size) = (x.dtype(), Scalar::Usize(rows * columns).cast(x.dtype()));
    let combine = if op == Op::MaxPool2d { Op::Maximum } else { Op::Add };
    let one = |i: usize| -> Result<Scalar> {
        let at = coordinates(i, to);
        let mut all = if op == Op::MaxPool2d { lowest(dtype) } else { Scalar::U8(0).cast(dtype) };
        for k in 0..rows * columns {
            let row = window.position(0, at[2], k / columns, x.shape[2]);
            let column = window.position(1, at[3], k % columns, x.shape[3]);
            if let (Some(r), Some(c)) = (row, column) {
                let value = x.get(position(&[at[0], at[1], r, c], &x.shape));
                all = element(combine, &[all, value], None, None)?;
            }
        }
        if op == Op::MaxPool2d { Ok(all) } else { element(Op::Div, &[all, size], None, None) }
    };
    Ok(made(dtype, to, &(0..to.iter().product()).map(one).collect::<Result<Vec<_>>>()?))
}

/// What every element is at least.
fn lowest(dtype: DType) -> Scalar {
    if dtype.is_float() { Scalar::F64(f64::NEG_INFINITY).cast(dtype) } else { Scalar::F64(-1e30).cast(dtype) }
}
