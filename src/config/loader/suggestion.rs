//! Suggestions for unknown keys.

/// The names that resemble `name`, nearest first, at most three.
pub(crate) fn near<'a>(name: &str, known: &[&'a str]) -> Vec<&'a str> {
    let mut by_distance: Vec<(usize, &str)> = known
        .iter()
        .map(|&known| (strsim::levenshtein(name, known), known))
        .collect();
    by_distance.sort_unstable();
    // Up to a third of the letters may differ: a suggestion beyond that is rather misleading.
    by_distance
        .iter()
        .filter(|(steps, known)| *steps <= known.chars().count().max(name.chars().count()).div_ceil(3))
        .map(|&(_, known)| known)
        .take(3)
        .collect()
}

/// The error of the unknown `key`, with similar or allowed ones.
pub(crate) fn unknown_key(key: &str, allowed: &[&'static str]) -> String {
    let close = near(key, allowed);
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
