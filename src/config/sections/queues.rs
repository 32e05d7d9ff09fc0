//! `[[queues]]` and `[queue_defaults]`: queues and their concurrency.

use std::num::NonZeroU32;

use crate::config::loader::section::Section;
use crate::config::loader::typed_value::between;
use crate::domain::queue::QueueSettings;
use crate::domain::values::name::QueueName;

/// `[[queues]]` and `[queue_defaults]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QueuesConfig {
    /// The configured queues, each name once; `default` is always one of them.
    pub configured: Vec<QueueSettings>,
    /// The workers of every other queue.
    pub default_workers: NonZeroU32,
}

/// Default number of workers of a queue.
const WORKERS_DEFAULT: u32 = 10;
const WORKERS_MAX: u32 = 4096;

impl QueuesConfig {
    pub(crate) fn read(root: &mut Section<'_>) -> Self {
        let mut defaults = root.child("queue_defaults");
        let default_workers = workers(&mut defaults, NonZeroU32::MIN.saturating_add(WORKERS_DEFAULT - 1));
        defaults.finish();

        let mut configured: Vec<QueueSettings> = Vec::new();
        for (index, item) in root.tables("queues", "queues").iter().enumerate() {
            let mut section = root.open(format!("queues[{index}]"), "[[queues]]".to_owned(), Some(item));
            let name = section.required::<QueueName>("name");
            if let Some(name) = &name
                && configured.iter().any(|queue| queue.name == *name)
            {
                let source = section.source().clone();
                section.error(
                    &source,
                    "name",
                    format_args!("'{name}' is the name of an earlier queue; names must be distinct"),
                );
            }
            let settings = read_queue(&mut section, name.unwrap_or_default(), default_workers);
            section.finish();
            configured.push(settings);
        }
        if !configured.iter().any(|queue| queue.name.as_str() == QueueName::DEFAULT) {
            let mut section = root.open("queues".to_owned(), "[[queues]]".to_owned(), None);
            let name = section.get("name", QueueName::default());
            configured.push(read_queue(&mut section, name, default_workers));
        }
        Self {
            configured,
            default_workers,
        }
    }
}

fn read_queue(section: &mut Section<'_>, name: QueueName, default_workers: NonZeroU32) -> QueueSettings {
    QueueSettings {
        name,
        workers: workers(section, default_workers),
        pending_max: section.optional_if("max_pending", between(1, u64::try_from(i64::MAX).unwrap_or(u64::MAX))),
        rate_limit: section.optional("rate_limit"),
    }
}

fn workers(section: &mut Section<'_>, default: NonZeroU32) -> NonZeroU32 {
    let most = NonZeroU32::MIN.saturating_add(WORKERS_MAX - 1);
    section.get_if("concurrency", default, between(NonZeroU32::MIN, most))
}
