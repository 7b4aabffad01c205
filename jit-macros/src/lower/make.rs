//! Tensors made in a script.

use jit_ir::ops::einsum::Equation;
use jit_ir::ops::{Attrs, composite, methods};
use jit_ir::unify::{Fallback, Ty};
use jit_ir::{Const, DType, Op, Scalar, TensorData, ValueId};
use proc_macro2::Span;
use syn::Expr;
use syn::spanned::Spanned;

use super::literal::{Literals, scalar_literal};
use super::{Item, Lowered, Lowerer, Stop};
use crate::diag::Code;
use crate::types::element;

impl Lowerer<'_> {
    /// `Key::new(7)`
    pub(super) fn new_key(&mut self, e: &syn::ExprCall) -> Lowered {
        self.count("new", 1, e.args.len())?;
        let Some((seed, _)) = scalar_literal(&e.args[0]) else {
            return self.error(
                &e.args[0],
                Code::Constant,
                "the seed of a key in a script is an integer literal",
                "take the key as an argument: `key: Key`",
            );
        };
        let data = TensorData::from_scalars(DType::I64, vec![], &[Scalar::I64(seed.as_i64())]);
        let attrs = Attrs { value: Some(Const::Tensor(std::sync::Arc::new(data))), ..Attrs::default() };
        let ty = Ty::Tensor(self.typing.vars.known(DType::I64));
        Ok(Item::Value(self.node(Op::Const, vec![], attrs, ty, Some(e.span()))))
    }

    /// `Tensor::zeros([n])`
    pub(super) fn constructor(
        &mut self,
        e: &syn::ExprCall,
        ty: &syn::PathSegment,
        name: &syn::Ident,
    ) -> Lowered {
        let dtype = match &ty.arguments {
            syn::PathArguments::None => None,
            // What is no element type is left to rustc.
            given => element(given, &self.signature.generics).ok_or(Stop::Error)?,
        };
        let made = self.made(e, dtype, name)?;
        if let (None, Item::Value(v), syn::PathArguments::AngleBracketed(given)) =
            (dtype, &made, &ty.arguments)
        {
            self.typed_element(*v, given);
        }
        Ok(made)
    }

    /// A tensor whose element type has a name that rustc knows.
    pub(super) fn typed_element(&mut self, value: ValueId, element: &syn::AngleBracketedGenericArguments) {
        if self.signature.generics.is_empty() {
            let args = &element.args;
            self.typed_as(
                value,
                quote::quote! { { let jit_value: ::jit_runtime::Tensor<#args> = ::core::unreachable!(); jit_value } },
            );
        }
    }

    fn made(&mut self, e: &syn::ExprCall, dtype: Option<DType>, name: &syn::Ident) -> Lowered {
        let at = e.span();
        let text = name.to_string();
        if text == "from" {
            return self.tensor_from(e, dtype);
        }
        if text == "concat" || text == "stack" {
            return self.joined(e, if text == "concat" { Op::Concat } else { Op::Stack });
        }
        if text == "einsum" {
            return self.einsum(e);
        }
        if let Some((composite, kinds)) = composite::find_function(&text) {
            self.count(&text, kinds.len(), e.args.len())?;
            let args: Vec<&Expr> = e.args.iter().collect();
            return self.composite(composite, kinds, vec![], &args, at);
        }
        let Some((op, kinds)) = methods::find_constructor(&text) else {
            return self.unknown_function(name, matches!(text.as_str(), "from_vec" | "try_from" | "default"));
        };
        self.count(&text, kinds.len(), e.args.len())?;
        let args: Vec<&Expr> = e.args.iter().collect();
        let (mut operands, mut attrs) = (Vec::new(), Attrs::default());
        for (kind, expr) in kinds.iter().zip(&args) {
            self.argument_of(*kind, expr, &mut operands, &mut attrs)?;
        }
        if matches!(op, Op::Zeros | Op::Ones | Op::Full | Op::Uniform | Op::Normal) {
            let first = usize::from(matches!(op, Op::Uniform | Op::Normal));
            let sizes = operands.len() - usize::from(op == Op::Full);
            for v in operands[first..sizes].iter().copied() {
                if !matches!(self.ty(v), Ty::List(_)) {
                    self.is_size(v)?;
                }
            }
        }
        let like = matches!(op, Op::ZerosLike | Op::OnesLike);
        attrs.dtype = attrs.dtype.or(dtype.filter(|_| !like));
        self.op(op, operands, attrs, Some(at)).map(Item::Value)
    }

    fn tensor_from(&mut self, e: &syn::ExprCall, dtype: Option<DType>) -> Lowered {
        self.count("from", 1, e.args.len())?;
        let Some(arg) = e.args.first() else { return Err(Stop::Error) };
        let Some(literals) = self.literal_tensor(arg, dtype)? else {
            return self.tensor_of(arg, dtype).map(Item::Value);
        };
        let singles = literals.singles();
        let Literals { shape, values, dtype: found, .. } = literals;
        if shape.is_empty() {
            return self.error(
                arg,
                Code::Constant,
                "`Tensor::from` takes an array",
                "write `Tensor::scalar(x)` for rank 0",
            );
        }
        let float = values.iter().any(|v| v.dtype().is_float());
        let boolean = values.iter().any(|v| v.dtype() == DType::Bool);
        let (guess, fallback) = match (boolean, float) {
            (true, _) => (DType::Bool, Fallback::None),
            (_, true) => (DType::F64, Fallback::Float),
            _ => (DType::I64, Fallback::Int),
        };
        let known = dtype.or(found).or(boolean.then_some(DType::Bool));
        let var = match known {
            Some(d) => self.typing.vars.known(d),
            None => self.typing.vars.open(fallback),
        };
        let data = TensorData::from_scalars(known.unwrap_or(guess), shape, &values);
        let (singles, text) = singles.filter(|_| float && known.is_none()).unzip();
        let value = Some(Const::Tensor(std::sync::Arc::new(data)));
        let attrs = Attrs { value, text: text.flatten(), ..Attrs::default() };
        let value = self.node(Op::Const, vec![], attrs, Ty::Tensor(var), Some(e.span()));
        if let Some(singles) = singles {
            self.typing.singles.insert(value, singles);
        }
        Ok(Item::Value(value))
    }

    /// A tensor of host scalars in an array or a list: `Tensor::from([x, y * 2.0])`, `Tensor::from(list)`.
    fn tensor_of(&mut self, expr: &Expr, dtype: Option<DType>) -> Lowered<ValueId> {
        let at = expr.span();
        let item = self.expr(expr)?;
        self.stacked(item, dtype, at)
    }

    fn stacked(&mut self, item: Item, dtype: Option<DType>, at: Span) -> Lowered<ValueId> {
        let parts = match item {
            Item::Array(parts) => parts,
            Item::Value(v) if matches!(self.ty(v), Ty::Scalar(_) | Ty::List(_) | Ty::Hole) => {
                let attrs = Attrs { dtype, ..Attrs::default() };
                return self.op(Op::ToTensor, vec![v], attrs, Some(at));
            }
            _ => return Err(Stop::Error),
        };
        let parts: Lowered<Vec<ValueId>> = parts.into_iter().map(|p| self.stacked(p, dtype, at)).collect();
        self.op(Op::Stack, parts?, Attrs::axes([0]), Some(at))
    }

    fn joined(&mut self, e: &syn::ExprCall, op: Op) -> Lowered {
        self.count(op.name(), 2, e.args.len())?;
        let (Some(list), Some(axis)) = (e.args.first(), e.args.last()) else { return Err(Stop::Error) };
        let items = self.expr(list);
        let axis = self.axis(axis)?;
        let operands = self.tensors(items?)?;
        self.op(op, operands, Attrs::axes([axis]), Some(e.span())).map(Item::Value)
    }

    /// The tensors of an array or a list.
    fn tensors(&mut self, items: Item) -> Lowered<Vec<ValueId>> {
        let operands = match items {
            Item::Array(items) => items.into_iter().map(|i| self.packed(i)).collect::<Vec<_>>(),
            Item::Value(v) if self.may_be_list(v) => vec![v],
            _ => return self.left_to_rustc("the tensors stand in an array or a list"),
        };
        if operands.is_empty() {
            return self.left_to_rustc("at least one tensor is needed");
        }
        Ok(operands)
    }

    /// `Tensor::einsum("ij,jk->ik", &[&a, &b])`
    fn einsum(&mut self, e: &syn::ExprCall) -> Lowered {
        self.count("einsum", 2, e.args.len())?;
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &e.args[0] else {
            return self.error(
                &e.args[0],
                Code::Constant,
                "the equation of `einsum` in a script is a string literal",
                "write it out: `Tensor::einsum(\"ij,jk->ik\", &[&a, &b])`",
            );
        };
        let equation = match Equation::parse(&text.value()) {
            Ok(equation) => equation,
            Err(message) => {
                let help = "name each axis by a letter: `\"bij,bjk->bik\"`";
                return self.error(text, Code::Constant, message, help);
            }
        };
        let items = self.expr(&e.args[1])?;
        let operands = match items {
            Item::Array(items) if items.len() != equation.arity() => {
                let message =
                    format!("the equation is for {} operands, got {}", equation.arity(), items.len());
                return self.error(
                    &e.args[1],
                    Code::Constant,
                    message,
                    "give a tensor for each part before `->`",
                );
            }
            items => self.tensors(items)?,
        };
        let attrs = Attrs { text: Some(text.value()), ..Attrs::default() };
        self.op(Op::Einsum, operands, attrs, Some(e.span())).map(Item::Value)
    }
}
