//! The tokens of a document (GraphQL, section 2.1).

use async_graphql::{Pos, ServerError};

use super::error::syntax_error;
use super::strings;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Token<'a> {
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Punctuator(char),
    /// `...`.
    Spread,
    /// A name, or a keyword.
    Name(&'a str),
    /// The text of a number.
    Number(&'a str),
    /// The value of a string.
    Text(String),
    /// The end of the document.
    End,
}

impl Token<'_> {
    /// The token's name in error messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Punctuator(sign) => format!("'{sign}'"),
            Self::Spread => "'...'".to_owned(),
            Self::Name(name) | Self::Number(name) => {
                let excerpt: String = name.chars().take(64).collect();
                format!("'{excerpt}'")
            }
            Self::Text(_) => "a string".to_owned(),
            Self::End => "the end of the document".to_owned(),
        }
    }
}

/// Tokenizer of a text.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    rest: &'a str,
    pos: Pos,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            pos: Pos { line: 1, column: 1 },
        }
    }

    /// The next token and its position.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, Pos), ServerError> {
        self.skip_ignored();
        let pos = self.pos;
        let Some(first) = self.rest.chars().next() else {
            return Ok((Token::End, pos));
        };
        let token = match first {
            '!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => {
                self.take(1);
                Token::Punctuator(first)
            }
            '.' if self.rest.starts_with("...") => {
                self.take(3);
                Token::Spread
            }
            '"' => {
                let (value, length) = strings::read(self.rest).map_err(|(message, at)| {
                    self.take(at);
                    syntax_error(message, self.pos)
                })?;
                self.take(length);
                Token::Text(value)
            }
            '-' | '0'..='9' => Token::Number(self.number(pos)?),
            first if is_name_start(first) => {
                let end = self.rest.find(|next| !is_name_part(next));
                Token::Name(self.take(end.unwrap_or(self.rest.len())))
            }
            other => {
                let excerpt = other.escape_debug();
                return Err(syntax_error(format!("unexpected character '{excerpt}'"), pos));
            }
        };
        Ok((token, pos))
    }

    /// Consumes this number of bytes and counts lines and characters.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        let mut signs = taken.chars().peekable();
        while let Some(sign) = signs.next() {
            let ends_line =
                sign == '\n' || sign == '\r' && signs.peek().map_or(!rest.starts_with('\n'), |next| *next != '\n');
            if ends_line {
                self.pos.line += 1;
                self.pos.column = 1;
            } else {
                self.pos.column += 1;
            }
        }
        self.rest = rest;
        taken
    }

    /// Skips white space, commas, comments and byte order marks.
    fn skip_ignored(&mut self) {
        loop {
            let is_ignored = |sign| matches!(sign, ' ' | '\t' | ',' | '\n' | '\r' | '\u{feff}');
            let blank = self.rest.find(|sign| !is_ignored(sign)).unwrap_or(self.rest.len());
            self.take(blank);
            if !self.rest.starts_with('#') {
                return;
            }
            self.take(self.rest.find(['\n', '\r']).unwrap_or(self.rest.len()));
        }
    }

    fn number(&mut self, pos: Pos) -> Result<&'a str, ServerError> {
        let fail = |message: &str| Err(syntax_error(message.to_owned(), pos));
        let digits = |from: usize| self.rest[from..].bytes().take_while(u8::is_ascii_digit).count();
        let starts = |at: usize, signs: &[char]| self.rest[at..].starts_with(signs);
        let mut length = usize::from(starts(0, &['-']));
        let integer_digits = digits(length);
        if integer_digits == 0 {
            return fail("'-' is not followed by a digit");
        }
        if integer_digits > 1 && starts(length, &['0']) {
            return fail("a number has a leading zero");
        }
        length += integer_digits;
        if starts(length, &['.']) {
            let fraction = digits(length + 1);
            if fraction == 0 {
                return fail("'.' is not followed by a digit");
            }
            length += 1 + fraction;
        }
        if starts(length, &['e', 'E']) {
            length += 1;
            length += usize::from(starts(length, &['+', '-']));
            let exponent = digits(length);
            if exponent == 0 {
                return fail("an exponent has no digits");
            }
            length += exponent;
        }
        if self.rest[length..].starts_with(|next| is_name_start(next) || next == '.') {
            return fail("a number is followed by a letter or a dot");
        }
        Ok(self.take(length))
    }
}

fn is_name_start(sign: char) -> bool {
    sign.is_ascii_alphabetic() || sign == '_'
}

fn is_name_part(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || sign == '_'
}
