//! The rows of all ops.

/// What kind of op a row declares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// One result element from one element of each operand, with broadcasting; host scalars too.
    Elementwise,
    /// Fewer elements from many.
    Reduce,
    /// The same elements in another shape or order, or some of them.
    Shape,
    /// Several tensors into one, or contraction.
    Combine,
    /// A new tensor from sizes.
    Make,
    /// A host scalar from a tensor.
    Ask,
    /// Lists, and single elements written.
    List,
    /// Control flow, constants, checks.
    Structure,
}

/// In which way an op can fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fails {
    /// Never.
    Never,
    /// When shapes do not fit: known before the op runs.
    Shape,
    /// Depending on values: indices, divisors, overflow, assertions.
    Value,
}

/// One row of the table.
#[derive(Debug)]
pub struct OpInfo {
    /// The op.
    pub op: Op,
    /// Name in the text form.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Kind.
    pub class: Class,
    /// Fewest and most operands.
    pub operands: (usize, usize),
    /// Worst way to fail. For elementwise ops see [`super::fails`].
    pub fails: Fails,
    /// Whether another computation may differ in the last bits.
    pub approx: bool,
}

const MANY: usize = usize::MAX;

macro_rules! table {
    (
        unary_num { $($un:ident $un_name:ident $un_doc:literal $un_body:tt)* }
        unary_float {
            exact { $($ue:ident $ue_name:ident $ue_doc:literal |$uea:ident| $uef:expr)* }
            approx { $($ua:ident $ua_name:ident $ua_doc:literal |$uaa:ident| $uaf:expr)* }
        }
        test_float { $($ut:ident $ut_name:ident $ut_doc:literal |$uta:ident| $utf:expr)* }
        binary_num { $($bn:ident $bn_name:ident $bn_doc:literal $bn_body:tt)* }
        binary_div { $($bd:ident $bd_name:ident $bd_doc:literal $bd_body:tt)* }
        binary_float { $($bf:ident $bf_name:ident $bf_doc:literal |$bfa:ident, $bfb:ident| $bff:expr)* }
        compare { $($co:ident $co_name:ident $co_doc:literal |$coa:ident, $cob:ident| $cof:expr)* }
        bits { $($bi:ident $bi_name:ident $bi_doc:literal |$bia:ident, $bib:ident| $bif:expr)* }
    ) => {
        table! { @all
            $($un $un_name Elementwise (1, 1) Never false $un_doc;)*
            $($ue $ue_name Elementwise (1, 1) Never false $ue_doc;)*
            $($ua $ua_name Elementwise (1, 1) Never true $ua_doc;)*
            $($ut $ut_name Elementwise (1, 1) Never false $ut_doc;)*
            $($bn $bn_name Elementwise (2, 2) Shape false $bn_doc;)*
            $($bd $bd_name Elementwise (2, 2) Shape false $bd_doc;)*
            $($bf $bf_name Elementwise (2, 2) Shape true $bf_doc;)*
            $($co $co_name Elementwise (2, 2) Shape false $co_doc;)*
            $($bi $bi_name Elementwise (2, 2) Shape false $bi_doc;)*
            Not not Elementwise (1, 1) Never false "Logical or bitwise not.";
            Shl shl Elementwise (2, 2) Value false "Shift left (host integers).";
            Shr shr Elementwise (2, 2) Value false "Shift right (host integers).";
            Cast cast Elementwise (1, 1) Never false "Conversion to `dtype`, as Rust's `as`.";
            Select select Elementwise (3, 3) Shape false "The second operand where the first is true, else the third.";
            MulAdd mul_add Elementwise (3, 3) Shape false "a * b + c with one rounding.";
            Clamp clamp Elementwise (3, 3) Shape false "x held between two bounds; NaN stays.";

            Sum sum Reduce (1, 1) Shape false "Sum over `axes`, by the fixed tree of `numerics`.";
            Mean mean Reduce (1, 1) Shape false "Sum divided by the count; NaN of nothing.";
            Prod prod Reduce (1, 1) Shape false "Product over `axes`; 1 of nothing.";
            Max max Reduce (1, 1) Shape false "The largest element; NaN if one is.";
            Min min Reduce (1, 1) Shape false "The smallest element; NaN if one is.";
            Var var Reduce (1, 1) Shape false "Mean of the squared distances from the mean.";
            Std std Reduce (1, 1) Shape false "Square root of `var`.";
            All all Reduce (1, 1) Shape false "Whether all are true.";
            Any any Reduce (1, 1) Shape false "Whether one is true.";
            ArgMax argmax Reduce (1, 1) Shape false "Position of the largest element, the first on ties; of a NaN if there is one.";
            ArgMin argmin Reduce (1, 1) Shape false "Position of the smallest element, the first on ties; of a NaN if there is one.";
            LogSumExp logsumexp Reduce (1, 1) Shape true "ln of the sum of exp, without overflow; of inf it is inf, of -inf alone -inf.";
            CumSum cumsum Shape (1, 1) Shape false "Running sum along the axis, left to right.";
            CumProd cumprod Shape (1, 1) Shape false "Running product along the axis, left to right.";
            Softmax softmax Shape (1, 1) Shape true "exp(x - max) divided by its sum along the axis; NaN throughout if the largest element is infinite or an element is NaN.";
            LogSoftmax log_softmax Shape (1, 1) Shape true "The logarithm of softmax along the axis: (x - max) - ln of the sum of exp(x - max); NaN throughout where softmax is.";

            Reshape reshape Shape (1, MANY) Shape false "The same elements in another shape; one size may be -1.";
            Flatten flatten Shape (1, 1) Never false "All elements along one axis.";
            Transpose transpose Shape (1, 1) Shape false "Two axes exchanged.";
            T t Shape (1, 1) Shape false "The two axes of a matrix exchanged.";
            Permute permute Shape (1, 1) Shape false "Axes in the given order.";
            Unsqueeze unsqueeze Shape (1, 1) Shape false "A new axis of size 1.";
            Squeeze squeeze Shape (1, 1) Shape false "An axis of size 1 removed.";
            BroadcastTo broadcast_to Shape (1, MANY) Shape false "Repeated without copying to the given sizes.";
            Flip flip Shape (1, 1) Shape false "One axis backwards.";
            Roll roll Shape (2, 2) Shape false "Positions along the axis moved on by a number, those past the end to the start.";
            Repeat repeat Shape (1, MANY) Value false "Each axis repeated so many times.";
            Pad pad Shape (2, MANY) Value false "A value before and after each axis: the second operand, then two counts for each axis.";
            SliceStep slice_step Shape (4, 4) Value false "Every step-th position of start..end along an axis.";
            Triu triu Shape (2, 2) Shape false "Zero below diagonal k.";
            Tril tril Shape (2, 2) Shape false "Zero above diagonal k.";
            IndexAxis index_axis Shape (2, 2) Value false "One position along an axis, which is dropped.";
            SliceAxis slice_axis Shape (3, 3) Value false "The positions start..end along an axis.";
            PartOf split Shape (3, 3) Value false "The part of this number when an axis is split into so many equal ones.";
            PartSized split_sizes Shape (4, 4) Value false "The positions start..end of an axis that is split into parts of this size in all.";
            Take take Shape (2, 2) Value false "The positions listed by an index tensor along an axis.";
            Gather gather Shape (2, 2) Value false "At each place the element whose position along the axis an index tensor of the result's shape has.";
            ScatterAdd scatter_add Shape (3, 3) Value false "The last operand's elements added where an index tensor of its shape says along the axis, in row-major order.";
            Sort sort Shape (1, 1) Shape false "Ascending along the axis, NaNs last.";
            ArgSort argsort Shape (1, 1) Shape false "The positions of the elements in ascending order along the axis, equal ones in their order, NaNs last.";
            TopK topk Shape (2, 2) Value false "The positions of the k largest elements along the axis, from the largest on, equal ones in their order, NaNs last.";
            MaxPool2d max_pool2d Shape (7, 7) Value false "The largest element in each window over the last two axes: kernel, stride and padding, rows first.";
            AvgPool2d avg_pool2d Shape (7, 7) Value false "The mean of each window over the last two axes, zeros in the padding: kernel, stride and padding, rows first.";
            OneHot one_hot Shape (2, 2) Value false "A new last axis of n, 1 at the index and 0 elsewhere.";

            Concat concat Combine (1, MANY) Shape false "Tensors one after the other along an axis.";
            Stack stack Combine (1, MANY) Shape false "Tensors along a new axis.";
            Matmul matmul Combine (2, 2) Shape false "Matrix product; batched with broadcasting.";
            Dot dot Combine (2, 2) Shape false "Inner product of two vectors.";
            Einsum einsum Combine (1, MANY) Shape false "What the equation in `text` says: products summed over the letters that the result lacks.";
            Conv2d conv2d Combine (9, 9) Value false "Cross-correlation of [n, c, h, w] with weights: stride, padding and dilation, rows first, and groups.";
            Attention attention Combine (4, 4) Shape false "softmax(q·kᵀ / sqrt(d))·v over the last two axes; if the last operand holds, row i sees no position after i.";
            Outer outer Combine (2, 2) Shape false "Outer product of two vectors.";

            Zeros zeros Make (0, MANY) Value false "Zeros of the given sizes.";
            Ones ones Make (0, MANY) Value false "Ones of the given sizes.";
            Full full Make (1, MANY) Value false "The last operand, repeated to the given sizes.";
            Eye eye Make (1, 1) Value false "The identity matrix.";
            Arange arange Make (3, 3) Value false "start, start + step, ... as long as end is not reached; integers are counted in integers.";
            Linspace linspace Make (3, 3) Value false "n values from start to end, both included.";
            Uniform uniform Make (1, MANY) Value false "Numbers in 0..1 from a key, of the given sizes.";
            Normal normal Make (1, MANY) Value false "Normal numbers from a key, of the given sizes.";
            SplitKey split_key Make (2, 2) Never false "One of the keys that a key is split into, by its number.";
            Split split_keys List (2, 2) Never false "The keys that a key is split into, as a list.";
            ToTensor scalar Make (1, 1) Never false "A rank-0 tensor of a host scalar; of a list of them a vector.";
            ZerosLike zeros_like Shape (1, 1) Never false "Zeros of the operand's shape.";
            OnesLike ones_like Shape (1, 1) Never false "Ones of the operand's shape.";

            Sizes sizes Ask (1, 1) Never false "The sizes as a list.";
            Item item Ask (1, 1) Shape false "The only element as a host scalar; a host scalar stays.";
            Dim dim Ask (1, 1) Shape false "The size of an axis.";
            Len len Ask (1, 1) Never false "The number of elements.";
            Rank rank Ask (1, 1) Never false "The number of axes.";
            Index index Ask (2, MANY) Value false "One element as a host scalar.";
            Equal equal Ask (2, 2) Never false "Whether shape and all elements are equal.";
            Same same Ask (2, 2) Never false "Whether type, shape and bits are equal, all NaNs alike.";

            Host host Ask (1, 3) Value false "A function of host scalars, named by `text`, as std computes it.";
            Powi powi Ask (2, 2) Value false "A host scalar to an integer power, as std computes it.";

            List list List (0, MANY) Never false "A list of the operands.";
            Push push List (2, 2) Never false "A list with one more element at its end.";
            SetAxis set_axis List (3, 3) Value false "A tensor with one position along an axis replaced; the last operand is what stands there.";
            SetSlice set_slice List (3, 3) Value false "A tensor with positions along an axis replaced, from a start on; the last operand is what stands there.";
            SetIndex set_index List (3, MANY) Value false "A tensor or list with one element replaced; the last operand is the element.";

            Const const Structure (0, 0) Never false "A constant.";
            Named named Structure (0, 0) Never false "A constant of the user's, named by `text`; linking fills it in.";
            Tuple tuple Structure (0, MANY) Never false "Several values as one.";
            Record record Structure (0, MANY) Never false "The fields named by `text`, as one value.";
            Field field Structure (1, 1) Never false "One of several values: a position or a name.";
            Some some Structure (2, 2) Never false "An option: a value, and whether there is one.";
            None none Structure (0, 0) Never false "An option without a value.";
            Method method Structure (1, MANY) Value false "What linking decides by the types of the operands.";
            Alike alike Structure (1, 2) Never false "Says that a value has the type of another one, or the one that `text` names: linking asks.";
            Undef undef Structure (0, 0) Never false "A value on a path where it is never read.";
            If if Structure (1, 1) Never false "One of two regions.";
            Loop loop Structure (0, MANY) Never false "A body repeated while a region says so, or a counted number of times.";
            Call call Structure (0, MANY) Value false "A call of another function.";
            Fused fused Structure (0, 0) Shape false "A region that runs as one kernel.";
            Guard guard Structure (1, 1) Value false "Leaves the recording unless the operand has the expected value.";
            Path path Structure (0, 0) Never false "Says that the run takes the path of the recording of this number.";
            Assert assert Structure (1, MANY) Value false "Fails unless the first operand is true, with a message that shows the others.";
        }
    };
    (@all $($v:ident $name:ident $class:ident $operands:tt $fails:ident $approx:literal $doc:literal;)*) => {
        /// An operation.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Op {
            $(#[doc = $doc] $v,)*
        }

        impl Op {
            /// Every op, in the order of the table.
            pub const ALL: &'static [Op] = &[$(Op::$v,)*];
        }

        const INFO: &[OpInfo] = &[$(OpInfo {
            op: Op::$v,
            name: stringify!($name),
            doc: $doc,
            class: Class::$class,
            operands: $operands,
            fails: Fails::$fails,
            approx: $approx,
        },)*];
    };
}
crate::elementwise_rows!(table);

impl Op {
    /// The op's row.
    pub fn info(self) -> &'static OpInfo {
        &INFO[self as usize]
    }

    /// Name in the text form.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// The op of that name.
    pub fn from_name(name: &str) -> Option<Op> {
        INFO.iter().find(|row| row.name == name).map(|row| row.op)
    }

    /// Whether one result element depends on one element of each operand.
    pub fn is_elementwise(self) -> bool {
        self.info().class == Class::Elementwise
    }

    /// Whether the result is a bool for each element.
    pub fn is_test(self) -> bool {
        self.is_compare() || matches!(self, Op::IsNan | Op::IsFinite)
    }

    /// A comparison.
    pub fn is_compare(self) -> bool {
        matches!(self, Op::Gt | Op::Ge | Op::Lt | Op::Le | Op::Eq | Op::Ne)
    }

    /// Fails on a zero divisor if the operands are integers.
    pub fn divides(self) -> bool {
        matches!(self, Op::Div | Op::Rem | Op::DivEuclid | Op::RemEuclid)
    }

    /// Fails on overflow if the operands are host integers.
    pub fn overflows(self) -> bool {
        matches!(self, Op::Add | Op::Sub | Op::Mul | Op::Neg | Op::Abs | Op::Square | Op::Shl | Op::Shr)
    }

    /// Must keep its place among its kind: it may end the run or change its course.
    pub fn is_effect(self) -> bool {
        matches!(self, Op::Guard | Op::Path | Op::Assert | Op::Call)
    }

    /// Gives its first operand with a part replaced: in place where nothing else holds it.
    pub fn writes(self) -> bool {
        matches!(self, Op::Push | Op::SetIndex | Op::SetAxis | Op::SetSlice)
    }

    /// Takes tensors, one by one or as a list.
    pub fn joins(self) -> bool {
        matches!(self, Op::Concat | Op::Stack | Op::Einsum)
    }

    /// Takes sizes, one by one or as a list.
    pub fn takes_sizes(self) -> bool {
        matches!(self, Op::Zeros | Op::Ones | Op::Full | Op::Uniform | Op::Normal)
            || matches!(self, Op::Reshape | Op::BroadcastTo | Op::Repeat)
    }

    /// Has nested regions.
    pub fn has_regions(self) -> bool {
        matches!(self, Op::If | Op::Loop | Op::Fused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_enum_order_with_unique_names() {
        for (i, row) in INFO.iter().enumerate() {
            assert_eq!(row.op as usize, i);
            assert_eq!(Op::from_name(row.name), Some(row.op), "{}", row.name);
        }
    }
}
