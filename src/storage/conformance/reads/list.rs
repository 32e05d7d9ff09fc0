//! Lists: their order, their pages, their filters, and how many jobs a filter means.

use chrono::TimeDelta;

use crate::domain::job::Job;
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::JobId;
use crate::domain::values::name::JobType;
use crate::storage::change::{Applied, Change, JobChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{
    at, claim, completed, failed, in_queue, job, job_type, jobs, queue, with_priority,
};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::{JobFilter, JobSummary, Order, Page, RecurringPage};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        the_newest_job_comes_first,
        a_list_comes_in_pages,
        a_list_comes_in_both_orders,
        pages_behind_a_job_miss_nothing_when_jobs_come_and_go,
        a_job_in_a_list_is_the_job,
        every_condition_of_a_filter_must_hold,
        a_filter_names_several_statuses_and_types,
        times_of_creation_are_met_to_the_millisecond,
        counts_equal_the_lists,
    ]
}

pub(super) fn page(limit: u32, offset: u64, after: Option<JobId>) -> Page {
    Page {
        limit,
        offset,
        after,
        order: Order::NewestFirst,
    }
}

pub(super) async fn ids(storage: &Subject, filter: &JobFilter, page: Page) -> Vec<JobId> {
    let jobs = storage.repository.jobs(filter, page).await.expect("storage reads");
    jobs.iter().map(|job| job.id).collect()
}

async fn the_newest_job_comes_first(storage: Subject) {
    // Jobs of one millisecond are ordered by what else is in their ids.
    let same = |number| Job {
        id: JobId::new(at(50), number),
        created_at: at(50),
        ..job(50)
    };
    let all = [same(3), job(2), same(1), job(90), same(2), job(1)];
    for job in all {
        storage.insert(&[job]).await;
    }
    let expected = [job(90), same(3), same(2), same(1), job(2), job(1)].map(|job| job.id);
    assert_eq!(ids(&storage, &JobFilter::default(), page(10, 0, None)).await, expected);
}

async fn a_list_comes_in_pages(storage: Subject) {
    storage.insert(&jobs(25)).await;
    let newest: Vec<JobId> = (0..25).rev().map(|number| job(number).id).collect();
    let all = JobFilter::default();
    assert_eq!(ids(&storage, &all, page(10, 0, None)).await, newest[..10]);
    assert_eq!(ids(&storage, &all, page(10, 10, None)).await, newest[10..20]);
    assert_eq!(ids(&storage, &all, page(10, 20, None)).await, newest[20..]);
    assert_eq!(ids(&storage, &all, page(10, 25, None)).await, []);
    for beyond in [u64::from(u32::MAX), i64::MAX.unsigned_abs(), u64::MAX] {
        assert_eq!(ids(&storage, &all, page(10, beyond, None)).await, []);
        let recurring = RecurringPage {
            limit: 10,
            offset: beyond,
        };
        let recurring = storage.repository.recurring_page(recurring).await;
        assert_eq!(recurring.expect("storage reads"), []);
    }
    assert_eq!(ids(&storage, &all, page(0, 0, None)).await, []);
    assert_eq!(ids(&storage, &all, page(u32::MAX, 0, None)).await, newest);
    assert_eq!(ids(&storage, &all, page(10, 0, Some(newest[4]))).await, newest[5..15]);
    assert_eq!(ids(&storage, &all, page(10, 2, Some(newest[4]))).await, newest[7..17]);
    assert_eq!(ids(&storage, &all, page(10, 0, Some(newest[24]))).await, []);
}

async fn a_list_comes_in_both_orders(storage: Subject) {
    storage.insert(&jobs(25)).await;
    let oldest: Vec<JobId> = (0..25).map(|number| job(number).id).collect();
    let all = JobFilter::default();
    let from_the_oldest = |limit, offset, after| Page {
        order: Order::OldestFirst,
        ..page(limit, offset, after)
    };
    assert_eq!(ids(&storage, &all, from_the_oldest(10, 0, None)).await, oldest[..10]);
    assert_eq!(
        ids(&storage, &all, from_the_oldest(10, 2, Some(oldest[4]))).await,
        oldest[7..17]
    );
    assert_eq!(ids(&storage, &all, from_the_oldest(10, 0, Some(oldest[24]))).await, []);
}

async fn pages_behind_a_job_miss_nothing_when_jobs_come_and_go(storage: Subject) {
    storage.insert(&jobs(20)).await;
    let all = JobFilter::default();
    let first = ids(&storage, &all, page(5, 0, None)).await;
    let last = first[4];
    // A newer job comes, and the one where the page ended goes.
    storage.insert(&[job(100)]).await;
    let deleted = storage
        .apply(Change::Job(JobChange::Delete { job: job(15).into() }))
        .await;
    assert_eq!((last, deleted), (job(15).id, Ok(Applied::Deleted)));
    let second = ids(&storage, &all, page(5, 0, Some(last))).await;
    let expected: Vec<JobId> = (10..15).rev().map(|number| job(number).id).collect();
    assert_eq!(second, expected);
}

async fn a_job_in_a_list_is_the_job(storage: Subject) {
    let node = storage.live_node(1).await;
    let ends = [
        completed(),
        failed(),
        Outcome::Failed(Failure::permanent("never again")),
        Outcome::Lost,
    ];
    for (outcome, number) in ends.into_iter().zip(1..) {
        let running = storage
            .insert_running(with_priority(Priority::High, job(number)), node)
            .await;
        storage.finish(&running, outcome).await;
    }
    storage.insert_running(in_queue("mail", job(10)), node).await;
    storage.insert(&[job(11)]).await;
    let listed = storage.all().await;
    assert_eq!(listed.len(), 6);
    for summary in listed {
        assert_eq!(summary, JobSummary::from(&*storage.job(summary.id).await));
    }
}

async fn every_condition_of_a_filter_must_hold(storage: Subject) {
    let requested = with_priority(Priority::High, in_queue("mail", job(50)));
    let others = [
        with_priority(Priority::Low, in_queue("mail", job(51))),
        with_priority(Priority::High, in_queue("Mail", job(52))),
        with_priority(Priority::High, in_queue("mail", job(200))),
        Job {
            job_type: job_type("Other"),
            ..with_priority(Priority::High, in_queue("mail", job(53)))
        },
        Job {
            name: crate::domain::values::name::JobName::parse("unused").expect("a name"),
            job_type: job_type("Another"),
            ..with_priority(Priority::High, in_queue("mail", job(55)))
        },
    ];
    storage.insert(std::slice::from_ref(&requested)).await;
    storage.insert(&others).await;
    let filter = JobFilter::default()
        .with_statuses(&[JobStatus::Pending])
        .with_types(&[job_type("MailJob"), job_type("Another")])
        .with_queue(&queue("mail"))
        .with_priority(Priority::High)
        .with_search("mailjob")
        .with_created(Some(at(0)), Some(at(100)));
    assert_eq!(ids(&storage, &filter, page(10, 0, None)).await, [requested.id]);
    assert_eq!(storage.count(&filter).await, 1);
    let node = storage.live_node(1).await;
    storage.start(&requested, node).await;
    assert_eq!(ids(&storage, &filter, page(10, 0, None)).await, []);
    assert_eq!(storage.count(&filter).await, 0);
}

async fn a_filter_names_several_statuses_and_types(storage: Subject) {
    let node = storage.live_node(1).await;
    let of_type = |name, number| Job {
        job_type: job_type(name),
        ..job(number)
    };
    storage.insert_running(of_type("A", 1), node).await;
    let running = storage.insert_running(of_type("B", 2), node).await;
    storage.finish(&running, completed()).await;
    storage
        .insert(&[of_type("A", 3), of_type("C", 4), of_type("a", 5)])
        .await;
    let filter = |statuses: &[JobStatus], types: &[&str]| {
        let types: Vec<JobType> = types.iter().map(|name| job_type(name)).collect();
        JobFilter::default().with_statuses(statuses).with_types(&types)
    };
    let (pending, running, completed) = (JobStatus::Pending, JobStatus::Running, JobStatus::Completed);
    let all = page(10, 0, None);
    let expect: [(JobFilter, &[u32]); 6] = [
        (filter(&[], &[]), &[5, 4, 3, 2, 1]),
        (filter(&[running, completed], &[]), &[2, 1]),
        (filter(&[], &["A", "B"]), &[3, 2, 1]),
        (filter(&[pending, completed], &["A", "B"]), &[3, 2]),
        (filter(&[pending, pending], &["A", "A"]), &[3]),
        (filter(&[JobStatus::Failed], &["A", "B", "C"]), &[]),
    ];
    for (filter, expected) in expect {
        let expected: Vec<JobId> = expected.iter().map(|number| job(*number).id).collect();
        assert_eq!(ids(&storage, &filter, all).await, expected, "{filter:?}");
        assert_eq!(
            usize::try_from(storage.count(&filter).await),
            Ok(expected.len()),
            "{filter:?}"
        );
    }
}

async fn times_of_creation_are_met_to_the_millisecond(storage: Subject) {
    let times = [0, 1, 2].map(|millis| at(50) + TimeDelta::milliseconds(millis));
    let jobs = times.map(|created_at| Job {
        id: JobId::new(created_at, 7),
        created_at,
        ..job(50)
    });
    storage.insert(&jobs).await;
    let micro = TimeDelta::microseconds(1);
    let between = |from, to| JobFilter::default().with_created(from, to);
    let expect: [(JobFilter, &[usize]); 8] = [
        (between(Some(times[1]), None), &[2, 1]),
        (between(None, Some(times[1])), &[1, 0]),
        (between(Some(times[1]), Some(times[1])), &[1]),
        (between(Some(times[1] + micro), None), &[2]),
        (between(Some(times[0] - micro), None), &[2, 1, 0]),
        (between(None, Some(times[1] - micro)), &[0]),
        (between(None, Some(times[1] + micro)), &[1, 0]),
        (between(Some(times[2]), Some(times[0])), &[]),
    ];
    for (filter, expected) in expect {
        let expected: Vec<JobId> = expected.iter().map(|index| jobs[*index].id).collect();
        assert_eq!(ids(&storage, &filter, page(10, 0, None)).await, expected, "{filter:?}");
        assert_eq!(
            usize::try_from(storage.count(&filter).await),
            Ok(expected.len()),
            "{filter:?}"
        );
    }
}

/// Every filter of a grid: counted from the counters, and counted job by job, it gives the length of the list.
async fn counts_equal_the_lists(storage: Subject) {
    let node = storage.live_node(1).await;
    let mut all = Vec::new();
    for number in 0..24 {
        let priority = Priority::BY_URGENCY[usize::try_from(number % 4).expect("small")];
        let name = if number % 3 == 0 { "mail" } else { "default" };
        all.push(with_priority(priority, in_queue(name, job(number))));
    }
    storage.insert(&all).await;
    storage
        .commit(&[Change::Job(JobChange::Claim(claim(5, node, at(100))))])
        .await;
    let statuses = [
        vec![],
        vec![JobStatus::Pending],
        vec![JobStatus::Running, JobStatus::Failed],
    ];
    let queues = [None, Some(queue("mail")), Some(queue("unused"))];
    let priorities = [None, Some(Priority::Critical), Some(Priority::Low)];
    let searches = [None, Some("AILJ".to_owned()), Some("unused".to_owned())];
    for statuses in &statuses {
        for queue in &queues {
            for priority in priorities {
                for search in &searches {
                    let mut filter = JobFilter::default().with_statuses(statuses);
                    if let Some(queue) = queue {
                        filter = filter.with_queue(queue);
                    }
                    if let Some(priority) = priority {
                        filter = filter.with_priority(priority);
                    }
                    if let Some(search) = search {
                        filter = filter.with_search(search);
                    }
                    let listed = storage.list(&filter).await.len();
                    assert_eq!(usize::try_from(storage.count(&filter).await), Ok(listed), "{filter:?}");
                    let with_dates = filter.with_created(Some(at(-1)), Some(at(1_000)));
                    assert_eq!(
                        usize::try_from(storage.count(&with_dates).await),
                        Ok(listed),
                        "{with_dates:?}"
                    );
                }
            }
        }
    }
}
