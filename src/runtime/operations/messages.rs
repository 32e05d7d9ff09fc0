//! Messages of the OperationRunner.

use actix::Message;

/// Operations were started, paused, resumed or cancelled.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OperationsChanged;
