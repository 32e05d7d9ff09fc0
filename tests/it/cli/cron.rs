//! `tickerq cron`: descriptions and run times of expressions.

use std::process::Command;

use chrono::{DateTime, Utc};

struct Ended {
    code: Option<i32>,
    printed: String,
    complaint: String,
}

/// Runs `tickerq cron …`, which needs neither a server nor a folder.
fn cron(arguments: &[&str]) -> Ended {
    let output = Command::new(crate::harness::program())
        .arg("cron")
        .args(arguments)
        .output()
        .expect("the binary runs");
    Ended {
        code: output.status.code(),
        printed: String::from_utf8(output.stdout).expect("text"),
        complaint: String::from_utf8(output.stderr).expect("text"),
    }
}

fn printed(arguments: &[&str]) -> String {
    let Ended {
        code,
        printed,
        complaint,
    } = cron(arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {complaint}");
    assert_eq!(complaint, "", "{arguments:?}");
    printed
}

/// The error of a command that must fail without output.
fn refused(arguments: &[&str]) -> String {
    let Ended {
        code,
        printed,
        complaint,
    } = cron(arguments);
    assert_eq!(code, Some(2), "{arguments:?} printed {printed}");
    assert_eq!(printed, "", "{arguments:?}");
    complaint
}

#[test]
fn the_next_times_are_printed_in_utc_one_a_line() {
    let day_of_the_change = [
        "--time-zone",
        "Europe/Berlin",
        "--after",
        "2026-03-28T12:00:00+01:00",
        "--count",
        "3",
    ];
    let next = |expression| printed(&[&["next", expression], day_of_the_change.as_slice()].concat());
    assert_eq!(
        next("30 2 * * *"),
        "2026-03-29T01:00:00Z\n2026-03-30T00:30:00Z\n2026-03-31T00:30:00Z\n"
    );
    assert_eq!(
        next("*/30 1-3 * * *"),
        "2026-03-29T00:00:00Z\n2026-03-29T00:30:00Z\n2026-03-29T01:00:00Z\n"
    );
    assert_eq!(
        next("15 0 2 * * SUN"),
        "2026-03-29T01:00:00Z\n2026-04-05T00:00:15Z\n2026-04-12T00:00:15Z\n"
    );
    assert_eq!(
        printed(&["next", "@daily", "--after", "2026-03-28T00:00:00Z"]),
        "2026-03-29T00:00:00Z\n"
    );
}

#[test]
fn without_a_start_it_is_the_next_time_from_now() {
    let before = Utc::now();
    let next = printed(&["next", "* * * * * *"]);
    let after = Utc::now();
    assert_eq!(next.len(), "2026-03-29T01:00:00Z\n".len(), "whole seconds: {next}");
    let next: DateTime<Utc> = next.trim_end().parse().expect("a time");
    assert!(
        before < next && next <= after + chrono::TimeDelta::seconds(1),
        "{before} {next} {after}"
    );
}

#[test]
fn errors_are_printed_and_set_the_exit_code() {
    for (arguments, reason) in [
        (
            vec!["next", "61 * * * *"],
            "minute '61': 61 is out of range; allowed are 0-59 and *",
        ),
        (
            vec!["explain", "30-10 * * * *"],
            "minute '30-10': range start is greater than its end: 30-10",
        ),
        (
            vec!["next", "0 0 31 2 *"],
            "day-of-month '31' does not exist in month '2'",
        ),
        (vec!["next", "@reboot"], "@reboot is not supported"),
        (vec!["next", "0 2 * *"], "a cron expression has 5 fields"),
        (vec!["next", "0", "2", "*"], "unexpected argument '2'"),
        (
            vec!["next", "@daily", "--time-zone", "Europe/Berln"],
            "'Europe/Berln' is not an IANA time zone; did you mean Europe/Berlin?",
        ),
        (
            vec!["next", "@daily", "--after", "2026-03-29T01:00:00"],
            "the form of a time is 2030-01-31T08:00:00Z",
        ),
        (vec!["next", "@daily", "--count", "0"], "0 is not in 1..="),
        (
            vec!["next", "@daily", "--after", "2101-06-01T00:00:00Z"],
            "'@daily' has no run time after 2101-06-01T00:00:00Z in UTC: the calendar ends with the year 2100",
        ),
    ] {
        let complaint = refused(&arguments);
        assert!(complaint.contains(reason), "{arguments:?}\n  printed {complaint}");
    }
}

#[test]
fn an_expression_is_described_in_words() {
    assert_eq!(
        printed(&["explain", "*/15 9-17 * * MON-FRI"]),
        "It runs every 15 minutes from 09:00 to 17:59 on Monday to Friday, in UTC.\n"
    );
    assert_eq!(
        printed(&["explain", "30 2 * * *", "--time-zone", "europe/berlin"]),
        "It runs at 02:30 every day, in Europe/Berlin.\n\
         A time that a clock change skips runs right after the change; one that it repeats runs once.\n"
    );
}

#[test]
fn the_help_shows_defaults_and_examples() {
    let help = printed(&["next", "--help"]);
    for expected in [
        "[default: now]",
        "[default: 1]",
        "[default: UTC]",
        "tickerq cron next '30 2 * * *' --time-zone",
    ] {
        assert!(help.contains(expected), "{expected} is not in\n{help}");
    }
}
