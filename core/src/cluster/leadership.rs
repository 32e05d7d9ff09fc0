//! Leadership: a lease in storage with a fencing token. The leader creates the occurrences of recurring jobs.
//!
//! The rules are functions of the stored row and of storage's time; every implementation (a database, memory, the model
//! checker) applies them.
//!
//! Invariants (checked by the tests below):
//!
//! 1. At every moment at most one node [may act](Leadership::allows): the holder, with the newest token, while its
//!    lease lasts.
//! 2. The token grows whenever the holder changes, and whenever a holder returns after its lease expired. Writes under
//!    an older token are rejected, however late they arrive.
//! 3. Any node can acquire an expired lease, without the consent of another.

use chrono::{DateTime, TimeDelta, Utc};

use crate::values::id::NodeId;

/// A monotonically increasing number: of two nodes that claim leadership, the one with the greater token is the leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FencingToken(i64);

impl FencingToken {
    /// A token from storage.
    pub const fn from_stored(number: i64) -> Self {
        Self(number)
    }

    /// The token for storage.
    pub const fn number(self) -> i64 {
        self.0
    }

    const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The leader's lease, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// The current or last holder.
    pub holder: NodeId,
    /// The newest token.
    pub token: FencingToken,
    /// Expiry, by storage's clock.
    pub until: DateTime<Utc>,
}

impl Leadership {
    /// The stored lease after `node` requested leadership for `lease`. The node leads if it is the holder afterwards;
    /// an unexpired lease of another node is unchanged.
    pub fn requested(stored: Option<Self>, node: NodeId, now: DateTime<Utc>, lease: TimeDelta) -> Self {
        let until = now.checked_add_signed(lease).unwrap_or(DateTime::<Utc>::MAX_UTC);
        match stored {
            None => Self {
                holder: node,
                token: FencingToken::default().next(),
                until,
            },
            Some(stored) if stored.until >= now => {
                if stored.holder == node {
                    Self { until, ..stored }
                } else {
                    stored
                }
            }
            Some(stored) => Self {
                holder: node,
                token: stored.token.next(),
                until,
            },
        }
    }

    /// The lease after its holder released it: any node may acquire it at once, under the next token.
    #[must_use]
    pub const fn ended(self) -> Self {
        Self {
            until: DateTime::UNIX_EPOCH,
            ..self
        }
    }

    /// True if a write of `node` under `token` may take effect at `now`.
    pub fn allows(self, node: NodeId, token: FencingToken, now: DateTime<Utc>) -> bool {
        self.holder == node && self.token == token && self.until >= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::{prop_assert, proptest};
    use uuid::Uuid;

    const LEASE: TimeDelta = TimeDelta::seconds(10);

    proptest! {
        /// Nodes request leadership at any time, are stopped, and act late under the tokens that they acquired.
        #[test]
        fn at_most_one_node_may_act_and_old_tokens_never(steps in vec((0_u128..3, 0_i64..8_000), 1..60)) {
            let mut now = DateTime::UNIX_EPOCH;
            let mut stored: Option<Leadership> = None;
            let mut given: Vec<(NodeId, FencingToken)> = Vec::new();
            for (node, pause) in steps {
                now += TimeDelta::milliseconds(pause);
                let node = NodeId::from_uuid(Uuid::from_u128(node));
                let after = Leadership::requested(stored, node, now, LEASE);
                if let Some(before) = stored {
                    prop_assert!(after.token >= before.token);
                    prop_assert!(after.holder == before.holder || after.token > before.token);
                    prop_assert!(after.holder == before.holder || before.until < now, "a live lease was taken away");
                }
                stored = Some(after);
                if after.holder == node {
                    given.push((node, after.token));
                }
                let mut acting: Vec<NodeId> = given
                    .iter()
                    .filter(|(node, token)| after.allows(*node, *token, now))
                    .map(|(node, _)| *node)
                    .collect();
                acting.sort();
                acting.dedup();
                prop_assert!(acting.len() <= 1, "{acting:?} may act at the same time");
                for (node, token) in &given {
                    if *token < after.token {
                        prop_assert!(!after.allows(*node, *token, now), "an old token was let through");
                    }
                }
            }
        }
    }

    #[test]
    fn a_leader_that_renews_in_time_keeps_its_token_and_a_late_one_gets_a_new_token() {
        let node = NodeId::from_uuid(Uuid::from_u128(1));
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let first = Leadership::requested(None, node, at(0), LEASE);
        let renewed = Leadership::requested(Some(first), node, at(9), LEASE);
        assert_eq!(renewed.token, first.token);
        let late = Leadership::requested(Some(renewed), node, at(30), LEASE);
        assert!(late.token > renewed.token);
    }
}
