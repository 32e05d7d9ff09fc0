//! Use cases of recurring jobs.

mod by_key;
mod list;
pub(crate) mod preview;
mod use_cases;

pub use self::by_key::{DeclaredRecurringJob, Put, PutIf};
pub(crate) use self::list::OCCURRENCES_MAX;
pub use self::list::RecurringList;
pub use self::use_cases::Recurring;
