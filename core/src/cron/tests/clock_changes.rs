//! Clock changes compared with a literal implementation of the rules: every second or minute near a change of a zone is
//! checked.
//!
//! The matching calendar times are taken from the parsed fields; the comparisons with other implementations verify
//! those.

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

use super::{CronExpression, TimeZoneName, expressions, zone};
use crate::cron::clock_change::{first_change, offset_at};
use crate::values::time_zone::ZoneDatabase;

/// Minimum number of zones in any release of the database.
const ZONES: usize = 590;

fn zone_of(index: usize) -> TimeZoneName {
    let name = ZoneDatabase::current().names().nth(index).expect("a zone");
    zone(name)
}

fn matches(cron: &CronExpression, local: NaiveDateTime) -> bool {
    let fields = &cron.0.fields;
    let day = fields.day_of_month.values.contains(local.day());
    let week_day = fields
        .day_of_week
        .values
        .contains(local.weekday().num_days_from_sunday());
    fields.second.values.contains(local.second())
        && fields.minute.values.contains(local.minute())
        && fields.hour.values.contains(local.hour())
        && fields.month.values.contains(local.month())
        && (if fields.wants_both_days() {
            day && week_day
        } else {
            day || week_day
        })
}

fn local_time(zone: TimeZoneName, at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc() + offset_at(zone.rules(), at)
}

/// The first moment that shows this time, found among all offsets of the zone around it.
fn earliest(zone: TimeZoneName, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    let around = (-4..=4).map(|half_days| local.and_utc() + TimeDelta::hours(12 * half_days));
    around
        .map(|near| (local - offset_at(zone.rules(), near)).and_utc())
        .filter(|&at| local_time(zone, at) == local)
        .min()
}

/// The first moment after `after`, and not after `until`, at which the zone's clocks show a matching time.
fn by_real_time(
    cron: &CronExpression,
    zone: TimeZoneName,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
    step: TimeDelta,
) -> Option<DateTime<Utc>> {
    let mut at = after + step;
    while at <= until {
        if matches(cron, local_time(zone, at)) {
            return Some(at);
        }
        at += step;
    }
    None
}

/// The first moment after `after`, and not after `until`, that belongs to a matching local time.
fn by_named_time(
    cron: &CronExpression,
    zone: TimeZoneName,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
    step: TimeDelta,
) -> Option<DateTime<Utc>> {
    let mut first: Option<DateTime<Utc>> = None;
    // Every gap and repetition is far shorter than two days.
    let mut local = after.naive_utc() - TimeDelta::days(2);
    while local <= until.naive_utc() + TimeDelta::days(2) {
        if matches(cron, local) {
            let at = earliest(zone, local).unwrap_or_else(|| {
                // In a gap: the first moment whose clocks show a later time. Clocks change at whole minutes.
                let minute = local.with_second(0).expect("a whole minute");
                let mut at = minute.and_utc() - TimeDelta::days(2);
                while local_time(zone, at) < local {
                    at += TimeDelta::minutes(1);
                }
                at
            });
            if at > after && at <= until && first.is_none_or(|first| at < first) {
                first = Some(at);
            }
        }
        local += step;
    }
    first
}

/// Checks some hours around a change, minute by minute if the expression has second 0, otherwise a shorter time second
/// by second.
fn check(
    text: &str,
    zone: TimeZoneName,
    change: DateTime<Utc>,
    before: i64,
) -> Result<(), proptest::test_runner::TestCaseError> {
    let cron = CronExpression::parse(text).expect("an expression");
    let six_fields = text.split_whitespace().count() == 6;
    let (step, width) = if six_fields {
        (TimeDelta::seconds(1), TimeDelta::minutes(90))
    } else {
        (TimeDelta::minutes(1), TimeDelta::hours(30))
    };
    let start = if six_fields {
        change + TimeDelta::seconds(before % 5_400)
    } else {
        change + TimeDelta::minutes(before % 1_800)
    };
    let until = start + width;
    let expected = if cron.0.fields.follows_real_time() {
        by_real_time(&cron, zone, start, until, step)
    } else {
        by_named_time(&cron, zone, start, until, step)
    };
    let next = cron.next_after(zone, start).filter(|&next| next <= until);
    prop_assert_eq!(
        next,
        expected,
        "{} in {} after {}, change at {}",
        text,
        zone,
        start,
        change
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn the_rules_hold_around_every_clock_change_of_every_zone(
        text in expressions::five_fields(),
        zone in 0..ZONES,
        year in 1975..2090,
        before in -1_800_i64..1_800,
    ) {
        let zone = zone_of(zone);
        let from = Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).single().expect("a time");
        let change = first_change(zone.rules(), from, from + TimeDelta::days(700)).unwrap_or(from);
        check(&text, zone, change, before)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_rules_hold_for_seconds_around_clock_changes(
        text in expressions::six_fields(),
        zone in 0..ZONES,
        year in 1990..2030,
        before in -5_400_i64..5_400,
    ) {
        let zone = zone_of(zone);
        let from = Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).single().expect("a time");
        let change = first_change(zone.rules(), from, from + TimeDelta::days(700)).unwrap_or(from);
        check(&text, zone, change, before)?;
    }

    #[test]
    fn times_ascend_and_an_earlier_start_finds_the_same(
        text in expressions::any_expression(),
        zone in 0..ZONES,
        start in 400_000_000_i64..3_000_000_000,
    ) {
        let cron = CronExpression::parse(&text).expect("an expression");
        let zone = zone_of(zone);
        let after = DateTime::from_timestamp(start, 0).expect("in range");
        let Some(first) = cron.next_after(zone, after) else { return Ok(()) };
        prop_assert!(first > after);
        // From any moment before it, it is the next match.
        let middle = after + (first - after) / 2;
        prop_assert_eq!(cron.next_after(zone, middle), Some(first));
        prop_assert_eq!(cron.next_after(zone, first - TimeDelta::nanoseconds(1)), Some(first));
        prop_assert!(cron.next_after(zone, first).is_none_or(|second| second > first));
    }
}

#[test]
fn no_zone_changes_its_clocks_twice_within_four_days() {
    let day = TimeDelta::days(1);
    for zone in (0..ZONES).map(zone_of) {
        let offset = |at: DateTime<Utc>| offset_at(zone.rules(), at);
        let mut at = DateTime::UNIX_EPOCH;
        let (mut before, mut changed_at) = (offset(at), at - day * 5);
        while at.year() <= 2100 {
            at += day;
            let now = offset(at);
            if now != before {
                assert!(at - changed_at >= day * 4, "{zone} changes at {changed_at} and {at}");
                (before, changed_at) = (now, at);
            }
        }
    }
}

#[test]
fn the_moment_of_a_change_is_found_to_the_second() {
    let berlin = zone("Europe/Berlin").rules();
    let at = |text| super::time(text);
    assert_eq!(
        first_change(berlin, at("2026-01-01T00:00:00Z"), at("2026-12-31T00:00:00Z")),
        Some(at("2026-03-29T01:00:00Z"))
    );
    assert_eq!(
        first_change(berlin, at("2026-03-29T01:00:00Z"), at("2026-10-25T00:59:59Z")),
        None
    );
    assert_eq!(
        first_change(berlin, at("2026-03-29T01:00:00Z"), at("2026-10-25T01:00:00Z")),
        Some(at("2026-10-25T01:00:00Z"))
    );
}

#[test]
fn the_bundled_database_has_no_clock_changes_for_vancouver_from_now_on() {
    let next = |after| super::next_times("0 9 * * *", "America/Vancouver", after, 1);
    assert_eq!(next("2026-11-30T23:00:00Z"), ["2026-12-01T16:00:00Z"]);
    assert_eq!(next("2025-11-30T23:00:00Z"), ["2025-12-01T17:00:00Z"]);
}
