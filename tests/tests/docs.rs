//! The chapters that are made from the code.

use std::fmt::Write as _;

use expect_test::expect_file;
use jit_ir::Op;
use jit_ir::ops::{Class, Fails, OpInfo};
use jit_tests::methods::{self, Method};

fn fails(row: &OpInfo) -> &'static str {
    if row.op.divides() {
        return "shapes, integer values";
    }
    match row.fails {
        Fails::Never => "",
        Fails::Shape => "shapes",
        Fails::Value => "values",
    }
}

/// Where a method is listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// With its op.
    Op(Op),
    /// After the ops of a class.
    After(Class),
    /// With the methods that are made of several ops.
    Composite,
}

fn place(method: &Method) -> Place {
    let name = method.name.as_str();
    let base = name.strip_suffix("_axis").or(name.strip_suffix("_keepdim"));
    let base = base.and_then(Op::from_name).filter(|op| op.info().class == Class::Reduce);
    match name {
        _ if !method.call.starts_with("Tensor") && method.elements.is_empty() => Place::After(Class::Make),
        "new" | "from_vec" => Place::After(Class::Make),
        "shape" | "is_empty" | "to_vec" | "as_slice" => Place::After(Class::Ask),
        "rows" => Place::After(Class::Shape),
        "powi" => Place::Composite,
        "scaled_dot_product_attention" => Place::Op(Op::Attention),
        _ => base.or(Op::from_name(name)).map_or(Place::Composite, Place::Op),
    }
}

/// How a program writes an op that has no method.
fn spelled(op: Op) -> &'static str {
    match op {
        Op::Not => "`!x`",
        Op::Shl => "`n << k`",
        Op::Shr => "`n >> k`",
        Op::Sizes => "`x.shape()`",
        Op::Index => "`x[[i, j]]`",
        Op::Equal => "`x == y`",
        Op::Host => "`a.hypot(b)`",
        Op::Powi => "`a.powi(n)`",
        Op::List => "`vec![x, y]`",
        Op::Push => "`list.push(x)`",
        Op::SetIndex => "`x[[i, j]] = v`",
        Op::Split => "`key.split(n)`",
        Op::Const => "`2.0`",
        Op::Named => "`LIMIT`",
        Op::Tuple => "`(x, y)`",
        Op::Record => "`Pair { a, b }`",
        Op::Field => "`p.a`",
        Op::Some => "`Some(x)`",
        Op::None => "`None`",
        Op::Method => "`p.method(x)`",
        Op::If => "`if`, `match`",
        Op::Loop => "`for`, `while`, `loop`",
        Op::Call => "`f(&x)`",
        Op::Assert => "`assert!(n > 0)`",
        _ => "",
    }
}

/// Text in a table: bars and, outside of code, brackets mean something in Markdown.
fn escaped(text: &str) -> String {
    let piece = |(i, piece): (usize, &str)| if i % 2 == 0 { piece.replace('[', "\\[") } else { piece.into() };
    let pieces: Vec<String> = text.split('`').enumerate().map(piece).collect();
    pieces.join("`").replace('|', "\\|")
}

/// A row of the methods with one description: what is called, what it gives, what it does.
fn row(page: &mut String, methods: &[&Method], fails: &str, exact: &str) {
    let calls: Vec<String> = methods.iter().map(|m| format!("`{}`", m.call)).collect();
    let Method { result, doc, elements, .. } = methods[0];
    let result = if result == "()" { String::new() } else { format!("`{result}`") };
    let _ = writeln!(
        page,
        "| {} | {result} | {} | {elements} | {fails} | {exact} |",
        calls.join("<br>"),
        escaped(doc)
    );
}

/// Rows for methods, one for those that share a description.
fn grouped(page: &mut String, methods: &[&Method], fails: impl Fn(&Method) -> (&'static str, &'static str)) {
    for group in methods.chunk_by(|a, b| a.doc == b.doc && a.result == b.result) {
        let (fails, exact) = fails(group[0]);
        row(page, group, fails, exact);
    }
}

/// What a composite fails by, and whether it is exact.
fn of_composite(method: &Method) -> (&'static str, &'static str) {
    match method.name.as_str() {
        "cross_entropy" => ("values", ""),
        "norm" | "powi" => ("", "yes"),
        _ => ("shapes", "yes"),
    }
}

/// The examples of a section; each method of it is called there.
fn examples(page: &mut String, examples: &str, methods: &[&Method]) {
    for m in methods {
        let variant = ["_axis", "_keepdim"].iter().any(|s| m.name.ends_with(s)) && m.doc.contains(';');
        let called = [".", "::"]
            .iter()
            .any(|p| ["(", "::<"].iter().any(|q| examples.contains(&format!("{p}{}{q}", m.name))));
        assert!(
            called
                || variant
                || m.name.starts_with("mean_")
                || m.name.starts_with("var_")
                || m.name.starts_with("std_"),
            "no example of `{}`",
            m.call
        );
    }
    let _ = write!(page, "\n```rust\nuse jit_runtime::prelude::*;\n# fn main() {{\n{examples}# }}\n```\n");
}

const INTRODUCTION: &str = "# The ops\n\n\
Every method and function of `Tensor` with its arguments and its result, made from the sources, and an example of each. \
`x` is a `Tensor<T>`, `mask` a `Tensor<bool>`, `labels` a `Tensor<i64>`. The types of arguments:\n\n\
| | what fits |\n|---|---|\n\
| `impl Operand<T>` | a tensor, a reference to one, or a number: `&y`, `2.0` |\n\
| `impl Axis` | an integer, from the end if it is negative: `0`, `-1` |\n\
| `impl Axes` | an axis, or an array of them: `1`, `[0, -1]` |\n\
| `impl IntoShape` | sizes: `[2, 3]`, a `Vec<usize>`, a slice |\n\
| `impl IntoReshape` | sizes, of which one may be -1: `[3, -1]` |\n\
| `impl Pair` | a number for rows and columns, or one for each: `2`, `[1, 2]` |\n\
| `impl Borrow<Tensor<T>>` | tensors or references in a list: `&[&x, &y]` |\n\n\
*Fails* says by what a call can fail: by shapes that do not fit, or by values (indices, divisors). *Exact* ops have one \
result in every mode and on every machine; how near the others come is said in [`accuracy`](accuracy).\n";

#[test]
fn the_table_of_ops() {
    let mut page = String::from(INTRODUCTION);
    let all = methods::all();
    let mut listed = 0;
    let sections = [
        (
            Class::Elementwise,
            "Element by element",
            "With broadcasting; on host scalars too, as Rust has it there. Operators do the same: `&x + &y`, `x * 2.0`, `!mask`, `a & b`.",
            include_str!("docs/elementwise.rs"),
        ),
        (Class::Reduce, "Reductions", "Over all axes, or those given.", include_str!("docs/reduce.rs")),
        (Class::Shape, "Shapes, parts, order", "Views where strides allow.", include_str!("docs/shape.rs")),
        (
            Class::Combine,
            "Several tensors into one",
            "Joined, or multiplied and added.",
            include_str!("docs/combine.rs"),
        ),
        (
            Class::Make,
            "Made from sizes",
            "Of any element type, keys and ranges apart. `Tensor::from` takes arrays and lists.",
            include_str!("docs/make.rs"),
        ),
        (
            Class::Ask,
            "Host scalars from tensors",
            "In a recording these are guards. `x[[i, j]]` reads an element.",
            include_str!("docs/ask.rs"),
        ),
        (
            Class::List,
            "Parts written",
            "In place where nothing else holds the value; other tensors never change. `x[[i, j]] = v` writes an element.",
            include_str!("docs/write.rs"),
        ),
    ];
    let header = "| call | gives | what it does | elements | fails | exact |\n|---|---|---|---|---|---|\n";
    for (class, title, note, code) in sections {
        let _ = write!(page, "\n## {title}\n\n{note}\n\n{header}");
        let mut here: Vec<&Method> = Vec::new();
        for op in Op::ALL.iter().filter(|op| op.info().class == class) {
            let of: Vec<&Method> = all.iter().filter(|m| place(m) == Place::Op(*op)).collect();
            let exact = if op.info().approx { "" } else { "yes" };
            grouped(&mut page, &of, |_| (fails(op.info()), exact));
            here.extend(of);
        }
        let after: Vec<&Method> = all.iter().filter(|m| place(m) == Place::After(class)).collect();
        grouped(&mut page, &after, |m| (if m.name == "from_vec" { "values" } else { "" }, "yes"));
        here.extend(after);
        listed += here.len();
        examples(&mut page, code, &here);
    }
    let _ = write!(page, "\n## Made of several ops\n\n{header}");
    let composites: Vec<&Method> = all.iter().filter(|m| place(m) == Place::Composite).collect();
    grouped(&mut page, &composites, of_composite);
    examples(&mut page, include_str!("docs/composite.rs"), &composites);
    assert_eq!(listed + composites.len(), all.len(), "every method has its place");
    page += "\n## Ops of a graph without a method\n\nWhat else a captured graph consists of.\n\n\
             | op | in Rust | what it is |\n|---|---|---|\n";
    for row in Op::ALL.iter().map(|op| op.info()) {
        if !all.iter().any(|m| place(m) == Place::Op(row.op)) {
            let _ = writeln!(page, "| `{}` | {} | {} |", row.name, spelled(row.op), escaped(row.doc));
        }
    }
    expect_file!["../../jit-runtime/docs/ops.md"].assert_eq(&page);
}
