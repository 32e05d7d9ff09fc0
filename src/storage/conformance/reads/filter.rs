//! Filters of lists: each term alone, its negation, and pairs of terms.

use std::sync::Arc;

use chrono::DateTime;

use crate::domain::job::labels::Labels;
use crate::domain::job::priority::Priority;
use crate::domain::job::state_machine::Cancelled;
use crate::domain::job::{Job, Occurrence};
use crate::domain::metrics::failure_reason::normalise;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::recurring::RecurringId;
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobName, Tag};
use crate::storage::change::{Change, JobChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{
    at, completed, failed, in_queue, job, job_type, node, update, with_key, with_priority,
};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::{Facet, FacetCount, JobFilter, JobSort, SortField, SortPlace, SortedPage};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_list_has_the_jobs_that_match_its_filter,
        pages_of_a_filter_have_each_job_once,
        a_job_is_found_by_its_present_tags,
        facets_are_counts_of_the_list,
        jobs_are_listed_in_the_order_of_a_value
    ]
}

/// Terms, each of which some jobs meet and others do not.
fn terms() -> Vec<String> {
    let fixed = [
        "status:pending",
        "status:failed,completed",
        "type:MailJob",
        "type:Mail*",
        "type:Re*,Unheard",
        "type~EPORT",
        "queue:mail",
        "queue:m*",
        "queue:*",
        "queue:nowhere*",
        "name:\"50% off_!\"",
        "name~\"% OFF_\"",
        "name:50*",
        "priority>=high",
        "priority:normal,low",
        "unique:none",
        "unique:order-1*",
        "error:\"DID NOT\"",
        "error:none",
        "recurring:none",
        "fingerprint:none",
        "fingerprint:0000000000000001",
        "worker:none",
        "attempt>=1",
        "retries:0,2..",
        "created:1970-01-01..2024-10-04T00:00:05Z",
        "created:2024-10-04T00:00:02Z..2024-10-04T00:00:04Z,2024-10-04T00:00:07Z..",
        "due>2024-10-04T00:00:06Z",
        "started:none",
        "finished>=2024-10-04T00:00:04Z",
        "finished:none,..2024-10-04T00:00:05Z",
        "duration:..1s",
        "mail",
        "tag:vip",
        "tag:beta,vip",
        "tag:v*",
        "tag:none",
        "param.customer.id:4711",
        "param.customer.id:47*",
        "param.customer.id:none,4711",
    ];
    let mut terms = fixed.map(str::to_owned).to_vec();
    terms.push(format!("id:{},{}", job(1).id, job(7).id));
    terms.push(format!("node:{}", node(1)));
    terms.push(format!("recurring:none,{}", recurring()));
    terms.push(job(3).id.to_string());
    let failure = Fingerprint::of(&job_type("MailJob"), &normalise("it did not work"));
    terms.push(format!("fingerprint:{failure}"));
    // More values than an index is read for.
    let fingerprints: Vec<String> = (0..20).map(|code| Fingerprint::from_code(code).to_string()).collect();
    terms.push(format!("fingerprint:{failure},{}", fingerprints.join(",")));
    let schedules: Vec<String> = (80..100).map(|number| job(number).id.to_string()).collect();
    terms.push(format!("recurring:{}", schedules.join(",")));
    terms
}

fn recurring() -> RecurringId {
    RecurringId::from_uuid(job(99).id.as_uuid())
}

/// Jobs of every status, with and without what is optional.
async fn some_jobs(storage: &Subject) {
    let running_on = storage.live_node(1).await;
    let mut jobs = Vec::new();
    for number in 0..12 {
        let priority = Priority::BY_URGENCY[usize::try_from(number % 4).expect("small")];
        let queue = ["mail", "default", "reports"][usize::try_from(number % 3).expect("small")];
        let mut job = with_priority(priority, in_queue(queue, job(number)));
        if number % 5 == 0 {
            job.job_type = job_type("ReportJob");
            job.name = JobName::parse("50% off_!").expect("a name");
        }
        if number % 4 == 1 {
            job = with_key(&format!("order-{number}"), job);
        }
        if number % 3 == 2 {
            let tags = if number > 5 {
                ["vip", "é \"q\""]
            } else {
                ["beta", "vip"]
            };
            let tags = tags.map(|tag| Tag::parse(tag).expect("a tag")).to_vec();
            let parameters = Json::from_valid(format!(r#"{{"customer": {{"id": {}}}}}"#, 4709 + number));
            let searchable = if number == 5 {
                Vec::new()
            } else {
                vec![Arc::from("customer.id")]
            };
            job.labels = Labels::of(tags, &parameters, &searchable);
        }
        if number == 6 {
            job.occurrence = Some(Occurrence {
                recurring_id: recurring(),
                due_at: at(6),
            });
        }
        job.max_retries = 0;
        jobs.push(job);
    }
    storage.insert(&jobs).await;
    for (number, outcome) in [
        (2_usize, Some(completed())),
        (3, Some(failed())),
        (4, None),
        (5, Some(failed())),
    ] {
        let running = storage.start(&jobs[number], running_on).await;
        if let Some(outcome) = outcome {
            storage.finish(&running, outcome).await;
        }
    }
    let before = Arc::new(jobs[8].clone());
    let Ok(Cancelled::Done(after)) = before.cancel(at(9)) else {
        panic!("a pending job is cancelled");
    };
    let after = Arc::new(after);
    storage
        .commit(&[Change::Job(JobChange::Update { before, after })])
        .await;
}

async fn a_list_has_the_jobs_that_match_its_filter(storage: Subject) {
    some_jobs(&storage).await;
    let mut stored: Vec<Arc<Job>> = Vec::new();
    for summary in storage.all().await {
        stored.push(storage.job(summary.id).await);
    }
    let terms = terms();
    let mut filters: Vec<String> = Vec::new();
    for (index, term) in terms.iter().enumerate() {
        filters.extend([term.clone(), format!("-{term}")]);
        for other in &terms[..index] {
            filters.extend([format!("{term} {other}"), format!("{term} -{other}")]);
        }
    }
    for text in filters {
        let filter = JobFilter::parse(&text, DateTime::UNIX_EPOCH).expect("a filter");
        let expected: Vec<_> = stored
            .iter()
            .filter(|job| filter.matches(job))
            .map(|job| job.id)
            .collect();
        let listed: Vec<_> = storage.list(&filter).await.iter().map(|job| job.id).collect();
        assert_eq!(listed, expected, "{text}");
        let count = storage.count(&filter).await;
        assert_eq!(usize::try_from(count), Ok(expected.len()), "the count of {text}");
    }
}

/// Pages in the order of each value have the matching jobs that have it, each once.
async fn jobs_are_listed_in_the_order_of_a_value(storage: Subject) {
    some_jobs(&storage).await;
    let texts = [
        "",
        "status:pending queue:mail",
        "status:pending queue:mail priority>=high",
        "-status:pending",
        "mail",
        "tag:vip",
    ];
    for text in texts {
        let filter = JobFilter::parse(text, DateTime::UNIX_EPOCH).expect("a filter");
        let listed = storage.list(&filter).await;
        for field in [SortField::Due, SortField::Finished, SortField::Duration] {
            for (is_descending, is_expensive) in [(false, false), (true, false), (true, true)] {
                let sort = JobSort { field, is_descending };
                let mut expected: Vec<SortPlace> = listed.iter().filter_map(|job| sort.place_of(job)).collect();
                expected.sort_by(|one, other| sort.compare(*one, *other));
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let page = SortedPage {
                        sort,
                        after,
                        limit: 2,
                        sorted_max: 100,
                    };
                    let jobs = storage.repository.sorted_jobs(&filter, page, is_expensive).await;
                    let jobs = jobs.expect("storage reads").expect("few jobs");
                    found.extend(jobs.iter().filter_map(|job| sort.place_of(job)));
                    after = jobs.last().and_then(|last| sort.place_of(last));
                    if after.is_none() {
                        break;
                    }
                    let cursor = after.map(|after| after.to_string()).unwrap_or_default();
                    assert_eq!(SortPlace::parse(&cursor).ok(), after);
                }
                assert_eq!(found, expected, "{text:?} by {sort:?}");
            }
        }
    }
    let page = SortedPage {
        sort: JobSort {
            field: SortField::Finished,
            is_descending: true,
        },
        after: None,
        limit: 2,
        sorted_max: 2,
    };
    let too_many = storage.repository.sorted_jobs(&JobFilter::all(), page, false).await;
    assert_eq!(too_many.expect("storage reads"), None);
}

/// The counts of each facet of each term are those of its list.
async fn facets_are_counts_of_the_list(storage: Subject) {
    some_jobs(&storage).await;
    let repository = &storage.repository;
    for text in terms().iter().map(String::as_str).chain([""]) {
        let filter = JobFilter::parse(text, DateTime::UNIX_EPOCH).expect("a filter");
        let listed = storage.list(&filter).await;
        for facet in Facet::ALL {
            let found = repository.facet(&filter, facet, 100).await.expect("storage counts");
            let mut expected: Vec<FacetCount> = Vec::new();
            for value in listed.iter().flat_map(|job| facet.values_of(job)) {
                match expected.iter_mut().find(|known| known.value == value) {
                    Some(known) => known.count += 1,
                    None => expected.push(FacetCount { value, count: 1 }),
                }
            }
            expected.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.value.cmp(&other.value)));
            assert_eq!(found, expected, "{facet:?} of {text:?}");
            let first = repository.facet(&filter, facet, 1).await.expect("storage counts");
            assert_eq!(first.len(), expected.len().min(1), "{facet:?} of {text:?}");
        }
        let limited = repository.count_up_to(&filter, 3).await.expect("storage counts");
        assert_eq!(usize::try_from(limited), Ok(listed.len().min(3)), "{text:?}");
    }
}

async fn pages_of_a_filter_have_each_job_once(storage: Subject) {
    some_jobs(&storage).await;
    for text in [
        "tag:vip,beta",
        "type:Mail* -status:failed",
        "attempt:0 queue:mail,default",
        "due>=2024-10-04",
    ] {
        let filter = JobFilter::parse(text, DateTime::UNIX_EPOCH).expect("a filter");
        let expected: Vec<_> = storage.list(&filter).await.iter().map(|job| job.id).collect();
        assert!(expected.len() > 2, "{text}");
        let mut paged = Vec::new();
        loop {
            let page = super::list::page(2, 0, paged.last().copied());
            let found = super::list::ids(&storage, &filter, page).await;
            if found.is_empty() {
                break;
            }
            paged.extend(found);
        }
        assert_eq!(paged, expected, "{text}");
    }
}

async fn a_job_is_found_by_its_present_tags(storage: Subject) {
    let tagged = |job: &Job, tags: &[&str]| {
        let tags = tags.iter().map(|tag| Tag::parse(tag).expect("a tag")).collect();
        Job {
            labels: Labels::of(tags, &job.parameters, &[]),
            revision: job.revision + u32::from(job.labels.is_some()),
            ..job.clone()
        }
    };
    let jobs = [1, 2, 3].map(|number| tagged(&job(number), &["vip"]));
    storage.insert(&jobs).await;
    let after = tagged(&jobs[0], &["beta", "eu"]);
    storage.apply(update(&jobs[0], &after)).await.expect("an update");
    storage.holds(&[after.clone(), jobs[1].clone()]).await;
    let Ok(Cancelled::Done(cancelled)) = jobs[1].cancel(at(9)) else {
        panic!("a pending job is cancelled");
    };
    storage.apply(update(&jobs[1], &cancelled)).await.expect("an update");
    let job = Arc::new(cancelled);
    let deletion = Change::Job(JobChange::Delete { job });
    storage.apply(deletion).await.expect("a deletion");
    let third = jobs[2].id;
    for (tag, expected) in [
        ("vip", vec![third]),
        ("beta", vec![after.id]),
        ("eu,vip", vec![third, after.id]),
    ] {
        let filter = JobFilter::parse(&format!("tag:{tag}"), DateTime::UNIX_EPOCH).expect("a filter");
        let listed = storage.list(&filter).await;
        let ids: Vec<_> = listed.iter().map(|job| job.id).collect();
        assert_eq!(ids, expected, "{tag}");
        assert_eq!(
            usize::try_from(storage.count(&filter).await),
            Ok(expected.len()),
            "{tag}"
        );
        assert!(listed.iter().all(|job| !job.tags.is_empty()), "{tag}");
    }
}
