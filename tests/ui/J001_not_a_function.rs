use jit_runtime::prelude::*;

#[script]
struct NotAFunction;

fn main() {}
