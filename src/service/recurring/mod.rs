//! Use cases of recurring jobs.

mod by_key;
pub(crate) mod preview;
mod use_cases;

pub use self::by_key::{DeclaredRecurringJob, Put, PutIf};
pub use self::use_cases::{Recurring, RecurringList};
