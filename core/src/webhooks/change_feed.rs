//! Cursors of the change feed of jobs.

use std::fmt;

/// A position in the feed: the last change that was read. Positions are ordered by the visibility of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedCursor {
    /// Transaction number if storage orders by transactions, otherwise 0.
    pub transaction: i64,
    /// Number of the change within the transaction.
    pub number: i64,
}

/// The text is not a cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a cursor; send a cursor from a response of this server, or 'latest'")]
pub struct InvalidFeedCursor {
    /// The invalid text, cut to a readable length.
    pub given: String,
}

impl FeedCursor {
    /// The position before all changes.
    pub const START: Self = Self {
        transaction: 0,
        number: 0,
    };

    /// Parses the text written by [`fmt::Display`].
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
    fn a_cursor_round_trips_and_other_texts_are_rejected() {
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
