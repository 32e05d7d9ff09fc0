//! Metrics of queues and of the server, and the server's health. Slow clients receive the latest values.

use async_graphql::{Context, Result, Subscription};
use futures_util::Stream;

use super::event_stream::{results, subscribe};
use crate::api::graphql::types::health::HealthAlert;
use crate::api::graphql::types::metrics::SystemMetrics;
use crate::api::graphql::types::queue::Queue;
use crate::api::graphql::types::scalar_parsing;
use crate::domain::events::event::{Event, Topic};
use crate::domain::events::filter::EventClause;
use crate::views::health::HealthAlertView;
use crate::views::values::Time;

#[derive(Default)]
pub(super) struct StateSubscriptions;

#[Subscription]
impl StateSubscriptions {
    /// Metrics of queues: their current values, and every change. If many queues change at once, 100 per reading: those
    /// with the most unfinished jobs, and the others in turn.
    async fn queue_metrics_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue's name; all queues by default.")] queue: Option<String>,
    ) -> Result<impl Stream<Item = Result<Queue>>> {
        let mut clause = EventClause::all_of(Topic::QueueMetrics);
        if let Some(name) = queue {
            clause.queues.insert(scalar_parsing::queue_name("queue", &name)?);
        }
        let events = subscribe(ctx, clause).await?;
        Ok(results(events, |event| match event {
            Event::QueueMetrics { at: _, metrics } => Some(Queue::from(&**metrics)),
            Event::Job { .. }
            | Event::JobReport { .. }
            | Event::Queue { .. }
            | Event::SystemMetrics(_)
            | Event::SystemAlert { .. }
            | Event::Operation { .. } => None,
        }))
    }

    /// System metrics: their current values, and regular updates.
    async fn metrics_updated(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Result<SystemMetrics>>> {
        let events = subscribe(ctx, EventClause::all_of(Topic::SystemMetrics)).await?;
        Ok(results(events, |event| match event {
            Event::SystemMetrics(metrics) => Some(SystemMetrics::from(&**metrics)),
            Event::Job { .. }
            | Event::JobReport { .. }
            | Event::Queue { .. }
            | Event::QueueMetrics { .. }
            | Event::SystemAlert { .. }
            | Event::Operation { .. } => None,
        }))
    }

    /// Changes of the server's health, starting with the current status if it is not healthy.
    async fn system_health_alert(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Result<HealthAlert>>> {
        let events = subscribe(ctx, EventClause::all_of(Topic::SystemHealth)).await?;
        Ok(results(events, |event| match event {
            Event::SystemAlert { at, change } => Some(HealthAlert::new(Time(*at), HealthAlertView::from(&**change))),
            Event::Job { .. }
            | Event::JobReport { .. }
            | Event::Queue { .. }
            | Event::QueueMetrics { .. }
            | Event::SystemMetrics(_)
            | Event::Operation { .. } => None,
        }))
    }
}
