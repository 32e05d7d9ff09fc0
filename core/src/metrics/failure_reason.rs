//! Failure reasons: error texts grouped by replacing numbers, ids and quoted values.

/// Maximum length of a reason, in characters.
pub const LENGTH_MAX: usize = 120;
/// Maximum number of reasons of a job type per day; further ones count as [`OTHER`].
pub const REASONS_MAX: usize = 100;
/// The reason that stands for all reasons beyond [`REASONS_MAX`].
pub const OTHER: &str = "other reasons";
/// The reason of failures with an empty error.
pub const NONE: &str = "no reason given";

/// The error without its variable parts: words with digits become `#`, quoted text becomes `'…'`; only the first line
/// counts.
pub fn normalise(error: &str) -> String {
    let line = error.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    let mut reason = String::with_capacity(line.len().min(LENGTH_MAX * 4));
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = quoted(rest) {
            reason.push_str("'…'");
            rest = after;
        } else if is_of_word(first) {
            let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            push_word(&mut reason, word);
            rest = after;
        } else {
            // A run of whitespace becomes one space.
            let blank = first.is_whitespace() || first.is_control();
            if !(blank && reason.ends_with(' ')) {
                reason.push(if blank { ' ' } else { first });
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    let mut reason = fold_lists(&reason);
    if let Some((end, _)) = reason.char_indices().nth(LENGTH_MAX - 1)
        && reason[end..].chars().nth(1).is_some()
    {
        reason.truncate(end);
        reason.push('…');
    }
    let reason = reason.trim_end();
    if reason.is_empty() {
        NONE.to_owned()
    } else {
        reason.to_owned()
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The text after a quoted value; `None` if none begins here. An apostrophe within a word is no quote, since words are
/// consumed first.
fn quoted(text: &str) -> Option<&str> {
    let close = match text.chars().next()? {
        '\'' => '\'',
        '"' => '"',
        '`' => '`',
        '«' => '»',
        '“' => '”',
        _ => return None,
    };
    let inside = text.char_indices().nth(1).map(|(start, _)| &text[start..])?;
    // The closing quote is not followed by a letter or digit: `'it's'`.
    let end = inside
        .match_indices(close)
        .find(|(at, found)| !inside[at + found.len()..].starts_with(is_of_word))?;
    Some(&inside[end.0 + close.len_utf8()..])
}

/// Adds a word, or `#` if it contains a digit and so is likely a number, an id or a time. Short names that end in a
/// digit, and units after a number, are kept: `HTTP2`, `#ms`.
fn push_word(reason: &mut String, word: &str) {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    if digits == 0 {
        let is_hex = word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit());
        // `deadbeef` is an id; no language has a word of that shape with eight letters.
        reason.push_str(if is_hex { "#" } else { word });
        return;
    }
    let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_name =
        name.chars().all(char::is_alphabetic) && !name.is_empty() && word.len() - name.len() <= 1 && digits == 1;
    if is_name {
        reason.push_str(word);
        return;
    }
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
    reason.push('#');
    if unit != "Z"
        && unit.len() < word.len()
        && unit.len() <= 3
        && unit.chars().all(char::is_alphabetic)
        && digits == word.len() - unit.len()
    {
        reason.push_str(unit);
    }
}

/// Merges the numbers of one value: `#.#.#.#:#` of an address, `#-#-#-#-#` of an id, `#, #` of a list.
fn fold_lists(reason: &str) -> String {
    let mut folded = reason.to_owned();
    for joint in [".", ":", "-", "/", ",", ", "] {
        let pair = format!("#{joint}#");
        while folded.contains(&pair) {
            folded = folded.replace(&pair, "#");
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::{LENGTH_MAX, normalise};

    #[test]
    fn variable_parts_of_errors_are_replaced() {
        for (error, reason) in [
            ("SMTP timeout", "SMTP timeout"),
            ("SMTP timeout after 3017 ms", "SMTP timeout after # ms"),
            ("SMTP timeout after 3017ms", "SMTP timeout after #ms"),
            ("connection to 10.0.0.7:5432 refused", "connection to # refused"),
            (
                "user 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55 is unknown",
                "user # is unknown",
            ),
            ("no such file: '/tmp/a b/17.txt'", "no such file: '…'"),
            ("can't open \"it's here\" twice", "can't open '…' twice"),
            ("HTTP/2 stream 5 was reset by peer", "HTTP/# stream # was reset by peer"),
            ("UTF8 expected", "UTF8 expected"),
            ("the endpoint answered 503", "the endpoint answered #"),
            ("at 2026-01-31T12:00:00.123Z it broke", "at # it broke"),
            ("hash deadbeefcafe differs", "hash # differs"),
            ("rows 1, 2, 3 are locked", "rows # are locked"),
            ("-12.5% left", "-#% left"),
            ("\n  first\tline  \nsecond", "first line"),
            ("", "no reason given"),
            (" \n ", "no reason given"),
            (
                "Zeitüberschreitung beim Händler Nr. 7",
                "Zeitüberschreitung beim Händler Nr. #",
            ),
        ] {
            assert_eq!(normalise(error), reason, "{error:?}");
        }
    }

    #[test]
    fn a_long_reason_is_cut_with_an_ellipsis() {
        let reason = normalise(&"word ".repeat(100));
        assert_eq!(reason.chars().count(), LENGTH_MAX);
        assert!(reason.ends_with('…'), "{reason}");
        let fits = "w".repeat(LENGTH_MAX);
        assert_eq!(normalise(&fits), fits);
    }

    proptest! {
        #[test]
        fn any_text_has_a_short_reason_that_normalises_to_itself(error in "\\PC{0,300}") {
            let reason = normalise(&error);
            prop_assert!(reason.chars().count() <= LENGTH_MAX && !reason.is_empty());
            prop_assert!(!reason.contains('\n'));
        }

        #[test]
        fn failures_that_differ_in_numbers_have_one_reason(one in 0_u64.., other in 0_u64..) {
            prop_assert_eq!(normalise(&format!("order {one} timed out")), normalise(&format!("order {other} timed out")));
        }
    }
}
