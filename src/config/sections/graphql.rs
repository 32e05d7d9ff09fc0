//! `[graphql]`: the GraphQL API.

use crate::api::graphql::GraphQlOptions;
use crate::config::loader::byte_size::ByteSize;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::between;
use crate::domain::values::time_span::TimeSpan;

/// The options, and whether GraphiQL is enabled.
pub(crate) fn read(section: &mut Section<'_>, is_api_enabled: bool) -> (GraphQlOptions, bool) {
    let count = |section: &mut Section<'_>, key, default: u32, least, most| {
        let count = section.get_if(key, default, between(least, most));
        usize::try_from(count).unwrap_or(usize::MAX)
    };
    let size = |section: &mut Section<'_>, key, default: ByteSize, least, most| {
        section.get_if(key, default, between(least, most)).as_usize()
    };
    let time = |section: &mut Section<'_>, key, seconds| {
        let range = between(TimeSpan::from_millis(100), TimeSpan::from_secs(3600));
        section.get_if(key, TimeSpan::from_secs(seconds), range).to_std()
    };
    let (kib, mib) = (ByteSize::kib, ByteSize::mib);
    let enable = section.get("enable", true) && is_api_enabled;
    let introspection = section.get("introspection", true);
    let graphiql = section.get("graphiql", true) && enable;
    let options = GraphQlOptions {
        enable,
        introspection,
        max_depth: count(section, "max_depth", 16, 1, 30),
        max_complexity: count(section, "max_complexity", 50_000, 1, 10_000_000),
        max_aliases: count(section, "max_aliases", 30, 0, 10_000),
        max_batch: count(section, "max_batch", 10, 1, 1_000),
        query_bytes_max: size(section, "max_query_size", kib(64), kib(1), mib(16)),
        document_memory: size(section, "max_document_memory", mib(256), mib(1), mib(65_536)),
        body_bytes_max: size(section, "max_body", mib(1), kib(1), mib(1024)),
        response_bytes_max: size(section, "max_response", mib(16), kib(64), mib(1024)),
        timeout: time(section, "timeout", 30),
        persisted_queries: count(section, "persisted_query_cache_size", 1_000, 0, 100_000),
        connection_init_timeout: time(section, "connection_init_timeout", 3),
    };
    (options, graphiql)
}
