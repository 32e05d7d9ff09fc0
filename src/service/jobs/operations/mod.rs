//! Use cases of bulk operations.

mod preview;
mod scopes;
mod split;
mod token;
mod use_cases;

pub(crate) use self::preview::{Preview, PreviewRequest};
pub(crate) use self::token::OperationToken;
pub(crate) use self::use_cases::{OperationList, Operations, StartRequest};
