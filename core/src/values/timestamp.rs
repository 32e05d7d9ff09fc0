//! Points in time: precision and text format.

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};

/// Truncates a time to milliseconds, the precision of `createdAt` (that of an id, see [`super::id::JobId`]).
pub fn truncate_to_millis(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(3)
}

/// Truncates a time to microseconds, the precision of all other stored times.
pub fn truncate_to_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}

/// The API format of a time: RFC 3339, UTC, `Z`, with three or six decimals if needed.
pub fn to_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
