//! The methods and functions of `Tensor` and `Key` with their documentation, read from the sources of the runtime: what
//! the guide says is compared with them.

use jit_ir::Op;

/// A public method or function.
#[derive(Clone, Debug)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// How it is called, with the types of the arguments: `x.topk(k: usize, axis: impl Axis)`.
    pub call: String,
    /// The type of its result.
    pub result: String,
    /// The first paragraph of its documentation.
    pub doc: String,
    /// The element types that it takes: `numbers`, `floats`, `all`, ..
    pub elements: &'static str,
    /// Whether it has a receiver.
    pub is_method: bool,
}

/// The files that declare them.
const SOURCES: [&str; 6] = [
    include_str!("../../jit-runtime/src/tensor/methods.rs"),
    include_str!("../../jit-runtime/src/tensor/arrange.rs"),
    include_str!("../../jit-runtime/src/tensor/window.rs"),
    include_str!("../../jit-runtime/src/tensor/make.rs"),
    include_str!("../../jit-runtime/src/tensor/random.rs"),
    include_str!("../../jit-runtime/src/tensor/composite.rs"),
];

/// All of them: those that are written out, and those that macros make from the rows of the ops.
pub fn all() -> Vec<Method> {
    let mut all: Vec<Method> = SOURCES.iter().flat_map(|source| written(source)).collect();
    all.extend(SOURCES.iter().flat_map(|source| reductions(source)));
    // Some rows have a method that is written out.
    let written = |m: &Method| all.iter().any(|known| known.name == m.name);
    let rows: Vec<Method> =
        Op::ALL.iter().filter_map(|op| elementwise(*op)).filter(|m| !written(m)).collect();
    all.extend(rows);
    all
}

/// What stands in an `impl` block of its own.
fn written(source: &str) -> Vec<Method> {
    let (mut found, mut of, mut doc) = (Vec::new(), None, Vec::new());
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("impl") {
            of = owner(line);
        } else if let Some(text) = line.strip_prefix("    /// ").or(line.strip_prefix("    ///")) {
            doc.push(text);
        } else if let (Some(rest), Some(of)) = (line.strip_prefix("    pub fn "), &of) {
            let mut signature = rest.to_string();
            while !signature.ends_with('{') {
                signature = format!("{signature} {}", lines.next().unwrap_or("{").trim());
            }
            let signature = signature.replace("( ", "(").replace(", )", ")");
            found.extend(parsed(signature.trim_end_matches(" {"), of, &doc));
            doc.clear();
        } else if line == "    }" || line == "}" {
            doc.clear();
        }
    }
    found
}

/// The variable that a receiver is called by, the name of the type, and the element types.
fn owner(line: &str) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match line.trim_end_matches(" {") {
        "impl<T: Elem> Tensor<T>" => ("x", "Tensor", "all"),
        "impl<T: Num> Tensor<T>" => ("x", "Tensor", "numbers"),
        "impl<T: Float> Tensor<T>" => ("x", "Tensor", "floats"),
        "impl<T: Bits> Tensor<T>" => ("x", "Tensor", "integers, bool"),
        "impl Tensor<bool>" => ("mask", "Tensor", "`bool`"),
        "impl Tensor<i64>" => ("labels", "Tensor", "`i64`"),
        "impl Key" => ("key", "Key", ""),
        _ => return None,
    })
}

fn parsed(signature: &str, (var, of, elements): &(&str, &str, &'static str), doc: &[&str]) -> Option<Method> {
    let (name, rest) = signature.split_once(['(', '<'])?;
    if name.contains('$') {
        return None;
    }
    let generics = signature[name.len()..].starts_with('<').then(|| rest.split_once(">(")).flatten();
    let (generics, rest) = generics.unwrap_or(("", rest));
    let (arguments, result) = rest.split_once(") -> ").or(rest.split_once(')')).unwrap_or((rest, "()"));
    let mut arguments = arguments.to_string();
    let mut shown = String::new();
    let generics =
        generics.split(", ").filter(|g| !g.starts_with("const ")).filter_map(|g| g.split_once(": "));
    let (operands, others): (Vec<_>, Vec<_>) = generics.partition(|(_, bound)| bound.starts_with("Operand"));
    for (parameter, bound) in operands {
        arguments = arguments.replace(&format!(": {parameter}"), &format!(": impl {bound}"));
    }
    for (parameter, _) in others.iter().filter(|(p, _)| !arguments.contains(&format!("<{p}>"))) {
        shown = format!("::<{parameter}>");
    }
    let receiver = ["&self", "&mut self"].into_iter().find(|r| arguments.starts_with(r));
    let arguments = match receiver {
        Some(receiver) => arguments[receiver.len()..].trim_start_matches(", "),
        None => &arguments,
    };
    let place = if receiver.is_some() { format!("{var}.") } else { format!("{of}::") };
    let paragraph: Vec<&str> = doc.iter().copied().take_while(|l| !l.is_empty()).collect();
    Some(Method {
        name: name.to_string(),
        call: format!("{place}{name}{shown}({arguments})"),
        result: result.split(" + use<").next().unwrap_or(result).to_string(),
        doc: paragraph.join(" "),
        elements,
        is_method: receiver.is_some(),
    })
}

/// Reductions: `Sum sum sum_axis sum_keepdim "The sum; 0 of nothing."`
fn reductions(source: &str) -> Vec<Method> {
    let mut found = Vec::new();
    let mut elements = "";
    for line in source.lines() {
        match line.trim() {
            "Num:" => elements = "numbers",
            "Float:" => elements = "floats",
            _ => {}
        }
        let Some((names, doc)) = line.trim().trim_end_matches(';').split_once(" \"") else { continue };
        let names: Vec<&str> = names.split(' ').collect();
        let [_, name, along, keeping] = names[..] else { continue };
        if along != format!("{name}_axis") {
            continue;
        }
        for (name, arguments) in [(name, ""), (along, "axes: impl Axes"), (keeping, "axes: impl Axes")] {
            found.push(Method {
                name: name.into(),
                call: format!("x.{name}({arguments})"),
                result: "Tensor<T>".into(),
                doc: doc.trim_end_matches('"').into(),
                elements,
                is_method: true,
            });
        }
    }
    found
}

/// What the rows of the elementwise ops make.
fn elementwise(op: Op) -> Option<Method> {
    let binary = op.info().operands.0 == 2;
    if !op.is_elementwise()
        || op.info().operands.0 > 2
        || matches!(op, Op::Not | Op::Shl | Op::Shr | Op::Cast)
    {
        return None;
    }
    let takes = |dtype| {
        let operands = vec![jit_ir::Type::tensor(dtype); op.info().operands.0];
        jit_ir::ops::types::result(op, &operands, &[], &jit_ir::Attrs::default()).is_ok()
    };
    use jit_ir::DType::{Bool, F32, I64};
    let elements = match [takes(F32), takes(I64), takes(Bool)] {
        [true, true, true] => "all",
        [true, true, false] => "numbers",
        [true, false, false] => "floats",
        _ => "integers, bool",
    };
    Some(Method {
        name: op.name().into(),
        call: format!("x.{}({})", op.name(), if binary { "other: impl Operand<T>" } else { "" }),
        result: if op.is_test() { "Tensor<bool>".into() } else { "Tensor<T>".into() },
        doc: op.info().doc.into(),
        elements,
        is_method: true,
    })
}
