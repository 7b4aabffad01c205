//! Literals and constant arguments.

use jit_ir::{DType, Prim, Scalar, ValueId};
use syn::{Expr, Lit};

use super::{Item, Lowered, Lowerer, Stop};
use crate::diag::Code;
use jit_ir::unify::Fallback;

/// A literal number with its sign, or a bool.
pub(super) fn scalar_literal(expr: &Expr) -> Option<(Scalar, Option<DType>)> {
    match expr {
        Expr::Lit(e) => match &e.lit {
            Lit::Bool(b) => Some((Scalar::Bool(b.value), Some(DType::Bool))),
            Lit::Int(i) => {
                let dtype = suffix(i.suffix())?;
                if dtype.is_some_and(DType::is_float) {
                    return Some((Scalar::F64(i.base10_parse().ok()?), dtype));
                }
                match i.base10_parse::<i64>() {
                    Ok(v) => Some((Scalar::I64(v), dtype)),
                    Err(_) => Some((Scalar::Usize(i.base10_parse().ok()?), dtype)),
                }
            }
            Lit::Float(f) => match suffix(f.suffix())? {
                Some(DType::F32) => Some((Scalar::F32(f.base10_parse().ok()?), Some(DType::F32))),
                dtype => Some((Scalar::F64(f.base10_parse().ok()?), dtype)),
            },
            _ => None,
        },
        Expr::Unary(u) if matches!(u.op, syn::UnOp::Neg(_)) => {
            let (value, dtype) = scalar_literal(&u.expr)?;
            Some((negative(value, dtype)?, dtype))
        }
        Expr::Paren(p) => scalar_literal(&p.expr),
        Expr::Group(g) => scalar_literal(&g.expr),
        Expr::Reference(r) => scalar_literal(&r.expr),
        _ => None,
    }
}

/// The digits of a float literal without suffix, with its sign.
pub(super) fn float_digits(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(syn::ExprLit { lit: Lit::Float(f), .. }) => Some(f.base10_digits().to_string()),
        Expr::Unary(u) if matches!(u.op, syn::UnOp::Neg(_)) => float_digits(&u.expr).map(|d| format!("-{d}")),
        Expr::Paren(p) => float_digits(&p.expr),
        Expr::Group(g) => float_digits(&g.expr),
        Expr::Reference(r) => float_digits(&r.expr),
        _ => None,
    }
}

/// A float literal without suffix read as f32: rounded once, not by way of f64.
pub(super) fn as_f32(expr: &Expr) -> Option<f32> {
    // What is negated once more than written has no digits of its own.
    float_digits(expr).and_then(|digits| digits.replace("--", "").parse().ok())
}

/// The smallest integer without its sign is too large for its own type: only with the sign it is one.
fn negative(value: Scalar, dtype: Option<DType>) -> Option<Scalar> {
    match value {
        Scalar::Usize(v)
            if dtype.is_none_or(|d| d == DType::I64) && v == i64::MIN.unsigned_abs() as usize =>
        {
            Some(Scalar::I64(i64::MIN))
        }
        Scalar::I64(v) => v.checked_neg().map(Scalar::I64),
        Scalar::F64(v) => Some(Scalar::F64(-v)),
        Scalar::F32(v) => Some(Scalar::F32(-v)),
        _ => None,
    }
}

/// The suffix's type; `Some(None)` without one, `None` for one that scripts do not know.
fn suffix(text: &str) -> Option<Option<DType>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

/// The constants of std that scripts know.
pub(super) fn std_constant(path: &syn::Path) -> Option<Scalar> {
    let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let names = names.strip_prefix(&["std"]).or(names.strip_prefix(&["core"])).unwrap_or(&names);
    macro_rules! float {
        ($T:ident, $name:expr) => {
            match $name {
                ["MAX"] => $T::MAX,
                ["MIN"] => $T::MIN,
                ["INFINITY"] => $T::INFINITY,
                ["NEG_INFINITY"] => $T::NEG_INFINITY,
                ["NAN"] => $T::NAN,
                ["EPSILON"] => $T::EPSILON,
                ["MIN_POSITIVE"] => $T::MIN_POSITIVE,
                ["consts", "PI"] => std::$T::consts::PI,
                ["consts", "TAU"] => std::$T::consts::TAU,
                ["consts", "E"] => std::$T::consts::E,
                ["consts", "LN_2"] => std::$T::consts::LN_2,
                ["consts", "LN_10"] => std::$T::consts::LN_10,
                ["consts", "SQRT_2"] => std::$T::consts::SQRT_2,
                ["consts", "FRAC_1_SQRT_2"] => std::$T::consts::FRAC_1_SQRT_2,
                ["consts", "FRAC_2_SQRT_PI"] => std::$T::consts::FRAC_2_SQRT_PI,
                _ => return None,
            }
            .to_scalar()
        };
    }
    macro_rules! int {
        ($T:ident, $name:expr) => {
            match $name {
                ["MAX"] => $T::MAX,
                ["MIN"] => $T::MIN,
                _ => return None,
            }
            .to_scalar()
        };
    }
    Some(match names.split_first()? {
        (&"f32", rest) => float!(f32, rest),
        (&"f64", rest) => float!(f64, rest),
        (&"u8", rest) => int!(u8, rest),
        (&"i32", rest) => int!(i32, rest),
        (&"i64", rest) => int!(i64, rest),
        (&"usize", rest) => int!(usize, rest),
        _ => return None,
    })
}

impl Lowerer<'_> {
    /// Keeps a float literal's digits for the case that it is an f32: here, or once it is linked.
    pub(super) fn single(&mut self, literal: ValueId, digits: &str, value: Scalar) {
        let digits = digits.replace("--", "");
        let Ok(single) = digits.parse() else { return };
        self.typing.singles.insert(literal, vec![single]);
        if jit_ir::text::rounds_twice(&digits, value)
            && let Some(id) = self.graph.definition(literal)
        {
            self.graph.nodes[id].attrs.text = Some(digits);
        }
    }

    /// A literal as a value.
    pub(super) fn literal(&mut self, value: Scalar, dtype: Option<DType>) -> Item {
        let ty = match dtype {
            Some(d) => self.typing.vars.scalar(d),
            None if value.dtype().is_float() => self.literal_ty(Fallback::Float),
            None => self.literal_ty(Fallback::Int),
        };
        Item::Value(self.constant(value, ty))
    }

    /// An axis: an integer literal.
    pub(super) fn axis(&mut self, expr: &Expr) -> Lowered<i64> {
        match scalar_literal(expr) {
            Some((value, _)) if value.dtype().is_int() => Ok(value.as_i64()),
            Some(_) => self.left_to_rustc("an axis is an integer"),
            _ => {
                let value = self.expr(expr)?;
                let known = if let Item::Value(v) = value { self.constant_int(v) } else { None };
                if let Some(axis) = known {
                    return Ok(axis);
                }
                self.error(
                    expr,
                    Code::Constant,
                    "an axis in a script is an integer literal",
                    "write the axis as a number, such as `0` or `-1`",
                )
            }
        }
    }

    /// Axes: an integer literal or an array of them.
    pub(super) fn axes(&mut self, expr: &Expr) -> Lowered<Vec<i64>> {
        match expr {
            Expr::Reference(r) => self.axes(&r.expr),
            Expr::Paren(p) => self.axes(&p.expr),
            Expr::Array(a) => {
                let axes: Vec<Lowered<i64>> = a.elems.iter().map(|e| self.axis(e)).collect();
                axes.into_iter().collect()
            }
            Expr::Path(_) => match self.expr(expr)? {
                Item::Array(items) => {
                    let known = |i: &Item| if let Item::Value(v) = i { self.constant_int(*v) } else { None };
                    items.iter().map(known).collect::<Option<_>>().ok_or(Stop::Error)
                }
                _ => self.axis(expr).map(|a| vec![a]),
            },
            _ => self.axis(expr).map(|a| vec![a]),
        }
    }

    /// A tensor of literals: `Tensor::from([[1.0, 2.0], [3.0, 4.0]])`; `None` if others are among them.
    pub(super) fn literal_tensor(&mut self, expr: &Expr, wanted: Option<DType>) -> Lowered<Option<Literals>> {
        if let Expr::Reference(r) = expr {
            return self.literal_tensor(&r.expr, wanted);
        }
        let Expr::Array(array) = expr else {
            return Ok(scalar_literal(expr).map(|(value, dtype)| {
                let single = as_f32(expr);
                let value = single.filter(|_| wanted == Some(DType::F32)).map_or(value, Scalar::F32);
                let digits = float_digits(expr).map_or(value.to_string(), |digits| digits.replace("--", ""));
                Literals { shape: vec![], values: vec![value], dtype, digits: vec![digits] }
            }));
        };
        let mut all = Literals { shape: vec![], values: Vec::new(), dtype: None, digits: Vec::new() };
        let mut inner_shape = None;
        for element in &array.elems {
            let Some(inner) = self.literal_tensor(element, wanted)? else { return Ok(None) };
            if *inner_shape.get_or_insert_with(|| inner.shape.clone()) != inner.shape {
                // Rows of different lengths are a type error, which rustc reports.
                return Err(Stop::Error);
            }
            all.values.extend(inner.values);
            all.dtype = all.dtype.or(inner.dtype);
            all.digits.extend(inner.digits);
        }
        all.shape = inner_shape.unwrap_or_default();
        all.shape.insert(0, array.elems.len());
        Ok(Some(all))
    }
}

/// The literals of a tensor.
pub(super) struct Literals {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<Scalar>,
    /// The type that a suffix names.
    pub(super) dtype: Option<DType>,
    /// As they are written: read as f32 they may be others than by way of f64.
    pub(super) digits: Vec<String>,
}

impl Literals {
    /// Their f32 values, and the digits if these are not those of f64, rounded.
    pub(super) fn singles(&self) -> Option<(Vec<f32>, Option<String>)> {
        let singles: Vec<f32> = self.digits.iter().map(|d| d.parse().ok()).collect::<Option<_>>()?;
        let twice = self.digits.iter().zip(&self.values).any(|(d, v)| jit_ir::text::rounds_twice(d, *v));
        Some((singles, twice.then(|| self.digits.join(", "))))
    }
}
