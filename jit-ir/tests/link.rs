//! Linking: structured values become their leaves, calls their bodies, open literals typed.

use expect_test::{Expect, expect};
use jit_ir::link::{Callee, Library, link};
use jit_ir::{Const, DType, Graph, Scalar, Tree, Type};

fn tensor() -> Tree<Type> {
    Tree::Leaf(Type::tensor(DType::F32))
}

fn layer() -> Tree<Type> {
    let bias = Tree::Option(Type::Scalar(DType::Bool), Box::new(tensor()));
    Tree::Record(vec![("w".into(), tensor()), ("b".into(), bias)])
}

struct Names(Graph);

impl Library for Names {
    fn callee(&self, name: &str) -> Option<Callee<'_>> {
        (name == "g").then(|| Callee::Function(vec![&self.0], self))
    }
    fn constant(&self, name: &str) -> Option<Tree<Const>> {
        (name == "EPS").then_some(Tree::Leaf(Const::Scalar(Scalar::F32(0.5))))
    }
}

fn check(text: &str, params: &[Tree<Type>], result: Option<Tree<Type>>, expected: Expect) {
    let callee =
        Graph::parse("fn g(%a: f32[*], %by: f32) -> f32[*] {\n  %0: f32[*] = mul(%a, %by)\n  return %0\n}");
    let graph = Graph::parse(text).unwrap_or_else(|e| panic!("{e}"));
    match link(&graph, params, result.as_ref(), &Names(callee.unwrap())) {
        Ok(linked) => {
            jit_ir::verify::verify(&linked).unwrap();
            let text = linked.to_string();
            assert_eq!(Graph::parse(&text).unwrap(), linked);
            expected.assert_eq(&text);
        }
        Err(e) => expected.assert_eq(&e.message),
    }
}

#[test]
fn calls_become_bodies_and_literals_take_the_callees_type() {
    check(
        "fn f(%x: f32[*]) -> f32[*] {\n  %0: _ = call(%x, 2.0) {text = \"g\"}\n  %1: _ = add(%0, 1.0)\n  %e: _ = named() {text = \"EPS\"}\n  %2: _ = sub(%1, %e)\n  return %2\n}",
        &[tensor()],
        Some(tensor()),
        expect![[r#"
            fn f(%x: f32[*]) -> f32[*] {
              %0: f32[*] = mul(%x, 2.0_f32)
              %1: f32[*] = add(%0, 1.0_f32)
              %2: f32[*] = sub(%1, 0.5_f32)
              return %2
            }
        "#]],
    );
}

#[test]
fn structs_lists_and_options_become_leaves() {
    let text = "fn f(%layers: _, %x: f32[*]) -> _ {
  %n: usize = len(%layers)
  %y: _ = loop(%n, %x) {keep} while (%h: f32[*]) {
    yield true
  } do (%i: usize, %h.1: f32[*]) {
    %layer: _ = index(%layers, %i)
    %w: _ = field(%layer) {text = \"w\"}
    %0: _ = matmul(%h.1, %w)
    %b: _ = field(%layer) {text = \"b\"}
    %has: _ = method(%b) {text = \"is_some\"}
    %1: _ = if %has {
      %bias: _ = method(%b) {text = \"unwrap\"}
      %2: _ = add(%0, %bias)
      yield %2
    } else {
      yield %0
    }
    yield %1
  }
  %m: _ = record(%y, %n) {text = \"y n\"}
  return %m
}";
    let result =
        Tree::Record(vec![("n".into(), Tree::Leaf(Type::Scalar(DType::Usize))), ("y".into(), tensor())]);
    check(
        text,
        &[Tree::list(layer()), tensor()],
        Some(result),
        expect![[r#"
        fn f(%layers_w: list<f32[*]>, %layers_b_is_some: list<bool>, %layers_b: list<f32[*]>, %x: f32[*]) -> (usize, f32[*]) {
          %n: usize = len(%layers_w)
          %y: f32[*] = loop(%n, %x) {keep} while (%h: f32[*]) {
            yield true
          } do (%0: usize, %h.1: f32[*]) {
            %w: f32[*] = index(%layers_w, %0)
            %has: bool = index(%layers_b_is_some, %0)
            %bias: f32[*] = index(%layers_b, %0)
            %1: f32[*] = matmul(%h.1, %w)
            %2: f32[*] = if %has {
              %3: f32[*] = add(%1, %bias)
              yield %3
            } else {
              yield %1
            }
            yield %2
          }
          return %n, %y
        }
    "#]],
    );
}

#[test]
fn what_a_list_holds_is_found_out_by_a_trip() {
    let text = "fn f(%x: f32[*], %n: usize) -> _ {
  %empty: _ = list()
  %all: _, %s: _ = loop(%n, %empty, 0.0) {keep} while (%a: _, %s.0: _) {
    yield true
  } do (%i: usize, %l: _, %s.1: _) {
    %pair: _ = tuple(%x, %i)
    %next: _ = push(%l, %pair)
    %t: f32[] = sum(%x)
    %u: f32 = item(%t)
    %v: _ = add(%s.1, %u)
    yield %next, %v
  }
  %r: _ = tuple(%all, %s)
  return %r
}";
    check(
        text,
        &[tensor(), Tree::Leaf(Type::Scalar(DType::Usize))],
        None,
        expect![[r#"
        fn f(%x: f32[*], %n: usize) -> (list<f32[*]>, list<usize>, f32) {
          %0: list<f32[*]> = list()
          %1: list<usize> = list()
          %2: list<f32[*]>, %3: list<usize>, %s: f32 = loop(%n, %0, %1, 0.0_f32) {keep} while (%a: list<f32[*]>, %a.1: list<usize>, %s.1: f32) {
            yield true
          } do (%4: usize, %l: list<f32[*]>, %l.1: list<usize>, %s.2: f32) {
            %5: list<f32[*]> = push(%l, %x)
            %6: list<usize> = push(%l.1, %4)
            %t: f32[*] = sum(%x)
            %u: f32 = item(%t)
            %v: f32 = add(%s.2, %u)
            yield %5, %6, %v
          }
          return %2, %3, %s
        }
    "#]],
    );
}

#[test]
fn misfits_are_errors() {
    let field = "fn f(%m: _) -> _ {\n  %0: _ = field(%m) {text = \"v\"}\n  return %0\n}";
    check(field, &[layer()], None, expect!["a struct has no field `v`"]);
    let unknown = "fn f(%m: _) -> _ {\n  %0: _ = call(%m) {text = \"h\"}\n  return %0\n}";
    check(unknown, &[tensor()], None, expect!["`h` is called but not known"]);
    let add = "fn f(%m: _) -> _ {\n  %0: _ = add(%m, 1.0)\n  return %0\n}";
    check(
        add,
        &[layer()],
        None,
        expect![
            "add: this is a struct, and `add` is taken for the method of a tensor or a number; say of which type the value is where it is bound: `let value: Type = ..;`"
        ],
    );
}
