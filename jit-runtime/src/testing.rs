//! Ways in for this workspace's tests: counters, and graphs run on plain data.

use jit_ir::interp::Value;
use jit_ir::{Graph, Op, Scalar, TensorData, with_dtype};

pub use crate::exec::counters::{fallbacks, kernels};
pub use crate::tensor::is_traced;

use crate::compile;
use crate::compile::plan::Plan;
use crate::error::{Error, Result};
use crate::exec::frame::Frame;
use crate::exec::run::{self, Halt};
use crate::script::{Argument, Returns};
use crate::tensor::raw::{RawTensor, Val};

/// How arguments lie in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// Row-major.
    Plain,
    /// Every second element of a larger buffer, not from its start.
    Gaps,
    /// The first axis moves fastest.
    Transposed,
    /// Row-major, not from an aligned place on.
    Shifted,
    /// The first axis repeats one row, if its rows are equal.
    Repeated,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Layout; 5] =
        [Layout::Plain, Layout::Gaps, Layout::Transposed, Layout::Shifted, Layout::Repeated];
}

/// How many instruction levels the machine has.
pub fn levels() -> usize {
    crate::kernels::levels().len()
}

/// Runs `body` with the kernels of one instruction level; one call after the other.
pub fn at_level<R>(level: usize, body: impl FnOnce() -> R) -> R {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    crate::kernels::choose_level(Some(level));
    let result = body();
    crate::kernels::choose_level(None);
    result
}

/// The runtime's value of an approximated op, as its kernels compute it.
pub fn approx(op: Op, args: &[Scalar]) -> Option<Scalar> {
    crate::kernels::math::approx(op, args)
}

/// A captured graph linked for arguments and a result of certain types.
pub fn linked<A: Argument, R: Returns>(graph: &Graph) -> Graph {
    let jit_ir::Tree::Tuple(params) = A::tree() else { unreachable!("the arguments are a tuple") };
    match jit_ir::link::link(graph, &params, Some(&R::tree()), &jit_ir::link::Empty) {
        Ok(graph) => graph,
        Err(e) => unreachable!("{e}\n{graph}"),
    }
}

/// Runs `body`; scripts called in it on this thread run their graphs as they were written, op by op.
pub fn without_passes<R>(body: impl FnOnce() -> R) -> R {
    crate::script::without_passes(body)
}

/// Runs a graph on plain data, with or without the passes.
///
/// # Errors
/// What the run fails with.
pub fn run(graph: &Graph, args: &[Value], layout: Layout, optimise: bool) -> Result<Vec<Value>> {
    let vals: Vec<Val> = args.iter().map(|v| to_val(v, layout)).collect();
    let compiled = compile::compile(graph, &vals)?;
    let on = |plan: &Plan| {
        let mut results = Frame::new();
        run::run(plan, &vals, &mut results).map(|_| results)
    };
    let plain = || compile::plain(&compiled).map_err(Halt::Error).and_then(|plan| on(&plan));
    // An optimised run that fails says nothing: the graph as it was written decides.
    let outcome = match optimise.then(|| on(&compiled.plan)) {
        Some(Err(Halt::Error(_))) | None => plain(),
        Some(other) => other,
    };
    let values = outcome.map_err(|halt| match halt {
        Halt::Error(e) => e,
        Halt::Guard => Error::msg("a guard does not hold"),
    })?;
    Ok(values.iter().map(from_val).collect())
}

/// A tensor in a layout.
fn to_val(value: &Value, layout: Layout) -> Val {
    match value {
        Value::Scalar(s) => Val::Scalar(*s),
        Value::Tensor(t) => Val::Tensor(laid_out(t, layout)),
        Value::List(list) => Val::List(std::sync::Arc::new(list.iter().map(|v| to_val(v, layout)).collect())),
        Value::Undef => Val::Undef,
    }
}

fn laid_out(data: &TensorData, layout: Layout) -> RawTensor {
    let plain = RawTensor::from_data(data);
    let rank = plain.rank();
    if layout == Layout::Plain || rank == 0 {
        return plain;
    }
    let order: Vec<usize> = (0..rank).rev().collect();
    if layout == Layout::Transposed {
        let attrs = jit_ir::Attrs::axes(order.iter().map(|a| *a as i64));
        let flip = |x: RawTensor| match crate::exec::ops::apply(Op::Permute, &attrs, &[&Val::Tensor(x)]) {
            Ok(Val::Tensor(t)) => t,
            _ => unreachable!("a permutation of all axes"),
        };
        return flip(crate::kernels::copy::contiguous_copy(&flip(plain)));
    }
    if layout == Layout::Repeated {
        return repeated(plain);
    }
    with_dtype!(plain.dtype, T => {
        let values = plain.to_vec::<T>();
        if layout == Layout::Shifted {
            let longer = RawTensor::from_fn(&[values.len() + 1], |i| {
                if i == 0 { <T as jit_ir::Prim>::ZERO } else { values[i - 1] }
            });
            return longer.view(plain.shape.clone(), plain.strides.clone(), 1);
        }
        let wide = RawTensor::from_fn(&[2 * values.len() + 1], |i| {
            if i % 2 == 1 { values[i / 2] } else { <T as jit_ir::Prim>::ZERO }
        });
        let strides = plain.strides.iter().map(|s| 2 * s).collect();
        wide.view(plain.shape.clone(), strides, 1)
    })
}

/// The first row with a stride of 0, if all rows are equal.
fn repeated(plain: RawTensor) -> RawTensor {
    with_dtype!(plain.dtype, T => {
        let values = plain.to_vec::<T>();
        let row = values.len() / plain.shape[0].max(1);
        let bits = |v: &T| jit_ir::Prim::canonical_bits(*v);
        if row == 0 || values.chunks(row).any(|r| !r.iter().map(bits).eq(values[..row].iter().map(bits))) {
            return plain;
        }
        let mut shape = plain.shape.clone();
        shape[0] = 1;
        let mut strides = plain.strides.clone();
        strides[0] = 0;
        RawTensor::from_slice(&values[..row], &shape).view(plain.shape.clone(), strides, 0)
    })
}

fn from_val(val: &Val) -> Value {
    match val {
        Val::Scalar(s) => Value::Scalar(*s),
        Val::Tensor(t) => Value::Tensor(std::sync::Arc::new(t.to_data())),
        Val::List(list) => Value::List(std::sync::Arc::new(list.iter().map(from_val).collect())),
        Val::Undef | Val::Opaque(_) => Value::Undef,
    }
}
