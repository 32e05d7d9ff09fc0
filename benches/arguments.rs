//! Arguments of a benchmark.

use std::str::FromStr;

/// The value after a flag.
pub(crate) fn value(flag: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != flag).nth(1)
}

/// The number after a flag, or the default.
pub(crate) fn number<T: FromStr>(flag: &str, default: T) -> T {
    value(flag).and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// `true` if a flag is given.
pub(crate) fn has(flag: &str) -> bool {
    std::env::args().any(|argument| argument == flag)
}
