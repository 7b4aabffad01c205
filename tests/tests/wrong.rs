//! Every op with what it cannot take: wrong ranks, axes, shapes, indices, counts. Each message names the op, the
//! shapes or numbers at hand, and the line; nothing wraps around, is clamped, or panics inside.

use std::collections::BTreeSet;

use jit_ir::Op;
use jit_ir::ops::{Class, Fails};
use jit_runtime::eager;
use jit_runtime::prelude::*;

/// A call that must fail.
struct Wrong {
    message: &'static str,
    call: Box<dyn Fn()>,
}

macro_rules! wrong {
    ($($message:literal $call:expr;)*) => {
        vec![$(Wrong { message: $message, call: Box::new(move || { let _ = $call; }) }),*]
    };
}

fn x23() -> Tensor {
    Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
}

fn v4() -> Tensor {
    Tensor::from([1.0, 2.0, 3.0, 4.0])
}

fn at(indices: &[i64]) -> Tensor<i64> {
    Tensor::from(indices)
}

fn image() -> Tensor {
    Tensor::ones([1, 2, 4, 4])
}

fn weights() -> Tensor {
    Tensor::ones([4, 2, 3, 3])
}

fn elementwise() -> Vec<Wrong> {
    wrong! {
        "add: shapes do not broadcast: [2, 3] and [4]" x23() + v4();
        "sub: shapes do not broadcast: [4] and [2, 3]" v4() - x23();
        "mul: shapes do not broadcast: [2, 3] and [3, 2]" x23() * x23().t();
        "div: shapes do not broadcast: [2, 3] and [4]" x23() / v4();
        "rem: shapes do not broadcast: [2, 3] and [4]" x23() % v4();
        "div_euclid: shapes do not broadcast: [2, 3] and [4]" x23().div_euclid(v4());
        "rem_euclid: shapes do not broadcast: [2, 3] and [4]" x23().rem_euclid(v4());
        "maximum: shapes do not broadcast: [2, 3] and [4]" x23().maximum(v4());
        "minimum: shapes do not broadcast: [2, 3] and [4]" x23().minimum(v4());
        "powf: shapes do not broadcast: [2, 3] and [4]" x23().powf(v4());
        "atan2: shapes do not broadcast: [2, 3] and [0]" x23().atan2(Tensor::zeros([0]));
        "gt: shapes do not broadcast: [2, 3] and [4]" x23().gt(v4());
        "ge: shapes do not broadcast: [2, 3] and [4]" x23().ge(v4());
        "lt: shapes do not broadcast: [2, 3] and [4]" x23().lt(v4());
        "le: shapes do not broadcast: [2, 3] and [4]" x23().le(v4());
        "eq: shapes do not broadcast: [2, 3] and [4]" x23().eq(v4());
        "ne: shapes do not broadcast: [2, 3] and [4]" x23().ne(v4());
        "and: shapes do not broadcast: [2] and [3]" at(&[1, 2]) & at(&[1, 2, 3]);
        "or: shapes do not broadcast: [2] and [3]" at(&[1, 2]) | at(&[1, 2, 3]);
        "xor: shapes do not broadcast: [2] and [3]" at(&[1, 2]) ^ at(&[1, 2, 3]);
        "select: shapes do not broadcast: [2, 3] and [4]" x23().gt(0.0).select(v4(), 0.0);
        "clamp: shapes do not broadcast: [2, 3] and [4]" x23().clamp(v4(), 9.0);
        "mul_add: shapes do not broadcast: [2, 3] and [4]" x23().mul_add(2.0, v4());
        "div: division by zero: the divisor holds a 0" at(&[1, 2]) / at(&[1, 0]);
        "rem: division by zero: the divisor holds a 0" at(&[1, 2]) % 0;
        "div_euclid: division by zero: the divisor holds a 0" at(&[1]).div_euclid(0);
        "rem_euclid: division by zero: the divisor holds a 0" at(&[1]).rem_euclid(0);
        "item: `>` compares a rank-0 tensor, this one has shape [4]; compare element by element with a method such as \
         `.gt(..)`, or reduce first" v4() > 1.0;
    }
}

fn reductions() -> Vec<Wrong> {
    wrong! {
        "sum: axis 2 is out of range for rank 2" x23().sum_axis(2);
        "sum: axis -3 is out of range for rank 2" x23().sum_keepdim(-3);
        "sum: axis -1 is given twice" x23().sum_axis([1, -1]);
        "mean: axis 0 is out of range for rank 0" Tensor::scalar(1.0_f32).mean_axis(0);
        "prod: axis 5 is out of range for rank 1" v4().prod_axis(5);
        "var: axis 2 is out of range for rank 2" x23().var_axis(2);
        "std: axis 2 is out of range for rank 2" x23().std_axis([0, 2]);
        "all: axis 1 is out of range for rank 1" v4().gt(0.0).all_axis(1);
        "any: axis -2 is out of range for rank 1" v4().gt(0.0).any_keepdim(-2);
        "max: needs at least one element, this tensor has shape [0]" Tensor::<f32>::zeros([0]).max();
        "max: needs at least one element, this tensor has shape [0, 3]" Tensor::<f32>::zeros([0, 3]).max_axis(0);
        "min: needs at least one element, this tensor has shape [2, 0]" Tensor::<i32>::zeros([2, 0]).min_keepdim(1);
        "min: axis 2 is out of range for rank 2" x23().min_axis(2);
        "argmax: needs at least one element, this tensor has shape [0]" Tensor::<u8>::zeros([0]).argmax();
        "argmax: axis 2 is out of range for rank 2" x23().argmax_axis(2);
        "argmin: needs at least one element, this tensor has shape [2, 0]" Tensor::<f64>::zeros([2, 0]).argmin_axis(1);
        "logsumexp: axis -2 is out of range for rank 1" v4().logsumexp(-2);
        "cumsum: axis 1 is out of range for rank 1" v4().cumsum(1);
        "cumprod: axis 0 is out of range for rank 0" Tensor::scalar(1.0_f32).cumprod(0);
        "softmax: axis 2 is out of range for rank 2" x23().softmax(2);
        "log_softmax: axis -3 is out of range for rank 2" x23().log_softmax(-3);
    }
}

fn shapes() -> Vec<Wrong> {
    wrong! {
        "reshape: [2, 3] has another number of elements than [4]" x23().reshape([4]);
        "reshape: [2, 3] does not divide into the sizes [4, -1]" x23().reshape([4, -1]);
        "reshape: at most one size may be -1" x23().reshape([-1, -1]);
        "reshape: size -2 is negative" x23().reshape([-2, 3]);
        "reshape: [9223372036854775807, 2] has too many elements" x23().reshape([usize::MAX, 2]);
        "transpose: axis 2 is out of range for rank 2" x23().transpose(0, 2);
        "t: needs a matrix, got [4]" v4().t();
        "permute: 1 axes for rank 2" x23().permute([0]);
        "permute: axis 0 is given twice" x23().permute([0, 0]);
        "permute: axis 7 is out of range for rank 2" x23().permute([0, 7]);
        "unsqueeze: axis 4 is out of range for rank 3" x23().unsqueeze(4);
        "squeeze: axis 0 of [2, 3] has size 2, not 1" x23().squeeze(0);
        "squeeze: axis 2 is out of range for rank 2" x23().squeeze(2);
        "broadcast_to: [2, 3] does not broadcast to [3]" x23().broadcast_to([3]);
        "broadcast_to: [2, 3] does not broadcast to [4, 3]" x23().broadcast_to([4, 3]);
        "flip: axis 2 is out of range for rank 2" x23().flip(2);
        "roll: axis 2 is out of range for rank 2" x23().roll(2, 1);
        "repeat: needs a count for each axis of [2, 3], got 1" x23().repeat([2]);
        "repeat: [18446744073709551614, 6] has too many elements" x23().repeat([usize::MAX, 2]);
        "pad: needs a pair for each axis of [2, 3], got 1" x23().pad([(1, 1)], 0.0);
        "pad: [9223372036854775812] has too many elements" v4().pad([(usize::MAX, 1)], 0.0);
        "triu: needs a matrix, got [4]" v4().triu(0);
        "tril: needs a matrix, got [4]" v4().tril(0);
        "one_hot: index 3 is out of range for size 3" at(&[0, 3]).one_hot::<f32>(3);
        "one_hot: index -1 is out of range for size 3" at(&[-1]).one_hot::<f32>(3);
        "dim: axis 2 is out of range for rank 2" x23().dim(2);
        "item: needs a tensor of one element, this one has shape [2, 3]" x23().item();
        "zeros: [9223372036854775807, 2] has too many elements" Tensor::<u8>::zeros([usize::MAX, 2]);
        "ones: [9223372036854775807, 2] has too many elements" Tensor::<u8>::ones([usize::MAX, 2]);
        "full: [9223372036854775807, 2] has too many elements" Tensor::<u8>::full([usize::MAX, 2], 1);
        "eye: [9223372036854775807, 9223372036854775807] has too many elements" Tensor::<u8>::eye(usize::MAX);
        "arange: step 0 never reaches the end" Tensor::<i64>::arange(0, 5, 0);
        "arange: 0..inf by 1 is not a finite range" Tensor::<f32>::arange(0.0, f32::INFINITY, 1.0);
        "uniform: [9223372036854775807, 2] has too many elements" Tensor::<f32>::uniform(Key::new(1), [usize::MAX, 2]);
        "normal: [9223372036854775807, 2] has too many elements" Tensor::<f32>::normal(Key::new(1), [usize::MAX, 2]);
    }
}

fn picks() -> Vec<Wrong> {
    wrong! {
        "x[i]: index 4 is out of range for size 4" v4()[4];
        "x[i]: index 2 is out of range for size 2" x23()[[2, 0]];
        "x[i]: an element of [2, 3] has 2 indices, one for each axis; got 1" x23()[1];
        "index_axis: index 3 is out of range for size 3" x23().index_axis(1, 3);
        "index_axis: axis 2 is out of range for rank 2" x23().index_axis(2, 0);
        "slice_axis: 1..4 is out of range for size 3" x23().slice_axis(1, 1, 4);
        "slice_axis: 2..1 is not a range" x23().slice_axis(1, 2, 1);
        "slice_axis: axis -3 is out of range for rank 2" x23().slice_axis(-3, 0, 0);
        "slice_step: 1..4 is out of range for size 3" x23().slice_step(1, 1, 4, 2);
        "slice_step: the step must be at least 1, got 0" x23().slice_step(1, 0, 3, 0);
        "split: size 3 of [2, 3] does not divide into 2 parts" x23().split(1, 2);
        "split: the number of parts must be at least 1" x23().split(1, 0);
        "split_sizes: the sizes add up to 4, axis 1 of [2, 3] is 3" x23().split_sizes(1, [2, 2]);
        "take: index 2 is out of range for size 2" x23().take(0, &at(&[0, 2]));
        "take: index -1 is out of range for size 2" x23().take(0, &at(&[-1]));
        "take: axis 2 is out of range for rank 2" x23().take(2, &at(&[0]));
        "gather: index 5 is out of range for size 3" x23().gather(1, &Tensor::from([[5_i64], [0]]));
        "gather: the indices [2] have other sizes than [2, 3] besides axis 1" x23().gather(1, &at(&[0, 0]));
        "gather: the indices [3, 1] have other sizes than [2, 3] besides axis 1" x23().gather(1, &Tensor::from([[0_i64], [0], [0]]));
        "scatter_add: index 9 is out of range for size 4" v4().scatter_add(0, &at(&[9]), &Tensor::from([1.0]));
        "scatter_add: the source must have the shape of the indices: [2] and [1]" v4().scatter_add(0, &at(&[0]), &Tensor::from([1.0, 2.0]));
        "sort: axis 1 is out of range for rank 1" v4().sort(1);
        "argsort: axis 0 is out of range for rank 0" Tensor::scalar(1.0_f32).argsort(0);
        "topk: k is 5, but axis 0 of [4] has 4 elements" v4().topk(5, 0);
        "topk: axis -2 is out of range for rank 1" v4().topk(1, -2);
        "set_axis: index 2 is out of range for size 2" x23().set_axis(0, 2, &v4());
        "set_axis: [4] does not fit into [3]" x23().set_axis(0, 1, &v4());
        "set_slice: 2 positions from 3 on are out of range for size 4" v4().set_slice(0, 3, &Tensor::from([1.0, 2.0]));
        "set_slice: a part needs as many axes as the tensor: [4] for [2, 3]" x23().set_slice(0, 0, &v4());
        "x[i]: index 4 is out of range for size 4" { let mut x = v4(); x[4] = 1.0; };
    }
}

fn several() -> Vec<Wrong> {
    wrong! {
        "concat: shapes do not fit along axis 0: [2, 3] and [4]" Tensor::concat(&[x23(), v4()], 0);
        "concat: shapes do not fit along axis 1: [2, 3] and [3, 2]" Tensor::concat(&[x23(), x23().t()], 1);
        "concat: axis 2 is out of range for rank 2" Tensor::concat(&[x23(), x23()], 2);
        "concat: needs at least one tensor" Tensor::<f32>::concat(&[] as &[Tensor], 0);
        "stack: shapes do not fit along axis 0: [2, 3] and [4]" Tensor::stack(&[x23(), v4()], 0);
        "stack: axis 3 is out of range for rank 2" Tensor::stack(&[v4(), v4()], 3);
        "matmul: inner sizes differ: [2, 3] x [2, 3]" x23().matmul(&x23());
        "matmul: inner sizes differ: [2, 3] x [4]" x23().matmul(&v4());
        "matmul: needs vectors or matrices, got [] x [4]" Tensor::scalar(1.0).matmul(&v4());
        "scaled_dot_product_attention: needs matrices, got [4], [2, 3] and [2, 3]" Tensor::scaled_dot_product_attention(&v4(), &x23(), &x23(), true);
        "scaled_dot_product_attention: the rows of q and k differ in size: [2, 3] and [1, 4]" Tensor::scaled_dot_product_attention(&x23(), &v4().unsqueeze(0), &x23(), true);
        "scaled_dot_product_attention: k and v differ in their number of rows: [2, 3] and [1, 4]" Tensor::scaled_dot_product_attention(&x23(), &x23(), &v4().unsqueeze(0), false);
        "matmul: batch sizes do not broadcast: [2, 1, 3] x [4, 3, 1]" Tensor::<f32>::ones([2, 1, 3]).matmul(&Tensor::ones([4, 3, 1]));
        "dot: sizes differ: [4] . [3]" v4().dot(&Tensor::ones([3]));
        "dot: needs two vectors, got [2, 3] and [4]" x23().dot(&v4());
        "outer: needs two vectors, got [2, 3] and [4]" x23().outer(&v4());
        "einsum: `j` is 3 and 2 in [2, 3], [2, 3]" Tensor::einsum("ij,jk->ik", &[x23(), x23()]);
        "einsum: the equation is for 2 operands, got 1" Tensor::einsum("ij,jk->ik", &[x23()]);
        "einsum: `ij` does not fit the axes of [4]" Tensor::einsum("ij->i", &[v4()]);
        "einsum: `3` in `i3` is no subscript; subscripts are letters and one `...`" Tensor::einsum("i3->i", &[x23()]);
        "einsum: `k` of the result stands at no operand of `ij->k`" Tensor::einsum("ij->k", &[x23()]);
        "conv2d: needs a tensor [n, c, h, w], got [2, 3]" x23().conv2d(&weights(), 1, 0, 1, 1);
        "conv2d: needs weights [c_out, c_in / groups, kh, kw], got [4]" image().conv2d(&v4(), 1, 0, 1, 1);
        "conv2d: [4, 2, 3, 3] weights do not fit [1, 2, 4, 4] in 2 groups: [c_out, c_in / groups, kh, kw], c_out a multiple of groups"
            image().conv2d(&weights(), 1, 0, 1, 2);
        "conv2d: the number of groups must be at least 1, got 0" image().conv2d(&weights(), 1, 0, 1, 0);
        "conv2d: the stride must be at least 1, got 0" image().conv2d(&weights(), [1, 0], 0, 1, 1);
        "conv2d: the dilation must be at least 1, got 0" image().conv2d(&weights(), 1, 0, 0, 1);
        "conv2d: a window over 5 does not fit into 4, padding included" image().conv2d(&weights(), 1, 0, 2, 1);
        "conv2d: sizes are too large" image().conv2d(&weights(), 1, usize::MAX, 1, 1);
        "max_pool2d: a window over 5 does not fit into 4, padding included" image().max_pool2d(5, 1, 0);
        "max_pool2d: the padding must be smaller than the window, got 2 for a window of 2" image().max_pool2d(2, 1, 2);
        "max_pool2d: needs a tensor [n, c, h, w], got [4]" v4().max_pool2d(1, 1, 0);
        "avg_pool2d: the kernel must be at least 1, got 0" image().avg_pool2d(0, 1, 0);
        "avg_pool2d: a window over 1 does not fit into 0, padding included" Tensor::<f32>::ones([1, 1, 0, 2]).avg_pool2d(1, 1, 0);
    }
}

#[test]
fn each_op_says_what_it_cannot_take() {
    let (mut seen, mut different) = (BTreeSet::new(), Vec::new());
    for Wrong { message, call } in
        [elementwise(), reductions(), shapes(), picks(), several()].into_iter().flatten()
    {
        let f = jit_runtime::trace(|x: &Tensor| {
            call();
            x.clone()
        });
        let error = match eager(|| f.try_call(&v4())) {
            Err(error) => error.to_string(),
            Ok(_) => "nothing".to_string(),
        };
        let said = error.split(" (at tests/tests/wrong.rs:").next().unwrap_or_default();
        if said.len() == error.len() || said != message {
            different.push(format!("{message}\n    {error}"));
        }
        let named = message.split(':').next().unwrap_or_default();
        seen.extend(Op::ALL.iter().filter(|op| op.shown() == named).copied());
    }
    assert!(different.is_empty(), "expected, and what was said:\n{}", different.join("\n"));
    // Of scripts, of host scalars, and those that a `Tensor` method of another name stands for.
    let elsewhere = [Op::Linspace, Op::SetIndex, Op::Host, Op::Powi, Op::Shl, Op::Shr];
    let fallible = |op: &Op| op.info().fails != Fails::Never && op.info().class != Class::Structure;
    let missing: Vec<Op> = Op::ALL
        .iter()
        .filter(|op| fallible(op) && !seen.contains(op) && !elsewhere.contains(op))
        .copied()
        .collect();
    assert_eq!(missing, [], "each op that can fail has a case");
}
