//! Many nodes and one storage: the protocol of claims, leases, fencing and election as a whole, run through random
//! interleavings.
//!
//! Nothing of the protocol is written a second time here. What storage does is [`Tables::apply`], the reference
//! implementation that every other storage is compared with; what a node decides by itself are the rules of the domain:
//! [`NodeLease`], [`Job::start`], [`Job::finish`], [`RecurringJob::tick`], [`Leadership`]. This file adds a world in which
//! they can go wrong: messages that arrive late, in another order or never, answers that do not either, nodes that are
//! stopped and wake up, that are killed and come back under a new id, and whose clocks are wrong.
//!
//! [`Leadership`]: crate::domain::cluster::leadership::Leadership
//! [`NodeLease`]: crate::domain::cluster::node_lease::NodeLease
//! [`RecurringJob::tick`]: crate::domain::recurring::RecurringJob::tick
//!
//! Invariants, which `checks` looks at after each step:
//!
//! 1. An attempt is begun once: no two nodes, nor one node twice, ever begin the same attempt of a job.
//! 2. While two nodes believe in their leases they do not run the same job.
//! 3. A node never believes longer in its lease than storage does.
//! 4. Nobody takes a job without a lease by storage's clock.
//! 5. The end of an attempt that is not the one that runs changes nothing at all.
//! 6. A due time of a recurring job becomes one job, whoever leads, and however often.
//! 7. A token is given to one node only, never goes back, and what takes effect was sent under the newest one.
//! 8. A job runs again only when its earlier attempt is on record: lost, failed, or ended and queued anew by a person.
//! 9. No job disappears, and when the nodes are left in peace every one of them ends.

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
        2 => Just(Act::AskToLead),
        3 => Just(Act::Read),
        5 => Just(Act::Claim),
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
        32 => (number(), acts()).prop_map(|(node, act)| Step::Act(node, act)),
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

/// What is checked must have happened: a world in which nothing is lost, brought back or refused proves nothing.
#[test]
fn what_the_invariants_are_about_does_happen() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seen = self::coverage::Seen::default();
    for _ in 0..400 {
        let tree = vec(steps(), 250).new_tree(&mut runner).expect("steps");
        let mut world = World::new(0);
        for step in tree.current() {
            world.take(step);
        }
        seen.add(world.end_in_peace());
    }
    assert!(seen.is_plenty(), "{seen:?}");
}
