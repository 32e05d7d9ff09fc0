//! Times as arguments.

use chrono::{DateTime, Utc};

/// Parses a time with its offset.
pub(crate) fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| "the form of a time is 2030-01-31T08:00:00Z or 2030-01-31T08:00:00+01:00".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse_time;

    #[test]
    fn a_time_needs_its_zone() {
        assert_eq!(
            parse_time("2030-01-31T08:00:00+01:00").unwrap().to_rfc3339(),
            "2030-01-31T07:00:00+00:00"
        );
        assert!(parse_time("2030-01-31T08:00:00").is_err());
        assert!(parse_time("tomorrow").is_err());
    }
}
