//! Constants of the user's: `const` items that a script names.

use jit_ir::{Const, Prim, Tree};

/// A type whose constants a script may name: host scalars, arrays and tuples of them.
#[diagnostic::on_unimplemented(
    message = "a script cannot use a constant of type `{Self}`",
    note = "use constants of the types f32 f64 i32 i64 u8 usize bool, and arrays of them; what changes is passed as an argument"
)]
pub trait Constant {
    /// The values.
    #[doc(hidden)]
    fn constant(&self) -> Tree<Const>;
}

macro_rules! scalars {
    ($($T:ident)*) => {$(
        impl Constant for $T {
            fn constant(&self) -> Tree<Const> {
                Tree::Leaf(Const::Scalar(self.to_scalar()))
            }
        }
    )*};
}
scalars!(bool u8 i32 i64 usize f32 f64);

impl<C: Constant, const N: usize> Constant for [C; N] {
    fn constant(&self) -> Tree<Const> {
        Tree::Tuple(self.iter().map(Constant::constant).collect())
    }
}

impl<C: Constant + ?Sized> Constant for &C {
    fn constant(&self) -> Tree<Const> {
        (*self).constant()
    }
}

macro_rules! tuples {
    ($(($($T:ident $i:tt)*))*) => {$(
        impl<$($T: Constant),*> Constant for ($($T,)*) {
            fn constant(&self) -> Tree<Const> {
                Tree::Tuple(vec![$(self.$i.constant()),*])
            }
        }
    )*};
}
tuples! { (A 0 B 1) (A 0 B 1 C 2) (A 0 B 1 C 2 D 3) }
