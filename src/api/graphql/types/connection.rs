//! Lists as Relay's cursor connections. The cursor of an entry is its id.

use async_graphql::{ID, Result, SimpleObject};

use super::scalar_parsing;
use crate::api::contract::filters::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::api::graphql::errors;

/// A part of a list.
pub(in super::super) struct Part<T> {
    /// Entries of the part.
    pub(in super::super) nodes: Vec<T>,
    /// True if other entries precede.
    pub(in super::super) has_previous: bool,
    /// True if more entries follow.
    pub(in super::super) has_next: bool,
}

impl<T> Part<T> {
    /// The part of a complete list that starts after an entry.
    pub(in super::super) fn of_list(
        list: Vec<T>,
        cursor_of: impl Fn(&T) -> String,
        first: Option<i32>,
        after: Option<&ID>,
    ) -> Result<Self> {
        let size = scalar_parsing::count("first", first, LIMIT_DEFAULT, LIMIT_MAX)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let start = match after {
            None => 0,
            Some(after) => match list.iter().position(|entry| cursor_of(entry) == **after) {
                Some(place) => place + 1,
                None => {
                    let given: String = after.chars().take(64).collect();
                    let detail = format!("'{given}' is not a cursor of this list; take one from edges or pageInfo");
                    return Err(errors::invalid("after", &detail));
                }
            },
        };
        let has_next = list.len() - start > size;
        Ok(Self {
            nodes: list.into_iter().skip(start).take(size).collect(),
            has_previous: start > 0,
            has_next,
        })
    }
}

/// Position of a page in its list.
#[derive(SimpleObject)]
pub(crate) struct PageInfo {
    /// True if more entries follow. Defined if `first` or `before` is given.
    pub(crate) has_next_page: bool,
    /// True if other entries precede. Defined if `last` or `after` is given.
    pub(crate) has_previous_page: bool,
    /// Cursor of the first entry; null for an empty page.
    pub(crate) start_cursor: Option<String>,
    /// Cursor of the last entry; null for an empty page.
    pub(crate) end_cursor: Option<String>,
}

/// Number of entries of a page, for the complexity of a request; values out of range are rejected later.
pub(crate) fn page_size(first: Option<i32>, last: Option<i32>) -> usize {
    let size = first.or(last).and_then(|size| usize::try_from(size).ok());
    size.unwrap_or(LIMIT_DEFAULT as usize).min(LIMIT_MAX as usize)
}

/// Generates the types of a connection for a type with a `cursor`.
macro_rules! connection {
    ($(#[doc = $doc:literal])* $connection:ident, $edge:ident, $node:ident, { $($more:tt)* }) => {
        $(#[doc = $doc])*
        pub(crate) struct $connection($crate::api::graphql::types::connection::Part<$node>);

        impl From<$crate::api::graphql::types::connection::Part<$node>> for $connection {
            fn from(part: $crate::api::graphql::types::connection::Part<$node>) -> Self {
                Self(part)
            }
        }

        $(#[doc = $doc])*
        #[async_graphql::Object]
        impl $connection {
            /// Entries with their cursors, in the order of the list.
            async fn edges(&self) -> Vec<$edge<'_>> {
                self.0.nodes.iter().map($edge).collect()
            }

            /// Entries without their cursors, in the order of the list.
            async fn nodes(&self) -> &[$node] {
                &self.0.nodes
            }

            /// Position of the page in the list.
            async fn page_info(&self) -> $crate::api::graphql::types::connection::PageInfo {
                let cursor = |entry: Option<&$node>| entry.map($node::cursor);
                $crate::api::graphql::types::connection::PageInfo {
                    has_next_page: self.0.has_next,
                    has_previous_page: self.0.has_previous,
                    start_cursor: cursor(self.0.nodes.first()),
                    end_cursor: cursor(self.0.nodes.last()),
                }
            }

            $($more)*
        }

        /// An entry with its cursor.
        pub(crate) struct $edge<'a>(&'a $node);

        /// An entry with its cursor.
        #[async_graphql::Object]
        impl<'a> $edge<'a> {
            /// Cursor of the entry, for `after`.
            async fn cursor(&self) -> String {
                self.0.cursor()
            }

            /// The entry.
            async fn node(&self) -> &'a $node {
                self.0
            }
        }
    };
}

pub(super) use connection;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_parts() {
        let list = || ["a", "b", "c"].map(ID::from).to_vec();
        let part = |first, after: Option<&str>| {
            Part::of_list(list(), |id| id.to_string(), first, after.map(ID::from).as_ref())
        };
        let read = |first, after| {
            let part = part(first, after).expect("a part");
            let names: Vec<String> = part.nodes.iter().map(|id| id.to_string()).collect();
            (names.concat(), part.has_previous, part.has_next)
        };
        assert_eq!(read(None, None), ("abc".to_owned(), false, false));
        assert_eq!(read(Some(2), None), ("ab".to_owned(), false, true));
        assert_eq!(read(Some(2), Some("b")), ("c".to_owned(), true, false));
        assert_eq!(read(None, Some("c")), (String::new(), true, false));
        assert!(part(None, Some("d")).is_err());
        assert!(part(Some(0), None).is_err());
    }
}
