//! What a reader holds until the connection of its read has returned.
//!
//! A read whose caller stops waiting is stopped, but its statement may take a moment to end. What limits how many reads run at
//! a time holds its place until then: a storage that carries out an expensive read takes what is [`held`] when it begins, and
//! drops it when the connection is free again.

use std::any::Any;
use std::sync::Arc;

/// Something that is released when it is dropped.
pub type Held = Arc<dyn Any + Send + Sync>;

tokio::task_local! {
    static HELD: Held;
}

/// Carries out a read that holds something.
pub async fn holding<T>(held: Held, read: impl Future<Output = T>) -> T {
    HELD.scope(held, read).await
}

/// What the present read holds, if anything.
pub fn held() -> Option<Held> {
    HELD.try_with(Arc::clone).ok()
}
