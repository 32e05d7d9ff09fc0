//! The values of strings (GraphQL, section 2.9.4).

/// An error message, and the offset of the error in bytes.
type StringError = (String, usize);

/// Parses the string at the beginning of a text: its value, and its length in bytes.
pub(super) fn read(text: &str) -> Result<(String, usize), StringError> {
    match text.strip_prefix("\"\"\"") {
        Some(block) => {
            let (raw, length) = read_block(block).ok_or_else(|| ("a block string is not terminated".to_owned(), 0))?;
            Ok((block_value(&raw), length + 3))
        }
        None => read_line(text),
    }
}

fn read_line(text: &str) -> Result<(String, usize), StringError> {
    let mut value = String::new();
    // After the quote.
    let mut at = 1;
    loop {
        let rest = &text[at..];
        let Some(sign) = rest.chars().next() else {
            return Err(("a string is not terminated".to_owned(), 0));
        };
        match sign {
            '"' => return Ok((value, at + 1)),
            '\n' | '\r' => return Err(("a string is not terminated on its line".to_owned(), 0)),
            '\\' => {
                let (sign, length) = read_escape(rest).map_err(|message| (message, at))?;
                value.push(sign);
                at += length;
            }
            other => {
                value.push(other);
                at += other.len_utf8();
            }
        }
    }
}

/// Parses an escape sequence: its character, and its length.
fn read_escape(text: &str) -> Result<(char, usize), String> {
    let simple = |sign| Ok((sign, 2));
    match text.as_bytes().get(1) {
        Some(b'"') => simple('"'),
        Some(b'\\') => simple('\\'),
        Some(b'/') => simple('/'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(b'n') => simple('\n'),
        Some(b'r') => simple('\r'),
        Some(b't') => simple('\t'),
        Some(b'u') => read_unicode(text),
        Some(_) | None => {
            let excerpt: String = text.chars().take(2).collect();
            Err(format!("'{}' is not an escape sequence", excerpt.escape_debug()))
        }
    }
}

fn read_unicode(text: &str) -> Result<(char, usize), String> {
    let invalid = |length: usize| format!("'{}' is not a Unicode character", excerpt(text, length).escape_debug());
    if let Some(braced) = text.strip_prefix("\\u{") {
        let digits = braced.split_once('}').map(|(digits, _)| digits);
        // The number of leading zeros is not limited.
        let code = digits
            .filter(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| match digits.trim_start_matches('0') {
                "" => Some(0),
                digits => u32::from_str_radix(digits, 16).ok(),
            });
        let sign = code.and_then(char::from_u32).ok_or_else(|| invalid(12))?;
        return Ok((sign, "\\u{}".len() + digits.map_or(0, str::len)));
    }
    let first = code_unit(text).ok_or_else(|| invalid(6))?;
    if let Some(sign) = char::from_u32(first) {
        return Ok((sign, 6));
    }
    // A leading surrogate requires a trailing one.
    let pair = (0xd800..0xdc00).contains(&first);
    let second = text
        .get(6..)
        .and_then(code_unit)
        .filter(|second| pair && (0xdc00..0xe000).contains(second));
    let second = second.ok_or_else(|| format!("{}: it is half of a surrogate pair", invalid(6)))?;
    let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    let sign = char::from_u32(code).ok_or_else(|| invalid(12))?;
    Ok((sign, 12))
}

/// At most `length` characters of an escape sequence, up to its brace or the end of the string.
fn excerpt(text: &str, length: usize) -> &str {
    let mut end = 0;
    for (at, sign) in text.char_indices().take(length) {
        if matches!(sign, '"' | '\n' | '\r') || (at > 0 && sign == '\\') {
            break;
        }
        end = at + sign.len_utf8();
        if sign == '}' {
            break;
        }
    }
    text.get(..end).unwrap_or_default()
}

/// The number in `\uXXXX`.
fn code_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// The text of a block string, and its length including the closing quotes.
fn read_block(block: &str) -> Option<(String, usize)> {
    let mut raw = String::new();
    let mut at = 0;
    loop {
        let rest = block.get(at..)?;
        if rest.starts_with("\"\"\"") {
            return Some((raw, at + 3));
        }
        if rest.starts_with("\\\"\"\"") {
            raw.push_str("\"\"\"");
            at += 4;
            continue;
        }
        let sign = rest.chars().next()?;
        raw.push(sign);
        at += sign.len_utf8();
    }
}

/// The value of a block string: without the common indentation of its lines and the blank lines around it.
fn block_value(raw: &str) -> String {
    let normal = raw.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = normal.split('\n').collect();
    let indent = |line: &&str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let is_blank = |line: &&str| indent(line) == line.len();
    let common = lines.iter().skip(1).filter(|line| !is_blank(line)).map(indent).min();
    let common = common.unwrap_or_default();
    let dedented: Vec<&str> = lines
        .iter()
        .enumerate()
        .map(|(number, line)| {
            if number == 0 {
                *line
            } else {
                line.get(common..).unwrap_or_default()
            }
        })
        .collect();
    let first = dedented.iter().position(|line| !is_blank(line));
    let last = dedented.iter().rposition(|line| !is_blank(line));
    match (first, last) {
        (Some(first), Some(last)) => dedented[first..=last].join("\n"),
        (_, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<String, String> {
        let read = read(text).map_err(|(message, _)| message)?;
        assert_eq!(read.1, text.len(), "{text}");
        Ok(read.0)
    }

    #[test]
    fn escapes_are_replaced_by_their_characters() {
        for (text, expected) in [
            (r#""""#, ""),
            (r#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{c}\n\r\tz"),
            (r#""\u00e9\u{e9}\u{0000000000E9}""#, "ééé"),
            (r#""\ud83d\ude00\uD83D\uDE00\u{1F600}😀""#, "😀😀😀😀"),
            (r#""\u{0}\u{10FFFF}""#, "\u{0}\u{10FFFF}"),
        ] {
            assert_eq!(value(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_invalid_character_is_rejected() {
        for text in [
            r#""\ud83d""#,
            r#""\ude00""#,
            r#""\ud83d\ud83d""#,
            r#""\ud83dx\ude00""#,
            r#""\ud83d\u{de00}""#,
            r#""\u{d83d}""#,
            r#""\u{110000}""#,
            r#""\u{}""#,
            r#""\u{+41}""#,
            r#""\u{41""#,
            r#""\u+041""#,
            r#""\u12""#,
            r#""\x""#,
            r#""\"#,
            "\"a\nb\"",
            "\"a",
            "\"\"\"a\"\"",
        ] {
            assert!(value(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_message_quotes_only_the_escape() {
        for (text, escape) in [
            (r#""\u{D83D}" }"#, r"\u{D83D}"),
            (r#""\u{110000} and more""#, r"\u{110000}"),
            (r#""\u{41" }"#, r"\u{41"),
            (r#""\u12" }"#, r"\u12"),
            (r#""\ud83dxyz""#, r"\ud83d"),
            (r#""\ud83d\ud83d""#, r"\ud83d"),
        ] {
            let (message, _) = read(text).expect_err(text);
            let excerpt = format!("'{}' is not", escape.escape_debug());
            assert!(message.starts_with(&excerpt), "{text}: {message}");
        }
    }

    #[test]
    fn block_strings_lose_their_indentation() {
        for (text, expected) in [
            ("\"\"\"\"\"\"", ""),
            ("\"\"\"abc\"\"\"", "abc"),
            ("\"\"\"\\u{41} \\\"\"\"\"\"\"", "\\u{41} \"\"\""),
            (
                "\"\"\"line 1\r\n   line 2\n     line 3\r    line 4\"\"\"",
                "line 1\nline 2\n  line 3\n line 4",
            ),
            ("\"\"\"\n\n  some text\r\n \n \n \"\"\"", "some text"),
            ("\"\"\"\n    a\n    b\n\n    c\n\"\"\"", "a\nb\n\nc"),
        ] {
            assert_eq!(value(text).as_deref(), Ok(expected), "{text}");
        }
    }
}
