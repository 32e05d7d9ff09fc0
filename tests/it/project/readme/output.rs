//! Compares an output with the one in a document.

/// Texts that vary between runs, each replaced by its kind.
fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let starts_word = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let kind = starts_word.then(|| {
            PATTERNS
                .iter()
                .find_map(|(pattern, kind)| Some((matched(pattern, &bytes[at..])?, *kind)))
        });
        if let Some(Some((length, kind))) = kind {
            normal.push_str(kind);
            at += length;
            continue;
        }
        let next = text[at..].chars().next().expect("a character");
        if !next.is_whitespace() {
            normal.push(next);
        }
        at += next.len_utf8();
    }
    normal
}

/// `h` is a hexadecimal digit, `d` a digit, `f` a fraction of seconds or nothing, `F` a fraction of seconds; other
/// characters are literal. A duration without a fraction is not a measurement and is compared.
const PATTERNS: &[(&str, &str)] = &[
    ("hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", "<id>"),
    ("hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh", "<id>"),
    ("dddd-dd-ddTdd:dd:ddfZ", "<time>"),
    ("dd:dd:ddF", "<duration>"),
];

fn matched(pattern: &str, text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for sign in pattern.bytes() {
        let next = text.get(at).copied();
        match sign {
            b'h' if next.is_some_and(|byte| byte.is_ascii_hexdigit()) => at += 1,
            b'd' if next.is_some_and(|byte| byte.is_ascii_digit()) => at += 1,
            b'F' if next != Some(b'.') => return None,
            b'f' | b'F' => {
                if next == Some(b'.') {
                    at += 1;
                    at += text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                }
            }
            _ if next == Some(sign) => at += 1,
            _ => return None,
        }
    }
    Some(at)
}

/// Compares an output with the expected one, ignoring whitespace.
pub(super) fn agrees(expected: &str, output: &str) -> bool {
    let (expected, output) = (normal(expected), normal(output));
    let mut pieces = expected.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = output.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
        last = Some(piece);
    }
    // The last piece is the end of the output, unless the expectation ends with "anything".
    match last {
        None => rest.is_empty(),
        Some("") => true,
        Some(piece) => output.ends_with(piece),
    }
}

/// The full ids of a text in order.
pub(super) fn ids(text: &str) -> Vec<String> {
    let (pattern, _) = PATTERNS[0];
    let bytes = text.as_bytes();
    let mut ids = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match matched(pattern, &bytes[at..]) {
            Some(length) => {
                ids.push(text[at..at + length].to_owned());
                at += length;
            }
            None => at += 1,
        }
    }
    ids
}

#[test]
fn values_that_vary_are_compared_by_their_kind() {
    let documented = "created 01a20f64-88d9-7352-82b3-b21624f973cf at 2026-11-24T21:09:36.602339Z in 00:00:00.004";
    let other = "created 01a2290e-7133-7440-9404-c3155e7934b8 at 2027-01-01T00:00:00Z in 00:00:01.5";
    assert!(agrees(documented, other));
    assert!(!agrees(documented, &other.replace("created", "deleted")));
    assert!(!agrees("lease 00:00:30", "lease 00:00:10"));
    assert_eq!(ids(documented), ["01a20f64-88d9-7352-82b3-b21624f973cf"]);
}

#[test]
fn an_ellipsis_matches_any_text() {
    assert!(agrees("{ \"a\": 1, … }", "{\"a\":1,\"b\":2}"));
    assert!(agrees("one\n…\n", "one two three"));
    assert!(!agrees("one … three", "one two three four"));
    assert!(!agrees("one", "one two"));
}
