//! Tests of cron expressions: invalid expressions, the rules one by one, and comparisons with other implementations.

use chrono::{DateTime, Utc};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use super::{CronExpression, CronField};
use crate::values::time_zone::TimeZoneName;

mod clock_changes;
mod croner;
mod cronsim;
mod expressions;

fn cron(text: &str) -> CronExpression {
    CronExpression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn zone(name: &str) -> TimeZoneName {
    TimeZoneName::parse(name).unwrap_or_else(|error| panic!("{error}"))
}

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .to_utc()
}

/// The first `count` matches after `after`.
fn next_times(text: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
    let (cron, zone) = (cron(text), zone(zone_name));
    let next = |&after: &DateTime<Utc>| cron.next_after(zone, after);
    std::iter::successors(cron.next_after(zone, time(after)), next)
        .take(count)
        .map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
        .collect()
}

#[test]
fn ranges_of_days_and_months_wrap_around() {
    for (wrapped, listed) in [
        ("0 0 * * sat-sun", "0 0 * * 0,6"),
        ("0 0 * * FRI-MON", "0 0 * * 5,6,0,1"),
        ("0 0 * * 5-1", "0 0 * * 5,6,0,1"),
        ("0 0 * * 7-2", "0 0 * * 0,1,2"),
        ("0 0 * * sun-sat", "0 0 * * *"),
        ("0 0 * * fri-mon/2", "0 0 * * 5,0"),
        ("0 0 1 nov-feb *", "0 0 1 11,12,1,2 *"),
        ("0 0 1 12-1 *", "0 0 1 12,1 *"),
        ("0 0 1 oct-mar/3 *", "0 0 1 10,1 *"),
    ] {
        let values = |text: &str| {
            let fields = cron(text).0.fields;
            (fields.month.values, fields.day_of_week.values)
        };
        assert_eq!(values(wrapped), values(listed), "{wrapped}");
    }
    for text in ["30-10 * * * *", "* 22-2 * * *", "* * 28-3 * *"] {
        assert!(CronExpression::parse(text).is_err(), "{text} was accepted");
    }
}

#[test]
fn a_step_longer_than_its_field_matches_the_first_value_with_a_warning() {
    for (long, short, field) in [
        ("*/90 * * * *", "0 * * * *", "minute"),
        ("5/90 * * * *", "5 * * * *", "minute"),
        ("0 */25 * * *", "0 0 * * *", "hour"),
        ("0 0 */40 * *", "0 0 1 * *", "day-of-month"),
        ("0 0 1 */13 *", "0 0 1 1 *", "month"),
        ("0 0 * * */99999999999", "0 0 * * 0", "day-of-week"),
        ("*/61 * * * * *", "0 * * * * *", "second"),
    ] {
        let start = "2026-01-01T00:00:00Z";
        assert_eq!(
            next_times(long, "UTC", start, 3),
            next_times(short, "UTC", start, 3),
            "{long}"
        );
        let warnings = cron(long).warnings();
        assert!(warnings.len() == 1 && warnings[0].contains(field), "{warnings:?}");
    }
    for text in ["*/60 * * * *", "0 */24 * * *", "0 0 */31 * *", "@daily"] {
        assert_eq!(cron(text).warnings(), [] as [String; 0]);
    }
}

#[test]
fn an_error_names_the_field_and_its_allowed_values() {
    let errors: Vec<String> = [
        "",
        "* * * *",
        "0 0 2 * * * 2026",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "60 * * * * *",
        "* * * JANUARY *",
        "* * * * noday",
        "MON * * * *",
        "30-10 * * * *",
        "*/0 * * * *",
        "*/x * * * *",
        "*/ * * * *",
        "1,,2 * * * *",
        "1- * * * *",
        "-1 * * * *",
        "+1 * * * *",
        "1-2-3 * * * *",
        "1/2/3 * * * *",
        "** * * * *",
        "99999999999999999999 * * * *",
        "0 0 ? * MON",
        "0 0 L * *",
        "0 0 15W * *",
        "0 0 * * 5L",
        "0 0 * * FRI#2",
        "0 0 31 2 *",
        "0 0 30,31 FEB *",
        "0 0 31 4,6,9,11 */2",
        "@reboot",
        "@every 5m",
        "@dayly",
        "٣ * * * *",
    ]
    .into_iter()
    .map(|text| match CronExpression::parse(text) {
        Ok(_) => format!("{text}: ACCEPTED"),
        Err(error) => format!("{text}\n  {:?}: {error}", error.field()),
    })
    .collect();
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn the_length_of_an_expression_is_limited() {
    let long = format!("{} * * * *", vec!["1"; 300].join(","));
    let error = CronExpression::parse(&long).expect_err("too long");
    assert_eq!(
        error.to_string(),
        "a cron expression may have 500 characters; this one has 607"
    );
    assert!(CronExpression::parse(&format!("{} * * * *", vec!["1"; 200].join(","))).is_ok());
}

#[test]
fn the_text_is_kept_without_surrounding_whitespace() {
    assert_eq!(cron("  0 2\t* *  MON-fri \n").as_str(), "0 2\t* *  MON-fri");
    assert_eq!(cron("@Daily").to_string(), "@Daily");
}

#[test]
fn macros_stand_for_their_fields_in_any_case() {
    for (name, fields) in [
        ("@yearly", "0 0 1 1 *"),
        ("@ANNUALLY", "0 0 1 1 *"),
        ("@Monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ] {
        let times = |text| next_times(text, "Europe/Berlin", "2026-03-28T10:00:00Z", 30);
        assert_eq!(times(name), times(fields), "{name}");
    }
}

#[test]
fn sunday_is_0_and_7_and_a_range_may_end_with_it() {
    // 2026-01-04 is a Sunday.
    let days = |text| {
        next_times(text, "UTC", "2026-01-03T12:00:00Z", 7)
            .iter()
            .map(|at| at[8..10].to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(days("0 0 * * 0"), "04 11 18 25 01 08 15");
    assert_eq!(days("0 0 * * 7"), days("0 0 * * 0"));
    assert_eq!(days("0 0 * * sun"), days("0 0 * * 0"));
    assert_eq!(days("0 0 * * 1"), "05 12 19 26 02 09 16");
    assert_eq!(days("0 0 * * 5-7"), "04 09 10 11 16 17 18");
    assert_eq!(days("0 0 * * FRI-7"), days("0 0 * * 5-7"));
    assert_eq!(days("0 0 * * 0-7"), "04 05 06 07 08 09 10");
    assert_eq!(days("0 0 * * MON-FRI/2"), days("0 0 * * 1,3,5"));
    assert_eq!(days("0 0 * * 1/2"), days("0 0 * * 1,3,5,7"));
}

#[test]
fn either_day_field_is_enough_unless_one_begins_with_a_star() {
    let days = |text| {
        next_times(text, "UTC", "2026-01-01T12:00:00Z", 5)
            .iter()
            .map(|at| at[..10].to_owned())
            .collect::<Vec<_>>()
    };
    // Both restricted: each 13th and each Friday.
    assert_eq!(
        days("0 12 13 * FRI"),
        ["2026-01-02", "2026-01-09", "2026-01-13", "2026-01-16", "2026-01-23"]
    );
    assert_eq!(
        days("0 12 */2 * MON"),
        ["2026-01-05", "2026-01-19", "2026-02-09", "2026-02-23", "2026-03-09"]
    );
    assert_eq!(
        days("0 12 1-31 * MON"),
        ["2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05", "2026-01-06"]
    );
    assert_eq!(
        days("0 12 13 * */5"),
        ["2026-02-13", "2026-03-13", "2026-09-13", "2026-11-13", "2026-12-13"]
    );
    // Only a leading star counts.
    assert_eq!(days("0 12 1,* * MON"), days("0 12 1-31 * MON"));
    assert_eq!(days("0 12 *,1 * MON"), days("0 12 * * MON"));
    // Six fields: the same.
    assert_eq!(days("0 0 12 13 * FRI"), days("0 12 13 * FRI"));
    // One matching field is enough, so a day that never occurs is harmless.
    assert_eq!(days("0 12 31 2 MON")[0], "2026-02-02");
}

#[test]
fn new_york_matches_debian() {
    let times = |text, after| {
        next_times(text, "America/New_York", after, 8)
            .join(" ")
            .replace("2026-", "")
    };
    // 02:00 to 03:00 on the 8th of March is skipped.
    assert!(times("30 2 * * *", "2026-03-07T12:00:00Z").starts_with("03-08T07:00:00Z 03-09T06:30:00Z"));
    assert!(times("*/20 2 * * *", "2026-03-07T12:00:00Z").starts_with("03-09T06:00:00Z"));
    assert!(
        times("15,45 2,3 * * *", "2026-03-07T12:00:00Z")
            .starts_with("03-08T07:00:00Z 03-08T07:15:00Z 03-08T07:45:00Z 03-09T06:15:00Z")
    );
    // 01:00 to 02:00 on the 1st of November is repeated.
    assert!(times("30 1 * * *", "2026-10-31T12:00:00Z").starts_with("11-01T05:30:00Z 11-02T06:30:00Z"));
    assert!(times("30 1 * * *", "2026-11-01T05:45:00Z").starts_with("11-02T06:30:00Z"));
    assert!(times("30 1 * * *", "2026-11-01T06:15:00Z").starts_with("11-02T06:30:00Z"));
    assert_eq!(
        times("*/20 1 * * *", "2026-10-31T12:00:00Z"),
        "11-01T05:00:00Z 11-01T05:20:00Z 11-01T05:40:00Z 11-01T06:00:00Z 11-01T06:20:00Z 11-01T06:40:00Z \
         11-02T06:00:00Z 11-02T06:20:00Z"
    );
}

#[test]
fn gaps_and_repeated_times_of_every_length_and_place() {
    let first = |text, zone, after| next_times(text, zone, after, 3).join(" ");
    // Midnight itself is skipped.
    assert_eq!(
        first("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z"),
        "2026-09-06T04:00:00Z 2026-09-07T03:00:00Z 2026-09-08T03:00:00Z"
    );
    assert_eq!(
        first("0 0 * * *", "Asia/Beirut", "2026-03-28T12:00:00Z"),
        "2026-03-28T22:00:00Z 2026-03-29T21:00:00Z 2026-03-30T21:00:00Z"
    );
    // Half an hour, forward and back at 02:00.
    assert_eq!(
        first("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
        "2026-10-03T15:30:00Z 2026-10-04T15:15:00Z 2026-10-05T15:15:00Z"
    );
    assert_eq!(
        first("*/15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
        "2026-10-03T15:30:00Z 2026-10-03T15:45:00Z 2026-10-04T15:00:00Z"
    );
    assert_eq!(
        first("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z"),
        "2026-04-04T14:45:00Z 2026-04-05T15:15:00Z 2026-04-06T15:15:00Z"
    );
    assert_eq!(
        first("*/10 2 * * *", "Australia/Lord_Howe", "2026-04-04T15:29:59Z"),
        "2026-04-04T15:30:00Z 2026-04-04T15:40:00Z 2026-04-04T15:50:00Z"
    );
    // Apia had no 30th of December 2011.
    assert_eq!(
        first("30 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z"),
        "2011-12-29T22:30:00Z 2011-12-30T10:00:00Z 2011-12-30T22:30:00Z"
    );
    assert_eq!(
        first("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z"),
        "2011-12-30T10:00:00Z 2012-12-29T22:00:00Z 2013-12-29T22:00:00Z"
    );
    // Six fields: the same.
    assert_eq!(
        first("*/30 30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"),
        "2026-03-29T01:00:00Z 2026-03-30T00:30:00Z 2026-03-30T00:30:30Z"
    );
    assert_eq!(
        first("*/30 30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z"),
        "2026-10-25T00:30:30Z 2026-10-26T01:30:00Z 2026-10-26T01:30:30Z"
    );
}

#[test]
fn the_calendar_ends_with_the_year_2100() {
    assert_eq!(
        next_times("0 0 1 1 *", "UTC", "2099-01-01T00:00:00Z", 3),
        ["2100-01-01T00:00:00Z"]
    );
    assert_eq!(
        next_times("0 0 1 1 *", "UTC", "1900-01-01T00:00:00Z", 1),
        ["1970-01-01T00:00:00Z"]
    );
    let (every_second, new_york) = (cron("* * * * * *"), zone("America/New_York"));
    for far in [DateTime::<Utc>::MAX_UTC, time("2101-01-01T05:00:00Z")] {
        assert_eq!(every_second.next_after(new_york, far), None);
        assert_eq!(cron("0 0 * * *").next_after(new_york, far), None);
    }
    for text in ["* * * * * *", "0 0 * * *"] {
        let first = cron(text).next_after(new_york, DateTime::<Utc>::MIN_UTC);
        assert_eq!(first, Some(time("1970-01-01T05:00:00Z")), "{text}");
    }
    // The last 29th of February on a Sunday before it.
    assert_eq!(
        next_times("0 0 29 2 */7", "UTC", "2026-01-01T00:00:00Z", 9),
        ["2032-02-29T00:00:00Z", "2060-02-29T00:00:00Z", "2088-02-29T00:00:00Z"]
    );
}

#[test]
fn a_fraction_of_a_second_is_ignored() {
    assert_eq!(
        next_times("* * * * * *", "UTC", "2026-01-01T00:00:00.999Z", 1),
        ["2026-01-01T00:00:01Z"]
    );
    assert_eq!(
        next_times("0 0 * * *", "UTC", "2025-12-31T23:59:59.999Z", 1),
        ["2026-01-01T00:00:00Z"]
    );
}

#[test]
fn every_field_has_a_name_and_bounds() {
    let described: Vec<String> = CronField::ALL
        .iter()
        .map(|field| format!("{}: {}", field.as_str(), field.values_in_words()))
        .collect();
    assert_eq!(described[0], "second: 0-59");
    assert_eq!(described[5], "day-of-week: 0-7 or SUN-SAT (0 and 7 are Sunday)");
}

proptest! {
    #[test]
    fn no_text_causes_a_panic(text in "\\PC{0,40}") {
        drop(CronExpression::parse(&text));
    }

    #[test]
    fn no_text_of_the_cron_alphabet_causes_a_panic(text in "[-0-9*/, @a-zA-Z?#LW]{0,40}") {
        if let Ok(cron) = CronExpression::parse(&text) {
            prop_assert!(!cron.describe().is_empty());
        }
    }

    #[test]
    fn the_last_time_within_a_span_is_the_last_of_an_iteration(
        text in expressions::any_expression(),
        start in 0_i64..2_000_000_000,
        width in 0_i64..200_000,
    ) {
        let (cron, berlin) = (cron(&text), zone("Europe/Berlin"));
        let after = DateTime::from_timestamp(start, 0).expect("in range");
        let until = DateTime::from_timestamp(start + width, 0).expect("in range");
        let mut last = None;
        let mut seconds_left = 5_000;
        while let Some(next) = cron.next_after(berlin, last.unwrap_or(after)).filter(|next| *next <= until) {
            last = Some(next);
            seconds_left -= 1;
            if seconds_left == 0 {
                // An iteration over every second would take too long: the span ends here.
                prop_assert_eq!(cron.last_within(berlin, after, next), last);
                return Ok(());
            }
        }
        prop_assert_eq!(cron.last_within(berlin, after, until), last);
    }
}
