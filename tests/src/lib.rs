//! Tests across the crates live in `tests/`; here is what they share, and the code in the README is compiled.

pub mod bits;
pub mod methods;
pub mod models;

/// Declares functions twice, as scripts and as plain Rust, and a test for each that compares all
/// modes on the given arguments.
#[macro_export]
#[allow(clippy::crate_in_macro_def, reason = "the functions stand in the test that uses it")]
macro_rules! conform {
    ($($(#[$meta:meta])* fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block with [$($values:expr),* $(,)?])*) => {
        $(
            #[script]
            #[allow(clippy::all, unused)]
            fn $name($($arg: $ty),*) -> $ret $body
        )*
        mod plain {
            use super::*;
            $(
                #[allow(clippy::all, unused)]
                pub(super) fn $name($($arg: $ty),*) -> $ret $body
            )*
        }
        mod native {
            use super::*;
            $(
                #[script(native)]
                #[allow(clippy::all, unused)]
                pub(super) fn $name($($arg: $ty),*) -> $ret $body
            )*
        }
        mod traced {
            use super::*;
            $(
                #[trace]
                #[allow(clippy::all, unused)]
                pub(super) fn $name($($arg: $ty),*) -> $ret $body
            )*
        }
        mod modes {
            use super::*;
            $(
                #[test]
                fn $name() {
                    fn one(($($arg,)*): ($($ty,)*)) {
                        let text = crate::$name::graph().to_string();
                        let expected = plain::$name($(::core::clone::Clone::clone(&$arg)),*);
                        let first = crate::$name($(::core::clone::Clone::clone(&$arg)),*);
                        assert!($crate::same(&first, &expected), "first call: {first:?}, expected {expected:?}\n{text}");
                        let again = crate::$name($(::core::clone::Clone::clone(&$arg)),*);
                        assert!($crate::same(&again, &expected), "second call: {again:?}, expected {expected:?}");
                        let body = jit_runtime::eager(|| crate::$name($(::core::clone::Clone::clone(&$arg)),*));
                        assert!($crate::same(&body, &expected), "eager: {body:?}, expected {expected:?}");
                        let plain = jit_runtime::testing::without_passes(|| crate::$name($(::core::clone::Clone::clone(&$arg)),*));
                        assert!($crate::same(&plain, &expected), "without passes: {plain:?}, expected {expected:?}");
                        crate::$name::check($(::core::clone::Clone::clone(&$arg)),*).unwrap();
                        let native = native::$name($(::core::clone::Clone::clone(&$arg)),*);
                        assert!($crate::same(&native, &expected), "native kernels: {native:?}, expected {expected:?}");
                        for call in ["recorded", "checked", "replayed"] {
                            let got = traced::$name($(::core::clone::Clone::clone(&$arg)),*);
                            assert!($crate::same(&got, &expected), "{call}: {got:?}, expected {expected:?}");
                        }
                        if !text.contains("call(") && !text.contains("named(") {
                            let graph = jit_runtime::Graph::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
                            let got: $ret = jit_runtime::Function::new(graph).unwrap().call(($($arg,)*)).unwrap();
                            assert!($crate::same(&got, &expected), "parsed: {got:?}, expected {expected:?}");
                        }
                    }
                    $(one($values);)*
                    assert!(crate::$name::stats().calls >= 2, "compiled runs happened");
                }
            )*
        }
    };
}

/// Whether two values print alike: Debug shows type, shape and every element.
pub fn same<T: std::fmt::Debug>(a: &T, b: &T) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

/// Arguments of the random programs that `build.rs` writes.
pub fn program_inputs() -> Vec<(i64, i64, f32, jit_runtime::Tensor)> {
    use jit_runtime::Tensor;
    vec![
        (0, 0, 0.0, Tensor::from([0.0, 0.0, 0.0])),
        (3, -2, 0.75, Tensor::from([1.0, -0.5, 0.25])),
        (-7, 5, -1.5, Tensor::from([-1.0, 2.0, 0.5])),
        (100, 41, 2.5, Tensor::from([f32::NAN, 1.0, -2.0])),
    ]
}

/// A script of another crate than its callers.
#[jit_runtime::script]
pub fn halved(x: &jit_runtime::Tensor, by: Halving) -> jit_runtime::Tensor {
    x * by.factor + by.shift.sum()
}

/// A struct of another crate.
#[derive(Clone, Debug, jit_runtime::Pytree)]
pub struct Halving {
    /// What it multiplies by.
    pub factor: f32,
    /// What it adds the sum of.
    pub shift: jit_runtime::Tensor,
}

#[jit_runtime::script]
impl Halving {
    /// Twice.
    pub fn twice(&self, x: &jit_runtime::Tensor) -> jit_runtime::Tensor {
        x * self.factor * self.factor
    }
}

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
