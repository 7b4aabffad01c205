//! Calls: methods from the op table, constructors, other functions, macros.

use jit_ir::ops::composite::{self, Build, Composite};
use jit_ir::ops::methods::{self, Arg, Method};
use jit_ir::ops::{Attrs, host, powi};
use jit_ir::unify::{Fallback, Ty};
use jit_ir::{DType, Op, Scalar, ValueId};
use proc_macro2::Span;
use quote::{ToTokens, quote};
use syn::Expr;
use syn::spanned::Spanned;

use super::expr::without_qself;
use super::literal::scalar_literal;
use super::unknown::Receiver;
use super::{Item, Link, Lowered, Lowerer, Stop};
use crate::diag::{Code, Reason};
use crate::types::{Declared, FOREIGN, element};

/// Ops at a place in the source.
struct At<'l, 'a>(&'l mut Lowerer<'a>, Span);

impl Build for At<'_, '_> {
    type Value = ValueId;
    type Error = Stop;
    fn op(&mut self, op: Op, operands: &[&ValueId], attrs: Attrs) -> Lowered<ValueId> {
        let operands: Vec<ValueId> = operands.iter().map(|v| **v).collect();
        self.0.op(op, operands, attrs, Some(self.1))
    }
    fn scalar(&mut self, value: Scalar) -> ValueId {
        self.0.known(value)
    }
}

impl Lowerer<'_> {
    pub(super) fn method(&mut self, e: &syn::ExprMethodCall) -> Lowered {
        let name = e.method.to_string();
        let receiver = self.used(&e.receiver)?;
        if e.args.is_empty() && matches!(name.as_str(), "clone" | "to_owned" | "as_ref" | "to_vec") {
            let tensor = matches!(&receiver, Item::Value(v) if matches!(self.ty(*v), Ty::Tensor(_)));
            if !(name == "to_vec" && tensor) {
                return Ok(receiver);
            }
        }
        let x = match receiver {
            Item::Value(x) => x,
            Item::Option(flag, inner) => return self.option_method(e, flag, *inner),
            Item::Array(parts) if name == "len" => {
                return Ok(Item::Value(self.known(Scalar::Usize(parts.len()))));
            }
            Item::Array(parts) => self.list_of(parts)?,
            Item::Tuple(_) => return self.unknown_method(e, Receiver::Other),
        };
        match self.ty(x) {
            Ty::Tensor(_) => self.tensor_method(e, &name, x),
            Ty::Scalar(_) => self.scalar_method(e, &name, x),
            Ty::List(_) => match self.list_method(e, x)? {
                Some(item) => Ok(item),
                None => self.unknown_method(e, Receiver::List),
            },
            Ty::Hole => self.open_method(e, &name, x),
            Ty::Opaque => self.unknown_method(e, Receiver::Other),
        }
    }

    /// An expression whose value is used. `Vec::push` and `clear` give nothing, so that there a method of these names is the user's.
    pub(super) fn used(&mut self, expr: &Expr) -> Lowered {
        if let Expr::MethodCall(e) = expr
            && (e.method == "push" || e.method == "clear")
        {
            let receiver = self.used(&e.receiver)?;
            return match receiver {
                Item::Value(x) if self.ty(x) == Ty::Hole => self.user_method(e, receiver),
                _ => self.left_to_rustc("this gives no value"),
            };
        }
        self.expr(expr)
    }

    /// A method of a value that linking will know.
    fn open_method(&mut self, e: &syn::ExprMethodCall, name: &str, x: ValueId) -> Lowered {
        let arity = e.args.len();
        if matches!((name, arity), ("is_some" | "is_none", 0) | ("unwrap_or", 1)) {
            let open = Declared::Option(Box::new(Declared::Open));
            let link = self.maybe_method(e).filter(|_| name == "is_some");
            return match self.taken_apart(x, &open) {
                Item::Option(flag, inner) => {
                    self.or_method(&Item::Value(flag), link);
                    self.option_method(e, flag, *inner)
                }
                _ => Err(Stop::Error),
            };
        }
        if matches!(name, "unwrap" | "expect") {
            return self.unknown_method(e, Receiver::Option);
        }
        if matches!(&*e.receiver, Expr::Path(p) if p.path.is_ident("self")) {
            return self.user_method(e, Item::Value(x));
        }
        if arity == 2 && matches!(name, "split" | "split_sizes" | "topk") {
            return self.tensor_method(e, name, x);
        }
        let composite = composite::find(name).is_some_and(|(_, args)| args.len() == arity);
        let method = methods::find(name).is_some_and(|m| m.args.len() == arity);
        let scalar = is_scalar_method(name, arity) || matches!((name, arity), ("powi" | "pow", 1));
        if composite || method || scalar || (name, arity) == ("shape", 0) {
            let link = self.maybe_method(e);
            let item = match composite {
                true => {
                    let mut operands = vec![x];
                    for arg in &e.args {
                        operands.push(self.value(arg)?);
                    }
                    Item::Value(self.method_node(name, operands, Some(e.method.span())))
                }
                false if method || name == "shape" => self.tensor_method(e, name, x)?,
                false => self.scalar_method(e, name, x)?,
            };
            self.or_method(&item, link);
            return Ok(item);
        }
        // What is not kept anywhere is no list that something is pushed to.
        let kept = matches!(&*e.receiver, Expr::Path(_) | Expr::Field(_) | Expr::Index(_) | Expr::Paren(_));
        if (kept || !matches!(name, "push" | "clear"))
            && let Some(item) = self.list_method(e, x)?
        {
            return Ok(item);
        }
        self.user_method(e, Item::Value(x))
    }

    fn option_method(&mut self, e: &syn::ExprMethodCall, flag: ValueId, inner: Item) -> Lowered {
        let at = e.method.span();
        match (e.method.to_string().as_str(), e.args.len()) {
            ("is_some", 0) => Ok(Item::Value(flag)),
            ("is_none", 0) => self.op(Op::Not, vec![flag], Attrs::default(), Some(at)).map(Item::Value),
            ("unwrap_or", 1) => {
                let other = self.expr(&e.args[0])?;
                let some = self.branch(|_| Ok(inner));
                let none = self.branch(|_| Ok(other));
                self.join(flag, some, none, at)
            }
            _ => self.unknown_method(e, Receiver::Option),
        }
    }

    /// What rustc reports: the reason is shown only if it does not.
    pub(super) fn left_to_rustc<T>(&mut self, reason: impl Into<String>) -> Lowered<T> {
        self.reason.get_or_insert(Reason::unknown(reason));
        Err(Stop::Error)
    }

    /// A message for the case that rustc finds nothing wrong.
    pub(super) fn after_rustc<T>(
        &mut self,
        at: Span,
        code: Code,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Lowered<T> {
        self.reason.get_or_insert(Reason::known(at, code, what, help));
        Err(Stop::Error)
    }

    /// Another number of arguments than the method has is left to rustc.
    pub(super) fn count(&mut self, name: &str, wanted: usize, got: usize) -> Lowered<()> {
        if wanted == got {
            return Ok(());
        }
        self.left_to_rustc(format!("`{name}` takes {wanted} arguments"))
    }

    fn scalar_method(&mut self, e: &syn::ExprMethodCall, name: &str, x: ValueId) -> Lowered {
        let at = e.method.span();
        if name == "powi" || name == "pow" {
            return self.powi(e, x);
        }
        let function = host::FUNCTIONS.iter().find(|(known, _)| *known == name);
        let Some((op, arity)) = methods::find_scalar(name).or(function.map(|(_, arity)| (Op::Host, *arity)))
        else {
            return self.unknown_method(e, Receiver::Scalar);
        };
        self.count(name, arity, e.args.len())?;
        let mut operands = vec![x];
        for arg in &e.args {
            operands.push(self.scalar(arg)?);
        }
        if op != Op::Host {
            return self.op(op, operands, Attrs::default(), Some(at)).map(Item::Value);
        }
        for other in &operands[1..] {
            self.join_types(self.ty(x), self.ty(*other))?;
        }
        let attrs = Attrs { text: Some(name.to_string()), ..Attrs::default() };
        self.op(Op::Host, operands, attrs, Some(at)).map(Item::Value)
    }

    /// `powi` on tensors is a chain of multiplications; on host scalars it is std's, which has no op.
    fn powi(&mut self, e: &syn::ExprMethodCall, x: ValueId) -> Lowered {
        let at = e.method.span();
        self.count(&e.method.to_string(), 1, e.args.len())?;
        if !matches!(self.ty(x), Ty::Tensor(_)) {
            let n = match e.args.first() {
                // The exponent of `pow` is a `u32`, which scripts do not know.
                Some(literal) if e.method == "pow" && scalar_literal(literal).is_none() => {
                    return self.error(
                        literal,
                        Code::Constant,
                        "the exponent of `pow` in a script is an integer literal",
                        "write the number, or multiply in a loop",
                    );
                }
                Some(arg) => self.scalar_of(arg, DType::I32)?,
                None => return Err(Stop::Error),
            };
            if self.ty(x) == Ty::Hole {
                return Ok(Item::Value(self.method_node("powi", vec![x, n], Some(at))));
            }
            return self.op(Op::Powi, vec![x, n], Attrs::default(), Some(at)).map(Item::Value);
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
        match name {
            "powi" => return self.powi(e, x),
            "shape" if e.args.is_empty() => {
                return self.op(Op::Sizes, vec![x], Attrs::default(), Some(e.method.span())).map(Item::Value);
            }
            "is_empty" if e.args.is_empty() => {
                return self.list_method(e, x)?.ok_or(Stop::Error);
            }
            "rows" => {
                return self.error(
                    &e.method,
                    Code::Method,
                    "a script takes the rows of a tensor only in `for`",
                    "write `for row in x.rows() { .. }`, or take one row: `x.index_axis(0, i)`",
                );
            }
            "to_vec" | "as_slice" => {
                return self.error(
                    &e.method,
                    Code::Method,
                    format!("`{name}` copies the elements out of the tensor, which a script does not"),
                    "work on the tensor, write `for row in x.rows() { .. }`, or read elements: `x[i]`",
                );
            }
            _ => {}
        }
        match (name, e.args.len()) {
            ("split", 2) => return self.split(e, x),
            ("topk", 2) => return self.topk(e, x),
            ("split_sizes", 2) => return self.split_sizes(e, x),
            _ => {}
        }
        if let Some((composite, kinds)) = composite::find(name) {
            self.count(name, kinds.len(), e.args.len())?;
            let args: Vec<&Expr> = e.args.iter().collect();
            return self.composite(composite, kinds, vec![x], &args, e.method.span());
        }
        let Some(method) = methods::find(name) else { return self.unknown_method(e, Receiver::Tensor) };
        self.count(name, method.args.len(), e.args.len())?;
        let mut attrs = Attrs { keep: method.keep, ..Attrs::default() };
        if method.generic {
            // Where it is not written, rustc finds the element type from the uses, and so does linking.
            attrs.dtype = self.turbofish(e).flatten();
        }
        let open = attrs.dtype.is_none();
        let args: Vec<&Expr> = e.args.iter().collect();
        let value = self.with_arguments(&method, vec![x], &args, attrs, e.method.span())?;
        if let (true, Item::Value(v), Some(given)) = (method.generic && open, &value, &e.turbofish) {
            self.typed_element(*v, given);
        }
        if method.op.writes() {
            self.assign_to(&e.receiver, value)?;
            return Ok(Item::unit());
        }
        Ok(value)
    }

    /// A method or function that is made of several ops.
    pub(super) fn composite(
        &mut self,
        composite: Composite,
        kinds: &[Arg],
        mut operands: Vec<ValueId>,
        args: &[&Expr],
        at: Span,
    ) -> Lowered {
        for (kind, expr) in kinds.iter().zip(args) {
            self.argument_of(*kind, expr, &mut operands, &mut Attrs::default())?;
        }
        composite.build(&mut At(self, at), &operands).map(Item::Value)
    }

    /// The element type between `::<` and `>`; `Some(None)` for an open type parameter.
    fn turbofish(&self, e: &syn::ExprMethodCall) -> Option<Option<DType>> {
        let generics = e.turbofish.as_ref()?;
        element(&syn::PathArguments::AngleBracketed(generics.clone()), &self.signature.generics)
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
        // Pairs are the last operands, wherever they are written.
        let (mut given, pairs): (Vec<_>, Vec<_>) =
            method.args.iter().zip(args).partition(|(kind, _)| **kind != Arg::Pairs);
        given.extend(pairs);
        for (kind, expr) in given {
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
        let value = self.op(op, operands, attrs, Some(at))?;
        if op == Op::Cast && self.ty(value) == Ty::Hole {
            let ty = self.typing.vars.open(Fallback::None);
            self.typing.types.insert(value, Ty::Tensor(ty));
        } else if let (Op::Cast, Ty::Scalar(var)) = (op, self.ty(value)) {
            // `cast` is a tensor's method; a receiver of unknown kind is one.
            self.typing.types.insert(value, Ty::Tensor(var));
        }
        Ok(Item::Value(value))
    }

    pub(super) fn argument_of(
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
            Arg::Pair => match self.expr(expr)? {
                Item::Array(both) | Item::Tuple(both) if both.len() == 2 => {
                    for item in both {
                        let Item::Value(v) = item else { return Err(Stop::Error) };
                        self.is_size(v)?;
                        operands.push(v);
                    }
                }
                Item::Value(v) => {
                    self.is_size(v)?;
                    operands.extend([v, v]);
                }
                _ => return self.left_to_rustc("a number, or one for rows and one for columns"),
            },
            Arg::Offset => operands.push(self.scalar_of(expr, DType::I64)?),
            Arg::Pairs => {
                let Item::Array(pairs) = self.expr(expr)? else {
                    return self.left_to_rustc("the counts are an array of pairs");
                };
                for pair in pairs {
                    let Item::Tuple(counts) = pair else {
                        return self.left_to_rustc("the counts are pairs");
                    };
                    for count in counts {
                        let Item::Value(v) = count else { return Err(Stop::Error) };
                        self.is_size(v)?;
                        operands.push(v);
                    }
                }
            }
            Arg::Sizes => match self.expr(expr)? {
                Item::Array(items) | Item::Tuple(items) => {
                    for item in items {
                        let Item::Value(v) = item else { return Err(Stop::Error) };
                        operands.push(v);
                    }
                }
                Item::Value(v) if self.may_be_list(v) => operands.push(v),
                _ => return self.left_to_rustc("a shape is an array"),
            },
        }
        Ok(())
    }

    /// Whether a value can be a size.
    pub(super) fn is_size(&mut self, value: ValueId) -> Lowered<()> {
        let usize_ty = self.typing.vars.scalar(DType::Usize);
        self.join_types(self.ty(value), usize_ty).map(|_| ())
    }

    fn scalar_of(&mut self, expr: &Expr, dtype: DType) -> Lowered<ValueId> {
        let v = self.scalar(expr)?;
        let ty = self.typing.vars.scalar(dtype);
        self.join_types(self.ty(v), ty)?;
        Ok(v)
    }

    pub(super) fn call(&mut self, e: &syn::ExprCall) -> Lowered {
        let stripped = if let Expr::Path(p) = &*e.func { without_qself(p) } else { None };
        let Expr::Path(path) = &*e.func else {
            return self.error(
                &e.func,
                Code::Call,
                "only functions can be called in a script",
                "call a `#[script]` function by its name",
            );
        };
        let path = stripped.as_ref().unwrap_or(path);
        let segments: Vec<&syn::PathSegment> = path.path.segments.iter().collect();
        if let [.., module, name] = segments[..]
            && module.ident.to_string().starts_with(|c: char| c.is_ascii_lowercase())
            && name.ident.to_string().starts_with(|c: char| c.is_ascii_uppercase())
        {
            return self.tuple_struct(e);
        }
        if let [.., ty, name] = segments[..] {
            let owner = ty.ident.to_string();
            if owner == "Tensor" {
                return self.constructor(e, ty, &name.ident);
            }
            if owner == "Key" && name.ident == "new" {
                return self.new_key(e);
            }
            if owner == "Vec" && matches!(name.ident.to_string().as_str(), "new" | "with_capacity") {
                return self.list_of(vec![]).map(Item::Value);
            }
            if let Some(dtype) = self.signature.generics.get(&owner).copied() {
                return self.generic_function(e, dtype, &name.ident);
            }
            if let Ok(dtype) = owner.parse::<DType>() {
                return self.scalar_function(e, dtype, &name.ident);
            }
            if FOREIGN.contains(&owner.as_str()) {
                return self.foreign(e, &format!("{owner}::{}", name.ident));
            }
            if owner.starts_with(|c: char| c.is_ascii_uppercase()) {
                return self.associated(e, &path.path);
            }
        }
        if let [name] = segments[..] {
            let name = name.ident.to_string();
            if self.find(&name).is_some() {
                return self.left_to_rustc(format!("`{name}` is a variable"));
            }
            if name == self.signature.name {
                return self.error(
                    &e.func,
                    Code::Recursion,
                    "a script cannot call itself",
                    "write the repetition as a loop",
                );
            }
            match (name.as_str(), e.args.len()) {
                ("Some", 1) => {
                    let item = self.expr(&e.args[0])?;
                    let flag = self.known(Scalar::Bool(true));
                    return Ok(Item::Option(flag, Box::new(item)));
                }
                ("Ok", 1) => return self.expr(&e.args[0]),
                ("Err", 1) => return self.error_value(e),
                (name, _) if FOREIGN.contains(&name) => return self.foreign(e, name),
                (name, _) if name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                    return self.tuple_struct(e);
                }
                _ => {}
            }
        }
        let name = path.path.to_token_stream().to_string().replace(' ', "");
        let items = self.items(e.args.iter())?;
        let mut path = path.path.clone();
        // The type arguments of a generic script are kept in the name; its handle takes none.
        path.segments.iter_mut().for_each(|s| s.arguments = syn::PathArguments::None);
        self.call_linked(name, Link::Function(path), items, e.span())
    }

    /// `Pair(a, b)`: its fields are numbered.
    fn tuple_struct(&mut self, e: &syn::ExprCall) -> Lowered {
        let items = self.items(e.args.iter())?;
        let operands: Vec<ValueId> = items.into_iter().map(|i| self.packed(i)).collect();
        let names: Vec<String> = (0..operands.len()).map(|i| i.to_string()).collect();
        let place = self.place_of(&Expr::Call(e.clone())).filter(|_| !self.is_generic_struct(&e.func));
        Ok(Item::Value(self.record(&names, operands, place, e.span())))
    }

    fn foreign(&mut self, e: &syn::ExprCall, name: &str) -> Lowered {
        self.error(
            &e.func,
            Code::Call,
            format!("`{name}` is not supported in a script"),
            "a script makes tensors, scalars, tuples, lists and structs of them",
        )
    }

    /// `Mlp::scaled(x)` of a `#[script] impl`.
    fn associated(&mut self, e: &syn::ExprCall, path: &syn::Path) -> Lowered {
        let items = self.items(e.args.iter())?;
        let mut handle = path.clone();
        let name = path.to_token_stream().to_string().replace(' ', "");
        if let Some(last) = handle.segments.last_mut() {
            last.ident = quote::format_ident!("{}_script", last.ident, span = last.ident.span());
        }
        self.call_linked(name, Link::Method(quote! { #handle() }), items, e.span())
    }

    /// `T::of(2.0)` in generic code.
    fn generic_function(&mut self, e: &syn::ExprCall, dtype: Option<DType>, name: &syn::Ident) -> Lowered {
        let [arg] = &e.args.iter().collect::<Vec<_>>()[..] else {
            return self.count(&name.to_string(), 1, e.args.len()).map(|()| Item::unit());
        };
        if name != "of" {
            return self.left_to_rustc(format!("`{name}` of a type parameter is not known"));
        }
        let Some(dtype) = dtype else {
            let value = self.expr(arg)?;
            return Ok(value);
        };
        let ty = self.typing.vars.scalar(dtype);
        if let Some((value, _)) = scalar_literal(arg) {
            return Ok(Item::Value(self.constant(value.cast(DType::F64).cast(dtype), ty)));
        }
        let value = self.scalar_of(arg, DType::F64)?;
        Ok(Item::Value(self.node(Op::Cast, vec![value], Attrs::dtype(dtype), ty, Some(e.span()))))
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
        self.count(&name.to_string(), arity + 1, e.args.len())?;
        let operands: Lowered<Vec<ValueId>> = e.args.iter().map(|a| self.scalar(a)).collect();
        self.op(op, operands?, Attrs::default(), Some(e.span())).map(Item::Value)
    }
}

/// Whether host scalars have such a method.
fn is_scalar_method(name: &str, arity: usize) -> bool {
    methods::find_scalar(name).is_some_and(|(_, n)| n == arity)
        || host::FUNCTIONS.iter().any(|(known, n)| *known == name && *n == arity)
}
