//! Which op a method call in a script means.

use super::Op;

/// One argument of a method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arg {
    /// A tensor or a host scalar of the receiver's element type.
    Operand,
    /// A tensor of `i64`.
    Indices,
    /// A `usize` host scalar.
    Count,
    /// A `usize` host scalar for rows and columns, or an array of two.
    Pair,
    /// An `i64` host scalar.
    Offset,
    /// A constant axis.
    Axis,
    /// A constant axis, or an array of them.
    Axes,
    /// An array of sizes.
    Sizes,
    /// An array of pairs of sizes, operands after all others.
    Pairs,
}

/// A tensor method.
#[derive(Clone, Debug)]
pub struct Method {
    /// The op.
    pub op: Op,
    /// Its arguments after the receiver.
    pub args: &'static [Arg],
    /// For reductions: whether the reduced axes stay.
    pub keep: bool,
    /// Whether `::<U>` gives an element type.
    pub generic: bool,
}

const OTHERS: &[(&str, Op, &[Arg])] = &[
    ("select", Op::Select, &[Arg::Operand, Arg::Operand]),
    ("mul_add", Op::MulAdd, &[Arg::Operand, Arg::Operand]),
    ("clamp", Op::Clamp, &[Arg::Operand, Arg::Operand]),
    ("sum", Op::Sum, &[]),
    ("mean", Op::Mean, &[]),
    ("prod", Op::Prod, &[]),
    ("max", Op::Max, &[]),
    ("min", Op::Min, &[]),
    ("var", Op::Var, &[]),
    ("std", Op::Std, &[]),
    ("all", Op::All, &[]),
    ("any", Op::Any, &[]),
    ("argmax", Op::ArgMax, &[]),
    ("argmin", Op::ArgMin, &[]),
    ("logsumexp", Op::LogSumExp, &[Arg::Axis]),
    ("cumsum", Op::CumSum, &[Arg::Axis]),
    ("cumprod", Op::CumProd, &[Arg::Axis]),
    ("softmax", Op::Softmax, &[Arg::Axis]),
    ("log_softmax", Op::LogSoftmax, &[Arg::Axis]),
    ("reshape", Op::Reshape, &[Arg::Sizes]),
    ("flatten", Op::Flatten, &[]),
    ("transpose", Op::Transpose, &[Arg::Axis, Arg::Axis]),
    ("t", Op::T, &[]),
    ("permute", Op::Permute, &[Arg::Axes]),
    ("unsqueeze", Op::Unsqueeze, &[Arg::Axis]),
    ("squeeze", Op::Squeeze, &[Arg::Axis]),
    ("broadcast_to", Op::BroadcastTo, &[Arg::Sizes]),
    ("flip", Op::Flip, &[Arg::Axis]),
    ("roll", Op::Roll, &[Arg::Axis, Arg::Offset]),
    ("repeat", Op::Repeat, &[Arg::Sizes]),
    ("pad", Op::Pad, &[Arg::Pairs, Arg::Operand]),
    ("slice_step", Op::SliceStep, &[Arg::Axis, Arg::Count, Arg::Count, Arg::Count]),
    ("triu", Op::Triu, &[Arg::Offset]),
    ("tril", Op::Tril, &[Arg::Offset]),
    ("index_axis", Op::IndexAxis, &[Arg::Axis, Arg::Count]),
    ("slice_axis", Op::SliceAxis, &[Arg::Axis, Arg::Count, Arg::Count]),
    ("set_axis", Op::SetAxis, &[Arg::Axis, Arg::Count, Arg::Operand]),
    ("set_slice", Op::SetSlice, &[Arg::Axis, Arg::Count, Arg::Operand]),
    ("take", Op::Take, &[Arg::Axis, Arg::Indices]),
    ("gather", Op::Gather, &[Arg::Axis, Arg::Indices]),
    ("scatter_add", Op::ScatterAdd, &[Arg::Axis, Arg::Indices, Arg::Operand]),
    ("sort", Op::Sort, &[Arg::Axis]),
    ("argsort", Op::ArgSort, &[Arg::Axis]),
    ("max_pool2d", Op::MaxPool2d, &[Arg::Pair, Arg::Pair, Arg::Pair]),
    ("avg_pool2d", Op::AvgPool2d, &[Arg::Pair, Arg::Pair, Arg::Pair]),
    ("conv2d", Op::Conv2d, &[Arg::Operand, Arg::Pair, Arg::Pair, Arg::Pair, Arg::Count]),
    ("one_hot", Op::OneHot, &[Arg::Count]),
    ("matmul", Op::Matmul, &[Arg::Operand]),
    ("dot", Op::Dot, &[Arg::Operand]),
    ("outer", Op::Outer, &[Arg::Operand]),
    ("cast", Op::Cast, &[]),
    ("split", Op::Split, &[Arg::Count]),
    ("item", Op::Item, &[]),
    ("dim", Op::Dim, &[Arg::Axis]),
    ("len", Op::Len, &[]),
    ("rank", Op::Rank, &[]),
];

const REDUCTIONS: &[&str] =
    &["sum", "mean", "prod", "max", "min", "var", "std", "all", "any", "argmax", "argmin"];

/// The tensor method of that name.
pub fn find(name: &str) -> Option<Method> {
    let plain = |op: Op, args| Method { op, args, keep: false, generic: matches!(op, Op::Cast | Op::OneHot) };
    if let Some((_, op, args)) = OTHERS.iter().find(|(n, ..)| *n == name) {
        return Some(plain(*op, args));
    }
    for (suffix, keep) in [("_axis", false), ("_keepdim", true)] {
        if let Some(base) = name.strip_suffix(suffix)
            && REDUCTIONS.contains(&base)
        {
            let op = Op::from_name(base)?;
            let args: &'static [Arg] =
                if matches!(op, Op::ArgMax | Op::ArgMin) { &[Arg::Axis] } else { &[Arg::Axes] };
            return Some(Method { keep, ..plain(op, args) });
        }
    }
    let op = Op::from_name(name)?;
    if !op.is_elementwise() || matches!(op, Op::Shl | Op::Shr) {
        return None;
    }
    Some(plain(op, if op.info().operands.0 == 1 { &[] } else { &[Arg::Operand] }))
}

/// Every method name, for suggestions.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = OTHERS.iter().map(|(n, ..)| n.to_string()).collect();
    names.extend(["split", "split_sizes", "topk"].map(String::from));
    names.extend(super::composite::METHODS.iter().map(|(n, ..)| n.to_string()));
    for base in REDUCTIONS {
        names.push(format!("{base}_axis"));
        names.push(format!("{base}_keepdim"));
    }
    let rows = Op::ALL.iter().filter(|op| op.is_elementwise());
    names.extend(rows.map(|op| op.name().to_string()).filter(|n| find(n).is_some()));
    names.sort();
    names.dedup();
    names
}

/// The op that a host scalar's method of that name means, with the number of arguments.
pub fn find_scalar(name: &str) -> Option<(Op, usize)> {
    let op = match name {
        "max" => Op::Maximum,
        "min" => Op::Minimum,
        "mul_add" => return Some((Op::MulAdd, 2)),
        "clamp" => return Some((Op::Clamp, 2)),
        "abs" | "signum" | "recip" | "sqrt" | "floor" | "ceil" | "round" | "trunc" | "exp" | "exp_m1"
        | "ln" | "ln_1p" | "log2" | "sin" | "cos" | "tan" | "asin" | "acos" | "atan" | "sinh" | "cosh"
        | "tanh" | "is_nan" | "is_finite" | "powf" | "atan2" | "rem_euclid" | "div_euclid" => {
            Op::from_name(name)?
        }
        _ => return None,
    };
    Some((op, op.info().operands.0 - 1))
}

/// Every method name of host scalars, for suggestions.
pub fn scalar_names() -> Vec<String> {
    let mut names: Vec<String> = super::host::FUNCTIONS.iter().map(|(n, _)| n.to_string()).collect();
    names.extend(Op::ALL.iter().map(|op| op.name().to_string()).filter(|n| find_scalar(n).is_some()));
    names.extend(["max", "min", "powi", "pow"].map(String::from));
    names
}

/// The constructor `Tensor::name`.
pub fn find_constructor(name: &str) -> Option<(Op, &'static [Arg])> {
    Some(match name {
        "zeros" => (Op::Zeros, &[Arg::Sizes]),
        "ones" => (Op::Ones, &[Arg::Sizes]),
        "full" => (Op::Full, &[Arg::Sizes, Arg::Operand]),
        "uniform" => (Op::Uniform, &[Arg::Operand, Arg::Sizes]),
        "normal" => (Op::Normal, &[Arg::Operand, Arg::Sizes]),
        "eye" => (Op::Eye, &[Arg::Count]),
        "arange" => (Op::Arange, &[Arg::Operand, Arg::Operand, Arg::Operand]),
        "linspace" => (Op::Linspace, &[Arg::Operand, Arg::Operand, Arg::Count]),
        "scalar" => (Op::ToTensor, &[Arg::Operand]),
        "zeros_like" => (Op::ZerosLike, &[Arg::Operand]),
        "ones_like" => (Op::OnesLike, &[Arg::Operand]),
        _ => return None,
    })
}
