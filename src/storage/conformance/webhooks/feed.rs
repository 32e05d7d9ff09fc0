//! The feed of changed jobs: nothing is left out, and a reader is one node's.

use std::sync::Arc;

use crate::domain::values::id::JobId;
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::storage::change::{Applied, Change, ChangeError, ClusterChange, FeedChange, JobChange, MaintenanceChange};
use crate::storage::commit::OutboxRule;
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{at, insert, job, jobs, node};
use crate::storage::conformance::subject::Subject;
use crate::storage::outbox::{FeedEntry, OutboxEntries};
use crate::storage::query::FeedPage;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        the_feed_lists_each_changed_job_once_per_page,
        the_feed_continues_from_a_cursor,
        the_end_of_the_feed_is_behind_everything,
        the_feed_lists_a_deleted_job_by_its_id,
        nothing_is_left_out_while_several_write,
        a_part_that_was_removed_is_a_gap,
        a_reader_belongs_to_one_node,
    ]
}

/// Feed entries of jobs that changed this number of seconds after the start of the day.
fn feed_entries(ids: Vec<JobId>, seconds: i64) -> OutboxRule {
    OutboxRule::new(move |_, _, _| OutboxEntries {
        feed: ids
            .iter()
            .map(|id| FeedEntry {
                job_id: *id,
                at: at(seconds),
            })
            .collect(),
        ..OutboxEntries::default()
    })
}

async fn changed(storage: &Subject, ids: &[JobId], seconds: i64) {
    let (_, outbox) = storage.commit_with(&[], feed_entries(ids.to_vec(), seconds)).await;
    assert_eq!(outbox.endpoints, []);
}

async fn read(storage: &Subject, after: FeedCursor, limit: u32) -> FeedPage {
    storage.repository.feed(after, limit).await.expect("storage reads")
}

/// Reads until this many jobs are returned: with several servers, a change may be visible a moment after its commit.
async fn read_all(storage: &Subject, after: FeedCursor, count: usize) -> FeedPage {
    for _ in 0..3_000 {
        let page = read(storage, after, 100).await;
        if page.jobs.len() >= count {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the feed does not list {count} jobs after {after}");
}

fn ids(page: &FeedPage) -> Vec<JobId> {
    page.jobs.iter().map(|(id, _)| *id).collect()
}

async fn the_feed_lists_each_changed_job_once_per_page(storage: Subject) {
    let [one, two, three] = [1, 2, 3].map(job);
    let insert = insert([one.clone(), two.clone(), three.clone()]);
    let entries = feed_entries(vec![one.id, two.id, three.id], 0);
    let (applied, _) = storage.commit_with(&[insert], entries).await;
    assert!(applied[0].is_ok(), "{applied:?}");
    changed(&storage, &[one.id], 1).await;
    // The last change follows the first ones.
    changed(&storage, &[job(4).id], 2).await;
    let page = read_all(&storage, FeedCursor::START, 4).await;
    assert_eq!(ids(&page)[..3], [two.id, three.id, one.id], "each at its last change");
    assert_eq!(page.jobs[2].1.as_deref(), Some(&one));
    assert_eq!((page.has_more, page.has_gap), (false, false));
    let rest = read(&storage, page.cursor, 10).await;
    assert_eq!((ids(&rest), rest.cursor), (Vec::new(), page.cursor));
}

async fn the_feed_continues_from_a_cursor(storage: Subject) {
    let all = jobs(5);
    storage.insert(&all).await;
    let expected: Vec<JobId> = all.iter().map(|job| job.id).collect();
    for (id, seconds) in expected.iter().zip(0..) {
        changed(&storage, &[*id], seconds).await;
    }
    read_all(&storage, FeedCursor::START, 5).await;
    let (mut seen, mut cursor) = (Vec::new(), FeedCursor::START);
    loop {
        let page = read(&storage, cursor, 2).await;
        seen.extend(ids(&page));
        assert!(page.cursor > cursor);
        cursor = page.cursor;
        if !page.has_more {
            break;
        }
    }
    assert_eq!(seen, expected);
}

async fn the_end_of_the_feed_is_behind_everything(storage: Subject) {
    let end = || async { storage.repository.feed_end().await.expect("storage reads") };
    let empty = end().await;
    storage.insert(&jobs(2)).await;
    changed(&storage, &[job(0).id], 0).await;
    let before = end().await;
    assert!(before >= empty);
    changed(&storage, &[job(1).id], 1).await;
    assert_eq!(ids(&read_all(&storage, empty, 2).await), [job(0).id, job(1).id]);
    let after = ids(&read_all(&storage, before, 1).await);
    assert_eq!(after.last(), Some(&job(1).id), "no later change precedes the end");
    let end = end().await;
    assert!(read(&storage, end, 10).await.jobs.is_empty());
}

async fn the_feed_lists_a_deleted_job_by_its_id(storage: Subject) {
    storage.insert(&[job(1)]).await;
    let delete = Change::Job(JobChange::Delete { job: job(1).into() });
    let (applied, _) = storage.commit_with(&[delete], feed_entries(vec![job(1).id], 0)).await;
    assert!(applied[0].is_ok(), "{applied:?}");
    let page = read_all(&storage, FeedCursor::START, 1).await;
    assert_eq!(page.jobs, [(job(1).id, None)]);
}

async fn nothing_is_left_out_while_several_write(storage: Subject) {
    const JOBS: u32 = 60;
    let writers: Vec<Subject> = [Some(storage.clone()), storage.other()].into_iter().flatten().collect();
    let writing = writers.iter().zip(0_u32..).map(|(writer, number)| async move {
        for created in (number * 1_000)..(number * 1_000 + JOBS) {
            let entries = feed_entries(vec![job(created).id], 0);
            let (applied, _) = writer.commit_with(&[insert([job(created)])], entries).await;
            assert!(applied[0].is_ok(), "{applied:?}");
        }
    });
    let expected = writers.len() * usize::try_from(JOBS).expect("a number");
    let reading = async {
        // Reads concurrently with writers, as a consumer does: a skipped change is never read again.
        let (mut seen, mut cursor) = (Vec::new(), FeedCursor::START);
        while seen.len() < expected {
            let page = read(&storage, cursor, 7).await;
            seen.extend(ids(&page));
            cursor = page.cursor;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        seen
    };
    let reading = tokio::time::timeout(std::time::Duration::from_secs(30), reading);
    let (_, seen) = futures_util::future::join(futures_util::future::join_all(writing), reading).await;
    let mut seen = seen.expect("every change is seen");
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), expected);
}

async fn a_part_that_was_removed_is_a_gap(storage: Subject) {
    let all = jobs(4);
    storage.insert(&all).await;
    for (job, seconds) in all.iter().zip(0..) {
        changed(&storage, &[job.id], seconds).await;
    }
    read_all(&storage, FeedCursor::START, 4).await;
    let first = read(&storage, FeedCursor::START, 1).await.cursor;
    let second = read(&storage, first, 1).await.cursor;
    let prune = |limit| Change::Maintenance(MaintenanceChange::PruneFeed { before: at(2), limit });
    assert_eq!(storage.apply(prune(1)).await, Ok(Applied::Removed(1)));
    assert!(
        !read(&storage, first, 10).await.has_gap,
        "it had read the pruned changes"
    );
    assert_eq!(storage.apply(prune(10)).await, Ok(Applied::Removed(1)));
    assert_eq!(storage.apply(prune(10)).await, Ok(Applied::Removed(0)));
    assert!(read(&storage, first, 10).await.has_gap);
    let rest = read(&storage, second, 10).await;
    assert_eq!((ids(&rest), rest.has_gap), (vec![all[2].id, all[3].id], false));
    let anew = read(&storage, FeedCursor::START, 10).await;
    assert_eq!((ids(&anew), anew.has_gap), (vec![all[2].id, all[3].id], false));
}

async fn a_reader_belongs_to_one_node(storage: Subject) {
    let reader: Arc<str> = Arc::from("warehouse");
    let hold = |number| {
        Change::Feed(FeedChange::Hold {
            reader: Arc::clone(&reader),
            node: node(number),
        })
    };
    let to = FeedCursor {
        transaction: 0,
        number: 7,
    };
    let advance = |number| {
        Change::Feed(FeedChange::Move {
            reader: Arc::clone(&reader),
            node: node(number),
            to,
        })
    };
    assert_eq!(storage.apply(hold(1)).await, Err(ChangeError::NoLease));
    storage.live_node(1).await;
    assert_eq!(storage.apply(advance(1)).await, Err(ChangeError::Conflict));
    assert_eq!(
        storage.apply(hold(1)).await,
        Ok(Applied::HeldReader(Some(FeedCursor::START)))
    );
    assert_eq!(storage.apply(advance(1)).await, Ok(Applied::Updated));
    assert_eq!(storage.apply(hold(1)).await, Ok(Applied::HeldReader(Some(to))));
    if let Some(other) = storage.other() {
        other.live_node(2).await;
        assert_eq!(other.apply(hold(2)).await, Ok(Applied::HeldReader(None)));
        assert_eq!(other.apply(advance(2)).await, Err(ChangeError::Conflict));
    }
    assert!(
        storage
            .apply(Change::Cluster(ClusterChange::Leave { node: node(1) }))
            .await
            .is_ok()
    );
    storage.live_node(2).await;
    assert_eq!(storage.apply(hold(2)).await, Ok(Applied::HeldReader(Some(to))));
    assert_eq!(storage.apply(advance(1)).await, Err(ChangeError::Conflict));
}
