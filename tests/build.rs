//! Writes random programs of nested control flow, the same in every build: `tests/programs.rs` compares
//! what they give as scripts, as graphs and as plain Rust; `tests/scalar_programs.rs` those whose loops are scalar code;
//! `tests/open_types.rs` those whose types rustc finds from later uses, 300 or as many as `JIT_BODIES` says.

use std::fmt::Write as _;

#[path = "generate/open_types.rs"]
mod open_types;

/// A linear congruential generator.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len() as u64) as usize]
    }
}

struct Program {
    dice: Dice,
    out: String,
    depth: usize,
    /// Labels of the loops around.
    labels: Vec<String>,
    loops: usize,
    /// Whether loops are over scalars and elements alone.
    scalar: bool,
    /// Statements that may still be written.
    budget: usize,
}

impl Program {
    fn line(&mut self, text: &str) {
        let pad = "    ".repeat(self.depth);
        let _ = writeln!(self.out, "{pad}{text}");
    }

    fn int(&mut self, depth: usize) -> String {
        let leaf = depth == 0;
        match self.dice.roll(if leaf { 3 } else { 9 }) {
            0 | 1 => self.dice.pick(&["a", "b", "c", "p.0"]).into(),
            2 => (self.dice.roll(9) as i64 - 3).to_string() + "_i64",
            3 => format!("({}).wrapping_add({})", self.int(depth - 1), self.int(depth - 1)),
            4 => format!("({}).wrapping_mul({})", self.int(depth - 1), self.int(depth - 1)),
            5 => format!("({} - {}) % 97", self.int(0), self.int(0)),
            6 => format!("({}).rem_euclid(7).max({})", self.int(depth - 1), self.int(0)),
            7 => {
                let (c, x, y) = (self.condition(depth - 1), self.int(depth - 1), self.int(depth - 1));
                format!("(if {c} {{ {x} }} else {{ {y} }})")
            }
            _ => {
                let (m, x, y) = (self.int(0), self.int(depth - 1), self.int(depth - 1));
                format!("(match ({m}).rem_euclid(5) {{ 0 => {x}, 1..=2 => {y}, k => k * 3 }})")
            }
        }
    }

    fn float(&mut self, depth: usize) -> String {
        let leaf = depth == 0;
        let kinds = if self.scalar { 7 } else { 8 };
        match self.dice.roll(if leaf { 3 } else { kinds }) {
            0 | 1 => self.dice.pick(&["x", "y", "p.1"]).into(),
            2 => format!("{}.5_f32", self.dice.roll(4)),
            3 => format!("({} + {})", self.float(depth - 1), self.float(depth - 1)),
            // What std's `tanh` gives in its last bit depends on what rustc evaluates at build time.
            4 if self.scalar => {
                format!("({} * {}).clamp(-1.5, 2.5)", self.float(depth - 1), self.float(depth - 1))
            }
            4 => format!("({} * {}).tanh()", self.float(depth - 1), self.float(depth - 1)),
            5 => format!("({} as f32 / 8.0)", self.int(0)),
            6 => format!("{}[({}).rem_euclid(3) as usize]", self.dice.pick(&["t", "u"]), self.int(depth - 1)),
            _ => format!("{}.sum().item()", self.dice.pick(&["t", "u"])),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        let leaf = depth == 0;
        match self.dice.roll(if leaf { 3 } else { 6 }) {
            0 => format!("{} {} {}", self.int(0), self.dice.pick(&["<", "<=", "==", "!=", ">"]), self.int(0)),
            1 => format!("{} > {}", self.float(0), self.float(0)),
            2 if !self.scalar => format!("{}.max() > {}", self.dice.pick(&["t", "u"]), self.float(0)),
            2 => format!("t[1] < {}", self.float(0)),
            3 => format!("({} && {})", self.condition(depth - 1), self.condition(depth - 1)),
            4 => format!("({} || {})", self.condition(depth - 1), self.condition(depth - 1)),
            _ => format!("!({})", self.condition(depth - 1)),
        }
    }

    fn tensor(&mut self, depth: usize) -> String {
        match self.dice.roll(if depth == 0 { 1 } else { 5 }) {
            0 => format!("{}.clone()", self.dice.pick(&["t", "u"])),
            1 => format!("(&t * {})", self.float(depth - 1)),
            2 => format!("({} + {}).tanh()", self.tensor(depth - 1), self.tensor(depth - 1)),
            3 => format!("(&u - {}).abs().sqrt()", self.float(depth - 1)),
            _ => format!("u.gt({}).select(&t, {})", self.float(0), self.float(0)),
        }
    }

    fn block(&mut self, size: u64) {
        self.depth += 1;
        for _ in 0..1 + self.dice.roll(size) {
            self.statement();
        }
        self.depth -= 1;
    }

    fn statement(&mut self) {
        self.budget = self.budget.saturating_sub(1);
        let simple = self.depth > 5 || self.budget == 0;
        let kind = self.dice.roll(if simple { 10 } else { 17 });
        match kind {
            3 | 7 | 9 if self.scalar => {
                let (name, value) = (self.dice.pick(&["t", "u"]), self.float(1));
                self.line(&format!("{name}[{}] += {value};", kind % 3));
            }
            0 | 1 => {
                let (name, value) = (self.dice.pick(&["a", "b", "c"]), self.int(2));
                self.line(&format!("{name} = ({value}) % 1009;"));
            }
            2 => {
                let (name, value) = (self.dice.pick(&["x", "y"]), self.float(2));
                self.line(&format!("{name} = {value};"));
            }
            3 => {
                let (name, value) = (self.dice.pick(&["t", "u"]), self.tensor(2));
                self.line(&format!("{name} = {value};"));
            }
            4 => {
                let (name, at, value) = (self.dice.pick(&["t", "u"]), self.int(1), self.float(1));
                self.line(&format!("let (at, v) = (({at}).rem_euclid(3) as usize, {value});"));
                self.line(&format!("{name}[at] = v;"));
            }
            5 => self.line("(a, b) = (b, a);"),
            6 => self.exit(),
            7 => {
                let (at, value) = (self.int(1), self.tensor(2));
                self.line(&format!("let (at, v) = (({at}).rem_euclid(xs.len() as i64) as usize, {value});"));
                match self.dice.roll(4) {
                    0 => self.line("if xs.len() < 9 { xs.push(v); }"),
                    1 => self.line("xs[at] = v;"),
                    2 => self.line("t = &xs[at] + v;"),
                    _ => self.line("for z in &xs { x = (x + z.max().item()).tanh(); }"),
                }
            }
            8 => {
                let (n, v) = (self.int(1), self.float(1));
                match self.dice.roll(3) {
                    0 => self.line(&format!("p = ({n} % 1009, {v});")),
                    1 => self.line(&format!("p.0 = ({n}) % 1009;")),
                    _ => self.line(&format!("p.1 = {v};")),
                }
            }
            9 => {
                let v = self.float(1);
                match self.dice.roll(4) {
                    0 => self.line("o = None;"),
                    1 => self.line(&format!("o = Some({v});")),
                    2 => self.line(&format!("x = o.unwrap_or({v});")),
                    _ => self.line("if let Some(v) = o { y = v; } else { y = -y; }"),
                }
            }
            10 | 11 => {
                let condition = self.condition(2);
                self.line(&format!("if {condition} {{"));
                self.block(3);
                if self.dice.roll(2) == 0 {
                    self.line("} else {");
                    self.block(3);
                }
                self.line("}");
            }
            12 => {
                let scrutinee = self.int(1);
                self.line(&format!("match ({scrutinee}).rem_euclid(4) {{"));
                for arm in ["0 | 3", "k if k > a", "_"] {
                    self.line(&format!("    {arm} => {{"));
                    self.block(2);
                    self.line("    }");
                }
                self.line("}");
            }
            _ => self.repeat(),
        }
    }

    fn exit(&mut self) {
        let condition = self.condition(1);
        let (kind, label) = (self.dice.roll(7), self.dice.roll(self.labels.len().max(1) as u64) as usize);
        let label = self.labels.get(label).cloned();
        let leave = match (kind, label) {
            (0, _) => format!("return ({}, {}, {})", self.int(1), self.float(1), self.tensor(1)),
            (1..=3, Some(label)) => format!("break {label}"),
            (4.., Some(label)) => format!("continue {label}"),
            _ => return self.line("c += 1;"),
        };
        self.line(&format!("if {condition} {{ {leave}; }}"));
    }

    fn repeat(&mut self) {
        self.loops += 1;
        let (n, kind) = (self.loops, self.dice.roll(3));
        let label = format!("'l{n}");
        match kind {
            0 => {
                let end = self.int(1);
                self.line(&format!("{label}: for i{n} in 0..({end}).rem_euclid(4) {{"));
            }
            1 => {
                let condition = self.condition(1);
                self.line(&format!("let mut fuel{n} = 4;"));
                self.line(&format!("{label}: while {condition} && fuel{n} > 0 {{"));
                self.line(&format!("    fuel{n} -= 1;"));
            }
            _ => {
                self.line(&format!("let mut fuel{n} = 3;"));
                self.line(&format!("{label}: loop {{"));
                self.line(&format!("    fuel{n} -= 1;"));
                self.line(&format!("    if fuel{n} < 0 {{ break {label}; }}"));
            }
        }
        self.labels.push(label);
        self.block(3);
        if kind == 0 {
            self.line(&format!("    c = (c + i{n}) % 1009;"));
        }
        self.labels.pop();
        self.line("}");
    }
}

/// The programs of a kind, as the arguments of a macro.
fn programs(scalar: bool, count: u64) {
    let mut all = String::from("programs! {\n");
    for seed in 0..count {
        let dice = Dice(seed * 7919 + 13);
        let mut program =
            Program { dice, out: String::new(), depth: 1, labels: Vec::new(), loops: 0, scalar, budget: 40 };
        for _ in 0..6 {
            program.statement();
        }
        let _ = writeln!(
            all,
            "fn p{seed}(a: i64, b: i64, x: f32, t: &Tensor) -> (i64, f32, Tensor) {{\n    \
             let (mut a, mut b, mut c, mut x, mut y) = (a, b, 1_i64, x, 0.25_f32);\n    \
             let mut t = t.clone();\n    let mut u = &t * 0.5 + x;\n    \
             let mut xs = vec![t.clone(), &u + 1.0];\n    let mut p = (a, y);\n    \
             let mut o: Option<f32> = None;\n{}    \
             let last = &xs[xs.len() - 1];\n    \
             (a.wrapping_add(b * 31).wrapping_add(c * 7).wrapping_add(p.0), x + y + p.1 + o.unwrap_or(0.5), t + u + last)\n}}",
            program.out
        );
    }
    all.push_str("}\n");
    write(if scalar { "scalar_programs.rs" } else { "programs.rs" }, &all);
}

fn write(name: &str, text: &str) {
    let to = std::path::Path::new(&std::env::var("OUT_DIR").expect("cargo sets it")).join(name);
    std::fs::write(to, text).expect("the folder can be written");
}

fn main() {
    let bodies = std::env::var("JIT_BODIES").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    write("open_types.rs", &open_types::bodies(bodies));
    println!("cargo::rerun-if-env-changed=JIT_BODIES");
    println!("cargo::rerun-if-changed=generate");
    programs(false, 60);
    programs(true, 60);
    println!("cargo::rerun-if-changed=build.rs");
}
