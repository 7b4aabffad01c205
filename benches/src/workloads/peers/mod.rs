//! The workloads in other libraries (feature `peers`), as their users write them: whole arrays at a time, with the
//! functions that each library has. Labels are given to them as one-hot rows.

#[cfg(feature = "peers")]
mod burn;
#[cfg(feature = "peers")]
mod candle;
#[cfg(feature = "peers")]
mod ndarray;

use jit_benches::measure::Case;
use jit_runtime::prelude::*;

/// A workload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    Chain,
    Gelu,
    Softmax,
    LayerNorm,
    Mlp,
    TinyMlp,
    Rnn,
    Newton,
    Condition,
    Attention,
    Mandelbrot,
    BlackScholes,
    Transformer,
    Product,
    TrainStep,
    Cheap,
}

/// A workload with its inputs, in each of the libraries.
#[cfg(feature = "peers")]
pub(crate) fn cases(work: Work, inputs: &[&Tensor]) -> Vec<Case<'static>> {
    let given: Vec<Given> =
        inputs.iter().map(|t| Given { values: t.to_vec(), shape: t.shape().to_vec() }).collect();
    vec![ndarray::case(work, &given), candle::case(work, &given), burn::case(work, &given)]
}

/// Without the feature there are none.
#[cfg(not(feature = "peers"))]
pub(crate) fn cases(_: Work, _: &[&Tensor]) -> Vec<Case<'static>> {
    Vec::new()
}

/// An input.
#[cfg(feature = "peers")]
pub(crate) struct Given {
    values: Vec<f32>,
    shape: Vec<usize>,
}

/// A case that reads its results the first time, for the checksum.
#[cfg(feature = "peers")]
fn case<T: 'static>(
    system: &'static str,
    call: impl Fn() -> Vec<T> + 'static,
    read: impl Fn(T) -> Vec<f32> + 'static,
) -> Case<'static> {
    let mut whole = true;
    let call = move || {
        let made = call();
        if std::mem::replace(&mut whole, false) {
            return made.into_iter().flat_map(&read).collect();
        }
        drop(std::hint::black_box(made));
        Vec::new()
    };
    Case { system, call: Box::new(call) }
}
