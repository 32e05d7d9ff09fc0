//! Propagated contexts and exported spans, with an exporter and without one.

use super::*;
use crate::domain::job::new_job::{JobDefaults, NewJob};
use crate::domain::values::name::JobType;
use crate::domain::values::trace_context::SpanId;

fn job(random: u128, trace_parent: Option<&str>) -> Arc<Job> {
    let new = NewJob::of_type(JobType::parse("EmailJob").expect("a type"));
    Arc::new(Job {
        trace_parent: trace_parent.and_then(|text| TraceParent::parse(text).ok()),
        attempt: 1,
        ..new.into_job(&JobDefaults::default(), DateTime::UNIX_EPOCH, random)
    })
}

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NOT_SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn started(traces: &Traces, jobs: &[Arc<Job>]) {
    let change = Change::Job(JobChange::Start { jobs: jobs.to_vec() });
    traces.record(&change, &Applied::Started(vec![true; jobs.len()]), DateTime::UNIX_EPOCH);
}

fn received(receiver: &mut mpsc::Receiver<TraceReport>) -> usize {
    std::iter::from_fn(|| receiver.try_recv().ok()).count()
}

#[test]
fn without_an_exporter_a_run_has_a_span_context_and_the_callers_sampling() {
    let traces = Traces::default();
    let own = traces.run_span_context(&job(1, None));
    assert!(!own.is_sampled);
    assert_eq!(own.trace_id.number(), job(1, None).id.as_uuid().as_u128());
    let callers = traces.run_span_context(&job(1, Some(SAMPLED)));
    assert_eq!(callers.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(callers.is_sampled && callers.span_id == own.span_id);
    assert!(!traces.calls().is_enabled() && !traces.have_subscriber() && traces.open().is_none());
}

#[test]
fn with_an_export_the_run_is_a_span_in_the_callers_trace_or_one_of_its_own() {
    let traces = Traces::exported(SamplingRatio::all());
    let own = traces.run_span_context(&job(1, None));
    assert!(own.is_sampled);
    let callers = traces.run_span_context(&job(1, Some(SAMPLED)));
    assert_eq!(callers.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_ne!(callers.span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(own.span_id, callers.span_id);
}

#[test]
fn the_sampling_decision_of_the_caller_is_respected() {
    let none = Traces::exported(SamplingRatio::of(0.0));
    let mut reports = none.open().expect("the first");
    started(&none, &[job(1, None)]);
    assert_eq!(received(&mut reports), 0);
    started(&none, &[job(1, Some(SAMPLED))]);
    assert_eq!(received(&mut reports), 1);
    let all = Traces::exported(SamplingRatio::all());
    let mut reports = all.open().expect("the first");
    started(&all, &[job(1, Some(NOT_SAMPLED))]);
    assert_eq!(received(&mut reports), 0);
}

#[test]
fn a_trace_is_exported_completely_or_not_at_all() {
    let traces = Traces::exported(SamplingRatio::all());
    let mut reports = traces.open().expect("the first");
    traces.set_sampling_ratio(SamplingRatio::of(0.25));
    let calls = traces.calls();
    let mut exported = 0;
    for number in 0..1_000_u128 {
        // Distributed like random ids.
        let job = job(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834), None);
        started(&traces, &[Arc::clone(&job)]);
        let span_context = traces.run_span_context(&job);
        calls.report(span_context.is_sampled, || call(span_context, span_context.span_id));
        let count = received(&mut reports);
        assert!([0, 2].contains(&count));
        exported += count / 2;
    }
    assert!((150..350).contains(&exported), "{exported}");
}

fn call(span_context: TraceParent, parent: SpanId) -> CallReport {
    CallReport {
        span_context,
        parent,
        about: crate::webhooks::client_spans::CallSubject::Webhook {
            endpoint: Arc::from("crm"),
            event: Arc::from("job.completed"),
            id: "msg_1".to_owned(),
            resend: 0,
        },
        target: crate::webhooks::client_spans::CallTarget::unknown(),
        started_at: DateTime::UNIX_EPOCH,
        took: std::time::Duration::ZERO,
        status: Some(200),
        error: None,
    }
}

#[test]
fn a_slow_subscriber_loses_reports_and_they_are_counted() {
    let traces = Traces::exported(SamplingRatio::all());
    let mut reports = traces.open().expect("the first");
    let jobs = vec![job(1, None); 5_000];
    started(&traces, &jobs);
    let received = received(&mut reports);
    assert!(received < 5_000);
    assert_eq!(traces.dropped(), u64::try_from(5_000 - received).expect("a number"));
}
