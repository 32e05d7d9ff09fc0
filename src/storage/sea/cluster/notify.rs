//! Signals between nodes over PostgreSQL's LISTEN and NOTIFY.
//!
//! The payload of a notification is text: a line with the sender's id, then a line per signal, whose first letter is
//! its type. A payload is shorter than 8,000 bytes (PostgreSQL's limit); further signals go into another one of the
//! same transaction. NOTIFY takes a lock of the whole database at commit, so it is never part of a commit of jobs.

use std::fmt::Write;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream;
use sea_orm::sqlx::postgres::{PgListener, PgNotification};
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, interval};
use uuid::Uuid;

use crate::domain::events::event::{JobEventKind, OperationEventKind};
use crate::domain::values::id::{JobId, NodeId, OperationId};
use crate::domain::values::name::QueueName;
use crate::storage::cluster_message::{ClusterMessage, JobSignal, Signal, SignalStream};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::connection::pool::Link;
use crate::storage::sea::connection::postgres;
use crate::storage::sea::error::unavailable;
use crate::storage::sea::repository::SeaRepository;

const CHANNEL: &str = "tickerq";
const PAYLOAD_BYTES_MAX: usize = 7_900;
/// Interval of messages that a node sends to itself to check its connection.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Time without any message, including its own, after which the connection is considered dead.
const SILENCE_MAX: Duration = Duration::from_secs(30);

impl SeaRepository {
    pub(crate) async fn notify(&self, from: NodeId, signals: &[Signal]) -> Result<(), RepositoryError> {
        if !self.is_postgres() || signals.is_empty() {
            return Ok(());
        }
        let payloads: Vec<String> = payloads(from, signals);
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            format!("SELECT pg_notify('{CHANNEL}', payload) FROM UNNEST($1::text[]) AS payload"),
            [Value::from(payloads)],
        );
        let sent = self.readers().execute_raw(statement).await;
        sent.map(drop).map_err(|error| unavailable(&error))
    }

    pub(crate) async fn listen(&self, own: NodeId) -> Result<Option<SignalStream>, RepositoryError> {
        // Behind a pooler there are no notifications: changes of other nodes are found by polling.
        let Some(url) = &self.listen_url else {
            return Ok(None);
        };
        let mut listener = postgres::listener(url).await.map_err(refused)?;
        listener.listen(CHANNEL).await.map_err(refused)?;
        let listener = Listener {
            listener: Some(listener),
            threads: Handle::current(),
            given_up: self.pools.given_up(),
            heartbeat: interval(HEARTBEAT),
            received_at: Instant::now(),
        };
        let heartbeat = Statement::from_sql_and_values(
            DbBackend::Postgres,
            format!("SELECT pg_notify('{CHANNEL}', $1)"),
            [payloads(own, &[]).concat().into()],
        );
        let readers = self.readers();
        let message = stream::unfold(Some(listener), move |listener| {
            let (readers, heartbeat) = (readers.clone(), heartbeat.clone());
            async move {
                let mut listener = listener?;
                loop {
                    let message = listener.next(&readers, &heartbeat).await?;
                    let message = match message {
                        Ok(Some(notification)) => match read_payload(notification.payload(), own) {
                            Some((from, signals)) => Ok(ClusterMessage::Signals { from, signals }),
                            None => continue,
                        },
                        Ok(None) => Ok(ClusterMessage::Gap),
                        Err(failure) => return Some((Err(failure), None)),
                    };
                    return Some((message, Some(listener)));
                }
            }
        });
        Ok(Some(Box::pin(message)))
    }
}

/// A listener that may be dropped anywhere: its own way to end spawns a task, which panics on a thread without a
/// runtime, as when a server stops.
struct Listener {
    listener: Option<PgListener>,
    threads: Handle,
    /// Notifies when the other connections were replaced.
    given_up: watch::Receiver<u64>,
    /// Timer of messages to itself.
    heartbeat: Interval,
    received_at: Instant,
}

impl Listener {
    /// The next message. A connection that only listens never detects that its server is gone: the node sends
    /// messages to itself and must receive them. `None` if it no longer listens.
    async fn next(
        &mut self,
        readers: &Link,
        heartbeat: &Statement,
    ) -> Option<Result<Option<PgNotification>, RepositoryError>> {
        let Self {
            listener,
            threads: _,
            given_up,
            heartbeat: ticks,
            received_at,
        } = self;
        let mut next = std::pin::pin!(listener.as_mut()?.try_recv());
        loop {
            tokio::select! {
                message = &mut next => {
                    *received_at = Instant::now();
                    return Some(message.map_err(refused));
                }
                _ = given_up.changed() => return Some(Err(no_response())),
                _ = ticks.tick() => {
                    if received_at.elapsed() > SILENCE_MAX {
                        return Some(Err(no_response()));
                    }
                    // A failure is detected by missing messages.
                    drop(tokio::time::timeout(HEARTBEAT, readers.execute_raw(heartbeat.clone())).await);
                }
            }
        }
    }
}

fn refused(error: sea_orm::sqlx::Error) -> RepositoryError {
    RepositoryError::Unavailable {
        reason: error.to_string(),
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _entered = self.threads.enter();
        drop(self.listener.take());
    }
}

fn no_response() -> RepositoryError {
    RepositoryError::Unavailable {
        reason:
            "no notification was received: PostgreSQL does not respond, or a pooler in transaction mode is in between \
                 (set database.pgbouncer = true, and database.listen_url to PostgreSQL itself)"
                .to_owned(),
    }
}

fn payloads(from: NodeId, signals: &[Signal]) -> Vec<String> {
    let head = from.as_uuid().simple().to_string();
    let mut payloads = Vec::new();
    let mut payload = head.clone();
    for signal in signals {
        let line = line(signal);
        if payload.len() + 1 + line.len() > PAYLOAD_BYTES_MAX {
            payloads.push(std::mem::replace(&mut payload, head.clone()));
        }
        payload.push('\n');
        payload.push_str(&line);
    }
    payloads.push(payload);
    payloads
}

fn line(signal: &Signal) -> String {
    match signal {
        Signal::JobsDue { queue } => format!("d{queue}"),
        Signal::QueueSwitched { queue, is_paused: true } => format!("p{queue}"),
        Signal::QueueSwitched {
            queue,
            is_paused: false,
        } => format!("r{queue}"),
        Signal::QueueCleared { queue } => format!("c{queue}"),
        Signal::CancelAttempt { queue, job_id, attempt } => {
            format!("x{} {attempt} {queue}", job_id.as_uuid().simple())
        }
        Signal::DrainSwitched { node, is_draining } => {
            format!("n{} {}", node.as_uuid().simple(), u8::from(*is_draining))
        }
        Signal::RecurringChanged => "t".to_owned(),
        Signal::Operation { kind, id } => format!("o{} {}", id.as_uuid().simple(), kind.code()),
        Signal::Job(JobSignal { kind, job_id, at }) => {
            let mut line = String::with_capacity(56);
            // Writing to a String can't fail.
            let _ = write!(
                line,
                "e{} {} {}",
                job_id.as_uuid().simple(),
                kind.code(),
                at.timestamp_micros()
            );
            line
        }
        Signal::Interest { is_any } => format!("i{}", u8::from(*is_any)),
    }
}

/// The signals of another node; `None` for the node's own ones, and for unknown formats.
fn read_payload(payload: &str, own: NodeId) -> Option<(NodeId, Vec<Signal>)> {
    let mut lines = payload.split('\n');
    let from = NodeId::from_uuid(Uuid::try_parse(lines.next()?).ok()?);
    if from == own {
        return None;
    }
    // An unknown line is from a newer version, which tolerates that it is ignored.
    Some((from, lines.filter_map(read_line).collect()))
}

fn read_line(line: &str) -> Option<Signal> {
    let mut characters = line.chars();
    let letter = characters.next()?;
    let rest = characters.as_str();
    let queue = |name: &str| QueueName::parse(name).ok();
    Some(match letter {
        'd' => Signal::JobsDue { queue: queue(rest)? },
        'p' | 'r' => Signal::QueueSwitched {
            queue: queue(rest)?,
            is_paused: letter == 'p',
        },
        'c' => Signal::QueueCleared { queue: queue(rest)? },
        'x' => {
            let mut parts = rest.splitn(3, ' ');
            Signal::CancelAttempt {
                job_id: job_id(parts.next()?)?,
                attempt: parts.next()?.parse().ok()?,
                queue: queue(parts.next()?)?,
            }
        }
        'n' => {
            let (node, is_draining) = rest.split_once(' ')?;
            Signal::DrainSwitched {
                node: NodeId::from_uuid(Uuid::try_parse(node).ok()?),
                is_draining: is_draining == "1",
            }
        }
        't' => Signal::RecurringChanged,
        'o' => {
            let (id, kind) = rest.split_once(' ')?;
            Signal::Operation {
                kind: OperationEventKind::from_code(kind.parse().ok()?)?,
                id: OperationId::from_uuid(Uuid::try_parse(id).ok()?),
            }
        }
        'e' => {
            let mut parts = rest.split(' ');
            Signal::Job(JobSignal {
                job_id: job_id(parts.next()?)?,
                kind: JobEventKind::from_code(parts.next()?.parse().ok()?)?,
                at: moment(parts.next()?)?,
            })
        }
        'i' => Signal::Interest { is_any: rest == "1" },
        _ => return None,
    })
}

fn job_id(text: &str) -> Option<JobId> {
    Uuid::try_parse(text).ok().map(JobId::from_uuid)
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u128) -> NodeId {
        NodeId::from_uuid(Uuid::from_u128(number))
    }

    fn all() -> Vec<Signal> {
        let queue = QueueName::parse("mail.eu:1").expect("a name");
        let job_id = JobId::new(DateTime::UNIX_EPOCH, 5);
        let is_paused = |is_paused| Signal::QueueSwitched {
            queue: queue.clone(),
            is_paused,
        };
        let mut signals = vec![
            Signal::JobsDue { queue: queue.clone() },
            is_paused(true),
            is_paused(false),
            Signal::QueueCleared { queue: queue.clone() },
            Signal::CancelAttempt {
                queue: queue.clone(),
                job_id,
                attempt: 3,
            },
            Signal::RecurringChanged,
            Signal::DrainSwitched {
                node: node(7),
                is_draining: true,
            },
            Signal::DrainSwitched {
                node: node(7),
                is_draining: false,
            },
            Signal::Interest { is_any: true },
            Signal::Interest { is_any: false },
        ];
        signals.extend(JobEventKind::ALL.map(|kind| {
            let at = DateTime::from_timestamp_micros(1_700_000_000_123_456).expect("a time");
            Signal::Job(JobSignal { kind, job_id, at })
        }));
        signals
    }

    #[test]
    fn every_signal_is_received_as_sent() {
        let payloads = payloads(node(1), &all());
        assert_eq!(payloads.len(), 1);
        assert_eq!(read_payload(&payloads[0], node(2)), Some((node(1), all())));
    }

    #[test]
    fn a_node_ignores_its_own_signals() {
        let payloads = payloads(node(1), &all());
        assert_eq!(read_payload(&payloads[0], node(1)), None);
    }

    #[test]
    fn many_signals_are_split_into_payloads_within_the_limit_of_postgresql() {
        let many: Vec<Signal> = std::iter::repeat_with(all).take(100).flatten().collect();
        let payloads = payloads(node(1), &many);
        assert!(payloads.iter().all(|payload| payload.len() < 8_000));
        let message: Vec<Signal> = payloads
            .iter()
            .filter_map(|payload| read_payload(payload, node(2)))
            .flat_map(|(_, signals)| signals)
            .collect();
        assert_eq!(message, many);
    }

    #[test]
    fn rubbish_is_passed_over() {
        assert_eq!(read_payload("", node(2)), None);
        assert_eq!(read_payload("hello", node(2)), None);
        let head = node(1).as_uuid().simple();
        let payload = format!("{head}\nz\nx\nx1 2 3\ne\nd\ndgood\n");
        let queue = QueueName::parse("good").expect("a name");
        assert_eq!(
            read_payload(&payload, node(2)),
            Some((node(1), vec![Signal::JobsDue { queue }]))
        );
    }
}
