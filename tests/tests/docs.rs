//! The chapters that are made from the code.

use std::fmt::Write as _;

use expect_test::expect_file;
use jit_ir::ops::{Class, Fails, OpInfo};
use jit_ir::{Attrs, DType, Op, Type};

const TYPES: [DType; 6] = [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8, DType::Bool];

/// The element types of the tensors that an op takes, if it takes tensors.
fn types(row: &OpInfo) -> String {
    let (op, arity) = (row.op, row.operands.0);
    if arity == 0 || matches!(row.class, Class::Make | Class::Structure) {
        return String::new();
    }
    let takes = |d: &DType| {
        let mut operands = vec![Type::tensor(*d); arity];
        match op {
            Op::Select => operands[0] = Type::tensor(DType::Bool),
            Op::Take | Op::Gather | Op::ScatterAdd => operands[1] = Type::tensor(DType::I64),
            _ => {}
        }
        jit_ir::ops::types::result(op, &operands, &[], &Attrs { axes: None, ..Attrs::dtype(DType::F32) })
            .is_ok()
    };
    let taken: Vec<DType> = TYPES.into_iter().filter(takes).collect();
    let is = |f: fn(&DType) -> bool| taken == TYPES.into_iter().filter(f).collect::<Vec<_>>();
    match () {
        () if taken.len() == TYPES.len() => "all".into(),
        () if is(|d| *d != DType::Bool) => "numbers".into(),
        () if is(|d| d.is_float()) => "floats".into(),
        () if is(|d| !d.is_float()) => "integers, bool".into(),
        () => taken.iter().map(|d| format!("`{d}`")).collect::<Vec<_>>().join(" "),
    }
}

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

#[test]
fn the_table_of_ops() {
    let mut page = String::from(
        "# The ops\n\n\
         What a graph consists of, made from the rows that declare the ops. Most have a `Tensor` method of their name. \
         *Fails* says by what a call can fail: by shapes that do not fit, or by values (indices, divisors). *Exact* ops \
         have one result in every mode and on every machine; how near the others come is said in \
         [`accuracy`](accuracy).\n",
    );
    let classes = [
        (
            Class::Elementwise,
            "Element by element",
            "With broadcasting; on host scalars too, as Rust has it there.",
        ),
        (Class::Reduce, "Reductions", "Over all axes, or those given."),
        (Class::Shape, "Shapes, parts, order", "Views where strides allow."),
        (Class::Combine, "Several tensors into one", "Joined, or multiplied and added."),
        (Class::Make, "Made from sizes", "Of any element type, keys and ranges apart."),
        (Class::Ask, "Host scalars from tensors", "In a recording these are guards."),
        (Class::List, "Lists, and parts written", "In place where nothing else holds the value."),
        (Class::Structure, "Structure", "Control flow, constants, checks."),
    ];
    for (class, title, note) in classes {
        let _ = write!(
            page,
            "\n## {title}\n\n{note}\n\n| op | what it does | elements | fails | exact |\n|---|---|---|---|---|\n"
        );
        for row in Op::ALL.iter().map(|op| op.info()).filter(|row| row.class == class) {
            let exact = if row.approx { "" } else { "yes" };
            let doc = row.doc.replace('|', "\\|").replace('[', "\\[");
            let _ = writeln!(page, "| `{}` | {doc} | {} | {} | {exact} |", row.name, types(row), fails(row));
        }
    }
    expect_file!["../../jit-runtime/docs/ops.md"].assert_eq(&page);
}
