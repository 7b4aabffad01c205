//! Random programs whose loops are scalar code (written by `build.rs`): as plain Rust, as register programs and as native
//! loops they give the same bits.
#![allow(warnings, clippy::all)]

use jit_runtime::prelude::*;
use jit_runtime::testing;
use jit_tests::{program_inputs as inputs, same};

macro_rules! programs {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block)*) => {
        mod plain {
            use super::*;
            $(pub(super) fn $name($($arg: $ty),*) -> $ret $body)*
        }
        mod interpreted {
            use super::*;
            $(#[script] pub(super) fn $name($($arg: $ty),*) -> $ret $body)*
        }
        mod native {
            use super::*;
            $(#[script(native)] pub(super) fn $name($($arg: $ty),*) -> $ret $body)*
        }
        $(
            #[test]
            fn $name() {
                for (a, b, x, t) in inputs() {
                    let expected = plain::$name(a, b, x, &t);
                    let script = interpreted::$name(a, b, x, &t);
                    assert!(same(&script, &expected), "script on {a} {b} {x} {t:?}: {script:?}, expected {expected:?}");
                    let native = native::$name(a, b, x, &t);
                    assert!(same(&native, &expected), "native on {a} {b} {x} {t:?}: {native:?}, expected {expected:?}");
                }
                // No run fell back to the graph as written.
                assert_eq!(testing::fallbacks(), 0);
            }
        )*

        #[test]
        fn most_loops_are_native() {
            let (mut native, mut programs, mut steps) = (0, 0, 0);
            let (a, b, x, t) = inputs().remove(0);
            $(
                let explain = native::$name::lower(a, b, x, &t).explain();
                native += explain.matches("native loop of scalar code").count();
                programs += explain.matches("register program").count();
                steps += explain.matches("carried values").count();
            )*
            // Loops in which a tensor changes its place are neither; long ones are not written out.
            assert!(native > 100 && programs < 5 && steps < 20, "{native} native, {programs} programs, {steps} other");
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/scalar_programs.rs"));
