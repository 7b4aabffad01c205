//! Loops that go on while some element asks for it, by their native kernel.

use jit_ir::ops::{Attrs, host};
use jit_ir::{Op, Scalar};
use smallvec::SmallVec;

use super::counters;
use crate::kernels::launch::Operand;
use crate::kernels::native::until::Waved;
use crate::kernels::waves::Waves;
use crate::tensor::raw::{RawTensor, Val};

/// Trips for which the host's conditions are tried at once.
const AHEAD: usize = 4096;

/// An operand of a comparison of host scalars.
#[derive(Clone, Copy)]
pub(crate) enum HostArg {
    Counter(usize),
    /// A value that stays as it is, by its position among those.
    Fixed(usize),
}

/// How a loop runs.
pub(crate) struct Until {
    pub(crate) kernel: Waved,
    /// For each state the input as which a trip reads it, if it does.
    pub(crate) reads: Vec<Option<usize>>,
    /// Comparisons of host scalars that must hold before a trip.
    pub(crate) bounds: Vec<(Op, [HostArg; 2])>,
    /// Rough cost of an element in one trip, in additions.
    pub(crate) cost: usize,
}

/// A loop's values.
pub(crate) struct Values<'a> {
    /// The inputs of its kernel.
    pub(crate) inputs: &'a [&'a Val],
    /// What its states begin with.
    pub(crate) states: &'a [&'a Val],
    pub(crate) counters: SmallVec<[Scalar; 2]>,
    /// What each trip adds to each counter.
    pub(crate) steps: SmallVec<[Scalar; 2]>,
    /// Host scalars that bounds compare with.
    pub(crate) fixed: SmallVec<[Scalar; 2]>,
    /// Trips that a counted loop makes at most.
    pub(crate) count: Option<usize>,
}

/// What a loop leaves.
pub(crate) struct Left {
    pub(crate) states: Vec<RawTensor>,
    pub(crate) counters: SmallVec<[Scalar; 2]>,
    /// Whether no element asked for another trip; else the host's conditions ended it.
    pub(crate) unasked: bool,
}

impl Until {
    /// `None` if the values are not all of one shape and row-major, or a condition compares a NaN, or the host's
    /// arithmetic fails: then nothing was done.
    pub(crate) fn run(&self, values: Values<'_>) -> Option<Left> {
        let Values { inputs, states, mut counters, steps, fixed, count } = values;
        let shapes = states.iter().map(|v| if let Val::Tensor(t) = v { Some(t) } else { None });
        let first: SmallVec<[&RawTensor; 4]> = shapes.collect::<Option<_>>()?;
        let sizes = &first.first()?.shape;
        let n: usize = sizes.iter().product();
        let fits = |t: &RawTensor| t.rank() > 0 && t.shape == *sizes && t.is_contiguous();
        if n == 0 || !first.iter().all(|t| fits(t)) {
            return None;
        }
        let mut operands: SmallVec<[Operand<'_>; 8]> = SmallVec::new();
        for (value, input) in inputs.iter().zip(self.kernel.inputs()) {
            let operand = Operand::new(value, input.dtype).ok()?;
            let fits = match operand {
                Operand::Tensor(t) => !input.scalar && fits(t),
                Operand::Scalar(_) => input.scalar,
            };
            fits.then(|| operands.push(operand))?;
        }
        let mut run = Waves::new(&self.kernel, &operands, (&first, &self.reads), n, self.cost);
        counters::kernel(self.reads.len());
        let mut made = 0;
        loop {
            let most = count.map_or(AHEAD, |count| AHEAD.min(count - made));
            let (allowed, ended) = self.allowed(&counters, &steps, &fixed, most)?;
            let trips = run.run(allowed as u32)? as usize;
            for _ in 0..trips {
                counters = advanced(&counters, &steps)?;
            }
            made += trips;
            let unasked = trips < allowed;
            if unasked || ended || count == Some(made) {
                return Some(Left { states: run.into_states(), counters, unasked });
            }
        }
    }

    /// How many of the next `most` trips the host's conditions allow, and whether they forbid the one after.
    fn allowed(
        &self,
        counters: &[Scalar],
        steps: &[Scalar],
        fixed: &[Scalar],
        most: usize,
    ) -> Option<(usize, bool)> {
        if self.bounds.is_empty() {
            return Some((most, false));
        }
        let mut counters: SmallVec<[Scalar; 2]> = SmallVec::from_slice(counters);
        for trip in 0..most {
            for (op, args) in &self.bounds {
                let args = args.map(|arg| match arg {
                    HostArg::Counter(i) => counters[i],
                    HostArg::Fixed(i) => fixed[i],
                });
                let holds = host::call(*op, &args, &Attrs::default()).ok()?;
                if !matches!(holds, Scalar::Bool(true)) {
                    return Some((trip, true));
                }
            }
            counters = advanced(&counters, steps)?;
        }
        Some((most, false))
    }
}

/// Counters after a trip.
fn advanced(counters: &[Scalar], steps: &[Scalar]) -> Option<SmallVec<[Scalar; 2]>> {
    let add = |(a, b): (&Scalar, &Scalar)| host::call(Op::Add, &[*a, *b], &Attrs::default()).ok();
    counters.iter().zip(steps).map(add).collect()
}
