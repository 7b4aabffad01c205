//! The table of the chapter `guide::comparison`: each cell is what a function of that row does here.

use std::cell::Cell;

use jit_runtime::prelude::*;
use jit_runtime::{Graph, Stats, TraceStats, eager};

/// The same functions as scripts and as traced functions.
macro_rules! both {
    ($($(#[$meta:meta])* fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block)*) => {
        mod scripted {
            use jit_runtime::prelude::*;
            $($(#[$meta])* #[script] pub(super) fn $name($($arg: $ty),*) -> $ret $body)*
        }
        mod traced {
            use jit_runtime::prelude::*;
            $($(#[$meta])* #[trace] pub(super) fn $name($($arg: $ty),*) -> $ret $body)*
        }
    };
}

both! {
    fn straight(x: &Tensor) -> Tensor { (x * 2.0 + 1.0).tanh() }

    fn one_branch(x: &Tensor) -> Tensor { if x.sum() > 0.0 { x * 2.0 } else { x - 1.0 } }

    fn both_branches(x: &Tensor) -> Tensor { if x.sum() > 0.0 { x * 2.0 } else { x - 1.0 } }

    fn until(x: &Tensor) -> Tensor {
        let mut y = x.clone();
        while y.max() > 1.0 {
            y = y * 0.5;
        }
        y
    }

    fn counted(x: &Tensor, n: usize) -> Tensor {
        let mut y = x.clone();
        for i in 0..n {
            y = y * 0.5 + (i as f32);
        }
        y
    }

    fn returns_early(x: &Tensor) -> Tensor {
        if x.min() < 0.0 {
            return x.abs();
        }
        x.sqrt()
    }

    fn reads_a_size(x: &Tensor) -> Tensor { x.sum_axis(0) / (x.dim(0) as f32) }

    fn fails(x: &Tensor) -> Result<Tensor> {
        if x.min() < 0.0 {
            return Err(Error::msg("negative"));
        }
        Ok(x.sqrt())
    }

    fn writes(x: &Tensor) -> Tensor {
        let mut y = Tensor::zeros_like(x);
        y[0] = 1.0;
        y + x
    }

    fn by_value(x: &Tensor) -> Tensor {
        let n = x.max().item() as i64;
        match n {
            0 => x + 1.0,
            1 | 2 => x * 2.0,
            _ => x - 1.0,
        }
    }
}

/// What of control flow a graph holds.
fn shape(graph: &Graph) -> &'static str {
    match (graph.count_ops(jit_ir::Op::If) > 0, graph.count_ops(jit_ir::Op::Loop) > 0) {
        (false, false) => "straight line",
        (true, false) => "`if`",
        (false, true) => "`loop`",
        (true, true) => "`if` and `loop`",
    }
}

fn some(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn script_cell(graph: &Graph, stats: Stats) -> String {
    format!("{}, {}", shape(graph), some(stats.cached, "plan"))
}

fn trace_cell(graphs: &[Graph], stats: TraceStats) -> String {
    let Some(graph) = graphs.last() else { return "runs as plain Rust, and says why".into() };
    format!("{}, {}", shape(graph), some(stats.paths, "recording"))
}

/// What the build says of a script: the code of the golden's message.
fn refused(golden: &str) -> String {
    let text = std::fs::read_to_string(format!("ui/{golden}.stderr")).unwrap();
    match text.split_once("error: [").and_then(|(_, rest)| rest.split_once(']')) {
        Some((code, _)) => format!("refused when built (`{code}`)"),
        None => "refused when built (by rustc)".into(),
    }
}

/// A row of the table: the functions called three times with each list of arguments.
macro_rules! row {
    ($what:literal, $name:ident: $(($($arg:expr),*))*) => {{
        for _ in 0..3 {
            $({
                let plain = eager(|| scripted::$name($($arg),*));
                let (s, t) = (scripted::$name($($arg),*), traced::$name($($arg),*));
                assert!(jit_tests::same(&s, &plain) && jit_tests::same(&t, &plain), "{s:?} {t:?} {plain:?}");
            })*
        }
        let script = script_cell(&scripted::$name::graph(), scripted::$name::stats());
        let trace = trace_cell(&traced::$name::graphs(), traced::$name::stats());
        format!("| {} | {script} | {trace} |", $what)
    }};
}

fn of_tensors() -> Vec<String> {
    let v = |values: &[f32]| Tensor::from(values);
    let (up, down, long) = (&v(&[1.0, 2.0]), &v(&[-1.0, -2.0]), &v(&[1.0, 2.0, 3.0]));
    let (four, nine) = (&v(&[4.0, 0.0]), &v(&[9.0, 0.0]));
    let (two_rows, three_rows): (&Tensor, &Tensor) = (&Tensor::ones([2, 2]), &Tensor::ones([3, 2]));
    vec![
        row!("ops in a line, called at three sizes", straight: (up) (long) (&v(&[]))),
        row!("`if` on a value, one outcome seen", one_branch: (up) (long)),
        row!("`if` on a value, both seen", both_branches: (up) (down)),
        row!("`while` on a value; 0, 1, 2 and 4 trips", until: (&v(&[1.0, 0.0])) (up) (four) (nine)),
        row!("`for i in 0..n` with `n` of 1, 2 and 3", counted: (up, 1) (up, 2) (up, 3)),
        row!("`return` in the middle, both ways seen", returns_early: (up) (down)),
        row!("`x.dim(0)` as a number, 2 and 3", reads_a_size: (two_rows) (three_rows)),
        row!("`Err` for some inputs", fails: (up) (down)),
        row!("`y[0] = 1.0` on a tensor made there", writes: (up) (long)),
        row!("`match` on an element's value; 2, 3 and 4", by_value: (up) (long) (four)),
    ]
}

mod plain {
    use super::*;

    pub(super) fn helper(x: &Tensor) -> Tensor {
        x.exp() - 1.0
    }

    pub(super) trait Module {
        fn forward(&self, x: &Tensor) -> Tensor;
    }

    pub(super) struct Doubling;

    impl Module for Doubling {
        fn forward(&self, x: &Tensor) -> Tensor {
            x * 2.0
        }
    }
}

/// Calls a traced closure three times on each input; gives its cell.
fn closure(inputs: &[Tensor], body: impl Fn(&Tensor) -> Tensor, deterministic: bool) -> String {
    let f = jit_runtime::trace(&body);
    for x in inputs.iter().cycle().take(3 * inputs.len()) {
        let y = f.call(x);
        assert!(!deterministic || y == body(x));
    }
    trace_cell(&f.graphs(), f.stats())
}

fn of_rust() -> Vec<String> {
    use plain::Module;
    let inputs = [Tensor::from([1.0, 2.0]), Tensor::from([3.0])];
    let modules: Vec<Box<dyn Module>> = vec![Box::new(plain::Doubling), Box::new(plain::Doubling)];
    let clock = Cell::new(0.0_f32);
    let row = |what: &str, golden: &str, trace: String| format!("| {what} | {} | {trace} |", refused(golden));
    vec![
        row(
            "a helper that is a plain function",
            "J023_plain_function",
            closure(&inputs, plain::helper, true),
        ),
        row(
            "a list of `Box<dyn Module>`",
            "J002_boxed",
            closure(&inputs, |x| modules.iter().fold(x.clone(), |y, m| m.forward(&y)), true),
        ),
        row(
            "`println!` of the tensor; two values",
            "J012_dbg",
            closure(&inputs, |x| if format!("{x}").is_empty() { x - 1.0 } else { x + 1.0 }, true),
        ),
        row(
            "a number from a clock or a random generator",
            "J015_static",
            closure(
                &inputs,
                |x| {
                    clock.set(clock.get() + 1.0);
                    x * clock.get()
                },
                false,
            ),
        ),
    ]
}

#[test]
fn the_table_is_what_the_functions_do() {
    let page = include_str!("../../../jit-runtime/docs/comparison.md");
    let rows: Vec<String> = of_tensors().into_iter().chain(of_rust()).collect();
    let stated: Vec<&str> = page.lines().filter(|l| l.starts_with("| ")).skip(1).collect();
    assert_eq!(stated, rows, "the table is\n{}", rows.join("\n"));
}
