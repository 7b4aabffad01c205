//! Which kind of field or argument a type is, decided by method resolution: the emitted code calls a method of
//! `Probe<T>`, and the first impl whose bounds hold gives it.

use std::marker::PhantomData;

use super::{Argument, Inputs, Leaves, Outputs, Results, Returns, Tree};
use crate::script::{collect_opaque, push_opaque, restore_opaque};

/// The structure of a struct, its fields in the order of the declaration.
pub fn record(fields: Vec<(&str, Tree)>) -> Tree {
    Tree::Record(fields.into_iter().map(|(name, tree)| (name.to_string(), tree)).collect())
}

/// Stands for a field's type, so that method resolution can decide what it is.
pub struct Probe<T>(pub PhantomData<T>);

/// Stands for the type of what a function gives, which is never called.
pub fn type_of<A, T>(_: impl FnOnce(A) -> T) -> Probe<T> {
    Probe(PhantomData)
}

/// A field that is a Pytree itself.
pub trait FieldOfPytree<T> {
    /// As in [`Argument`].
    fn tree(&self) -> Tree;
    /// As in [`Argument`].
    fn push_leaves<'v>(&self, value: &'v T, out: &mut Leaves<'v>);
    /// As in [`Argument`].
    fn traced(&self, value: &T, inputs: &mut Inputs) -> T;
    /// As in [`Returns`].
    fn restore(&self, values: &mut Outputs) -> T;
    /// As in [`Returns`].
    fn collect(&self, value: &T, out: &mut Results);
}

impl<T: Argument<Traced = T> + Returns> FieldOfPytree<T> for &Probe<T> {
    fn tree(&self) -> Tree {
        <T as Argument>::tree()
    }
    fn push_leaves<'v>(&self, value: &'v T, out: &mut Leaves<'v>) {
        value.push_leaves(out);
    }
    fn traced(&self, value: &T, inputs: &mut Inputs) -> T {
        value.traced(inputs)
    }
    fn restore(&self, values: &mut Outputs) -> T {
        T::restore(values)
    }
    fn collect(&self, value: &T, out: &mut Results) {
        value.collect(out);
    }
}

/// A field of another type, which is handed through.
pub trait FieldOfOther<T> {
    /// As in [`Argument`].
    fn tree(&self) -> Tree;
    /// As in [`Argument`].
    fn push_leaves<'v>(&self, value: &'v T, out: &mut Leaves<'v>);
    /// As in [`Argument`].
    fn traced(&self, value: &T, inputs: &mut Inputs) -> T;
    /// As in [`Returns`].
    fn restore(&self, values: &mut Outputs) -> T;
    /// As in [`Returns`].
    fn collect(&self, value: &T, out: &mut Results);
}

impl<T: Clone + PartialEq + Send + Sync + 'static> FieldOfOther<T> for Probe<T> {
    fn tree(&self) -> Tree {
        Tree::Leaf(jit_ir::Type::Opaque)
    }
    fn push_leaves<'v>(&self, value: &'v T, out: &mut Leaves<'v>) {
        push_opaque(value, out);
    }
    fn traced(&self, value: &T, _: &mut Inputs) -> T {
        value.clone()
    }
    fn restore(&self, values: &mut Outputs) -> T {
        restore_opaque(values)
    }
    fn collect(&self, value: &T, out: &mut Results) {
        collect_opaque(value, out);
    }
}

/// An argument of a traced function that is made of tensors and scalars.
pub trait ArgumentOfTensors<T> {
    /// What the body is given.
    type Given;
    /// As in [`Argument`].
    fn tree(&self) -> Tree;
    /// As in [`Argument`].
    fn push_leaves<'v>(&self, value: &'v T, out: &mut Leaves<'v>);
    /// As in [`Argument`].
    fn traced(&self, value: &T, inputs: &mut Inputs) -> Self::Given;
    /// As in [`Argument`].
    fn rebuild(&self, values: &mut Outputs) -> Self::Given;
}

impl<T: Argument> ArgumentOfTensors<T> for &&&Probe<T> {
    type Given = T::Traced;
    fn tree(&self) -> Tree {
        T::tree()
    }
    fn push_leaves<'v>(&self, value: &'v T, out: &mut Leaves<'v>) {
        value.push_leaves(out);
    }
    fn traced(&self, value: &T, inputs: &mut Inputs) -> T::Traced {
        value.traced(inputs)
    }
    fn rebuild(&self, values: &mut Outputs) -> T::Traced {
        T::rebuild(values)
    }
}

/// A reference to a value that is part of the signature.
pub trait ArgumentByReference<T> {
    /// What is kept of it.
    type Kept;
    /// As in [`Argument`].
    fn tree(&self) -> Tree {
        Tree::Leaf(jit_ir::Type::Opaque)
    }
    /// As in [`Argument`].
    fn push_leaves<'v>(&self, value: &'v T, out: &mut Leaves<'v>);
    /// As in [`Argument`].
    fn traced(&self, value: &T, inputs: &mut Inputs) -> T;
    /// As in [`Argument`].
    fn rebuild(&self, values: &mut Outputs) -> Self::Kept;
}

impl<'a, T: ?Sized + ToOwned> ArgumentByReference<&'a T> for &&Probe<&'a T>
where
    T::Owned: Static,
{
    type Kept = T::Owned;
    fn push_leaves<'v>(&self, value: &'v &'a T, out: &mut Leaves<'v>) {
        push_opaque(&(*value).to_owned(), out);
    }
    fn traced(&self, value: &&'a T, _: &mut Inputs) -> &'a T {
        value
    }
    fn rebuild(&self, values: &mut Outputs) -> T::Owned {
        restore_opaque(values)
    }
}

/// A value of another type, which is part of the signature.
pub trait ArgumentByValue<T> {
    /// As in [`Argument`].
    fn tree(&self) -> Tree {
        Tree::Leaf(jit_ir::Type::Opaque)
    }
    /// As in [`Argument`].
    fn push_leaves<'v>(&self, value: &'v T, out: &mut Leaves<'v>);
    /// As in [`Argument`].
    fn traced(&self, value: &T, inputs: &mut Inputs) -> T;
    /// As in [`Argument`].
    fn rebuild(&self, values: &mut Outputs) -> T;
}

impl<T: Static> ArgumentByValue<T> for &Probe<T> {
    fn push_leaves<'v>(&self, value: &'v T, out: &mut Leaves<'v>) {
        push_opaque(value, out);
    }
    fn traced(&self, value: &T, _: &mut Inputs) -> T {
        value.clone()
    }
    fn rebuild(&self, values: &mut Outputs) -> T {
        restore_opaque(values)
    }
}

/// A type that is none of these: `tree` says why, once, and the others are never called.
pub trait NoArgument<T> {
    /// Does not compile.
    fn tree(&self) -> Tree
    where
        T: Static,
    {
        Tree::Unset
    }
    /// Is never called.
    fn push_leaves<'v>(&self, _: &'v T, _: &mut Leaves<'v>) {}
    /// Is never called.
    fn traced(&self, _: &T, _: &mut Inputs) -> T {
        unreachable!("`tree` does not compile")
    }
    /// Is never called.
    fn rebuild(&self, _: &mut Outputs) -> T {
        unreachable!("`tree` does not compile")
    }
}

impl<T> NoArgument<T> for Probe<T> {}

/// A value that a recording is for: the next call's is compared with it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no argument of a traced function",
    note = "what is no tensor, scalar or `#[derive(Pytree)]` struct is compared with the value of other calls: it is \
            `Clone + PartialEq + Send + Sync + 'static`, or a reference to such a value"
)]
pub trait Static: Clone + PartialEq + Send + Sync + 'static {}

impl<T: Clone + PartialEq + Send + Sync + 'static> Static for T {}
