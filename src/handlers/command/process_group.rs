//! Process groups of jobs.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// The process group of a program. Its remaining processes are killed on drop.
///
/// The group's id is the process id of its leader, which the system does not reuse until the leader was reaped and all
/// members have ended. A group that is killed right after its leader was reaped could only be confused with another one
/// if all process ids had been used once in between.
pub(super) struct ProcessGroup {
    leader: Option<Pid>,
}

impl ProcessGroup {
    /// The group of a child that was started as a group leader, and not reaped yet.
    pub(super) fn led_by(child: &Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { leader }
    }

    /// Sends SIGTERM to all members.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // Fails if no process is left, which is the intended state.
            let _ = kill_process_group(leader, signal);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
