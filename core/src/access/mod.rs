//! Callers, their scopes and allowances, and audit records.

pub mod allowance;
pub mod audit;
pub mod caller;
pub mod caller_key;
pub mod ip_network;
