//! The filter language of jobs: `status:failed type:Email* -queue:bulk attempt>3 created:2026-11-01.. "invoice"`.
//!
//! A filter is a list of terms, all of which must hold. A term is a field, an operator and values, or a text alone. The
//! same [`JobFilter`] serves all facades; storage translates its conditions.

mod condition;
mod field;
mod invalid;
mod job_filter;
mod matching;
mod parser;
mod printer;
mod scanner;
mod searched_ids;
#[cfg(test)]
mod tests;
mod values;

pub use self::condition::{
    Condition, Interval, NodeMatch, NumberField, Term, TextField, TextMatch, TimeField, TimeMatch,
};
pub use self::invalid::InvalidFilter;
pub use self::job_filter::JobFilter;
pub use self::parser::{FILTER_BYTES_MAX, TERMS_MAX, TEXT_LENGTH_MAX, VALUES_MAX};
pub use self::searched_ids::ids_starting_with;
