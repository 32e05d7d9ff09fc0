//! Edit distance between words, for suggestions.

/// Number of characters to add, remove or replace to turn one word into the other (Levenshtein).
pub fn edit_distance(from: &str, to: &str) -> usize {
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
    use super::edit_distance;

    #[test]
    fn the_distance_counts_changed_characters() {
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("workers", "workers"), 0);
        assert_eq!(edit_distance("worker", "workers"), 1);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }
}
