//! How messages name an op: as the user wrote it.

use super::host::FUNCTIONS;
use super::{Attrs, Op};

impl Op {
    /// The op's name in messages. That is the name of the method, operator or form that a user writes; the text form of
    /// graphs has names of its own for what is no method ([`Op::name`]).
    pub fn shown(self) -> &'static str {
        match self {
            // `x[i] += v` reads first, so that both have one name.
            Op::Index | Op::SetIndex => "x[i]",
            Op::Attention => "scaled_dot_product_attention",
            Op::ToTensor => "Tensor::scalar",
            Op::SplitKey | Op::Split => "Key::split",
            Op::Sizes => "shape",
            Op::Equal | Op::Same => "==",
            Op::Host => "a function of a scalar",
            Op::List => "a list",
            Op::Tuple => "a tuple",
            Op::Record => "a struct",
            Op::Field => "a field",
            Op::Some | Op::None => "an option",
            Op::Method => "a method",
            Op::Alike => "a type",
            Op::Const | Op::Named => "a constant",
            Op::Undef => "a variable without a value",
            Op::Call => "a call",
            Op::Fused => "a group of ops",
            Op::Guard | Op::Path => "a guard",
            Op::Assert => "assert!",
            _ => self.name(),
        }
    }

    /// As [`Op::shown`], of an op with these attributes: a function of scalars by its own name.
    pub fn shown_with(self, attrs: &Attrs) -> &'static str {
        let named =
            |name: &String| FUNCTIONS.iter().find(|(known, _)| known == name).map(|(known, _)| *known);
        let own = if self == Op::Host { attrs.text.as_ref().and_then(named) } else { None };
        own.unwrap_or(self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_scalars_have_their_own_name() {
        let of = |name: &str| Attrs { text: Some(name.into()), ..Attrs::default() };
        assert_eq!(Op::Host.shown_with(&of("hypot")), "hypot");
        assert_eq!(Op::Host.shown_with(&of("unheard")), "a function of a scalar");
        assert_eq!(Op::Matmul.shown_with(&of("hypot")), "matmul");
    }
}
