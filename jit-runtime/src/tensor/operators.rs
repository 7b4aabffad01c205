//! Operators between tensors, references and scalars, in all combinations.

use std::ops::*;

use jit_ir::Op;
use jit_ir::Prim;
use jit_ir::ops::Attrs;

use super::{Any, Bits, Elem, Num, Tensor, call};

#[track_caller]
fn both<T: Elem>(op: Op, a: &Any, b: &Any) -> Tensor<T> {
    Tensor::from_any(call(op, Attrs::default(), &[a, b]))
}

macro_rules! binary {
    ($Bound:ident [$($S:ident)*] $Trait:ident $method:ident $Assign:ident $assign:ident $op:ident) => {
        impl<T: $Bound> $Trait<Tensor<T>> for Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: Tensor<T>) -> Tensor<T> {
                both(Op::$op, &self.any, &other.any)
            }
        }
        impl<T: $Bound> $Trait<&Tensor<T>> for Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: &Tensor<T>) -> Tensor<T> {
                both(Op::$op, &self.any, &other.any)
            }
        }
        impl<T: $Bound> $Trait<Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: Tensor<T>) -> Tensor<T> {
                both(Op::$op, &self.any, &other.any)
            }
        }
        impl<T: $Bound> $Trait<&Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: &Tensor<T>) -> Tensor<T> {
                both(Op::$op, &self.any, &other.any)
            }
        }
        impl<T: $Bound> $Trait<T> for Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: T) -> Tensor<T> {
                both(Op::$op, &self.any, &other.to_scalar().into())
            }
        }
        impl<T: $Bound> $Trait<T> for &Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: T) -> Tensor<T> {
                both(Op::$op, &self.any, &other.to_scalar().into())
            }
        }
        impl<T: $Bound> $Assign<Tensor<T>> for Tensor<T> {
            #[track_caller]
            fn $assign(&mut self, other: Tensor<T>) {
                *self = both(Op::$op, &self.any, &other.any);
            }
        }
        impl<T: $Bound> $Assign<&Tensor<T>> for Tensor<T> {
            #[track_caller]
            fn $assign(&mut self, other: &Tensor<T>) {
                *self = both(Op::$op, &self.any, &other.any);
            }
        }
        impl<T: $Bound> $Assign<T> for Tensor<T> {
            #[track_caller]
            fn $assign(&mut self, other: T) {
                *self = both(Op::$op, &self.any, &other.to_scalar().into());
            }
        }
        $(
            impl $Trait<Tensor<$S>> for $S {
                type Output = Tensor<$S>;
                #[track_caller]
                fn $method(self, other: Tensor<$S>) -> Tensor<$S> {
                    both(Op::$op, &self.to_scalar().into(), &other.any)
                }
            }
            impl $Trait<&Tensor<$S>> for $S {
                type Output = Tensor<$S>;
                #[track_caller]
                fn $method(self, other: &Tensor<$S>) -> Tensor<$S> {
                    both(Op::$op, &self.to_scalar().into(), &other.any)
                }
            }
        )*
    };
}

binary!(Num [u8 i32 i64 f32 f64] Add add AddAssign add_assign Add);
binary!(Num [u8 i32 i64 f32 f64] Sub sub SubAssign sub_assign Sub);
binary!(Num [u8 i32 i64 f32 f64] Mul mul MulAssign mul_assign Mul);
binary!(Num [u8 i32 i64 f32 f64] Div div DivAssign div_assign Div);
binary!(Num [u8 i32 i64 f32 f64] Rem rem RemAssign rem_assign Rem);
binary!(Bits [bool u8 i32 i64] BitAnd bitand BitAndAssign bitand_assign And);
binary!(Bits [bool u8 i32 i64] BitOr bitor BitOrAssign bitor_assign Or);
binary!(Bits [bool u8 i32 i64] BitXor bitxor BitXorAssign bitxor_assign Xor);

impl<T: Num> Neg for Tensor<T> {
    type Output = Tensor<T>;
    #[track_caller]
    fn neg(self) -> Tensor<T> {
        self.unary(Op::Neg, Attrs::default())
    }
}

impl<T: Num> Neg for &Tensor<T> {
    type Output = Tensor<T>;
    #[track_caller]
    fn neg(self) -> Tensor<T> {
        self.unary(Op::Neg, Attrs::default())
    }
}

impl<T: Bits> Not for Tensor<T> {
    type Output = Tensor<T>;
    #[track_caller]
    fn not(self) -> Tensor<T> {
        self.unary(Op::Not, Attrs::default())
    }
}

impl<T: Bits> Not for &Tensor<T> {
    type Output = Tensor<T>;
    #[track_caller]
    fn not(self) -> Tensor<T> {
        self.unary(Op::Not, Attrs::default())
    }
}

/// The bool of a comparison of a rank-0 tensor; `sign` is how Rust writes it.
#[track_caller]
pub(super) fn compare(op: Op, a: &Any, b: &Any) -> bool {
    if a.is_plain()
        && b.is_plain()
        && let (Some(a), Some(b)) = (only(a), only(b))
        && let Some(answer) = jit_ir::ops::host::compare(op, &a, &b)
    {
        return answer;
    }
    let attrs = || Attrs { text: Some(jit_ir::ops::host::sign(op).into()), ..Attrs::default() };
    let scalar = |x: &Any| matches!(x.val, super::raw::Val::Scalar(_));
    let a = if scalar(a) { a.clone() } else { call(Op::Item, attrs(), &[a]) };
    let b = if scalar(b) { b.clone() } else { call(Op::Item, attrs(), &[b]) };
    matches!(super::ask(op, Attrs::default(), &[&a, &b]), jit_ir::Scalar::Bool(true))
}

/// A scalar, or the element of a rank-0 tensor.
fn only(x: &Any) -> Option<jit_ir::Scalar> {
    match &x.val {
        super::raw::Val::Scalar(s) => Some(*s),
        super::raw::Val::Tensor(t) if t.rank() == 0 => Some(t.item()),
        _ => None,
    }
}
