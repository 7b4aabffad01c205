// Everyday mistakes about types, each reported once: by rustc, or by the script where it says more.
// A line with a mistake ends with the code of its one error.
#![allow(unused)]
use jit_runtime::prelude::*;

#[derive(Clone, Debug, Pytree)]
struct Layer {
    w: Tensor,
    b: Option<Tensor>,
    k: i64,
}

#[script]
fn helper(x: &Tensor, k: f32) -> Tensor { x * k }

#[script]
fn index_of_another_type(e: &Tensor, obs: &Tensor<i64>) -> Tensor { e.index_axis(1, obs[0]) } //~ E0308
#[script]
fn f32_by_usize(x: &Tensor) -> f32 { x.sum().item() / x.len() } //~ E0277
#[script]
fn tensor_for_scalar(x: &Tensor) -> f32 { x.sum() } //~ E0308
#[script]
fn scalar_for_tensor(x: &Tensor) -> Tensor { x.sum().item() } //~ E0308
#[script]
fn no_such_field(l: &Layer) -> Tensor { l.weight.clone() } //~ E0609
#[script]
fn field_of_another_type(l: &Layer) -> f32 { l.k } //~ E0308
#[script]
fn option_for_tensor(l: &Layer, x: &Tensor) -> Tensor { x + &l.b } //~ E0277
#[script]
fn element_types_differ(x: &Tensor, y: &Tensor<f64>) -> Tensor { x + y } //~ E0277
#[script]
fn tensor_and_other_scalar(x: &Tensor, k: f64) -> Tensor { x * k } //~ E0277
#[script]
fn tensor_and_int(x: &Tensor) -> Tensor { x * 2 } //~ E0277
#[script]
fn wrong_annotation(x: &Tensor) -> Tensor { let y: Tensor<f64> = x.exp(); y.cast::<f32>() } //~ E0308
#[script]
fn wrong_scalar_annotation(x: &Tensor) -> f32 { let y: f32 = x.len(); y } //~ E0308
#[script]
fn int_and_float(n: i64, x: f32) -> f32 { n * x } //~ E0277
#[script]
fn float_and_int_literal(x: f32) -> f32 { x + 1 } //~ E0277
#[script]
fn integers_differ(n: i64, k: usize) -> i64 { let m: i64 = k; n + m } //~ E0308
#[script]
fn bool_as_number(x: &Tensor) -> f32 { (x.sum() > 1.0) + 1.0 } //~ E0369
#[script]
fn number_as_condition(n: i64, x: &Tensor) -> Tensor { if n { x.clone() } else { x * 2.0 } } //~ E0308
#[script]
fn branches_differ(n: i64, x: &Tensor) -> Tensor { if n > 0 { x.clone() } else { 2.0 } } //~ E0308
#[script]
fn missing_else(n: i64, x: &Tensor) -> Tensor { if n > 0 { x.clone() } } //~ E0317
#[script]
fn semicolon(x: &Tensor) -> Tensor { x * 2.0; } //~ E0308
#[script]
fn assigned_another_type(x: &Tensor) -> Tensor { let mut n = 1; n = x.clone(); x * 2.0 } //~ E0308
#[script]
fn too_few_arguments(x: &Tensor) -> Tensor { helper(x) } //~ E0061
#[script]
fn too_many_arguments(x: &Tensor) -> Tensor { helper(x, 1.0, 2.0) } //~ E0061
#[script]
fn argument_of_another_type(x: &Tensor) -> Tensor { helper(x, x) } //~ E0308
#[script]
fn argument_not_borrowed(x: Tensor) -> Tensor { helper(x, 1.0) } //~ E0308
#[script]
fn method_arguments(x: &Tensor) -> Tensor { x.slice_axis(0, 1) } //~ E0061
#[script]
fn axis_is_a_float(x: &Tensor) -> Tensor { x.softmax(1.0) } //~ E0277
#[script]
fn indices_are_floats(x: &Tensor) -> Tensor { x.take(0, &Tensor::from([0.0, 1.0])) } //~ E0277
#[script]
fn size_is_a_float(x: &Tensor) -> Tensor { Tensor::zeros([3.0]) } //~ E0277
#[script]
fn index_is_signed(x: &Tensor, i: i64) -> f32 { x[i] } //~ E0277
#[script]
fn index_is_a_tensor(x: &Tensor, i: &Tensor<i64>) -> f32 { x[i] } //~ E0277
#[script]
fn list_index_is_signed(xs: &[Tensor], i: i64) -> Tensor { xs[i].clone() } //~ E0277
#[script]
fn pushed_another_type(x: &Tensor) -> Vec<Tensor> { let mut v = vec![x.clone()]; v.push(1.0); v } //~ E0308
#[script]
fn list_of_different(x: &Tensor) -> Vec<Tensor> { vec![x.clone(), 1.0] } //~ E0308
#[script]
fn returned_another_type(x: &Tensor, n: i64) -> Tensor { if n > 1 { return n; } x.clone() } //~ E0308
#[script]
fn result_of_another_type(x: &Tensor) -> (Tensor, f32) { (x.clone(), x.len()) } //~ E0308
#[script]
fn tuple_too_short(x: &Tensor) -> (Tensor, f32) { (x.clone(),) } //~ E0308
#[script]
fn taken_apart_wrongly(p: (f32, f32)) -> f32 { let (a, b, c) = p; a + b + c } //~ E0308
#[script]
fn no_such_part(p: (f32, f32)) -> f32 { p.0 + p.2 } //~ E0609
#[script]
fn missing_field(x: &Tensor) -> Layer { Layer { w: x.clone(), k: 1 } } //~ E0063
#[script]
fn no_such_field_in_literal(x: &Tensor) -> Layer { Layer { w: x.clone(), b: None, k: 1, name: 2 } } //~ E0560
#[script]
fn float_field(x: &Tensor) -> Layer { Layer { w: x.clone(), b: None, k: 1.0 } } //~ E0308
#[script]
fn loop_bound_is_a_float(x: &Tensor) -> f32 { let mut t = 0.0; for i in 0..2.0 { t += 1.0; } t } //~ E0308
#[script]
fn range_of_different(n: i64, k: usize) -> i64 { let mut t = 0; for i in n..k { t += 1; } t } //~ E0308
#[script]
fn compared_with_another_type(x: &Tensor, n: i64) -> bool { n > 1.0 } //~ E0308
#[script]
fn compared_tensor_with_int(x: &Tensor) -> bool { x.sum() > 1 } //~ E0277
#[script]
fn not_of_a_float(x: f32) -> f32 { !x } //~ E0600
#[script]
fn minus_of_a_size(n: usize) -> i64 { -n as i64 } //~ E0600
#[script]
fn cast_of_a_tensor(x: &Tensor) -> f32 { x as f32 } //~ E0606
#[script]
fn matched_another_type(n: i64) -> i64 { match n { 0 => 1, true => 2, _ => 3 } } //~ E0308
#[script]
fn arms_differ(n: i64) -> i64 { match n { 0 => 1, _ => 2.0 } } //~ E0308
#[script]
fn wrong_error(x: &Tensor) -> Result<Tensor> { x.clone() } //~ E0308
#[script]
fn ok_missing(x: &Tensor) -> Result<f32> { Ok(x.sum()) } //~ E0308
#[script]
fn generic<T: Float>(x: &Tensor<T>) -> Tensor<T> { x * 2.0 } //~ E0277
#[script]
fn clamp_of_different(x: f32, n: i64) -> f32 { x.clamp(0.0, n) } //~ E0308
#[script]
fn max_of_different(n: usize, k: i64) -> usize { n.max(k) } //~ E0308
#[script]
fn turbofish(x: &Tensor) -> Tensor<i64> { x.cast::<f64>() } //~ E0308
#[script]
fn option_compared(b: Option<f32>) -> bool { b > 1.0 } //~ E0308
#[script]
fn some_of_another(x: &Tensor, b: Option<f32>) -> Tensor { if let Some(b) = b { b } else { x.clone() } } //~ E0308
#[script]
fn assert_of_a_number(x: &Tensor, n: i64) -> Tensor { assert!(n); x.clone() } //~ E0308
#[script]
fn len_as_float(x: &Tensor) -> Tensor { x / x.len() } //~ E0277
#[script]
fn undefined_name(x: &Tensor) -> Tensor { x * scale } //~ J015
#[script]
fn misspelt_method(x: &Tensor) -> Tensor { x.tanhh() } //~ E0599
#[script]
fn misspelt_method_of_a_number(x: f32) -> f32 { x.sqrrt() } //~ E0599
#[script]
fn misspelt_method_of_a_field(l: &Layer) -> Tensor { l.w.tanhh() } //~ E0599
#[script]
fn misspelt_method_of_a_part(l: &Layer, n: i64) -> Tensor { let m = l.clone(); if n > 1 { m.fordward(&l.w) } else { l.w.clone() } } //~ E0599
#[script]
fn misspelt_function(x: &Tensor) -> Tensor { Tensor::zeroes([3]) } //~ E0599
#[script]
fn method_of_std(n: i64) -> i64 { n.abs_diff(3) as i64 } //~ J020
#[script]
fn method_of_a_list(xs: Vec<f32>) -> f32 { xs.first().copied().unwrap_or(0.0) } //~ J020
#[script]
fn method_of_another_library(x: &Tensor) -> Tensor { x.log() } //~ J020
#[script]
fn function_of_another_library(x: &Tensor) -> Tensor { Tensor::cat(&[x, x], 0) } //~ J020
