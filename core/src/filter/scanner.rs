//! Characters of a filter text, with their positions.

use super::invalid::InvalidFilter;

/// An operator between a field and its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `:`
    Is,
    /// `~`
    Contains,
    /// `>`
    Above,
    /// `>=`
    From,
    /// `<`
    Below,
    /// `<=`
    To,
}

/// A value as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// The text, without quotes and escapes, and without the star at its end.
    pub(super) text: String,
    /// True if it was in quotes: then it has no meaning but itself.
    pub(super) is_quoted: bool,
    /// True if a star follows it.
    pub(super) has_star: bool,
    /// Position of its first character, starting with 1.
    pub(super) position: usize,
}

/// The rest of a text.
pub(super) struct Scanner {
    characters: Vec<char>,
    next: usize,
}

impl Scanner {
    pub(super) fn new(text: &str) -> Self {
        Self {
            characters: text.chars().collect(),
            next: 0,
        }
    }

    /// The position of the next character, starting with 1.
    pub(super) const fn position(&self) -> usize {
        self.next + 1
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.characters.get(self.next).copied()
    }

    /// Skips this character if it is next.
    pub(super) fn skip(&mut self, character: char) -> bool {
        let is_next = self.peek() == Some(character);
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next += 1;
        }
    }

    /// True if a term may end here.
    pub(super) fn is_at_end(&self) -> bool {
        self.peek().is_none_or(char::is_whitespace)
    }

    /// The name of a field, if an operator follows it.
    pub(super) fn field_name(&mut self) -> Option<String> {
        let rest = self.characters.get(self.next..).unwrap_or_default();
        let is_part =
            |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '$' | '@' | '/');
        let length = rest.iter().take_while(|character| is_part(**character)).count();
        let is_field = length > 0 && matches!(rest.get(length), Some(':' | '~' | '>' | '<' | '='));
        if !is_field {
            return None;
        }
        let name = rest.iter().take(length).collect();
        self.next += length;
        Some(name)
    }

    /// The operator that is next, if there is one.
    pub(super) fn operator(&mut self) -> Option<Operator> {
        if self.skip(':') {
            return Some(Operator::Is);
        }
        if self.skip('~') {
            return Some(Operator::Contains);
        }
        self.comparison()
    }

    /// The comparison that is next, if there is one.
    pub(super) fn comparison(&mut self) -> Option<Operator> {
        if self.skip('>') {
            return Some(if self.skip('=') {
                Operator::From
            } else {
                Operator::Above
            });
        }
        if self.skip('<') {
            return Some(if self.skip('=') { Operator::To } else { Operator::Below });
        }
        None
    }

    /// A value: in quotes, or up to a space or a comma. A comma in brackets belongs to the value of a type.
    pub(super) fn value(&mut self, allows_brackets: bool) -> Result<Written, InvalidFilter> {
        let position = self.position();
        if self.skip('"') {
            let text = self.quoted(position)?;
            let has_star = self.skip('*');
            return Ok(Written {
                text,
                is_quoted: true,
                has_star,
                position,
            });
        }
        let mut text = String::new();
        let mut open = 0_usize;
        while let Some(character) = self.peek() {
            match character {
                '"' => {
                    let detail = "a quote is only allowed at the start and the end of a value";
                    return Err(InvalidFilter::new(self.position(), detail));
                }
                ',' if open == 0 => break,
                '[' | '<' if allows_brackets => open += 1,
                ']' | '>' => open = open.saturating_sub(1),
                _ if character.is_whitespace() => break,
                _ => {}
            }
            text.push(character);
            self.next += 1;
        }
        let has_star = text.ends_with('*');
        if has_star {
            text.pop();
        }
        if let Some(star) = text.chars().position(|character| character == '*') {
            let detail = "'*' is only allowed at the end of a value; quote the value if it contains one";
            return Err(InvalidFilter::new(position + star, detail));
        }
        Ok(Written {
            text,
            is_quoted: false,
            has_star,
            position,
        })
    }

    /// The text up to the closing quote.
    fn quoted(&mut self, start: usize) -> Result<String, InvalidFilter> {
        let mut text = String::new();
        loop {
            let position = self.position();
            let Some(character) = self.peek() else {
                return Err(InvalidFilter::new(
                    start,
                    "the quote is not closed; expected \" at its end",
                ));
            };
            self.next += 1;
            match character {
                '"' => return Ok(text),
                '\\' => text.push(self.escaped(position)?),
                _ if character.is_control() => {
                    let detail = "a control character is not allowed";
                    return Err(InvalidFilter::new(position, detail));
                }
                _ => text.push(character),
            }
        }
    }

    fn escaped(&mut self, position: usize) -> Result<char, InvalidFilter> {
        let next = self.peek();
        self.next += 1;
        let invalid = || {
            let detail = "the escape is not valid; allowed are \\\" \\\\ \\/ and \\u with four hexadecimal digits";
            InvalidFilter::new(position, detail)
        };
        let character = match next {
            Some(itself @ ('"' | '\\' | '/')) => itself,
            Some('u') => {
                let first = self.unit().ok_or_else(invalid)?;
                let mut units = vec![first];
                if (0xD800..0xDC00).contains(&first) {
                    let follows = self.skip('\\') && self.skip('u');
                    units.push(self.unit().filter(|_| follows).ok_or_else(invalid)?);
                }
                let decoded: Result<Vec<char>, _> = char::decode_utf16(units).collect();
                match decoded.as_deref() {
                    Ok([character]) => *character,
                    Ok(_) | Err(_) => return Err(invalid()),
                }
            }
            Some(_) | None => return Err(invalid()),
        };
        if character.is_control() {
            return Err(InvalidFilter::new(position, "a control character is not allowed"));
        }
        Ok(character)
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        let mut unit = 0_u16;
        for _ in 0..4 {
            let digit = u16::try_from(self.peek()?.to_digit(16)?).ok()?;
            unit = unit << 4 | digit;
            self.next += 1;
        }
        Some(unit)
    }
}
