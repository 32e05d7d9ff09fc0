//! Points in time: how precise they are, and their text.

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};

/// Cuts a time to whole milliseconds, the precision of `createdAt` (an id holds no more, see [`super::id::JobId`]).
pub fn truncate_to_millis(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(3)
}

/// Cuts a time to whole microseconds, the precision of everything else that is stored.
pub fn truncate_to_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}

/// A time as the wire shows it: RFC 3339, UTC, `Z`, with as many of three or six decimals as it needs.
pub fn to_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
