//! Crashes, faults, hostile input and slow clients.

pub(crate) mod busy_readers;
pub(crate) mod claim_ahead;
pub(crate) mod crash;
pub(crate) mod deep_input;
pub(crate) mod expensive_reads;
pub(crate) mod fuzz;
pub(crate) mod hostile_names;
pub(crate) mod large_jobs_at_once;
pub(crate) mod memory;
pub(crate) mod path_tricks;
pub(crate) mod permits;
pub(crate) mod shutdown;
pub(crate) mod slow_clients;
pub(crate) mod slow_storage;
pub(crate) mod startup_race;
pub(crate) mod supervision;
pub(crate) mod unread_changes;
pub(crate) mod whole_jobs;
