//! Lists of nodes and the leader, by the storage's own clock.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::cluster::leadership::FencingToken;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::JobType;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, ChangeError, ClusterChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{at, job, node};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::StoredNode;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_node_is_shown_as_it_is,
        a_heartbeat_is_listed,
        a_node_drains_until_it_is_resumed,
        the_first_candidate_becomes_the_leader,
        a_leader_that_is_silent_is_replaced,
        a_second_server_leads_at_once_unless_storage_is_shared,
    ]
}

const LONG: TimeSpan = TimeSpan::from_secs(3_600);

async fn nodes(storage: &Subject) -> Vec<StoredNode> {
    storage.repository.nodes().await.expect("storage reads")
}

async fn lead(storage: &Subject, node: NodeId, lease: TimeSpan) -> Option<FencingToken> {
    match storage
        .apply(Change::Cluster(ClusterChange::Lead { node, lease }))
        .await
    {
        Ok(Applied::Led(token)) => token,
        other => panic!("unexpected result of an election: {other:?}"),
    }
}

fn email_job() -> JobType {
    JobType::parse("EmailJob").expect("a type")
}

async fn a_node_is_shown_as_it_is(storage: Subject) {
    assert_eq!(nodes(&storage).await, []);
    let id = node(1);
    let heartbeat = Change::Cluster(ClusterChange::Heartbeat {
        node: id,
        name: Arc::from("Köln-1 🦀"),
        started_at: at(5),
        lease: LONG,
        job_types: Arc::from([email_job(), JobType::parse("FaxJob").expect("a type")]),
        remote_types: Arc::from([email_job()]),
    });
    assert_eq!(storage.apply(heartbeat).await, Ok(Applied::Alive));
    storage.insert_running(job(1), id).await;
    storage.insert_running(job(2), id).await;
    storage.insert(&[job(3)]).await;
    let [stored] = nodes(&storage).await.try_into().expect("one node");
    let expected = StoredNode {
        is_draining: false,
        id,
        name: "Köln-1 🦀".to_owned(),
        started_at: at(5),
        heartbeat_at: stored.heartbeat_at,
        lease_until: stored.heartbeat_at + LONG.to_delta(),
        is_live: true,
        is_leader: false,
        running_jobs: 2,
        job_types: Some(vec![email_job(), JobType::parse("FaxJob").expect("a type")]),
        remote_types: Some(vec![email_job()]),
    };
    // The clock may be read twice between the two times.
    let drift = (stored.lease_until - expected.lease_until).abs();
    assert!(drift < chrono::TimeDelta::seconds(5), "{drift}");
    assert_eq!(
        StoredNode {
            lease_until: expected.lease_until,
            ..stored
        },
        expected
    );
    lead(&storage, id, LONG).await;
    assert!(nodes(&storage).await[0].is_leader);
    assert_eq!(
        storage.apply(Change::Cluster(ClusterChange::Leave { node: id })).await,
        Ok(Applied::Left { changed: true })
    );
    assert_eq!(nodes(&storage).await, []);
}

async fn a_node_drains_until_it_is_resumed(storage: Subject) {
    let id = storage.live_node(1).await;
    let set = |node, is_draining| Change::Cluster(ClusterChange::SetDraining { node, is_draining });
    let switched = |changed| Ok(Applied::DrainSet { changed });
    assert_eq!(storage.apply(set(id, true)).await, switched(true));
    assert_eq!(storage.apply(set(id, true)).await, switched(false));
    storage.heartbeat(id, LONG).await;
    assert!(
        nodes(&storage).await[0].is_draining,
        "a heartbeat changes nothing of it"
    );
    assert_eq!(storage.apply(set(id, false)).await, switched(true));
    assert!(!nodes(&storage).await[0].is_draining);
    assert_eq!(storage.apply(set(node(7), true)).await, Err(ChangeError::Conflict));
    let worker = super::workers::register(&storage, 8, LONG).await;
    assert_eq!(
        storage.apply(set(worker, true)).await,
        Err(ChangeError::Conflict),
        "no server"
    );
}

async fn a_heartbeat_is_listed(storage: Subject) {
    let id = node(1);
    storage.heartbeat(id, TimeSpan::from_millis(1)).await;
    let first = nodes(&storage).await.remove(0);
    let wait = async {
        // Where storage serves one server at a time, its lease lasts until it leaves.
        while storage.other().is_some() && nodes(&storage).await[0].is_live {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        storage.heartbeat(id, LONG).await;
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .expect("the lease runs out");
    let second = nodes(&storage).await.remove(0);
    assert!(second.is_live);
    assert!(second.heartbeat_at > first.heartbeat_at);
    assert!(second.lease_until > first.lease_until);
    assert_eq!(
        (second.id, second.name, second.started_at),
        (first.id, first.name, first.started_at)
    );
}

async fn the_first_candidate_becomes_the_leader(storage: Subject) {
    let token = lead(&storage, node(1), LONG).await;
    assert!(token.is_some());
    assert_eq!(lead(&storage, node(2), LONG).await, None);
    assert_eq!(lead(&storage, node(1), LONG).await, token, "a leader keeps its token");
    let both = [node(2), node(1)].map(|node| Change::Cluster(ClusterChange::Lead { node, lease: LONG }));
    assert_eq!(
        storage.commit(&both).await,
        [Ok(Applied::Led(None)), Ok(Applied::Led(token))]
    );
    storage
        .commit(&[Change::Cluster(ClusterChange::Leave { node: node(2) })])
        .await;
    assert_eq!(lead(&storage, node(2), LONG).await, None, "only the leader can resign");
    storage
        .commit(&[Change::Cluster(ClusterChange::Leave { node: node(1) })])
        .await;
    let next = lead(&storage, node(2), LONG).await;
    assert!(next > token, "{next:?} is newer than {token:?}");
    let back = lead(&storage, node(1), LONG).await;
    assert_eq!(back, None);
}

async fn a_leader_that_is_silent_is_replaced(storage: Subject) {
    let first = lead(&storage, node(1), TimeSpan::from_millis(1)).await;
    let wait = async {
        loop {
            if let Some(token) = lead(&storage, node(2), LONG).await {
                return token;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let next = tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .expect("the lease runs out");
    assert!(Some(next) > first);
    assert_eq!(lead(&storage, node(1), LONG).await, None, "it is too late");
}

async fn a_second_server_leads_at_once_unless_storage_is_shared(storage: Subject) {
    let first = storage.live_node(1).await;
    let token = lead(&storage, first, LONG).await;
    storage.heartbeat(first, LONG).await;
    assert_eq!(
        lead(&storage, first, LONG).await,
        token,
        "its own heartbeat ends nothing"
    );
    let second = storage.live_node(2).await;
    let next = lead(&storage, second, LONG).await;
    if storage.other().is_some() {
        assert_eq!(next, None);
    } else {
        assert!(next > token, "the first one is an earlier run, which has ended");
        assert_eq!(lead(&storage, first, LONG).await, None);
    }
}
