//! `einsum` by the ops that its equation means.

use jit_ir::ops::composite::Build;
use jit_ir::ops::einsum::{self, Equation};
use jit_ir::{Attrs, Op, Scalar};

use crate::tensor::raw::{RawTensor, Val};

struct Steps;

impl Build for Steps {
    type Value = Val;
    type Error = String;
    fn op(&mut self, op: Op, operands: &[&Val], attrs: Attrs) -> Result<Val, String> {
        super::ops::apply(op, &attrs, operands)
    }
    fn scalar(&mut self, value: Scalar) -> Val {
        Val::Scalar(value)
    }
}

pub(super) fn eval(attrs: &Attrs, args: &[&Val]) -> Result<RawTensor, String> {
    let equation = Equation::parse(attrs.text.as_deref().unwrap_or_default())?;
    let shapes: Vec<Vec<usize>> =
        args.iter().map(|v| v.tensor().map(|t| t.shape.to_vec())).collect::<Result<_, _>>()?;
    super::ops::tensor(einsum::build(&mut Steps, &equation, args, &shapes)?)
}
