//! Types that run elsewhere, and the log of those that do not run.

use super::*;

fn job_type(name: &str) -> JobType {
    JobType::parse(name).expect("a type")
}

fn queue(name: &str) -> QueueName {
    QueueName::parse(name).expect("a queue")
}

#[test]
fn a_worker_of_some_queues_runs_its_types_there_alone() {
    let mut elsewhere = Elsewhere::default();
    let (a, b) = (job_type("A"), job_type("B"));
    let only = |name: &str| Arc::new(HashSet::from([queue(name)]));
    elsewhere.add(&a, Some(&only("one")));
    elsewhere.add(&a, Some(&only("two")));
    assert!(elsewhere.runs(&a, &queue("one")) && elsewhere.runs(&a, &queue("two")));
    assert!(!elsewhere.runs(&a, &queue("three")) && !elsewhere.runs(&b, &queue("one")));
    elsewhere.add(&a, None);
    elsewhere.add(&a, Some(&only("one")));
    assert!(elsewhere.runs(&a, &queue("three")));
    elsewhere.is_incomplete = true;
    assert!(
        elsewhere.runs(&b, &queue("one")),
        "a server that does not say may run it"
    );
}

#[test]
fn the_log_names_a_type_once_and_few_at_a_time() {
    let mut logged = Logged::default();
    let start = Instant::now();
    assert!(logged.admits(&job_type("A"), start));
    assert!(!logged.admits(&job_type("A"), start));
    let admitted = (0..50).filter(|number| logged.admits(&job_type(&format!("T{number}")), start));
    assert_eq!(admitted.count(), MAX_LOGGED - 1);
    let later = start + LOG_WINDOW;
    assert!(!logged.admits(&job_type("A"), later));
    assert!(logged.admits(&job_type("T49"), later));
}
