//! Methods and functions that scripts do not know: what to write instead.
//!
//! rustc reports a name that does not exist, and says which one is near. A script adds to that only where it knows better
//! what is meant (names of other libraries), and speaks of what exists in Rust and not in a script.

use jit_ir::ops::foreign::{self, Kind};
use jit_ir::ops::methods;
use proc_macro2::Ident;

use super::{Lowered, Lowerer};
use crate::diag::{Code, similar};

/// What a method is called on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiver {
    Tensor,
    Scalar,
    List,
    Option,
    Other,
}

/// Methods of `Vec` and slices.
const LISTS: &str = "append binary_search capacity chunks concat contains copy_from_slice dedup drain extend \
    extend_from_slice fill first first_mut get get_mut insert is_sorted iter iter_mut into_iter join last last_mut pop position \
    remove resize retain reverse rotate_left rotate_right sort sort_by sort_by_key sort_unstable splice split_at split_first \
    split_last split_off starts_with swap swap_remove truncate windows";

/// Methods of numbers.
const NUMBERS: &str = "abs_diff acosh asinh atanh cbrt checked_add checked_div checked_mul checked_neg checked_pow checked_rem \
    checked_shl checked_shr checked_sub classify cmp copysign count_ones count_zeros div_ceil eq exp2 fract hypot ilog \
    ilog10 ilog2 into is_infinite is_negative is_normal is_positive is_power_of_two is_sign_negative is_sign_positive \
    is_subnormal isqrt leading_ones leading_zeros log log10 max_value maximum midpoint min_value minimum mul_add \
    next_down next_multiple_of next_power_of_two next_up overflowing_add overflowing_mul overflowing_sub partial_cmp \
    reverse_bits rotate_left rotate_right round_ties_even saturating_pow sin_cos swap_bytes then then_some to_be \
    to_bits to_degrees to_le to_radians to_string total_cmp trailing_ones trailing_zeros try_into unsigned_abs \
    wrapping_neg wrapping_pow wrapping_shl wrapping_shr";

/// Methods of `Option`.
const OPTIONS: &str = "and and_then as_deref as_mut cloned copied expect filter flatten get_or_insert insert is_none_or is_some_and \
    iter map map_or map_or_else ok_or ok_or_else or or_else replace take then unwrap unwrap_or_default unwrap_or_else xor zip";

/// Methods of `Tensor` that work on the host.
const TENSORS: &str =
    "as_faer as_ndarray as_slice eq fmt into rows to_faer to_ndarray to_string to_vec try_into";

impl Receiver {
    /// Whether Rust has a method that scripts do not know.
    fn has(self, name: &str) -> bool {
        let names = match self {
            Receiver::Tensor => TENSORS,
            Receiver::Scalar => NUMBERS,
            Receiver::List => LISTS,
            Receiver::Option => OPTIONS,
            Receiver::Other => return false,
        };
        names.split_whitespace().any(|known| known == name)
    }

    fn kind(self) -> Option<Kind> {
        match self {
            Receiver::Tensor => Some(Kind::Method),
            Receiver::Scalar => Some(Kind::Scalar),
            Receiver::List | Receiver::Option | Receiver::Other => None,
        }
    }

    /// What scripts know.
    fn known(self) -> Vec<String> {
        match self {
            Receiver::Tensor => methods::names(),
            Receiver::Scalar => methods::scalar_names(),
            Receiver::List => ["len", "push", "is_empty", "clear"].map(String::from).to_vec(),
            Receiver::Option => ["is_some", "is_none", "unwrap_or"].map(String::from).to_vec(),
            Receiver::Other => Vec::new(),
        }
    }
}

impl Lowerer<'_> {
    /// A method that scripts do not know.
    pub(super) fn unknown_method<T>(&mut self, e: &syn::ExprMethodCall, receiver: Receiver) -> Lowered<T> {
        let name = e.method.to_string();
        let what = format!("scripts do not know the method `{name}`");
        let instead = receiver.kind().and_then(|kind| foreign::instead(kind, &name));
        if let Some(instead) = instead {
            if !receiver.has(&name) {
                // rustc would suggest a name that is spelt alike.
                self.hide_body();
            }
            return self.error(&e.method, Code::Method, what, format!("instead: {instead}"));
        }
        let help = help(&name, receiver);
        if receiver.has(&name) {
            return self.error(&e.method, Code::Method, what, help);
        }
        self.after_rustc(e.method.span(), Code::Method, what, help)
    }

    /// `Tensor::name`, which scripts do not know; `exists`: whether Rust does.
    pub(super) fn unknown_function<T>(&mut self, name: &Ident, exists: bool) -> Lowered<T> {
        let text = name.to_string();
        let what = format!("scripts do not know `Tensor::{text}`");
        if let Some(instead) = foreign::instead(Kind::Function, &text) {
            if !exists {
                self.hide_body();
            }
            return self.error(name, Code::Method, what, format!("instead: {instead}"));
        }
        let help = "make the tensor outside and pass it as an argument";
        if exists {
            return self.error(name, Code::Method, what, help);
        }
        self.after_rustc(name.span(), Code::Method, what, help)
    }

    /// Leaves the body out of what rustc sees, which would report the same in other words.
    pub(super) fn hide_body(&mut self) {
        self.errors.hidden.insert(self.signature.name.clone());
    }
}

/// What to say of a method of a value of unknown type that is no script: a method of std, or one of the user's.
pub(super) fn no_script(name: &str) -> (Code, String, String) {
    let receivers = [Receiver::Scalar, Receiver::List, Receiver::Option];
    match receivers.into_iter().find(|receiver| receiver.has(name)) {
        Some(receiver) => {
            let instead = receiver.kind().and_then(|kind| foreign::instead(kind, name));
            let help = instead.map_or_else(|| help(name, receiver), |instead| format!("instead: {instead}"));
            (Code::Method, format!("scripts do not know the method `{name}`"), help)
        }
        None => (
            Code::Call,
            format!("`{name}` is no script: a script calls methods of a `#[script] impl` block"),
            format!(
                "write `#[script]` above the `impl` block of `{name}`, or pass what it gives as an argument"
            ),
        ),
    }
}

fn help(name: &str, receiver: Receiver) -> String {
    match (name, receiver) {
        ("unwrap" | "expect", _) => "write `?` after the call, or `if let Some(x) = option { .. }`".into(),
        ("iter" | "into_iter" | "map" | "filter" | "for_each" | "fold" | "collect", _) => {
            "write a `for` loop".into()
        }
        ("to_string" | "into" | "try_into", _) => {
            "convert scalars by `as`, tensors by `.cast::<f32>()`".into()
        }
        (_, Receiver::Option) => "write `if let Some(x) = option { .. } else { .. }`".into(),
        (_, Receiver::List) => "build the list by `push`, and read it by index: `xs[xs.len() - 1]`".into(),
        (_, receiver) => match similar(name, receiver.known().iter().map(String::as_str)) {
            Some(other) if !receiver.has(name) => format!("did you mean `{other}`?"),
            _ => "compute it outside and pass it as an argument, or trace the function".into(),
        },
    }
}
