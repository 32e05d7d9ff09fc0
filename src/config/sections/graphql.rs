//! `[graphql]`: the GraphQL API.

use crate::config::loader::byte_size::ByteSize;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::between;
use crate::domain::values::time_span::TimeSpan;

/// `[graphql]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphQlConfig {
    /// Whether there is GraphQL at all.
    pub enable: bool,
    /// Whether the schema can be asked for, by callers who may read.
    pub introspection: bool,
    /// Whether there is a page to try it out.
    pub graphiql: bool,
    /// How deep the fields of a request may be nested.
    pub max_depth: usize,
    /// How complex a request may be: about the number of values in its answer.
    pub max_complexity: usize,
    /// How many aliases a request may have.
    pub max_aliases: usize,
    /// How many requests may be sent together.
    pub max_batch: usize,
    /// How long the text of a query may be.
    pub query_bytes_max: usize,
    /// How large the body of a request may be.
    pub max_body: usize,
    /// How large an answer may be.
    pub max_response: usize,
    /// How long a query or a mutation may take.
    pub timeout: TimeSpan,
    /// How many queries clients may store, to ask for them by their hash.
    pub persisted_queries: usize,
    /// How long a client may take to begin, once its WebSocket is open.
    pub connection_init_timeout: TimeSpan,
}

impl GraphQlConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let count = |section: &mut Section<'_>, key, default: u32, least, most| {
            let count = section.get_if(key, default, between(least, most));
            usize::try_from(count).unwrap_or(usize::MAX)
        };
        let waits = || between(TimeSpan::from_millis(100), TimeSpan::from_secs(3600));
        Self {
            enable: section.get("enable", true),
            introspection: section.get("introspection", true),
            graphiql: section.get("graphiql", true),
            max_depth: count(section, "max_depth", 16, 1, 30),
            max_complexity: count(section, "max_complexity", 50_000, 1, 10_000_000),
            max_aliases: count(section, "max_aliases", 30, 0, 10_000),
            max_batch: count(section, "max_batch", 10, 1, 1_000),
            query_bytes_max: section
                .get_if(
                    "query_bytes_max",
                    ByteSize::kib(64),
                    between(ByteSize::kib(1), ByteSize::mib(16)),
                )
                .as_usize(),
            max_body: section
                .get_if(
                    "max_body",
                    ByteSize::mib(1),
                    between(ByteSize::kib(1), ByteSize::mib(1024)),
                )
                .as_usize(),
            max_response: section
                .get_if(
                    "max_response",
                    ByteSize::mib(16),
                    between(ByteSize::kib(64), ByteSize::mib(1024)),
                )
                .as_usize(),
            timeout: section.get_if("timeout", TimeSpan::from_secs(30), waits()),
            persisted_queries: count(section, "persisted_queries", 1_000, 0, 100_000),
            connection_init_timeout: section.get_if("connection_init_timeout", TimeSpan::from_secs(3), waits()),
        }
    }
}
