//! Many nodes and one storage: the protocol of claims, leases, fencing and election as a whole, in random
//! interleavings.
//!
//! No part of the protocol is implemented again here. Storage is [`Tables::apply`], the reference implementation that
//! every other storage is compared with; the nodes' own decisions are rules of the domain: [`NodeLease`],
//! [`Job::start`], [`Job::finish`], [`RecurringJob::tick`], [`Leadership`]. This file adds the environment in which
//! they can fail: messages and responses that are delayed, reordered or lost, nodes that are paused and resumed, or
//! killed and restarted with a new id, and wrong clocks.
//!
//! [`Leadership`]: crate::domain::cluster::leadership::Leadership
//!
//! [`NodeLease`]: crate::domain::cluster::node_lease::NodeLease
//!
//! [`RecurringJob::tick`]: crate::domain::recurring::RecurringJob::tick
//!
//! Invariants, which `invariants.rs` checks after each step:
//!
//! 1. An attempt starts once: it is never started by two nodes, nor twice by one.
//! 2. Two nodes that both consider their leases valid do not run the same job.
//! 3. A node never considers its lease valid for longer than storage does.
//! 4. Jobs are claimed only under a lease that is valid by storage's clock.
//! 5. The completion of an attempt that its node does not hold, running or claimed, changes nothing.
//! 6. A due time of a recurring job becomes one job.
//! 7. A fencing token belongs to one node, never decreases, and only writes with the newest one take effect.
//! 8. A job is started again only if its earlier attempt is recorded: lost, failed, or finished and requeued by a
//!    client.
//! 9. No job disappears, and once the faults stop every job finishes.

pub(crate) mod coverage;
pub(crate) mod invariants;
mod node;
pub(crate) mod simulation;
mod step;

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use self::simulation::World;
use self::step::{Act, Step};

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => Just(Act::Renew),
        2 => Just(Act::RequestLeadership),
        3 => Just(Act::Read),
        5 => Just(Act::Claim),
        4 => Just(Act::ClaimAhead),
        6 => any::<u8>().prop_map(Act::Begin),
        2 => any::<u8>().prop_map(Act::StoreStart),
        1 => Just(Act::Release),
        4 => any::<u8>().prop_map(Act::Start),
        4 => (any::<u8>(), any::<bool>()).prop_map(|(job, is_well)| Act::End(job, is_well)),
        3 => Just(Act::Rescue),
        6 => Just(Act::Tick),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let number = any::<u8>;
    prop_oneof![
        6 => (0_u16..2_500).prop_map(Step::Pass),
        2 => Just(Step::Create),
        1 => number().prop_map(Step::Cancel),
        1 => number().prop_map(Step::Execute),
        38 => (number(), acts()).prop_map(|(node, act)| Step::Act(node, act)),
        22 => number().prop_map(Step::Arrive),
        18 => number().prop_map(Step::Return),
        1 => number().prop_map(Step::Lose),
        1 => number().prop_map(Step::LoseAnswer),
        1 => number().prop_map(Step::Stop),
        2 => number().prop_map(Step::GoOn),
        1 => number().prop_map(Step::Kill),
        1 => (number(), any::<i16>()).prop_map(|(node, by)| Step::SetClock(node, by)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_attempt_is_one_node_s_and_each_occurrence_is_made_once(
        steps in vec(steps(), 60..220),
        overlap in 0_usize..3,
    ) {
        let mut world = World::new(overlap);
        for step in steps {
            world.take(step);
        }
        world.end_in_peace();
    }
}

/// The checked events must have occurred: a simulation without losses, recoveries and rejections proves nothing.
#[test]
fn the_events_of_the_invariants_occur() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seen = self::coverage::Seen::default();
    for _ in 0..800 {
        let tree = vec(steps(), 250).new_tree(&mut runner).expect("steps");
        let mut world = World::new(0);
        for step in tree.current() {
            world.take(step);
        }
        seen.add(world.end_in_peace());
    }
    assert!(seen.is_plenty(), "{seen:?}");
}
