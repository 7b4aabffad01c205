//! Convolution, pooling, and products by an equation.

use std::borrow::Borrow;

use jit_ir::ops::Attrs;
use jit_ir::{Op, Scalar};
use smallvec::SmallVec;

use super::{Any, AsTensor, Float, Num, Pair, Tensor, call};

fn counts(pairs: &[[usize; 2]]) -> SmallVec<[Any; 8]> {
    pairs.iter().flatten().map(|n| Any::from(Scalar::Usize(*n))).collect()
}

/// Sums of products.
impl<T: Num> Tensor<T> {
    /// Products of tensors summed over the letters that the result lacks, as NumPy's `einsum` has it.
    ///
    /// Each operand's axes are named by letters; `...` stands for any further ones, which broadcast. A letter that
    /// stands twice at one operand takes its diagonal. Without `->` the result has each letter that stands once, by
    /// the alphabet. Operands are contracted from left to right, two at a time, by [`Tensor::matmul`].
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let (a, b) = (Tensor::from([[1.0, 2.0], [3.0, 4.0]]), Tensor::from([[0.0, 1.0], [1.0, 0.0]]));
    /// assert_eq!(Tensor::einsum("ij,jk->ik", &[&a, &b]), a.matmul(&b));
    /// assert_eq!(Tensor::einsum("ii->", &[&a]).item(), 5.0);
    /// assert_eq!(Tensor::einsum("ij->j", &[&a]), a.sum_axis(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn einsum(equation: &str, operands: &[impl Borrow<Tensor<T>>]) -> Tensor<T> {
        let args: SmallVec<[&Any; 4]> = operands.iter().map(|p| &p.borrow().any).collect();
        let attrs = Attrs { text: Some(equation.to_string()), ..Attrs::default() };
        Tensor::from_any(call(Op::Einsum, attrs, &args))
    }

    /// Cross-correlation, which networks call convolution: this is `[n, c_in, h, w]`, the weights are
    /// `[c_out, c_in / groups, kh, kw]`, the result is `[n, c_out, h', w']` with
    /// `h' = (h + 2 padding - dilation (kh - 1) - 1) / stride + 1`.
    ///
    /// `stride`, `padding` (zeros on either side) and `dilation` are numbers, `[rows, columns]` or `(rows, columns)`. With `groups`
    /// the channels fall into so many parts that do not see each other. A bias is added by
    /// `+ &b.reshape([-1, 1, 1])`.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let x = Tensor::arange(0.0, 9.0, 1.0).reshape([1, 1, 3, 3]);
    /// let w = Tensor::from([[[[1.0, 0.0], [0.0, -1.0]]]]);
    /// assert_eq!(x.conv2d(&w, 1, 0, 1, 1), Tensor::<f64>::full([1, 1, 2, 2], -4.0));
    /// assert_eq!(x.conv2d(&w, 1, [1, 0], 1, 1).shape(), [1, 1, 4, 2]);
    /// assert_eq!(x.conv2d(w, (2, 1), 0, 1, 1).shape(), [1, 1, 1, 2]);
    /// # }
    /// ```
    #[track_caller]
    pub fn conv2d(
        &self,
        weights: impl AsTensor<T>,
        stride: impl Pair,
        padding: impl Pair,
        dilation: impl Pair,
        groups: usize,
    ) -> Tensor<T> {
        let mut counts = counts(&[stride.pair(), padding.pair(), dilation.pair()]);
        counts.push(Scalar::Usize(groups).into());
        let args: SmallVec<[&Any; 9]> =
            [&self.any, &weights.as_tensor().any].into_iter().chain(&counts).collect();
        Tensor::from_any(call(Op::Conv2d, Attrs::default(), &args))
    }

    /// The largest element in each window of `[n, c, h, w]`; padding is never the largest. `kernel`, `stride` and
    /// `padding` are numbers, `[rows, columns]` or `(rows, columns)`.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let x = Tensor::arange(0, 16, 1).reshape([1, 1, 4, 4]);
    /// assert_eq!(x.max_pool2d(2, 2, 0), Tensor::from([[[[5, 7], [13, 15]]]]));
    /// # }
    /// ```
    #[track_caller]
    pub fn max_pool2d(&self, kernel: impl Pair, stride: impl Pair, padding: impl Pair) -> Tensor<T> {
        self.pool(Op::MaxPool2d, [kernel.pair(), stride.pair(), padding.pair()])
    }

    #[track_caller]
    fn pool(&self, op: Op, numbers: [[usize; 2]; 3]) -> Tensor<T> {
        let counts = counts(&numbers);
        let args: SmallVec<[&Any; 7]> = std::iter::once(&self.any).chain(&counts).collect();
        Tensor::from_any(call(op, Attrs::default(), &args))
    }
}

impl<T: Float> Tensor<T> {
    /// The mean of each window of `[n, c, h, w]`; padding counts as zeros. `kernel`, `stride` and `padding` are
    /// numbers, `[rows, columns]` or `(rows, columns)`.
    ///
    /// ```
    /// use jit_runtime::prelude::*;
    /// # fn main() {
    /// let x = Tensor::<f32>::ones([1, 1, 4, 4]);
    /// assert_eq!(x.avg_pool2d(2, 2, 0), Tensor::ones([1, 1, 2, 2]));
    /// assert_eq!(x.avg_pool2d(2, 2, 1)[[0, 0, 0, 0]], 0.25);
    /// # }
    /// ```
    #[track_caller]
    pub fn avg_pool2d(&self, kernel: impl Pair, stride: impl Pair, padding: impl Pair) -> Tensor<T> {
        self.pool(Op::AvgPool2d, [kernel.pair(), stride.pair(), padding.pair()])
    }
}
