//! Suggestions for unknown keys.

/// The error of the unknown `key`, with similar or allowed ones.
pub(crate) fn unknown_key(key: &str, allowed: &[&'static str]) -> String {
    let mut by_distance: Vec<(usize, &str)> = allowed
        .iter()
        .map(|&name| (strsim::levenshtein(key, name), name))
        .collect();
    by_distance.sort_unstable();
    // Up to a third of the letters may differ: a suggestion beyond that is rather misleading.
    let close: Vec<&str> = by_distance
        .iter()
        .filter(|(steps, name)| *steps <= name.chars().count().max(key.chars().count()).div_ceil(3))
        .map(|&(_, name)| name)
        .take(3)
        .collect();
    if close.is_empty() {
        format!("unknown setting; allowed here are {}", allowed.join(", "))
    } else {
        format!("unknown setting; did you mean {}?", close.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::unknown_key;

    #[test]
    fn a_word_that_is_near_none_gets_all_that_are_allowed() {
        assert_eq!(
            unknown_key("wrokers", &["name", "workers"]),
            "unknown setting; did you mean workers?"
        );
        assert_eq!(
            unknown_key("frobnicate", &["name", "workers"]),
            "unknown setting; allowed here are name, workers"
        );
    }
}
