//! Resource usage of this process.

use std::time::Duration;

use sysinfo::{MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

use crate::domain::metrics::Usage;

/// Reads the resource usage. CPU usage covers the time since the last read.
pub(crate) struct UsageReader {
    system: System,
    process: Option<Pid>,
}

impl UsageReader {
    /// A reader whose first read covers the time from now on.
    pub(crate) fn new() -> Self {
        let mut reader = Self {
            system: System::new(),
            process: get_current_pid().ok(),
        };
        reader.refresh();
        reader
    }

    fn refresh(&mut self) {
        self.system
            .refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        if let Some(process) = self.process {
            let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
            self.system
                .refresh_processes_specifics(ProcessesToUpdate::Some(&[process]), false, what);
        }
    }

    /// The current usage.
    pub(crate) fn read(&mut self) -> Usage {
        self.refresh();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let process = self.process.and_then(|process| self.system.process(process));
        let whole_machine = self.system.total_memory();
        let memory_available = match self.system.cgroup_limits() {
            Some(limits) if limits.total_memory > 0 => limits.total_memory.min(whole_machine),
            Some(_) | None => whole_machine,
        };
        Usage {
            memory_used: process.map_or(0, sysinfo::Process::memory),
            memory_available,
            // A busy core counts as 100.
            cpu_percentage: process.map_or(0.0, |process| f64::from(process.cpu_usage())) / cores as f64,
            cores,
            cpu_time: Duration::from_millis(process.map_or(0, sysinfo::Process::accumulated_cpu_time)),
            started_at: process.map_or(0, sysinfo::Process::start_time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_memory_and_cpu_time() {
        // CPU load for longer than the minimum interval.
        let work = || {
            let end = std::time::Instant::now() + 2 * sysinfo::MINIMUM_CPU_UPDATE_INTERVAL;
            let mut count = 0_u64;
            while std::time::Instant::now() < end {
                count = std::hint::black_box(count + 1);
            }
        };
        // A process without any CPU time is no reference for the next reading.
        work();
        let mut reader = UsageReader::new();
        work();
        let usage = reader.read();
        assert!(usage.memory_used > 1 << 20, "{usage:?}");
        assert!(usage.memory_available > usage.memory_used, "{usage:?}");
        assert!(usage.cpu_percentage > 0.0 && usage.cpu_percentage <= 110.0, "{usage:?}");
        assert!(
            usage.cpu_time > Duration::ZERO && usage.started_at > 1_600_000_000,
            "{usage:?}"
        );
        assert!(usage.memory_percentage() > 0.0 && usage.memory_percentage() < 100.0);
    }
}
