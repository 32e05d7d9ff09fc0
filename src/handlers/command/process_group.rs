//! The processes that a job has started, as one.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// The process group of a program. Whatever is left of it is killed when this is dropped.
///
/// The group's number is its leader's process number. It can't be given to another process while the leader has not been
/// waited for or any member lives. A group that is killed right after its leader was waited for could only be mistaken
/// for another if all process numbers had been given out once in between.
pub(super) struct ProcessGroup {
    leader: Option<Pid>,
}

impl ProcessGroup {
    /// The group of a child that was started as the leader of one, and not waited for yet.
    pub(super) fn led_by(child: &Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { leader }
    }

    /// Asks all members to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // It fails when there is nobody left, which is what is wanted.
            let _ = kill_process_group(leader, signal);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
