//! One parser and one view of each resource, shared by all facades.

pub(crate) mod metrics_view;
