//! Endpoints of configurations stay as long as a live node names them, and then until nothing is pending.

use std::sync::Arc;

use super::sample::{due, endpoint, message, outcome, post, posting, put, read, record, stored};
use crate::domain::values::id::{EndpointId, NodeId};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::delivery::AfterAttempt;
use crate::domain::webhooks::endpoint::{Endpoint, EndpointSource};
use crate::storage::change::{Applied, Change, WebhookChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{at, node};
use crate::storage::conformance::subject::Subject;
use crate::storage::outbox::{ReviewEndpoints, ReviewedEndpoints};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        an_endpoint_stays_while_a_live_node_names_it,
        an_endpoint_without_a_name_is_removed_when_nothing_is_pending,
        an_endpoint_that_is_named_again_stays,
    ]
}

fn configured(number: u64) -> Endpoint {
    Endpoint {
        source: EndpointSource::Configuration,
        ..endpoint(number)
    }
}

async fn review(storage: &Subject, node: NodeId, names: &[EndpointId], grace: TimeSpan) -> ReviewedEndpoints {
    let review = Change::Webhook(WebhookChange::Review(ReviewEndpoints {
        node,
        names: names.into(),
        grace,
    }));
    match storage.apply(review).await {
        Ok(Applied::Reviewed(reviewed)) => reviewed,
        other => panic!("{other:?}"),
    }
}

const LONG: TimeSpan = TimeSpan::from_secs(3_600);

async fn an_endpoint_stays_while_a_live_node_names_it(storage: Subject) {
    let known = [put(&storage, &configured(1)).await, put(&storage, &configured(2)).await];
    let of_api = put(&storage, &endpoint(3)).await;
    let first = storage.live_node(1).await;
    // A node that has no lease yet counts itself.
    let reviewed = review(&storage, node(2), &[known[1].id], LONG).await;
    assert_eq!(reviewed.unnamed.len(), 1, "{reviewed:?}");
    let reviewed = review(&storage, first, &[known[0].id], LONG).await;
    assert_eq!(reviewed.unnamed.len(), 1, "{reviewed:?}");
    assert_eq!(reviewed.unnamed[0].id, known[1].id, "its node has no lease");
    let all = stored(&storage).await;
    let facts: Vec<_> = all
        .iter()
        .map(|stored| (stored.is_named, stored.unnamed_since.is_some()))
        .collect();
    assert_eq!(facts, [(true, false), (false, true), (false, false)]);
    assert_eq!(all[0].named_by, [first]);
    assert_eq!(
        all[2].endpoint.id, of_api.id,
        "one of the API is named by no node and stays"
    );
}

async fn an_endpoint_without_a_name_is_removed_when_nothing_is_pending(storage: Subject) {
    let target = put(&storage, &configured(1)).await;
    post(&storage, vec![posting(message(1, 1, 0), &[&target])]).await;
    let first = storage.live_node(1).await;
    let reviewed = review(&storage, first, &[], LONG).await;
    assert_eq!((reviewed.unnamed.len(), reviewed.unnamed[0].pending), (1, 1));
    assert_eq!(reviewed.retired, []);
    assert_eq!(review(&storage, first, &[], LONG).await, ReviewedEndpoints::default());
    let reviewed = review(&storage, first, &[], TimeSpan::ZERO).await;
    assert_eq!((reviewed.retired.len(), reviewed.retired[0].pending), (1, 1));
    let all = stored(&storage).await;
    assert!(all[0].endpoint.events.is_empty() && all[0].has_pending, "{all:?}");
    assert_eq!(all[0].endpoint.revision, 2);
    let still = review(&storage, first, &[], TimeSpan::ZERO).await;
    assert_eq!(still, ReviewedEndpoints::default(), "a delivery is pending");
    let due = due(&storage, &target, at(60)).await;
    assert_eq!(due.len(), 1, "it is still sent");
    record(&storage, &target, vec![outcome(due[0].1, 1, AfterAttempt::Failed)]).await;
    let reviewed = review(&storage, first, &[], TimeSpan::ZERO).await;
    assert_eq!(reviewed.removed.len(), 1, "{reviewed:?}");
    assert!(stored(&storage).await.is_empty());
}

async fn an_endpoint_that_is_named_again_stays(storage: Subject) {
    let target = put(&storage, &configured(1)).await;
    let first = storage.live_node(1).await;
    review(&storage, first, &[], TimeSpan::ZERO).await;
    let retired = read(&storage, target.id).await;
    let restored = Arc::new(Endpoint {
        events: target.events.clone(),
        ..retired.changed(at(9))
    });
    let put = Change::Webhook(WebhookChange::Put {
        before: Some(retired),
        after: Arc::clone(&restored),
    });
    assert_eq!(storage.apply(put).await, Ok(Applied::EndpointStored));
    let reviewed = review(&storage, first, &[target.id], TimeSpan::ZERO).await;
    assert_eq!(reviewed, ReviewedEndpoints::default());
    let all = stored(&storage).await;
    assert_eq!((all[0].unnamed_since, all[0].is_named), (None, true));
    assert_eq!(all[0].endpoint, restored);
}
