use jit_runtime::prelude::*;

#[script]
fn fails(x: f32) -> Result<f32> {
    let error = make();
    if x > 1.0 {
        return Err(error);
    }
    Ok(x)
}

#[script]
fn make() -> f32 {
    1.0
}

fn main() {}
