//! The planner of recurring jobs: selects the due times that become occurrences now, and the next due time.
//!
//! The plan is a function of the recurring job, the time, and the number of its unfinished occurrences. Its invariants
//! (checked by the tests below):
//!
//! 1. A due time becomes an occurrence at most once: a tick never moves `next_run_at` back, and every occurrence is at
//!    or after the previous `next_run_at`, and before the new one. When a clock that was far ahead is corrected,
//!    [`RecurringJob::set_back`] moves it back; due times that became occurrences meanwhile then repeat, and storage's
//!    unique index on recurring job and due time prevents duplicates.
//! 2. After a tick `next_run_at` is later than `now`.
//! 3. No due time outside the schedule's bounds becomes an occurrence.
//! 4. A tick creates a bounded number of occurrences, however long no server was running.

use chrono::{DateTime, TimeDelta, Utc};

use super::RecurringJob;
use super::misfire::{MisfirePolicy, ON_TIME};
use super::overlap::OverlapPolicy;

/// Maximum number of due times that wait for an unfinished occurrence; further ones are skipped.
pub const MAX_WAITING: usize = 100;

/// Result of a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The recurring job after the tick.
    pub after: RecurringJob,
    /// The due times that become occurrences now, earliest first.
    pub occurrences: Vec<DateTime<Utc>>,
}

impl RecurringJob {
    /// The plan at `now` with `unfinished` occurrences; `None` if nothing changes.
    pub fn tick(&self, now: DateTime<Utc>, unfinished: u64) -> Option<Tick> {
        let due = self.due_times(now);
        let is_due = self.is_enabled && self.next_run_at.is_some_and(|next| next <= now);
        let may_release = !self.waiting.is_empty() && unfinished == 0;
        if !is_due && !may_release {
            return None;
        }
        let mut after = self.clone();
        after.revision += 1;
        if is_due {
            after.next_run_at = self.schedule.next_after(now);
        }
        let mut unfinished = unfinished;
        let mut occurrences = Vec::new();
        let mut create = |due_at, unfinished: &mut u64| {
            *unfinished += 1;
            occurrences.push(due_at);
        };
        if unfinished == 0 && !after.waiting.is_empty() {
            create(after.waiting.remove(0), &mut unfinished);
        }
        for due_at in due {
            match self.overlap_policy {
                OverlapPolicy::Allow => create(due_at, &mut unfinished),
                OverlapPolicy::Skip => {
                    if unfinished == 0 {
                        create(due_at, &mut unfinished);
                    }
                }
                OverlapPolicy::Queue => {
                    if unfinished == 0 {
                        create(due_at, &mut unfinished);
                    } else if after.waiting.len() < MAX_WAITING {
                        after.waiting.push(due_at);
                    }
                }
            }
        }
        after.last_run_at = occurrences.iter().copied().chain(self.last_run_at).max();
        Some(Tick { after, occurrences })
    }

    /// The due times that count at `now`, by the misfire policy.
    fn due_times(&self, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let Some(first) = self.next_run_at.filter(|next| self.is_enabled && *next <= now) else {
            return Vec::new();
        };
        let until = self.schedule.ends_at.map_or(now, |ends_at| ends_at.min(now));
        let last_before = |until: DateTime<Utc>| {
            // Includes the first due time itself.
            let after = first - TimeDelta::microseconds(1);
            self.schedule.cron.last_within(self.schedule.time_zone, after, until)
        };
        let each_from = |first: Option<DateTime<Utc>>| {
            // At most one per second.
            let next = |due_at: &DateTime<Utc>| self.schedule.next_after(*due_at).filter(|next| *next <= now);
            std::iter::successors(first, next).collect()
        };
        let on_time_since = now - ON_TIME;
        if first >= on_time_since {
            return each_from(Some(first));
        }
        match self.misfire_policy {
            MisfirePolicy::FireOnce => last_before(until).into_iter().collect(),
            MisfirePolicy::Skip => {
                let first_on_time = self.schedule.next_after(on_time_since - TimeDelta::microseconds(1));
                each_from(first_on_time.filter(|first| *first <= now))
            }
            MisfirePolicy::CatchUp { max } => {
                let earlier = |due_at: &DateTime<Utc>| last_before(*due_at - TimeDelta::microseconds(1));
                let mut times: Vec<DateTime<Utc>> = std::iter::successors(last_before(until), earlier)
                    .take(usize::from(max.get()))
                    .collect();
                times.reverse();
                times
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cron::CronExpression;
    use crate::job::priority::Priority;
    use crate::recurring::misfire::CatchUpMax;
    use crate::recurring::{NewRecurringJob, Schedule, Template};
    use crate::values::json::Json;
    use crate::values::name::{JobName, JobType};
    use crate::values::time_zone::TimeZoneName;
    use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use proptest::{collection::vec, option};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(1_700_000_000 + seconds)
    }

    fn recurring(cron: &str, misfire_policy: MisfirePolicy, overlap_policy: OverlapPolicy) -> RecurringJob {
        let job_type = JobType::parse("BackupJob").expect("a type");
        NewRecurringJob {
            key: None,
            schedule: Schedule {
                cron: CronExpression::parse(cron).expect("an expression"),
                time_zone: TimeZoneName::UTC,
                starts_at: None,
                ends_at: None,
            },
            template: Template {
                name: JobName::from(&job_type),
                job_type,
                queue: None,
                parameters: Json::null(),
                priority: Priority::default(),
                max_retries: None,
                timeout: None,
                retry_delay: None,
                retry_intervals: None,
                tags: Vec::new(),
            },
            is_enabled: true,
            misfire_policy,
            overlap_policy,
        }
        .into_recurring_job(at(0), 1)
    }

    fn catch_up(max: i64) -> MisfirePolicy {
        MisfirePolicy::CatchUp {
            max: CatchUpMax::new(max).expect("a number"),
        }
    }

    #[test]
    fn missed_due_times_follow_the_misfire_policy() {
        let count = |cron, policy| {
            let job = recurring(cron, policy, OverlapPolicy::Allow);
            job.tick(at(3_600), 0).map_or(0, |tick| tick.occurrences.len())
        };
        assert_eq!(count("* * * * *", MisfirePolicy::FireOnce), 1);
        // 23:13:20: a due time 20 seconds ago is on time, one at 22:30 is not.
        assert_eq!(count("* * * * *", MisfirePolicy::Skip), 1);
        assert_eq!(count("30 * * * *", MisfirePolicy::Skip), 0);
        assert_eq!(count("30 * * * *", MisfirePolicy::FireOnce), 1);
        assert_eq!(count("* * * * *", catch_up(1_000)), 60);
        assert_eq!(count("* * * * *", catch_up(7)), 7);
        assert_eq!(count("* * * * * *", catch_up(1_000)), 1_000);
    }

    #[test]
    fn a_slightly_late_due_time_is_on_time_under_every_policy() {
        for policy in [MisfirePolicy::FireOnce, MisfirePolicy::Skip, catch_up(1)] {
            let job = recurring("* * * * * *", policy, OverlapPolicy::Allow);
            let tick = job.tick(at(5), 0).expect("due");
            assert_eq!(tick.occurrences, [at(1), at(2), at(3), at(4), at(5)]);
        }
    }

    #[test]
    fn an_overlapping_occurrence_is_skipped_or_waits() {
        let skip = recurring("* * * * * *", MisfirePolicy::FireOnce, OverlapPolicy::Skip);
        assert!(skip.tick(at(1), 1).expect("due").occurrences.is_empty());
        assert_eq!(skip.tick(at(3), 0).expect("due").occurrences, [at(1)]);
        let queue = recurring("* * * * * *", MisfirePolicy::FireOnce, OverlapPolicy::Queue);
        let tick = queue.tick(at(3), 0).expect("due");
        assert_eq!(
            (tick.occurrences, &*tick.after.waiting),
            (vec![at(1)], &[at(2), at(3)][..])
        );
        let released = tick.after.tick(at(3), 0).expect("released");
        assert_eq!(
            (released.occurrences, &*released.after.waiting),
            (vec![at(2)], &[at(3)][..])
        );
        assert_eq!(tick.after.tick(at(3), 1), None, "the one before has not ended");
    }

    #[test]
    fn after_a_clock_was_two_hours_ahead_the_schedule_continues_as_usual() {
        let job = recurring("*/10 * * * *", MisfirePolicy::FireOnce, OverlapPolicy::Allow);
        // 22:13:20, and for a moment 0:13:20.
        let ahead = job.tick(at(7_200), 0).expect("due").after;
        assert_eq!(ahead.last_run_at, Some(at(7_000)));
        assert_eq!(ahead.next_run_at, Some(at(7_600)));
        let right = ahead.set_back(at(5)).expect("two hours of due times were passed over");
        assert_eq!(right.next_run_at, Some(at(400)));
        assert_eq!(right.revision, ahead.revision + 1);
        assert_eq!(right.tick(at(401), 0).expect("due").occurrences, [at(400)]);
        // A second is within the tolerance.
        let regular = job.tick(at(400), 0).expect("due").after;
        assert_eq!(regular.set_back(at(399)), None);
        let ended = RecurringJob {
            next_run_at: None,
            ..job.clone()
        };
        assert!(ended.set_back(at(0)).is_some(), "its end has not come");
        let disabled = RecurringJob {
            is_enabled: false,
            ..ended
        };
        assert_eq!(disabled.set_back(at(0)), None);
    }

    #[test]
    fn a_handled_due_time_does_not_return_for_a_clock_slightly_behind() {
        let skip = recurring("*/10 * * * *", MisfirePolicy::FireOnce, OverlapPolicy::Skip);
        let after = skip.tick(at(400), 1).expect("due").after;
        assert_eq!((after.last_run_at, after.next_run_at), (None, Some(at(1_000))));
        assert_eq!(after.set_back(at(399)), None);
        assert_eq!(after.set_back(at(391)), None);
        // Half a minute exceeds the tolerance.
        assert!(after.set_back(at(370)).is_some());
    }

    #[test]
    fn a_waiting_due_time_does_not_repeat_after_a_clock_step_and_a_schedule_change() {
        let queue = recurring("* * * * * *", MisfirePolicy::FireOnce, OverlapPolicy::Queue);
        let waits = queue.tick(at(3), 1).expect("due").after;
        assert_eq!(waits.waiting, [at(1), at(2), at(3)]);
        let mut new = waits.as_new();
        new.schedule.cron = CronExpression::parse("*/1 * * * * *").expect("an expression");
        assert_eq!(waits.replaced(new, at(1)).next_run_at, Some(at(4)));
    }

    fn policies() -> impl Strategy<Value = MisfirePolicy> {
        prop_oneof![
            Just(MisfirePolicy::FireOnce),
            Just(MisfirePolicy::Skip),
            (1_i64..50).prop_map(catch_up),
        ]
    }

    proptest! {
        #[test]
        fn the_selected_due_times_are_those_of_the_policy_in_a_full_iteration(
            cron in prop_oneof![Just("* * * * * *"), Just("*/5 * * * *"), Just("30 */7 * * * *"), Just("0 1,3 * * *")],
            policy in policies(),
            // The night in which Berlin's clocks are set back: three hours from the start.
            passed in prop_oneof![0_i64..200, 0_i64..5_000, 0_i64..20_000],
            ends in option::of(0_i64..20_000),
        ) {
            let start = DateTime::from_timestamp(1_792_879_200, 0).expect("2026-10-24T22:00:00Z");
            let mut new = recurring(cron, policy, OverlapPolicy::Allow).as_new();
            new.schedule.time_zone = TimeZoneName::parse("Europe/Berlin").expect("a zone");
            new.schedule.ends_at = ends.map(|ends| start + TimeDelta::seconds(ends));
            let job = new.into_recurring_job(start, 1);
            let now = start + TimeDelta::seconds(passed);
            let mut all = Vec::new();
            let mut last = start;
            while let Some(next) = job.schedule.next_after(last).filter(|next| *next <= now) {
                all.push(next);
                last = next;
            }
            let is_on_time = |due_at: &DateTime<Utc>| now - *due_at <= ON_TIME;
            let expected = match policy {
                _ if all.iter().all(is_on_time) => all,
                MisfirePolicy::FireOnce => all.split_off(all.len() - 1),
                MisfirePolicy::Skip => all.into_iter().filter(is_on_time).collect(),
                MisfirePolicy::CatchUp { max } => all.split_off(all.len().saturating_sub(usize::from(max.get()))),
            };
            prop_assert_eq!(job.tick(now, 0).map_or_else(Vec::new, |tick| tick.occurrences), expected);
        }

        #[test]
        fn each_due_time_becomes_an_occurrence_at_most_once_with_any_clock(
            cron in prop_oneof![Just("* * * * * *"), Just("*/5 * * * *"), Just("30 */7 * * * *"), Just("0 3 * * *")],
            policy in policies(),
            overlap in prop_oneof![Just(OverlapPolicy::Allow), Just(OverlapPolicy::Skip), Just(OverlapPolicy::Queue)],
            // Mostly forward, sometimes back, sometimes far.
            steps in vec((-4_000_i64..9_000, 0_u64..2), 1..40),
            starts in option::of(0_i64..20_000),
            ends in option::of(20_000_i64..90_000),
        ) {
            let mut job = recurring(cron, policy, overlap);
            let mut new = job.as_new();
            new.schedule.starts_at = starts.map(at);
            new.schedule.ends_at = ends.map(at);
            job = job.replaced(new, at(0));
            let mut seen = BTreeSet::new();
            let mut now = 0;
            for (step, unfinished) in steps {
                now = (now + step).max(0);
                let Some(tick) = job.tick(at(now), unfinished) else { continue };
                prop_assert!(tick.occurrences.len() <= 1_000 + MAX_WAITING);
                for due_at in &tick.occurrences {
                    prop_assert!(seen.insert(*due_at), "{due_at} twice");
                    prop_assert!(*due_at <= at(now) || job.waiting.contains(due_at));
                    prop_assert!(starts.is_none_or(|starts| *due_at >= at(starts)));
                    prop_assert!(ends.is_none_or(|ends| *due_at <= at(ends)));
                }
                if let (Some(before), Some(after)) = (job.next_run_at, tick.after.next_run_at) {
                    prop_assert!(after >= before);
                }
                if job.next_run_at.is_some_and(|next| next <= at(now)) {
                    prop_assert!(tick.after.next_run_at.is_none_or(|next| next > at(now)));
                }
                prop_assert_eq!(tick.after.revision, job.revision + 1);
                job = tick.after;
            }
        }

        /// Storage's view, in which a due time becomes an occurrence once.
        #[test]
        fn due_times_continue_after_a_clock_that_was_ahead_is_corrected(
            cron in prop_oneof![Just("* * * * * *"), Just("*/5 * * * *"), Just("30 */7 * * * *"), Just("0 3 * * *")],
            policy in policies(),
            // Includes steps just above the tolerance of on-time.
            ahead in prop_oneof![61_i64..80, 61_i64..1_000, 61_i64..200_000],
            passed in 0_i64..200_000,
            changes in 0_u8..3,
        ) {
            let mut job = recurring(cron, policy, OverlapPolicy::Allow);
            let mut made: BTreeSet<DateTime<Utc>> = BTreeSet::new();
            if let Some(tick) = job.tick(at(ahead), 0) {
                made.extend(tick.occurrences);
                job = tick.after;
            }
            job = match changes {
                0 => job.set_back(at(0)).unwrap_or(job),
                1 => job.replaced(job.as_new(), at(0)),
                _ => {
                    let mut off = job.as_new();
                    off.is_enabled = false;
                    let mut on = off.clone();
                    on.is_enabled = true;
                    job.replaced(off, at(0)).replaced(on, at(0))
                }
            };
            let first = job.schedule.next_after(at(0)).expect("a due time");
            prop_assert_eq!(job.next_run_at, Some(first), "it is due as if the clock had been right");
            prop_assert_eq!(job.set_back(at(0)), None, "once");
            if let Some(tick) = job.tick(at(passed), 0) {
                for due_at in tick.occurrences {
                    prop_assert!(due_at <= at(passed));
                    made.insert(due_at);
                }
            }
        }

        #[test]
        fn schedule_changes_never_repeat_a_due_time(
            policy in policies(),
            overlap in prop_oneof![Just(OverlapPolicy::Allow), Just(OverlapPolicy::Skip), Just(OverlapPolicy::Queue)],
            steps in vec((-400_i64..900, 0_u64..2, 0_u8..6), 1..40),
        ) {
            let mut job = recurring("*/30 * * * * *", policy, overlap);
            let mut seen = BTreeSet::new();
            let (mut now, mut latest) = (0, 0);
            for (step, unfinished, change) in steps {
                // A larger step back would include due times that became occurrences.
                now = (now + step).max(latest - ON_TIME.num_seconds()).max(0);
                latest = latest.max(now);
                let mut new = job.as_new();
                match change {
                    0 => new.is_enabled = !new.is_enabled,
                    1 => new.schedule.cron = CronExpression::parse("*/20 * * * * *").expect("an expression"),
                    2 => new.schedule.cron = CronExpression::parse("* * * * *").expect("an expression"),
                    3 => new.template.priority = Priority::High,
                    _ => {}
                }
                if change < 4 {
                    let before = job.clone();
                    job = job.replaced(new, at(now));
                    if change == 3 && now == latest {
                        prop_assert_eq!(job.next_run_at, before.next_run_at, "another priority moves nothing");
                    }
                    if !job.is_enabled {
                        prop_assert!(job.tick(at(now + 10_000), 0).is_none());
                    }
                }
                let Some(tick) = job.tick(at(now), unfinished) else { continue };
                for due_at in &tick.occurrences {
                    prop_assert!(seen.insert(*due_at), "{due_at} twice");
                }
                job = tick.after;
            }
        }
    }
}
