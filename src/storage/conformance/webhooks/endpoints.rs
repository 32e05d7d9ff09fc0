//! Webhook endpoints and deliveries: outbox entries of commits, due deliveries, and outcomes.

use std::sync::Arc;

use super::sample::{endpoint, put, read, stored};
use crate::domain::webhooks::endpoint::{
    Disabled, DisabledReason, Endpoint, EndpointSource, PreviousSecret, SigningSecret,
};
use crate::storage::change::{Applied, Change, ChangeError, ClusterChange, WebhookChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{at, node};
use crate::storage::conformance::subject::Subject;
use crate::storage::outbox::{Attempts, EndpointHealth, HoldEndpoints};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        an_endpoint_is_read_as_it_was_written,
        an_endpoint_is_changed_only_as_it_was_read,
        the_health_of_an_endpoint_is_stored,
        an_endpoint_is_owned_by_one_node,
        endpoints_of_a_dead_node_are_claimed_by_another,
    ]
}

async fn an_endpoint_is_read_as_it_was_written(storage: Subject) {
    let plain = endpoint(1);
    let full = Endpoint {
        previous_secret: Some(PreviousSecret {
            secret: SigningSecret::new("old ü"),
            until: Some(at(100)),
        }),
        source: EndpointSource::Configuration,
        disabled: Some(Disabled {
            at: at(7),
            reason: DisabledReason::Failing,
        }),
        failing_since: Some(at(3)),
        updated_at: at(9),
        revision: 4,
        ..endpoint(2)
    };
    put(&storage, &plain).await;
    put(&storage, &full).await;
    let read: Vec<Endpoint> = stored(&storage)
        .await
        .into_iter()
        .map(|stored| Endpoint::clone(&stored.endpoint))
        .collect();
    assert_eq!(read, [plain, full]);
    assert!(stored(&storage).await.iter().all(|stored| !stored.is_held));
}

async fn an_endpoint_is_changed_only_as_it_was_read(storage: Subject) {
    let before = put(&storage, &endpoint(1)).await;
    let change = |before: &Arc<Endpoint>, name: &str| {
        let after = Endpoint {
            name: Arc::from(name),
            ..before.changed(at(5))
        };
        Change::Webhook(WebhookChange::Put {
            before: Some(Arc::clone(before)),
            after: Arc::new(after),
        })
    };
    assert_eq!(storage.apply(change(&before, "one")).await, Ok(Applied::EndpointStored));
    assert_eq!(storage.apply(change(&before, "two")).await, Err(ChangeError::Conflict));
    let again = Change::Webhook(WebhookChange::Put {
        before: None,
        after: Arc::clone(&before),
    });
    assert_eq!(storage.apply(again).await, Err(ChangeError::Conflict));
    let delete = Change::Webhook(WebhookChange::Delete { endpoint: before });
    assert_eq!(storage.apply(delete).await, Err(ChangeError::Conflict));
    let now = read(&storage, endpoint(1).id).await;
    assert_eq!(&*now.name, "one");
    let delete = Change::Webhook(WebhookChange::Delete { endpoint: now });
    assert_eq!(storage.apply(delete.clone()).await, Ok(Applied::Deleted));
    assert_eq!(storage.apply(delete).await, Err(ChangeError::Conflict));
    assert!(stored(&storage).await.is_empty());
}

async fn the_health_of_an_endpoint_is_stored(storage: Subject) {
    let target = put(&storage, &endpoint(1)).await;
    let recorded = |health, disable| {
        Change::Webhook(WebhookChange::Attempts(Box::new(Attempts {
            endpoint_id: target.id,
            outcomes: Vec::new(),
            health,
            disable,
        })))
    };
    let failing = |seconds| recorded(EndpointHealth::FailingSince(at(seconds)), None);
    for change in [failing(10), failing(20)] {
        assert!(storage.apply(change).await.is_ok());
    }
    let now = read(&storage, target.id).await;
    assert_eq!((now.failing_since, now.revision), (Some(at(10)), 1));
    assert!(storage.apply(recorded(EndpointHealth::Well, None)).await.is_ok());
    assert_eq!(read(&storage, target.id).await.failing_since, None);
    let disabled = Disabled {
        at: at(30),
        reason: DisabledReason::Gone,
    };
    let disable = || recorded(EndpointHealth::AsBefore, Some(disabled));
    let is = |is_disabled| Ok(Applied::Attempted { is_disabled });
    assert_eq!(storage.apply(disable()).await, is(true));
    assert_eq!(storage.apply(disable()).await, is(false), "it is already");
    let now = read(&storage, target.id).await;
    assert_eq!((now.disabled, now.revision), (Some(disabled), 2));
}

fn hold(number: u64, limit: u32) -> Change {
    Change::Webhook(WebhookChange::Hold(HoldEndpoints {
        node: node(number),
        limit,
    }))
}

async fn an_endpoint_is_owned_by_one_node(storage: Subject) {
    let target = [1, 2, 3].map(endpoint);
    for endpoint in &target {
        put(&storage, endpoint).await;
    }
    let off = Endpoint {
        disabled: Some(Disabled {
            at: at(0),
            reason: DisabledReason::Requested,
        }),
        ..endpoint(4)
    };
    put(&storage, &off).await;
    assert_eq!(storage.apply(hold(1, 2)).await, Err(ChangeError::NoLease));
    let first = storage.live_node(1).await;
    for limit in [2, 1] {
        let held = storage.apply(hold(1, limit)).await;
        let Ok(Applied::Held(mut held)) = held else {
            panic!("{held:?}");
        };
        held.sort_unstable();
        assert_eq!(held, [target[0].id, target[1].id], "it keeps its endpoints");
    }
    let all = stored(&storage).await;
    let holders: Vec<_> = all.iter().map(|stored| (stored.holder, stored.is_held)).collect();
    assert_eq!(
        holders,
        [(Some(first), true), (Some(first), true), (None, false), (None, false)]
    );
    let Some(other) = storage.other() else { return };
    let second = other.live_node(2).await;
    let held = other.apply(hold(2, 10)).await;
    assert_eq!(held, Ok(Applied::Held(vec![target[2].id])));
    let all = stored(&storage).await;
    assert_eq!(all[2].holder, Some(second));
}

async fn endpoints_of_a_dead_node_are_claimed_by_another(storage: Subject) {
    let target = put(&storage, &endpoint(1)).await;
    storage.live_node(1).await;
    assert_eq!(storage.apply(hold(1, 10)).await, Ok(Applied::Held(vec![target.id])));
    assert!(
        storage
            .apply(Change::Cluster(ClusterChange::Leave { node: node(1) }))
            .await
            .is_ok()
    );
    assert!(!stored(&storage).await[0].is_held);
    let second = storage.live_node(2).await;
    assert_eq!(storage.apply(hold(2, 10)).await, Ok(Applied::Held(vec![target.id])));
    assert_eq!(stored(&storage).await[0].holder, Some(second));
    // A change of an endpoint does not change its owner.
    let before = read(&storage, target.id).await;
    let put = Change::Webhook(WebhookChange::Put {
        after: Arc::new(before.changed(at(9))),
        before: Some(before),
    });
    assert!(storage.apply(put).await.is_ok());
    let all = stored(&storage).await;
    assert_eq!((all[0].holder, all[0].is_held), (Some(second), true));
}
