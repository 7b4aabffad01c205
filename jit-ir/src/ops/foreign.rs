//! Names that other libraries have and this one has not, with what to write here: for messages and for the guide's page
//! for those who come from them.

/// How a name is used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A method of a tensor: `x.masked_fill(..)`.
    Method,
    /// An associated function: `Tensor::randn(..)`.
    Function,
    /// A function of a module such as `torch`, `np`, `jax.lax` or `nn.functional`: `where(..)`, `fori_loop(..)`.
    Free,
    /// A method of a host scalar: `n.isqrt()`.
    Scalar,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [Kind::Method, Kind::Function, Kind::Free, Kind::Scalar];

    fn letter(self) -> char {
        match self {
            Kind::Method => 'm',
            Kind::Function => 'f',
            Kind::Free => 'n',
            Kind::Scalar => 's',
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Foreign {
    kinds: &'static str,
    names: &'static str,
    /// What to write here: Rust in backticks, or a reason. It follows "instead: ".
    pub instead: &'static str,
    libraries: &'static str,
}

impl Foreign {
    /// The names, which mean the same.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.names.split(' ')
    }

    /// How the names are used.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        let kinds = self.kinds;
        Kind::ALL.into_iter().filter(move |k| kinds.contains(k.letter()))
    }

    /// The libraries that have the names.
    pub fn libraries(&self) -> impl Iterator<Item = &'static str> {
        libraries(self.libraries)
    }
}

fn libraries(letters: &'static str) -> impl Iterator<Item = &'static str> {
    letters.chars().filter_map(|l| LIBRARIES.iter().find(|(letter, _)| *letter == l).map(|(_, name)| *name))
}

const LIBRARIES: [(char, &str); 5] =
    [('P', "PyTorch"), ('N', "NumPy"), ('J', "JAX"), ('A', "ndarray"), ('R', "Rust")];

/// What a method whose name ends with `_` does in PyTorch.
const IN_PLACE: &str = "`x = x.name(..)` without the underscore, or an operator such as `x += y`: tensors that \
    nothing else holds are changed in place";

/// What to write instead of a name of another library, if that is known and the name is none of this library's.
pub fn instead(kind: Kind, name: &str) -> Option<&'static str> {
    if let Some(found) = listed(kind, name) {
        return Some(found);
    }
    let base = name.strip_suffix('_').filter(|_| kind == Kind::Method)?;
    let known = super::methods::find(base).is_some() || listed(kind, base).is_some();
    (known || IN_PLACE_ONLY.contains(&base)).then_some(IN_PLACE)
}

fn listed(kind: Kind, name: &str) -> Option<&'static str> {
    let is = |row: &&Row| row.0.contains(kind.letter()) && row.1.split(' ').any(|n| n == name);
    SECTIONS.iter().find_map(|(_, rows)| rows.iter().find(is)).map(|row| row.2)
}

/// Methods that PyTorch has with an underscore only.
const IN_PLACE_ONLY: [&str; 4] = ["zero", "bernoulli", "normal", "uniform"];

/// The rows of the table, section by section.
pub fn sections() -> impl Iterator<Item = (&'static str, impl Iterator<Item = Foreign>)> {
    SECTIONS.iter().map(|(title, rows)| {
        let row = |(kinds, names, instead, libraries): &Row| Foreign { kinds, names, instead, libraries };
        (*title, rows.iter().map(row))
    })
}

/// Names that this library has, too, with another meaning or other arguments than some library's: the name, what it is
/// here, and the libraries.
pub fn differences() -> impl Iterator<Item = (&'static str, &'static str, Vec<&'static str>)> {
    DIFFERENT.iter().map(|(name, here, letters)| (*name, *here, libraries(letters).collect()))
}

type Row = (&'static str, &'static str, &'static str, &'static str);

/// Sections of rows: kinds (method, function of `Tensor`, function of a namespace, method of a scalar), names, what to write
/// here, libraries.
#[rustfmt::skip]
const SECTIONS: &[(&str, &[Row])] = &[
    ("Logarithms, powers, signs", &[
        ("mn", "log", "`x.ln()`", "PNJ"),
        ("mn", "log10", "`x.ln() / 10_f32.ln()`", "PNJ"),
        ("mn", "log1p", "`x.ln_1p()`", "PNJ"),
        ("mn", "expm1", "`x.exp_m1()`", "PNJ"),
        ("mn", "exp2", "`Tensor::scalar(2.0).powf(x)`", "PNJ"),
        ("mn", "pow power float_power", "`x.powi(2)` for a whole number that is known, `x.powf(p)` for a float or a tensor", "PNJ"),
        ("mn", "reciprocal", "`x.recip()`", "PN"),
        ("mn", "negative", "`-x`", "PNJ"),
        ("mn", "absolute fabs", "`x.abs()`", "PNJ"),
        ("mn", "sign sgn", "`x.signum()`, which is 1 or -1 for a zero among floats", "PNJ"),
        ("mn", "arcsin", "`x.asin()`", "PNJ"),
        ("mn", "arccos", "`x.acos()`", "PNJ"),
        ("mn", "arctan", "`x.atan()`", "PNJ"),
        ("mn", "arctan2", "`y.atan2(&x)`", "PNJ"),
        ("mn", "asinh arcsinh", "`x.signum() * (x.abs() + x.square() / ((x.square() + 1.0).sqrt() + 1.0)).ln_1p()`", "PNJ"),
        ("mn", "acosh arccosh", "`(x + (x.square() - 1.0).sqrt()).ln()`", "PNJ"),
        ("mn", "atanh arctanh", "`(x.ln_1p() - (-x).ln_1p()) * 0.5`", "PNJ"),
        ("mn", "cbrt", "`x.signum() * x.abs().powf(1.0 / 3.0)`", "NJ"),
        ("mn", "hypot", "`(x.square() + y.square()).sqrt()`", "PNJ"),
        ("mn", "erfc", "`1.0 - x.erf()`, of which little is left for large x", "PJ"),
        ("mn", "deg2rad radians to_radians", "`x * (std::f32::consts::PI / 180.0)`", "PNA"),
        ("mn", "rad2deg degrees to_degrees", "`x * (180.0 / std::f32::consts::PI)`", "PNA"),
        ("mn", "logaddexp", "`a.maximum(&b) + (-(&a - &b).abs()).exp().ln_1p()`", "PNJ"),
        ("mn", "rint", "`x.round()`, which rounds halves away from zero", "NJ"),
        ("mn", "fix", "`x.trunc()`", "PN"),
        ("mn", "frac fract", "`x - x.trunc()`", "PA"),
    ]),
    ("Arithmetic and comparison", &[
        ("mn", "subtract", "`x - y`", "PN"),
        ("mn", "multiply", "`x * y`", "PN"),
        ("mn", "divide true_divide", "`x / y`", "PN"),
        ("mn", "floor_divide", "`(x / y).floor()`, of integers and a positive divisor `x.div_euclid(y)`", "PN"),
        ("mn", "fmod", "`x % y`", "PN"),
        ("mn", "remainder mod", "`x.rem_euclid(y)` for a positive divisor", "PN"),
        ("mn", "clip", "`x.clamp(lo, hi)`", "PNJ"),
        ("mn", "clamp_min", "`x.maximum(lo)`", "P"),
        ("mn", "clamp_max", "`x.minimum(hi)`", "P"),
        ("mn", "fmax", "`x.maximum(y)`, which is NaN where either is", "PNJ"),
        ("mn", "fmin", "`x.minimum(y)`, which is NaN where either is", "PNJ"),
        ("mn", "isnan", "`x.is_nan()`", "PNJ"),
        ("mn", "isfinite", "`x.is_finite()`", "PNJ"),
        ("mn", "isinf is_infinite", "`!(x.is_finite() | x.is_nan())`", "PNJA"),
        ("mn", "nan_to_num", "`x.is_nan().select(0.0, &x)`", "PNJ"),
        ("mn", "isclose", "`(x - y).abs().le(tolerance)`", "PNJ"),
        ("mn", "allclose abs_diff_eq", "`(x - y).abs().le(tolerance).all().item()`", "PNJA"),
        ("mn", "equal array_equal", "`x == y` for the whole tensors, `x.eq(&y)` for each element", "PNJ"),
        ("mn", "greater", "`x.gt(y)`", "PNJ"),
        ("mn", "greater_equal", "`x.ge(y)`", "PNJ"),
        ("mn", "less", "`x.lt(y)`", "PNJ"),
        ("mn", "less_equal", "`x.le(y)`", "PNJ"),
        ("mn", "not_equal", "`x.ne(y)`", "PNJ"),
        ("mn", "logical_and bitwise_and", "`a & b`", "PNJ"),
        ("mn", "logical_or bitwise_or", "`a | b`", "PNJ"),
        ("mn", "logical_xor bitwise_xor", "`a ^ b`", "PNJ"),
        ("mn", "logical_not bitwise_not invert", "`!a`", "PNJ"),
        ("mn", "addcmul", "`b.mul_add(&c, &a)`", "P"),
        ("mn", "addcdiv", "`a + b / c`", "P"),
        ("mn", "lerp", "`(y - x).mul_add(t, &x)`", "P"),
        ("m", "scaled_add", "`x += y * a`", "A"),
    ]),
    ("Choosing by a mask or a condition", &[
        ("mfn", "where_", "`mask.select(&a, &b)`", "PNJ"),
        ("fn", "where", "`mask.select(&a, &b)`", "PNJ"),
        ("mn", "masked_fill", "`mask.select(value, &x)`", "P"),
        ("n", "piecewise", "`mask.select(&a, &b)`, one inside the other", "NJ"),
        ("mn", "masked_select nonzero argwhere flatnonzero extract compress", "how many there are would depend on values, which no op does yet: keep the shape with `mask.select(&x, 0.0)`, and count with `mask.cast::<i64>().sum()`", "PNJ"),
        ("mn", "count_nonzero", "`x.ne(0.0).cast::<i64>().sum()`", "PNJ"),
    ]),
    ("Reductions", &[
        ("mn", "amax", "`x.max()`, along axes `x.max_axis(axes)`", "PNJ"),
        ("mn", "amin", "`x.min()`, along axes `x.min_axis(axes)`", "PNJ"),
        ("mn", "aminmax", "`(x.min(), x.max())`", "P"),
        ("mn", "ptp", "`x.max() - x.min()`", "NJ"),
        ("m", "sum_axis_keepdim sum_keepdims sum_dim", "`x.sum_keepdim(axes)`, which keeps the axes, or `x.sum_axis(axes)`, which drops them", "PN"),
        ("m", "mean_axis_keepdim mean_keepdims mean_dim", "`x.mean_keepdim(axes)`, which keeps the axes, or `x.mean_axis(axes)`, which drops them", "PN"),
        ("m", "prod_axis_keepdim prod_keepdims prod_dim", "`x.prod_keepdim(axes)`, which keeps the axes, or `x.prod_axis(axes)`, which drops them", "PN"),
        ("m", "max_axis_keepdim max_keepdims max_dim", "`x.max_keepdim(axes)`, which keeps the axes, or `x.max_axis(axes)`, which drops them", "PN"),
        ("m", "min_axis_keepdim min_keepdims min_dim", "`x.min_keepdim(axes)`, which keeps the axes, or `x.min_axis(axes)`, which drops them", "PN"),
        ("m", "var_axis_keepdim var_keepdims var_dim", "`x.var_keepdim(axes)`, which keeps the axes, or `x.var_axis(axes)`, which drops them", "PN"),
        ("m", "std_axis_keepdim std_keepdims std_dim", "`x.std_keepdim(axes)`, which keeps the axes, or `x.std_axis(axes)`, which drops them", "PN"),
        ("m", "all_axis_keepdim all_keepdims all_dim", "`x.all_keepdim(axes)`, which keeps the axes, or `x.all_axis(axes)`, which drops them", "PN"),
        ("m", "any_axis_keepdim any_keepdims any_dim", "`x.any_keepdim(axes)`, which keeps the axes, or `x.any_axis(axes)`, which drops them", "PN"),
        ("mn", "product", "`x.prod()`", "NA"),
        ("mn", "average", "`x.mean()`, weighted `(x * w).sum() / w.sum()`", "N"),
        ("mn", "nansum", "`x.is_nan().select(0.0, &x).sum()`", "PNJ"),
        ("mn", "nanmean", "`x.is_nan().select(0.0, &x).sum() / (!x.is_nan()).cast::<f32>().sum()`", "PNJ"),
        ("mn", "nanmax", "`x.is_nan().select(f32::NEG_INFINITY, &x).max()`", "NJ"),
        ("mn", "nanmin", "`x.is_nan().select(f32::INFINITY, &x).min()`", "NJ"),
        ("mn", "median nanmedian", "`x.sort(-1).index_axis(-1, (n - 1) / 2)` for rows of n elements; of an even number this is the lower of the two in the middle", "PNJ"),
        ("mn", "quantile percentile kthvalue", "`x.sort(axis).index_axis(axis, i)`", "PNJ"),
        ("mn", "var_mean std_mean", "`x.var()`, `x.std()` and `x.mean()`", "P"),
        ("mn", "cumulative_sum accumulate", "`x.cumsum(axis)`", "NP"),
        ("mn", "cumulative_prod", "`x.cumprod(axis)`", "N"),
        ("mn", "cummax cummin logcumsumexp", "not there: loop over the axis with `x.index_axis(axis, i)` and `y.set_axis(axis, i, &row)`", "PJ"),
        ("mn", "diff", "`x.slice_axis(axis, 1, n) - x.slice_axis(axis, 0, n - 1)`", "PNJ"),
        ("mn", "bincount", "`Tensor::zeros([n]).scatter_add(0, &labels, &Tensor::ones([labels.len()]))`", "PNJ"),
        ("m", "fold fold_axis reduce map_axis", "`x.sum_axis(axes)` and its like; anything else is a loop over `x.rows()`", "A"),
        ("mn", "histogram histc unique searchsorted bucketize", "not there; `x.sort(axis)` and comparisons such as `x.ge(edge)` are", "PNJ"),
        ("mn", "argpartition partition", "`x.topk(k, axis)`, which gives values and positions", "NJ"),
        ("mn", "msort", "`x.sort(0)`", "P"),
        ("mn", "lexsort", "`x.argsort(axis)` for each key, from the last on", "NJ"),
    ]),
    ("Shapes and axes", &[
        ("mn", "view", "`x.reshape(shape)`", "PN"),
        ("m", "view_as reshape_as", "`x.reshape([y.dim(0), y.dim(1)])`", "P"),
        ("m", "into_shape to_shape into_shape_with_order into_shape_clone", "`x.reshape(shape)`", "A"),
        ("mn", "resize resize_", "`x.reshape(shape)`", "PN"),
        ("mn", "contiguous ascontiguousarray as_standard_layout is_contiguous", "drop it: how the elements are laid out in memory never changes a result", "PNA"),
        ("mn", "ravel", "`x.flatten()`", "PNJ"),
        ("mn", "unflatten", "`x.reshape(shape)`", "P"),
        ("mn", "narrow", "`x.slice_axis(axis, start, start + length)`", "P"),
        ("m", "slice slice_move s", "`x.slice_axis(axis, start, end)`, with steps `x.slice_step(axis, start, end, step)`", "PA"),
        ("m", "slice_mut slice_assign", "`x.set_slice(axis, start, &part)`", "A"),
        ("n", "slice_in_dim dynamic_slice dynamic_slice_in_dim", "`x.slice_axis(axis, start, end)`", "J"),
        ("n", "dynamic_update_slice", "`x.set_slice(axis, start, &part)`", "J"),
        ("m", "expand", "`x.broadcast_to(shape)`", "P"),
        ("m", "broadcast", "`x.broadcast_to(shape)`", "A"),
        ("m", "expand_as", "`x.broadcast_to([y.dim(0), y.dim(1)])`; ops broadcast without it", "P"),
        ("n", "broadcast_tensors broadcast_arrays", "drop it: ops broadcast", "PNJ"),
        ("mn", "expand_dims", "`x.unsqueeze(axis)`", "NJ"),
        ("m", "newaxis new_axis insert_axis", "`x.unsqueeze(axis)`", "NA"),
        ("m", "remove_axis", "`x.squeeze(axis)`", "A"),
        ("mn", "atleast_1d atleast_2d atleast_3d", "`x.unsqueeze(0)`", "PN"),
        ("m", "T", "`x.t()` for a matrix, `x.permute(axes)` in general", "PNJ"),
        ("m", "mT H mH", "`x.transpose(-2, -1)`", "PJ"),
        ("mn", "matrix_transpose", "`x.transpose(-2, -1)`", "PNJ"),
        ("mn", "swapaxes swapdims", "`x.transpose(a, b)`", "PNJ"),
        ("m", "swap_axes", "`x.transpose(a, b)`", "A"),
        ("mn", "moveaxis movedim rollaxis", "`x.permute(axes)`, with all axes in their new order", "PNJ"),
        ("m", "permute_axes permuted_axes", "`x.permute(axes)`", "A"),
        ("m", "reversed_axes", "`x.permute([2, 1, 0])`, with all axes in their new order", "A"),
        ("m", "invert_axis", "`x.flip(axis)`", "A"),
        ("mn", "fliplr", "`x.flip(1)`", "PNJ"),
        ("mn", "flipud", "`x.flip(0)`", "PNJ"),
        ("mn", "rot90", "`x.t().flip(0)`", "PNJ"),
        ("mn", "size", "`x.shape()`, of one axis `x.dim(axis)`, the number of elements `x.len()`", "PNJ"),
        ("mn", "ndim", "`x.rank()`", "PNJA"),
        ("m", "ndimension", "`x.rank()`", "P"),
        ("mn", "numel", "`x.len()`", "P"),
        ("m", "nelement", "`x.len()`", "P"),
        ("m", "nrows", "`x.dim(0)`", "A"),
        ("m", "ncols", "`x.dim(1)`", "A"),
        ("m", "len_of", "`x.dim(axis)`", "A"),
        ("m", "raw_dim", "`x.shape()`", "A"),
        ("mn", "tile", "`x.repeat(times)`", "PNJ"),
        ("mn", "repeat_interleave", "`x.unsqueeze(1).broadcast_to([n, times]).flatten()`", "PJ"),
        ("mn", "unfold as_strided sliding_window_view", "not there: `x.slice_axis(axis, i, i + size)` in a loop, and `Tensor::stack(&parts, axis)`", "PN"),
        ("m", "windows exact_chunks", "`x.slice_axis(axis, i, i + size)` in a loop", "A"),
        ("mn", "chunk", "`x.split(axis, n)`", "P"),
        ("m", "axis_chunks_iter", "`x.split(axis, n)`", "A"),
        ("mn", "tensor_split array_split hsplit vsplit split_with_sizes", "`x.split_sizes(axis, sizes)`", "PNJ"),
        ("mn", "unbind unstack", "`x.rows()`, or `x.index_axis(axis, i)`", "PJ"),
        ("m", "outer_iter genrows axis_iter rows_mut outer_iter_mut", "`x.rows()`; along another axis `x.index_axis(axis, i)`", "A"),
        ("m", "row", "`x.index_axis(0, i)`", "A"),
        ("m", "column", "`x.index_axis(1, j)`", "A"),
        ("m", "columns lanes", "`x.t().rows()`", "A"),
    ]),
    ("Joining", &[
        ("fn", "cat concatenate", "`Tensor::concat(&[a, b], axis)`", "PNJA"),
        ("n", "concat", "`Tensor::concat(&[a, b], axis)`", "PN"),
        ("n", "stack", "`Tensor::stack(&[a, b], axis)`", "PNJA"),
        ("fn", "hstack", "`Tensor::concat(&[a, b], 1)`, of vectors `Tensor::concat(&[a, b], 0)`", "PNJ"),
        ("fn", "vstack row_stack", "`Tensor::concat(&[a, b], 0)`, of vectors `Tensor::stack(&[a, b], 0)`", "PNJ"),
        ("fn", "dstack", "`Tensor::stack(&[a, b], 2)`, of matrices", "PNJ"),
        ("fn", "column_stack", "`Tensor::stack(&[a, b], 1)`, of vectors", "PN"),
        ("mn", "append", "`Tensor::concat(&[a, b], axis)`", "NA"),
    ]),
    ("Picking and writing", &[
        ("mn", "index_select", "`x.take(axis, &indices)`", "P"),
        ("mn", "take_along_axis take_along_dim", "`x.gather(axis, &indices)`", "PNJ"),
        ("mn", "index_add segment_sum", "`x.scatter_add(axis, &indices, &source)`, with indices of the source's shape", "PJ"),
        ("mn", "scatter index_fill index_copy put index_put put_along_axis select_scatter slice_scatter", "`x[[i, j]] = v`, `x.set_axis(axis, i, &row)` or `x.set_slice(axis, start, &part)`", "PNJ"),
        ("m", "at", "`x[[i, j]] = v`, `x[[i, j]] += v`, or `x.set_slice(axis, start, &part)`", "J"),
        ("m", "index_axis_mut row_mut column_mut index_axis_move", "`x.set_axis(axis, i, &row)`", "A"),
        ("m", "assign copy_from", "`x.set_slice(axis, start, &part)`, or `x = y.clone()`", "A"),
        ("m", "fill", "`x = Tensor::full(shape, value)`", "NA"),
        ("m", "get uget", "`x[[i, j]]`", "A"),
        ("mn", "diagonal diag", "`Tensor::einsum(\"ii->i\", &[x])` of a matrix, `Tensor::eye(n) * x` of a vector", "PNJA"),
        ("mn", "diag_embed diagflat", "`x.unsqueeze(-1) * Tensor::eye(n)`", "PN"),
    ]),
    ("Products", &[
        ("mn", "mm bmm mv", "`a.matmul(&b)`", "P"),
        ("mn", "inner vdot vecdot", "`a.dot(&b)`", "PNJ"),
        ("n", "general_mat_mul general_mat_vec_mul", "`a.matmul(&b)`", "A"),
        ("mn", "addmm addmv baddbmm", "`b.matmul(&c) + a`", "P"),
        ("mn", "multi_dot chain_matmul", "`a.matmul(&b).matmul(&c)`", "PN"),
        ("mn", "tensordot kron", "`Tensor::einsum(\"ij,jk->ik\", &[a, b])`", "PNJA"),
        ("mn", "einsum", "`Tensor::einsum(\"ij,jk->ik\", &[a, b])`", "PNJ"),
        ("mn", "trace", "`Tensor::einsum(\"ii->\", &[x])`", "PNJ"),
        ("mn", "vector_norm matrix_norm linalg_norm", "`x.norm()`, along axes `x.square().sum_axis(axes).sqrt()`", "PN"),
        ("mn", "normalize", "`x / x.square().sum_keepdim(-1).sqrt()`", "P"),
        ("n", "cosine_similarity", "`a.dot(&b) / (a.norm() * b.norm())`", "P"),
        ("n", "cdist pairwise_distance", "`(a.unsqueeze(1) - b.unsqueeze(0)).square().sum_axis(-1).sqrt()`", "P"),
        ("mn", "det inv inverse solve lstsq svd qr cholesky eig eigh pinv", "not there: use the crate faer outside of the function, tensors convert to and from its matrices", "PNJ"),
    ]),
    ("Element types, elements on the host", &[
        ("m", "astype to asType to_type type_as as_type", "`x.cast::<f32>()`", "PNJ"),
        ("m", "float", "`x.cast::<f32>()`", "P"),
        ("m", "double", "`x.cast::<f64>()`", "P"),
        ("m", "long", "`x.cast::<i64>()`", "P"),
        ("m", "int", "`x.cast::<i32>()`", "P"),
        ("m", "bool", "`x.ne(0.0)`", "P"),
        ("m", "byte", "`x.cast::<u8>()`", "P"),
        ("m", "half bfloat16", "`x.cast::<f32>()`: f16 and bf16 are for keeping only (feature `half`)", "P"),
        ("m", "dtype", "nothing: the element type is the `T` of `Tensor<T>`", "PNJ"),
        ("m", "tolist numpy to_numpy data into_raw_vec into_vec iter into_iter elements", "`x.to_vec()`, outside of scripts", "PNJA"),
        ("m", "as_ptr data_ptr as_slice_memory_order", "`x.as_slice()`, outside of scripts", "PA"),
        ("m", "to_owned copy", "`x.clone()`", "NA"),
        ("m", "value as_scalar into_scalar first", "`x.item()`, or `x[0]`", "A"),
        ("m", "map mapv mapv_into map_inplace mapv_inplace map_mut par_map par_mapv_inplace apply apply_ map_", "the ops themselves, such as `x.exp()`: they apply to every element", "PA"),
        ("mn", "vectorize apply_along_axis", "the ops themselves, such as `x.exp()`: they apply to every element", "NJ"),
        ("m", "zip_mut_with zip_with", "the ops themselves, such as `x * y`: they go through both tensors and broadcast", "A"),
        ("m", "for_each", "`for row in x.rows()`, or an op, which applies to every element", "A"),
    ]),
    ("Devices, gradients, transforms", &[
        ("m", "cpu cuda device to_device pin_memory share_memory_ block_until_ready", "drop it: tensors are in main memory and ops run on the CPU", "PJ"),
        ("n", "device_put synchronize", "drop it: tensors are in main memory and ops run on the CPU", "PJ"),
        ("m", "detach detach_ requires_grad requires_grad_ backward grad retain_grad zero_grad grad_fn", "drop it: there are no gradients yet", "P"),
        ("n", "no_grad inference_mode stop_gradient checkpoint remat", "drop it: there are no gradients yet", "PJ"),
        ("n", "grad value_and_grad jacfwd jacrev hessian vjp jvp", "not there: there are no gradients yet", "PJ"),
        ("n", "cond", "`if`, which scripts keep as control flow", "PJ"),
        ("n", "switch", "`match`, which scripts keep as control flow", "J"),
        ("n", "fori_loop scan", "`for i in a..b`, which scripts keep as control flow", "J"),
        ("n", "while_loop", "`while`, which scripts keep as control flow", "PJ"),
        ("n", "vmap pmap", "drop it: write the axis out, as ops broadcast; or loop over `x.rows()`", "PJ"),
        ("n", "jit compile", "`#[script]` or `#[trace]` on the function", "PJ"),
        ("n", "tree_map", "a function of the struct, with `#[derive(Pytree)]`", "J"),
    ]),
    ("Making tensors", &[
        ("fn", "randn random_normal standard_normal", "`Tensor::normal(key, shape)`", "PNJ"),
        ("fn", "rand random", "`Tensor::uniform(key, shape)`", "PNJA"),
        ("fn", "randn_like normal_like", "`Tensor::normal(key, [x.dim(0), x.dim(1)])`", "P"),
        ("fn", "rand_like", "`Tensor::uniform(key, [x.dim(0), x.dim(1)])`", "P"),
        ("fn", "randint integers", "`(Tensor::<f32>::uniform(key, shape) * n).floor().cast::<i64>()`", "PNJ"),
        ("fn", "randperm permutation shuffle", "`Tensor::<f32>::uniform(key, [n]).argsort(0)`", "PNJ"),
        ("fn", "bernoulli", "`Tensor::uniform(key, shape).lt(p)`", "PJ"),
        ("fn", "exponential", "`-(-Tensor::uniform(key, shape)).ln_1p()`", "NJ"),
        ("fn", "multinomial categorical choice", "`(logits - (-Tensor::uniform(key, shape).ln()).ln()).argmax_axis(-1)`", "PNJ"),
        ("n", "manual_seed seed PRNGKey default_rng", "`Key::new(seed)`, from which `key.split(n)` makes more", "PNJ"),
        ("fn", "empty uninit", "`Tensor::zeros(shape)`", "PNA"),
        ("fn", "empty_like", "`Tensor::zeros_like(&x)`", "PN"),
        ("fn", "full_like", "`Tensor::zeros_like(&x) + value`", "PNJ"),
        ("m", "new_zeros new_ones new_full new_empty new_tensor", "`Tensor::zeros(shape)`, `Tensor::ones(shape)` or `Tensor::full(shape, value)`", "P"),
        ("fn", "from_elem", "`Tensor::full(shape, value)`", "A"),
        ("fn", "identity", "`Tensor::eye(n)`", "NA"),
        ("fn", "range", "`Tensor::arange(start, end, step)`, without the end", "PA"),
        ("fn", "logspace geomspace", "`Tensor::linspace(a.ln(), b.ln(), n).exp()`", "PNJA"),
        ("fn", "tri", "`Tensor::ones([n, n]).tril(0)`", "N"),
        ("fn", "tensor as_tensor asarray array from_numpy new constant from_array from_data", "`Tensor::from([[1.0, 2.0], [3.0, 4.0]])`, or `Tensor::from_vec(values, shape)`", "PNJ"),
        ("n", "arr0 arr1 arr2 arr3", "`Tensor::from([[1.0, 2.0], [3.0, 4.0]])`", "A"),
        ("f", "from_shape_vec from_slice from_iter from_shape_fn", "`Tensor::from_vec(values, shape)`", "A"),
        ("fn", "meshgrid", "`a.unsqueeze(1)` and `b.unsqueeze(0)`: ops broadcast", "PNJA"),
        ("fn", "load save", "feature `safetensors`, outside of scripts", "PN"),
    ]),
    ("Networks (`torch.nn.functional`, `jax.nn`)", &[
        ("mn", "relu6", "`x.clamp(0.0, 6.0)`", "PJ"),
        ("mn", "hardtanh", "`x.clamp(-1.0, 1.0)`", "PJ"),
        ("mn", "hardsigmoid", "`(x / 6.0 + 0.5).clamp(0.0, 1.0)`", "PJ"),
        ("mn", "hardswish", "`x * (x / 6.0 + 0.5).clamp(0.0, 1.0)`", "PJ"),
        ("mn", "leaky_relu", "`x.maximum(0.01 * x)`", "PJ"),
        ("mn", "elu", "`x.gt(0.0).select(x, x.exp_m1())`", "PJ"),
        ("mn", "swish", "`x.silu()`", "J"),
        ("mn", "mish", "`x * x.softplus().tanh()`", "PJ"),
        ("mn", "logsigmoid log_sigmoid", "`-(-x).softplus()`", "PJ"),
        ("mn", "softmin", "`(-x).softmax(axis)`", "P"),
        ("mn", "softsign", "`x / (x.abs() + 1.0)`", "PJ"),
        ("mn", "expit", "`x.sigmoid()`", "J"),
        ("mn", "logit", "`(p / (1.0 - p)).ln()`", "PJ"),
        ("mn", "glu", "`a * b.sigmoid()`, with the two halves of `x.split(axis, 2)`", "PJ"),
        ("mn", "dropout", "`Tensor::uniform(key, shape).lt(keep).select(x / keep, 0.0)`", "P"),
        ("n", "batch_norm", "`(x - mean) * (var + eps).rsqrt() * gamma + beta`", "P"),
        ("n", "group_norm instance_norm", "`x.reshape(shape)`, then `x.mean_keepdim(axes)` and `x.var_keepdim(axes)`", "P"),
        ("mn", "embedding", "`table.take(0, &ids)`", "P"),
        ("n", "one_hot", "`labels.one_hot::<f32>(n)`", "PJ"),
        ("mn", "mse_loss", "`(x - y).square().mean()`", "P"),
        ("mn", "l1_loss", "`(x - y).abs().mean()`", "P"),
        ("n", "smooth_l1_loss huber_loss", "`d.lt(1.0).select(0.5 * d.square(), d - 0.5).mean()`, with `d` for `(x - y).abs()`", "P"),
        ("mn", "nll_loss", "`-logs.gather(-1, &labels.unsqueeze(-1)).mean()`", "P"),
        ("n", "binary_cross_entropy", "`-(y * p.ln() + (1.0 - y) * (-p).ln_1p()).mean()`", "P"),
        ("n", "binary_cross_entropy_with_logits sigmoid_binary_cross_entropy", "`(x.softplus() - x * y).mean()`", "PJ"),
        ("n", "kl_div", "`(p * (p.ln() - logs)).sum()`", "P"),
        ("mn", "softmax_cross_entropy softmax_cross_entropy_with_integer_labels cross_entropy_loss", "`logits.cross_entropy(&labels)`", "PJ"),
        ("n", "conv1d", "`x.unsqueeze(2).conv2d(&w.unsqueeze(2), [1, stride], [0, padding], 1, 1)`", "P"),
        ("n", "adaptive_avg_pool2d", "`x.mean_keepdim([-2, -1])` for a result of size 1", "P"),
        ("n", "max_pool1d", "`x.unsqueeze(2).max_pool2d([1, k], [1, stride], [0, padding])`", "P"),
        ("n", "interpolate upsample grid_sample conv3d conv_transpose2d", "not there", "P"),
    ]),
    ("Host scalars", &[
        ("s", "isqrt", "`(n as f64).sqrt() as i64`, exact below 2^52", "R"),
        ("s", "wrapping_pow saturating_pow checked_pow", "a loop of `wrapping_mul` (or `saturating_mul`); `n.pow(k)` is checked", "R"),
        ("s", "wrapping_neg", "`0_i64.wrapping_sub(n)`", "R"),
        ("s", "checked_add checked_sub checked_mul overflowing_add overflowing_sub overflowing_mul", "the operator: in a script overflow is an error with your line", "R"),
        ("s", "checked_div checked_rem", "the operator: in a script division by zero is an error with your line", "R"),
        ("s", "abs_diff", "`a.max(b) - a.min(b)`", "R"),
        ("s", "is_infinite", "`x.abs() == f32::INFINITY`", "R"),
        ("s", "is_positive is_sign_positive", "`x.signum() > 0.0`, of integers `n > 0`", "R"),
        ("s", "is_negative is_sign_negative", "`x.signum() < 0.0`, of integers `n < 0`", "R"),
        ("s", "div_ceil", "`(a + b - 1) / b`", "R"),
        ("s", "next_multiple_of", "`(a + b - 1) / b * b`", "R"),
        ("s", "sin_cos", "`(x.sin(), x.cos())`", "R"),
        ("s", "log1p", "`x.ln_1p()`", "PN"),
        ("s", "expm1", "`x.exp_m1()`", "PN"),
        ("s", "clip", "`x.clamp(lo, hi)`", "NP"),
        ("s", "sign", "`x.signum()`", "N"),
        ("s", "square", "`x * x`", "PN"),
        ("s", "sigmoid", "`1.0 / (1.0 + (-x).exp())`", "PJ"),
        ("s", "relu", "`x.max(0.0)`", "PJ"),
        ("s", "rsqrt", "`1.0 / x.sqrt()`", "PJ"),
        ("s", "fmod", "`x % y`", "N"),
        ("s", "ilog2 ilog10 ilog", "`(n as f64).log2() as u32`, near enough below 2^48", "R"),
        ("s", "count_ones leading_zeros trailing_zeros rotate_left rotate_right swap_bytes to_bits from_bits", "not there: compute it outside and pass it as an argument", "R"),
        ("s", "floor_div", "`a.div_euclid(b)` for a positive divisor", "N"),
        ("s", "round_ties_even", "`x.round()`, which rounds halves away from zero", "R"),
    ]),
];

/// Names of this library, what they are here, and the libraries where they are something else.
#[rustfmt::skip]
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("argmax", "without an axis the position in row-major order, as NumPy; `argmax_axis(axis)` along one", "PNJ"),
    ("dot", "of two vectors only; products of matrices are `matmul`", "NJA"),
    ("eq", "element by element, to a tensor of bool; `==` compares whole tensors", "PNJA"),
    ("gelu", "the exact one; the approximation by tanh is `gelu_tanh`", "J"),
    ("max", "the largest of all elements; along axes `max_axis(axes)`, with positions `topk(1, axis)`", "P"),
    ("pad", "one pair for each axis, from the first on, and the value", "P"),
    ("repeat", "as PyTorch's: whole copies along each axis; NumPy's is `repeat_interleave` above", "NJ"),
    ("round", "halves away from zero, as Rust's; NumPy and PyTorch round them to even numbers", "PNJ"),
    ("rows", "an iterator over the first axis", "A"),
    ("scatter_add", "axis, indices, source; gives a new tensor", "P"),
    ("select", "picks by a mask, `mask.select(&a, &b)`; one position along an axis is `index_axis(axis, i)`, several are `take(axis, &indices)`", "PA"),
    ("signum", "of zeros among floats 1 or -1, as Rust's", "PNJ"),
    ("sort", "the values; their positions are `argsort(axis)`", "P"),
    ("split", "axis and number of equal parts; parts of given sizes are `split_sizes(axis, sizes)`", "P"),
    ("squeeze", "takes the axis", "PNJ"),
    ("sum", "of all elements; along axes `sum_axis(axes)`, which drops them, or `sum_keepdim(axes)`", "PNJ"),
    ("std", "divides by n, as NumPy's; for n - 1 multiply by `(n / (n - 1.0)).sqrt()`", "P"),
    ("take", "axis, then indices", "NJ"),
    ("topk", "k, then the axis; gives values and positions", "P"),
    ("transpose", "takes two axes; all at once is `permute(axes)`", "NJ"),
    ("var", "divides by n, as NumPy's; for n - 1 multiply by `n / (n - 1.0)`", "P"),
];
