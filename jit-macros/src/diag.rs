//! Compile-time messages: a table of codes, and a collector that reports all of them at once.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;

macro_rules! codes {
    ($($name:ident $code:literal $doc:literal)*) => {
        /// What a message is about. The code is stable; the docs list an example and its mend.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Code {
            $(#[doc = $doc] $name,)*
        }

        impl Code {
            fn text(self) -> &'static str {
                match self {
                    $(Code::$name => $code,)*
                }
            }
        }
    };
}

codes! {
    Signature "J001" "The function's header has a form that scripts do not take."
    Parameter "J002" "A parameter's type is none that scripts take."
    Result "J003" "The result's type is none that scripts give."
    Option "J004" "An option of the attribute is not known."
    Pytree "J005" "A type that cannot be a Pytree."
    Statement "J010" "A statement of a form that scripts do not take."
    Expression "J011" "An expression of a form that scripts do not take."
    Macro "J012" "A macro that scripts do not take."
    Pattern "J013" "A pattern of a form that scripts do not take."
    Literal "J014" "A literal of a kind that scripts do not take."
    Match "J016" "A `match` on something that scripts do not match."
    Name "J015" "A name that is no variable of the script."
    Method "J020" "A method that scripts do not know."
    Constant "J022" "An argument that must be a literal."
    Call "J023" "A call that scripts do not take."
    Recursion "J024" "A script that calls itself."
    OpenType "J025" "A type that the source does not tell."
    TensorCondition "J030" "A tensor where a bool is needed."
    Loop "J031" "A loop that cannot be captured."
    Assignment "J033" "An assignment to something that scripts cannot assign to."
    Shape "J040" "An op that cannot fit the declared shapes, or a shape declared for something else."
}

/// Why a body could not be captured, for the case that rustc accepts it: reported once nothing else is wrong.
#[derive(Clone)]
pub(crate) struct Reason {
    /// The code and what to write instead; without them it is a defect of the library.
    known: Option<(Code, String)>,
    what: String,
    pub(crate) at: Option<Span>,
}

impl Reason {
    /// Something that rustc ought to refuse.
    pub(crate) fn unknown(what: impl Into<String>) -> Reason {
        Reason { known: None, what: what.into(), at: None }
    }

    /// A message that is due where rustc knows more than scripts do.
    pub(crate) fn known(at: Span, code: Code, what: impl Into<String>, help: impl Into<String>) -> Reason {
        Reason { known: Some((code, help.into())), what: what.into(), at: Some(at) }
    }

    /// The message for a script.
    pub(crate) fn message(&self, script: &Ident) -> String {
        let what = &self.what;
        match &self.known {
            Some((code, help)) => format!("[{}] {what}\n\nhelp: {help}", code.text()),
            None => format!(
                "[J099] the script `{script}` could not be captured ({what}); run it without the attribute, and report it"
            ),
        }
    }
}

/// The messages of one function.
#[derive(Default)]
pub(crate) struct Errors {
    first: Option<syn::Error>,
    /// Functions that rustc would refuse for the same reason in other words: their bodies are left out.
    pub(crate) hidden: BTreeSet<String>,
}

impl Errors {
    /// Adds a message for the tokens of `at`: one sentence, and what to write instead.
    pub(crate) fn push(
        &mut self,
        at: &impl ToTokens,
        code: Code,
        message: impl AsRef<str>,
        help: impl AsRef<str>,
    ) {
        self.push_dyn(at, code, message.as_ref(), help.as_ref());
    }

    /// As [`Errors::push`].
    pub(crate) fn push_dyn(&mut self, at: &dyn ToTokensDyn, code: Code, message: &str, help: &str) {
        self.push_error(at.error(format!("[{}] {message}\n\nhelp: {help}", code.text())));
    }

    /// Adds a message at a span.
    pub(crate) fn push_span(
        &mut self,
        at: Span,
        code: Code,
        message: impl AsRef<str>,
        help: impl AsRef<str>,
    ) {
        let text = format!("[{}] {}\n\nhelp: {}", code.text(), message.as_ref(), help.as_ref());
        self.push_error(syn::Error::new(at, text));
    }

    fn push_error(&mut self, error: syn::Error) {
        match &mut self.first {
            Some(first) => first.combine(error),
            None => self.first = Some(error),
        }
    }

    /// Adds another collector's messages.
    pub(crate) fn append(&mut self, other: Errors) {
        self.hidden.extend(other.hidden);
        if let Some(error) = other.first {
            self.push_error(error);
        }
    }

    /// Whether there is a message.
    pub(crate) fn any(&self) -> bool {
        self.first.is_some()
    }

    /// The messages as tokens that make rustc report them.
    pub(crate) fn into_tokens(self) -> Option<TokenStream> {
        self.first.map(|e| e.to_compile_error())
    }
}

/// Tokens that a message can underline.
pub(crate) trait ToTokensDyn {
    fn error(&self, text: String) -> syn::Error;
}

impl<T: ToTokens> ToTokensDyn for T {
    fn error(&self, text: String) -> syn::Error {
        syn::Error::new_spanned(self, text)
    }
}

/// The name most like `name`, if one is close.
pub(crate) fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let best = known.into_iter().map(|k| (distance(name, k), k)).min()?;
    (best.0 <= (name.len() + 1) / 3).then(|| best.1.to_string())
}

/// The number of letters to insert, remove or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

/// Tokens as a user writes them.
pub(crate) fn source(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in [
        (" < ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" :: ", "::"),
        (" ,", ","),
        ("( ", "("),
        (" )", ")"),
        (" ( ", "("),
        (" (", "("),
        (" . ", "."),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}
