//! A first tour: a traced function, a scripted one, and the same body traced.
//!
//! `cargo run --release --example quickstart`

use jit_runtime::prelude::*;

/// Traced: the body runs once while its tensor ops are recorded.
#[trace]
fn simple_op(a: &Tensor, b: &Tensor) -> Tensor {
    let c = a + b;
    &c * 2.0
}

/// Scripted: the body is read at build time, so that both branches are in the graph.
#[script]
fn conditional_op(x: &Tensor, threshold: f32) -> Tensor {
    if x.sum() > threshold { x * 2.0 } else { x + 1.0 }
}

/// The same body traced: which branch runs is a guard, and each branch a recording.
#[trace]
fn conditional_trace(x: &Tensor, threshold: f32) -> Tensor {
    if x.sum() > threshold { x * 2.0 } else { x + 1.0 }
}

/// What the functions should give, in plain Rust.
fn conditional_plain(x: &[f32], threshold: f32) -> Vec<f32> {
    if x.iter().sum::<f32>() > threshold {
        x.iter().map(|v| v * 2.0).collect()
    } else {
        x.iter().map(|v| v + 1.0).collect()
    }
}

fn main() {
    let a = Tensor::from([1.0, 2.0, 3.0]);
    let b = Tensor::from([10.0, 20.0, 30.0]);
    println!("simple_op(a, b) = {}", simple_op(&a, &b));
    assert_eq!(simple_op(&a, &b).to_vec(), [22.0, 44.0, 66.0]);
    println!("its recording:\n{}", simple_op::graphs()[0]);

    println!("the script, captured when this program was built:\n{}", conditional_op::graph());
    for values in [vec![1.0, 2.0, 3.0], vec![-1.0, -2.0, -3.0], vec![5.0; 7]] {
        let expected = conditional_plain(&values, 2.0);
        let x = Tensor::from(values);
        println!("conditional_op({x}, 2.0) = {}", conditional_op(&x, 2.0));
        assert_eq!(conditional_op(&x, 2.0).to_vec(), expected);
        assert_eq!(conditional_trace(&x, 2.0).to_vec(), expected);
    }

    println!("\nthe same body traced has a recording for each branch that inputs took:");
    for graph in conditional_trace::graphs() {
        println!("{graph}");
    }

    println!("what is run for a vector:\n{}", conditional_op::lower(&a, 2.0).explain());
    println!("script: {}", conditional_op::stats());
    let stats = conditional_trace::stats();
    println!("trace: {} recordings, {} replays", stats.recordings, stats.replays);
}
