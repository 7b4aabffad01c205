//! Groups with reductions for which there is a kernel that does a whole row.

use jit_ir::form::Form;
use jit_ir::ops::rows;
use jit_ir::{DType, Op, Scalar};

use super::rows::form_of;
use crate::kernels::exps::{self, Exps};
use crate::kernels::norm::{self, Norm};
use crate::tensor::raw::{RawTensor, Val};

/// Layer normalisation with factor and summand, `T` for the element type.
const LAYER_NORM: &str = "T[] T T[] T[]; mean i0; sub i0 m0; square m1; mean m2; add m3 i1; rsqrt m4; \
    mul m1 m5; mul m6 i2; add m7 i3 -> 8";

/// Which of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    Softmax,
    LayerNorm,
}

impl Known {
    /// What a group over the last axis is.
    pub(super) fn of(form: &Form) -> Option<Known> {
        let dtype = form.inputs.first()?.dtype;
        let steps = rows::steps(Op::Softmax)?;
        if form.members.len() == steps.len() && *form == form_of(steps, dtype) {
            return Some(Known::Softmax);
        }
        let text = || LAYER_NORM.replace('T', &dtype.to_string());
        (form.members.len() == 9 && form.to_string() == text()).then_some(Known::LayerNorm)
    }

    /// The group's result; `None` where its inputs do not allow it.
    pub(super) fn run(self, inputs: &[&Val], cost: usize) -> Option<RawTensor> {
        let Val::Tensor(x) = inputs[0] else { return None };
        match (self, inputs, x.dtype) {
            (Known::Softmax, [_], DType::F64) => softmax::<f64>(x, cost),
            (Known::Softmax, [_], _) => softmax::<f32>(x, cost),
            (Known::LayerNorm, [_, Val::Scalar(eps), Val::Tensor(gamma), Val::Tensor(beta)], DType::F64) => {
                layer_norm::<f64>(x, [gamma, beta], *eps, cost)
            }
            (Known::LayerNorm, [_, Val::Scalar(eps), Val::Tensor(gamma), Val::Tensor(beta)], _) => {
                layer_norm::<f32>(x, [gamma, beta], *eps, cost)
            }
            _ => None,
        }
    }
}

fn softmax<T: Exps>(x: &RawTensor, cost: usize) -> Option<RawTensor> {
    let n = *x.shape.last()?;
    if x.len() == 0 || !exps::takes::<T>(n) {
        return None;
    }
    let mut out = RawTensor::uninit(x.dtype, &x.shape);
    exps::softmax::<T>(x.contiguous().as_slice()?, n, out.fresh(), cost);
    Some(out)
}

fn layer_norm<T: Norm>(x: &RawTensor, by: [&RawTensor; 2], eps: Scalar, cost: usize) -> Option<RawTensor> {
    let n = *x.shape.last()?;
    let is_row = |t: &RawTensor| t.rank() <= x.rank() && t.shape.last() == Some(&n) && t.len() == n;
    if x.len() == 0 || !norm::takes(n) || !by.iter().all(|t| is_row(t)) {
        return None;
    }
    let by = by.map(RawTensor::contiguous);
    let by = [by[0].as_slice::<T>()?, by[1].as_slice()?];
    let mut out = RawTensor::uninit(x.dtype, &x.shape);
    norm::layer_norm(x.contiguous().as_slice()?, by, T::from_scalar(eps), out.fresh(), cost);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_makes_is_known() {
        for dtype in [DType::F32, DType::F64] {
            let softmax = form_of(rows::steps(Op::Softmax).unwrap(), dtype);
            assert_eq!(Known::of(&softmax), Some(Known::Softmax));
            let other = form_of(rows::steps(Op::LogSoftmax).unwrap(), dtype);
            assert_eq!(Known::of(&other), None);
        }
    }
}
