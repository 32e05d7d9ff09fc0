//! Time ranges in zones with all kinds of clock changes.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use super::{Bound, Granularity, InvalidPeriod, PeriodRequest};
use crate::values::time_zone::{TimeZoneName, ZoneDatabase};

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn date(text: &str) -> Option<Bound> {
    Some(Bound::Date(text.parse::<NaiveDate>().expect("a date")))
}

fn zone(name: &str) -> TimeZoneName {
    TimeZoneName::parse(name).expect("a zone")
}

/// The bounds of a range of days, and the names and lengths of its parts in quarters of an hour.
fn days(name: &str, from: &str, to: &str) -> (String, String, Vec<(String, i64)>) {
    let request = PeriodRequest {
        from: date(from),
        to: date(to),
        time_zone: zone(name),
        granularity: Some(Granularity::Day),
    };
    let period = request.resolve(time("2030-01-01T00:00:00Z")).expect("a period");
    let parts = period.parts(time("2030-01-01T00:00:00Z")).into_iter();
    let parts = parts.map(|part| (period.name(part), part.span.to.0 - part.span.from.0));
    (
        period.start().to_string(),
        period.last_second().to_string(),
        parts.collect(),
    )
}

fn parts(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected
        .iter()
        .map(|(name, length)| ((*name).to_owned(), *length))
        .collect()
}

#[test]
fn days_begin_and_end_as_defined_by_the_dashboard_api() {
    let (from, to, found) = days("UTC", "2024-01-01", "2024-01-02");
    assert_eq!(
        (from.as_str(), to.as_str()),
        ("2024-01-01 00:00:00 UTC", "2024-01-02 23:59:59 UTC")
    );
    assert_eq!(found, parts(&[("2024-01-01", 96), ("2024-01-02", 96)]));
}

#[test]
fn days_are_as_long_as_clock_changes_make_them() {
    let (from, _, found) = days("Europe/Berlin", "2024-03-30", "2024-04-01");
    assert_eq!(from, "2024-03-29 23:00:00 UTC");
    assert_eq!(
        found,
        parts(&[("2024-03-30", 96), ("2024-03-31", 92), ("2024-04-01", 96)])
    );
    let (_, _, found) = days("Europe/Berlin", "2024-10-27", "2024-10-27");
    assert_eq!(found, parts(&[("2024-10-27", 100)]));
    // A clock change of half an hour.
    let (_, _, found) = days("Australia/Lord_Howe", "2024-10-06", "2024-10-06");
    assert_eq!(found, parts(&[("2024-10-06", 94)]));
    // A clock change at midnight: this day begins at one o'clock.
    let (from, _, found) = days("America/Santiago", "2024-09-08", "2024-09-08");
    assert_eq!(
        (from.as_str(), found),
        ("2024-09-08 04:00:00 UTC", parts(&[("2024-09-08", 92)]))
    );
    // A day that was skipped.
    let (_, _, found) = days("Pacific/Apia", "2011-12-29", "2011-12-31");
    assert_eq!(found, parts(&[("2011-12-29", 96), ("2011-12-31", 96)]));
}

#[test]
fn offsets_from_utc_may_have_quarters_of_an_hour() {
    let (from, to, found) = days("Asia/Kathmandu", "2024-01-01", "2024-01-01");
    assert_eq!(
        (from.as_str(), to.as_str()),
        ("2023-12-31 18:15:00 UTC", "2024-01-01 18:14:59 UTC")
    );
    assert_eq!(found, parts(&[("2024-01-01", 96)]));
}

#[test]
fn the_default_range_is_the_week_until_now() {
    let now = time("2024-01-15T10:07:00Z");
    let period = PeriodRequest::default().resolve(now).expect("a period");
    assert_eq!(period.start(), time("2024-01-09T00:00:00Z"));
    assert_eq!(period.last_second(), time("2024-01-15T10:14:59Z"));
    assert_eq!(period.granularity, Granularity::Day);
    assert_eq!(period.parts(now).len(), 7);
    assert!((period.days_until(now) - 6.4215).abs() < 0.001);
}

#[test]
fn the_default_granularity_is_days_and_no_part_is_in_the_future() {
    let request = PeriodRequest {
        from: Some(Bound::Time(time("2024-01-15T08:20:00Z"))),
        to: date("2024-01-15"),
        time_zone: zone("Asia/Kolkata"),
        granularity: Some(Granularity::Hour),
    };
    let now = time("2024-01-15T10:07:00Z");
    let by_default = PeriodRequest {
        granularity: None,
        ..request
    };
    let period = by_default.resolve(now).expect("a period");
    assert_eq!(period.granularity, Granularity::Day);
    assert_eq!(period.name(period.parts(now)[0]), "2024-01-15");
    let period = request.resolve(now).expect("a period");
    let found: Vec<String> = period.parts(now).into_iter().map(|part| period.name(part)).collect();
    assert_eq!(
        found,
        [
            "2024-01-15T13:00:00+05:30",
            "2024-01-15T14:00:00+05:30",
            "2024-01-15T15:00:00+05:30"
        ]
    );
    let first = period.parts(now)[0].span;
    assert_eq!(
        first.to.start() - first.from.start(),
        TimeDelta::minutes(15),
        "what lies in the period"
    );
    assert!((period.days_until(now) - 1.0).abs() < f64::EPSILON);
}

#[test]
fn invalid_ranges_are_rejected() {
    let now = time("2024-01-15T10:07:00Z");
    let request = |from, to, granularity| PeriodRequest {
        from: date(from),
        to: date(to),
        granularity,
        ..PeriodRequest::default()
    };
    let refused = |request: PeriodRequest| request.resolve(now).expect_err("refused");
    assert_eq!(
        refused(request("2024-01-02", "2024-01-01", None)),
        InvalidPeriod::Backwards
    );
    assert_eq!(
        refused(request("2022-01-01", "2024-01-01", None)),
        InvalidPeriod::TooLong
    );
    let hours = request("2024-01-01", "2024-01-20", Some(Granularity::Hour));
    assert_eq!(refused(hours), InvalidPeriod::TooManyHours);
    let future = PeriodRequest {
        from: date("2024-02-01"),
        ..PeriodRequest::default()
    };
    assert_eq!(refused(future), InvalidPeriod::Backwards);
    let period = request("2024-02-01", "2024-02-02", None)
        .resolve(now)
        .expect("a period to come");
    assert_eq!(period.parts(now), []);
}

fn zone_of(index: usize) -> TimeZoneName {
    let name = ZoneDatabase::current().names().nth(index).expect("a zone");
    TimeZoneName::parse(name).expect("a zone")
}

proptest! {
    #[test]
    fn the_parts_cover_the_whole_range(zone_index in 0_usize..590, start in 86_400_i64..2_000_000_000, hours in 1_i64..1_000, by_day in proptest::bool::ANY) {
        let from = DateTime::from_timestamp(start, 0).expect("a time");
        let to = from + TimeDelta::hours(if by_day { hours } else { hours.min(300) });
        let request = PeriodRequest {
            from: Some(Bound::Time(from)),
            to: Some(Bound::Time(to)),
            time_zone: zone_of(zone_index),
            granularity: Some(if by_day { Granularity::Day } else { Granularity::Hour }),
        };
        let period = request.resolve(to).expect("a period");
        let parts = period.parts(to);
        let mut next = period.span.from;
        for part in &parts {
            prop_assert_eq!(part.span.from, next);
            prop_assert!(part.span.from < part.span.to);
            prop_assert!(part.start <= part.span.from.start() + TimeDelta::minutes(15));
            next = part.span.to;
        }
        prop_assert_eq!(next, period.span.to);
        let mut names: Vec<String> = parts.iter().map(|part| period.name(*part)).collect();
        names.dedup();
        prop_assert_eq!(names.len(), parts.len());
    }
}
