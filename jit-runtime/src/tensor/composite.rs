//! Methods that are made of several ops.

use std::convert::Infallible;
use std::panic::Location;

use jit_ir::ops::Attrs;
use jit_ir::ops::composite::{self, Build, Composite};
use jit_ir::{Op, Scalar};

use super::{Any, AsTensor, Elem, Float, Tensor, call_at};
use crate::exec::rows;

/// Ops at a line of the user's.
struct At(&'static Location<'static>);

impl Build for At {
    type Value = Any;
    type Error = Infallible;
    fn op(&mut self, op: Op, operands: &[&Any], attrs: Attrs) -> Result<Any, Infallible> {
        Ok(call_at(op, attrs, operands, self.0))
    }
    fn log_total(&mut self, x: &Any) -> Result<[Any; 2], Infallible> {
        // A recording has the ops one by one, and so has an error.
        let at_once = x.val.tensor().ok().filter(|_| x.tag.is_none()).and_then(rows::log_total);
        at_once.map_or_else(|| composite::log_total(self, x), |pair| Ok(pair.map(Any::from)))
    }
    fn scalar(&mut self, value: Scalar) -> Any {
        value.into()
    }
}

#[track_caller]
fn built<T: Float>(composite: Composite, args: &[Any]) -> Tensor<T> {
    match composite.build(&mut At(Location::caller()), args) {
        Ok(any) => Tensor::from_any(any),
        Err(never) => match never {},
    }
}

fn any<T: Elem>(x: impl AsTensor<T>) -> Any {
    x.as_tensor().any.clone()
}

/// Layers and norms.
impl<T: Float> Tensor<T> {
    /// The square root of the sum of all squares, which overflow from about 1.8e19 in `f32`.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// assert_eq!(Tensor::from([3.0, 4.0]).norm().item(), 5.0);
    /// # }
    /// ```
    #[track_caller]
    pub fn norm(&self) -> Tensor<T> {
        built(Composite::Norm, std::slice::from_ref(&self.any))
    }

    /// `x·wᵀ + b`: this is `[.., n]`, `w` is `[m, n]`, `b` is `[m]` or broadcasts; the result is `[.., m]`.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let (w, b) = (Tensor::from([[1.0, 2.0], [0.0, 1.0], [1.0, 0.0]]), Tensor::from([0.0, 0.5, 1.0]));
    /// assert_eq!(Tensor::from([[1.0, 10.0]]).linear(&w, &b), Tensor::from([[21.0, 10.5, 2.0]]));
    /// # }
    /// ```
    #[track_caller]
    pub fn linear(&self, w: impl AsTensor<T>, b: impl AsTensor<T>) -> Tensor<T> {
        built(Composite::Linear, &[self.any.clone(), any(w), any(b)])
    }

    /// Along the last axis to mean 0 and variance 1 (divided by n, `eps` added), times `gamma`, plus `beta`.
    #[track_caller]
    pub fn layer_norm(&self, gamma: impl AsTensor<T>, beta: impl AsTensor<T>, eps: T) -> Tensor<T> {
        let eps = eps.to_scalar().into();
        built(Composite::LayerNorm, &[self.any.clone(), any(gamma), any(beta), eps])
    }

    /// The mean cross entropy of logits `[.., classes]` and labels `[..]`: minus `log_softmax` at the labels, whatever the
    /// size of the logits.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let logits = Tensor::from([[0.0, 0.0], [0.0, 100.0]]);
    /// let loss = logits.cross_entropy(&Tensor::from([0_i64, 1]));
    /// assert!((loss.item() - 2.0_f64.ln() / 2.0).abs() < 1e-12);
    /// # }
    /// ```
    #[track_caller]
    pub fn cross_entropy(&self, labels: impl AsTensor<i64>) -> Tensor<T> {
        built(Composite::CrossEntropy, &[self.any.clone(), any(labels)])
    }

    /// Along the last axis divided by the root of the mean square (`eps` added), times `gamma`.
    #[track_caller]
    pub fn rms_norm(&self, gamma: impl AsTensor<T>, eps: T) -> Tensor<T> {
        built(Composite::RmsNorm, &[self.any.clone(), any(gamma), eps.to_scalar().into()])
    }

    /// `softmax(q·kᵀ / sqrt(d))·v` over the last two axes: `q` is `[.., l, d]`, `k` `[.., s, d]`, `v` `[.., s, e]`, the
    /// result `[.., l, e]`; the axes before are batches, which broadcast. With `causal` position `i` sees positions up to
    /// `i` only: others do not count, whatever they hold. No more scores are made at once than those of some rows.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let x = Tensor::from([[1.0, 0.0], [0.0, 1.0]]);
    /// let y = Tensor::scaled_dot_product_attention(&x, &x, &x, true);
    /// assert_eq!(y.index_axis(0, 0), x.index_axis(0, 0));
    /// # }
    /// ```
    #[track_caller]
    pub fn scaled_dot_product_attention(
        q: impl AsTensor<T>,
        k: impl AsTensor<T>,
        v: impl AsTensor<T>,
        causal: bool,
    ) -> Tensor<T> {
        let causal = Scalar::Bool(causal).into();
        built(Composite::Attention, &[any(q), any(k), any(v), causal])
    }
}
