//! Jobs over REST.

pub(crate) mod actions;
pub(crate) mod batch;
pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod filter;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod orders;
pub(crate) mod retries;
pub(crate) mod tags;
pub(crate) mod unhandled_types;
