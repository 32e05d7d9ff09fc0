//! Comparison with PyPI's `cronsim` around clock changes: `tests/data/cron_vectors.py` generated and describes the
//! file.

use chrono::{DateTime, TimeDelta, Utc};

use super::{cron, zone};

const VECTORS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cron_vectors.txt"));

fn minutes(word: &str) -> TimeDelta {
    TimeDelta::minutes(word.parse().expect("a number of minutes"))
}

#[test]
fn times_around_clock_changes_equal_those_of_cronsim() {
    let (mut in_zone, mut expression) = (zone("UTC"), cron("* * * * *"));
    let (mut starts, mut wrong) = (0, Vec::new());
    for line in VECTORS.lines() {
        if line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("zone ") {
            in_zone = zone(name);
            continue;
        }
        if let Some(text) = line.strip_prefix("cron ") {
            expression = cron(text);
            continue;
        }
        let mut words = line.split(' ').map(minutes);
        let start: DateTime<Utc> = DateTime::UNIX_EPOCH + words.next().expect("a start");
        let mut last = start;
        for distance in words {
            let expected = last + distance;
            let next = expression.next_after(in_zone, last);
            if next != Some(expected) {
                wrong.push(format!(
                    "{expression} in {in_zone} after {last}: {next:?}, cronsim: {expected}"
                ));
            }
            last = expected;
        }
        starts += 1;
    }
    assert!(wrong.is_empty(), "{} times differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(starts > 10_000, "only {starts} starts were read");
}
