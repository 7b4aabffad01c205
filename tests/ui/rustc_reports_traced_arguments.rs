use jit_runtime::prelude::*;

struct Settings {
    rate: f32,
}

#[trace]
fn step(x: &Tensor, settings: &Settings) -> Tensor {
    x * settings.rate
}

#[trace]
fn owned(x: &Tensor, settings: Settings) -> Tensor {
    x * settings.rate
}

fn main() {}
