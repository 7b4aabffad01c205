//! One op on concrete values: what eager mode does, and the plan's steps outside groups.

use jit_ir::form::Form;
use jit_ir::ops::{Attrs, Class, host, range, shape};
use jit_ir::{DType, Dim, Op, Prim, Scalar, Type, random, with_dtype};
use smallvec::SmallVec;

use super::group::{self, Group, broadcast};
use super::{attention, counters, einsum, lists, pick, reduce, sort, views, window};
use crate::few::few;
use crate::kernels::{copy, launch, matmul, reduce as folds, table};
use crate::tensor::raw::{RawTensor, Sizes, Val};

/// The value of an op with one result.
///
/// # Errors
/// What does not fit, without op and location.
pub(crate) fn apply(op: Op, attrs: &Attrs, args: &[&Val]) -> Result<Val, String> {
    match common_case(op, attrs, args) {
        Some(value) => Ok(Val::Tensor(value)),
        None => general_case(op, attrs, args),
    }
}

/// What is no [`common_case`].
pub(super) fn general_case(op: Op, attrs: &Attrs, args: &[&Val]) -> Result<Val, String> {
    if op.is_elementwise() {
        return elementwise(op, attrs, args);
    }
    if matches!(op, Op::Host | Op::Powi) {
        let scalars: SmallVec<[Scalar; 3]> = args.iter().map(|v| v.scalar()).collect::<Result<_, _>>()?;
        return host::call(op, &scalars, attrs).map(Val::Scalar);
    }
    match (op, args) {
        (Op::Item, [Val::Scalar(s)]) => return Ok(Val::Scalar(*s)),
        (Op::Item, [Val::Tensor(t)]) if t.rank() == 0 => return Ok(Val::Scalar(t.item())),
        (Op::Same, [a, b]) => return Ok(Val::Scalar(Scalar::Bool(a.same_bits(b)))),
        _ => {}
    }
    if op.info().class == Class::List || args.iter().any(|v| matches!(v, Val::List(_))) {
        return listed(op, attrs, args);
    }
    let sizes = result_sizes(op, attrs, args)?;
    match op.info().class {
        Class::Reduce => reduce::eval(op, attrs, args[0].tensor()?, &sizes).map(Val::Tensor),
        Class::Ask => ask(op, attrs, args),
        Class::Make => make(op, attrs, args, &sizes).map(Val::Tensor),
        _ if op == Op::Attention => attention::eval(args, &sizes).map(Val::Tensor),
        _ if op == Op::Conv2d => window::conv2d(args, &sizes).map(Val::Tensor),
        _ if op == Op::Einsum => einsum::eval(attrs, args).map(Val::Tensor),
        Class::Combine => combine(op, attrs, args, &sizes).map(Val::Tensor),
        _ if matches!(op, Op::CumSum | Op::CumProd | Op::Softmax | Op::LogSoftmax) => {
            reduce::along(op, attrs, args[0].tensor()?).map(Val::Tensor)
        }
        _ if matches!(op, Op::Gather | Op::ScatterAdd) => pick::eval(op, attrs, args).map(Val::Tensor),
        _ if matches!(op, Op::Sort | Op::ArgSort | Op::TopK) => {
            sort::eval(op, attrs, args[0].tensor()?, &sizes).map(Val::Tensor)
        }
        _ if matches!(op, Op::MaxPool2d | Op::AvgPool2d) => window::pool(op, args, &sizes).map(Val::Tensor),
        _ => views::eval(op, attrs, args, &sizes).map(Val::Tensor),
    }
}

/// An op with a list among its operands.
fn listed(op: Op, attrs: &Attrs, args: &[&Val]) -> Result<Val, String> {
    if let Some(value) = lists::eval(op, attrs, args)? {
        return Ok(value);
    }
    // The tensors of a list to join, or the sizes of a shape.
    let spread: Vec<&Val> = args
        .iter()
        .flat_map(|v| match v {
            Val::List(list) => list.iter().collect(),
            other => vec![*other],
        })
        .collect();
    match op {
        _ if op.joins() && spread.is_empty() => Err("needs at least one tensor".into()),
        _ if op.joins() => apply(op, attrs, &spread),
        _ if op.takes_sizes() => apply(op, attrs, &spread),
        _ => Err("takes no list".into()),
    }
}

/// The cases that small functions consist of, without the general rule's bookkeeping.
pub(super) fn common_case(op: Op, attrs: &Attrs, args: &[&Val]) -> Option<RawTensor> {
    match (op, args) {
        (Op::Matmul, [Val::Tensor(a), Val::Tensor(b)]) if a.rank() == 2 && b.rank() == 2 => {
            (a.shape[1] == b.shape[0]).then(|| matmul::matmul(a, b, &[a.shape[0], b.shape[1]]))
        }
        (Op::Sum | Op::Max | Op::Min, [Val::Tensor(x)]) if attrs.axes.is_none() && !attrs.keep => {
            reduce::all(op, x).map(|v| RawTensor::scalar(Scalar::F64(v).cast(x.dtype)))
        }
        _ => None,
    }
}

/// The value of a reduction over everything on the host, in the cases that small functions consist of.
pub(super) fn common_total(op: Op, x: &Val) -> Option<f64> {
    match (op, x) {
        (Op::Sum | Op::Max | Op::Min, Val::Tensor(x)) => reduce::all(op, x),
        _ => None,
    }
}

/// The value of a reduction over everything on the host.
pub(super) fn total(op: Op, attrs: &Attrs, args: &[&Val]) -> Result<Scalar, String> {
    Ok(general_case(op, attrs, args)?.tensor()?.item())
}

/// The sizes of the result, by the op's shape rule.
pub(crate) fn result_sizes(op: Op, attrs: &Attrs, args: &[&Val]) -> Result<Sizes, String> {
    let types: SmallVec<[Type; 3]> = args.iter().map(|v| v.ty()).collect();
    let values: SmallVec<[Option<i64>; 4]> =
        args.iter().map(|v| if let Val::Scalar(s) = v { Some(s.as_i64()) } else { None }).collect();
    let dims = shape::infer(op, &types, &values, attrs)?.dims.unwrap_or_default();
    Ok(dims.into_iter().map(|d| if let Dim::Known(n) = d { n } else { 0 }).collect())
}

fn elementwise(op: Op, attrs: &Attrs, args: &[&Val]) -> Result<Val, String> {
    if args.iter().all(|v| matches!(v, Val::Scalar(_))) {
        let scalars: SmallVec<[Scalar; 3]> = args.iter().map(|v| v.scalar()).collect::<Result<_, _>>()?;
        return host::eval(op, &scalars, attrs.dtype).map(Val::Scalar);
    }
    let dtype = |v: &Val| match v {
        Val::Tensor(t) => Some(t.dtype),
        _ => None,
    };
    let values = if op == Op::Select { &args[1..] } else { args };
    // A host scalar takes the element type of the tensor beside it.
    let from = values.iter().find_map(|v| dtype(v)).or_else(|| values[0].scalar().ok().map(Scalar::dtype));
    let from = from.ok_or("reads a value that was never set")?;
    if from.is_int() && op.divides() {
        let sizes = args.iter().try_fold(Sizes::new(), |s, v| match v {
            Val::Tensor(t) => broadcast(&s, &t.shape),
            _ => Ok(s),
        })?;
        return launch::checked_division(op, args[0], args[1], from, &sizes).map(Val::Tensor);
    }
    let to = match op {
        Op::Cast => attrs.dtype.unwrap_or(from),
        _ if op.is_test() => DType::Bool,
        _ => from,
    };
    if let Some(result) = direct(op, args, from, to) {
        return Ok(Val::Tensor(result));
    }
    let group = Group::new(Form::single(op, args.len(), (from, to)), vec![None])?;
    group.run_one(args).map(Val::Tensor).map_err(|(_, message)| message)
}

/// One op by its kernel alone, if the operands are row-major and of one shape, rows of that shape, or single elements.
fn direct(op: Op, args: &[&Val], from: DType, to: DType) -> Option<RawTensor> {
    let mut sizes: Option<&[usize]> = None;
    for t in args.iter().filter_map(|v| if let Val::Tensor(t) = v { Some(t) } else { None }) {
        if t.rank() == 0 {
            continue;
        }
        if !t.is_contiguous() {
            return None;
        }
        match sizes {
            Some(s) if s == &t.shape[..] || launch::is_row(&t.shape, s) => {}
            Some(s) if !launch::is_row(s, &t.shape) => return None,
            _ => sizes = Some(&t.shape),
        }
    }
    let mut dtypes = [from; 3];
    if op == Op::Select {
        dtypes[0] = DType::Bool;
    }
    let kernel = table::kernel(op, from, to)?;
    let result = few(args.len(), launch::Operand::Scalar([0]), |operands| {
        for ((to, value), dtype) in operands.iter_mut().zip(args).zip(dtypes) {
            *to = launch::Operand::new(value, dtype).ok()?;
        }
        let dtypes = &dtypes[..args.len()];
        launch::single(kernel, operands, dtypes, (to, sizes.unwrap_or(&[])), group::cost_of(op))
    })?;
    counters::kernel(1);
    Some(result)
}

fn ask(op: Op, attrs: &Attrs, args: &[&Val]) -> Result<Val, String> {
    let x = args[0].tensor()?;
    let count = |n: usize| Val::Scalar(Scalar::Usize(n));
    Ok(match op {
        Op::Item => Val::Scalar(x.item()),
        Op::Dim => count(x.shape[shape::only_axis(attrs, x.rank())?]),
        Op::Len => count(x.len()),
        Op::Sizes => Val::List(std::sync::Arc::new(x.shape.iter().map(|n| count(*n)).collect())),
        Op::Rank => count(x.rank()),
        Op::Index => {
            let at: Sizes = args[1..]
                .iter()
                .map(|v| v.scalar().map(|s| s.as_i64() as usize))
                .collect::<Result<_, _>>()?;
            with_dtype!(x.dtype, T => Val::Scalar(x.get::<T>(&at).to_scalar()))
        }
        _ => Val::Scalar(Scalar::Bool(equal(x, args[1].tensor()?))),
    })
}

/// Whether shape and all elements are equal; NaN equals nothing.
pub(crate) fn equal(x: &RawTensor, y: &RawTensor) -> bool {
    x.dtype == y.dtype
        && x.shape == y.shape
        && with_dtype!(x.dtype, T => {
            match (x.as_slice::<T>(), y.as_slice::<T>()) {
                (Some(a), Some(b)) => a == b,
                _ => x.to_vec::<T>() == y.to_vec::<T>(),
            }
        })
}

fn make(op: Op, attrs: &Attrs, args: &[&Val], sizes: &[usize]) -> Result<RawTensor, String> {
    let scalar = |i: usize| args[i].scalar();
    let wanted = |s: Scalar| attrs.dtype.unwrap_or(s.dtype());
    let float = |s: Scalar| f64::from_scalar(s);
    Ok(match op {
        Op::Zeros | Op::Ones => {
            let one = Scalar::U8(u8::from(op == Op::Ones));
            launch::filled(one.cast(attrs.dtype.unwrap_or(DType::F32)), sizes)
        }
        Op::Uniform | Op::Normal | Op::SplitKey => {
            let key = args[0].tensor()?.item().as_i64();
            let (n, dtype) = (sizes.iter().product(), attrs.dtype.unwrap_or(DType::F32));
            if op == Op::SplitKey {
                return Ok(RawTensor::scalar(Scalar::I64(random::split(key, scalar(1)?.as_i64() as usize))));
            }
            let mut out = RawTensor::uninit(dtype, sizes);
            with_dtype!(dtype, T => {
                let to = out.fresh::<T>().iter_mut();
                if op == Op::Uniform {
                    to.zip(random::uniform(key, n, dtype)).for_each(|(v, s)| *v = T::from_scalar(s));
                } else {
                    to.zip(random::normal(key, n, dtype)).for_each(|(v, s)| *v = T::from_scalar(s));
                }
            });
            out
        }
        Op::Full => {
            let value = scalar(args.len() - 1)?;
            launch::filled(value.cast(wanted(value)), sizes)
        }
        Op::ToTensor => RawTensor::scalar(scalar(0)?.cast(wanted(scalar(0)?))),
        Op::Eye => with_dtype!(attrs.dtype.unwrap_or(DType::F32), T => {
            RawTensor::from_fn(sizes, |i| T::from_scalar(Scalar::Bool(i / sizes[0] == i % sizes[0])))
        }),
        Op::Arange => {
            let range = range::Range::new(scalar(0)?, scalar(1)?, scalar(2)?)?;
            with_dtype!(wanted(scalar(0)?), T => {
                RawTensor::from_fn(&[range.len()], |i| T::from_scalar(range.at(i)))
            })
        }
        _ => {
            let (start, end, n) = (float(scalar(0)?), float(scalar(1)?), sizes[0]);
            let range = range::Linspace::new(start, end, n);
            with_dtype!(wanted(scalar(0)?), T => RawTensor::from_fn(&[n], |i| {
                T::from_scalar(Scalar::F64(range.at(i)))
            }))
        }
    })
}

fn combine(op: Op, attrs: &Attrs, args: &[&Val], sizes: &[usize]) -> Result<RawTensor, String> {
    let tensors: SmallVec<[&RawTensor; 4]> = args.iter().map(|v| v.tensor()).collect::<Result<_, _>>()?;
    match op {
        Op::Concat => Ok(copy::concat(&tensors, shape::only_axis(attrs, sizes.len())?, sizes)),
        Op::Stack => {
            let at = shape::only_axis(attrs, sizes.len())?;
            let slices: Vec<RawTensor> = tensors.iter().map(|t| views::unsqueeze(t, at)).collect();
            Ok(copy::concat(&slices.iter().collect::<Vec<_>>(), at, sizes))
        }
        Op::Matmul => Ok(matmul::matmul(tensors[0], tensors[1], sizes)),
        Op::Outer => {
            let column = Val::Tensor(views::unsqueeze(tensors[0], 1));
            tensor(elementwise(Op::Mul, &Attrs::default(), &[&column, args[1]])?)
        }
        _ => {
            let products = tensor(elementwise(Op::Mul, &Attrs::default(), args)?)?;
            Ok(with_numeric(products.dtype, &products))
        }
    }
}

fn with_numeric(dtype: DType, x: &RawTensor) -> RawTensor {
    use jit_ir::ops::lanes::Add;
    macro_rules! sum {
        ($T:ident) => {
            RawTensor::from_slice(
                &[folds::fold::<Add, $T>(x.as_slice().unwrap_or(&[])).unwrap_or($T::ZERO)],
                &[],
            )
        };
    }
    match dtype {
        DType::F32 => sum!(f32),
        DType::F64 => sum!(f64),
        DType::U8 => sum!(u8),
        DType::I32 => sum!(i32),
        _ => sum!(i64),
    }
}

/// The tensor that an op gave.
pub(crate) fn tensor(value: Val) -> Result<RawTensor, String> {
    match value {
        Val::Tensor(t) => Ok(t),
        _ => Err("gave no tensor".into()),
    }
}
