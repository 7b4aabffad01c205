//! Tokens of the text form.

use super::ParseError;

/// A token.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token {
    /// A word or a number, with its suffix.
    Word(String),
    /// `%name`
    Value(String),
    /// A string literal's content.
    Text(String),
    /// A punctuation character.
    Punct(char),
    /// `->`
    Arrow,
}

/// Splits a text into tokens with their lines.
pub(super) fn lex(text: &str) -> Result<Vec<(Token, u32)>, ParseError> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    let mut line = 1;
    while let Some(c) = chars.next() {
        let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let token = match c {
            '\n' => {
                line += 1;
                continue;
            }
            _ if c.is_whitespace() => continue,
            '%' => {
                let mut name = String::new();
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '.')) {
                    name.push(c);
                }
                Token::Value(name)
            }
            '"' => {
                Token::Text(string(&mut chars).ok_or_else(|| ParseError::new(line, "a string has no end"))?)
            }
            '-' if chars.next_if_eq(&'>').is_some() => Token::Arrow,
            _ if c.is_alphanumeric() || c == '_' || c == '-' => {
                let mut text = String::from(c);
                let exponent = |text: &str| {
                    text.ends_with('e') && text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
                };
                while let Some(c) = chars.next_if(|d| word(*d) || (*d == '-' && exponent(&text))) {
                    text.push(c);
                }
                Token::Word(text)
            }
            _ => Token::Punct(c),
        };
        tokens.push((token, line));
    }
    Ok(tokens)
}

fn string(chars: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut out = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(out),
            '\\' => out.push(match chars.next()? {
                'n' => '\n',
                c => c,
            }),
            c => out.push(c),
        }
    }
}
