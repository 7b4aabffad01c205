//! Calls: methods from the op table, constructors, other functions, macros.

use jit_ir::ops::methods::{self, Arg, Method};
use jit_ir::ops::{Attrs, powi};
use jit_ir::{Const, DType, Op, Scalar, TensorData, Type, ValueId};
use proc_macro2::Span;
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, Token};

use super::literal::scalar_literal;
use super::{Item, Lowered, Lowerer, Stop};
use crate::diag::{Code, similar};
use crate::types::{Fallback, Ty, element};

impl Lowerer<'_> {
    pub(super) fn method(&mut self, e: &syn::ExprMethodCall) -> Lowered {
        let name = e.method.to_string();
        let receiver = self.expr(&e.receiver)?;
        if e.args.is_empty() && matches!(name.as_str(), "clone" | "to_owned") {
            return Ok(receiver);
        }
        let Item::Value(x) = receiver else { return self.unknown_method(e, &[]) };
        match self.ty(x) {
            Ty::Tensor(_) => self.tensor_method(e, &name, x),
            Ty::Scalar(_) => self.scalar_method(e, &name, x),
            Ty::Hole => self.open_type(&e.receiver),
        }
    }

    fn unknown_method(&mut self, e: &syn::ExprMethodCall, known: &[String]) -> Lowered {
        let name = e.method.to_string();
        let help = match similar(&name, known.iter().map(String::as_str)) {
            Some(other) => format!("did you mean `{other}`?"),
            None => "compute it outside and pass it as an argument, or trace the function".into(),
        };
        self.error(&e.method, Code::Method, format!("scripts do not know the method `{name}`"), help)
    }

    fn count(&mut self, e: &impl ToTokens, name: &str, wanted: usize, got: usize) -> Lowered<()> {
        if wanted == got {
            return Ok(());
        }
        let s = if wanted == 1 { "" } else { "s" };
        let help = format!("give {wanted} argument{s}");
        self.error(e, Code::Arguments, format!("`{name}` takes {wanted} argument{s}, got {got}"), help)
    }

    fn scalar_method(&mut self, e: &syn::ExprMethodCall, name: &str, x: ValueId) -> Lowered {
        let at = e.method.span();
        if name == "powi" {
            return self.powi(e, x);
        }
        let Some((op, arity)) = methods::find_scalar(name) else {
            let known = [
                "max", "min", "abs", "sqrt", "exp", "ln", "powi", "powf", "floor", "ceil", "round", "tanh",
                "sin", "cos",
            ];
            return self.unknown_method(e, &known.map(String::from));
        };
        self.count(e, name, arity, e.args.len())?;
        let mut operands = vec![x];
        for arg in &e.args {
            operands.push(self.scalar(arg)?);
        }
        self.elementwise(op, operands, at).map(Item::Value)
    }

    /// `powi` on tensors is a chain of multiplications; on host scalars it is std's, which has no op.
    fn powi(&mut self, e: &syn::ExprMethodCall, x: ValueId) -> Lowered {
        let at = e.method.span();
        self.count(e, "powi", 1, e.args.len())?;
        if matches!(self.ty(x), Ty::Scalar(_)) {
            return self.error(
                &e.method,
                Code::Method,
                "`powi` of a host scalar is not supported in a script",
                "multiply, or use `powf`",
            );
        }
        let n = match e.args.first().and_then(scalar_literal) {
            Some((n, _)) if n.dtype().is_int() && i32::try_from(n.as_i64()).is_ok() => n.as_i64() as i32,
            _ => {
                return self.error(
                    &e.args,
                    Code::Constant,
                    "the exponent of `powi` in a script is an integer literal",
                    "write the number, or use `powf`",
                );
            }
        };
        let ty = self.ty(x);
        let cell = std::cell::RefCell::new(self);
        let op = |op, operands| cell.borrow_mut().node(op, operands, Attrs::default(), ty, Some(at));
        let power = powi(
            x,
            n,
            |a, b| op(Op::Mul, vec![a, b]),
            |x| op(Op::OnesLike, vec![x]),
            |p| op(Op::Recip, vec![p]),
        );
        Ok(Item::Value(power))
    }

    fn tensor_method(&mut self, e: &syn::ExprMethodCall, name: &str, x: ValueId) -> Lowered {
        if name == "powi" {
            return self.powi(e, x);
        }
        let Some(method) = methods::find(name) else { return self.unknown_method(e, &methods::names()) };
        self.count(e, name, method.args.len(), e.args.len())?;
        let mut attrs = Attrs { keep: method.keep, ..Attrs::default() };
        if method.generic {
            attrs.dtype = self.turbofish(e);
            if attrs.dtype.is_none() {
                return self.error(
                    &e.method,
                    Code::OpenType,
                    format!("the element type that `{name}` gives is not known to the script"),
                    format!("write it: `.{name}::<f32>(..)`"),
                );
            }
        }
        let args: Vec<&Expr> = e.args.iter().collect();
        self.with_arguments(&method, vec![x], &args, attrs, e.method.span())
    }

    fn turbofish(&self, e: &syn::ExprMethodCall) -> Option<DType> {
        let generics = e.turbofish.as_ref()?;
        element(&syn::PathArguments::AngleBracketed(generics.clone()))
    }

    /// An op from its row's arguments.
    fn with_arguments(
        &mut self,
        method: &Method,
        mut operands: Vec<ValueId>,
        args: &[&Expr],
        mut attrs: Attrs,
        at: Span,
    ) -> Lowered {
        let mut failed = false;
        for (kind, expr) in method.args.iter().zip(args) {
            let outcome = self.argument_of(*kind, expr, &mut operands, &mut attrs);
            match outcome {
                Err(Stop::Diverged) => return Err(Stop::Diverged),
                Err(Stop::Error) => failed = true,
                Ok(()) => {}
            }
        }
        if failed {
            return Err(Stop::Error);
        }
        let op = method.op;
        if op.is_elementwise() && op != Op::Cast {
            return self.elementwise(op, operands, at).map(Item::Value);
        }
        let var = match operands.first().map(|v| self.ty(*v)) {
            Some(Ty::Tensor(v) | Ty::Scalar(v)) => v,
            _ => self.vars.open(Fallback::None),
        };
        let ty = match op {
            Op::Item => Ty::Scalar(var),
            Op::Dim | Op::Len | Op::Rank => Ty::Scalar(self.vars.known(DType::Usize)),
            Op::ArgMax | Op::ArgMin => Ty::Tensor(self.vars.known(DType::I64)),
            Op::Cast | Op::OneHot => match attrs.dtype {
                Some(d) => Ty::Tensor(self.vars.known(d)),
                None => Ty::Tensor(var),
            },
            _ => Ty::Tensor(var),
        };
        if matches!(op, Op::Matmul | Op::Dot | Op::Outer) {
            self.join_types(self.ty(operands[0]), self.ty(operands[1]))?;
        }
        Ok(Item::Value(self.node(op, operands, attrs, ty, Some(at))))
    }

    fn argument_of(
        &mut self,
        kind: Arg,
        expr: &Expr,
        operands: &mut Vec<ValueId>,
        attrs: &mut Attrs,
    ) -> Lowered<()> {
        match kind {
            Arg::Axis => {
                let axis = self.axis(expr)?;
                attrs.axes.get_or_insert_default().push(axis);
            }
            Arg::Axes => attrs.axes = Some(self.axes(expr)?),
            Arg::Operand | Arg::Indices => operands.push(self.value(expr)?),
            Arg::Count => operands.push(self.scalar_of(expr, DType::Usize)?),
            Arg::Offset => operands.push(self.scalar_of(expr, DType::I64)?),
            Arg::Sizes => match self.expr(expr)? {
                Item::Array(items) => {
                    for item in items {
                        let Item::Value(v) = item else { return Err(Stop::Error) };
                        operands.push(v);
                    }
                }
                _ => {
                    return self.error(
                        expr,
                        Code::Arguments,
                        "a shape in a script is an array",
                        "write the sizes: `[n, 3]`",
                    );
                }
            },
        }
        Ok(())
    }

    fn scalar_of(&mut self, expr: &Expr, dtype: DType) -> Lowered<ValueId> {
        let v = self.scalar(expr)?;
        let var = self.vars.known(dtype);
        self.join_types(self.ty(v), Ty::Scalar(var))?;
        Ok(v)
    }

    pub(super) fn call(&mut self, e: &syn::ExprCall) -> Lowered {
        let Expr::Path(path) = &*e.func else {
            return self.error(
                &e.func,
                Code::Call,
                "only functions can be called in a script",
                "call a `#[script]` function by its name",
            );
        };
        let segments: Vec<&syn::PathSegment> = path.path.segments.iter().collect();
        if let [.., ty, name] = segments[..] {
            if ty.ident == "Tensor" {
                return self.constructor(e, ty, &name.ident);
            }
            if let Ok(dtype) = ty.ident.to_string().parse::<DType>() {
                return self.scalar_function(e, dtype, &name.ident);
            }
        }
        if let [name] = segments[..] {
            let name = name.ident.to_string();
            if self.find(&name).is_some() {
                return self.error(
                    &e.func,
                    Code::Call,
                    format!("`{name}` is a variable, and scripts call functions only"),
                    "call a `#[script]` function by its name",
                );
            }
            if name == self.signature.name {
                return self.error(
                    &e.func,
                    Code::Recursion,
                    "a script cannot call itself",
                    "write the repetition as a loop",
                );
            }
            if matches!(name.as_str(), "Some" | "None" | "Ok" | "Err" | "Box" | "Vec") {
                return self.error(
                    &e.func,
                    Code::Call,
                    format!("`{name}(..)` is not supported in a script yet"),
                    "return tensors, scalars or tuples of them",
                );
            }
        }
        self.call_function(e, &path.path)
    }

    /// `f32::max(a, b)`: a method of the first argument.
    fn scalar_function(&mut self, e: &syn::ExprCall, _: DType, name: &syn::Ident) -> Lowered {
        let Some((op, arity)) = methods::find_scalar(&name.to_string()) else {
            return self.error(
                &e.func,
                Code::Call,
                format!("scripts do not know `{name}` of scalars"),
                "write the arithmetic out",
            );
        };
        self.count(e, &name.to_string(), arity + 1, e.args.len())?;
        let operands: Lowered<Vec<ValueId>> = e.args.iter().map(|a| self.scalar(a)).collect();
        self.elementwise(op, operands?, e.span()).map(Item::Value)
    }

    fn call_function(&mut self, e: &syn::ExprCall, path: &syn::Path) -> Lowered {
        let name = path.to_token_stream().to_string().replace(' ', "");
        let items: Vec<Lowered> = e.args.iter().map(|a| self.expr(a)).collect();
        let mut operands = Vec::new();
        for item in items {
            item?.leaves(&mut operands);
        }
        for v in &operands {
            if let Ty::Scalar(var) = self.ty(*v) {
                // A literal's type is that of the callee's parameter.
                self.vars.link(var);
            }
        }
        if !self.callees.iter().any(|(n, _)| *n == name) {
            self.callees.push((name.clone(), path.clone()));
        }
        let attrs = Attrs { text: Some(name), ..Attrs::default() };
        Ok(Item::Value(self.node(Op::Call, operands, attrs, Ty::Hole, Some(e.span()))))
    }

    /// Gives the call behind a value several results.
    pub(super) fn split_call(&mut self, value: ValueId, parts: usize) -> Vec<ValueId> {
        let call = self.graph.nodes.ids().find(|id| self.graph.nodes[*id].results == [value]);
        let Some(call) = call.filter(|id| self.graph.nodes[*id].op == Op::Call) else {
            return vec![value; parts];
        };
        let mut results = vec![value];
        results.truncate(parts);
        while results.len() < parts {
            let part = self.graph.value(Type::Hole);
            self.types.insert(part, Ty::Hole);
            results.push(part);
        }
        self.graph.nodes[call].results = results.clone();
        results
    }

    fn constructor(&mut self, e: &syn::ExprCall, ty: &syn::PathSegment, name: &syn::Ident) -> Lowered {
        let at = e.span();
        let dtype = match &ty.arguments {
            syn::PathArguments::None => None,
            given => match element(given) {
                Some(d) => Some(d),
                None => {
                    return self.error(
                        ty,
                        Code::OpenType,
                        "this is not an element type",
                        "use f32 f64 i32 i64 u8 bool",
                    );
                }
            },
        };
        let text = name.to_string();
        if text == "from" {
            return self.tensor_from(e, dtype);
        }
        if text == "concat" || text == "stack" {
            return self.joined(e, if text == "concat" { Op::Concat } else { Op::Stack });
        }
        let Some((op, kinds)) = methods::find_constructor(&text) else {
            return self.error(
                name,
                Code::Method,
                format!("scripts do not know `Tensor::{text}`"),
                "make the tensor outside and pass it as an argument",
            );
        };
        self.count(e, &text, kinds.len(), e.args.len())?;
        let args: Vec<&Expr> = e.args.iter().collect();
        let (mut operands, mut attrs) = (Vec::new(), Attrs::default());
        for (kind, expr) in kinds.iter().zip(&args) {
            self.argument_of(*kind, expr, &mut operands, &mut attrs)?;
        }
        let var = match dtype {
            Some(d) => self.vars.known(d),
            None => self.vars.open(Fallback::None),
        };
        if matches!(op, Op::Zeros | Op::Ones | Op::Full) {
            let sizes = operands.len() - usize::from(op == Op::Full);
            for v in &operands[..sizes] {
                let usize_var = self.vars.known(DType::Usize);
                self.join_types(self.ty(*v), Ty::Scalar(usize_var))?;
            }
        }
        // The values among the arguments have the element type.
        let values: &[ValueId] = match op {
            Op::Full => &operands[operands.len() - 1..],
            Op::Arange => &operands,
            Op::Linspace => &operands[..2],
            Op::ToTensor | Op::ZerosLike | Op::OnesLike => &operands,
            _ => &[],
        };
        for v in values {
            if let Ty::Scalar(x) | Ty::Tensor(x) = self.ty(*v) {
                self.vars.unify(var, x);
            }
        }
        Ok(Item::Value(self.node(op, operands, attrs, Ty::Tensor(var), Some(at))))
    }

    fn tensor_from(&mut self, e: &syn::ExprCall, dtype: Option<DType>) -> Lowered {
        self.count(e, "from", 1, e.args.len())?;
        let Some(arg) = e.args.first() else { return Err(Stop::Error) };
        let (shape, values, found) = self.literal_tensor(arg, dtype)?;
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
        let guess = if boolean {
            DType::Bool
        } else if float {
            DType::F32
        } else {
            DType::I32
        };
        let dtype = match dtype.or(found) {
            Some(d) => d,
            None if boolean => DType::Bool,
            // Which type it is depends on its uses, which rustc knows better.
            None => {
                return self.error(
                    &e.func,
                    Code::OpenType,
                    "the element type of this tensor is not known to the script",
                    format!("write it: `Tensor::<{guess}>::from(..)`"),
                );
            }
        };
        let data = TensorData::from_scalars(dtype, shape, &values);
        let attrs = Attrs { value: Some(Const::Tensor(std::sync::Arc::new(data))), ..Attrs::default() };
        let ty = Ty::Tensor(self.vars.known(dtype));
        Ok(Item::Value(self.node(Op::Const, vec![], attrs, ty, Some(e.span()))))
    }

    fn joined(&mut self, e: &syn::ExprCall, op: Op) -> Lowered {
        self.count(e, op.name(), 2, e.args.len())?;
        let (Some(list), Some(axis)) = (e.args.first(), e.args.last()) else { return Err(Stop::Error) };
        let items = self.expr(list);
        let axis = self.axis(axis)?;
        let Item::Array(items) = items? else {
            return self.error(list, Code::Arguments, "the tensors stand in an array", "write `&[&a, &b]`");
        };
        let mut operands = Vec::new();
        items.iter().for_each(|i| i.leaves(&mut operands));
        let Some(first) = operands.first().copied() else {
            return self.error(list, Code::Arguments, "at least one tensor is needed", "write `&[&a, &b]`");
        };
        let mut ty = self.ty(first);
        for v in &operands[1..] {
            ty = self.join_types(ty, self.ty(*v))?;
        }
        Ok(Item::Value(self.node(op, operands, Attrs::axes([axis]), ty, Some(e.span()))))
    }

    pub(super) fn macro_call(&mut self, m: &syn::Macro) -> Lowered {
        let name = m.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
        let args: Vec<Expr> = match name.as_str() {
            "assert" | "assert_eq" | "assert_ne" | "panic" | "unreachable" => {
                match parser.parse2(m.tokens.clone()) {
                    Ok(args) => args.into_iter().collect(),
                    Err(_) => return Err(Stop::Error),
                }
            }
            _ => {
                return self.error(
                    m,
                    Code::Macro,
                    format!("the macro `{name}!` is not supported in a script"),
                    "use `assert!` and `panic!`; print the results outside, or run the function in `jit_runtime::eager`",
                );
            }
        };
        let at = m.span();
        match (name.as_str(), &args[..]) {
            ("panic" | "unreachable", rest) => {
                let message = match self.message(rest)? {
                    Some(text) if name == "panic" => text,
                    Some(text) => format!("internal error: entered unreachable code: {text}"),
                    None if name == "panic" => "explicit panic".into(),
                    None => "internal error: entered unreachable code".into(),
                };
                let never = self.known(Scalar::Bool(false));
                self.assert(never, &message, at);
                Err(Stop::Diverged)
            }
            ("assert", [condition, rest @ ..]) => {
                let holds = self.condition(condition)?;
                let default = format!("assertion failed: {}", crate::diag::source(condition));
                let message = self.message(rest)?.unwrap_or(default);
                self.assert(holds, &message, at);
                Ok(Item::unit())
            }
            (_, [left, right, rest @ ..]) => {
                let op: syn::BinOp =
                    if name == "assert_eq" { syn::parse_quote!(==) } else { syn::parse_quote!(!=) };
                let text = format!("assertion `left {} right` failed", op.to_token_stream());
                let compared = Expr::Binary(syn::ExprBinary {
                    attrs: vec![],
                    left: Box::new(left.clone()),
                    op,
                    right: Box::new(right.clone()),
                });
                let holds = self.condition(&compared)?;
                let message = self.message(rest)?.map_or(text.clone(), |m| format!("{text}: {m}"));
                self.assert(holds, &message, at);
                Ok(Item::unit())
            }
            _ => Err(Stop::Error),
        }
    }

    /// The message of an assertion: a literal without arguments.
    fn message(&mut self, args: &[Expr]) -> Lowered<Option<String>> {
        match args {
            [] => Ok(None),
            [Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. })] if !text.value().contains('{') => {
                Ok(Some(text.value()))
            }
            [first, ..] => self.error(
                first,
                Code::Macro,
                "the message of an assertion in a script is a plain text",
                "write it without `{}`",
            ),
        }
    }
}
