//! Comparison with the crate `croner`, where its rules are the same: away from clock changes.

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

use super::{CronExpression, TimeZoneName, expressions};

/// Croner lets one day field match unless a field is exactly `*`, or all days are required; Vixie's cron checks the
/// first character.
fn read(text: &str) -> Cron {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [.., day, _, week_day] = words.as_slice() else {
        panic!("{text} has too few fields");
    };
    CronParser::builder()
        .seconds(Seconds::Optional)
        .sloppy_ranges(true)
        .dom_and_dow(day.starts_with('*') || week_day.starts_with('*'))
        .build()
        .parse(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn times_in_utc_equal_those_of_croner(text in expressions::any_expression(), start in 0_i64..3_000_000_000) {
        let ours = CronExpression::parse(&text).expect("an expression");
        let theirs = read(&text);
        let mut after: DateTime<Utc> = DateTime::from_timestamp(start, 0).expect("in range");
        for _ in 0..4 {
            let next = ours.next_after(TimeZoneName::UTC, after);
            prop_assert_eq!(next, theirs.find_next_occurrence(&after, false).ok(), "{} after {}", text, after);
            let Some(next) = next else { break };
            after = next;
        }
    }
}
