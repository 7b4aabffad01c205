//! Arguments to values, and values to results.
//!
//! An argument is written as a stream of values: a tensor or scalar as itself, a list as its length and
//! its elements, an option as a bool and what there is. `pack` makes the leaves of a graph of it.

use std::ops::Deref;
use std::panic::Location;

use jit_ir::{DType, Prim, Scalar, Tree, Type};

use crate::exec::frame::Frame;
use crate::tensor::lent::Lent;
use crate::tensor::raw::{Opaque, Val};
use crate::tensor::{Any, Elem, Tensor};
use crate::trace::{self, Tag};

/// A type that an annotated function takes: tensors, references to them, host scalars, tuples, lists, options,
/// structs with `#[derive(Pytree)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no argument of a captured function",
    note = "take tensors, scalars (f32 f64 i32 i64 u8 usize bool), tuples, lists and options of them, \
            or a struct with `#[derive(Pytree)]`"
)]
pub trait Argument {
    #[doc(hidden)]
    type Traced;
    /// Whether the stream of values is that of the leaves.
    #[doc(hidden)]
    const FLAT: bool;
    /// What it consists of.
    #[doc(hidden)]
    fn tree() -> Tree<Type>;
    /// Appends the values that it consists of.
    #[doc(hidden)]
    fn push_leaves<'v>(&'v self, out: &mut Leaves<'v>);
    /// The same argument for a recording, its tensors taken from `inputs`.
    #[doc(hidden)]
    fn traced(&self, inputs: &mut Inputs) -> Self::Traced;
    /// An argument made of concrete values.
    #[doc(hidden)]
    fn rebuild(values: &mut Outputs) -> Self::Traced;
}

/// A type that an annotated function gives: tensors, host scalars, tuples, lists, structs with
/// `#[derive(Pytree)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no result of a captured function",
    note = "return tensors, scalars (f32 f64 i32 i64 u8 usize bool), tuples and lists of them, \
            or a struct with `#[derive(Pytree)]`"
)]
pub trait Returns: Sized {
    #[doc(hidden)]
    const FLAT: bool;
    #[doc(hidden)]
    fn tree() -> Tree<Type>;
    #[doc(hidden)]
    fn restore(values: &mut Outputs) -> Self;
    /// Appends the values that it consists of.
    #[doc(hidden)]
    fn collect(&self, out: &mut Results);
}

/// A structure of tensors: an argument, a result, a set of parameters. `#[derive(Pytree)]` makes a struct one.
///
/// Fields may be tensors, host scalars, tuples, `Vec`s, `Option`s and other Pytrees. A field of another type
/// (`Clone + PartialEq`) is handed through as it is.
///
/// ```
/// use jit_runtime::prelude::*;
///
/// #[derive(Clone, Debug, Pytree)]
/// struct Layer {
///     weight: Tensor,
///     bias: Option<Tensor>,
///     name: String,
/// }
///
/// #[script]
/// fn forward(layers: &[Layer], x: &Tensor) -> Tensor {
///     let mut y = x.clone();
///     for layer in layers {
///         y = y.matmul(&layer.weight);
///         if let Some(bias) = &layer.bias {
///             y = &y + bias;
///         }
///     }
///     y
/// }
///
/// fn main() {
///     let weight = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
///     let layer = Layer { weight, bias: Some(Tensor::from([1.0, 1.0])), name: "first".into() };
///     let y = forward(&[layer.clone(), layer], &Tensor::from([1.0, 0.0]));
///     assert_eq!(y, Tensor::from([12.0, 17.0]));
/// }
/// ```
pub trait Pytree: Argument<Traced = Self> + Returns {}

impl<P: Argument<Traced = P> + Returns> Pytree for P {}

/// The values of the arguments of a call, which are borrowed for it.
#[doc(hidden)]
pub struct Leaves<'v> {
    vals: Lent<'v>,
    /// Their places in a recording that the call joins.
    tags: Option<Vec<Option<Tag>>>,
}

impl Default for Leaves<'_> {
    /// For a call that a recording does not see: its tensors are guarded.
    fn default() -> Self {
        Leaves { vals: Lent::default(), tags: None }
    }
}

impl<'v> Leaves<'v> {
    /// For a call that joins the recording.
    pub(crate) fn joining() -> Self {
        Leaves { vals: Lent::default(), tags: Some(Vec::new()) }
    }

    pub(crate) fn push(&mut self, val: Val) {
        self.vals.push(val);
        if let Some(tags) = &mut self.tags {
            tags.push(None);
        }
    }

    #[inline]
    pub(crate) fn push_any(&mut self, any: &'v Any) {
        self.meet(any);
        self.vals.lend(&any.val);
    }

    /// As [`Leaves::push_any`], of a value that is made for the call.
    pub(crate) fn push_own(&mut self, any: Any) {
        self.meet(&any);
        self.vals.push(any.val);
    }

    #[inline]
    fn meet(&mut self, any: &Any) {
        match &mut self.tags {
            Some(tags) => tags.push(any.tag.clone()),
            // A plan that runs on a traced tensor's values makes results that the recording does not
            // know; they are right only where the values are the same.
            None if any.tag.is_some() => trace::observe(any, Location::caller()),
            None => {}
        }
    }

    pub(crate) fn into_anys(self) -> Vec<Any> {
        let tags = self.tags.unwrap_or_default().into_iter().chain(std::iter::repeat(None));
        self.vals.iter().cloned().zip(tags).map(|(val, tag)| Any { val, tag }).collect()
    }
}

impl Deref for Leaves<'_> {
    type Target = [Val];
    #[inline]
    fn deref(&self) -> &[Val] {
        &self.vals
    }
}

/// The tensors of a recording's arguments.
#[doc(hidden)]
pub struct Inputs(pub(crate) std::vec::IntoIter<Any>);

/// The values that a run gave, taken one after the other.
#[doc(hidden)]
pub struct Outputs {
    values: Frame,
    /// Their places in a recording that the call joined.
    tags: Vec<Option<Tag>>,
    at: usize,
}

/// The values that a body gave.
#[doc(hidden)]
#[derive(Default)]
pub struct Results(pub(crate) Vec<Any>);

impl Outputs {
    #[inline]
    pub(crate) fn new(values: Frame) -> Outputs {
        Outputs { values, tags: Vec::new(), at: 0 }
    }

    /// The results of a call that joined a recording.
    pub(crate) fn recorded(anys: Vec<Any>) -> Outputs {
        let (values, tags): (Vec<Val>, Vec<Option<Tag>>) = anys.into_iter().map(|a| (a.val, a.tag)).unzip();
        Outputs { values: values.into(), tags, at: 0 }
    }

    #[inline]
    pub(crate) fn next(&mut self) -> Val {
        self.at += 1;
        self.values.get_mut(self.at - 1).map_or(Val::Undef, std::mem::take)
    }

    #[inline]
    pub(crate) fn next_any(&mut self) -> Any {
        self.at += 1;
        let slot = self.values.get_mut(self.at - 1);
        let val = slot.and_then(Val::take_tensor).map_or(Val::Undef, Val::Tensor);
        if self.tags.is_empty() {
            return Any { val, tag: None };
        }
        Any { val, tag: self.tags[self.at - 1].take() }
    }

    fn count(&mut self) -> usize {
        match self.next() {
            Val::Scalar(n) => n.as_i64() as usize,
            _ => unreachable!("a list or option begins with a scalar"),
        }
    }
}

impl<T: Elem> Argument for Tensor<T> {
    type Traced = Tensor<T>;
    const FLAT: bool = true;
    fn tree() -> Tree<Type> {
        Tree::Leaf(Type::tensor(T::DTYPE))
    }
    fn push_leaves<'v>(&'v self, out: &mut Leaves<'v>) {
        out.push_any(&self.any);
    }
    fn traced(&self, inputs: &mut Inputs) -> Tensor<T> {
        Tensor::from_any(inputs.0.next().unwrap_or_else(|| self.any.clone()))
    }
    fn rebuild(values: &mut Outputs) -> Tensor<T> {
        <Tensor<T> as Returns>::restore(values)
    }
}

impl<A: Argument> Argument for &A {
    type Traced = A::Traced;
    const FLAT: bool = A::FLAT;
    fn tree() -> Tree<Type> {
        A::tree()
    }
    fn push_leaves<'v>(&'v self, out: &mut Leaves<'v>) {
        (*self).push_leaves(out);
    }
    fn traced(&self, inputs: &mut Inputs) -> A::Traced {
        (*self).traced(inputs)
    }
    fn rebuild(values: &mut Outputs) -> A::Traced {
        A::rebuild(values)
    }
}

impl<T: Elem> Returns for Tensor<T> {
    const FLAT: bool = true;
    fn tree() -> Tree<Type> {
        Tree::Leaf(Type::tensor(T::DTYPE))
    }
    fn restore(values: &mut Outputs) -> Tensor<T> {
        Tensor::from_any(values.next_any())
    }
    fn collect(&self, out: &mut Results) {
        out.0.push(self.any.clone());
    }
}

macro_rules! scalars {
    ($($T:ident)*) => {$(
        impl Argument for $T {
            type Traced = $T;
            const FLAT: bool = true;
            fn tree() -> Tree<Type> {
                Tree::Leaf(Type::Scalar($T::DTYPE))
            }
            fn push_leaves<'v>(&'v self, out: &mut Leaves<'v>) {
                out.push(Val::Scalar(self.to_scalar()));
            }
            fn traced(&self, _: &mut Inputs) -> $T {
                *self
            }
            fn rebuild(values: &mut Outputs) -> $T {
                <$T as Returns>::restore(values)
            }
        }
        impl Returns for $T {
            const FLAT: bool = true;
            fn tree() -> Tree<Type> {
                Tree::Leaf(Type::Scalar($T::DTYPE))
            }
            fn restore(values: &mut Outputs) -> $T {
                match values.next() {
                    Val::Scalar(s) => $T::from_scalar(s),
                    _ => unreachable!("the graph gives a host scalar here"),
                }
            }
            fn collect(&self, out: &mut Results) {
                out.0.push(self.to_scalar().into());
            }
        }
    )*};
}
scalars!(bool u8 i32 i64 usize f32 f64);

macro_rules! lists {
    ($($List:ty)*) => {$(
        impl<A: Argument> Argument for $List {
            type Traced = Vec<A::Traced>;
            const FLAT: bool = false;
            fn tree() -> Tree<Type> {
                Tree::list(A::tree())
            }
            fn push_leaves<'v>(&'v self, out: &mut Leaves<'v>) {
                out.push(Val::Scalar(Scalar::Usize(self.len())));
                self.iter().for_each(|a| a.push_leaves(out));
            }
            fn traced(&self, inputs: &mut Inputs) -> Vec<A::Traced> {
                self.iter().map(|a| a.traced(inputs)).collect()
            }
            fn rebuild(values: &mut Outputs) -> Vec<A::Traced> {
                (0..values.count()).map(|_| A::rebuild(values)).collect()
            }
        }
    )*};
}
lists!(&[A] Vec<A>);

impl<R: Returns> Returns for Vec<R> {
    const FLAT: bool = false;
    fn tree() -> Tree<Type> {
        Tree::list(R::tree())
    }
    fn restore(values: &mut Outputs) -> Vec<R> {
        (0..values.count()).map(|_| R::restore(values)).collect()
    }
    fn collect(&self, out: &mut Results) {
        out.0.push(Scalar::Usize(self.len()).into());
        self.iter().for_each(|r| r.collect(out));
    }
}

impl<A: Argument, const N: usize> Argument for [A; N] {
    type Traced = [A::Traced; N];
    const FLAT: bool = A::FLAT;
    fn tree() -> Tree<Type> {
        Tree::Tuple(vec![A::tree(); N])
    }
    fn push_leaves<'v>(&'v self, out: &mut Leaves<'v>) {
        self.iter().for_each(|a| a.push_leaves(out));
    }
    fn traced(&self, inputs: &mut Inputs) -> [A::Traced; N] {
        std::array::from_fn(|i| self[i].traced(inputs))
    }
    fn rebuild(values: &mut Outputs) -> [A::Traced; N] {
        std::array::from_fn(|_| A::rebuild(values))
    }
}

impl<R: Returns, const N: usize> Returns for [R; N] {
    const FLAT: bool = R::FLAT;
    fn tree() -> Tree<Type> {
        Tree::Tuple(vec![R::tree(); N])
    }
    fn restore(values: &mut Outputs) -> [R; N] {
        std::array::from_fn(|_| R::restore(values))
    }
    fn collect(&self, out: &mut Results) {
        self.iter().for_each(|r| r.collect(out));
    }
}

fn option_tree(inner: Tree<Type>) -> Tree<Type> {
    Tree::Option(Type::Scalar(DType::Bool), Box::new(inner))
}

impl<A: Argument> Argument for Option<A> {
    type Traced = Option<A::Traced>;
    const FLAT: bool = false;
    fn tree() -> Tree<Type> {
        option_tree(A::tree())
    }
    fn push_leaves<'v>(&'v self, out: &mut Leaves<'v>) {
        out.push(Val::Scalar(Scalar::Bool(self.is_some())));
        self.iter().for_each(|a| a.push_leaves(out));
    }
    fn traced(&self, inputs: &mut Inputs) -> Option<A::Traced> {
        self.as_ref().map(|a| a.traced(inputs))
    }
    fn rebuild(values: &mut Outputs) -> Option<A::Traced> {
        (values.count() == 1).then(|| A::rebuild(values))
    }
}

impl<R: Returns> Returns for Option<R> {
    const FLAT: bool = false;
    fn tree() -> Tree<Type> {
        option_tree(R::tree())
    }
    fn restore(values: &mut Outputs) -> Option<R> {
        (values.count() == 1).then(|| R::restore(values))
    }
    fn collect(&self, out: &mut Results) {
        out.0.push(Scalar::Bool(self.is_some()).into());
        self.iter().for_each(|r| r.collect(out));
    }
}

macro_rules! tuples {
    ($(($($T:ident $i:tt)*))*) => {$(
        impl<$($T: Argument),*> Argument for ($($T,)*) {
            type Traced = ($($T::Traced,)*);
            const FLAT: bool = true $(&& $T::FLAT)*;
            fn tree() -> Tree<Type> {
                Tree::Tuple(vec![$($T::tree()),*])
            }
            fn push_leaves<'v>(&'v self, _out: &mut Leaves<'v>) {
                $(self.$i.push_leaves(_out);)*
            }
            #[allow(clippy::unused_unit, reason = "one body for all lengths")]
            fn traced(&self, _inputs: &mut Inputs) -> Self::Traced {
                ($(self.$i.traced(_inputs),)*)
            }
            #[allow(clippy::unused_unit, reason = "one body for all lengths")]
            fn rebuild(_values: &mut Outputs) -> Self::Traced {
                ($($T::rebuild(_values),)*)
            }
        }
        impl<$($T: Returns),*> Returns for ($($T,)*) {
            const FLAT: bool = true $(&& $T::FLAT)*;
            fn tree() -> Tree<Type> {
                Tree::Tuple(vec![$($T::tree()),*])
            }
            #[allow(clippy::unused_unit, reason = "one body for all lengths")]
            fn restore(_values: &mut Outputs) -> Self {
                ($($T::restore(_values),)*)
            }
            fn collect(&self, _out: &mut Results) {
                $(self.$i.collect(_out);)*
            }
        }
    )*};
}
tuples! {
    ()
    (A 0)
    (A 0 B 1)
    (A 0 B 1 C 2)
    (A 0 B 1 C 2 D 3)
    (A 0 B 1 C 2 D 3 E 4)
    (A 0 B 1 C 2 D 3 E 4 F 5)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11)
}

/// A field whose type is no Pytree: handed through as it is.
pub(crate) fn push_opaque<T: Clone + PartialEq + Send + Sync + 'static>(value: &T, out: &mut Leaves<'_>) {
    out.push(Val::Opaque(Opaque::new(value.clone())));
}

/// As [`push_opaque`], of a result.
pub(crate) fn collect_opaque<T: Clone + PartialEq + Send + Sync + 'static>(value: &T, out: &mut Results) {
    out.0.push(Any { val: Val::Opaque(Opaque::new(value.clone())), tag: None });
}

/// As [`push_opaque`], the other way.
pub(crate) fn restore_opaque<T: Clone + 'static>(values: &mut Outputs) -> T {
    match values.next() {
        Val::Opaque(value) => match value.get::<T>() {
            Some(value) => value.clone(),
            None => unreachable!("a field keeps its type"),
        },
        _ => unreachable!("the graph gives the user's value here"),
    }
}

/// Whether a value is a tensor rather than a static part of a trace's signature.
pub(crate) fn is_leaf(val: &Val) -> bool {
    matches!(val, Val::Tensor(_))
}
