//! Clock changes of a zone: conversion between local times and moments.

use chrono::{DateTime, Datelike, NaiveDateTime, SubsecRound, TimeDelta, Timelike, Utc};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// Search interval for clock changes. No zone has changed its clocks twice within less than a week since 1970 (a test
/// below checks all of them).
const SEARCH_STEP: TimeDelta = TimeDelta::days(2);

/// The zone's offset from UTC at this moment.
pub(crate) fn offset_at(zone: &TimeZone, at: DateTime<Utc>) -> TimeDelta {
    // Outside the years -9999 to 9999 the rules at their ends apply.
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

/// The zone's local time at this moment.
pub(crate) fn local_at(zone: &TimeZone, at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc() + offset_at(zone, at)
}

/// The first moment at which the zone's clocks show this time, or the first moment after the gap where a clock change
/// skips it.
pub(crate) fn first_moment_of(zone: &TimeZone, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    match zone.to_ambiguous_timestamp(civil(local)?).offset() {
        AmbiguousOffset::Unambiguous { offset } => Some((local - delta(offset)).and_utc()),
        AmbiguousOffset::Fold { before, .. } => Some((local - delta(before)).and_utc()),
        AmbiguousOffset::Gap { before, after } => {
            // The change is after the first moment and not after the second.
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

/// The first moment after `from`, and not after `to`, at which the zone's offset differs from the one at `from`. Both
/// have whole seconds, as all changes have.
pub(super) fn first_change(zone: &TimeZone, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let offset = offset_at(zone, from);
    let (mut same, mut other) = (from, from);
    while offset_at(zone, other) == offset {
        if other >= to {
            return None;
        }
        same = other;
        other = to.min(other + SEARCH_STEP);
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
