//! Lines and names in messages: the user's, and the same in every mode.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use jit_ir::Op;
use jit_ir::ops::methods;
use jit_runtime::prelude::*;
use jit_runtime::{Function, eager};

/// The panic's place and message.
fn panicked(body: impl FnOnce()) -> (String, String) {
    static TURN: Mutex<()> = Mutex::new(());
    static FOUND: Mutex<Option<(String, String)>> = Mutex::new(None);
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let thread = std::thread::current().id();
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == thread {
            let text = info.payload().downcast_ref::<String>().cloned().unwrap_or_default();
            *FOUND.lock().unwrap() = info.location().map(|at| (format!("{}:{}", at.file(), at.line()), text));
        }
    }));
    let outcome = panic::catch_unwind(AssertUnwindSafe(body));
    panic::set_hook(before);
    assert!(outcome.is_err(), "it panics");
    FOUND.lock().unwrap().take().unwrap()
}

#[script(shape(x = [n, n]))]
fn square(x: &Tensor) -> Tensor {
    x * 2.0
}

#[script(shape(x = [n, n]))]
fn square_or_error(x: &Tensor) -> Result<Tensor> {
    Ok(x * 2.0)
}

#[test]
fn a_declared_shape_is_reported_at_the_users_line_in_every_mode() {
    let x = Tensor::<f32>::zeros([2, 3]);
    let line = line!() + 1;
    let script = panicked(|| drop(square(&x)));
    let plain = panicked(|| eager(|| drop(square(&x))));
    assert_eq!(script.0, format!("{}:{line}", file!()));
    assert_eq!(plain.0, format!("{}:{}", file!(), line + 1));
    assert_eq!(script.1, plain.1);
    let text = "shape: axis 1 of `x` is 3, and `n` is 2: declared [n, n] (at tests/tests/runtime_faults/messages.rs:";
    assert!(script.1.starts_with(text), "{}", script.1);
    let results = [
        square::try_call(&x),
        eager(|| square::try_call(&x)),
        square_or_error(&x),
        eager(|| square_or_error(&x)),
        square_or_error::try_call(&x),
        eager(|| square_or_error::try_call(&x)),
    ];
    for result in results {
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(text), "{error}");
    }
}

#[script]
fn script_write(x: &Tensor, i: usize) -> Tensor {
    let mut y = x.clone();
    y[i] = 1.0;
    y
}
#[trace]
fn trace_write(x: &Tensor, i: usize) -> Tensor {
    let mut y = x * 1.0;
    y[i] = 1.0;
    y
}
#[script]
fn script_add(x: &Tensor, i: usize) -> Tensor {
    let mut y = x.clone();
    y[[i, 0]] += 1.0;
    y
}
#[trace]
fn trace_add(x: &Tensor, i: usize) -> Tensor {
    let mut y = x * 1.0;
    y[[i, 0]] += 1.0;
    y
}
#[script]
fn script_read(x: &Tensor, i: usize) -> f32 {
    x[i]
}
#[trace]
fn trace_read(x: &Tensor, i: usize) -> f32 {
    x[i]
}

#[test]
fn an_element_out_of_range_has_one_message() {
    let (v, m) = (Tensor::from([1.0, 2.0]), Tensor::<f32>::zeros([2, 3]));
    let same = |call: &dyn Fn() -> String, wanted: &str| {
        // The first call and later ones.
        for text in [call(), call(), call(), eager(call)] {
            assert!(
                text.starts_with(wanted) && text.contains("(at tests/tests/runtime_faults/messages.rs:"),
                "{text}"
            );
        }
    };
    let text = |r: Result<Tensor>| r.unwrap_err().to_string();
    let range = "x[i]: index 2 is out of range for size 2";
    same(&|| text(script_write::try_call(&v, 2)), range);
    same(&|| text(trace_write::try_call(&v, 2)), range);
    same(&|| text(script_add::try_call(&m, 2)), range);
    same(&|| text(trace_add::try_call(&m, 2)), range);
    same(&|| script_read::try_call(&v, 2).unwrap_err().to_string(), range);
    same(&|| trace_read::try_call(&v, 2).unwrap_err().to_string(), range);
    let rank = "x[i]: an element of [2, 3] has 2 indices, one for each axis; got 1";
    same(&|| text(script_write::try_call(&m, 0)), rank);
    same(&|| text(trace_write::try_call(&m, 0)), rank);
    same(&|| script_read::try_call(&m, 0).unwrap_err().to_string(), rank);
    assert_eq!(script_write(&v, 1), trace_write(&v, 1));
}

#[test]
fn no_message_names_an_op_that_nobody_writes() {
    // Names in the text form of graphs that are no methods.
    const INTERNAL: &[&str] = &[
        "index",
        "set_index",
        "attention",
        "scalar",
        "split_key",
        "split_keys",
        "sizes",
        "equal",
        "same",
        "host",
        "list",
        "const",
        "named",
        "tuple",
        "record",
        "field",
        "some",
        "none",
        "method",
        "undef",
        "call",
        "fused",
        "guard",
        "path",
        "assert",
        "part_of",
        "part_sized",
        "alike",
        "to_tensor",
    ];
    // Constructors, joins, operators by the names of their traits, and forms.
    const WRITTEN: &[&str] = &[
        "zeros",
        "ones",
        "full",
        "eye",
        "arange",
        "linspace",
        "uniform",
        "normal",
        "zeros_like",
        "ones_like",
        "concat",
        "stack",
        "einsum",
        "add",
        "sub",
        "mul",
        "div",
        "rem",
        "neg",
        "not",
        "shl",
        "shr",
        "push",
        "set_axis",
        "set_slice",
        "if",
        "loop",
        "powi",
        "topk",
        "split",
        "split_sizes",
    ];
    let mut unknown = Vec::new();
    for op in Op::ALL {
        let (name, shown) = (op.name(), op.shown());
        assert!(!INTERNAL.contains(&shown), "messages say `{shown}`");
        let known =
            methods::find(name).is_some() || methods::find_scalar(name).is_some() || WRITTEN.contains(&name);
        if !known && !INTERNAL.contains(&name) {
            unknown.push(name);
        }
        assert!(INTERNAL.contains(&name) || shown == name, "`{name}` is what users write");
    }
    assert!(unknown.is_empty(), "no methods: name them in `Op::shown`, and list them here: {unknown:?}");
}

#[test]
fn a_function_of_scalars_is_named_in_its_error() {
    #[script]
    fn rest(a: i64, b: i64) -> i64 {
        a.rem_euclid(b)
    }
    let text = rest::try_call(7, 0).unwrap_err().to_string();
    assert!(text.starts_with("rem_euclid: "), "{text}");
}

#[script]
fn weighted(x: &Tensor, w: &Tensor<f64>, n: i64) -> Tensor {
    x * (w.sum().item() as f32) + n as f32
}

#[test]
fn an_argument_that_does_not_fit_is_named_with_both_types() {
    let (x, w) = (Tensor::from([1.0_f32, 2.0]), Tensor::from([1.0_f64]));
    let f = Function::new(weighted::graph()).unwrap();
    let says = |r: Result<Tensor>, text: &str| assert_eq!(r.unwrap_err().to_string(), text);
    // Wrong calls first: they leave nothing behind.
    for _ in 0..2 {
        says(
            f.call((&x, &w)),
            "`weighted` takes 3 arguments (x: Tensor<f32>, w: Tensor<f64>, n: i64), got 2 (Tensor<f32>, Tensor<f64>)",
        );
        says(
            f.call((&x, &x, 1_i64)),
            "`weighted`: argument 2 (`w`) is to be a Tensor<f64>, got a Tensor<f32>",
        );
        says(f.call((&x, &w, 1_i32)), "`weighted`: argument 3 (`n`) is to be a i64, got a i32");
        says(
            f.call((&x, (&w, &w), 1_i64)),
            "`weighted`: argument 2 (`w`) is to be a Tensor<f64>, got a (Tensor<f64>, Tensor<f64>)",
        );
        let other = f.call::<_, Tensor<i64>>((&x, &w, 1_i64)).unwrap_err().to_string();
        assert!(
            other.starts_with("`weighted` gives (Tensor<f32>") && other.ends_with("asks for Tensor<i64>"),
            "{other}"
        );
    }
    let right: Tensor = f.call((&x, &w, 1_i64)).unwrap();
    assert_eq!(right, weighted(&x, &w, 1));
    // A recording has ranks, too.
    let traced = jit_runtime::trace(|x: &Tensor| x * 2.0);
    traced.call(&x);
    let f = Function::new(traced.graph().unwrap()).unwrap();
    says(
        f.call((&Tensor::<f32>::zeros([2, 2]),)),
        &format!(
            "`{}`: argument 1 (`x`) is to be a Tensor<f32> of rank 1, got a Tensor<f32> of rank 2",
            f.graph().name
        ),
    );
    let compiled = weighted::lower(&x, &w, 1_i64);
    assert_eq!(compiled.call(&x, &w, 1_i64), weighted(&x, &w, 1));
    let (_, text) = panicked(|| drop(compiled.call(&Tensor::<f32>::zeros([2, 2]), &w, 1_i64)));
    assert!(text.starts_with("`weighted` was compiled for a Tensor<f32> of rank 1 as argument 1 (`x`), got a Tensor<f32> of rank 2"), "{text}");
}
