//! Products of many rows and groups over their results, some rows at a time: what a product leaves is done with while it
//! is in the cache, and each thread has rows of its own from the first product to the last.

use std::sync::atomic::{AtomicBool, Ordering};

use jit_ir::{DType, with_dtype};
use smallvec::SmallVec;

use super::{counters, threads, views};
use crate::compile::plan::{ChainPlan, Kind, Step};
use crate::kernels::chain::{From, Link, What};
use crate::kernels::launch::is_row;
use crate::kernels::{matmul, sequential};
use crate::tensor::raw::{RawTensor, Sizes, Val, row_major};

/// Bytes of the widest value that is made for some rows: it, what is made of it and a panel of a matrix stay in the cache.
const AT_ONCE: usize = 256 << 10;
/// Rows at least, as all of the matrices is read for them.
const LEAST: usize = 32;

/// Runs a chain; `None` where what is made fits into the cache anyway, or the values are not what this is for. Then nobody
/// has seen a result.
pub(super) fn run(of: &ChainPlan, args: &[&Val]) -> Option<RawTensor> {
    let blocks = Blocks::new(of, args)?;
    let whole = blocks.work < matmul::PARALLEL;
    let rows = blocks.at_once(if whole { 1 } else { threads::count() })?;
    counters::as_kernels(of.groups, || {
        if whole { threads::alone(|| blocks.run(rows)) } else { blocks.run(rows) }
    })
}

/// What a link makes.
struct Made {
    dtype: DType,
    columns: usize,
    /// The last link that reads it.
    last: usize,
}

/// A chain over the rows of its arguments.
struct Blocks<'a> {
    links: &'a [Link],
    steps: &'a [Step],
    /// The arguments: matrices with the rows of all, or what is the same for all rows.
    args: SmallVec<[(Val, Use); 8]>,
    made: SmallVec<[Made; 8]>,
    /// The axes that count rows.
    lead: Sizes,
    /// Multiply-adds.
    work: usize,
}

/// How the links use an argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    None,
    /// Its rows are those of the results.
    Rows,
    /// All of it for all rows.
    Whole,
}

impl<'a> Blocks<'a> {
    fn new(of: &'a ChainPlan, args: &[&Val]) -> Option<Blocks<'a>> {
        let From::Given(first) = of.links.first()?.from[0] else { return None };
        let Val::Tensor(x) = args[first] else { return None };
        let (_, lead) = x.shape.split_last().filter(|(_, lead)| !lead.is_empty())?;
        if lead.iter().product::<usize>() <= LEAST {
            return None;
        }
        let mut blocks = Blocks {
            links: &of.links,
            steps: &of.steps.steps,
            args: args.iter().map(|_| (Val::Undef, Use::None)).collect(),
            made: SmallVec::new(),
            lead: lead.into(),
            work: 0,
        };
        for (k, link) in of.links.iter().enumerate() {
            let (dtype, columns) = match &link.what {
                What::Product => blocks.product(link, args)?,
                What::Group { to, .. } => (*to, blocks.group(link, args)?),
            };
            for from in &link.from {
                if let From::Made(i) = from {
                    blocks.made[*i].last = k;
                }
            }
            blocks.made.push(Made { dtype, columns, last: k });
        }
        Some(blocks)
    }

    fn rows(&self) -> usize {
        self.lead.iter().product()
    }

    /// The type and columns of a product.
    fn product(&mut self, link: &Link, args: &[&Val]) -> Option<(DType, usize)> {
        let [x, From::Given(w)] = link.from[..] else { return None };
        let (dtype, k) = match x {
            From::Made(i) => (self.made[i].dtype, self.made[i].columns),
            From::Given(i) => {
                let Val::Tensor(x) = args[i] else { return None };
                let (k, lead) = x.shape.split_last()?;
                let fits = *lead == self.lead[..];
                (fits && self.use_rows(i, x)).then_some((x.dtype, *k))?
            }
        };
        let Val::Tensor(matrix) = args[w] else { return None };
        let [high, n] = matrix.shape[..] else { return None };
        let fits = high == k && dtype == matrix.dtype && sequential::reads_in_place(matrix, self.rows());
        self.work = self.work.saturating_add(self.rows().saturating_mul(k * n));
        (fits && self.use_as(w, Val::Tensor(matrix.clone()), Use::Whole)).then_some((dtype, n))
    }

    /// The columns of a group's result.
    fn group(&mut self, link: &Link, args: &[&Val]) -> Option<usize> {
        let made = |from: &From| if let From::Made(i) = from { Some(self.made[*i].columns) } else { None };
        let n = link.from.iter().find_map(made)?;
        for from in &link.from {
            let fits = match from {
                From::Made(i) => self.made[*i].columns == n,
                From::Given(i) => self.operand(*i, args[*i], n),
            };
            if !fits {
                return None;
            }
        }
        Some(n)
    }

    /// Notes an operand of a group with rows of `n` elements, if it has rows, or is one or a single element for all.
    fn operand(&mut self, i: usize, value: &Val, n: usize) -> bool {
        let Val::Tensor(t) = value else {
            return matches!(value, Val::Scalar(_)) && self.use_as(i, value.clone(), Use::Whole);
        };
        let mut full = self.lead.clone();
        full.push(n);
        if t.shape == full {
            return self.use_rows(i, t);
        }
        if t.rank() == 0 {
            return self.use_as(i, value.clone(), Use::Whole);
        }
        if !t.is_contiguous() || !(is_row(&t.shape, &full) || (t.len() == 1 && t.rank() <= full.len())) {
            return false;
        }
        if t.rank() == 1 {
            return self.use_as(i, value.clone(), Use::Whole);
        }
        let row = t.view([t.len()].as_slice().into(), [1].as_slice().into(), t.offset);
        self.use_as(i, Val::Tensor(row), Use::Whole)
    }

    /// Notes an argument with rows of its own, as a matrix.
    fn use_rows(&mut self, i: usize, x: &RawTensor) -> bool {
        if x.rank() == 2 {
            return self.use_as(i, Val::Tensor(x.clone()), Use::Rows);
        }
        let Some(columns) = x.shape.last().filter(|_| x.is_contiguous()) else { return false };
        let sizes = Sizes::from_slice(&[self.rows(), *columns]);
        let matrix = x.view(sizes.clone(), row_major(&sizes), x.offset);
        self.use_as(i, Val::Tensor(matrix), Use::Rows)
    }

    /// Notes how an argument is used, which is one way for all links.
    fn use_as(&mut self, i: usize, value: Val, as_what: Use) -> bool {
        let (known, used) = &mut self.args[i];
        if *used == Use::None {
            (*known, *used) = (value, as_what);
        }
        *used == as_what
    }

    /// How many rows at once; `None` where there is no gain in it.
    fn at_once(&self, threads: usize) -> Option<usize> {
        let wide = self.made.iter().map(|made| made.columns * made.dtype.size()).max()?;
        if wide == 0 || wide * LEAST > 2 * AT_ONCE {
            return None;
        }
        let all = self.rows();
        let mut pieces = all.div_ceil((AT_ONCE / wide).max(LEAST));
        if threads > 1 {
            // With fewer pieces than threads these would rather share columns.
            let most = all / LEAST / threads * threads;
            pieces = pieces.max(most.min(threads * threads::PIECES));
            if most == 0 {
                return None;
            }
        }
        let rows = all.div_ceil(pieces).next_multiple_of(8);
        (rows < all).then_some(rows)
    }

    fn run(&self, rows: usize) -> Option<RawTensor> {
        let Made { dtype, columns, .. } = *self.made.last()?;
        let mut sizes = self.lead.clone();
        sizes.push(columns);
        let mut out = RawTensor::uninit(dtype, &sizes);
        let failed = AtomicBool::new(false);
        with_dtype!(dtype, T => {
            threads::pieces(out.fresh::<T>(), columns, rows * columns, &|at, piece| {
                let (from, count) = (at / columns, piece.len() / columns);
                let made = threads::alone(|| self.some(from, from + count));
                match made.as_ref().and_then(|made| made.as_slice::<T>()) {
                    Some(values) => piece.copy_from_slice(values),
                    None => failed.store(true, Ordering::Relaxed),
                }
            });
        });
        (!failed.into_inner()).then_some(out)
    }

    /// Results for some rows.
    fn some(&self, from: usize, to: usize) -> Option<RawTensor> {
        let part = |(value, used): &(Val, Use)| match (value, used) {
            (Val::Tensor(x), Use::Rows) => Val::Tensor(views::part(x, 0, from, to)),
            _ => value.clone(),
        };
        let given: SmallVec<[Val; 8]> = self.args.iter().map(part).collect();
        let mut made: SmallVec<[Val; 8]> = SmallVec::new();
        for k in 0..self.links.len() {
            let result = self.link(k, &given, &made, to - from)?;
            made.push(Val::Tensor(result));
            for (value, of) in made.iter_mut().zip(&self.made[..k]) {
                if of.last == k {
                    value.clear();
                }
            }
        }
        made.pop()?.take_tensor()
    }

    /// The result of a link for some rows.
    fn link(&self, k: usize, given: &[Val], made: &[Val], rows: usize) -> Option<RawTensor> {
        let value = |from: &From| match *from {
            From::Made(i) => &made[i],
            From::Given(i) => &given[i],
        };
        let args: SmallVec<[&Val; 4]> = self.links[k].from.iter().map(value).collect();
        match (&self.steps[k].kind, &args[..]) {
            (Kind::Group(group), args) => group.run_one(args).ok(),
            (_, [Val::Tensor(x), Val::Tensor(w)]) => {
                Some(matmul::matmul(x, w, &[rows, self.made[k].columns]))
            }
            _ => None,
        }
    }
}
