//! The steps of the simulation.

/// An event. Numbers select one of the current nodes, messages or jobs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Time passes, in milliseconds.
    Pass(u16),
    /// A person makes a job.
    Create,
    /// A person cancels a job, or has it run again.
    Cancel(u8),
    Execute(u8),
    /// A node does something.
    Act(u8, Act),
    /// A message arrives at storage; a response arrives at its node.
    Arrive(u8),
    Return(u8),
    /// A message or a response is lost.
    Lose(u8),
    LoseAnswer(u8),
    /// A node is paused, resumed, killed and restarted, or leaves.
    Stop(u8),
    GoOn(u8),
    Kill(u8),
    /// Its clock is changed by this number of milliseconds.
    SetClock(u8, i16),
}

/// Actions of a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Renews its lease.
    Renew,
    /// Requests leadership.
    RequestLeadership,
    /// It reads pending jobs, and the recurring job.
    Read,
    /// Claims due jobs.
    Claim,
    /// Claims due jobs ahead of their start.
    ClaimAhead,
    /// It runs a job that it has claimed ahead, without storing the start.
    Begin(u8),
    /// Stores the start of such a job.
    StoreStart(u8),
    /// Ends its claims of jobs that have not begun.
    Release,
    /// It starts a job that it has read of.
    Start(u8),
    /// A job that it runs ends, well or not.
    End(u8, bool),
    /// It recovers orphaned jobs.
    Rescue,
    /// As the leader it creates due occurrences.
    Tick,
}
