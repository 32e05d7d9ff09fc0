//! `[health]`: from when on something is wrong with the server, and for how long it must be.

use crate::config::loader::byte_size::ByteSize;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::between;
use crate::domain::metrics::health::HealthRules;
use crate::domain::values::time_span::TimeSpan;

/// Reads the rules.
pub(crate) fn read(section: &mut Section<'_>) -> HealthRules {
    let default = HealthRules::default();
    let span = |section: &mut Section<'_>, key, default, least| {
        section.get_if(key, default, between(least, TimeSpan::from_secs(24 * 3_600)))
    };
    let percent = |section: &mut Section<'_>, key, default: u32| section.get_if(key, default, between(0, 100));
    let wait = |section: &mut Section<'_>, key, default: std::time::Duration| {
        let default = TimeSpan::from_secs(i64::try_from(default.as_secs()).unwrap_or(i64::MAX));
        span(section, key, default, TimeSpan::ZERO).to_std()
    };
    let second = TimeSpan::from_secs(1);
    HealthRules {
        queue_latency_max: span(section, "queue_latency_max", default.queue_latency_max, second),
        failure_percent_max: percent(section, "failure_percent_max", default.failure_percent_max),
        failed_jobs_min: section.get_if("failed_jobs_min", default.failed_jobs_min, between(1, 1_000_000)),
        disk_free_percent_min: percent(section, "disk_free_percent_min", default.disk_free_percent_min),
        wal_size_max: section
            .get_if(
                "wal_size_max",
                ByteSize::bytes(default.wal_size_max),
                between(ByteSize::kib(64), ByteSize::mib(1 << 20)),
            )
            .as_u64(),
        clock_skew_max: span(section, "clock_skew_max", default.clock_skew_max, second),
        nodes_lost_told: span(section, "nodes_lost_told", default.nodes_lost_told, TimeSpan::ZERO),
        nobody_runs_for: wait(section, "nobody_runs_for", default.nobody_runs_for),
        raise_after: wait(section, "raise_after", default.raise_after),
        clear_after: wait(section, "clear_after", default.clear_after),
    }
}
