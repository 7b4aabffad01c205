use jit_runtime::prelude::*;

#[script]
fn rows(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for row in x.rows() {
        y = y + row;
    }
    y
}

#[script]
fn endless(x: &Tensor) -> Tensor {
    loop {
        let y = x * 2.0;
    }
}

fn main() {}
