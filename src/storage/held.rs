//! A resource that a reader holds until the connection of its read is returned.
//!
//! A read whose caller stops waiting is dropped, but its statement may take a moment to end. The limit of concurrent
//! reads holds its permit until then: a storage takes the [`held`] resource when a read gets a connection, and drops it
//! when the connection is free again.

use std::any::Any;
use std::sync::Arc;

/// Something that is released when it is dropped.
pub(crate) type Held = Arc<dyn Any + Send + Sync>;

tokio::task_local! {
    static HELD: Option<Held>;
}

/// Carries out a read that holds something.
pub async fn holding<T>(held: Held, read: impl Future<Output = T>) -> T {
    holding_if(Some(held), read).await
}

/// Carries out a read that holds this or nothing.
pub(crate) async fn holding_if<T>(held: Option<Held>, read: impl Future<Output = T>) -> T {
    HELD.scope(held, read).await
}

/// The resource of the current read, if any.
pub(crate) fn held() -> Option<Held> {
    HELD.try_with(Option::clone).ok().flatten()
}
