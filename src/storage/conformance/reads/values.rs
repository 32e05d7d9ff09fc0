//! Extreme values of jobs: long, unusual, empty and missing texts, numbers and times at their limits.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::job::Job;
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::job::retry::RetryPolicy;
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::JobId;
use crate::domain::values::json::Json;
use crate::domain::values::name::JobName;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::timestamp;
use crate::storage::change::{Applied, Change, ChangeError, Finished, Inserted, QueueChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{
    at, completed, failed, finish, insert, job, job_type, renamed, update, with_key,
};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        texts_are_kept_to_the_byte,
        large_texts_are_kept,
        names_of_the_greatest_length_are_kept,
        an_empty_text_is_not_none,
        numbers_at_their_limits_are_kept,
        times_at_their_limits_are_kept,
        a_nul_character_spoils_no_other_change,
        a_nul_character_in_an_update_spoils_no_other_change,
    ]
}

/// The greatest number that every storage keeps in a count.
const COUNT_MAX: u32 = i32::MAX as u32;

async fn texts_are_kept_to_the_byte(storage: Subject) {
    let node = storage.live_node(1).await;
    let documents = [
        "null",
        "{}",
        "[]",
        "\"\"",
        r#" { "b" : 1.10,  "a": 1e400 , "a":2 }"#,
        r#""\u0000\ud800 \u00e9""#,
        "12345678901234567890.123456789012345678901234567890",
        "\"\u{1f980}\u{ffff}\u{10ffff}\u{feff}\"",
        "\r\n\t[1,\r\n2]\n",
        r"{'}",
        "\"'; DROP TABLE jobs; --\"",
        r#""\\\\ $1 ?1 :a @b""#,
    ];
    for (document, number) in documents.iter().zip(1..) {
        let given = Job {
            parameters: Json::from_valid(*document),
            ..job(number)
        };
        let running = storage.insert_running(given, node).await;
        let result = Some(Json::from_valid(*document));
        let ended = storage.finish(&running, Outcome::Completed(result.clone())).await;
        assert_eq!(ended.parameters.as_str(), *document);
        assert_eq!(ended.result, result);
    }
    for (text, number) in ["{1,2}", "NULL", "null", "\\N", "a,b\"c", "\u{301}", "  "]
        .iter()
        .zip(100..)
    {
        let given = Job {
            name: JobName::parse(text).expect("a name"),
            ..with_key(text, job(number))
        };
        let running = storage.insert_running(given.clone(), node).await;
        let failure = Failure::permanent(*text).with_detail(*text);
        let ended = storage.finish(&running, Outcome::Failed(failure)).await;
        assert_eq!((&ended.name, &ended.unique_key), (&given.name, &given.unique_key));
        assert_eq!(
            (ended.error.as_deref(), ended.error_detail.as_deref()),
            (Some(*text), Some(*text))
        );
        let attempts = storage.attempts(ended.id).await;
        assert_eq!(attempts[0].error.as_deref(), Some(*text));
        assert_eq!(attempts[0].error_detail.as_deref(), Some(*text));
    }
}

async fn large_texts_are_kept(storage: Subject) {
    let node = storage.live_node(1).await;
    let text = "0123456789äöü🦀".repeat(120_000);
    let document = Json::from_valid(format!("\"{text}\""));
    let large = |number| Job {
        parameters: document.clone(),
        ..job(number)
    };
    storage.insert(&[large(1), job(2), large(3)]).await;
    let running = storage.start(&large(1), node).await;
    let other = storage.start(&large(3), node).await;
    let ended = storage
        .finish(&running, Outcome::Completed(Some(document.clone())))
        .await;
    assert_eq!(ended.result, Some(document));
    let failure = Failure::permanent(&*text).with_detail(&*text);
    storage.finish(&other, Outcome::Failed(failure)).await;
    let attempts = storage.attempts(other.id).await;
    assert_eq!(attempts[0].error_detail.as_deref(), Some(text.as_str()));
    storage.holds(&[job(2)]).await;
    assert_eq!(storage.all().await.len(), 3);
}

async fn names_of_the_greatest_length_are_kept(storage: Subject) {
    let long = |length: usize| "\u{10fffd}".repeat(length);
    let longest = Job {
        name: JobName::parse(&long(200)).expect("a name"),
        job_type: job_type(&"é".repeat(200)),
        queue: sample::queue(&"q".repeat(100)),
        ..with_key(&long(200), job(1))
    };
    storage.insert(std::slice::from_ref(&longest)).await;
    storage.holds(std::slice::from_ref(&longest)).await;
    let again = with_key(&long(200), job(2));
    let applied = storage.apply(insert([again])).await;
    assert_eq!(
        applied,
        Ok(Applied::Inserted(vec![Inserted::Existing(Arc::new(longest))]))
    );
    storage.counts_are_exact().await;
}

async fn an_empty_text_is_not_none(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let failure = Failure::new("").with_detail("");
    let waiting = storage.finish(&running, Outcome::Failed(failure)).await;
    assert_eq!(
        (waiting.error.as_deref(), waiting.error_detail.as_deref()),
        (Some(""), Some(""))
    );
    let attempts = storage.attempts(waiting.id).await;
    assert_eq!(
        (attempts[0].error.as_deref(), attempts[0].error_detail.as_deref()),
        (Some(""), Some(""))
    );
    assert_eq!(storage.all().await[0].error.as_deref(), Some(""));

    let changed = renamed(&waiting, "changed");
    assert_eq!(storage.apply(update(&waiting, &changed)).await, Ok(Applied::Updated));
    storage.holds(std::slice::from_ref(&changed)).await;
    let none = Job {
        error: None,
        error_detail: None,
        ..renamed(&changed, "without")
    };
    assert_eq!(storage.apply(update(&changed, &none)).await, Ok(Applied::Updated));
    storage.holds(&[none]).await;
    let with_past = Job {
        error: Some(Arc::from("")),
        error_detail: None,
        ..job(2)
    };
    storage.insert(std::slice::from_ref(&with_past)).await;
    storage.holds(&[with_past]).await;
}

async fn numbers_at_their_limits_are_kept(storage: Subject) {
    let spans = |delay: TimeSpan, intervals: &[TimeSpan], timeout: TimeSpan, number| Job {
        retry_policy: RetryPolicy {
            delay,
            intervals: intervals.into(),
        },
        timeout,
        ..job(number)
    };
    let (least, greatest) = (TimeSpan::from_micros(0), TimeSpan::from_micros(i64::MAX / 10));
    let many: Vec<TimeSpan> = (0..1_000).map(TimeSpan::from_micros).collect();
    let all = [
        spans(least, &[], least, 1),
        spans(greatest, &[greatest], greatest, 2),
        spans(least, &[least], least, 3),
        spans(least, &many, greatest, 4),
        Job {
            max_retries: 0,
            ..job(5)
        },
        Job {
            max_retries: COUNT_MAX,
            ..job(6)
        },
        Job {
            max_retries: COUNT_MAX,
            retry_count: COUNT_MAX - 1,
            attempt: COUNT_MAX - 1,
            revision: COUNT_MAX - 2,
            ..job(7)
        },
    ];
    storage.insert(&all).await;
    storage.holds(&all).await;
    let node = storage.live_node(1).await;
    let running = storage.start(&all[6], node).await;
    assert_eq!((running.attempt, running.revision), (COUNT_MAX, COUNT_MAX - 1));
    let waiting = storage.finish(&running, failed()).await;
    assert_eq!((waiting.retry_count, waiting.revision), (COUNT_MAX, COUNT_MAX));
    assert_eq!(storage.attempts(waiting.id).await[0].number, COUNT_MAX);
}

async fn times_at_their_limits_are_kept(storage: Subject) {
    let never = timestamp::truncate_to_micros(DateTime::<Utc>::MAX_UTC);
    let first = DateTime::UNIX_EPOCH;
    let last_id = JobId::new(at(0) + TimeDelta::days(3_000_000), (1 << 74) - 1);
    let all = [
        Job {
            due_at: never,
            ..job(1)
        },
        Job {
            due_at: first,
            ..job(2)
        },
        Job {
            id: JobId::new(first, 0),
            created_at: first,
            due_at: first,
            ..job(3)
        },
        Job {
            id: last_id,
            created_at: last_id.created_at().expect("a time"),
            due_at: never,
            ..job(4)
        },
        Job {
            due_at: at(1) + TimeDelta::microseconds(1),
            ..job(5)
        },
    ];
    storage.insert(&all).await;
    storage.holds(&all).await;
    let node = storage.live_node(1).await;
    let running = storage.start(&all[2], node).await;
    assert_eq!(running.started_at, Some(first));
    let next = storage.repository.next_due(at(0)).await.expect("storage reads");
    assert_eq!(next, [(sample::queue("default"), all[4].due_at)]);
    let next = storage.repository.next_due(at(10)).await.expect("storage reads");
    assert_eq!(next, [(sample::queue("default"), never)]);
    assert_eq!(storage.repository.next_due(never).await.expect("storage reads"), []);
    assert_eq!(storage.all().await.first().map(|job| job.id), Some(last_id));
}

/// Some databases hold no NUL characters in texts. They refuse that change, and no other.
async fn a_nul_character_spoils_no_other_change(storage: Subject) {
    let node = storage.live_node(1).await;
    let [first, second] = [1, 2].map(job);
    let [first, second] = [
        storage.insert_running(first, node).await,
        storage.insert_running(second, node).await,
    ];
    let nul = Job {
        parameters: Json::from_valid("\"a\0b\""),
        ..job(3)
    };
    let failure = Failure::permanent("a\0b").with_detail("\0");
    let changes = [
        insert([job(4)]),
        insert([job(5), nul.clone()]),
        finish(&first, completed(), at(50)),
        finish(&second, Outcome::Failed(failure.clone()), at(50)),
        insert([with_key("k", job(6))]),
        insert([with_key("k", job(7)), job(8)]),
    ];
    let applied = storage.commit(&changes).await;
    assert_eq!(applied[0], Ok(Applied::Inserted(vec![Inserted::New])));
    assert_eq!(applied[2], Ok(Applied::Finished(Finished::Stored)));
    assert_eq!(applied[4], Ok(Applied::Inserted(vec![Inserted::New])));
    let existing = Inserted::Existing(Arc::new(with_key("k", job(6))));
    assert_eq!(applied[5], Ok(Applied::Inserted(vec![existing, Inserted::New])));
    storage.holds(&[job(4), with_key("k", job(6)), job(8)]).await;
    if is_refused(&applied[1]) {
        assert_eq!(storage.find(nul.id).await, None);
        assert_eq!(storage.find(job(5).id).await, None, "all of an insert or nothing");
    } else {
        assert_eq!(applied[1], Ok(Applied::Inserted(vec![Inserted::New; 2])));
        storage.holds(&[nul, job(5)]).await;
    }
    if is_refused(&applied[3]) {
        storage.holds(&[second]).await;
    } else {
        assert_eq!(applied[3], Ok(Applied::Finished(Finished::Stored)));
        let ended = storage.job(second.id).await;
        assert_eq!(
            (ended.error.clone(), ended.error_detail.clone()),
            (Some(failure.error), failure.detail)
        );
    }
    assert_eq!(storage.attempts(first.id).await.len(), 1);
    storage.counts_are_exact().await;
}

async fn a_nul_character_in_an_update_spoils_no_other_change(storage: Subject) {
    storage.insert(&[job(1), job(2), job(3)]).await;
    let with_nul = Job {
        parameters: Json::from_valid("\"\0\""),
        ..renamed(&job(2), "with NUL")
    };
    let changes = [
        update(&job(1), &renamed(&job(1), "first")),
        update(&job(2), &with_nul),
        update(&job(3), &renamed(&job(3), "third")),
        Change::Queue(QueueChange::Clear {
            queue: job(1).queue,
            status: JobStatus::Failed,
            up_to: job(3).id,
            limit: 10,
        }),
    ];
    let applied = storage.commit(&changes).await;
    assert_eq!(applied[0], Ok(Applied::Updated));
    assert_eq!(applied[2], Ok(Applied::Updated));
    assert_eq!(applied[3], Ok(Applied::Removed(0)));
    storage
        .holds(&[renamed(&job(1), "first"), renamed(&job(3), "third")])
        .await;
    let second = if is_refused(&applied[1]) { job(2) } else { with_nul };
    storage.holds(&[second]).await;
    storage.counts_are_exact().await;
}

fn is_refused(applied: &Result<Applied, ChangeError>) -> bool {
    matches!(applied, Err(ChangeError::Rejected { .. }))
}
