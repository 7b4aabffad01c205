use jit_runtime::prelude::*;

#[script]
fn labelled(x: f32) -> f32 {
    let y = 'out: {
        if x > 1.0 {
            break 'out 2.0;
        }
        3.0
    };
    x * y
}

fn main() {}
