// Everyday mistakes about ownership and initialisation, which rustc looks for once the types are right: each is reported once.
#![allow(unused)]
use jit_runtime::prelude::*;

#[script]
fn used_after_move(x: Tensor) -> Tensor { let y = x; x + y } //~ E0382
#[script]
fn moved_in_a_loop(x: Tensor) -> Vec<Tensor> { let mut v = vec![]; for _ in 0..2 { v.push(x); } v } //~ E0382
#[script]
fn not_mutable(x: &Tensor) -> Tensor { let y = x * 2.0; y = x * 3.0; y } //~ E0384
#[script]
fn write_to_immutable(x: &Tensor) -> Tensor { let y = x.clone(); y[0] = 1.0; y } //~ E0596
#[script]
fn not_initialised(x: &Tensor, n: i64) -> Tensor { let y; if n > 0 { y = x * 2.0; } y } //~ E0381
#[script]
fn moved_out_of_a_borrow(xs: &[Tensor]) -> Tensor { xs[0] } //~ E0508
#[script]
fn arms_missing(n: i64) -> i64 { match n { 0 => 1, 1 => 2 } } //~ E0004
#[script]
fn part_moved(p: (Tensor, Tensor)) -> Tensor { let (a, b) = p; a + b + p.0 } //~ E0382
