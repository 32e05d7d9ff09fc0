//! The feed of changed jobs: where a reader stands in it.

use std::fmt;

/// A place in the feed: everything before it, and itself, was read. Places are ordered as changes became visible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedCursor {
    /// Which transaction, where storage orders by transactions; else 0.
    pub transaction: i64,
    /// Which change within.
    pub number: i64,
}

/// The text is no place in the feed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is no cursor; give one that this server has given, or 'latest'")]
pub struct InvalidFeedCursor {
    /// What was given, cut to a readable length.
    pub given: String,
}

impl FeedCursor {
    /// Before everything.
    pub const START: Self = Self {
        transaction: 0,
        number: 0,
    };

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Result<Self, InvalidFeedCursor> {
        let invalid = || InvalidFeedCursor {
            given: text.chars().take(64).collect(),
        };
        let (transaction, number) = text.split_once('-').ok_or_else(invalid)?;
        let read = |text: &str| {
            let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_digits.then(|| text.parse().ok()).flatten().ok_or_else(invalid)
        };
        Ok(Self {
            transaction: read(transaction)?,
            number: read(number)?,
        })
    }
}

impl fmt::Display for FeedCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.transaction, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written_and_nothing_else_is_one() {
        let cursor = FeedCursor {
            transaction: 7,
            number: 12,
        };
        assert_eq!(cursor.to_string(), "7-12");
        assert_eq!(FeedCursor::parse("7-12"), Ok(cursor));
        for text in ["", "7", "7-", "-7", "a-b", "7-12-1", "+7-12", "7-99999999999999999999"] {
            assert!(FeedCursor::parse(text).is_err(), "{text}");
        }
    }
}
