//! Tests of the filter language.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{select, subsequence};
use uuid::Uuid;

use super::condition::{Condition, Interval, NodeMatch, NumberField, Term, TextField, TextMatch, TimeField, TimeMatch};
use super::job_filter::JobFilter;
use super::parser::{FILTER_BYTES_MAX, TERMS_MAX, VALUES_MAX};
use crate::job::Job;
use crate::job::new_job::{JobDefaults, NewJob};
use crate::job::priority::Priority;
use crate::job::status::JobStatus;
use crate::metrics::fingerprint::Fingerprint;
use crate::recurring::RecurringId;
use crate::values::id::{JobId, NodeId};
use crate::values::name::JobType;
use crate::values::time_span::TimeSpan;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("a time").to_utc()
}

fn now() -> DateTime<Utc> {
    at("2026-11-30T12:00:00Z")
}

fn parse(text: &str) -> JobFilter {
    JobFilter::parse(text, now()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn only(text: &str) -> Condition {
    let filter = parse(text);
    match filter.terms() {
        [term] if !term.is_negated => term.condition.clone(),
        terms => panic!("{text}: {terms:?}"),
    }
}

fn texts(field: TextField, values: &[TextMatch]) -> Condition {
    Condition::Text(field, values.to_vec())
}

fn is(text: &str) -> TextMatch {
    TextMatch::Is(text.into())
}

#[test]
fn each_field_is_parsed() {
    use TextMatch::{Contains, Missing, StartsWith};
    assert_eq!(only("status:failed"), Condition::Status(vec![JobStatus::Failed]));
    assert_eq!(
        only("STATUS:Failed,pending,failed"),
        Condition::Status(vec![JobStatus::Pending, JobStatus::Failed])
    );
    assert_eq!(
        only("type:Email*,Pair`2[A,B]"),
        texts(TextField::Type, &[is("Pair`2[A,B]"), StartsWith("Email".into())])
    );
    assert_eq!(only("type~mail"), texts(TextField::Type, &[Contains("mail".into())]));
    assert_eq!(only("queue:mail"), texts(TextField::Queue, &[is("mail")]));
    assert_eq!(only("queue:none"), texts(TextField::Queue, &[is("none")]));
    assert_eq!(
        only("name:\"two words\"*"),
        texts(TextField::Name, &[StartsWith("two words".into())])
    );
    assert_eq!(only("tag:vip,eu*,none"), {
        texts(TextField::Tag, &[Missing, is("vip"), StartsWith("eu".into())])
    });
    assert_eq!(only("tag:\"none\""), texts(TextField::Tag, &[is("none")]));
    assert_eq!(only("tag:*"), texts(TextField::Tag, &[StartsWith("".into())]));
    let path = TextField::Parameter("customer.id".into());
    assert_eq!(only("param.customer.id:4711"), texts(path, &[is("4711")]));
    let timeout = [Contains("time \"out\"".into())];
    assert_eq!(only(r#"error:"time \"out\"""#), texts(TextField::Error, &timeout));
    assert_eq!(only(r#"error~"time \u0022out\"""#), texts(TextField::Error, &timeout));
    assert_eq!(only("error:none"), texts(TextField::Error, &[Missing]));
    assert_eq!(only("error~none"), texts(TextField::Error, &[Contains("none".into())]));
    assert_eq!(only("unique:a/b"), texts(TextField::Unique, &[is("a/b")]));
    assert_eq!(
        only("priority>=high"),
        Condition::Priority(vec![Priority::High, Priority::Critical])
    );
    assert_eq!(
        only("priority:<high"),
        Condition::Priority(vec![Priority::Low, Priority::Normal])
    );
    let id = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    let uuid = Uuid::parse_str(id).expect("an id");
    assert_eq!(only(&format!("id:{id}")), Condition::Id(vec![JobId::from_uuid(uuid)]));
    assert_eq!(
        only(&format!("recurring:none,{id}")),
        Condition::Recurring(vec![None, Some(RecurringId::from_uuid(uuid))])
    );
    let fingerprint = Fingerprint::parse("f028e97f63b93e0a").ok();
    assert_eq!(
        only("fingerprint:F028E97F63B93E0A,none"),
        Condition::Fingerprint(vec![None, fingerprint])
    );
    let nodes = vec![
        NodeMatch::Missing,
        NodeMatch::Id(NodeId::from_uuid(uuid)),
        NodeMatch::Name("web-2".into()),
    ];
    assert_eq!(only(&format!("worker:web-2,{id},none")), Condition::Node(nodes.clone()));
    assert_eq!(only(&format!("node:\"web-2\",none,{id}")), Condition::Node(nodes));
}

#[test]
fn comparisons_and_ranges_are_intervals() {
    let attempts = |text: &str| {
        let Condition::Number(NumberField::Attempt, intervals) = only(text) else {
            panic!("{text} is no condition of attempts");
        };
        intervals
    };
    let interval = |from, to| Interval { from, to };
    assert_eq!(attempts("attempts:>3"), [interval(Some(4), None)]);
    assert_eq!(attempts("attempt>3"), [interval(Some(4), None)]);
    assert_eq!(
        attempts("attempt:2..5,<2"),
        [interval(None, Some(1)), interval(Some(2), Some(5))]
    );
    assert_eq!(
        attempts("attempt:..5,7.."),
        [interval(None, Some(5)), interval(Some(7), None)]
    );
    assert_eq!(
        only("duration:>10s"),
        Condition::Duration(vec![Interval {
            from: Some(TimeSpan::from_micros(10_000_001)),
            to: None,
        }])
    );
    let times = |text: &str| {
        let Condition::Time(TimeField::Created, times) = only(text) else {
            panic!("{text} is no condition of times of creation");
        };
        match times.as_slice() {
            [TimeMatch::Within(interval)] => (interval.from, interval.to),
            other => panic!("{text}: {other:?}"),
        }
    };
    let (start, end) = (at("2026-11-01T00:00:00Z"), at("2026-11-01T23:59:59.999999Z"));
    assert_eq!(times("created:2026-11-01"), (Some(start), Some(end)));
    assert_eq!(times("created>=2026-11-01"), (Some(start), None));
    assert_eq!(times("created>2026-11-01"), (Some(at("2026-11-02T00:00:00Z")), None));
    assert_eq!(times("created<=2026-11-01"), (None, Some(end)));
    assert_eq!(
        times("created<2026-11-01"),
        (None, Some(at("2026-10-31T23:59:59.999999Z")))
    );
    assert_eq!(times("created:>=-1h"), (Some(now() - TimeDelta::hours(1)), None));
    assert_eq!(
        times("created:-1d..now"),
        (Some(now() - TimeDelta::days(1)), Some(now()))
    );
    assert_eq!(
        only("finished:none"),
        Condition::Time(TimeField::Finished, vec![TimeMatch::Missing])
    );
}

#[test]
fn a_text_alone_and_a_negation_are_terms() {
    let filter = parse("  -status:failed  \"a b\" -timeout a,b\t");
    let negated: Vec<bool> = filter.terms().iter().map(|term| term.is_negated).collect();
    assert_eq!(negated, [true, false, true, false]);
    assert_eq!(filter.to_string(), "-status:failed \"a b\" -timeout \"a,b\"");
    assert!(parse(" ").is_empty());
}

#[test]
fn an_error_points_at_the_character_and_names_what_is_allowed() {
    for (text, position, part) in [
        ("staus:failed", 1, "did you mean 'status'?"),
        ("status:failed colour:red", 15, "allowed are id, status, type"),
        (
            "status:faild",
            8,
            "allowed are pending, running, completed, failed and cancelled",
        ),
        ("status:failed,", 15, "a value is missing"),
        ("status>failed", 7, "allowed: :"),
        ("queue~mail", 6, "allowed: :"),
        ("status=failed", 7, "allowed: :"),
        ("attempts:>x", 11, "'x' is not a number"),
        ("attempt:3..2", 9, "the range is empty"),
        ("attempt:..", 9, "a range needs a bound"),
        ("attempt:>1..2", 11, "a comparison of a range"),
        ("attempt<0", 9, "no value can match"),
        ("attempt:1..x", 12, "'x' is not a number"),
        ("duration:>5", 11, "is not a duration"),
        ("duration:>-5s", 11, "not negative"),
        ("created:2026-02-30", 9, "allowed are a date such as"),
        ("type:Em*il", 8, "only allowed at the end"),
        ("queue:\"a b\"", 7, "allowed are letters, digits"),
        ("name:\"open", 6, "the quote is not closed"),
        ("name:a\"b\"", 7, "a quote is only allowed"),
        ("name:\"a\"b", 9, "expected a space"),
        ("name:\"a\\n\"", 8, "the escape is not valid"),
        ("name:\"a\\u0000\"", 8, "a control character"),
        ("name:\"\\ud800x\"", 7, "the escape is not valid"),
        ("tag:\"\"", 5, "the text is empty"),
        ("param.:1", 1, "names separated by single dots"),
        ("param.a..b:1", 1, "names separated by single dots"),
        ("fingerprint:8f14", 13, "expected 16 hexadecimal digits"),
        ("fingerprint>8f14", 12, "allowed: :"),
        ("worker:web*", 11, "'*' is not allowed"),
        ("attempt:1*", 10, "'*' is not allowed"),
        ("mail*", 1, "'*' is not allowed in a text"),
        ("ä name:", 8, "a value is missing"),
        ("-", 2, "the text is empty"),
    ] {
        let error = JobFilter::parse(text, now()).expect_err(text);
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.detail.contains(part), "{text}: {error}");
        assert!(
            error.to_string().starts_with(&format!("character {position}: ")),
            "{error}"
        );
    }
}

#[test]
fn the_size_of_a_filter_is_limited() {
    let too_long = "x".repeat(64 * 1024);
    let error = JobFilter::parse(&too_long, now()).expect_err("too long").to_string();
    assert!(error.contains("65536 bytes; at most 8192 are allowed"), "{error}");
    assert!(JobFilter::parse(&" ".repeat(FILTER_BYTES_MAX), now()).is_ok());
    assert!(JobFilter::parse(&"a ".repeat(TERMS_MAX), now()).is_ok());
    assert!(JobFilter::parse(&"a ".repeat(TERMS_MAX + 1), now()).is_err());
    assert!(JobFilter::parse(&format!("tag:{}a", "a,".repeat(VALUES_MAX - 1)), now()).is_ok());
    assert!(JobFilter::parse(&format!("tag:{}a", "a,".repeat(VALUES_MAX)), now()).is_err());
    assert!(JobFilter::parse(&"x".repeat(201), now()).is_err());
}

fn job(change: impl FnOnce(&mut Job)) -> Job {
    let new = NewJob::of_type(JobType::parse("EmailJob").expect("a type"));
    let mut job = new.into_job(&JobDefaults::default(), now(), 7);
    change(&mut job);
    job
}

#[test]
fn a_filter_matches_the_jobs_that_it_describes() {
    let failed = job(|job| {
        job.status = JobStatus::Failed;
        job.error = Some(Arc::from("Connection Timeout"));
        job.attempt = 4;
        job.started_at = Some(now());
        job.finished_at = Some(now() + TimeDelta::seconds(11));
    });
    for text in [
        "",
        "status:failed",
        "-status:pending,running",
        "type:Email*",
        "type~MAIL",
        "queue:default",
        "error:timeout",
        "-error:none",
        "-fingerprint:none",
        "attempts:>3 duration:>10s",
        "tag:none",
        "-tag:*",
        "unique:none recurring:none worker:none",
        "created:2026-11-30 finished>2026-11-30T12:00:10Z",
        "priority:normal",
        "emailjob",
        "-\"sms job\"",
    ] {
        assert!(parse(text).matches(&failed), "{text}");
        assert!(!parse(&format!("{text} id:00000000-0000-0000-0000-000000000000")).matches(&failed));
    }
    for text in [
        "status:pending",
        "type:email*",
        "type:Email",
        "error:refused",
        "error:none",
        "fingerprint:none,f028e97f63b93e0a",
        "attempts:<4",
        "duration:<11s",
        "tag:vip",
        "param.a:1",
        "worker:web",
        "finished:none",
        "created:..2026-11-29",
        "-emailjob",
    ] {
        assert!(!parse(text).matches(&failed), "{text}");
    }
    // A negation holds for a field that is empty.
    assert!(parse("-error:timeout -duration:>1s -finished:2026-11-30").matches(&job(|_| {})));
}

fn interval<T: Ord + Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = Interval<T>> {
    (value, option::of(any::<bool>())).prop_map(|(value, side)| match side {
        None => Interval {
            from: Some(value.clone()),
            to: Some(value),
        },
        Some(true) => Interval {
            from: Some(value),
            to: None,
        },
        Some(false) => Interval {
            from: None,
            to: Some(value),
        },
    })
}

fn bounded<T: Ord + Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = Interval<T>> {
    let both = (value.clone(), value.clone()).prop_map(|(one, other)| Interval {
        from: Some(one.clone().min(other.clone())),
        to: Some(one.max(other)),
    });
    prop_oneof![interval(value), both]
}

/// Values as the parser leaves them: each once, in order.
fn set<T: Ord + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    vec(value, 1..4).prop_map(|mut values| {
        values.sort_unstable();
        values.dedup();
        values
    })
}

fn text() -> impl Strategy<Value = Arc<str>> {
    "\\PC{1,12}".prop_map(Arc::from)
}

fn text_condition() -> impl Strategy<Value = Condition> {
    let parts = || set(text().prop_map(TextMatch::Contains));
    let exact = || prop_oneof![text().prop_map(TextMatch::Is), text().prop_map(TextMatch::StartsWith)];
    let any_of = || set(prop_oneof![exact(), select(vec![TextMatch::Missing])]);
    let path = "[a-z@$_0-9]{1,5}(\\.[a-zA-Z0-9-]{1,4}){0,2}";
    let error = set(prop_oneof![
        text().prop_map(TextMatch::Contains),
        select(vec![TextMatch::Missing])
    ]);
    prop_oneof![
        set("[A-Z][A-Za-z0-9<>,`\\[\\]]{0,9}".prop_map(|name| is(&name)))
            .prop_map(|values| Condition::Text(TextField::Type, values)),
        set("[a-z][a-z0-9:._-]{0,9}".prop_map(|name| is(&name)))
            .prop_map(|values| Condition::Text(TextField::Queue, values)),
        (select(vec![TextField::Type, TextField::Name]), parts())
            .prop_map(|(field, values)| Condition::Text(field, values)),
        set(exact()).prop_map(|values| Condition::Text(TextField::Name, values)),
        (select(vec![TextField::Tag, TextField::Unique]), any_of())
            .prop_map(|(field, values)| Condition::Text(field, values)),
        (path, any_of()).prop_map(|(path, values)| Condition::Text(TextField::Parameter(path.into()), values)),
        error.prop_map(|values| Condition::Text(TextField::Error, values)),
    ]
}

fn time() -> impl Strategy<Value = DateTime<Utc>> + Clone {
    (0..4_000_000_000_000_000_i64).prop_map(|micros| DateTime::from_timestamp_micros(micros).expect("a time"))
}

fn condition() -> impl Strategy<Value = Condition> {
    let id = || any::<u128>().prop_map(|number| JobId::from_uuid(Uuid::from_u128(number)));
    let times = [
        TimeField::Created,
        TimeField::Due,
        TimeField::Started,
        TimeField::Finished,
    ];
    let time = prop_oneof![
        bounded(time()).prop_map(TimeMatch::Within),
        select(vec![TimeMatch::Missing])
    ];
    let duration = (0..1_000_000_000_000_i64).prop_map(TimeSpan::from_micros);
    let node = prop_oneof![
        id().prop_map(|id| NodeMatch::Id(NodeId::from_uuid(id.as_uuid()))),
        text().prop_map(NodeMatch::Name),
        select(vec![NodeMatch::Missing]),
    ];
    prop_oneof![
        set(id()).prop_map(Condition::Id),
        subsequence(JobStatus::ALL.to_vec(), 1..=5).prop_map(Condition::Status),
        set(select(Priority::BY_URGENCY.to_vec())).prop_map(Condition::Priority),
        text_condition(),
        set(option::of(id().prop_map(|id| RecurringId::from_uuid(id.as_uuid())))).prop_map(Condition::Recurring),
        set(option::of(any::<i64>().prop_map(Fingerprint::from_code))).prop_map(Condition::Fingerprint),
        set(node).prop_map(Condition::Node),
        (
            select(vec![NumberField::Attempt, NumberField::Retries]),
            set(bounded(any::<u32>()))
        )
            .prop_map(|(field, intervals)| Condition::Number(field, intervals)),
        (select(times.to_vec()), set(time)).prop_map(|(field, times)| Condition::Time(field, times)),
        set(bounded(duration)).prop_map(Condition::Duration),
        text().prop_map(Condition::Search),
    ]
}

proptest! {
    #[test]
    fn a_printed_filter_is_parsed_as_the_same_filter(terms in vec((any::<bool>(), condition()), 0..6)) {
        let filter = terms.into_iter().fold(JobFilter::default(), |filter, (is_negated, condition)| {
            if is_negated { filter.without(condition) } else { filter.with(condition) }
        });
        let text = filter.to_string();
        prop_assert_eq!(JobFilter::parse(&text, now()), Ok(filter), "{}", text);
    }

    #[test]
    fn no_text_causes_a_panic(text in "\\PC{0,40}") {
        drop(JobFilter::parse(&text, now()));
    }

    #[test]
    fn no_text_of_the_alphabet_of_filters_causes_a_panic(text in "(status|created|attempt|name|param.a|tag|-| |:|~|>|<|=|\"|\\*|\\.\\.|,|none|2026-01-01|1|\\\\u00){0,12}") {
        if let Ok(filter) = JobFilter::parse(&text, now()) {
            prop_assert_eq!(JobFilter::parse(&filter.to_string(), now()), Ok(filter));
        }
    }

    #[test]
    fn a_negated_term_matches_the_other_jobs(condition in condition(), attempt in 0..3_u32) {
        let job = job(|job| job.attempt = attempt);
        let term = Term::from(condition.clone());
        let negated = Term { is_negated: true, condition };
        prop_assert_eq!(term.matches(&job), !negated.matches(&job));
    }
}
