//! The checks of declared shapes, for bodies that run as they are.

use std::panic::Location;

use crate::error::{Error, fail};

/// A declared size.
pub enum Size {
    /// This one.
    Number(usize),
    /// The same wherever the name stands.
    Name(&'static str),
    /// Any.
    Open,
}

/// A parameter's name and shape; whether further axes may come first; the declared sizes, as written too; where.
type DeclaredShape<'a> = (&'a str, &'a [usize], bool, &'a [Size], &'a str, &'static Location<'static>);

/// The place of the tokens that call it, to which macros give the place of the user's. They call it in a `const` block: a
/// function that knows its caller's line would pass that on.
#[track_caller]
pub const fn here() -> &'static Location<'static> {
    Location::caller()
}

/// Fails unless the shapes are those declared, with the messages that a graph's assertions have.
#[track_caller]
pub fn check_shapes(shapes: &[DeclaredShape<'_>]) {
    let mut known: Vec<(&str, usize)> = Vec::new();
    for (param, shape, leading, sizes, text, at) in shapes {
        let wrong = |message: String| Error::Assert { message, at: Some((*at).into()) };
        let rank = shape.len();
        if rank < sizes.len() || (rank > sizes.len() && !leading) {
            fail(wrong(format!("shape: `{param}` has rank {rank}, declared {text}")));
        }
        for (i, size) in sizes.iter().enumerate() {
            let found = shape[rank - sizes.len() + i];
            let axis = if *leading { i as i64 - sizes.len() as i64 } else { i as i64 };
            match size {
                Size::Number(n) if *n != found => {
                    fail(wrong(format!(
                        "shape: axis {axis} of `{param}` is {found}, not {n}: declared {text}"
                    )));
                }
                Size::Name(name) => match known.iter().find(|(other, _)| other == name) {
                    Some((_, n)) if *n != found => fail(wrong(format!(
                        "shape: axis {axis} of `{param}` is {found}, and `{name}` is {n}: declared {text}"
                    ))),
                    Some(_) => {}
                    None => known.push((*name, found)),
                },
                _ => {}
            }
        }
    }
}
