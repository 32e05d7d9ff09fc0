//! The audit log.

use async_graphql::{Context, ID, Object, Result};

use crate::api::contract::filters::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::types::audit::{AuditFilterInput, AuditRecordConnection};
use crate::api::graphql::types::connection::page_size;
use crate::api::graphql::types::scalar_parsing;
use crate::domain::values::id::AuditId;
use crate::storage::query::AuditPage;

#[derive(Default)]
pub(super) struct AuditQueries;

#[Object]
impl AuditQueries {
    /// Returns the audit records, newest first. Requires the admin scope.
    #[graphql(complexity = "page_size(first, None).saturating_mul(child_complexity)")]
    async fn audit_records(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Conditions on the records; all by default.")] filter: Option<AuditFilterInput>,
        #[graphql(desc = "Maximum number of records, 1 to 1000; 50 by default.")] first: Option<i32>,
        #[graphql(desc = "Id of the last record of the previous page: only older records are returned.")] after: Option<
            ID,
        >,
    ) -> Result<Option<AuditRecordConnection>> {
        let filter = filter.unwrap_or_default().into_filter()?;
        let page = AuditPage {
            limit: scalar_parsing::count("first", first, LIMIT_DEFAULT, LIMIT_MAX)?,
            after: after
                .map(|ID(text)| scalar_parsing::parse_with("after", &text, AuditId::parse))
                .transpose()?,
        };
        let is_first = page.after.is_none();
        let records = services(ctx)?.audit.list(caller(ctx)?, &filter, page).await?;
        Ok(Some(AuditRecordConnection::new(records, is_first)))
    }
}
