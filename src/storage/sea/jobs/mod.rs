//! Jobs: inserted, claimed, run, changed, read and deleted.

pub(crate) mod attempts;
pub(crate) mod claim;
pub(crate) mod claim_floors;
pub(crate) mod claim_order;
pub(crate) mod claim_sql;
pub(crate) mod clock_step;
pub(crate) mod delete;
pub(crate) mod held;
pub(crate) mod history;
pub(crate) mod insert;
pub(crate) mod known_keys;
pub(crate) mod known_queues;
pub(crate) mod large_texts;
pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod release;
pub(crate) mod unreadable;
pub(crate) mod unused_queues;
pub(crate) mod update;
