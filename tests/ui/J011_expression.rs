use jit_runtime::prelude::*;

#[script]
fn all_at_once(x: &Tensor, n: i32) -> Tensor {
    let f = |y: f32| y + 1.0;
    let y = match n {
        0 => x * 2.0,
        _ => x * 3.0,
    };
    let z = if let Some(k) = Some(2.0_f32) { x * k } else { x.clone() };
    y + z
}

fn main() {}
