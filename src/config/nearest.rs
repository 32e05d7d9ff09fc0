//! Which key somebody meant who wrote another.

/// Says that `key` is unknown, and which ones are meant or allowed.
pub(super) fn unknown_key(key: &str, allowed: &[&'static str]) -> String {
    let mut by_distance: Vec<(usize, &str)> = allowed.iter().map(|&name| (distance(key, name), name)).collect();
    by_distance.sort_unstable();
    // A third of the letters may be wrong: beyond that a guess misleads more than it helps.
    let close: Vec<&str> = by_distance
        .iter()
        .filter(|(steps, name)| *steps <= name.chars().count().max(key.chars().count()).div_ceil(3))
        .map(|&(_, name)| name)
        .take(3)
        .collect();
    if close.is_empty() {
        format!("is not a setting; allowed here are {}", allowed.join(", "))
    } else {
        format!("is not a setting; did you mean {}?", close.join(" or "))
    }
}

/// How many characters must be added, removed or changed to get from one word to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, from_character) in from.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, to_character) in row.iter_mut().skip(1).zip(&to) {
            let changed = diagonal + usize::from(from_character != *to_character);
            diagonal = *cell;
            left = changed.min(left + 1).min(*cell + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{distance, unknown_key};

    #[test]
    fn the_distance_counts_changed_characters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("workers", "workers"), 0);
        assert_eq!(distance("worker", "workers"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_word_that_is_near_none_gets_all_that_are_allowed() {
        assert_eq!(
            unknown_key("wrokers", &["name", "workers"]),
            "is not a setting; did you mean workers?"
        );
        assert_eq!(
            unknown_key("frobnicate", &["name", "workers"]),
            "is not a setting; allowed here are name, workers"
        );
    }
}
