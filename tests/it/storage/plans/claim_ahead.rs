//! Claims ahead of a start, and what follows them.

use std::sync::Arc;

use tickerq::domain::job::Job;
use tickerq::domain::job::outcome::Outcome;
use tickerq::domain::job::retry::Jitter;
use tickerq::storage::change::{Applied, Change, Claim, JobChange};
use tickerq::storage::commit::Commit;
use tickerq::storage::repository::JobStore;

use super::Probe;
use super::samples::{NODE, now};
use super::verdict::Access;

pub async fn write(probe: &Probe, claim: Claim) {
    let claim = Change::Job(JobChange::Claim(Claim {
        limit: 200,
        is_ahead: true,
        ..claim
    }));
    let commit = Commit::from([claim]);
    let claimed = probe.repository.commit(&commit);
    let access = Access::Index("jobs_to_claim", 200);
    let claimed = probe.of("claim ahead", access, claimed).await.results.remove(0);
    let Ok(Applied::Claimed(jobs)) = claimed else {
        panic!("{claimed:?}")
    };
    assert_eq!(jobs.len(), 200);
    let running: Vec<Arc<Job>> = jobs.iter().map(|job| Arc::new(job.start(NODE, now()))).collect();
    let start = Change::Job(JobChange::Start {
        jobs: running[..10].to_vec(),
    });
    probe.commit("start claimed jobs", Access::Lookup, vec![start]).await;
    let ends = running[10..100].iter().map(|running| {
        let (job, attempt) = running.finish(Outcome::Completed(None), now(), Jitter::new(0.5));
        Change::Job(JobChange::Finish {
            started: Some(Arc::clone(running)),
            job: Arc::new(job),
            attempt: Box::new(attempt),
            if_orphaned: false,
        })
    });
    probe
        .commit("finish with the start", Access::Lookup, ends.collect())
        .await;
    let release = Change::Job(JobChange::Release {
        jobs: jobs[100..].to_vec(),
        now: now(),
    });
    probe.commit("release", Access::Lookup, vec![release]).await;
}
