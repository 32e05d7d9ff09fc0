//! `[health]`: the thresholds of the server's health.

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
    let wait = |section: &mut Section<'_>, key, default: std::time::Duration| {
        let default = TimeSpan::from_secs(i64::try_from(default.as_secs()).unwrap_or(i64::MAX));
        span(section, key, default, TimeSpan::ZERO).to_std()
    };
    let second = TimeSpan::from_secs(1);
    HealthRules {
        queue_latency_max: span(section, "max_queue_latency", default.queue_latency_max, second),
        failure_rate_max: section.get("max_failure_rate", default.failure_rate_max),
        failed_jobs_min: section.get_if("min_failures", default.failed_jobs_min, between(1, 1_000_000)),
        disk_free_min: section.get("min_disk_free", default.disk_free_min),
        wal_size_max: section
            .get_if(
                "max_wal_size",
                ByteSize::bytes(default.wal_size_max),
                between(ByteSize::kib(64), ByteSize::mib(1 << 20)),
            )
            .as_u64(),
        clock_skew_max: span(section, "max_clock_skew", default.clock_skew_max, second),
        lost_node_alert_for: span(
            section,
            "lost_node_alert_for",
            default.lost_node_alert_for,
            TimeSpan::ZERO,
        ),
        unhandled_type_after: wait(section, "unhandled_type_after", default.unhandled_type_after),
        raise_after: wait(section, "alert_after", default.raise_after),
        clear_after: wait(section, "resolve_after", default.clear_after),
    }
}
