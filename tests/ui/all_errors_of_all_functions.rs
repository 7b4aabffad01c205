use jit_runtime::prelude::*;

#[script]
fn first(x: &Tensor) -> Tensor {
    println!("{x}");
    let y = x.sigmoyd();
    let f = |v: f32| v;
    y
}

#[script]
fn second(x: &Tensor) -> Tensor {
    if x { x.clone() } else { x.exp2() }
}

fn main() {}
