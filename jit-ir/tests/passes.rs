//! Golden tests of the passes, the text form and the interpreter.

use expect_test::{Expect, expect};
use jit_ir::interp::{self, Value};
use jit_ir::passes::PIPELINE;
use jit_ir::{Graph, Scalar, TensorData, infer};
use std::sync::Arc;

const CONDITIONAL: &str = "\
fn conditional_op(%x: f32[?], %threshold: f32) -> f32[*] {
  %0: f32[] = sum(%x)
  %1: f32 = item(%0)
  %2: bool = gt(%1, %threshold)
  %3: f32[*] = if %2 {
    %4: f32[*] = mul(%x, 2.0_f32)
    yield %4
  } else {
    %5: f32[*] = add(%x, 1.0_f32)
    yield %5
  }
  return %3
}
";

const NEWTON: &str = "\
fn newton(%x: f32[n0], %n: usize) -> (f32[*], usize) {
  %y, %i = loop(%x, 0_usize) while (%y.1: f32[*], %i.1: usize) {
    yield true
  } do (%y.2: f32[*], %i.2: usize) {
    yield %y.2, %i.2
  }
  return %y, %i
}
";

fn optimised(text: &str) -> Graph {
    let mut graph = Graph::parse(text).unwrap();
    infer::infer(&mut graph).unwrap();
    for (name, pass) in PIPELINE {
        pass(&mut graph);
        jit_ir::verify::verify(&graph).unwrap_or_else(|e| panic!("after {name}: {e}\n{graph}"));
    }
    graph
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&optimised(text).to_string());
}

fn vector(values: &[f32]) -> Value {
    let scalars: Vec<Scalar> = values.iter().map(|v| Scalar::F32(*v)).collect();
    Value::Tensor(Arc::new(TensorData::from_scalars(jit_ir::DType::F32, vec![values.len()], &scalars)))
}

#[test]
fn the_text_form_parses_back() {
    let graph = Graph::parse(CONDITIONAL).unwrap();
    assert_eq!(graph.to_string(), CONDITIONAL);
    assert_eq!(Graph::parse(&graph.to_text_with_locations()).unwrap(), graph);
    assert!(Graph::parse(NEWTON).is_err(), "loop results need types");
}

#[test]
fn locations_survive_the_text() {
    let text =
        "files \"a b.rs\"\nfn f(%x: f32[*]) -> f32[*] {\n  %0: f32[*] = exp(%x) @0:3:7\n  return %0\n}\n";
    let graph = Graph::parse(text).unwrap();
    assert_eq!(graph.to_text_with_locations(), text);
    assert!(!graph.to_string().contains('@'));
}

#[test]
fn bad_texts_are_errors() {
    for (text, why) in [
        ("", "expected `fn`"),
        ("fn f() -> () { return %x }", "not defined"),
        ("fn f(%x: f32[*]) -> f32[*] { %y: f32[*] = foo(%x) return %y }", "not an op"),
        ("fn f(%x: f32[*]) -> f32[*] { %y: f64[*] = exp(%x) return %y }", "gives f32"),
        ("fn f(%x: f32[*]) -> f32[*] { %y: f32[*] = add(%x) return %y }", "takes 1 operands"),
        ("fn f(%x: f32[*]) -> f32[*] { %y: f32[*] = cumsum(%x) return %y }", "has no axis"),
        ("fn f(%x: f32[*]) -> f32[*] { if %x { yield } else { yield } return %x }", "condition"),
        ("fn f() -> f32[*] { %c: f32[9999] = const() {value = @c0: f32[9999] #0} return %c }", "missing"),
        ("fn f() -> f32[*] { %c: f32[2] = const() {value = f32[2] [1.0]} return %c }", "does not fit"),
    ] {
        let error = Graph::parse(text).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn branches_run_in_the_interpreter() {
    let graph = Graph::parse(CONDITIONAL).unwrap();
    for (x, expected) in [([1.0, 2.0], [2.0, 4.0]), ([-1.0, 2.0], [0.0, 3.0])] {
        let out = interp::run(&graph, &[vector(&x), Value::Scalar(Scalar::F32(1.0))], None).unwrap();
        assert!(out[0].same_bits(&vector(&expected)), "{out:?}");
    }
}

#[test]
fn chains_fuse() {
    check(
        "fn f(%x: f32[n0], %a: f32) -> f32[*] {
  %0: f32[*] = mul(%x, %a)
  %1: f32[*] = mul(%x, %a)
  %2: f32[*] = add(%0, %1)
  %3: f32[] = sum(%2)
  %4: f32[*] = sub(%2, %3)
  %5: f32[*] = exp(%4)
  %6: f32[*] = tanh(%x)
  return %5
}",
        expect![[r#"
            fn f(%x: f32[n0], %a: f32) -> f32[n0] {
              %0: f32[n0] = fused {
                %1: f32[n0] = mul(%x, %a)
                %2: f32[n0] = add(%1, %1)
                %3: f32[] = sum(%2)
                %4: f32[n0] = sub(%2, %3)
                %5: f32[n0] = exp(%4)
                yield %5
              }
              return %0
            }
        "#]],
    );
}

#[test]
fn invariant_work_leaves_the_loop() {
    check(
        "fn f(%x: f32[n0], %n: usize) -> f32[*] {
  %y: f32[*] = loop(%n, %x) {keep} while (%0: f32[*]) {
    yield true
  } do (%k: usize, %1: f32[*]) {
    %2: f32[*] = exp(%x)
    %3: f32[*] = add(%1, %2)
    %4: f32[] = sum(%3)
    yield %3
  }
  return %y
}",
        expect![[r#"
            fn f(%x: f32[n0], %n: usize) -> f32[n0] {
              %0: f32[n0] = exp(%x)
              %y: f32[n0] = loop(%n, %x) {keep} while (%1: f32[n0]) {
                yield true
              } do (%k: usize, %2: f32[n0]) {
                %3: f32[n0] = add(%2, %0)
                yield %3
              }
              return %y
            }
        "#]],
    );
}

#[test]
fn what_can_fail_stays() {
    let graph = optimised(
        "fn f(%x: f32[n0], %y: f32[n1], %i: usize, %k: i64) -> f32[*] {
  %0: f32[*] = add(%x, %y)
  %1: f32[*] = add(%x, %x)
  %2: f32 = index(%x, %i)
  %3: i64 = div(1_i64, %k)
  %4: i64 = add(%k, 1_i64)
  return %x
}",
    );
    use jit_ir::Op;
    assert_eq!(graph.count_ops(Op::Add), 2, "the sum of equal shapes is gone\n{graph}");
    assert_eq!((graph.count_ops(Op::Index), graph.count_ops(Op::Div)), (1, 1));
}

#[test]
fn constants_fold() {
    check(
        "fn f(%x: f32[4]) -> (usize, f32[*]) {
  %n: usize = dim(%x) {axes = [-1]}
  %0: usize = add(%n, 1_usize)
  %c: bool = gt(%0, 4_usize)
  %y: f32[*] = if %c {
    %1: f32[*] = div(%x, 4.0_f32)
    yield %1
  } else {
    %2: f32[*] = exp(%x)
    yield %2
  }
  %3: f32[*] = mul(%y, 1.0)
  return %0, %3
}",
        expect![[r#"
            fn f(%x: f32[4]) -> (usize, f32[4]) {
              %0: f32[4] = mul(%x, 0.25_f32)
              return 5_usize, %0
            }
        "#]],
    );
}

#[test]
fn independent_groups_merge_where_they_meet() {
    let graph = optimised(
        "fn f(%a: f32[n0], %x: f32[n0]) -> f32[*] {
  %0: f32[*] = mul(%a, %x)
  %1: f32[*] = tanh(%0)
  %2: f32[*] = sigmoid(%x)
  %3: f32[*] = mul(%1, %2)
  %4: f32[*] = mul(0.5_f32, %x)
  %5: f32[*] = sub(%3, %4)
  return %5
}",
    );
    assert_eq!(graph.count_ops(jit_ir::Op::Fused), 1, "{graph}");
}

#[test]
fn groups_that_read_the_same_tensors_merge() {
    check(
        "\
fn pair(%x: f32[n0], %y: f32[n0], %s: f32) -> (f32[*], f32[*], f32[*], f32[*]) {
  %0: f32[*] = mul(%x, %s)
  %1: f32[*] = cumsum(%0) {axes = [0]}
  %2: f32[*] = tanh(%x)
  %3: f32[*] = sub(%x, 1.0_f32)
  %4: f32[*] = add(%3, %1)
  %5: f32[*] = add(%x, %y)
  return %0, %2, %4, %5
}
",
        expect![[r#"
            fn pair(%x: f32[n0], %y: f32[n0], %s: f32) -> (f32[n0], f32[n0], f32[n0], f32[n0]) {
              %0: f32[n0], %1: f32[n0] = fused {
                %2: f32[n0] = mul(%x, %s)
                %3: f32[n0] = tanh(%x)
                yield %2, %3
              }
              %4: f32[n0] = cumsum(%0) {axes = [0]}
              %5: f32[n0] = fused {
                %6: f32[n0] = sub(%x, 1.0_f32)
                %7: f32[n0] = add(%6, %4)
                yield %7
              }
              %8: f32[n0] = add(%x, %y)
              return %0, %1, %5, %8
            }
        "#]],
    );
}

#[test]
fn groups_around_a_reduction_down_the_columns_do_not_merge() {
    let graph = optimised(
        "fn f(%x: f32[n0, n1]) -> f32[*] {
  %0: f32[*] = mul(%x, %x)
  %1: f32[*] = exp(%0)
  %2: f32[*] = sum(%1) {axes = [0]}
  %3: f32[*] = sin(%x)
  %4: f32[*] = cos(%3)
  %5: f32[*] = mul(%4, %2)
  %6: f32[*] = add(%5, %1)
  %7: f32[*] = add(%6, %4)
  return %7
}",
    );
    assert_eq!(graph.count_ops(jit_ir::Op::Fused), 2, "{graph}");
}

#[test]
fn reductions_along_rows_join_what_is_around_them() {
    check(
        "fn f(%x: f32[n0, n1], %b: f32[n1]) -> (f32[*], f32[*]) {
  %0: f32[*] = add(%x, %b)
  %1: f32[*] = softmax(%0) {axes = [-1]}
  %2: f32[*] = mul(%1, 2.0_f32)
  %3: f32[*] = exp(%2)
  %4: f32[*] = sum(%3) {axes = [1]}
  return %2, %4
}",
        expect![[r#"
            fn f(%x: f32[n0, n1], %b: f32[n1]) -> (f32[n0, n1], f32[n0]) {
              %0: f32[n0, n1], %1: f32[n0, 1] = fused {
                %2: f32[n0, n1] = add(%x, %b)
                %3: f32[n0, 1] = max(%2) {axes = [-1], keep}
                %4: f32[n0, n1] = sub(%2, %3)
                %5: f32[n0, n1] = exp(%4)
                %6: f32[n0, 1] = sum(%5) {axes = [-1], keep}
                %7: f32[n0, 1] = recip(%6)
                %8: f32[n0, n1] = mul(%5, %7)
                %9: f32[n0, n1] = mul(%8, 2.0_f32)
                %10: f32[n0, n1] = exp(%9)
                %11: f32[n0, 1] = sum(%10) {axes = [-1], keep}
                yield %9, %11
              }
              %12: f32[n0] = squeeze(%1) {axes = [-1]}
              return %0, %12
            }
        "#]],
    );
}

#[test]
fn reductions_over_different_extents_stay_apart() {
    let graph = optimised(
        "fn f(%x: f32[n0, n1]) -> (f32[*], f32[*]) {
  %0: f32[*] = mul(%x, %x)
  %1: f32[*] = max(%0) {axes = [-1], keep}
  %2: f32[*] = sub(%0, %1)
  %3: f32[*] = sum(%2)
  %4: f32[*] = div(%2, %3)
  return %2, %4
}",
    );
    assert_eq!(graph.count_ops(jit_ir::Op::Fused), 2, "{graph}");
}

#[test]
fn only_what_is_marked_is_relaxed() {
    check(
        "\
fn horner(%x: f32[n0], %y: f32[n0, n1]) -> (f32[*], f32[*], f32[*]) {
  %0: f32[n0] = mul(%x, 2.0_f32) {fast}
  %1: f32[n0] = add(%0, 1.0_f32) {fast}
  %2: f32[n0] = mul(3.0_f32, %x) {fast}
  %3: f32[n0] = mul(%2, 0.5_f32) {fast}
  %4: f32[n0] = sub(%1, %3) {fast}
  %5: f32[n0, 1] = sum(%y) {axes = [-1], keep}
  %6: f32[n0, n1] = div(%y, %5) {fast}
  %7: f32[n0] = mul(%x, 2.0_f32)
  %8: f32[n0] = add(%7, 1.0_f32) {fast}
  %9: f32[n0] = div(%8, 3.0_f32) {fast}
  return %4, %6, %9
}
",
        expect![[r#"
            fn horner(%x: f32[n0], %y: f32[n0, n1]) -> (f32[n0], f32[n0, n1], f32[n0]) {
              %0: f32[n0], %1: f32[n0] = fused {
                %2: f32[n0] = mul_add(%x, 2.0_f32, 1.0_f32) {fast}
                %3: f32[n0] = mul_add(%x, -1.5_f32, %2) {fast}
                %4: f32[n0] = mul(%x, 2.0_f32)
                %5: f32[n0] = add(%4, 1.0_f32) {fast}
                %6: f32[n0] = mul(%5, 0.33333334_f32) {fast}
                yield %3, %6
              }
              %7: f32[n0, n1] = fused {
                %8: f32[n0, 1] = sum(%y) {axes = [-1], keep}
                %9: f32[n0, 1] = recip(%8) {fast}
                %10: f32[n0, n1] = mul(%y, %9) {fast}
                yield %10
              }
              return %0, %7, %1
            }
        "#]],
    );
}

#[test]
fn a_few_trips_take_the_place_of_their_loop() {
    check(
        "fn f(%x: f32[n0, n1], %y: f32[n1]) -> f32[n1] {
  %2: f32[n1] = loop(2, %y) {keep} while (%3: f32[n1]) {
    yield true
  } do (%4: usize, %5: f32[n1]) {
    %6: f32[n1] = index_axis(%x, %4) {axes = [0]}
    %7: f32[n1] = mul(%5, %6)
    %8: f32[n1] = tanh(%7)
    yield %8
  }
  return %2
}",
        expect![[r#"
            fn f(%x: f32[n0, n1], %y: f32[n1]) -> f32[n1] {
              %0: f32[n1] = index_axis(%x, 0_usize) {axes = [0]}
              %1: f32[n1] = index_axis(%x, 1_usize) {axes = [0]}
              %2: f32[n1] = fused {
                %3: f32[n1] = mul(%y, %0)
                %4: f32[n1] = tanh(%3)
                %5: f32[n1] = mul(%4, %1)
                %6: f32[n1] = tanh(%5)
                yield %6
              }
              return %2
            }
        "#]],
    );
}

/// Loops that become their trips, whose values are those of the loop: nested ones, with branches, without a result that
/// changes, exchanged values, and those that stay as they are.
#[test]
fn trips_have_the_values_of_their_loop() {
    let body = "    %8: f32[*] = mul(%5, 1.5_f32)
    %9: f32[*] = add(%8, %6)
    yield %6, %9";
    let nested = "    %8: f32[*] = loop(3, %5) {keep} while (%20: f32[*]) {
      yield true
    } do (%21: usize, %22: f32[*]) {
      %23: bool = eq(%21, %4)
      %24: f32[*] = if %23 {
        %25: f32[*] = sub(%22, %6)
        yield %25
      } else {
        %26: f32[*] = mul(%22, 0.5_f32)
        yield %26
      }
      yield %24
    }
    yield %8, %5";
    let kept = "    %8: f32[*] = neg(%5)
    yield %8, %6";
    for (trips, left) in [(0, false), (1, false), (2, false), (8, false), (9, true)] {
        for (body, loops) in [(body, left), (nested, left || trips == 8), (kept, left)] {
            let text = format!(
                "fn f(%x: f32[*], %y: f32[*]) -> (f32[*], f32[*]) {{
  %2: f32[*], %3: f32[*] = loop({trips}, %x, %y) {{keep}} while (%t: f32[*], %u: f32[*]) {{
    yield true
  }} do (%4: usize, %5: f32[*], %6: f32[*]) {{
{body}
  }}
  return %2, %3
}}"
            );
            let (source, optimised) = (Graph::parse(&text).unwrap(), optimised(&text));
            assert_eq!(
                optimised.count_ops(jit_ir::Op::Loop) > 0,
                loops,
                "{trips} trips of\n{body}\n{optimised}"
            );
            let args = [vector(&[1.0, -2.0, 3.5]), vector(&[0.5, 0.25, -8.0])];
            let (expected, found) =
                (interp::run(&source, &args, None).unwrap(), interp::run(&optimised, &args, None).unwrap());
            for (a, b) in expected.iter().zip(&found) {
                assert!(a.same_bits(b), "{trips} trips of\n{body}\n{expected:?} {found:?}");
            }
        }
    }
}
