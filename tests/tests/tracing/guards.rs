//! What the host sees is guarded; recordings that part there are one graph.

use jit_runtime::prelude::*;
use jit_runtime::{Graph, eager};

/// The recorded graph of every signature parses back, and the verifier accepts it.
fn parses(graphs: &[Graph]) {
    for graph in graphs {
        let again = Graph::parse_with(&graph.to_string(), &graph.constants());
        assert_eq!(again.as_ref(), Ok(graph), "{graph}");
    }
}

#[trace]
fn conditional(x: &Tensor, threshold: f32) -> Tensor {
    if x.sum() > threshold { x * 2.0 } else { x + 1.0 }
}

#[test]
fn two_recordings_are_one_graph_with_an_if() {
    for values in [[1.0, 2.0], [-1.0, -2.0]] {
        conditional(&Tensor::from(values), 1.0);
    }
    let expected = "\
fn conditional(%x: f32[?], %threshold: f32) -> f32[?] {
  %0: f32[] = sum(%x)
  %1: f32 = item(%0) {text = \">\"}
  %2: bool = gt(%1, 1.0_f32)
  %3: f32[?] = if %2 {
    %4: f32[?] = mul(%x, 2.0_f32)
    yield %4
  } else {
    %5: f32[?] = add(%x, 1.0_f32)
    yield %5
  }
  return %3
}
";
    let expected = expected.replace(", %threshold: f32", "");
    assert_eq!(conditional::graph().unwrap().to_string(), expected);
    parses(&conditional::graphs());
}

#[trace]
fn many_values(x: &Tensor, y: &Tensor) -> Tensor {
    match x.item() as i32 {
        0 => y + 1.0,
        1 => y * 10.0,
        n => y * (n as f32) - 1.0,
    }
}

#[test]
fn values_that_the_host_reads_select_the_recording() {
    let y = Tensor::from([1.0, 2.0]);
    for _ in 0..3 {
        for n in [0.0, 1.0, 2.0, 3.0, 0.5] {
            let x = Tensor::scalar(n);
            assert_eq!(many_values(&x, &y), eager(|| many_values(&x, &y)));
        }
    }
    let stats = many_values::stats();
    assert_eq!((stats.recordings, stats.replays, stats.checks), (5, 10, 5), "{stats}");
    parses(&many_values::graphs());
}

#[trace]
fn nested(x: &Tensor) -> Tensor {
    let mut y = x * 1.0;
    if y.max() > 0.0 {
        y = y - 1.0;
        if y.min() > 0.0 {
            y = y * 3.0;
        } else if y[0] == -1.0 {
            y = &y * y.item_at_zero();
        }
    }
    y + 0.5
}

trait ItemAtZero {
    fn item_at_zero(&self) -> f32;
}

impl ItemAtZero for Tensor {
    fn item_at_zero(&self) -> f32 {
        self[0]
    }
}

#[test]
fn branches_nest() {
    for _ in 0..3 {
        for values in [[2.0, 3.0], [0.0, 3.0], [-2.0, -1.0], [0.5, 2.0], [5.0, 1.5]] {
            let x = Tensor::from(values);
            assert_eq!(nested(&x), eager(|| nested(&x)));
        }
    }
    let runs: Vec<u64> = nested::traces().iter().map(|t| t.runs).collect();
    assert_eq!(runs.iter().sum::<u64>(), nested::stats().replays);
    assert!(runs.len() == 4 && runs.iter().all(|n| *n >= 2), "{runs:?}");
    parses(&nested::graphs());
}

#[trace]
fn until(x: &Tensor) -> Tensor {
    let mut y = x * 1.0;
    while y.sum() > 1.0 {
        y = y * 0.5;
    }
    y
}

#[test]
fn loops_that_depend_on_values_are_recorded_for_each_count() {
    for round in 0..3 {
        for n in [0, 3, 1, 7, 2, 20] {
            let x = Tensor::from([2.0_f32.powi(n), 0.0]);
            assert_eq!(until(&x), eager(|| until(&x)), "round {round}");
        }
    }
    assert_eq!(until::traces().len(), 6);
    parses(&until::graphs());
}

#[derive(Clone, Debug, PartialEq, Pytree)]
struct Report {
    values: Vec<Tensor>,
    index: Tensor<i64>,
    title: String,
    best: Option<Tensor>,
}

#[trace]
fn structured(x: &Tensor) -> Report {
    let n = x.max().item() as usize;
    Report {
        values: (0..n).map(|i| x * (i as f32)).collect(),
        index: x.argmax(),
        title: format!("{n} values"),
        best: (n > 1).then(|| if n > 2 { x.unsqueeze(0) } else { x - 1.0 }),
    }
}

#[test]
fn recordings_may_give_other_structures() {
    for _ in 0..3 {
        for n in [0.0, 1.0, 2.0, 3.0] {
            let x = Tensor::from([n, -1.0]);
            assert_eq!(structured(&x), eager(|| structured(&x)));
        }
    }
    assert_eq!(structured::stats().recordings, 4);
    parses(&structured::graphs());
}

#[trace]
fn printed(x: &Tensor) -> Tensor {
    let text = format!("{x}");
    x + (text.len() as f32)
}

#[test]
fn printing_and_copying_out_guard_all_elements() {
    for values in [
        vec![1.0, 2.0],
        vec![10.0, 2.0],
        vec![1.0, 2.0],
        vec![0.0],
        vec![-0.0],
        vec![f32::NAN],
        vec![f32::NAN],
    ] {
        let x = Tensor::from(values);
        for _ in 0..2 {
            assert_eq!(printed(&x).to_vec().len(), x.len());
            assert!(jit_tests::same(&printed(&x), &eager(|| printed(&x))));
        }
    }
    let guards = &printed::traces()[0].guards;
    assert!(guards.iter().any(|g| g.seen == "the elements of `x` were seen"), "{guards:?}");
}

#[trace]
fn fills(x: &Tensor) -> Tensor {
    // Made in the body: nothing of the argument is seen.
    let mut y = Tensor::zeros_like(x);
    y[0] = 3.0;
    y[[1]] += 2.0;
    let before = y.clone();
    y[0] = 4.0;
    y * x + before
}

#[test]
fn element_writes_are_ops() {
    for values in [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]] {
        let x = Tensor::from(values);
        for _ in 0..2 {
            assert_eq!(fills(&x), eager(|| fills(&x)));
        }
    }
    assert_eq!(fills::stats().recordings, 1, "what was zero stays zero");
    let graph = fills::graph().unwrap();
    assert!(graph.to_string().contains("set_index(%0, 0_usize, 3.0_f32)"), "{graph}");
    // Other sizes: the write is as it was, and out of range where it is.
    let long = Tensor::<f32>::ones([5]);
    assert_eq!(fills(&long), eager(|| fills(&long)));
    let error = fills::try_call(&Tensor::from([1.0])).unwrap_err().to_string();
    assert!(error.starts_with("x[i]: index 1 is out of range for size 1 (at "), "{error}");
}

#[trace]
fn overwrites(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    y[0] = 9.0;
    let kept = y.clone();
    y[1] = y[0] + 1.0;
    y - kept
}

#[test]
fn an_element_that_is_overwritten_was_seen() {
    let mut recordings = 0;
    for values in [[1.0, 2.0, 3.0], [1.0, 2.0, 7.0], [5.0, 2.0, 3.0], [5.0, 3.0, 3.0]] {
        let x = Tensor::from(values);
        for _ in 0..2 {
            assert_eq!(overwrites(&x), eager(|| overwrites(&x)));
            assert_eq!(x.to_vec(), values, "the argument is unchanged");
        }
        recordings += u64::from(values[2] != 7.0);
        assert_eq!(overwrites::stats().recordings, recordings, "the third element is not looked at");
    }
}

#[trace]
fn ranks(x: &Tensor, flat: bool) -> Tensor {
    // The rank is open in what is made of the script's result, too.
    let y = (shaped(x, flat) + 1.0).exp() - 1.0;
    if y.rank() == 1 { y * 2.0 } else { y.sum_axis(0) * (y.shape().len() as f32) }
}

#[script]
fn shaped(x: &Tensor, flat: bool) -> Tensor {
    if flat && x.sum() > 0.0 { x.flatten() } else { x.clone() }
}

#[test]
fn a_rank_that_a_script_decides_is_guarded() {
    for _ in 0..3 {
        for (v, flat) in [(1.0, true), (-1.0, true), (1.0, false)] {
            let x: Tensor = Tensor::full([2, 3], v);
            assert_eq!(ranks(&x, flat), eager(|| ranks(&x, flat)));
        }
    }
}

#[trace]
fn sizes(x: &Tensor, w: &Tensor) -> Tensor {
    x.matmul(w) / (x.dim(1) as f32)
}

#[test]
fn only_sizes_that_are_read_are_fixed() {
    for (n, k, m) in [(2, 3, 4), (0, 3, 1), (1, 3, 0), (5, 3, 2), (2, 1, 2), (3, 1, 3), (2, 0, 2)] {
        let (x, w): (Tensor, Tensor) = (Tensor::ones([n, k]), Tensor::ones([k, m]));
        for _ in 0..2 {
            let (got, expected) = (sizes(&x, &w), eager(|| sizes(&x, &w)));
            assert!(jit_tests::same(&got, &expected), "{n} {k} {m}: {got}");
        }
    }
    assert_eq!(sizes::stats().recordings, 3, "one for each size that was read");
}

#[trace]
fn asks_often(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for i in 0..x.dim(0) * x.len() {
        y = y * (x.shape()[0] as f32) + (i % x.dim(-1)) as f32 + x.max().item();
    }
    y
}

#[test]
fn what_was_asked_once_is_not_asked_again() {
    let x: Tensor = Tensor::ones([3, 2]);
    for _ in 0..3 {
        assert_eq!(asks_often(&x), eager(|| asks_often(&x)));
    }
    // Both sizes, the number of elements, and the item of each maximum.
    let seen: Vec<String> = asks_often::traces()[0].guards.iter().map(|g| g.seen.clone()).collect();
    assert_eq!(seen.iter().filter(|s| s.contains("dim")).count(), 3, "{seen:?}");
    assert_eq!(seen.iter().filter(|s| s.contains("len")).count(), 1, "{seen:?}");
}

#[trace]
fn rows(x: &Tensor) -> Tensor {
    let mut total = Tensor::scalar(0.0);
    for row in x.rows() {
        total = total + row.max();
    }
    total
}

#[test]
fn iterating_over_rows_fixes_their_number() {
    for n in [1, 2, 1, 3, 0, 2] {
        let x: Tensor = Tensor::ones([n, 4]);
        assert_eq!(rows(&x), eager(|| rows(&x)));
    }
    let wide: Tensor = Tensor::ones([2, 9]);
    assert_eq!(rows(&wide), eager(|| rows(&wide)));
    assert_eq!(rows::stats().recordings, 4);
}
