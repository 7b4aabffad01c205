//! Golden graphs: what is captured, and what the passes make of it; how many kernels run.

use expect_test::{Expect, expect};
use jit_runtime::prelude::*;
use jit_runtime::testing;

#[script]
fn conditional_op(x: &Tensor, threshold: f32) -> Tensor {
    if x.sum() > threshold { x * 2.0 } else { x + 1.0 }
}

#[script]
fn newton(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    let mut it = 0;
    while it < 50 && (&y * &y - x).abs().max() > 1e-5 {
        y = 0.5 * (&y + x / &y);
        it += 1;
    }
    y
}

#[script]
fn first_large(x: &Tensor, n: usize) -> Tensor {
    let mut y = x.clone();
    for i in 0..n {
        if y.max() > 10.0 {
            return y;
        }
        y = &y + (i as f32);
    }
    y * 0.5
}

#[script]
fn chain(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
    (a * x + b).tanh() * x.sigmoid() - 0.5 * x * x
}

#[script]
fn cheap(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
    (a * x + b) * (x - a) + b * 0.5
}

fn golden(graph: jit_runtime::Graph, expected: Expect) {
    expected.assert_eq(&graph.to_string());
    assert_eq!(jit_runtime::Graph::parse(&graph.to_string()).unwrap(), graph);
}

#[test]
fn captured() {
    golden(
        conditional_op::graph(),
        expect![[r#"
        fn conditional_op(%x: f32[*], %threshold: f32) -> f32[*] {
          %0: f32[] = sum(%x)
          %1: f32 = item(%0) {text = ">"}
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
    "#]],
    );
    golden(
        newton::graph(),
        expect![[r#"
            fn newton(%x: f32[*]) -> f32[*] {
              %y: f32[*], %it: i32 = loop(%x, 0_i32) while (%y.1: f32[*], %it.1: i32) {
                %0: bool = lt(%it.1, 50_i32)
                %1: bool = if %0 {
                  %2: f32[*] = mul(%y.1, %y.1)
                  %3: f32[*] = sub(%2, %x)
                  %4: f32[*] = abs(%3)
                  %5: f32[] = max(%4)
                  %6: f32 = item(%5) {text = ">"}
                  %7: bool = gt(%6, 1e-5_f32)
                  yield %7
                } else {
                  yield false
                }
                yield %1
              } do (%y.2: f32[*], %it.2: i32) {
                %8: f32[*] = div(%x, %y.2)
                %9: f32[*] = add(%y.2, %8)
                %y.3: f32[*] = mul(0.5_f32, %9)
                %it.3: i32 = add(%it.2, 1_i32)
                yield %y.3, %it.3
              }
              return %y
            }
        "#]],
    );
    golden(
        first_large::graph(),
        expect![[r#"
            fn first_large(%x: f32[*], %n: usize) -> f32[*] {
              %0: f32[*] = undef()
              %1: bool, %2: f32[*], %y: f32[*] = loop(%n, false, %0, %x) {keep} while (%3: bool, %4: f32[*], %y.1: f32[*]) {
                %5: bool = not(%3)
                yield %5
              } do (%i: usize, %6: bool, %7: f32[*], %y.2: f32[*]) {
                %8: f32[] = max(%y.2)
                %9: f32 = item(%8) {text = ">"}
                %10: bool = gt(%9, 10.0_f32)
                %11: bool, %12: f32[*], %y.3: f32[*] = if %10 {
                  yield true, %y.2, %y.2
                } else {
                  %13: f32 = cast(%i) {dtype = f32}
                  %y.4: f32[*] = add(%y.2, %13)
                  yield %6, %7, %y.4
                }
                yield %11, %12, %y.3
              }
              %14: f32[*] = if %1 {
                yield %2
              } else {
                %15: f32[*] = mul(%y, 0.5_f32)
                yield %15
              }
              return %14
            }
        "#]],
    );
}

#[test]
fn optimised() {
    let x = Tensor::from([1.0, 2.0]);
    golden(
        newton::lower(&x).graph(),
        expect![[r#"
            fn newton(%x: f32[n0]) -> f32[n0] {
              %y: f32[n0], %it: i32 = loop(%x, 0_i32) while (%y.1: f32[n0], %it.1: i32) {
                %0: bool = lt(%it.1, 50_i32)
                %1: bool = if %0 {
                  %2: f32[] = fused {
                    %3: f32[n0] = mul(%y.1, %y.1)
                    %4: f32[n0] = sub(%3, %x)
                    %5: f32[n0] = abs(%4)
                    %6: f32[] = max(%5)
                    yield %6
                  }
                  %7: f32 = item(%2) {text = ">"}
                  %8: bool = gt(%7, 1e-5_f32)
                  yield %8
                } else {
                  yield false
                }
                yield %1
              } do (%y.2: f32[n0], %it.2: i32) {
                %y.3: f32[n0] = fused {
                  %9: f32[n0] = div(%x, %y.2)
                  %10: f32[n0] = add(%y.2, %9)
                  %y.4: f32[n0] = mul(0.5_f32, %10)
                  yield %y.4
                }
                %it.3: i32 = add(%it.2, 1_i32)
                yield %y.3, %it.3
              }
              return %y
            }
        "#]],
    );
    golden(
        chain::lower(&x, &x, &x).graph(),
        expect![[r#"
        fn chain(%a: f32[n0], %b: f32[n1], %x: f32[n2]) -> f32[?] {
          %0: f32[?] = fused {
            %1: f32[?] = mul(%a, %x)
            %2: f32[?] = add(%1, %b)
            %3: f32[?] = tanh(%2)
            %4: f32[n2] = sigmoid(%x)
            %5: f32[?] = mul(%3, %4)
            %6: f32[n2] = mul(0.5_f32, %x)
            %7: f32[n2] = mul(%6, %x)
            %8: f32[?] = sub(%5, %7)
            yield %8
          }
          return %0
        }
    "#]],
    );
}

#[test]
fn one_kernel_and_no_temporary() {
    let x = Tensor::linspace(-1.0, 1.0, 3000);
    type Case<'a> = (&'a str, Box<dyn Fn() -> Tensor + 'a>);
    let cases: [Case; 2] =
        [("chain", Box::new(|| chain(&x, &x, &x))), ("cheap", Box::new(|| cheap(&x, &x, &x)))];
    for (name, call) in cases {
        call();
        let before = testing::kernels();
        call();
        let after = testing::kernels();
        assert_eq!((after.0 - before.0, after.1 - before.1), (1, 1), "{name}: kernels, tensors made");
    }
}

#[test]
fn one_plan_serves_all_sizes() {
    // A function of its own: tests run side by side, and two first calls at once compile twice.
    #[script]
    fn sized(a: &Tensor, b: &Tensor, x: &Tensor) -> Tensor {
        (a * x + b) * (x - a) + b * 0.5
    }
    for n in [0, 1, 2, 100, 100_000] {
        let x = Tensor::<f32>::ones([n]);
        assert_eq!(sized(&x, &x, &x).sum().item(), n as f32 * 0.5);
    }
    let stats = sized::stats();
    assert_eq!(stats.compilations, 1);
    assert!(stats.bindings >= 5);
    // A broadcast is another size, not another plan.
    let (row, one) = (Tensor::<f32>::ones([1, 5]), Tensor::<f32>::ones([3, 1]));
    assert_eq!(sized(&row, &one, &row).shape(), [3, 5]);
    assert_eq!(sized(&one, &row, &one).shape(), [3, 5]);
    assert_eq!(sized::stats().compilations, 2);
}

#[test]
fn results_do_not_depend_on_threads() {
    let n = 1_500_000;
    let x = Tensor::linspace(-3.0, 3.0, n);
    let m = Tensor::linspace(-1.0, 1.0, 400 * 400).reshape([400, 400]);
    let run = || (chain(&x, &x, &x), x.sum(), m.matmul(&m));
    jit_runtime::set_threads(1);
    let one = run();
    for threads in [2, 3, 8] {
        jit_runtime::set_threads(threads);
        assert!(run() == one, "{threads} threads");
    }
}

#[test]
fn explain_names_kernels_and_lines() {
    let x = Tensor::from([1.0]);
    let text = chain::lower(&x, &x, &x).explain();
    // Optimised builds have native kernels.
    let tier = if cfg!(debug_assertions) {
        "one kernel of 5 instructions, tile by tile"
    } else {
        "one native kernel"
    };
    assert!(text.contains(&format!("{tier}: mul add tanh sigmoid mul mul mul sub")), "{text}");
    assert!(text.contains("tests/tests/graphs.rs:"), "{text}");
}

#[script]
fn masked_attention(q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    Tensor::scaled_dot_product_attention(q, k, v, true).tanh() * 2.0 + v
}

#[test]
fn optimised_graphs_are_functions_too() {
    let x = Tensor::from((0..96).map(|i| (i * 37 % 19) as f32 / 7.0 - 1.0).collect::<Vec<_>>())
        .reshape([2, 6, 8]);
    let expected = masked_attention(&x, &x, &x);
    let optimised = masked_attention::lower(&x, &x, &x).graph();
    assert!(optimised.count_ops(jit_ir::Op::Fused) > 0, "{optimised}");
    for graph in [masked_attention::graph(), optimised] {
        let parsed = jit_runtime::Graph::parse(&graph.to_string()).expect("graphs print as they parse");
        let function = jit_runtime::Function::new(parsed).expect("it calls nothing");
        let again: Tensor = function.call((&x, &x, &x)).expect("it runs");
        assert_eq!(again, expected);
    }
}

#[test]
fn a_loop_whose_count_was_never_set_makes_no_trip() {
    use jit_ir::interp::{self, Value};
    let text = "\
fn f(%x: f32[*], %go: bool) -> f32[*] {
  %n: usize = undef()
  %0: f32[*] = loop(%n, %x) {keep} while (%a: f32[*]) {
    yield true
  } do (%i: usize, %b: f32[*]) {
    %c: f32[*] = mul(%b, 2.0_f32)
    yield %c
  }
  %1: f32[*] = if %go {
    yield %0
  } else {
    yield %x
  }
  return %1
}
";
    let graph = jit_runtime::Graph::parse(text).unwrap();
    let data = jit_ir::TensorData::from_scalars(jit_ir::DType::F32, vec![1], &[jit_ir::Scalar::F32(1.0)]);
    let x = Value::Tensor(std::sync::Arc::new(data));
    let args = [x.clone(), Value::Scalar(jit_ir::Scalar::Bool(false))];
    assert!(interp::run(&graph, &args, None).unwrap()[0].same_bits(&x));
    for optimise in [false, true] {
        assert!(testing::run(&graph, &args, testing::Layout::Plain, optimise).unwrap()[0].same_bits(&x));
    }
}

#[test]
fn memory_is_for_the_sizes_that_were_lowered() {
    #[script]
    fn chained(x: &Tensor) -> Tensor {
        (x * 2.0).tanh() + x
    }
    chained(&Tensor::zeros([0]));
    let [small, large] = [100, 1000].map(|n| chained::lower(&Tensor::zeros([n])));
    for (compiled, bytes) in [(&small, "400 B"), (&large, "4000 B")] {
        let expected = format!("memory for these sizes: arguments {bytes}, results {bytes}");
        assert!(compiled.explain().contains(&expected), "{}", compiled.explain());
    }
}
