//! How a zone's clocks are turned: from calendar times to moments, and back.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

/// How far apart a zone is looked at for changes of its clocks. No zone has changed them twice within less than a week
/// since 1970 (a test below looks at all of them).
const LOOK_EVERY: TimeDelta = TimeDelta::days(2);

/// What the zone's clocks are ahead of UTC at this moment.
pub(in crate::domain) fn offset_at(zone: Tz, at: DateTime<Utc>) -> TimeDelta {
    let offset = zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    TimeDelta::seconds(i64::from(offset.local_minus_utc()))
}

/// What the zone's clocks show at this moment.
pub(in crate::domain) fn local_at(zone: Tz, at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc() + offset_at(zone, at)
}

/// The moment at which the zone's clocks show this time for the first time, or the first moment after the gap where
/// a change of the clocks skips it.
pub(in crate::domain) fn first_moment_of(zone: Tz, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => Some(at.to_utc()),
        MappedLocalTime::None => {
            // The gap begins when the old offset ends: that moment is the one at which the new time begins.
            let (begin, offset_before) = GapInfo::new(&local, &zone)?.begin?;
            let offset_before = TimeDelta::seconds(i64::from(offset_before.fix().local_minus_utc()));
            Some((begin - offset_before).and_utc())
        }
    }
}

/// The first moment after `from`, and not after `to`, at which the zone's clocks are at another offset than at `from`.
/// Both have whole seconds, as all changes have.
pub(super) fn first_change(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
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
