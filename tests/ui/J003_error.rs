use jit_runtime::prelude::*;

#[script]
fn fails(x: f32) -> Result<f32, String> {
    Ok(x)
}

fn main() {}
