//! The actors that store, schedule and run jobs, and the order in which they start and stop.
//!
//! ```text
//!   callers ──Write──► Writer ──commit──► storage
//!                       │ ▲  │ └─Publish─► EventBus ──► subscribers
//!                       │ │  │                 ▲ └─TopicsSubscribed─► MetricsSampler
//!                       │ │  │                 └─PublishState──────────┘
//!             JobsDue   │ │  └──ScheduleWakeup──► Scheduler
//!                       ▼ │                          │ QueuesDue
//!                     QueueRegistry ◄────────────────┘
//!                       │ JobsReady, Poll
//!                       ▼ │
//!                     QueueDispatcher ──RunJob──► Worker ──► handler
//!                       ▲                           │
//!                       └────────WorkerIdle─────────┘  Write(Finish) to the Writer
//! ```
//!
//! The Writer and the EventBus have an arbiter (a thread) each; queues and workers share one; the schedulers, the cluster's
//! actors, the Pruner and the MetricsSampler share another; webhooks and data sync have one. Handlers run on threads of
//! their own.

pub(crate) mod actor;
pub(crate) mod cluster;
pub(crate) mod dispatch;
pub(crate) mod events;
mod handle;
pub(crate) mod maintenance;
pub(crate) mod monitoring;
pub(crate) mod operations;
mod options;
pub(crate) mod outbound;
pub(crate) mod remote_workers;
pub(crate) mod schedule;
mod start;
mod stop;
pub(crate) mod writer;

pub use self::handle::RuntimeHandle;
pub use self::options::RuntimeOptions;
pub use self::start::{Runtime, StartError};
