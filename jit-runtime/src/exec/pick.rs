//! Elements by an index tensor.

use jit_ir::ops::lanes::{Add, Binary};
use jit_ir::{Attrs, DType, Op, Prim, with_dtype};

use crate::tensor::raw::{RawTensor, Val};
use jit_ir::ops::shape::only_axis;

/// A tensor as `outer` blocks of `n` rows of `inner` elements, the rows along an axis.
struct Blocks {
    outer: usize,
    n: usize,
    inner: usize,
}

impl Blocks {
    fn new(shape: &[usize], axis: usize) -> Blocks {
        Blocks {
            outer: shape[..axis].iter().product(),
            n: shape[axis],
            inner: shape[axis + 1..].iter().product(),
        }
    }

    /// For each index its place in the index tensor, and that of the element that it names.
    fn each(&self, index: &[i64], count: usize, mut visit: impl FnMut(usize, usize)) -> Result<(), String> {
        for o in 0..self.outer {
            for j in 0..count {
                for i in 0..self.inner {
                    let at = (o * count + j) * self.inner + i;
                    let row = usize::try_from(index[at])
                        .ok()
                        .filter(|row| *row < self.n)
                        .ok_or_else(|| format!("index {} is out of range for size {}", index[at], self.n))?;
                    visit(at, (o * self.n + row) * self.inner + i);
                }
            }
        }
        Ok(())
    }
}

/// `gather` and `scatter_add`; the shapes fit.
pub(super) fn eval(op: Op, attrs: &Attrs, args: &[&Val]) -> Result<RawTensor, String> {
    let x = args[0].tensor()?;
    let axis = only_axis(attrs, x.rank())?;
    let blocks = Blocks::new(&x.shape, axis);
    match op {
        Op::Gather => {
            let index = args[1].tensor()?;
            let picked: Vec<i64> = index.to_vec();
            let x = x.contiguous();
            let mut out = RawTensor::uninit(x.dtype, &index.shape);
            with_dtype!(x.dtype, T => {
                let from = x.as_slice::<T>().unwrap_or(&[]);
                let to = out.fresh::<T>();
                to.fill(<T as Prim>::ZERO);
                blocks.each(&picked, index.shape[axis], |at, place| to[at] = from[place])?;
            });
            Ok(out)
        }
        _ => {
            let (index, source) = (args[1].tensor()?, args[2].tensor()?);
            let (picked, count): (Vec<i64>, usize) = (index.to_vec(), index.shape[axis]);
            match x.dtype {
                DType::F32 => added::<f32>(x, &blocks, &picked, count, source),
                DType::F64 => added::<f64>(x, &blocks, &picked, count, source),
                DType::U8 => added::<u8>(x, &blocks, &picked, count, source),
                DType::I32 => added::<i32>(x, &blocks, &picked, count, source),
                _ => added::<i64>(x, &blocks, &picked, count, source),
            }
        }
    }
}

fn added<T: Prim>(
    x: &RawTensor,
    blocks: &Blocks,
    index: &[i64],
    count: usize,
    source: &RawTensor,
) -> Result<RawTensor, String>
where
    Add: Binary<T, Out = T>,
{
    let mut out = x.clone();
    let source: Vec<T> = source.to_vec();
    let to = out.make_mut::<T>();
    blocks.each(index, count, |at, place| to[place] = <Add as Binary<T>>::eval(to[place], source[at]))?;
    Ok(out)
}
