//! Types of job statistics.

pub(in crate::api::graphql) mod activity;
pub(in crate::api::graphql) mod failure;
pub(in crate::api::graphql) mod performance;
