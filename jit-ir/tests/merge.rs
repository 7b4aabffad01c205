//! Recordings that part at guards become one graph.

use std::sync::Arc;

use jit_ir::interp::{self, Value};
use jit_ir::merge::{Difference, Miss, Relation, merge, relation};
use jit_ir::{DType, Graph, Scalar, TensorData};

fn graph(lines: &[&str]) -> Graph {
    let text = format!("fn f(%x: f32[?]) -> f32[?] {{\n  {}\n}}\n", lines.join("\n  "));
    Graph::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

const SEEN: [&str; 2] = ["%0: f32[] = sum(%x)", "%1: f32 = item(%0)"];

/// A recording in which the host saw a sum and multiplied by something.
fn recording(sum: &str, by: &str) -> Graph {
    let (guard, op) = (format!("guard(%1) {{value = {sum}_f32}}"), format!("%2: f32[?] = mul(%x, {by}_f32)"));
    graph(&[SEEN[0], SEEN[1], &guard, &op, "return %2"])
}

fn vector(values: &[f64]) -> Value {
    let scalars: Vec<Scalar> = values.iter().map(|v| Scalar::F64(*v).cast(DType::F32)).collect();
    Value::Tensor(Arc::new(TensorData::from_scalars(DType::F32, vec![values.len()], &scalars)))
}

#[test]
fn recordings_part_at_guards_only() {
    let (one, two) = (recording("1.0", "2.0"), recording("2.0", "3.0"));
    assert_eq!(relation(&one, &one.clone()), Relation::Same);
    assert_eq!(relation(&one, &two), Relation::Parts(2));
    let differs = |a: &Graph, b: &Graph| match relation(a, b) {
        Relation::Differs { what, .. } => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(differs(&one, &recording("1.0", "5.0")), Difference::Constant);
    let other =
        graph(&[SEEN[0], SEEN[1], "guard(%1) {value = 1.0_f32}", "%2: f32[?] = exp(%x)", "return %2"]);
    assert_eq!(differs(&one, &other), Difference::Operation);
    let longer = graph(&[
        SEEN[0],
        SEEN[1],
        "guard(%1) {value = 1.0_f32}",
        "%2: f32[?] = mul(%x, 2.0_f32)",
        "%3: f32[?] = exp(%2)",
        "return %3",
    ]);
    assert_eq!(differs(&one, &longer), Difference::Length);
    // What is only seen in one of them is another operation.
    let unseen = graph(&[SEEN[0], "%1: f32[?] = mul(%x, 2.0_f32)", "return %1"]);
    assert_eq!(differs(&one, &unseen), Difference::Operation);
}

#[test]
fn values_select_the_recording_and_the_last_is_guarded() {
    let all = [recording("1.0", "2.0"), recording("2.0", "3.0"), recording("4.0", "5.0")];
    let merged = merge(&all.iter().collect::<Vec<_>>(), true, Miss::Leave);
    let expected = "\
fn f(%x: f32[?]) -> f32[?] {
  %0: f32[] = sum(%x)
  %1: f32 = item(%0)
  %2: bool = same(%1, 1.0_f32)
  %3: f32[?] = if %2 {
    %4: f32[?] = mul(%x, 2.0_f32)
    path() {value = 0_usize}
    yield %4
  } else {
    %5: bool = same(%1, 2.0_f32)
    %6: f32[?] = if %5 {
      %7: f32[?] = mul(%x, 3.0_f32)
      path() {value = 1_usize}
      yield %7
    } else {
      guard(%1) {value = 4.0_f32}
      %8: f32[?] = mul(%x, 5.0_f32)
      path() {value = 2_usize}
      yield %8
    }
    yield %6
  }
  return %3
}
";
    assert_eq!(merged.graph.to_string(), expected);
    assert_eq!(Graph::parse(expected).unwrap(), merged.graph);
    assert_eq!(merged.places, [0..1, 0..1, 0..1]);
    for (x, by) in [([0.5, 0.5], 2.0), ([2.0, 0.0], 3.0), ([3.0, 1.0], 5.0)] {
        let got = interp::run(&merged.graph, &[vector(&x)], None).unwrap();
        assert!(got[0].same_bits(&vector(&[x[0] * by, x[1] * by])), "{got:?}");
    }
    assert!(interp::run(&merged.graph, &[vector(&[9.0])], None).is_err(), "the guard does not hold");
}

#[test]
fn a_bool_seen_both_ways_needs_no_guard() {
    let branch = |seen: &str, op: &str| {
        let guard = format!("guard(%2) {{value = {seen}}}");
        graph(&[SEEN[0], SEEN[1], "%2: bool = gt(%1, 0.0_f32)", &guard, op, "return %3"])
    };
    let no = branch("false", "%3: f32[?] = exp(%x)");
    let yes = branch("true", "%3: f32[?] = neg(%x)");
    let text = merge(&[&no, &yes], false, Miss::Leave).graph.to_string();
    assert!(!text.contains("guard("), "{text}");
    let (neg, exp) = (text.find("neg(").unwrap(), text.find("exp(").unwrap());
    assert!(neg < exp, "`true` comes first\n{text}");
}

#[test]
fn a_call_stands_where_no_recording_fits() {
    let one = recording("1.0", "2.0");
    let text = merge(&[&one], false, Miss::Call("f")).graph.to_string();
    let expected = "\
  %3: f32[?] = if %2 {
    %4: f32[?] = mul(%x, 2.0_f32)
    yield %4
  } else {
    %5: f32[?] = call(%x) {text = \"f\"}
    yield %5
  }
";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn results_of_other_types_stand_beside_each_other() {
    let flat = recording("1.0", "2.0");
    let text = flat.to_string().replace("1.0_f32", "2.0_f32").replace("-> f32[?]", "-> (i64[], f32[?])");
    let text = text.replace("return %2", "%3: i64[] = argmax(%x)\n  return %3, %2");
    let pair = Graph::parse(&text).unwrap();
    let merged = merge(&[&flat, &pair], true, Miss::Leave);
    assert_eq!(merged.places, [0..1, 1..3]);
    assert_eq!(Graph::parse(&merged.graph.to_string()).unwrap(), merged.graph);
    let got = interp::run(&merged.graph, &[vector(&[0.0, 2.0])], None).unwrap();
    assert!(matches!(got[..], [Value::Undef, Value::Tensor(_), Value::Tensor(_)]), "{got:?}");
}
