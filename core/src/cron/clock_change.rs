//! How a zone's clocks are turned: from calendar times to moments, and back.

use chrono::{DateTime, Datelike, NaiveDateTime, SubsecRound, TimeDelta, Timelike, Utc};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// How far apart a zone is looked at for changes of its clocks. No zone has changed them twice within less than a week
/// since 1970 (a test below looks at all of them).
const LOOK_EVERY: TimeDelta = TimeDelta::days(2);

/// What the zone's clocks are ahead of UTC at this moment.
pub(crate) fn offset_at(zone: &TimeZone, at: DateTime<Utc>) -> TimeDelta {
    // Outside the years -9999 to 9999 the rules of their ends go on.
    let end = if at.timestamp() < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    delta(zone.to_offset(Timestamp::from_second(at.timestamp()).unwrap_or(end)))
}

fn delta(offset: Offset) -> TimeDelta {
    TimeDelta::seconds(i64::from(offset.seconds()))
}

/// What the zone's clocks show at this moment.
pub(crate) fn local_at(zone: &TimeZone, at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc() + offset_at(zone, at)
}

/// The moment at which the zone's clocks show this time for the first time, or the first moment after the gap where
/// a change of the clocks skips it.
pub(crate) fn first_moment_of(zone: &TimeZone, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    match zone.to_ambiguous_timestamp(civil(local)?).offset() {
        AmbiguousOffset::Unambiguous { offset } => Some((local - delta(offset)).and_utc()),
        AmbiguousOffset::Fold { before, .. } => Some((local - delta(before)).and_utc()),
        AmbiguousOffset::Gap { before, after } => {
            // The change is after the first and not after the second.
            let (from, to) = ((local - delta(after)).and_utc(), (local - delta(before)).and_utc());
            first_change(zone, whole_second(from), whole_second(to) + TimeDelta::seconds(1))
        }
    }
}

fn civil(local: NaiveDateTime) -> Option<jiff::civil::DateTime> {
    let part = |value: u32| i8::try_from(value).ok();
    jiff::civil::DateTime::new(
        i16::try_from(local.year()).ok()?,
        part(local.month())?,
        part(local.day())?,
        part(local.hour())?,
        part(local.minute())?,
        part(local.second())?,
        i32::try_from(local.nanosecond().min(999_999_999)).ok()?,
    )
    .ok()
}

fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(0)
}

/// The first moment after `from`, and not after `to`, at which the zone's clocks are at another offset than at `from`.
/// Both have whole seconds, as all changes have.
pub(super) fn first_change(zone: &TimeZone, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let offset = offset_at(zone, from);
    let (mut same, mut other) = (from, from);
    while offset_at(zone, other) == offset {
        if other >= to {
            return None;
        }
        same = other;
        other = to.min(other + LOOK_EVERY);
    }
    while other - same > TimeDelta::seconds(1) {
        let middle = same + TimeDelta::seconds((other - same).num_seconds() / 2);
        if offset_at(zone, middle) == offset {
            same = middle;
        } else {
            other = middle;
        }
    }
    Some(other)
}
