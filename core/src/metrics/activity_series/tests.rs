use chrono::{DateTime, TimeDelta, Utc};

use super::{InvalidSeries, Series, SeriesRequest, Step};
use crate::metrics::time_range::Bound;
use crate::values::time_zone::TimeZoneName;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn date(text: &str) -> Option<Bound> {
    Some(Bound::Date(text.parse().expect("a date")))
}

fn time(text: &str) -> Option<Bound> {
    Some(Bound::Time(at(text)))
}

fn in_zone(name: &str) -> SeriesRequest {
    SeriesRequest {
        time_zone: TimeZoneName::parse(name).expect("a zone"),
        ..SeriesRequest::default()
    }
}

fn hours(series: &Series) -> Vec<i64> {
    let mut bounds = series.starts();
    bounds.extend(series.end());
    bounds.windows(2).map(|pair| (pair[1] - pair[0]).num_hours()).collect()
}

#[test]
fn days_of_clock_changes_have_23_and_25_hours() {
    let days = |from, to| {
        let request = SeriesRequest {
            from: date(from),
            to: date(to),
            step: Some(Step::D1),
            ..in_zone("Europe/Berlin")
        };
        request.resolve(at("2026-12-01T00:00:00Z")).expect("a series")
    };
    let spring = days("2026-03-28", "2026-03-30");
    assert_eq!(hours(&spring), [24, 23, 24]);
    assert_eq!(spring.starts()[1], at("2026-03-28T23:00:00Z"));
    assert_eq!(hours(&days("2026-10-24", "2026-10-26")), [24, 25, 24]);
}

#[test]
fn hours_are_those_of_the_time_zone() {
    let request = SeriesRequest {
        from: time("2026-05-01T10:10:00Z"),
        to: time("2026-05-01T12:00:00Z"),
        step: Some(Step::H1),
        ..in_zone("Asia/Kolkata")
    };
    let series = request.resolve(at("2026-05-02T00:00:00Z")).expect("a series");
    assert_eq!(
        series.starts(),
        ["2026-05-01T09:30:00Z", "2026-05-01T10:30:00Z", "2026-05-01T11:30:00Z"].map(at)
    );
}

#[test]
fn a_series_has_whole_steps_and_ends_now() {
    let now = at("2026-05-01T12:00:07Z");
    let request = SeriesRequest {
        from: time("2026-05-01T11:58:03Z"),
        to: time("2026-05-01T13:00:00Z"),
        step: Some(Step::M1),
        ..SeriesRequest::default()
    };
    let series = request.resolve(now).expect("a series");
    assert_eq!(
        series.starts(),
        ["2026-05-01T11:58:00Z", "2026-05-01T11:59:00Z", "2026-05-01T12:00:00Z"].map(at)
    );
    let fine = SeriesRequest {
        step: Some(Step::S5),
        ..SeriesRequest::default()
    };
    let series = fine.resolve(now).expect("a series");
    assert_eq!(series.points.len(), 721);
    assert_eq!(series.end(), Some(at("2026-05-01T12:00:10Z")));
}

#[test]
fn the_default_step_suits_the_length() {
    let now = at("2026-05-01T12:00:00Z");
    let step = |ago: TimeDelta, is_by_type| {
        let request = SeriesRequest {
            from: Some(Bound::Time(now - ago)),
            is_by_type,
            ..SeriesRequest::default()
        };
        request.resolve(now).expect("a series").step
    };
    assert_eq!(step(TimeDelta::hours(1), false), Step::S5);
    assert_eq!(step(TimeDelta::hours(1), true), Step::M15);
    assert_eq!(step(TimeDelta::days(1), false), Step::M1);
    assert_eq!(step(TimeDelta::days(7), false), Step::M15);
    assert_eq!(step(TimeDelta::days(30), false), Step::H1);
    assert_eq!(step(TimeDelta::days(400), false), Step::D1);
}

#[test]
fn errors_name_the_limit() {
    let now = at("2026-05-01T12:00:00Z");
    let error = |from, to, step, is_by_type| {
        let request = SeriesRequest {
            from: time(from),
            to: time(to),
            step: Some(step),
            is_by_type,
            ..SeriesRequest::default()
        };
        request.resolve(now).expect_err("no series")
    };
    let (day, hour) = ("2026-05-01T00:00:00Z", "2026-05-01T12:00:00Z");
    assert_eq!(error(day, hour, Step::S5, false), InvalidSeries::TooLong(Step::S5));
    assert_eq!(
        error(day, "2026-05-01T00:10:00Z", Step::S5, false).to_string(),
        "steps of 5s are kept for 1 hour; request a later start, or a longer step"
    );
    assert_eq!(
        error("2026-01-01T00:00:00Z", hour, Step::M15, false).to_string(),
        "steps of 15m are limited to 90 days; request a shorter range, or a longer step"
    );
    assert_eq!(error(day, hour, Step::M1, true), InvalidSeries::ByType(Step::M1));
    assert_eq!(error(hour, day, Step::H1, false), InvalidSeries::Backwards);
}
