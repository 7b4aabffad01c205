use jit_runtime::prelude::*;

macro_rules! twice {
    ($x:expr) => {
        $x * 2.0
    };
}

#[script]
fn doubled(x: &Tensor) -> Tensor {
    twice!(x)
}

fn main() {}
