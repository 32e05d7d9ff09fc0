//! Next times of an expression, with their local times and clock changes.

use chrono::{DateTime, FixedOffset, NaiveDateTime, NaiveTime, Offset, TimeDelta, Utc};

use super::CronExpression;
use super::clock_change::{first_change, first_moment_of, local_at, offset_at};
use crate::values::time_zone::TimeZoneName;

/// A matching moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviewTime {
    /// The moment.
    pub at: DateTime<Utc>,
    /// The same in the time zone.
    pub local: DateTime<FixedOffset>,
    /// The change of the zone's clocks on its day.
    pub clock_change: Option<ClockChange>,
}

/// A change of a zone's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockChange {
    /// Local time at which the clocks are set.
    pub from: NaiveDateTime,
    /// Local time to which they are set.
    pub to: NaiveDateTime,
}

impl CronExpression {
    /// The first matching moments after `after` in this zone, up to `count`.
    pub fn preview(&self, zone: TimeZoneName, after: DateTime<Utc>, count: usize) -> Vec<PreviewTime> {
        let mut times = Vec::with_capacity(count);
        let mut last = after;
        while times.len() < count
            && let Some(at) = self.next_after(zone, last)
        {
            times.push(PreviewTime {
                at,
                local: in_zone(zone, at),
                clock_change: change_on_day_of(zone, at),
            });
            last = at;
        }
        times
    }
}

/// The start of the hour of a zone's clocks that has this moment.
pub fn hour_in_zone(zone: TimeZoneName, at: DateTime<Utc>) -> DateTime<Utc> {
    let local = local_at(zone.rules(), at).and_utc().timestamp();
    DateTime::from_timestamp(at.timestamp() - local.rem_euclid(3_600), 0).unwrap_or(at)
}

/// A moment in a zone.
fn in_zone(zone: TimeZoneName, at: DateTime<Utc>) -> DateTime<FixedOffset> {
    let ahead = i32::try_from(offset_at(zone.rules(), at).num_seconds()).unwrap_or_default();
    at.with_timezone(&FixedOffset::east_opt(ahead).unwrap_or(Utc.fix()))
}

/// The change of a zone's clocks on the local day of a moment.
fn change_on_day_of(zone: TimeZoneName, at: DateTime<Utc>) -> Option<ClockChange> {
    let rules = zone.rules();
    let date = local_at(rules, at).date();
    let start = first_moment_of(rules, date.and_time(NaiveTime::MIN))?;
    let end = first_moment_of(rules, date.succ_opt()?.and_time(NaiveTime::MIN))?;
    // A change at midnight belongs to the day that it begins.
    let before = start - TimeDelta::seconds(1);
    let change = first_change(rules, before, end - TimeDelta::seconds(1))?;
    Some(ClockChange {
        from: change.naive_utc() + offset_at(rules, before),
        to: local_at(rules, change),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZoneName {
        TimeZoneName::parse(name).expect("a zone")
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn times_have_their_offset_and_the_clock_change_of_their_day() {
        let expression = CronExpression::parse("30 2 * * *").expect("an expression");
        let after = at("2026-03-28T00:00:00Z");
        let times = expression.preview(zone("Europe/Berlin"), after, 3);
        let texts: Vec<String> = times.iter().map(|time| time.local.to_rfc3339()).collect();
        assert_eq!(
            texts,
            [
                "2026-03-28T02:30:00+01:00",
                "2026-03-29T03:00:00+02:00",
                "2026-03-30T02:30:00+02:00"
            ]
        );
        let changes: Vec<_> = times.iter().map(|time| time.clock_change).collect();
        let local = |text: &str| text.parse::<NaiveDateTime>().expect("a time");
        let change = ClockChange {
            from: local("2026-03-29T02:00:00"),
            to: local("2026-03-29T03:00:00"),
        };
        assert_eq!(changes, [None, Some(change), None]);
        assert_eq!(expression.preview(zone("Europe/Berlin"), after, 0), []);
    }

    #[test]
    fn the_clocks_of_lord_howe_change_by_half_an_hour() {
        let expression = CronExpression::parse("0 12 * * *").expect("an expression");
        let times = expression.preview(zone("Australia/Lord_Howe"), at("2026-10-03T12:00:00Z"), 2);
        let change = times[0].clock_change.expect("a change");
        assert_eq!(change.to - change.from, TimeDelta::minutes(30));
        assert_eq!(times[1].clock_change, None);
    }

    #[test]
    fn an_hour_begins_by_the_clocks_of_the_zone() {
        let time = at("2026-01-01T10:50:10Z");
        assert_eq!(hour_in_zone(TimeZoneName::UTC, time), at("2026-01-01T10:00:00Z"));
        assert_eq!(hour_in_zone(zone("Asia/Kathmandu"), time), at("2026-01-01T10:15:00Z"));
    }
}
