//! A commit: changes, the audit records of some of them, and their outbox entries.

use std::fmt;
use std::sync::Arc;

use super::change::{Applied, Change, ChangeError};
use super::outbox::{EndpointsAt, KnownVersion, OutboxEntries};
use crate::domain::access::audit::AuditRecord;
use crate::domain::events::event::Event;
use crate::domain::values::id::EndpointId;
use crate::domain::webhooks::endpoint::Endpoint;

/// The result of a change: applied or rejected.
pub type ChangeResult = Result<Applied, ChangeError>;

/// The contents of one transaction.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The changes.
    pub changes: Vec<Change>,
    /// The audit records of changes, in the order of their changes. A change has at most one.
    pub audit: Vec<AuditEntry>,
    /// Builds the outbox entries of the changes; `None` if they have none.
    pub outbox: Option<OutboxRule>,
}

/// An audit record of a change. It is stored if the change has had an effect.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// The position of its change.
    pub change: usize,
    /// The record. Its number of jobs is that of [`Applied::jobs_changed`]. A stored record with the same id is of an earlier
    /// step of the same work: the numbers are added up.
    pub record: AuditRecord,
}

/// The result of a commit.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    /// The result of each change, in their order.
    pub results: Vec<ChangeResult>,
    /// The result of the outbox; `None` if its rule was not called.
    pub outbox: Option<OutboxResult>,
}

/// The result of writing outbox entries.
#[derive(Clone, Debug, Default)]
pub struct OutboxResult {
    /// The endpoints that have new deliveries, in any order.
    pub endpoints: Vec<EndpointId>,
    /// The stored endpoints, if the node did not know them.
    pub newer: Option<EndpointsAt>,
    /// The events of the committed changes, as the rule has given them.
    pub events: Vec<Event>,
}

type Rule = dyn Fn(&[Change], &[ChangeResult], Option<&[Arc<Endpoint>]>) -> OutboxEntries + Send + Sync;

/// Builds outbox entries from changes and their results. It is called within the transaction.
#[derive(Clone)]
pub struct OutboxRule {
    rule: Arc<Rule>,
    known: Option<KnownVersion>,
}

impl From<Vec<Change>> for Commit {
    fn from(changes: Vec<Change>) -> Self {
        Self {
            changes,
            ..Self::default()
        }
    }
}

impl<const N: usize> From<[Change; N]> for Commit {
    fn from(changes: [Change; N]) -> Self {
        Self::from(Vec::from(changes))
    }
}

impl Commit {
    /// The commit of the changes at these positions, which ascend, with their audit records and outbox entries.
    pub fn part(&self, positions: &[usize]) -> Self {
        let position_of = |entry: &AuditEntry| positions.binary_search(&entry.change).ok();
        Self {
            changes: positions
                .iter()
                .map(|position| self.changes[*position].clone())
                .collect(),
            audit: self
                .audit
                .iter()
                .filter_map(|entry| {
                    Some(AuditEntry {
                        change: position_of(entry)?,
                        record: entry.record.clone(),
                    })
                })
                .collect(),
            outbox: self.outbox.clone(),
        }
    }
}

impl AuditEntry {
    /// The record's number of jobs; `None` if it is not stored, given the result of each change.
    pub fn jobs_changed(&self, results: &[ChangeResult]) -> Option<u64> {
        match results.get(self.change)? {
            Ok(applied) => applied.jobs_changed(),
            Err(_) => None,
        }
    }
}

impl OutboxResult {
    /// Adds the result of another part of the commit.
    pub fn extend(&mut self, part: Self) {
        let Self {
            endpoints,
            newer,
            events,
        } = part;
        for endpoint in endpoints {
            if !self.endpoints.contains(&endpoint) {
                self.endpoints.push(endpoint);
            }
        }
        if newer.is_some() {
            self.newer = newer;
        }
        self.events.extend(events);
    }
}

impl OutboxRule {
    /// An outbox with this rule. The last argument is the stored endpoints, if the node does not know them.
    pub fn new(
        rule: impl Fn(&[Change], &[ChangeResult], Option<&[Arc<Endpoint>]>) -> OutboxEntries + Send + Sync + 'static,
    ) -> Self {
        Self {
            rule: Arc::new(rule),
            known: None,
        }
    }

    /// The same for a node that knows this version of the endpoints: storage calls the rule with the stored ones when
    /// there is a newer version, so that another node's change of an endpoint holds for every later commit.
    #[must_use]
    pub fn knowing(self, known: KnownVersion) -> Self {
        Self {
            known: Some(known),
            ..self
        }
    }

    /// The version of the endpoints that the node knows; `None` when no other node changes endpoints.
    pub fn known(&self) -> Option<KnownVersion> {
        self.known
    }

    /// The outbox entries of these changes with these results.
    pub fn entries(
        &self,
        changes: &[Change],
        results: &[ChangeResult],
        endpoints: Option<&[Arc<Endpoint>]>,
    ) -> OutboxEntries {
        (self.rule)(changes, results, endpoints)
    }
}

impl fmt::Debug for OutboxRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutboxRule")
    }
}
