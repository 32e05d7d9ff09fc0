//! Subscriptions of fast and slow subscribers.

use std::sync::atomic::AtomicU32;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta};

use super::*;
use crate::domain::events::event::QueueEventKind;
use crate::domain::metrics::QueueMetrics;
use crate::domain::metrics::health::{Health, HealthChange, HealthState};
use crate::domain::queue::{StatusCounts, StoredQueue, Throughput};
use crate::domain::values::name::QueueName;
use crate::runtime::actor::supervisor::{ActorSlot, Supervisor};
use crate::runtime::monitoring::metrics_sampler;
use crate::runtime::monitoring::metrics_sampler::MetricsSampler;

/// A bus, and the mailbox of a metrics sampler that never starts.
struct Bench {
    bus: EventBusHandle,
    _sampler: ActorSlot<MetricsSampler>,
}

fn bench() -> Bench {
    let sampler = ActorSlot::<MetricsSampler>::new(metrics_sampler::MAILBOX_CAPACITY);
    let slot = ActorSlot::<EventBus>::new(MAILBOX_CAPACITY);
    let bus = EventBusHandle::new(slot.address());
    slot.start(&actix::Arbiter::current(), "EventBus", &Supervisor::default(), {
        let (bus, sampler) = (bus.clone(), sampler.address().recipient());
        move || EventBus::new(&bus, sampler)
    });
    Bench { bus, _sampler: sampler }
}

fn paused(number: u32) -> Event {
    Event::Queue {
        kind: QueueEventKind::Paused,
        at: DateTime::UNIX_EPOCH + TimeDelta::seconds(i64::from(number)),
        queue: QueueName::default(),
    }
}

fn metrics(queue: &str, pending: u64) -> Event {
    Event::QueueMetrics {
        at: DateTime::UNIX_EPOCH,
        metrics: Arc::new(QueueMetrics {
            queue: StoredQueue {
                name: QueueName::parse(queue).expect("a queue"),
                is_paused: false,
                counts: StatusCounts {
                    pending,
                    ..StatusCounts::default()
                },
                throughput: Throughput::default(),
            },
            workers: 1,
        }),
    }
}

fn alert(before: HealthState, after: HealthState) -> Event {
    let reasons = Vec::new();
    Event::SystemAlert {
        at: DateTime::UNIX_EPOCH,
        change: Arc::new(HealthChange {
            before,
            before_since: DateTime::UNIX_EPOCH,
            after: Health { state: after, reasons },
        }),
    }
}

/// A message as text.
fn word(item: StreamItem) -> String {
    match item {
        StreamItem::Lagged { dropped } => format!("dropped {dropped}"),
        StreamItem::Event(published) => match published.event() {
            Event::QueueMetrics { metrics, .. } => {
                format!("{} has {}", metrics.queue.name, metrics.queue.counts.pending)
            }
            Event::SystemAlert { change, .. } => change.after.state.as_str().to_owned(),
            Event::Operation { kind, .. } => kind.as_str().to_owned(),
            event @ (Event::Job { .. } | Event::JobReport { .. } | Event::Queue { .. } | Event::SystemMetrics(_)) => {
                event.at().timestamp().to_string()
            }
        },
    }
}

impl Bench {
    async fn publish(&self, numbers: impl IntoIterator<Item = u32>) {
        self.bus.publish(numbers.into_iter().map(paused).collect());
        self.bus.flush().await;
    }

    async fn publish_state(&self, topic: Topic, changed: Vec<Event>, is_whole: bool) {
        let state = PublishState {
            topic,
            changed,
            is_whole,
        };
        self.bus.address().send(state).await.expect("a bus");
    }

    async fn subscribe(&self, topic: Topic, event_buffer: usize) -> Subscription {
        let subscription = self.bus.subscribe(event_buffer);
        assert!(subscription.select(EventFilter::all_of(topic)).await);
        subscription
    }
}

fn received(subscription: &mut Subscription) -> Vec<String> {
    let mut words = Vec::new();
    while let Ok(item) = subscription.items.try_recv() {
        words.push(word(item));
    }
    words
}

#[actix::test]
async fn matching_events_arrive_in_order() {
    let bench = bench();
    let mut subscription = bench.subscribe(Topic::Queues, 10).await;
    let mut other = bench.subscribe(Topic::Jobs, 10).await;
    bench.publish([1, 2]).await;
    bench.publish([3]).await;
    assert_eq!(received(&mut subscription), ["1", "2", "3"]);
    assert!(received(&mut other).is_empty());
    assert!(subscription.select(EventFilter::all_of(Topic::Jobs)).await);
    bench.publish([4]).await;
    assert!(received(&mut subscription).is_empty(), "the new filter excludes them");
}

#[actix::test]
async fn interest_lasts_as_long_as_there_are_subscribers() {
    let bench = bench();
    assert!(!bench.bus.is_any_in(Topic::Jobs));
    let first = bench.subscribe(Topic::Jobs, 10).await;
    let second = bench.subscribe(Topic::Jobs, 10).await;
    drop(first);
    bench.bus.flush().await;
    assert!(bench.bus.is_any_in(Topic::Jobs));
    assert!(second.select(EventFilter::all_of(Topic::Queues)).await);
    assert!(!bench.bus.is_any_in(Topic::Jobs) && bench.bus.is_any_in(Topic::Queues));
    assert!(second.select(EventFilter::default()).await);
    assert!(!bench.bus.is_any_in(Topic::Queues));
}

#[actix::test]
async fn a_slow_subscriber_receives_the_number_of_dropped_events_before_later_ones() {
    let bench = bench();
    let mut slow = bench.subscribe(Topic::Queues, 2).await;
    let mut quick = bench.subscribe(Topic::Queues, 100).await;
    bench.publish(1..=5).await;
    bench.publish([6]).await;
    assert_eq!(received(&mut slow), ["1", "2"]);
    bench.publish([7]).await;
    assert_eq!(received(&mut slow), ["dropped 4", "7"]);
    assert_eq!(received(&mut quick).len(), 7, "the slow subscriber delays no other");
    // It is notified of dropped events even when no more are published.
    bench.publish(8..=10).await;
    assert_eq!(received(&mut slow), ["8", "9"]);
    let total = slow.items.recv().await.map(word);
    assert_eq!(total.as_deref(), Some("dropped 1"));
}

#[actix::test]
async fn a_slow_subscriber_receives_the_newest_of_each_state() {
    let bench = bench();
    let mut slow = bench.subscribe(Topic::QueueMetrics, 1).await;
    bench
        .publish_state(Topic::QueueMetrics, vec![metrics("a", 1), metrics("b", 1)], true)
        .await;
    bench
        .publish_state(Topic::QueueMetrics, vec![metrics("b", 2)], false)
        .await;
    bench
        .publish_state(Topic::QueueMetrics, vec![metrics("b", 3), metrics("a", 2)], false)
        .await;
    let mut words = Vec::new();
    while words.len() < 3 {
        words.extend(slow.items.recv().await.map(word));
    }
    assert_eq!(words, ["a has 1", "a has 2", "b has 3"]);
}

#[actix::test]
async fn a_later_subscriber_receives_the_current_states_once() {
    let bench = bench();
    let mut first = bench.subscribe(Topic::QueueMetrics, 10).await;
    bench
        .publish_state(Topic::QueueMetrics, vec![metrics("a", 1), metrics("b", 1)], true)
        .await;
    let mut second = bench.subscribe(Topic::QueueMetrics, 10).await;
    assert!(received(&mut second).is_empty(), "the sampler determines when");
    bench
        .publish_state(Topic::QueueMetrics, vec![metrics("b", 2)], false)
        .await;
    assert_eq!(received(&mut first), ["a has 1", "b has 1", "b has 2"]);
    assert_eq!(received(&mut second), ["b has 2", "a has 1"]);
    // A further subscription receives only the newly requested states.
    bench
        .publish_state(
            Topic::SystemHealth,
            vec![alert(HealthState::Healthy, HealthState::Degraded)],
            false,
        )
        .await;
    let both = [Topic::QueueMetrics, Topic::SystemHealth].map(crate::domain::events::filter::EventClause::all_of);
    assert!(second.select(EventFilter::from_iter(both)).await);
    bench.publish_state(Topic::QueueMetrics, Vec::new(), false).await;
    bench.publish_state(Topic::SystemHealth, Vec::new(), false).await;
    assert_eq!(received(&mut second), ["degraded"]);
    // A recovery is not replayed to subscribers that have not received the failure.
    bench
        .publish_state(
            Topic::SystemHealth,
            vec![alert(HealthState::Degraded, HealthState::Healthy)],
            false,
        )
        .await;
    let mut third = bench.subscribe(Topic::SystemHealth, 10).await;
    bench.publish_state(Topic::SystemHealth, Vec::new(), false).await;
    assert_eq!(received(&mut second), ["healthy"]);
    assert!(received(&mut third).is_empty());
    // A removed queue is not replayed.
    bench
        .publish_state(Topic::QueueMetrics, vec![metrics("a", 5)], true)
        .await;
    let mut last = bench.subscribe(Topic::QueueMetrics, 10).await;
    bench.publish_state(Topic::QueueMetrics, Vec::new(), false).await;
    assert_eq!(received(&mut last), ["a has 5"]);
}

#[actix::test]
async fn events_that_the_mailbox_rejects_are_counted_as_dropped() {
    let bench = bench();
    let mut subscription = bench.subscribe(Topic::Queues, 10_000).await;
    // The bus lives on this thread: it handles nothing before this test waits.
    let sent = u32::try_from(MAILBOX_CAPACITY).expect("a count") + 500;
    for number in 0..sent {
        bench.bus.publish(vec![paused(number)]);
    }
    bench.bus.flush().await;
    let words = received(&mut subscription);
    let dropped: usize = words
        .iter()
        .filter_map(|word| word.strip_prefix("dropped ")?.parse::<usize>().ok())
        .sum();
    let total = words.iter().filter(|word| !word.starts_with("dropped")).count();
    assert!(dropped > 0);
    assert_eq!(dropped + total, sent as usize);
}

static WRITTEN: AtomicU32 = AtomicU32::new(0);

struct Counted;

impl Form for Counted {
    fn write(event: &Event) -> Bytes {
        WRITTEN.fetch_add(1, Ordering::Relaxed);
        event.name().into()
    }
}

struct Other;

impl Form for Other {
    fn write(_: &Event) -> Bytes {
        "other".into()
    }
}

#[test]
fn an_event_is_written_once_in_each_form() {
    let published = Arc::new(Published::new(paused(1)));
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| assert_eq!(published.form::<Counted>(), "queue.paused"));
        }
    });
    assert_eq!(published.form::<Other>(), "other");
    assert_eq!(published.form::<Counted>(), "queue.paused");
    assert_eq!(WRITTEN.load(Ordering::Relaxed), 1);
}

#[actix::test]
async fn of_many_queues_a_new_subscriber_receives_the_busiest_unless_it_names_queues() {
    let bench = bench();
    let queues = || (0..905_u32).map(|number| metrics(&format!("q{number}"), u64::from(number)));
    let mut first = bench.subscribe(Topic::QueueMetrics, 2_000).await;
    bench.publish_state(Topic::QueueMetrics, queues().collect(), true).await;
    let mut later = bench.subscribe(Topic::QueueMetrics, 2_000).await;
    let naming = bench.bus.subscribe(2_000);
    let named = crate::domain::events::filter::EventClause {
        queues: (0..150)
            .map(|number| QueueName::parse(&format!("q{number}")).expect("a queue"))
            .collect(),
        ..crate::domain::events::filter::EventClause::all_of(Topic::QueueMetrics)
    };
    assert!(naming.select(EventFilter::from_iter([named])).await);
    let mut naming = naming;
    bench
        .publish_state(Topic::QueueMetrics, vec![metrics("q1", 7)], false)
        .await;
    let item = received(&mut first);
    assert_eq!(item.len(), 101, "the busiest, and what has changed since");
    assert!(item.contains(&"q904 has 904".to_owned()) && item.contains(&"q805 has 805".to_owned()));
    assert_eq!(item[100], "q1 has 7");
    assert_eq!(received(&mut later).len(), 100);
    assert_eq!(received(&mut naming).len(), 100);
    bench.publish_state(Topic::QueueMetrics, Vec::new(), false).await;
    assert_eq!(received(&mut naming).len(), 50, "the queues of its filter, in turns");
    assert!(received(&mut later).is_empty());
}

#[actix::test]
async fn of_many_changed_queues_a_subscriber_receives_a_part_at_a_time() {
    let bench = bench();
    let queues = |round: u64| (0..905_u64).map(move |number| metrics(&format!("q{number}"), number * 1_000 + round));
    bench
        .publish_state(Topic::QueueMetrics, queues(0).collect(), true)
        .await;
    let mut subscription = bench.subscribe(Topic::QueueMetrics, 2_000).await;
    bench.publish_state(Topic::QueueMetrics, Vec::new(), false).await;
    received(&mut subscription);
    let mut seen: HashMap<String, u64> = HashMap::new();
    for round in 1..=20 {
        bench
            .publish_state(Topic::QueueMetrics, queues(round).collect(), false)
            .await;
        let item = received(&mut subscription);
        assert_eq!(item.len(), 100, "round {round}");
        assert!(
            item.contains(&format!("q904 has {}", 904_000 + round)),
            "the busiest one is always current"
        );
        for word in item {
            let (queue, jobs) = word.split_once(" has ").expect("a queue");
            let jobs: u64 = jobs.parse().expect("a number");
            assert_eq!(jobs % 1_000, round, "the newest state, not the pending one");
            seen.insert(queue.to_owned(), round);
        }
    }
    assert_eq!(seen.len(), 905, "each queue was sent");
    // Without further changes the remaining queues follow: the newest state of each, once.
    let mut last: HashMap<String, u64> = HashMap::new();
    for _ in 0..12 {
        bench.publish_state(Topic::QueueMetrics, Vec::new(), false).await;
        for word in received(&mut subscription) {
            let (queue, jobs) = word.split_once(" has ").expect("a queue");
            assert!(last.insert(queue.to_owned(), jobs.parse().expect("a number")).is_none());
        }
    }
    assert!(last.values().all(|jobs| jobs % 1_000 == 20));
    assert!(received(&mut subscription).is_empty());
}
