//! Bad input: a clear message with op, shapes and the user's line, as `Err` or as a panic at the
//! caller; nothing from a branch that is not taken.

use jit_runtime::eager;
use jit_runtime::prelude::*;

#[script]
fn product(a: &Tensor, b: &Tensor) -> Tensor {
    a.matmul(b)
}

#[script]
fn chain(a: &Tensor, b: &Tensor) -> Tensor {
    let c = a + 1.0;
    let d = &c * b;
    d.exp()
}

#[script]
fn row(x: &Tensor, i: usize) -> Tensor {
    x.index_axis(0, i)
}

#[script]
fn element(x: &Tensor, i: usize) -> f32 {
    x[i]
}

#[script]
fn largest(x: &Tensor) -> Tensor {
    x.max()
}

#[script]
fn divide(a: i64, b: i64) -> i64 {
    a / b
}

#[script]
fn overflow(a: i32) -> i32 {
    a * 2
}

#[script]
fn below_zero(n: usize) -> usize {
    n - 1
}

#[script]
fn divide_tensor(x: &Tensor<i64>, y: &Tensor<i64>) -> Tensor<i64> {
    x / y
}

#[script]
fn compares_vector(x: &Tensor) -> bool {
    x > &x.sum() || true
}

#[script]
fn asserts(x: &Tensor) -> Tensor {
    assert!(x.sum() > 0.0, "the sum is positive");
    x / 2.0
}

#[script]
fn untaken(x: &Tensor, y: &Tensor, flag: bool, n: usize) -> Tensor {
    let mut z = x.clone();
    if flag {
        z = x + y;
    }
    for _ in 0..n {
        // Invariant: may run before the loop, must not complain if there is no trip.
        z = &z * &x.matmul(y);
    }
    z
}

#[script]
fn first_error(x: &Tensor, y: &Tensor, i: usize) -> Tensor {
    let a = x + 1.0;
    let b = x.index_axis(0, i);
    let c = &a * y;
    c + b
}

fn v(values: &[f32]) -> Tensor {
    Tensor::from(values)
}

/// The message, the same from the plan and from the body.
fn message<R: std::fmt::Debug>(call: impl Fn() -> Result<R>) -> String {
    let plan = call().unwrap_err().to_string();
    let body = eager(&call).unwrap_err().to_string();
    let strip = |s: &str| s.split(" (at ").next().unwrap_or_default().to_string();
    assert_eq!(strip(&plan), strip(&body));
    assert!(plan.contains("(at tests/tests/errors.rs:"), "{plan}");
    strip(&plan)
}

#[test]
fn messages_name_op_and_shapes() {
    let m = |a, b| Tensor::<f32>::ones([a, b]);
    assert_eq!(
        message(|| product::try_call(&m(2, 3), &m(4, 5))),
        "matmul: inner sizes differ: [2, 3] x [4, 5]"
    );
    assert_eq!(
        message(|| chain::try_call(&v(&[1.0, 2.0]), &v(&[1.0, 2.0, 3.0]))),
        "mul: shapes do not broadcast: [2] and [3]"
    );
    assert_eq!(message(|| row::try_call(&m(2, 3), 2)), "index_axis: index 2 is out of range for size 2");
    assert_eq!(message(|| element::try_call(&v(&[1.0]), 1)), "x[i]: index 1 is out of range for size 1");
    assert_eq!(
        message(|| element::try_call(&m(1, 1), 0)),
        "x[i]: an element of [1, 1] has 2 indices, one for each axis; got 1"
    );
    assert_eq!(
        message(|| largest::try_call(&v(&[]))),
        "max: needs at least one element, this tensor has shape [0]"
    );
    assert_eq!(
        message(|| divide_tensor::try_call(&Tensor::from([1, 2]), &Tensor::from([1, 0]))),
        "div: division by zero: the divisor holds a 0"
    );
    assert_eq!(
        message(|| compares_vector::try_call(&v(&[1.0, 2.0]))),
        "item: `>` compares a rank-0 tensor, this one has shape [2]; compare element by element with a method such as `.gt(..)`, or reduce first"
    );
}

#[test]
fn scalars_are_checked_in_every_profile() {
    let text = |r: Result<i64>| r.unwrap_err().to_string();
    assert!(
        text(divide::try_call(7, 0)).starts_with("div: 7 / 0: division by zero (at tests/tests/errors.rs:")
    );
    assert!(text(divide::try_call(i64::MIN, -1)).contains("overflows"));
    assert!(overflow::try_call(i32::MAX).unwrap_err().to_string().contains("2147483647 * 2 overflows"));
    assert!(below_zero::try_call(0).unwrap_err().to_string().contains("0 - 1 overflows"));
    assert_eq!(below_zero::try_call(1).unwrap(), 0);
}

#[test]
fn asserts_carry_the_message() {
    let error = asserts::try_call(&v(&[-1.0])).unwrap_err();
    assert!(error.to_string().starts_with("the sum is positive (at tests/tests/errors.rs:"), "{error}");
    assert!(asserts::try_call(&v(&[1.0])).is_ok());
}

#[test]
fn a_branch_not_taken_never_complains() {
    let (x, y) = (v(&[1.0, 2.0]), v(&[1.0, 2.0, 3.0]));
    for _ in 0..2 {
        assert_eq!(untaken(&x, &y, false, 0), x);
        assert!(untaken::try_call(&x, &y, true, 0).unwrap_err().to_string().starts_with("add: shapes"));
        assert!(untaken::try_call(&x, &y, false, 1).unwrap_err().to_string().starts_with("matmul: inner"));
    }
}

#[test]
fn the_first_error_of_the_source_is_reported() {
    let (x, y) = (v(&[1.0, 2.0]), v(&[1.0, 2.0, 3.0]));
    assert_eq!(
        message(|| first_error::try_call(&x, &y, 9)),
        "index_axis: index 9 is out of range for size 2"
    );
    assert_eq!(message(|| first_error::try_call(&x, &y, 0)), "mul: shapes do not broadcast: [2] and [3]");
}

#[test]
fn a_plain_call_panics_at_the_caller() {
    use std::sync::{Arc, Mutex};
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let old = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let at = info.location().map(|l| (l.file().to_string(), l.line()));
        let text = info.payload().downcast_ref::<String>().cloned();
        sink.lock().unwrap().push((at, text));
    }));
    let x = v(&[1.0, 2.0]);
    let line = line!() + 1;
    let outcome = std::panic::catch_unwind(|| product(&x, &v(&[1.0, 2.0, 3.0])));
    let eager_line = line!() + 1;
    let plain = std::panic::catch_unwind(|| &x + v(&[1.0, 2.0, 3.0]));
    std::panic::set_hook(old);
    assert!(outcome.is_err() && plain.is_err());
    let seen = seen.lock().unwrap();
    let mine: Vec<_> =
        seen.iter().filter(|(at, _)| at.as_ref().is_some_and(|(f, _)| f.ends_with("errors.rs"))).collect();
    assert!(
        mine.iter().any(|(at, text)| at.as_ref().unwrap().1 == line
            && text.as_ref().unwrap().starts_with("matmul: inner sizes differ: [2] x [3] (at ")),
        "{mine:?}"
    );
    assert!(
        mine.iter().any(|(at, text)| at.as_ref().unwrap().1 == eager_line
            && text.as_ref().unwrap() == "add: shapes do not broadcast: [2] and [3]"),
        "{mine:?}"
    );
}

#[test]
fn eager_ops_report_their_line() {
    let x = Tensor::<f32>::ones([2, 3]);
    let error = std::panic::catch_unwind(|| x.reshape([4, -1])).unwrap_err();
    let text = error.downcast_ref::<String>().unwrap();
    assert!(text.starts_with("reshape: [2, 3] does not divide into the sizes [4, -1]"), "{text}");
}

#[test]
fn huge_shapes_are_errors() {
    #[script]
    fn huge(n: usize) -> Tensor {
        Tensor::<f32>::zeros([n, n])
    }
    let error = huge::try_call(1 << 40).unwrap_err().to_string();
    assert!(error.contains("has too many elements"), "{error}");
    for sizes in [[1 << 61, 1], [1 << 31, 1 << 29], [1 << 23, 1 << 23], [1 << 62, 3]] {
        #[script]
        fn large(n: usize, m: usize) -> Tensor {
            Tensor::<f32>::ones([n, m])
        }
        let said = if sizes == [1 << 62, 3] { "has too many elements" } else { "does not fit into memory" };
        let error = large::try_call(sizes[0], sizes[1]).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        let eager = std::panic::catch_unwind(|| Tensor::<f32>::ones(sizes)).unwrap_err();
        assert!(eager.downcast_ref::<String>().unwrap().contains(said));
        // A broadcast takes no memory until it is computed with.
        let wide = Tensor::scalar(1.0_f32).broadcast_to(sizes);
        assert!(std::panic::catch_unwind(|| &wide + 1.0).is_err());
        assert!(std::panic::catch_unwind(|| wide.sum()).is_err());
    }
}

#[test]
fn a_graph_without_its_source_checks_types() {
    let f = jit_runtime::Function::new(chain::graph()).unwrap();
    let x = v(&[1.0, 2.0]);
    assert!(f.call::<_, Tensor>((&x, &x)).is_ok());
    let other = f.call::<_, Tensor<f64>>((&x, &x)).unwrap_err().to_string();
    assert_eq!(other, "`chain` gives (Tensor<f32> of rank 1), and the call asks for Tensor<f64>");
    assert!(f.call::<_, f32>((&x, &x)).is_err());
    assert!(f.call::<_, (Tensor, Tensor)>((&x, &x)).is_err());
    assert_eq!(
        f.call::<_, Tensor>((&x,)).unwrap_err().to_string(),
        "`chain` takes 2 arguments (a: Tensor<f32>, b: Tensor<f32>), got 1 (Tensor<f32>)"
    );
    let wrong = f.call::<_, Tensor>((&x, 1.0_f32)).unwrap_err().to_string();
    assert_eq!(wrong, "`chain`: argument 2 (`b`) is to be a Tensor<f32>, got a f32");
}

#[test]
fn parts_that_do_not_fit_are_errors_and_nothing_is_lost() {
    #[script]
    fn put(x: &Tensor, i: usize, row: &Tensor) -> Tensor {
        let mut y = x.clone();
        y.set_axis(0, i, row);
        y
    }
    #[script]
    fn put_slice(x: &Tensor, start: usize, part: &Tensor) -> Tensor {
        let mut y = x.clone();
        y.set_slice(0, start, part);
        y
    }
    let x: Tensor = Tensor::ones([2, 3]);
    let (row, long): (Tensor, Tensor) = (Tensor::zeros([3]), Tensor::zeros([4]));
    let message = |e: jit_runtime::Error| e.to_string().split(" (at").next().unwrap_or_default().to_string();
    assert_eq!(
        message(put::try_call(&x, 2, &row).unwrap_err()),
        "set_axis: index 2 is out of range for size 2"
    );
    assert_eq!(message(put::try_call(&x, 0, &long).unwrap_err()), "set_axis: [4] does not fit into [3]");
    let two: Tensor = Tensor::zeros([2, 3]);
    let slice = |start, part: &Tensor| message(put_slice::try_call(&x, start, part).unwrap_err());
    assert_eq!(slice(1, &two), "set_slice: 2 positions from 1 on are out of range for size 2");
    assert_eq!(
        slice(usize::MAX, &two),
        "set_slice: 2 positions from 9223372036854775807 on are out of range for size 2"
    );
    assert_eq!(slice(0, &row), "set_slice: a part needs as many axes as the tensor: [3] for [2, 3]");
    // Eager, the tensor is what it was.
    let mut y = x.clone();
    let failed = jit_runtime::trace(|row: &Tensor| row.clone()).call(&row);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| y.set_axis(0, 5, &failed)));
    assert!(outcome.is_err() && y == x);
    // Nothing else holds it: it is written in place.
    let mut own: Tensor = Tensor::zeros([4, 2]);
    let start = own.as_slice().unwrap().as_ptr();
    own.set_axis(0, 3, &Tensor::from([1.0, 2.0]));
    own.set_slice(1, 1, &Tensor::from([[5.0], [6.0], [7.0], [8.0]]));
    assert_eq!(own.as_slice().unwrap().as_ptr(), start);
    assert_eq!(own, Tensor::from([[0.0, 5.0], [0.0, 6.0], [0.0, 7.0], [1.0, 8.0]]));
}

#[test]
fn splits_that_do_not_fit_are_errors() {
    #[script]
    fn halves(x: &Tensor) -> Tensor {
        let parts = x.split(0, 2);
        &parts[0] + &parts[1]
    }
    #[script]
    fn sized(x: &Tensor, n: usize) -> Tensor {
        let parts = x.split_sizes(0, [n, 1]);
        &parts[0] * &parts[1]
    }
    let x: Tensor = Tensor::ones([3]);
    let message = |e: jit_runtime::Error| e.to_string().split(" (at").next().unwrap_or_default().to_string();
    let odd = "split: size 3 of [3] does not divide into 2 parts";
    assert_eq!(message(halves::try_call(&x).unwrap_err()), odd);
    let wrong = "split_sizes: the sizes add up to 2, axis 0 of [3] is 3";
    assert_eq!(message(sized::try_call(&x, 1).unwrap_err()), wrong);
    assert_eq!(sized(&x, 2), Tensor::from([1.0, 1.0]));
    let none = jit_runtime::trace(|x: &Tensor| x.split(0, 0)).try_call(&x).unwrap_err();
    assert_eq!(message(none), "split: the number of parts must be at least 1");
}

#[test]
fn copies_of_nothing_take_no_memory() {
    let none: Tensor = Tensor::zeros([0, 3]);
    assert_eq!(none.repeat([5, 1 << 40]).shape(), [0, 3 << 40]);
    let error = jit_runtime::trace(|x: &Tensor| x.repeat([1 << 40, 1 << 40])).try_call(&Tensor::ones([1, 1]));
    assert!(error.unwrap_err().to_string().contains("too many elements"));
}
