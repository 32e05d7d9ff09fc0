//! Against the crate `croner`, where its rules are ours: away from changes of the clocks.

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

use super::{CronExpression, TimeZoneName, expressions};

/// It takes one of two days unless a field is `*` alone, or all days are told to match; Vixie asks for the first letter.
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
    fn in_utc_times_are_those_of_croner(text in expressions::any_expression(), start in 0_i64..3_000_000_000) {
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
