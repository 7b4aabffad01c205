use jit_runtime::prelude::*;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Fast,
    Slow,
}

#[script]
fn selected(x: &Tensor, fast: bool) -> Tensor {
    let mode = Mode::Slow;
    x * 2.0
}

fn main() {}
