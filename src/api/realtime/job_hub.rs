//! The hub: the groups that clients join, and the calls that their members receive.
//!
//! | group | calls |
//! | --- | --- |
//! | `job-updates` | `JobStatusChanged(jobId, status, details)` of every job |
//! | the same | `JobProgress(jobId, report)` when an attempt reports progress or log lines |
//! | `job:{id}`, `queue:{name}` | the same of one job, or of the jobs of one queue |
//! | `queue-metrics` | `QueueMetricsUpdated(metrics)` of every queue |
//! | `system-metrics` | `MetricsUpdated(metrics)` on joining and regularly afterwards |
//! | `system-health` | `SystemHealthAlert(alert)` |
//! | `operations`, `operation:{id}` | `OperationChanged(operation)` of all bulk operations, or of one |
//!
//! A client in several groups that match one event receives it once. A client that is too slow receives
//! `EventsMissed(count)`.

use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use serde_json::Value;

use super::signalr::hub::{Client, Groups, Hub, HubError, Invoked, Methods};
use super::signalr::protocol::Protocol;
use super::subscription_places::{HeldPlaces, SubscriptionPlaces};
use crate::api::contract::view::event::EventView;
use crate::domain::access::allowance::RateExceeded;
use crate::domain::access::caller::Caller;
use crate::domain::events::event::{Event, Topic};
use crate::domain::events::filter::EventClause;
use crate::domain::values::id::{JobId, OperationId};
use crate::domain::values::name::QueueName;
use crate::service::error::ServiceError;
use crate::service::events::{EventStream, Events, Form, StreamItem};

/// Methods that clients can call.
static METHODS: LazyLock<Methods<JobClient>> = LazyLock::new(|| {
    Methods::default()
        .with_one_argument("JoinGroup", JobClient::join)
        .with_one_argument("LeaveGroup", JobClient::leave)
});

/// The hub. See the module.
pub(super) struct JobHub {
    events: Events,
    groups_max: usize,
    places: SubscriptionPlaces,
}

impl JobHub {
    /// A hub that publishes these events. A client may join at most `groups_max` groups, each of which takes a place.
    pub(super) fn new(events: Events, groups_max: usize, places: SubscriptionPlaces) -> Self {
        Self {
            events,
            groups_max,
            places,
        }
    }
}

impl Hub for JobHub {
    fn connect(&self, caller: Caller) -> Box<dyn Client> {
        Box::new(JobClient {
            places: self.places.of(&caller),
            caller: caller.lasting(),
            stream: self.events.stream(),
            groups: Groups::new(self.groups_max),
        })
    }
}

struct JobClient {
    caller: Caller,
    stream: EventStream,
    groups: Groups<EventClause>,
    places: HeldPlaces,
}

impl JobClient {
    fn join(&mut self, name: String) -> impl Future<Output = Result<Value, HubError>> + use<> {
        let counted = |exceeded: RateExceeded| HubError(exceeded.to_string());
        let joined = group(&name).and_then(|group| {
            self.caller.charge(1).map_err(counted)?;
            let before = self.groups.clone();
            self.groups.join(group)?;
            self.places.resize(self.groups.len()).map_err(|problem| {
                self.groups = before;
                HubError(problem.detail().to_owned())
            })
        });
        self.follow(joined)
    }

    fn leave(&mut self, name: String) -> impl Future<Output = Result<Value, HubError>> + use<> {
        let left = group(&name).map(|group| {
            self.groups.leave(&group);
            // Fewer places are always within the limits.
            let _ = self.places.resize(self.groups.len());
        });
        self.follow(left)
    }

    /// Updates the stream to the client's groups.
    fn follow(&self, changed: Result<(), HubError>) -> impl Future<Output = Result<Value, HubError>> + use<> {
        let selected = changed.map(|()| self.stream.select(self.groups.iter().cloned().collect()));
        async move {
            let away = |error: ServiceError| HubError(error.to_string());
            selected?.await.map(|()| Value::Null).map_err(away)
        }
    }
}

impl Client for JobClient {
    fn invoke(&mut self, method: &str, arguments: Vec<Value>) -> Invoked {
        METHODS.call(self, method, arguments)
    }

    fn poll_event(&mut self, protocol: Protocol, cx: &mut Context<'_>) -> Poll<Bytes> {
        match pin!(&mut self.stream).poll_next(cx) {
            Poll::Ready(Some(StreamItem::Event(published))) => Poll::Ready(match protocol {
                Protocol::Json => published.form::<JsonCall>(),
                Protocol::MessagePack => published.form::<MessagePackCall>(),
            }),
            Poll::Ready(Some(StreamItem::Lagged { dropped })) => {
                Poll::Ready(protocol.invocation("EventsMissed", &(dropped,)))
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

/// The events of a group.
fn group(name: &str) -> Result<EventClause, HubError> {
    let one_job = |id: &str| JobId::parse(id).map_err(|error| HubError(error.to_string()));
    let one_queue = |queue: &str| QueueName::parse(queue).map_err(|error| HubError(error.to_string()));
    let topic = match (name, name.split_once(':')) {
        ("job-updates", _) => Topic::Jobs,
        ("queue-metrics", _) => Topic::QueueMetrics,
        ("system-metrics", _) => Topic::SystemMetrics,
        ("system-health", _) => Topic::SystemHealth,
        ("operations", _) => Topic::Operations,
        (_, Some(("job", id))) => {
            return Ok(EventClause {
                jobs: [one_job(id)?].into(),
                ..EventClause::all_of(Topic::Jobs)
            });
        }
        (_, Some(("operation", id))) => {
            let id = OperationId::parse(id).map_err(|error| HubError(error.to_string()))?;
            return Ok(EventClause {
                operations: [id].into(),
                ..EventClause::all_of(Topic::Operations)
            });
        }
        (_, Some(("queue", queue))) => {
            return Ok(EventClause {
                queues: [one_queue(queue)?].into(),
                ..EventClause::all_of(Topic::Jobs)
            });
        }
        (other, _) => {
            let other: String = other.chars().take(64).collect();
            return Err(HubError(format!(
                "Unknown group '{other}'; allowed are job-updates, queue-metrics, system-metrics, system-health, operations, \
                 job:{{id}}, queue:{{name}} and operation:{{id}}."
            )));
        }
    };
    Ok(EventClause::all_of(topic))
}

/// An event as a call of a client's method, in JSON.
pub(super) struct JsonCall;

impl Form for JsonCall {
    fn write(event: &Event) -> Bytes {
        call(event, Protocol::Json)
    }
}

/// The same in MessagePack.
pub(super) struct MessagePackCall;

impl Form for MessagePackCall {
    fn write(event: &Event) -> Bytes {
        call(event, Protocol::MessagePack)
    }
}

fn call(event: &Event, protocol: Protocol) -> Bytes {
    match EventView::of(event) {
        Some(EventView::Job(details)) => {
            let arguments = (details.job.id.to_string(), details.status_word(), &details);
            protocol.invocation("JobStatusChanged", &arguments)
        }
        Some(EventView::Report(report)) => protocol.invocation("JobProgress", &(report.job_id.to_string(), &report)),
        Some(EventView::Queue(metrics)) => protocol.invocation("QueueMetricsUpdated", &(metrics,)),
        Some(EventView::System(metrics)) => protocol.invocation("MetricsUpdated", &(metrics,)),
        Some(EventView::Health(alert)) => protocol.invocation("SystemHealthAlert", &(alert,)),
        Some(EventView::Operation(operation)) => protocol.invocation("OperationChanged", &(operation,)),
        None => Bytes::new(),
    }
}
