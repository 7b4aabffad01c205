//! Bodies whose types rustc finds from later uses, from declarations of structs and from results of calls: suffixes and types
//! of variables are left out wherever rustc allows it.
//!
//! An expression of a type comes with whether rustc knows the type where the expression stands: methods are called on
//! such expressions only.

use std::fmt::Write as _;

use super::Dice;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ty {
    I32,
    I64,
    Usize,
    U8,
    F32,
    F64,
    Bool,
    Tensor,
    Ints,
    ListI64,
    ListF32,
    Inner,
    Inners,
    Array,
    Pair,
    Pairs,
}

/// Types whose values are numbers.
const NUMBERS: &[Ty] = &[Ty::I32, Ty::I64, Ty::Usize, Ty::U8, Ty::F32, Ty::F64];

impl Ty {
    fn is_float(self) -> bool {
        matches!(self, Ty::F32 | Ty::F64)
    }

    fn name(self) -> &'static str {
        match self {
            Ty::I32 => "i32",
            Ty::I64 => "i64",
            Ty::Usize => "usize",
            Ty::U8 => "u8",
            Ty::F32 => "f32",
            Ty::F64 => "f64",
            Ty::Bool => "bool",
            other => unreachable!("{other:?} is no scalar"),
        }
    }
}

struct Var {
    name: String,
    ty: Ty,
    /// Whether rustc knows the type from the definition.
    known: bool,
    mutable: bool,
}

struct Body {
    dice: Dice,
    out: String,
    depth: usize,
    vars: Vec<Var>,
    names: usize,
}

impl Body {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{}{text}", "    ".repeat(self.depth));
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.dice.roll(one_in) == 0
    }

    fn fresh(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    /// A variable of a type.
    fn var(&mut self, ty: Ty, mutable: bool) -> Option<(String, bool)> {
        let all = self.vars.iter().filter(|v| v.ty == ty && (v.mutable || !mutable));
        let all: Vec<(String, bool)> = all.map(|v| (v.name.clone(), v.known)).collect();
        (!all.is_empty()).then(|| all[self.dice.roll(all.len() as u64) as usize].clone())
    }

    fn literal(&mut self, ty: Ty) -> String {
        let n = self.dice.roll(9) + 1;
        if ty.is_float() { format!("{n}.{}", self.dice.pick(&["5", "1", "25", "3"])) } else { n.to_string() }
    }

    /// A number of a type that rustc knows where it stands.
    fn known(&mut self, ty: Ty) -> String {
        if self.chance(3)
            && let Some((name, true)) = self.var(ty, false)
        {
            return name;
        }
        match ty {
            Ty::I32 => self.dice.pick(&["s.i", "(s.k as i32)", "small(x)"]).into(),
            Ty::I64 => self
                .dice
                .pick(&[
                    "s.k",
                    "s.inner.k",
                    "s.pair.0",
                    "whole(x)",
                    "s.ks[1]",
                    "s.list[0].k",
                    "s.pairs[1].0",
                    "k",
                ])
                .into(),
            Ty::Usize => self
                .dice
                .pick(&["s.n", "x.len()", "count(x)", "s.ks.len()", "x.dim(0)", "s.arr.len()"])
                .into(),
            Ty::U8 => self.dice.pick(&["s.c", "byte(x)", "(s.n as u8)"]).into(),
            Ty::F32 => self
                .dice
                .pick(&["s.f", "s.inner.w", "x[1]", "s.pair.1", "s.list[1].w", "both(x).1", "s.fs[0]"])
                .into(),
            Ty::F64 => self.dice.pick(&["s.g", "s.arr[0]", "(s.f as f64)", "precise(x)", "s.arr[2]"]).into(),
            other => unreachable!("{other:?} is no number"),
        }
    }

    /// A number, and whether rustc knows its type where it stands.
    fn number(&mut self, ty: Ty, depth: usize) -> (String, bool) {
        let leaf = depth == 0;
        match self.dice.roll(if leaf { 4 } else { 10 }) {
            0 => (self.literal(ty), false),
            1 => match self.var(ty, false) {
                Some(var) => var,
                None => (self.known(ty), true),
            },
            2 | 3 => (self.known(ty), true),
            4 | 5 => {
                let ((a, known), (b, _)) = (self.number(ty, depth - 1), self.number(ty, depth - 1));
                let text = match ty {
                    Ty::F32 | Ty::F64 => format!("({a} {} {b})", self.dice.pick(&["+", "-", "*"])),
                    Ty::U8 => format!("({a} {} {b})", self.dice.pick(&["^", "&", "|"])),
                    Ty::Usize => format!("({a} % 31 + {b} % 17)"),
                    _ => format!("({a} % 97 {} {b} % 31)", self.dice.pick(&["+", "-", "*"])),
                };
                (text, known)
            }
            6 => {
                let (a, (b, _)) = (self.known(ty), self.number(ty, depth - 1));
                let text = match ty {
                    Ty::F32 | Ty::F64 => match self.dice.roll(4) {
                        0 => format!("{a}.max({b})"),
                        1 => format!("{a}.copysign({b})"),
                        2 => format!("{a}.mul_add({b}, {})", self.number(ty, 0).0),
                        _ => format!("{a}.clamp(-2.0, 3.5)"),
                    },
                    _ => match self.dice.roll(4) {
                        0 => format!("{a}.wrapping_add({b})"),
                        1 => format!("{a}.saturating_sub({b})"),
                        2 => format!("{a}.min({b})"),
                        _ => format!("({a} % 5) << {}", self.dice.roll(3)),
                    },
                };
                (format!("({text})"), true)
            }
            7 => {
                let (c, (a, known), (b, _)) =
                    (self.condition(depth - 1), self.number(ty, depth - 1), self.number(ty, depth - 1));
                (format!("(if {c} {{ {a} }} else {{ {b} }})"), known)
            }
            8 => {
                let from = NUMBERS[self.dice.roll(NUMBERS.len() as u64) as usize];
                let (a, _) = self.number(from, depth - 1);
                // A sum of the largest numbers must not overflow.
                if ty.is_float() {
                    (format!("({a} as {})", ty.name()), true)
                } else {
                    (format!("(({a} as {}) % 100)", ty.name()), true)
                }
            }
            _ if ty == Ty::I64 => {
                let (m, a, b) = (self.known(Ty::I64), self.number(ty, depth - 1).0, self.number(ty, 0).0);
                (format!("(match {m} % 4 {{ 0 => {a}, 1 | 2 => {b}, j => j }})"), false)
            }
            _ => (self.known(ty), true),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        let ty = NUMBERS[self.dice.roll(NUMBERS.len() as u64) as usize];
        match self.dice.roll(if depth == 0 { 2 } else { 4 }) {
            0 => {
                format!("{} {} {}", self.known(ty), self.dice.pick(&["<", ">", "<=", ">="]), self.literal(ty))
            }
            1 => {
                let ((a, _), (b, _)) = (self.number(ty, 0), self.number(ty, 0));
                format!("{a} {} {b}", self.dice.pick(&["<", ">"]))
            }
            2 => format!("({} && {})", self.condition(depth - 1), self.condition(depth - 1)),
            _ => format!("({} || s.flag)", self.condition(depth - 1)),
        }
    }

    fn any(&mut self, ty: Ty) -> (String, bool) {
        match ty {
            Ty::Bool => (self.condition(1), true),
            Ty::Tensor => {
                let n = self.number(Ty::F32, 1).0;
                let made = self.literal(Ty::F32);
                let text = match self.dice.roll(7) {
                    0 => "x.clone()".into(),
                    1 => format!("x * {n}"),
                    2 => format!("(Tensor::full([3], {made}) + x)"),
                    3 => "x.take(0, &Tensor::from([2, 0]))".to_string() + " + 1.5",
                    4 => "many(x)[1].clone()".into(),
                    5 => format!("Tensor::from(vec![{n}, {made}, x[0]])"),
                    _ => format!("s.t.clone() * {n}"),
                };
                (text, true)
            }
            Ty::Ints => {
                let n = self.number(Ty::I64, 1).0;
                let text = match self.dice.roll(4) {
                    0 => format!("&s.ii * ({n} % 9)"),
                    1 => "order(x)".into(),
                    2 => format!("(Tensor::zeros([3]) + &s.ii + {})", self.literal(Ty::I64)),
                    _ => format!("s.ii.gt({}).cast::<i64>()", self.literal(Ty::I64)),
                };
                (text, true)
            }
            Ty::ListI64 => match self.dice.roll(4) {
                0 => ("s.ks.clone()".into(), true),
                1 => (format!("vec![{}, {}]", self.literal(Ty::I64), self.number(Ty::I64, 1).0), true),
                2 => (format!("vec![{}; 3]", self.literal(Ty::I64)), false),
                _ => ("numbers(x)".into(), true),
            },
            Ty::ListF32 => match self.dice.roll(3) {
                0 => ("s.fs.clone()".into(), true),
                1 => (format!("vec![{}; s.n]", self.literal(Ty::F32)), false),
                _ => (format!("vec![{}, {}]", self.number(Ty::F32, 1).0, self.literal(Ty::F32)), false),
            },
            Ty::Inner => match self.dice.roll(4) {
                0 => ("s.inner.clone()".into(), true),
                1 => (
                    format!("Inner {{ k: {}, w: {} }}", self.number(Ty::I64, 1).0, self.number(Ty::F32, 1).0),
                    true,
                ),
                2 => (format!("Inner {{ w: {}, ..s.inner.clone() }}", self.literal(Ty::F32)), true),
                _ => (format!("moved(Inner {{ k: {}, w: 0.1 }})", self.literal(Ty::I64)), true),
            },
            Ty::Inners => match self.dice.roll(2) {
                0 => ("s.list.clone()".into(), true),
                _ => (
                    format!(
                        "vec![Inner {{ k: {}, w: {} }}, s.inner.clone()]",
                        self.literal(Ty::I64),
                        self.number(Ty::F32, 0).0
                    ),
                    true,
                ),
            },
            Ty::Array => match self.dice.roll(3) {
                0 => ("s.arr".into(), true),
                1 => (format!("[{}, {}, 0.1]", self.number(Ty::F64, 1).0, self.literal(Ty::F64)), false),
                _ => (format!("[{}; 3]", self.literal(Ty::F64)), false),
            },
            Ty::Pair => match self.dice.roll(3) {
                0 => ("s.pair".into(), true),
                1 => (format!("({}, {})", self.number(Ty::I64, 1).0, self.number(Ty::F32, 1).0), false),
                _ => ("both(x)".into(), true),
            },
            Ty::Pairs => match self.dice.roll(2) {
                0 => ("s.pairs.clone()".into(), true),
                _ => (
                    format!("vec![({}, {}), s.pair]", self.literal(Ty::I64), self.number(Ty::F32, 0).0),
                    true,
                ),
            },
            number => self.number(number, 2),
        }
    }

    fn declare(&mut self, ty: Ty) {
        let (value, known) = self.any(ty);
        let (name, mutable) = (self.fresh(), !self.chance(3));
        let keyword = if mutable { "let mut" } else { "let" };
        // What rustc knows from elsewhere needs no type; a list of literals may get one.
        let annotated = NUMBERS.contains(&ty) && self.chance(6);
        let of = if annotated { format!(": {}", ty.name()) } else { String::new() };
        self.line(&format!("{keyword} {name}{of} = {value};"));
        self.vars.push(Var { name, ty, known: known || annotated, mutable });
    }

    fn random_ty(&mut self) -> Ty {
        const ALL: &[Ty] = &[
            Ty::I32,
            Ty::I64,
            Ty::I64,
            Ty::Usize,
            Ty::U8,
            Ty::F32,
            Ty::F32,
            Ty::F64,
            Ty::Bool,
            Ty::Tensor,
            Ty::Ints,
            Ty::ListI64,
            Ty::ListF32,
            Ty::Inner,
            Ty::Inners,
            Ty::Array,
            Ty::Pair,
            Ty::Pairs,
        ];
        ALL[self.dice.roll(ALL.len() as u64) as usize]
    }

    fn statement(&mut self) {
        match self.dice.roll(if self.depth > 3 { 10 } else { 15 }) {
            0 => {
                let ty = self.random_ty();
                self.declare(ty);
            }
            1..=4 => self.assign(),
            5 | 6 => self.write(),
            7 => self.later(),
            9 => {
                let (a, b) = (self.fresh(), self.fresh());
                let (value, known) = self.any(Ty::Pair);
                self.line(&format!("let ({a}, {b}) = {value};"));
                self.vars.push(Var { name: a, ty: Ty::I64, known, mutable: false });
                self.vars.push(Var { name: b, ty: Ty::F32, known, mutable: false });
            }
            8 | 10 => {
                let condition = self.condition(1);
                self.nested(&format!("if {condition} {{"));
                if self.chance(2) {
                    self.nested("} else {");
                }
                self.line("}");
            }
            11 | 12 => self.range(),
            _ => self.items(),
        }
    }

    fn nested(&mut self, head: &str) {
        self.line(head);
        let outer = self.vars.len();
        self.depth += 1;
        for _ in 0..1 + self.dice.roll(3) {
            self.statement();
        }
        self.depth -= 1;
        self.vars.truncate(outer);
    }

    fn assign(&mut self) {
        let ty = self.random_ty();
        if let Some((name, _)) = self.var(ty, true) {
            let value = self.any(ty).0;
            self.line(&format!("{name} = {value};"));
        } else if let Some((name, _)) = self.var(Ty::F32, true) {
            let value = self.number(Ty::F32, 1).0;
            self.line(&format!("{name} += {value};"));
        }
    }

    /// An element, a field or a part of a variable.
    fn write(&mut self) {
        let kinds = [
            Ty::ListI64,
            Ty::ListF32,
            Ty::Inner,
            Ty::Inners,
            Ty::Array,
            Ty::Pair,
            Ty::Pairs,
            Ty::Tensor,
            Ty::Ints,
        ];
        let ty = kinds[self.dice.roll(kinds.len() as u64) as usize];
        let Some((name, known)) = self.var(ty, true) else { return self.declare(ty) };
        let (int, float) = (self.number(Ty::I64, 1).0, self.number(Ty::F32, 1).0);
        let text = match ty {
            Ty::ListI64 if self.chance(2) => format!("{name}.push({int});"),
            Ty::ListI64 => format!("{name}[1] = {int};"),
            Ty::ListF32 => format!("{name}.push({float});"),
            Ty::Inner if self.chance(2) => format!("{name}.w = {float};"),
            Ty::Inner => format!("{name}.k = {int};"),
            Ty::Inners => format!("{name}.push(Inner {{ k: {int}, w: {float} }});"),
            Ty::Array => format!("{name}[{}] = {};", self.dice.roll(3), self.number(Ty::F64, 1).0),
            Ty::Pair if self.chance(2) || !known => format!("{name}.0 = {int};"),
            Ty::Pair => format!("{name}.1 += {float};"),
            Ty::Pairs => format!("{name}.push(({int}, {float}));"),
            Ty::Tensor => format!("{name}[0] = {float};"),
            _ => format!("{name}[0] = {int};"),
        };
        self.line(&text);
    }

    /// A variable that both branches set.
    fn later(&mut self) {
        let ty = NUMBERS[self.dice.roll(NUMBERS.len() as u64) as usize];
        let (name, condition) = (self.fresh(), self.condition(1));
        let ((a, _), (b, _)) = (self.number(ty, 1), self.number(ty, 1));
        self.line(&format!("let {name};"));
        self.line(&format!("if {condition} {{ {name} = {a}; }} else {{ {name} = {b}; }}"));
        self.vars.push(Var { name, ty, known: false, mutable: false });
    }

    fn range(&mut self) {
        let ty = [Ty::I64, Ty::Usize, Ty::I32, Ty::U8][self.dice.roll(4) as usize];
        let (i, end) = (self.fresh(), self.known(ty));
        let (text, known) = match self.dice.roll(5) {
            0 => (format!("0..{end} % 5"), true),
            1 => (format!("1..={end} % 4"), true),
            2 => (format!("(0..{end} % 6).rev()"), true),
            3 => (format!("(0..{end} % 9).step_by(2)"), true),
            _ => ("0..3".into(), false),
        };
        let outer = self.vars.len();
        self.vars.push(Var { name: i.clone(), ty, known, mutable: false });
        self.nested(&format!("for {i} in {text} {{"));
        self.line("}");
        self.vars.truncate(outer);
    }

    fn items(&mut self) {
        let (a, b) = (self.fresh(), self.fresh());
        let outer = self.vars.len();
        let var = |name: &str, ty| Var { name: name.into(), ty, known: true, mutable: false };
        let (head, vars) = match self.dice.roll(6) {
            0 => (format!("for &{a} in &s.ks {{"), vec![var(&a, Ty::I64)]),
            1 => (
                format!("for ({a}, &{b}) in s.fs.iter().enumerate() {{"),
                vec![var(&a, Ty::Usize), var(&b, Ty::F32)],
            ),
            2 => (format!("for &({a}, {b}) in &s.pairs {{"), vec![var(&a, Ty::I64), var(&b, Ty::F32)]),
            3 => (format!("for {a} in s.arr {{"), vec![var(&a, Ty::F64)]),
            4 => (
                format!("for (&{a}, {b}) in s.ks.iter().zip(s.arr) {{"),
                vec![var(&a, Ty::I64), var(&b, Ty::F64)],
            ),
            _ => (
                format!(
                    "for {a} in s.list.iter().skip(1) {{\n{}let {b} = {a}.w;",
                    "    ".repeat(self.depth + 1)
                ),
                vec![var(&b, Ty::F32)],
            ),
        };
        self.vars.extend(vars);
        self.nested(&head);
        self.line("}");
        self.vars.truncate(outer);
    }

    /// What the body gives.
    fn result(&mut self) {
        let mut parts = Vec::new();
        for ty in [Ty::I64, Ty::F32, Ty::F64, Ty::Usize, Ty::ListI64, Ty::Inner, Ty::Array, Ty::Tensor] {
            let known = self.var(ty, false).map(|(name, _)| name);
            parts.push(match known {
                Some(name) if ty == Ty::Tensor => format!("{name}.clone()"),
                Some(name) => name,
                None => self.any(ty).0,
            });
        }
        let text = parts.join(", ");
        self.line(&format!("({text})"));
    }
}

/// So many bodies, as the arguments of a macro.
pub(super) fn bodies(count: u64) -> String {
    let mut all = String::from("programs! {\n");
    for seed in 0..count {
        let dice = Dice(seed * 104_729 + 7);
        let mut body = Body { dice, out: String::new(), depth: 1, vars: Vec::new(), names: 0 };
        for _ in 0..8 {
            let ty = body.random_ty();
            body.declare(ty);
        }
        for _ in 0..7 {
            body.statement();
        }
        body.result();
        let _ = writeln!(all, "fn q{seed}(s: &S, x: &Tensor, k: i64) -> Out {{\n{}}}", body.out);
    }
    all.push_str("}\n");
    all
}
