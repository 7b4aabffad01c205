//! Convolution and pooling; the shapes fit.

use jit_ir::ops::lanes::{Add, Binary, Div, Maximum};
use jit_ir::ops::window::Window;
use jit_ir::{DType, Op, Prim, Scalar};

use crate::kernels::conv::{self, Conv};
use crate::kernels::matmul::Product;
use crate::tensor::raw::{RawTensor, Val};

fn numbers(args: &[&Val]) -> Result<Vec<usize>, String> {
    args.iter().map(|v| v.scalar().map(|s| s.as_i64() as usize)).collect()
}

pub(super) fn conv2d(args: &[&Val], sizes: &[usize]) -> Result<RawTensor, String> {
    let (x, w, numbers) = (args[0].tensor()?, args[1].tensor()?, numbers(&args[2..])?);
    Ok(match x.dtype {
        DType::F32 => convolved::<f32>(x, w, &numbers, sizes),
        DType::F64 => convolved::<f64>(x, w, &numbers, sizes),
        DType::U8 => convolved::<u8>(x, w, &numbers, sizes),
        DType::I32 => convolved::<i32>(x, w, &numbers, sizes),
        _ => convolved::<i64>(x, w, &numbers, sizes),
    })
}

fn convolved<T: Product>(x: &RawTensor, w: &RawTensor, numbers: &[usize], sizes: &[usize]) -> RawTensor {
    let (x, w, groups) = (x.contiguous(), w.contiguous(), numbers[6]);
    let conv = Conv::<T> {
        x: x.as_slice().unwrap_or(&[]),
        weights: w.as_slice().unwrap_or(&[]),
        window: Window::of_conv(&w.shape, numbers),
        channels: [w.shape[1], w.shape[0] / groups],
        size: [x.shape[2], x.shape[3]],
        to: [sizes[2], sizes[3]],
        groups,
    };
    let mut out = RawTensor::uninit(T::DTYPE, sizes);
    conv.run(out.fresh());
    out
}

pub(super) fn pool(op: Op, args: &[&Val], sizes: &[usize]) -> Result<RawTensor, String> {
    let (x, window) = (args[0].tensor()?.contiguous(), Window::of_pool(&numbers(&args[1..])?));
    Ok(match (op, x.dtype) {
        (Op::MaxPool2d, DType::F32) => pooled::<Maximum, f32>(&x, window, f32::NEG_INFINITY, sizes),
        (Op::MaxPool2d, DType::F64) => pooled::<Maximum, f64>(&x, window, f64::NEG_INFINITY, sizes),
        (Op::MaxPool2d, DType::U8) => pooled::<Maximum, u8>(&x, window, u8::MIN, sizes),
        (Op::MaxPool2d, DType::I32) => pooled::<Maximum, i32>(&x, window, i32::MIN, sizes),
        (Op::MaxPool2d, _) => pooled::<Maximum, i64>(&x, window, i64::MIN, sizes),
        (_, DType::F32) => mean::<f32>(&x, window, sizes),
        _ => mean::<f64>(&x, window, sizes),
    })
}

fn pooled<O: Binary<T, Out = T>, T: Prim>(
    x: &RawTensor,
    window: Window,
    start: T,
    sizes: &[usize],
) -> RawTensor {
    let mut out = RawTensor::uninit(T::DTYPE, sizes);
    let (size, to) = ([x.shape[2], x.shape[3]], [sizes[2], sizes[3]]);
    conv::pool(x.as_slice().unwrap_or(&[]), window, size, to, (start, O::eval), out.fresh());
    out
}

fn mean<T: Prim>(x: &RawTensor, window: Window, sizes: &[usize]) -> RawTensor
where
    Add: Binary<T, Out = T>,
    Div: Binary<T, Out = T>,
{
    let mut out = pooled::<Add, T>(x, window, T::ZERO, sizes);
    let count = T::from_scalar(Scalar::Usize(window.kernel[0] * window.kernel[1]));
    for v in out.fresh::<T>() {
        *v = <Div as Binary<T>>::eval(*v, count);
    }
    out
}
